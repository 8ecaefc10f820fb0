"""`instui replay`: a recorded session on the full screen, at any speed, forwards and backwards. It changes nothing."""

import argparse
import os
from contextlib import nullcontext
from pathlib import Path

from instui.monitor.recording import MOST, Recording, begun
from instui.monitor.units import count, number
from instui.terminal import borrowed, is_browser, streams
from instui_engine.errors import UsageError

from .journals import find
from .output import print_error
from .signals import end_with_stdin

_NO_TERMINAL = "replay needs a terminal; `instui explain` says in lines what a session did"


def play(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code. Raises InstuiError."""
    path = find(parsed)
    if path is None:
        raise UsageError("replay reads the keys, so the journal cannot come from stdin; save it to a file")
    recording = Recording(begun(path))
    there = streams()
    if not is_browser() and (not (there.stdin or there.stdout) or os.environ.get("TERM", "dumb") == "dumb"):
        raise UsageError(_NO_TERMINAL)
    from instui.tui.app import InstuiApp, run
    from instui.tui.controller import ReadOnly
    from instui.tui.showing import Showing

    showing = Showing(recording, ReadOnly("REPLAY", _goes_on(path)), speed=parsed.speed)
    if is_browser():
        end_with_stdin()
    with nullcontext() if is_browser() else borrowed() as terminal:
        run(InstuiApp(showing, ascii=parsed.ascii, theme=parsed.theme, terminal=terminal))
    if damaged := showing.watch.damaged:
        print_error(f"{count(damaged, 'line')} of the journal could not be read")
    if recording.cut:
        print_error(f"the journal has more than {number(MOST)} lines; what comes after them was left out")
    return 0


def _goes_on(path: Path) -> str:
    """What is said at the end of the journal of a session that still runs; "" for others."""
    from instui_engine.session.session import alive

    if not alive(path):
        return ""
    return f"The session still runs: its journal was read as far as it went. `instui attach {path.stem}` follows it."
