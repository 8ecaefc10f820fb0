"""`instui explain`: why a session took so long, from its journal. It changes nothing."""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from instui.explain.explanation import Explanation, as_json, explain
from instui.lines.explained import report
from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.monitor.units import count
from instui_engine.errors import UsageError, printable, reason
from instui_engine.fs.files import open_regular
from instui_engine.journal.codec import decode
from instui_engine.journal.events import SCHEMA

from .output import print_error, print_lines

if TYPE_CHECKING:
    from instui_engine.target.environment import Environment

_EARLIER = 5  # sessions that say what is usual
_LIKE = 3  # times as many wheels are another kind of install
_EARLIER_BYTES = 3_000_000  # of all their journals


def show(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code. Raises InstuiError."""
    path = None if parsed.session == "-" else _journal(parsed)
    alive = path is not None and _alive(path)  # before it is read: what ends meanwhile has written so
    fold, damaged = _read(path)
    now = time.monotonic() - fold.session.clock if alive and fold.session is not None else 0.0
    if not alive:
        fold.abandon()
    snapshot = fold.snapshot(now)
    earlier = [] if path is None else list(_earlier(path, snapshot))
    explanation = explain(snapshot, earlier)
    if damaged:
        print_error(f"{count(damaged, 'damaged line')} of the journal {'is' if damaged == 1 else 'are'} left out")
    if fold.session is not None and fold.session.schema > SCHEMA:
        print_error(
            f"this journal is of a newer instui ({printable(fold.session.version)}): what is new in it is left out"
        )
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


# -- which journal


def _journal(parsed: argparse.Namespace) -> Path:
    """The journal that is meant: a file, or that of a session of the environment. Raises InstuiError."""
    name: str = parsed.session
    if name and Path(name).is_dir():
        raise UsageError(f"{printable(name)} is a directory; --python {printable(name)} explains its last session")
    if "/" in name or name.endswith(".jsonl") or (name and Path(name).is_file()):
        return Path(name)
    from .parsed import environment_from

    environment = environment_from(parsed, writable=False, any_python=True)
    paths = [path for directory in _directories(environment) for path in directory.glob("*.jsonl")]
    found = {path.stem: path for path in paths if path.is_file()}
    where, shown = printable(str(environment.top)), printable(name)
    if not found:
        raise UsageError(
            f"no session is recorded in {where}: a first one that changed nothing leaves no trace, unless --journal "
            "FILE keeps it; name another environment with --python"
        )
    matching = sorted(identity for identity in found if identity.startswith(name))
    if not matching:
        raise UsageError(f"no session of {where} is called {shown}; the newest one is {printable(max(found))}")
    if name and name not in found and len(matching) > 1:
        raise UsageError(f"{count(len(matching), 'session')} of {where} begin with {shown}; give more of the id")
    return found[name if name in found else matching[-1]]


def _directories(environment: "Environment") -> Iterator[Path]:
    """Where the journals of an environment are; a bare directory has those of past sessions elsewhere."""
    if environment.is_bare:
        from instui_engine.session.bare import journals

        if (kept := journals(environment)) is not None:
            yield kept
            with suppress(OSError):
                kept.rmdir()  # if it was made only because it was asked for
    yield environment.private / "sessions"


def _alive(path: Path) -> bool:
    from instui_engine.session.session import alive

    return alive(path)


# -- what is in it


def _read(path: Path | None) -> tuple[Fold, int]:
    """The events of a journal (None: stdin), and how many lines of it are damaged. Raises UsageError."""
    name = "stdin" if path is None else printable(str(path))
    try:
        if path is None:
            fold, damaged = _folded(sys.stdin.buffer)
        else:
            with open(open_regular(path), "rb") as file:
                fold, damaged = _folded(file)
    except OSError as error:
        raise UsageError(f"cannot read the journal {reason(error, path or name)}") from error
    if fold.session is None:
        raise UsageError(f"{name} is no journal of a session: it does not begin with session.started")
    return fold, damaged


def _folded(lines: Iterable[bytes]) -> tuple[Fold, int]:
    fold, damaged = Fold(), 0
    for line in lines:
        try:
            event = decode(line)
        except ValueError:
            damaged += line.endswith(b"\n")  # the last one may be incomplete, while somebody writes it
        else:
            if event is not None:
                fold.feed(*event)
    return fold, damaged


def _earlier(path: Path, snapshot: Snapshot) -> Iterator[Explanation]:
    """The sessions beside that of `path` that were earlier, of the same kind and successful; the newest first."""
    session = snapshot.session
    if session is None or path.stem != session.session:
        return  # a file that was put somewhere
    left, found = _EARLIER_BYTES, 0
    for other in sorted(path.parent.glob("*.jsonl"), reverse=True):
        with suppress(OSError, UsageError):
            if other.stem >= path.stem or other.stat().st_size > left:
                continue
            fold, _ = _read(other)
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
        (past.session.command[1:2], present.session.command[1:2]),
        (bool(past.doings), bool(present.doings)),
        (
            bool(past.totals.replaced or past.totals.reinstalled),
            bool(present.totals.replaced or present.totals.reinstalled),
        ),
    ]
    few, many = sorted((len(past.wheels), len(present.wheels)))
    return all(one == other for one, other in same) and (few > 0 or many == 0) and many <= _LIKE * few
