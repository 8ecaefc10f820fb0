"""A session in this process, with the user interface that shows it, and the signals that stop it."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from instui_engine.commands.command import Outcome
from instui_engine.journal.writer import Listener
from instui_engine.session.control import Control

from .output import print_error
from .signals import stopping

Session = Callable[[Control, tuple[Listener, ...]], Outcome]


class UI(Protocol):
    """A user interface that shows a session while it runs."""

    def start(self) -> None:
        """Start to show."""

    def finish(self, grace: float = 5.0) -> bool:
        """Show the rest, but wait at most `grace` seconds for an output that nobody reads."""


def watch(parsed: argparse.Namespace, session: Session) -> int:
    """Run `session` under the chosen user interface; return the exit code."""
    control = Control()
    with _user_interface(parsed) as listeners, stopping(control, survives_hang_up=bool(parsed.child)):
        outcome = session(control, listeners)
    if outcome.error:
        print_error(outcome.error)
    return outcome.exit_code


def chosen_ui(parsed: argparse.Namespace) -> str:
    """The requested user interface, or the best one here: the full screen needs a terminal."""
    if parsed.child:
        return "none"
    terminal = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if terminal and parsed.command in ("install", "uninstall"):
        from instui_engine.resolve.streams import reads_stdin

        # keys cannot be read from where requirements come from
        others = (*parsed.constraint_files, parsed.pylock) if parsed.command == "install" else ()
        terminal = not reads_stdin((*parsed.requirement_files, *others))
    if parsed.ui == "tui" and not terminal:
        print_error("no terminal here, so --ui plain is used")
    if not terminal:
        return str(parsed.ui) if parsed.ui not in ("", "tui") else "plain"
    return str(parsed.ui) or ("plain" if getattr(parsed, "dry_run", False) else "tui")


@contextmanager
def _user_interface(parsed: argparse.Namespace) -> Iterator[tuple[Listener, ...]]:
    if parsed.child_journal:
        with open(parsed.child_journal, "a", encoding="ascii", buffering=1) as file:
            yield (lambda line: print(line, file=file),)
        return
    if parsed.ui == "none":
        yield ()
        return
    from instui.monitor.reader import Feed

    feed = Feed()
    ui: UI
    sys.stdout.flush()
    if parsed.ui == "json":
        from instui.lines.json_lines import JsonUI

        ui = JsonUI(feed, sys.stdout)
    else:
        from instui.lines.plain import PlainUI

        ui = PlainUI(feed, sys.stdout, quiet=parsed.quiet, verbose=parsed.verbose)
    ui.start()
    try:
        yield (feed.put,)
    finally:
        ui.finish()
