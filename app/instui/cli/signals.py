"""Signals (ctrl+c, termination, hang-up) for a command that works in this process, and for a screen."""

import os
import select
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from instui.terminal import Terminal
    from instui_engine.session.control import Control

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}


@contextmanager
def stopping(control: "Control", *, survives_hang_up: bool = False) -> Iterator[None]:
    """Let signals stop the work that `control` controls.

    The first signal asks it to stop between two commits, the second to undo immediately what is in hand. The third has
    its default effect. The kernel sees to that, so it also ends a process that hangs in a system call or a library and
    never checks `control`; the next session settles what was in hand.
    """
    listened = [number for number in EXIT_CODES if not (survives_hang_up and number == signal.SIGHUP)]

    def stop(number: int, frame: object) -> None:
        if control.cancelled():
            for each in listened:
                signal.signal(each, signal.SIG_DFL)
        control.cancel(EXIT_CODES[signal.Signals(number)])

    before = {number: signal.signal(number, stop) for number in listened}
    if survives_hang_up:
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with(terminal: "Terminal", numbers: Iterable[int]) -> None:
    """From now on these signals, and the end of the terminal, end this process, even if it ignored hang-ups (nohup).

    Textual would not notice the end of the terminal: its thread for the keys would read the end of its input again and
    again. If it is only this process that is told to go, its terminal is given back.
    """

    def go(number: int, frame: object) -> None:
        terminal.restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    for number in numbers:
        signal.signal(number, go)
    poller = select.poll()
    poller.register(terminal.keys, 0)

    def wait() -> None:
        if any(flags & select.POLLHUP for _, flags in poller.poll()):
            os.kill(os.getpid(), signal.SIGHUP)

    threading.Thread(target=wait, name="hang-up", daemon=True).start()


def end_with_stdin() -> None:
    """From now on the end of stdin, a pipe, ends this process, which only watches. Its server may have been killed."""
    poller = select.poll()
    poller.register(0, 0)

    def wait() -> None:
        poller.poll()
        os._exit(1)

    threading.Thread(target=wait, name="hang-up", daemon=True).start()
