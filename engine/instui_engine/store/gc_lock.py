"""The lock that keeps a cleaning of the cache out while sessions use the store: `<cache>/locks/in-use`, a flock.

A session holds it shared from its first look into the store until all is staged; `prune` holds it exclusive for the
moments in which it takes entries away. There is no gate before it: it is better that a cleaning waits in vain for the
sessions of a busy machine than that sessions wait for a cleaning that waits.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from instui_engine.errors import InstuiError, LockTimeoutError, printable, reason
from instui_engine.fs.flock import LockWaitTimeout, open_lock, take_exclusive, take_shared, try_lock, wait_lock

_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR}
Told = Callable[[str], None]
"""Gets a phrase that says who is waited for."""


def lock_file(cache: Path) -> Path:
    """The lock file of that cache."""
    return cache / "locks" / "in-use"


@contextmanager
def using(cache: Path, timeout: float, cancelled: Callable[[], bool], told: Told) -> Iterator[None]:
    """Hold the lock shared in the block.

    A cache in which no lock file can be made, or whose file system has no locks, is used without: nothing can be
    removed there by us either. Raises LockTimeoutError after `timeout` seconds, Interrupted when `cancelled()`.
    """
    with _held(_lock(cache, True, timeout, cancelled, told)):
        yield


@contextmanager
def excluding(cache: Path, timeout: float, cancelled: Callable[[], bool], told: Told) -> Iterator[None]:
    """Hold the lock exclusive in the block: no session uses the store. Raises as `using`, InstuiError without locks."""
    descriptor = _lock(cache, False, timeout, cancelled, told)
    if descriptor is None:
        raise InstuiError(
            f"the cache {printable(str(cache))} is not writable, or its file system has no locks; nothing was removed"
        )
    with _held(descriptor):
        yield


@contextmanager
def _held(descriptor: int | None) -> Iterator[None]:
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(cache: Path, shared: bool, timeout: float, cancelled: Callable[[], bool], told: Told) -> int | None:
    """A descriptor that holds the lock, None where there can be no lock."""
    path = lock_file(cache)
    try:
        descriptor = _open(path)
        if descriptor is None or _try(descriptor, shared):
            return descriptor
        # from here on the descriptor is the waiter's
        deadline = time.monotonic() + timeout
        take = take_shared if shared else take_exclusive
        wait_lock(
            descriptor,
            take,
            deadline=deadline,
            cancelled=cancelled,
            told=lambda: told(_holders(path)),
        )
        return descriptor
    except LockWaitTimeout:
        from instui_engine.locks.holders import holders_of

        raise LockTimeoutError(
            f"waited {timeout:g} s for the cache {printable(str(cache))}, which is held by "
            f"{_holders(path)}; run again, or raise --lock-timeout",
            path=str(path),
            holders=tuple(holders_of(path)),
            seconds=timeout,
        ) from None
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise InstuiError(f"cannot lock the cache ({reason(error)}); choose another one with --cache-dir") from error


def _holders(path: Path) -> str:
    from instui_engine.locks.holders import holders_of  # only who waits pays for it
    from instui_engine.locks.phrases import describe

    return describe(holders_of(path))


def _open(path: Path) -> int | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open_lock(path)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None


def _try(descriptor: int, shared: bool) -> bool:
    try:
        return try_lock(descriptor, shared=shared)
    except OSError:
        os.close(descriptor)
        raise
