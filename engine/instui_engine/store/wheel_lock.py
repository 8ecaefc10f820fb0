"""The lock of a wheel in the cache: one process fetches and unpacks it, and the others see which one that is."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from instui_engine.errors import CACHE, InstuiError, Interrupted, LockTimeoutError, printable, reason, remedy
from instui_engine.fs.flock import LocksMissingError, open_and_try, take_exclusive
from instui_engine.journal.events import Holder
from instui_engine.resolve.request import LockedWheel
from instui_engine.session.context import Context
from instui_engine.target.network import BACKEND, soft_reason

if TYPE_CHECKING:
    from filelock import StrictSoftFileLock


def hold(context: Context, path: Path, wheel: LockedWheel, wait: bool) -> int:
    """Take the lock at `path`; return its descriptor, -1 if it is taken and `wait` is not set.

    `let_go` releases it. Where the file system has no locks, it is a file that is made atomically, if the user has
    chosen that. Raises LockTimeoutError, Interrupted and InstuiError.
    """
    try:
        descriptor, free = open_and_try(path, shared=False)
        if not free and not wait:
            os.close(descriptor)
            return -1
        if not free:
            _wait(context, wheel, descriptor, path)
    except LocksMissingError as error:
        if not soft_reason(path.parent):
            raise InstuiError(
                f"the file system of the cache {printable(str(path.parent.parent))} has no file locks; choose another "
                f"place with --cache-dir or INSTUI_CACHE_DIR, or set {BACKEND}=soft"
            ) from error
        return _hold_soft(context, path, wheel, wait)
    except OSError as error:
        raise InstuiError(
            f"cannot lock {printable(wheel.filename)} in the cache ({reason(error, path)}); {remedy(error, CACHE)}"
        ) from error
    return descriptor


def let_go(descriptor: int) -> None:
    """Release what `hold` returned."""
    soft = _soft.pop(descriptor, None)
    if soft is not None:
        soft.release()
    os.close(descriptor)


_soft: dict[int, "StrictSoftFileLock"] = {}  # by the descriptors that stand for them


def _hold_soft(context: Context, path: Path, wheel: LockedWheel, wait: bool) -> int:
    from filelock import StrictSoftFileLock, Timeout

    from instui_engine.locks.reported import reported_wait

    lock = StrictSoftFileLock(path.with_suffix(".soft"), thread_local=False, mode=0o666)
    timeout = context.options.lock_timeout
    try:
        with suppress(Timeout):
            lock.acquire(timeout=0)
        if not lock.is_locked and not wait:
            return -1
        if not lock.is_locked:
            with reported_wait(context, "wheel", wheel.name) as announce:
                announce(str(path), [Holder(state="not known: it holds a file as its lock")])
                lock.acquire(timeout=timeout)
    except Timeout:
        raise LockTimeoutError(
            f"waited {timeout:g} s for {printable(wheel.filename)} in the cache, which another process fetches or "
            f"unpacks; if none does, remove {printable(str(path.with_suffix('.soft')))}*",
            path=str(path),
            holders=(),
            seconds=timeout,
        ) from None
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    _soft[descriptor] = lock
    return descriptor


def _wait(context: Context, wheel: LockedWheel, descriptor: int, path: Path) -> None:
    """Wait until the process that fetches or unpacks the wheel is done, and report which one it is."""
    from instui_engine.locks.holders import holders_of
    from instui_engine.locks.reported import reported_wait
    from instui_engine.locks.wait import LockWait

    def on_wait(holders: Sequence[Holder]) -> None:
        announce(str(path), holders)

    wait = LockWait(
        f"the lock of {printable(wheel.filename)} in the cache ({printable(str(path))})",
        path,
        context.options.lock_timeout,
        holders=lambda: holders_of(path),
        on_wait=on_wait,
        cancelled=lambda: context.gives_up(wheel.name),
    )
    try:
        with reported_wait(context, "wheel", wheel.name) as announce:
            wait.take(descriptor, take_exclusive)
    except Interrupted:
        context.check()
        raise
