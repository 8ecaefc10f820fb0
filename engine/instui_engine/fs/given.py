"""Paths as users give them: any text at all, below a home, or relative to a working directory that may be gone.

They come from the command line, from variables, requirement files and lock files. Every such path is made absolute here
before it is used, and a path that no system call accepts ends in one line, as a UsageError.
"""

import os

from instui_engine.errors import UsageError, printable, reason


def absolute(path: str) -> str:
    """The absolute form of `path`, without `.` and `..`; `~` and `~user` are home directories, as in a shell."""
    _check(path)
    try:
        return os.path.abspath(os.path.expanduser(path))
    except OSError as error:
        raise _nowhere(error) from error


def resolved(path: str) -> str:
    """`absolute`, and without symbolic links as far as they can be followed."""
    _check(path)
    try:
        return os.path.realpath(os.path.expanduser(path))
    except OSError as error:
        raise _nowhere(error) from error


def working_directory() -> str:
    """The directory that relative paths start from."""
    try:
        return os.getcwd()
    except OSError as error:
        raise _nowhere(error) from error


def _check(path: str) -> None:
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise UsageError(f"{printable(path)} is not a path: it contains a character that no file name can have")
    if path.partition("/")[0] == "~" and os.path.expanduser("~") == "~":
        raise UsageError(f"{printable(path)} is below a home directory, but this user has none; set HOME")


def _nowhere(error: OSError) -> UsageError:
    return UsageError(f"the working directory cannot be used ({reason(error)}); change to another one")
