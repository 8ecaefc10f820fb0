"""What can go wrong, as a small hierarchy of classes.

`str()` of an error is one line for the user: what is wrong, where, and what to do. `exit_code` is the exit code of a
command that ends with the error. A program that reacts to an error reads its class and fields, never the line. An
unknown field is "", 0 or empty.

Names from wheels are hostile. In the line they have passed through `printable`. The fields hold them unchanged, so a
program that shows a field must pass it through `printable`.
"""

import errno
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from instui_engine.journal.events import Holder


CACHE: Final = "choose another cache with --cache-dir"
ENVIRONMENT: Final = "choose another environment with --python"
ROOM: Final = "free some space there, or "  # in every line about a full disk, and only there
_REMEDIES: Final = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EFBIG: "allow larger files (ulimit -f), or ",
    errno.ENAMETOOLONG: "its file system has no room for such names: ",
    errno.EIO: "check that disk, or ",
    errno.ENOENT: "run again if it was removed meanwhile, or ",
}
FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_FILES: Final = "allow more open files (ulimit -n)"
_MOST_MARKS = 3  # on one letter; no script needs more
# Invisible, though Unicode counts them as letters, marks and symbols: fillers, joiners, variation selectors.
_INVISIBLE: Final = "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"


class InstuiError(Exception):
    """The command cannot go on (exit 1)."""

    exit_code = 1


class WheelsCancelledError(InstuiError):
    """Single wheels were cancelled, which leaves their distributions as they were; all others are done.

    `wheels`: their names.
    """

    def __init__(self, message: str, *, wheels: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.wheels: Final = wheels


class UsageError(InstuiError):
    """The command was called in a way that makes no sense (exit 2)."""

    exit_code = 2


class BadWheelError(InstuiError):
    """A wheel violates the wheel or zip specification, or does not fit the target; nothing of it was installed.

    `wheel`: its file name, or its name and version.
    """

    def __init__(self, message: str, *, wheel: str = "") -> None:
        super().__init__(message)
        self.wheel: Final = wheel


class RecordError(BadWheelError):
    """The RECORD of a wheel is wrong, in ways that are harmless. `permission` is what would admit it: NAME==VERSION."""

    def __init__(self, message: str, *, wheel: str = "", permission: str = "") -> None:
        super().__init__(message, wheel=wheel)
        self.permission: Final = permission


class ResolutionError(InstuiError):
    """No set of wheels satisfies the requirements, or the index could not be asked.

    `output` is all that was printed, if a build or git failed meanwhile; `log` is the path of the file with it.
    """

    def __init__(self, message: str, *, output: str = "", log: str = "") -> None:
        super().__init__(message)
        self.output: Final = output
        self.log: Final = log


class NoSolutionError(ResolutionError):
    """The index answered, and no set of wheels satisfies the requirements."""


class UnreachableIndexError(ResolutionError):
    """The package index does not answer. `url` is what was requested."""

    def __init__(self, message: str, *, url: str = "") -> None:
        super().__init__(message)
        self.url: Final = url


class BuildError(InstuiError):
    """A wheel could not be built from its source; nothing was written into the environment.

    `wheel` is the distribution's name. `log` is the path of the file with its output.
    """

    def __init__(self, message: str, *, wheel: str = "", log: str = "") -> None:
        super().__init__(message)
        self.wheel: Final = wheel
        self.log: Final = log


class FetchError(InstuiError):
    """A wheel could not be downloaded, or is not the one in the lock file. `wheel` is its file name."""

    def __init__(self, message: str, *, wheel: str = "") -> None:
        super().__init__(message)
        self.wheel: Final = wheel


class TargetError(InstuiError):
    """The target environment is missing, unusable or not to be touched. `path` is the file or directory in question."""

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path: Final = path


class ClashError(InstuiError):
    """One distribution has a file where another one needs a directory.

    `path` is relative to the environment's top. `owners`: name and version of the one with the file, then of the other.
    """

    def __init__(self, message: str, *, path: str = "", owners: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.path: Final = path
        self.owners: Final = owners


class ConflictError(InstuiError):
    """Two distributions ship different content for one path, and `--fail-on-conflict` was given (exit 3).

    `path` is relative to the environment's top; the file of `first` would be replaced by that of `last`. Both are name
    and version; `first` is "" where no distribution lists the file.
    """

    exit_code = 3

    def __init__(self, message: str, *, path: str = "", first: str = "", last: str = "") -> None:
        super().__init__(message)
        self.path: Final = path
        self.first: Final = first
        self.last: Final = last


class LinesError(InstuiError):
    """Some lines of a list came to nothing; all others are installed (exit 1, or 3 if one failed for a conflict).

    `numbers` are those of the lines in the file, ascending.
    """

    def __init__(self, message: str, *, numbers: tuple[int, ...] = (), exit_code: int = 1) -> None:
        super().__init__(message)
        self.numbers: Final = numbers
        self.exit_code = exit_code


class LockTimeoutError(InstuiError):
    """A lock was not granted within `--lock-timeout` (exit 4). The engine never goes on unlocked.

    `path` is what was to be locked, relative to the environment's top for a claim. `holders` had it when the time was
    up. `seconds` is the length of the wait.
    """

    exit_code = 4

    def __init__(
        self, message: str, *, path: str = "", holders: "tuple[Holder, ...]" = (), seconds: float = 0.0
    ) -> None:
        super().__init__(message)
        self.path: Final = path
        self.holders: Final = holders
        self.seconds: Final = seconds


class Interrupted(InstuiError):
    """The user or the system asked the session to stop; it stopped between two commits (exit 130 or 143)."""

    exit_code = 130

    def __init__(self, message: str, exit_code: int = 130) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def printable(text: str) -> str:
    """`text` with everything that could control a terminal or deceive its reader written as escapes.

    These are controls, escapes, what changes the order of letters, what is invisible, lone surrogates, letters without
    a meaning of their own (private, unassigned), and floods of accents, which cover the lines above and below.
    """
    if text.isascii() and text.isprintable():
        return text
    import re
    import unicodedata

    shown, marks = [], 0
    for letter in text:
        marks = marks + 1 if unicodedata.category(letter) in ("Mn", "Me") else 0
        # `isprintable` is false for Cc, Cf, Cs, Co, Cn, Zl, Zp, and for Zs except the blank
        is_plain = letter.isprintable() and marks <= _MOST_MARKS and not re.match(_INVISIBLE, letter)
        shown.append(letter if is_plain else ascii(letter)[1:-1])
    return "".join(shown)


def reason(error: OSError, place: str | os.PathLike[str] = "") -> str:
    """The system's own words for an error, after the path that it names, or `place` if it names none."""
    text = error.strerror or str(error)
    # an error of a call on a descriptor has its number, or nothing
    path = place if error.filename is None or isinstance(error.filename, int) else error.filename
    shown = path if isinstance(path, str) else os.fsdecode(path)
    return f"{printable(shown)}: {text}" if shown else text


def remedy(error: OSError, elsewhere: str) -> str:
    """What helps against an error of the system at a place. `elsewhere` (CACHE, ENVIRONMENT): how to choose another."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return _FILES
    return _REMEDIES.get(error.errno or 0, "") + elsewhere
