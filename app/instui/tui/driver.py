"""Textual's driver for the terminal that is there. Its own one paints to stderr, even if that is a file."""

import os
import select
from codecs import getincrementaldecoder
from typing import Any, cast

from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.messages import TerminalSupportsSynchronizedOutput

from instui.terminal import Terminal

_POLL = 0.1  # seconds between two checks of whether the screen ends
_PIECE = 4096


def driver_for(terminal: Terminal) -> type[Driver]:
    """The driver that paints to `terminal` and reads its keys."""

    class TerminalDriver(LinuxDriver):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._file = cast(Any, terminal)
            self.fileno = terminal.keys
            self.input_tty = True

        def _get_terminal_size(self) -> tuple[int, int]:
            return terminal.size

        def start_application_mode(self) -> None:
            terminal.forget_typed()
            terminal.taken = True
            super().start_application_mode()  # type: ignore[no-untyped-call]

        # A terminal that is far away may answer a question only after the screen has left, and then its answer would be
        # typed into what runs next. So none is asked.

        def _request_terminal_sync_mode_support(self) -> None:
            """Take it for granted that frames can be marked: who does not know the marks ignores them."""
            self.process_message(TerminalSupportsSynchronizedOutput())

        def _query_in_band_window_resize(self) -> None:
            """Do not ask: a signal tells that the size has changed."""

        def close(self) -> None:
            super().close()
            terminal.taken = False

        def run_input_thread(self) -> None:
            """Read keys. Unlike in Textual, bytes that are not text in the terminal's encoding break nothing."""
            decode = getincrementaldecoder(terminal.encoding)("replace").decode
            parser = XTermParser(self._debug)
            while not self.exit_event.is_set():
                if select.select([terminal.keys], [], [], _POLL)[0]:
                    data = os.read(terminal.keys, _PIECE)
                    if not data:  # hung up; the end of this process is on its way
                        return
                    for event in parser.feed(decode(data)):
                        self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)

    return TerminalDriver
