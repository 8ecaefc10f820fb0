"""The lock of a wheel in the cache: one process fetches and unpacks it, and the others see which one that is."""

import os
from collections.abc import Sequence
from pathlib import Path

from instui_engine.errors import InstuiError, Interrupted, printable, reason
from instui_engine.fs.flock import open_and_try, take_exclusive
from instui_engine.journal.events import Holder, Warned
from instui_engine.resolve.request import LockedWheel
from instui_engine.session.context import Context


def hold(context: Context, path: Path, wheel: LockedWheel, wait: bool) -> int:
    """Take the lock at `path`; return its descriptor, -1 if it is taken and `wait` is not set.

    Raises LockTimeoutError and Interrupted.
    """
    try:
        descriptor, free = open_and_try(path, shared=False)
        if not free and not wait:
            os.close(descriptor)
            return -1
        if not free:
            _wait(context, wheel, descriptor, path)
    except OSError as error:
        raise InstuiError(
            f"cannot lock {printable(wheel.filename)} in the cache ({reason(error)}); free some space, or "
            "choose another place with --cache-dir"
        ) from error
    return descriptor


def _wait(context: Context, wheel: LockedWheel, descriptor: int, path: Path) -> None:
    """Wait until the process that fetches or unpacks the wheel is done, and report which one it is."""
    from instui_engine.locks.holders import holders_of
    from instui_engine.locks.phrases import WAITS_FOR, describe
    from instui_engine.locks.wait import LockWait

    def on_wait(holders: Sequence[Holder]) -> None:
        text = f"{WAITS_FOR}{describe(holders)}, which fetches or unpacks it"
        context.emit(Warned(wheel.name, text))

    wait = LockWait(
        f"the lock of {printable(wheel.filename)} in the cache ({printable(str(path))})",
        path,
        context.options.lock_timeout,
        holders=lambda: holders_of(path),
        on_wait=on_wait,
        cancelled=context.stopping,
    )
    try:
        wait.take(descriptor, take_exclusive)
    except Interrupted:
        context.check()
        raise
