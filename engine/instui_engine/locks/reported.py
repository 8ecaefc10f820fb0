"""Waits that are neither for claims nor for `.lock`, as the journal tells them."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from instui_engine.journal.events import Holder, WaitFinished, WaitKind, WaitStarted
from instui_engine.session.context import Context

Announce = Callable[[str, Sequence[Holder]], None]
"""Says for which path the block waits now, and who is in the way."""


@contextmanager
def reported_wait(context: Context, what: WaitKind, wheel: str = "") -> Iterator[Announce]:
    """Emit the events of what the block waits for, if it does: its beginning when it is announced, and its end."""
    begun, announced = time.monotonic(), ""

    def announce(path: str, holders: Sequence[Holder]) -> None:
        nonlocal announced
        announced = path
        context.emit(WaitStarted(wheel, what, path, list(holders)))

    try:
        yield announce
    finally:
        if announced:
            context.emit(WaitFinished(wheel, what, announced, round(time.monotonic() - begun, 6)))
