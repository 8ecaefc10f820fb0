"""flock(2) on lock files: open, try, wait.

Deleting a lock file that somebody has open could give two holders (`session.bare` says when one may go), a descriptor
that a child inherits would outlive its owner, and following a symbolic link would lock somebody else's file: hence no
unlink here, O_CLOEXEC and O_NOFOLLOW.

On a network file system, flock excludes no other host; what is used there is filelock's (`locks.soft`). Here its
`lock_descriptor` would be the same system call, but importing it takes a fifth of an install of one small wheel.
"""

import errno
import fcntl
import os
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from instui_engine.errors import Interrupted

from .files import set_mode

_MOMENT = 0.005  # seconds; passing a gate takes microseconds, and such a wait is not worth reporting
_POLL = 0.05  # seconds between two checks of the cancel flag; the wait for the lock itself is in the kernel


_GATE_LOCK = "hhqqi4x"  # struct flock

_ENOTSUPP = 524  # what some file systems return, though it is none of the errors for programs
NO_LOCKS = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, _ENOTSUPP, errno.ENOLCK, errno.EINVAL})
"""The errors by which a file system says that it has no locks."""


class LocksMissingError(OSError):
    """The file system has no file locks."""


class LockWaitTimeout(Exception):
    """The lock was not granted before the deadline."""


def open_lock(path: Path | str) -> int:
    """A descriptor of the lock file at `path`, which is made if missing, writable for everyone whatever the umask.

    A file that cannot be opened for writing is opened for reading, which is enough for flock.
    """
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o666)
    except PermissionError as refused:
        try:
            return os.open(path, os.O_RDONLY | os.O_NONBLOCK | flags)  # do not block on a FIFO
        except FileNotFoundError:
            raise refused from None
    except OSError as error:
        what = {errno.ELOOP: "a symbolic link", errno.EISDIR: "a directory"}.get(error.errno or 0)
        if what:
            raise OSError(error.errno, f"{what} is in the place of a lock file: remove it", os.fspath(path)) from None
        raise
    if os.fstat(descriptor).st_mode & 0o666 != 0o666:
        with suppress(PermissionError):  # another user's, made by an older version
            set_mode(descriptor, 0o666)
    return descriptor


def try_lock(descriptor: int, *, shared: bool) -> bool:
    """Take the lock if it is free; return whether it was. Raises LocksMissingError where there are no locks."""
    with _known_errors():
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except PermissionError as error:
            if shared or error.errno != errno.EACCES:  # which some file systems say of a lock that another one has
                raise
            return False
        return True


@contextmanager
def _known_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in NO_LOCKS:
            raise LocksMissingError(error.errno, "its file system has no file locks") from error
        raise


def lacks_locks(directory: Path) -> bool:
    """Whether the file system of that directory has no file locks. Raises OSError if there is no such directory."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try_lock(descriptor, shared=True)
    except LocksMissingError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def open_and_try(path: Path | str, *, shared: bool) -> tuple[int, bool]:
    """Open the lock file at `path` and try its lock; return the descriptor, and whether it has the lock."""
    descriptor = open_lock(path)
    try:
        return descriptor, try_lock(descriptor, shared=shared)
    except BaseException:
        os.close(descriptor)
        raise


def is_at(descriptor: int, path: Path | str) -> bool:
    """Whether the open file is still the one at `path`: a lock on one that was removed excludes nobody."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


Take = Callable[[int], None]
"""A function that takes a lock on a descriptor, waiting in the kernel for as long as necessary."""


