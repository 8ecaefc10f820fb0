"""The full screen for an install, and what stays on the normal screen afterwards."""

import argparse
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from instui.lines.plain import PlainUI
from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.monitor.reader import decoded, read
from instui.monitor.summary import summary
from instui.monitor.units import count
from instui_engine.errors import printable
from instui_engine.journal.events import Warned
from instui_engine.session.session import forget

from .child import Child
from .output import print_error, print_lines

_WARNINGS = 10  # the most that are repeated below the screen


def watch_child(
    parsed: argparse.Namespace, arguments: Sequence[str], identity: str, journal: Path, may_be_left: bool = True
) -> int:
    """Run the command line `arguments` as a child; show its session until the user leaves; return the exit code.

    An install that may not run unattended is cancelled when the user leaves.
    """
    from instui.tui.app import run_app
    from instui.tui.controller import Left

    fresh = not journal.parent.parent.exists()
    child: Child | None = None

    def stop(number: int, frame: object) -> None:
        if child is not None:
            child.terminate(number)

    # Signals are passed on from the start: the child gets no ctrl+c, and nobody else knows that it runs.
    with ExitStack() as stack:
        stack.enter_context(_handled(stop))
        _end_with_the_terminal()
        child = stack.enter_context(closing(Child(arguments, identity, journal, may_be_left)))
        try:
            with closing(child.source()) as source:
                result = run_app(source, child, ascii=parsed.ascii, theme=parsed.theme)
        except Exception as error:  # a screen that fails must not hide an install that continues
            print_error(
                f"the screen failed ({str(error) or repr(error)}; INSTUI_DEBUG=1 shows where); going on with lines"
            )
            return _as_lines(parsed, child)
        left = isinstance(result, Left)
        if left and child.alive():
            if may_be_left and not child.ending:
                goes_on = f"the install goes on without a screen, as pid {child.pid}"
                print_lines([goes_on, f"  its journal: {printable(str(journal))}"])
                return 0
            child.cancel()
        code = child.wait()
        snapshot = _to_the_end(result.snapshot, journal)
        if snapshot.session is not None:
            print_lines([*_warnings(journal), *summary(snapshot, quiet=parsed.quiet)])
        if fresh and not snapshot.totals.committed and not snapshot.totals.removed:
            _forget(journal)
        return code if left and not may_be_left else _end(child, code)


@contextmanager
def _handled(stop: "signal._HANDLER") -> Iterator[None]:
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_with_the_terminal() -> None:
    """End this process when the window is closed, even if it was started to ignore that (nohup).

    Textual would not notice: its thread for the keys would read the end of its input again and again.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    poller = select.poll()
    poller.register(sys.stdin, 0)

    def wait() -> None:
        if any(flags & select.POLLHUP for _, flags in poller.poll()):
            os.kill(os.getpid(), signal.SIGHUP)

    threading.Thread(target=wait, name="hang-up", daemon=True).start()


def _to_the_end(snapshot: Snapshot, journal: Path) -> Snapshot:
    """`snapshot`, or a later one that has the end of the session."""
    if snapshot.finished is not None:
        return snapshot
    fold = Fold()
    with suppress(OSError):
        for t, event in read(journal):
            fold.feed(t, event)
    return fold.snapshot(fold.now)


def _warnings(journal: Path) -> list[str]:
    """The warnings of the session: on the screen they are among the events, which may have gone unseen."""
    found: dict[str, None] = {}
    with suppress(OSError), journal.open(encoding="utf-8", errors="replace") as lines:
        for _, event in decoded(line for line in lines if '"warned"' in line):
            if isinstance(event, Warned):
                wheel = f"{printable(event.wheel)}: " if event.wheel else ""
                found[f"warning: {wheel}{printable(event.text)}"] = None
    more = len(found) - _WARNINGS
    return [*list(found)[:_WARNINGS], *([f"  and {count(more, 'more warning')}"] if more > 0 else [])]


def _forget(journal: Path) -> None:
    """Remove the journal from an environment that was not touched: the child cannot know when it has been read."""
    private = journal.parent.parent
    with suppress(OSError):
        if os.listdir(private) == [journal.parent.name] and os.listdir(journal.parent) == [journal.name]:
            forget(journal)


def _as_lines(parsed: argparse.Namespace, child: Child) -> int:
    ui = PlainUI(child.source(), sys.stdout, quiet=parsed.quiet, verbose=parsed.verbose)
    ui.start()
    code = child.wait()
    ui.finish()
    return _end(child, code)


def _end(child: Child, code: int) -> int:
    error = child.error()
    if error:
        print_error(error)
    return code
