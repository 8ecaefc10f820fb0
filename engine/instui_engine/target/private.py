"""Who may use the engine's own directory in an environment, `.instui`.

Several users may share an environment, and the first of them makes the directory, perhaps as root and under a narrow
umask. So its directories are open to whoever may write to the environment, whatever the umask. A directory that is not
(of an earlier version, or changed since) stops a session before it begins; those who only read say what they miss.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from instui_engine.errors import TargetError, printable

_SHARED = 0o1777  # the bits that are taken over from the environment's top


def check_usable(private: Path) -> None:
    """Raise TargetError if sessions of this user could not work in `private`, because it or a part of it is closed."""
    for path in _directories(private):
        shown = printable(str(path))
        if os.path.islink(path) or not os.path.isdir(path):
            raise TargetError(f"{shown} is not a directory, so no session can work here; remove it", path=str(path))
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise TargetError(
                f"no permission to write to {shown}, which another user made; "
                f"`chmod -R a+rwX {printable(str(private))}` by that user or root opens it",
                path=str(path),
            )


def unreadable(private: Path) -> list[Path]:
    """The directories of `private`, itself included, that this user may not read."""
    return [path for path in _directories(private) if os.path.isdir(path) and not os.access(path, os.R_OK | os.X_OK)]


def share(private: Path) -> None:
    """Give the directories of `private` the permissions of the environment's top, as far as they are ours."""
    with suppress(OSError):
        shared = stat.S_IMODE(os.stat(private.parent).st_mode) & _SHARED
        for path in _directories(private):
            _open_up(path, shared)


def _open_up(directory: Path, shared: int) -> None:
    """Add these bits to the mode of a directory of ours; if it has just been replaced by a link, to nothing."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            mode = stat.S_IMODE(status.st_mode)
            if status.st_uid == os.geteuid() and mode | shared != mode:
                os.fchmod(descriptor, mode | shared)
        finally:
            os.close(descriptor)


def _directories(private: Path) -> Iterator[Path]:
    """`private` and what lies directly in it, if they are there; files in it are left out."""
    if not os.path.lexists(private):
        return
    yield private
    with suppress(OSError), os.scandir(private) as entries:
        for entry in entries:
            if entry.name in _NAMES:
                yield Path(entry.path)


_NAMES = frozenset({"sessions", "stage", "locks", "records", "kept"})
