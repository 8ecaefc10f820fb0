"""The full screen for an install: when it opens, and what stays on the normal screen afterwards."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from instui.terminal import Terminal, borrowed, in_background
from instui_engine.errors import printable

from .child import Child
from .output import print_error, print_lines
from .screen_rules import MOMENT, Showing, leaving
from .signals import end_with
from .watch import reads_stdin

if TYPE_CHECKING:
    from instui.monitor.model import Snapshot
    from instui.tui.controller import Result

_WARNINGS = 10  # the most that are repeated below the screen
_CHECK = 0.05  # seconds between two looks at whether the screen should open


def watch_child(
    parsed: argparse.Namespace,
    arguments: Sequence[str],
    identity: str,
    journal: Path,
    may_be_left: bool = True,
    then: "Callable[[Result], None]" = lambda _: None,
) -> int:
    """Run the command line `arguments` as a child and show its session; return the exit code.

    The child is started before what shows it is loaded, be it lines or the screen. What is over before the screen opens
    prints lines. An install that may not run unattended is cancelled when the user leaves. `then` is called with what
    the screen has ended with.
    """
    fresh = not journal.parent.parent.exists()
    with ExitStack() as stack:
        terminal = stack.enter_context(borrowed())
        # Signals are passed on from the start: the child gets no ctrl+c, and nobody else knows that it runs.
        signals = stack.enter_context(_Signals())
        child = stack.enter_context(closing(Child(arguments, identity, journal, may_be_left, reads_stdin(parsed))))
        signals.pass_on_to(child)
        result: Result | None = None
        try:
            if _opens(parsed.ui, child, signals, parsed.stay):
                signals.leave_install_when_hung_up(terminal)
                result = _show(parsed, child, terminal)
        except Exception as error:  # a screen that fails must not hide an install that continues
            terminal.restore()
            print_error(
                f"the screen failed ({str(error) or repr(error)}; INSTUI_DEBUG=1 shows where); going on with lines"
            )
        if result is not None:
            then(result)
            return _after(parsed, child, result, fresh)
        code = _as_lines(parsed, child)
        forget_untouched(fresh, to_the_end(None, journal), journal)
        return code


def _opens(showing: Showing, child: Child, signals: "_Signals", stay: bool) -> bool:
    """Wait until it is clear whether the screen opens. It does not where the command ends first, or is told to."""
    takes_long = showing == "screen when it takes long"
    opens_at = time.monotonic() + MOMENT  # loading the screen would take half a core from what is over in a moment
    while showing != "screen" and not signals.heard():
        if child.ends_within(_CHECK):
            return stay and child.began()
        if time.monotonic() >= opens_at and child.began():
            break
    if signals.heard():
        return False
    from instui.tui.loading import load

    load()  # only here: loading Textual takes time, which is for nothing without a screen
    return not signals.heard() and not (takes_long and (in_background() or child.ends_within(0)))


def _show(parsed: argparse.Namespace, child: Child, terminal: Terminal) -> "Result":
    from instui.monitor.history import History
    from instui.tui.app import run_app

    rule = partial(leaving, stay=parsed.stay)
    look = {"ascii": parsed.ascii, "theme": parsed.theme, "demo": getattr(parsed, "scenario", "")}
    with closing(child.source()) as source:
        return run_app(source, child, leaving=rule, terminal=terminal, history=History(), **look)


def _after(parsed: argparse.Namespace, child: Child, result: "Result", fresh: bool) -> int:
    """Say on the normal screen what there was to see; wait for the child, and return its exit code."""
    from instui.explain.summary import summary
    from instui.tui.controller import Left

    journal, may_be_left = child.journal, child.may_be_left
    left = isinstance(result, Left)
    if left and child.alive():
        if may_be_left and not child.ending:
            print_lines(
                [
                    f"the install goes on without a screen, as pid {child.pid}; back to it with",
                    f"  {way_back(journal.stem, may_control=True)}",
                    f"  its journal: {printable(str(journal))}",
                ]
            )
            return 0
        child.cancel()
    code = child.wait()
    snapshot = to_the_end(result.snapshot, journal)
    if snapshot.session is not None:
        print_lines([*warnings_in(journal), *summary(snapshot, quiet=parsed.quiet)])
    forget_untouched(fresh, snapshot, journal)
    return code if left and not may_be_left else _end(child, code)


class _Signals:
    """The signals that this process hears while its child installs, and passes on to it."""

    def __init__(self) -> None:
        self._heard = 0  # the number of the last one
        self._child: Child | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> "_Signals":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            ignored = number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN  # nohup
            if not ignored:
                self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def heard(self) -> bool:
        """Whether one was heard that asked this program to end."""
        return self._heard != 0

    def pass_on_to(self, child: Child) -> None:
        """Pass on what was heard, and what will be."""
        self._child = child
        if self._heard:
            child.terminate(self._heard)

    def _stop(self, number: int, frame: object) -> None:
        # The child does not hear hang-ups. Without a screen one ends it, as it ends an install that prints lines.
        self._heard = signal.SIGTERM if number == signal.SIGHUP else number
        if self._child is not None:
            self._child.terminate(self._heard)

    def leave_install_when_hung_up(self, terminal: Terminal) -> None:
        """From now on the end of the terminal ends this process alone, even if it ignored that (nohup)."""
        for number in (signal.SIGHUP, signal.SIGQUIT):
            self._before.setdefault(number, signal.getsignal(number))
        end_with(terminal, (signal.SIGHUP, signal.SIGQUIT))


def way_back(which: str, *, may_control: bool) -> str:
    """The command that shows running sessions again."""
    return f"instui attach {printable(which)}{' --control' if may_control else ''}"


def to_the_end(snapshot: "Snapshot | None", journal: Path) -> "Snapshot":
    """`snapshot`, or a later one that has the end of the session."""
    from instui.monitor.fold import Fold
    from instui.monitor.reader import read

    if snapshot is not None and snapshot.finished is not None:
        return snapshot
    fold = Fold()
    with suppress(OSError):
        for t, event in read(journal):
            fold.feed(t, event)
    return fold.snapshot(fold.now)


def warnings_in(journal: Path) -> list[str]:
    """The warnings of the session: on the screen they are among the events, which may have gone unseen."""
    from instui.monitor.reader import decoded
    from instui.monitor.units import count
    from instui_engine.journal.events import Warned

    found: dict[str, None] = {}
    with suppress(OSError), journal.open(encoding="utf-8", errors="replace") as lines:
        for _, event in decoded(line for line in lines if '"warned"' in line):
            if isinstance(event, Warned):
                wheel = f"{printable(event.wheel)}: " if event.wheel else ""
                found[f"warning: {wheel}{printable(event.text)}"] = None
    more = len(found) - _WARNINGS
    return [*list(found)[:_WARNINGS], *([f"  and {count(more, 'more warning')}"] if more > 0 else [])]


def forget_untouched(fresh: bool, snapshot: "Snapshot", journal: Path) -> None:
    """Remove the journal from an environment that was not touched: the child cannot know when it has been read."""
    if not fresh or snapshot.totals.committed or snapshot.totals.removed:
        return
    private = journal.parent.parent
    with suppress(OSError):
        if os.listdir(private) == [journal.parent.name] and os.listdir(journal.parent) == [journal.name]:
            from instui_engine.session.session import forget

            forget(journal)


def _as_lines(parsed: argparse.Namespace, child: Child) -> int:
    from instui.lines.plain import PlainUI

    sys.stdout.flush()
    ui = PlainUI(child.source(), sys.stdout, quiet=parsed.quiet, verbose=parsed.verbose)
    ui.start()
    code = child.wait()
    ui.finish()
    return _end(child, code)


def _end(child: Child, code: int) -> int:
    for remark in child.remarks():
        print_error(remark)
    error = child.error()
    if error:
        print_error(error)
    return code
