"""`instui explain`: why a session took so long, from its journal. It changes nothing."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise, takewhile
from pathlib import Path

from instui.explain.explanation import Explanation, as_json, explain
from instui.lines.explained import report
from instui.monitor.model import Snapshot
from instui.monitor.newest import in_order
from instui_engine.errors import UsageError

from .journals import find, look, read
from .output import print_lines

_EARLIER = 5  # sessions that say what is usual
_LIKE = 3  # times as many wheels, or bytes, are another kind of install
_LITTLE = 1_000_000  # bytes of wheels, below which their number says more
_EARLIER_BYTES = 3_000_000  # of all their journals


def show(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code. Raises InstuiError."""
    path = find(parsed)
    snapshot = look(path)
    earlier = [] if path is None else list(earlier_sessions(path, snapshot))
    explanation = explain(snapshot, earlier)
    if parsed.json:
        print_lines([json.dumps(as_json(explanation))])
        return 0
    print_lines(report(explanation, snapshot, earlier, time.time(), _columns()))
    return 0


def _columns() -> int:
    """The width of the terminal; 0 elsewhere, where nothing has to fit."""
    if not sys.stdout.isatty():
        return 0
    from shutil import get_terminal_size

    return get_terminal_size().columns


def earlier_sessions(path: Path, snapshot: Snapshot) -> Iterator[Explanation]:
    """The sessions beside that of `path` that were earlier, of the same kind and successful; the newest first."""
    session = snapshot.session
    if session is None or path.stem != session.session:
        return  # a file that was put somewhere
    left, found = _EARLIER_BYTES, 0
    before = takewhile(lambda other: other != path, in_order({path, *path.parent.glob("*.jsonl")}))
    for other in reversed(list(before)):
        with suppress(OSError, UsageError):
            if other.stat().st_size > left:
                continue
            fold, _ = read(other)
            left -= other.stat().st_size
            past = fold.snapshot(0.0)
            if _is_like(past, snapshot):
                found += 1
                yield explain(past, simulate=False)
        if found == _EARLIER:
            return


def _is_like(past: Snapshot, present: Snapshot) -> bool:
    """Whether an earlier session says what is usual for the present one: it did the same kind of work, and did it."""
    if past.finished is None or past.finished.exit or past.session is None or present.session is None:
        return False
    same: Sequence[tuple[object, object]] = [
        (_slow(past.session.command), _slow(present.session.command)),
        (past.session.command[1:2], present.session.command[1:2]),
        (bool(past.doings), bool(present.doings)),
        (
            bool(past.totals.replaced or past.totals.reinstalled),
            bool(present.totals.replaced or present.totals.reinstalled),
        ),
    ]
    few, many = sorted((len(past.wheels), len(present.wheels)))
    less, more = sorted(max(sum(wheel.size for wheel in one.wheels), _LITTLE) for one in (past, present))
    is_as_large = (few > 0 or many == 0) and many <= _LIKE * few and more <= _LIKE * less
    return all(one == other for one, other in same) and is_as_large


def _slow(command: Sequence[str]) -> str:
    """What --slow says in a command; "0" if nothing."""
    slow = "0"
    for word, after in pairwise((*command, "")):
        if word == "--slow" or word.startswith("--slow="):
            slow = word.partition("=")[2] or after
    return slow
