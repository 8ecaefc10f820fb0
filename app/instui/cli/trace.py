"""`instui trace`: a session for programs that show traces, from its journal: in a file, or sent to a collector."""

import argparse
import socket
from collections.abc import Sequence
from pathlib import Path

from instui.monitor.model import Snapshot
from instui.monitor.units import count
from instui.trace import chrome
from instui.trace.session_tracks import KEPT, Timed
from instui.trace.trace import trace
from instui_engine.errors import InstuiError, UsageError, printable
from instui_engine.journal.events import Event

from . import output_file
from .journals import find, look
from .output import print_lines


def show(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code. Raises InstuiError."""
    path = find(parsed)
    kept: list[Timed] = []

    def listen(t: float, event: Event) -> None:
        if isinstance(event, KEPT):
            kept.append((t, event))

    output: str = parsed.output or ""
    output_file.check(output, path)  # before the work is done
    snapshot = look(path, listen)
    if output or parsed.otlp is None:
        done = _write(output, snapshot, kept)
        print_lines([done] if done and not parsed.quiet else [])
    if parsed.otlp is not None:
        done = _send(parsed.otlp, path, snapshot, kept)
        print_lines([] if parsed.quiet else [done])
    return 0


def _write(output: str, snapshot: Snapshot, kept: Sequence[Timed]) -> str:
    """Write the trace; return what is there now, in a line; "" if that is stdout."""
    made = trace(snapshot, kept)
    lines = chrome.lines(made, snapshot)
    if output == "-":
        print_lines(lines)
        return ""
    target = output_file.write(output, snapshot, ".json", (f"{line}\n".encode("ascii") for line in lines))
    slices = sum(len(track.slices) for group in made.groups for track in group.tracks)
    what = f"{count(slices, 'slice')}, {count(len(made.flows), 'flow')}"
    return f"{printable(str(target))}: {what}; ui.perfetto.dev or chrome://tracing shows it"


def _send(endpoint: str, path: Path | None, snapshot: Snapshot, kept: Sequence[Timed]) -> str:
    """Send the session; return how much that was, in a line. Raises InstuiError."""
    from instui.trace.otlp import Message, NotSent

    if not snapshot.over:
        raise UsageError("the session is still running; it can be sent when it is over")
    # the journals of an environment are of this machine; others may come from anywhere
    is_here = path is not None and path.parent.name == "sessions"
    try:
        number = Message(snapshot, kept, socket.gethostname() if is_here else "").send(endpoint)
    except NotSent as error:
        raise InstuiError(error.line) from error
    return f"{count(number, 'span')} sent"
