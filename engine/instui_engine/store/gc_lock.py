"""The lock that keeps `prune` out while sessions use the store: `<cache>/locks/in-use`, a flock.

A session holds it shared from its first look into the store until everything is staged. `prune` holds it exclusively
only while it takes entries away. The lock has no gate: on a busy machine `prune` may wait in vain, which is better than
sessions that wait behind a waiting `prune`.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from instui_engine.errors import CACHE, InstuiError, printable, reason, remedy
from instui_engine.fs.flock import NO_LOCKS, open_lock, take_exclusive, take_shared, try_lock

if TYPE_CHECKING:
    from instui_engine.locks.wait import OnWait

_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR}


def lock_file(cache: Path) -> Path:
    """The lock file of that cache."""
    return cache / "locks" / "in-use"


@contextmanager
def using(cache: Path, timeout: float, cancelled: Callable[[], bool], on_wait: "OnWait") -> Iterator[None]:
    """Hold the lock shared in the block.

    If no lock file can be made, or the file system has no locks, the cache is used without one: `prune` removes nothing
    there either. Raises LockTimeoutError after `timeout` seconds, and Interrupted when `cancelled()`.
    """
    with _held(_lock(cache, True, timeout, cancelled, on_wait)):
        yield


@contextmanager
def excluding(cache: Path, timeout: float, cancelled: Callable[[], bool], on_wait: "OnWait") -> Iterator[None]:
    """Hold the lock exclusively in the block: no session uses the store.

    Raises as `using`, and InstuiError if there can be no lock.
    """
    descriptor = _lock(cache, False, timeout, cancelled, on_wait)
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


def _lock(cache: Path, shared: bool, timeout: float, cancelled: Callable[[], bool], on_wait: "OnWait") -> int | None:
    """A descriptor that holds the lock; None if there can be no lock."""
    path = lock_file(cache)
    try:
        descriptor = _open(path)
        if descriptor is None or _try(descriptor, shared):
            return descriptor
        # imported only if it has to wait
        from instui_engine.locks.holders import holders_of
        from instui_engine.locks.wait import LockWait

        wait = LockWait(
            f"the cache {printable(str(cache))}",
            path,
            timeout,
            holders=lambda: holders_of(path),
            on_wait=on_wait,
            cancelled=cancelled,
        )
        wait.take(descriptor, take_shared if shared else take_exclusive)
        return descriptor
    except OSError as error:
        if error.errno in NO_LOCKS:
            return None
        raise InstuiError(f"cannot lock the cache ({reason(error, path)}); {remedy(error, CACHE)}") from error


def _open(path: Path) -> int | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open_lock(path)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None


def _try(descriptor: int, shared: bool) -> bool:
    try:
        return try_lock(descriptor, shared=shared)
    except OSError:
        os.close(descriptor)
        raise
