"""`instui` alone: home, from which installs are begun, watched and replayed. It needs a terminal."""

import argparse
import os
import signal
from collections.abc import Sequence
from contextlib import ExitStack

from instui.terminal import borrowed, in_background, streams
from instui_engine.errors import printable

from .hosting import Hosting
from .output import print_error, print_lines
from .screen_rules import Invocation, opening
from .signals import end_with


def asked_ui(arguments: Sequence[str]) -> str:
    """The user interface that a command line without a command asks for, or INSTUI_UI does; "" if neither does."""
    ui = os.environ.get("INSTUI_UI", "")
    for place, argument in enumerate(arguments):
        if argument.startswith("--ui"):
            ui = argument.partition("=")[2] or "".join(arguments[place + 1 : place + 2])
    return ui


def is_meant(arguments: Sequence[str]) -> bool:
    """Whether a command line without a command asks for home, and there is a terminal for it."""
    ui, given = asked_ui(arguments), streams()
    if ui == "tui" and not any(given):
        return False
    return opening(Invocation("home", given, os.environ, ui, in_background=in_background())) == "screen"


def show(parsed: argparse.Namespace) -> int:
    """Show home until the user leaves; say what goes on without it. Raises InstuiError."""
    from instui.tui.app import InstuiApp, ScreenError, run
    from instui.tui.views.home import HomeView

    with ExitStack() as stack:
        terminal = stack.enter_context(borrowed())
        hosting = stack.enter_context(Hosting(parsed))
        end_with(terminal, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT))
        app = InstuiApp(None, home=lambda: HomeView(hosting), ascii=parsed.ascii, theme=parsed.theme, terminal=terminal)
        hosting.app = app
        code = 0
        try:
            run(app)
        except ScreenError as error:
            terminal.restore()
            print_error(f"the screen failed ({error}; INSTUI_DEBUG=1 shows where)")
            code = 1
        print_lines(map(printable, hosting.farewell()))
        return code
