"""Signals (ctrl+c, termination, hang-up) for a command that works in this process."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from instui_engine.session.control import Control

_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}


@contextmanager
def stopping(control: Control, *, survives_hang_up: bool = False) -> Iterator[None]:
    """Let signals stop the work that `control` controls.

    The first signal asks it to stop between two commits, the second to undo immediately what is in hand. The third has
    its default effect. The kernel sees to that, so it also ends a process that hangs in a system call or a library and
    never checks `control`; the next session settles what was in hand.
    """
    listened = [number for number in _CODES if not (survives_hang_up and number == signal.SIGHUP)]

    def stop(number: int, frame: object) -> None:
        if control.cancelled():
            for each in listened:
                signal.signal(each, signal.SIG_DFL)
        control.cancel(_CODES[signal.Signals(number)])

    before = {number: signal.signal(number, stop) for number in listened}
    if survives_hang_up:
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
