"""A session in this process, with the user interface that shows it, and the signals that stop it."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from instui.terminal import in_background, is_browser, streams

from .output import print_error
from .screen_rules import Invocation, Showing, opening
from .uv_variables import is_on

if TYPE_CHECKING:
    from instui_engine.commands.command import Outcome
    from instui_engine.journal.writer import Listener
    from instui_engine.session.control import Control

    Session = Callable[[Control, tuple[Listener, ...]], Outcome]


class UI(Protocol):
    """A user interface that shows a session while it runs."""

    def start(self) -> None:
        """Start to show."""

    def finish(self, grace: float = 5.0) -> bool:
        """Show the rest, but wait at most `grace` seconds for an output that nobody reads."""


def watch(parsed: argparse.Namespace, session: "Session") -> int:
    """Run `session` under the chosen user interface; return the exit code."""
    from instui_engine.session.control import Control

    from .signals import stopping

    control = Control()
    with _user_interface(parsed) as listeners, stopping(control, survives_hang_up=bool(parsed.child)):
        outcome = session(control, listeners)
    if outcome.error:
        print_error(outcome.error)
    return outcome.exit_code


def chosen_ui(parsed: argparse.Namespace) -> Showing:
    """The user interface of this invocation. Raises UsageError for a screen without a terminal."""
    if getattr(parsed, "child", ""):  # not every command that shows a session can be one
        return "none"
    if is_browser():
        return "screen"
    return opening(
        Invocation(
            command=parsed.command,
            streams=streams(),
            environ=os.environ,
            ui=parsed.ui,
            quiet=parsed.quiet,
            no_progress=no_progress(),
            dry_run=getattr(parsed, "dry_run", False),
            stay=parsed.stay,
            reads_stdin=reads_stdin(parsed),
            in_background=in_background(),
        )
    )


def no_progress() -> bool:
    """Whether nobody wants to see how far it is: --no-progress, which sets uv's variable for it."""
    return is_on(None, "UV_NO_PROGRESS")


def reads_stdin(parsed: argparse.Namespace) -> bool:
    """Whether requirements come from the standard input, so that keys cannot."""
    given = vars(parsed)
    files = [given.get("pylock", ""), given.get("list_file", "")]
    for name in ("requirement_files", "constraint_files", "overrides", "excludes"):
        files += given.get(name, ())
    if not any(files):
        return False
    from instui_engine.resolve import streams

    return streams.reads_stdin(files)


@contextmanager
def _user_interface(parsed: argparse.Namespace) -> "Iterator[tuple[Listener, ...]]":
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

        told = {"quiet": parsed.quiet, "verbose": parsed.verbose, "progress": not no_progress()}
        ui = PlainUI(feed, sys.stdout, **told)
    ui.start()
    try:
        yield (feed.put,)
    finally:
        ui.finish()
