"""flock(2) on files that are never deleted: open, try, wait, and who holds them.

A deleted lock file would give two holders, a descriptor that a child inherits would outlive its owner, and a followed
symbolic link would lock somebody else's file: hence no unlink, O_CLOEXEC and O_NOFOLLOW. flock excludes other hosts on
no network file system.
"""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import lock_descriptor

from .errors import Interrupted, printable
from .events import Holder

_MOMENT = 0.005  # seconds; whoever passes a gate lock holds it for some microseconds, which is no news
_POLL = 0.05  # seconds between looks at the cancel flag; the lock itself is waited for in the kernel


class LockWaitTimeout(Exception):
    """The lock was not granted before the deadline."""


def open_lock(path: Path | str) -> int:
    """A descriptor of the lock file at `path`, made if missing, writable for everyone whatever the umask.

    Where the file cannot be opened for writing it is opened for reading, which is enough for flock.
    """
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY | flags)
    if os.fstat(descriptor).st_mode & 0o666 != 0o666:
        with suppress(PermissionError):  # somebody else's, made by an older version
            os.fchmod(descriptor, 0o666)
    return descriptor


def try_lock(descriptor: int, *, shared: bool) -> bool:
    """Take the lock if it is free now."""
    if not shared:
        return lock_descriptor(descriptor, blocking=False)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN):
            return False
        raise
    return True


def wait_lock(
    descriptor: int, *, shared: bool, deadline: float, cancelled: Callable[[], bool], told: Callable[[], None]
) -> None:
    """Wait in the kernel until the lock is ours; on return the caller holds it.

    A poller starves against blocking waiters, so a thread of its own sits in flock(2). `told` is called when the wait
    is more than a moment. Raises LockWaitTimeout at `deadline` (monotonic seconds) and Interrupted when `cancelled()`;
    then the descriptor is the thread's, which closes it as soon as the kernel grants the lock: it is not held for a
    moment longer.
    """
    wait = _Wait(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    if not wait.done.wait(_MOMENT):
        told()
    while not wait.done.wait(_POLL):
        if cancelled() and wait.abandon():
            raise Interrupted("interrupted while waiting for a lock")
        if time.monotonic() >= deadline and wait.abandon():
            raise LockWaitTimeout
    if wait.error is not None:
        os.close(descriptor)
        raise wait.error


class _Wait:
    """One blocking flock in a daemon thread; either it or the waiter ends up with the descriptor, never both."""

    def __init__(self, descriptor: int, operation: int) -> None:
        self.done = threading.Event()
        self.error: OSError | None = None
        self._decision = threading.Lock()
        self._abandoned = False
        threading.Thread(target=self._run, args=(descriptor, operation), name="flock", daemon=True).start()

    def _run(self, descriptor: int, operation: int) -> None:
        try:
            fcntl.flock(descriptor, operation)
        except OSError as error:
            self.error = error
        with self._decision:
            if self._abandoned:
                os.close(descriptor)
            else:
                self.done.set()

    def abandon(self) -> bool:
        """Leave the descriptor to the thread; False when the lock was granted meanwhile."""
        with self._decision:
            if self.done.is_set():
                return False
            self._abandoned = True
            return True


def holders_of(path: Path | str) -> list[Holder]:
    """Who holds the lock file now, from /proc/locks; [] where the system does not tell."""
    try:
        status = os.stat(path)
        with open("/proc/locks", encoding="ascii") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    pids = []
    for line in lines:
        fields = line.split()
        # "1: FLOCK  ADVISORY  WRITE 4242 fe:00:1234 0 EOF"; a waiter's line has "->" after the number
        if len(fields) >= 6 and fields[1] == "FLOCK" and fields[5] == device and int(fields[4]) not in pids:
            pids.append(int(fields[4]))
    return [Holder(pid=pid, command=command_of(pid)) for pid in pids if pid > 0]


def command_of(pid: int) -> str:
    """The command line of a process, for people to read; "" when it is gone or not ours to see."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return ""
    return printable(" ".join(word.decode(errors="replace") for word in words))[:200]


def describe(holders: list[Holder]) -> str:
    """One phrase that names the holders, for messages."""
    if not holders:
        return "a process that the system does not name"
    return ", ".join(f"pid {holder.pid} ({holder.command or 'command unknown'})" for holder in holders)
