"""`instui trace`: a session for programs that show traces, from its journal. It changes nothing but the file named."""

import argparse
from pathlib import Path

from instui.monitor.units import count
from instui.trace import chrome
from instui.trace.session_tracks import KEPT, Timed
from instui.trace.trace import trace
from instui_engine.errors import InstuiError, UsageError, printable, reason
from instui_engine.journal.events import Event

from .journals import find, look
from .output import print_lines


def show(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code. Raises InstuiError."""
    path = find(parsed)
    kept: list[Timed] = []

    def listen(t: float, event: Event) -> None:
        if isinstance(event, KEPT):
            kept.append((t, event))

    snapshot = look(path, listen)
    made = trace(snapshot, kept)
    lines = chrome.lines(made, snapshot)
    if parsed.output == "-":
        print_lines(lines)
        return 0
    target = Path(parsed.output)
    if path is not None and target.exists() and target.samefile(path):
        raise UsageError(f"{printable(parsed.output)} is the journal itself; give another file with -o")
    try:
        with target.open("w", encoding="ascii") as file:
            file.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        raise InstuiError(f"cannot write the trace {reason(error, target)}") from error
    slices = sum(len(track.slices) for group in made.groups for track in group.tracks)
    what = f"{count(slices, 'slice')}, {count(len(made.flows), 'flow')}"
    print_lines([f"{printable(parsed.output)}: {what}; ui.perfetto.dev or chrome://tracing shows it"])
    return 0
