"""Where built wheels are kept below the cache: see `build.kept`. This is what pruning has to know of it."""

import os
import re
from contextlib import suppress
from pathlib import Path

FORMAT = 1
DIRECTORY = f"built-{FORMAT}"
NOTE = "note"
NEW = "new"
_NOTED = re.compile(r"([0-9a-f]{64}) ([0-9a-f]{8}/[^/\x00-\x1f]+\.whl)")


def kept_wheel(home: Path) -> tuple[str, str] | None:
    """Path and sha256 of the wheel that counts in `home`, the directory of one key; None if there is none."""
    with suppress(OSError, UnicodeDecodeError):
        found = _NOTED.fullmatch((home / NOTE).read_text(encoding="utf-8"))
        if found and os.path.isfile(home / found[2]):
            return str(home / found[2]), found[1]
    return None
