"""Textual's driver for the terminal that is there. Its own one paints to stderr, even if that is a file."""

import os
import select
from codecs import getincrementaldecoder
from typing import Any, Protocol, cast

from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.messages import TerminalSupportsSynchronizedOutput

from instui.terminal import Terminal

from .outgoing import Outgoing


class Painter(Protocol):
    """The application whose frames are written."""

    def output_drained(self) -> None:
        """All that was painted is at the terminal. Called by another thread."""

    def asked_to_stop(self) -> None:
        """Somebody sent SIGTSTP. Called by a handler of signals."""

    def continued(self) -> None:
        """Somebody stopped this process, and let it go on. Called by a handler of signals."""


_POLL = 0.1  # seconds
_PIECE = 4096


def driver_for(terminal: Terminal) -> type[Driver]:
    """The driver that paints to `terminal` and reads its keys."""

    class TerminalDriver(LinuxDriver):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._painter = cast(Painter, self._app)
            self.outgoing = Outgoing(terminal, self._painter.output_drained)
            self._file = cast(Any, self.outgoing)
            self.fileno = terminal.keys
            self.input_tty = True
            self._wake = os.pipe()  # whose reader ends: the thread of the keys waits without a clock

        def write(self, data: str) -> None:
            self.outgoing.queue(data)
            super().write(data)

        def _get_terminal_size(self) -> tuple[int, int]:
            return terminal.size

        # Textual would stop and start in the handlers of the signals: there, in the middle of a write, it would wait
        # for itself; and if it had not stopped, there would be two threads for the keys afterwards.

        def _sigtstp_application(self, *_: object) -> None:
            self._painter.asked_to_stop()

        def _sigcont_application(self, *_: object) -> None:
            if self._auto_restart:  # else it was `suspend` of the application that stopped
                self._painter.continued()

        def suspend_application_mode(self) -> None:
            """Take the screen off for a while. The pipe stays: there will be another thread to wake."""
            self.stop_application_mode()
            super().close()
            terminal.taken = False

        def start_application_mode(self) -> None:
            terminal.await_front()
            terminal.forget_typed()
            terminal.taken = True
            super().start_application_mode()  # type: ignore[no-untyped-call]
            self.write(terminal.window.begin())

        def stop_application_mode(self) -> None:
            self.write(terminal.window.end())
            super().stop_application_mode()

        # A terminal that is far away may answer a question only after the screen has left, and then its answer would be
        # typed into what runs next. So none is asked.

        def _request_terminal_sync_mode_support(self) -> None:
            """Take it for granted that frames can be marked: who does not know the marks ignores them."""
            self.process_message(TerminalSupportsSynchronizedOutput())

        def _query_in_band_window_resize(self) -> None:
            """Do not ask: a signal tells that the size has changed."""

        def disable_input(self) -> None:
            """Wake the thread that reads keys, so that it ends."""
            os.write(self._wake[1], b".")
            super().disable_input()
            os.read(self._wake[0], _PIECE)

        def close(self) -> None:
            super().close()
            for end in self._wake:
                os.close(end)
            terminal.taken = False

        def run_input_thread(self) -> None:
            """Read keys. Unlike in Textual, bytes that are not text in the terminal's encoding break nothing."""
            decode = getincrementaldecoder(terminal.encoding)("replace").decode
            parser = XTermParser(self._debug)
            looks = 0  # to come on a clock: a lone escape is a key only if nothing follows it for a while
            while not self.exit_event.is_set():
                ready = select.select([terminal.keys, self._wake[0]], [], [], _POLL if looks else None)[0]
                if self._wake[0] in ready:
                    self.exit_event.wait(_POLL)
                looks = 3 if ready else looks - 1
                if terminal.keys in ready:
                    data = os.read(terminal.keys, _PIECE)
                    if not data:  # hung up; the end of this process is on its way
                        return
                    for event in parser.feed(decode(data)):
                        self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)

    return TerminalDriver