def take_shared(descriptor: int) -> None:
    """Wait for the shared lock."""
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def take_exclusive(descriptor: int) -> None:
    """Wait for the exclusive lock."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def try_gate(descriptor: int, *, shared: bool) -> bool:
    """Pass the gate of a lock file if nobody stands in it. Those who want the lock shared do not hinder each other.

    The gate is a second lock on the same file: a byte-range lock of the open file description, which is independent of
    flock. If the system or the file system has none, or the file is not writable, there is no gate, and waiters may
    starve.
    """
    try:
        _gate(descriptor, fcntl.F_RDLCK if shared else fcntl.F_WRLCK)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno != errno.EBADF and error.errno not in NO_LOCKS:
            raise
    return True


def take_gate_shared(descriptor: int) -> None:
    """Wait for the gate, on the way to the shared lock."""
    try:
        _gate(descriptor, fcntl.F_RDLCK, wait=True)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise


def take_gate(descriptor: int) -> None:
    """Wait for the gate, on the way to the exclusive lock."""
    try:
        _gate(descriptor, fcntl.F_WRLCK, wait=True)
    except OSError as error:
        if error.errno != errno.EBADF and error.errno not in NO_LOCKS:  # as in `try_gate`
            raise


def leave_gate(descriptor: int) -> None:
    """Let the next one pass the gate."""
    with suppress(OSError):
        _gate(descriptor, fcntl.F_UNLCK)


def is_awaited(descriptor: int) -> bool:
    """Whether anybody stands in the gate, waiting for the lock of this descriptor; True as well if that cannot be seen.

    Only where this descriptor can stand in the gate alone can all others, so it must be writable.
    """
    if sys.platform != "linux" or fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDWR:
        return True
    try:
        found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _gate_lock(fcntl.F_WRLCK))
    except OSError:
        return True
    return bool(struct.unpack(_GATE_LOCK, found)[0] != fcntl.F_UNLCK)


def _gate(descriptor: int, kind: int, wait: bool = False) -> None:
    if sys.platform == "linux":
        command = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK
        fcntl.fcntl(descriptor, command, _gate_lock(kind))


def _gate_lock(kind: int) -> bytes:
    """The first byte of the file, as `struct flock`."""
    return struct.pack(_GATE_LOCK, kind, os.SEEK_SET, 0, 1, 0)


def wait_lock(
    descriptor: int, take: Take, *, deadline: float, cancelled: Callable[[], bool], on_wait: Callable[[], None]
) -> None:
    """Wait in the kernel until `take` has taken its lock; on return the caller holds it.

    A poller would starve against blocking waiters, so a thread of its own blocks in the system call. `on_wait` is
    called if the wait is more than a moment, and then again and again until it is over. Raises LockWaitTimeout at
    `deadline` (monotonic seconds), Interrupted when `cancelled()`, and OSError. Whatever is raised, the lock is not
    held: the descriptor is closed, or the thread closes it as soon as the kernel grants the lock.
    """
    wait = _Wait(descriptor, take)
    try:
        if not wait.done.wait(_MOMENT):
            on_wait()
        while not wait.done.wait(_POLL):
            if cancelled():
                raise Interrupted("interrupted while waiting for a lock")
            if time.monotonic() >= deadline:
                raise LockWaitTimeout
            on_wait()
        if wait.error is not None:
            raise wait.error
    except BaseException:
        wait.abandon()
        raise


class _Wait:
    """One blocking call in a daemon thread. If it is abandoned, the last of thread and caller closes the descriptor."""

    def __init__(self, descriptor: int, take: Take) -> None:
        self.done = threading.Event()
        self.error: OSError | None = None
        self._descriptor = descriptor
        self._take = take
        self._decision = threading.Lock()
        self._abandoned = False
        try:
            threading.Thread(target=self._run, name="flock", daemon=True).start()
        except BaseException:
            os.close(descriptor)
            raise

    def _run(self) -> None:
        try:
            self._take(self._descriptor)
        except OSError as error:
            self.error = error
        with self._decision:
            if self._abandoned:
                os.close(self._descriptor)
            else:
                self.done.set()

    def abandon(self) -> None:
        """Give up the descriptor: it is closed now if the call has returned, else by the thread."""
        with self._decision:
            if self.done.is_set():
                os.close(self._descriptor)
            else:
                self._abandoned = True
                leave_gate(self._descriptor)  # a waiter that gave up must not hold others at the gate
