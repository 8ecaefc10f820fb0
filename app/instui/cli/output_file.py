"""The file that a command writes for its user: whole or not at all, and only where no file of another kind is."""

import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from instui.monitor.model import Snapshot
from instui_engine.errors import InstuiError, UsageError, printable, reason
from instui_engine.fs.files import set_mode

_UNUSUAL = re.compile(r"[^A-Za-z0-9._-]")  # in a session's id
_LONGEST = 100  # characters of one


def write(given: str, snapshot: Snapshot, suffix: str, pieces: Iterable[bytes]) -> Path:
    """Write a file as it is called, replacing one of that name; "": a new one, called as the session.

    Raises UsageError where the new one is there already, and InstuiError.
    """
    target = Path(given or _name(snapshot, suffix))
    try:
        (replace if given else create)(target, pieces)
    except FileExistsError as error:
        raise UsageError(f"{printable(str(target))} is there already; -o FILE replaces a file") from error
    except OSError as error:
        named = OSError(error.errno, error.strerror, str(target))  # not the name that the file has at first
        raise InstuiError(f"cannot write the file: {reason(named)}") from error
    return target


def _name(snapshot: Snapshot, suffix: str) -> str:
    session = snapshot.session.session if snapshot.session else ""
    return f"instui-{_UNUSUAL.sub('-', session)[:_LONGEST]}{suffix}"


def check(given: str, journal: Path | None) -> None:
    """Raise UsageError if a file of that name would replace what it must not, such as the journal that is read.

    "" is a new file, and "-" is none.
    """
    if given in ("", "-"):
        return
    target = Path(given)
    with suppress(FileNotFoundError):
        if journal is not None and target.samefile(journal):
            raise UsageError(f"{printable(str(target))} is the journal itself; give another file with -o")
        if not stat.S_ISREG(target.lstat().st_mode):
            raise UsageError(f"{printable(str(target))} is no regular file, so it is not replaced; -o - means stdout")


def create(target: Path, pieces: Iterable[bytes]) -> None:
    """Write a file that is not there yet. Raises OSError, with no rest left."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(descriptor, "wb") as file:
            file.writelines(pieces)
    except BaseException:
        target.unlink()
        raise


def replace(target: Path, pieces: Iterable[bytes]) -> None:
    """Write a file, or put another one in its place, in one go. Raises OSError, with no rest left."""
    new = target.with_name(f".instui-{os.urandom(8).hex()}")
    create(new, pieces)
    try:
        with suppress(FileNotFoundError):
            set_mode(new, stat.S_IMODE(target.lstat().st_mode))
        new.replace(target)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
