"""`instui report`: a session as one HTML file. It reads a journal and writes that file, and nothing else."""

import argparse
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from instui.explain.activity import activity
from instui.explain.explanation import explain
from instui.monitor.model import Snapshot
from instui.monitor.units import size
from instui.overwritten.content import read_content
from instui.overwritten.difference import FileContent
from instui.report.notes import Note, note
from instui.report.page import page
from instui.report.session import Recorded
from instui_engine.errors import InstuiError, printable, reason
from instui_engine.fs.files import open_regular
from instui_engine.journal.events import Event
from instui_engine.target.environment import PRIVATE
from instui_engine.version import __version__

from . import output_file
from .explain import earlier_sessions
from .journals import find, look_closely
from .output import print_lines


def make(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code, which is 0 however the session has ended. Raises InstuiError."""
    output: str = parsed.output or ""
    path = find(parsed)
    output_file.check(output, path)  # before the work is done
    recorded = _recorded(path)
    data = page(recorded).encode("utf-8")
    if output == "-":
        _print(data)
        return 0
    target = output_file.write(output, recorded.snapshot, ".html", [data])
    if not parsed.quiet:
        print_lines([f"{printable(str(target))}, {size(len(data))}"])
    return 0


def _recorded(path: Path | None) -> Recorded:
    """The session in a journal, with all that a report tells. Raises UsageError."""
    journal, notes = bytearray(), list[Note]()

    def listen(t: float, event: Event) -> None:
        if (found := note(t, event)) is not None:
            notes.append(found)

    snapshot, damaged = look_closely(path, listen, journal)
    earlier = [] if path is None else list(earlier_sessions(path, snapshot))
    return Recorded(
        snapshot,
        explain(snapshot, earlier),
        earlier,
        activity(snapshot),
        notes,
        bytes(journal),
        damaged,
        _contents(snapshot, bytes(journal)),
        __version__,
    )


def _contents(snapshot: Snapshot, read: bytes) -> Callable[[str], FileContent] | None:
    """What reads the files of the environment; None if that has not recorded this very journal, as far as it was read.

    A journal may come from anywhere and name any directory and any two files in it, and a report is passed on.
    """
    session = snapshot.session
    if session is None or "/" in session.session:
        return None
    journal = Path(session.top) / PRIVATE / "sessions" / f"{session.session}.jsonl"
    with suppress(OSError, ValueError), open(open_regular(journal), "rb") as own:
        if read and own.read(len(read)) == read:
            return partial(read_content, session.top)
    return None


def _print(data: bytes) -> None:
    """Write the page to stdout. It is no error if the reader has gone away. Raises InstuiError."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        pass
    except OSError as error:
        raise InstuiError(f"cannot write to stdout: {reason(error)}") from error
