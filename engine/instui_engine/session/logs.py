"""Log files of a session: the output of each build, in a file beside the journal, which they go with."""

import os
from contextlib import suppress
from pathlib import Path

from instui_engine.fs.files import write_all

_LONGEST = 100  # characters of a name
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def log_path(journal: Path, wheel: str) -> Path:
    """Where the output of the build of a wheel is kept; `wheel` is its normalized name."""
    return journal.with_name(f"{journal.stem}.{wheel[:_LONGEST]}.log")


def open_log(journal: Path, wheel: str) -> tuple[int, str]:
    """A new log: its descriptor and its path; -1 and "" where there can be none."""
    path = log_path(journal, wheel)
    with suppress(OSError):
        return os.open(path, _FLAGS, 0o666), os.fspath(path)
    return -1, ""


def keep_log(journal: Path, what: str, text: str) -> str:
    """A log with `text`: its path; "" if it cannot be written."""
    log, path = open_log(journal, what)
    if log < 0:
        return ""
    try:
        write_all(log, text.encode("utf-8", "replace"))
    except OSError:  # a full disk: a part of it still says something
        return path
    finally:
        os.close(log)
    return path


def forget_logs(journal: Path) -> None:
    """Remove the logs of the session that has written `journal`."""
    with suppress(OSError):
        for path in journal.parent.glob(f"{journal.stem}.*.log"):
            path.unlink()
