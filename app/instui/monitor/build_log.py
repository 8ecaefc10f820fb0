"""The end of a build's log, for those who look at its wheel.

The path is in a journal, which is only a file: it may lead anywhere, and anything may be there. So only a file with the
name of such a log is read, and never waited for.
"""

import os
import re
from collections.abc import Sequence
from contextlib import suppress

from instui_engine.build.running import readable
from instui_engine.fs.files import open_regular
from instui_engine.fs.paths import name_of
from instui_engine.session.logs import log_path

from .model import Snapshot

_TAIL = 1 << 15  # bytes that are read


def log_of(snapshot: Snapshot, key: str) -> str:
    """The path of the log of that wheel's build; "" if there is none, or if it has not the name of one."""
    from pathlib import Path

    wheel, session = snapshot.wheel(key), snapshot.session
    if wheel is None or wheel.build is None or session is None or "\0" in wheel.build.log:
        return ""
    expected = log_path(Path(f"{session.session}.jsonl"), wheel.key).name
    return wheel.build.log if name_of(wheel.build.log) == expected else ""


def last_lines(path: str, most: int) -> Sequence[str]:
    """The last lines of a log that say anything, `most` at most; none if it cannot be read."""
    with suppress(OSError):
        descriptor = open_regular(path, follow=False)
        try:
            start = max(os.fstat(descriptor).st_size - _TAIL, 0)
            text = os.pread(descriptor, _TAIL, start).decode("utf-8", "replace")
        finally:
            os.close(descriptor)
        lines = re.split(r"[\r\n]+", text)[1 if start else 0 :]
        return [line for line in map(readable, lines) if line][-most:]
    return ()
