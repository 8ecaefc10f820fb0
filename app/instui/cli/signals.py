"""ctrl+c, a termination and a hang-up, for a command that works in this process."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from instui_engine.session.control import Control

_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}


@contextmanager
def stopping(control: Control, *, survives_hang_up: bool = False) -> Iterator[None]:
    """Let signals stop the work that `control` steers.

    The first asks it to stop between two commits, the second to undo what is in hand at once. The third ends the
    process as if it had never listened. The kernel does that, so it also ends a process that hangs in a system call or
    in a library and never looks at `control`; the next session settles what it had in hand.
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
