"""Which recorded session a command means, and what its journal says: for all commands that read one."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.monitor.newest import in_order, newest
from instui.monitor.recording import MOST, lines_of, open_recording
from instui.monitor.sessions import KnownSession, journal_directories, journal_of, running
from instui.monitor.standstill import Standstill
from instui.monitor.units import count, number
from instui_engine.errors import TargetError, UsageError, printable, reason
from instui_engine.journal.codec import decode
from instui_engine.journal.events import SCHEMA, Event

from .output import print_error


def find(parsed: argparse.Namespace) -> Path | None:
    """The journal that is meant: a file, or that of a session of the environment; None: stdin. Raises InstuiError.

    Without a name it is the newest session that did something; stderr says so if another one came after it. Where the
    environment has recorded none, it is the file of INSTUI_JOURNAL: a first session that failed leaves only that.
    Where there is no environment, a name may be that of a session that runs in another one.
    """
    name: str = parsed.session
    if name == "-":
        return None
    if name and Path(name).is_dir():
        raise UsageError(f"{printable(name)} is a directory; --python {printable(name)} means its last session")
    if "/" in name or name.endswith((".jsonl", ".html")) or (name and Path(name).is_file()):
        return Path(name)
    from .parsed import environment_from

    try:
        environment = environment_from(parsed, writable=False, any_python=True)
    except TargetError as error:
        if not name or parsed.python or parsed.target or parsed.prefix:
            raise
        return _running(name, error)
    paths = [path for directory in journal_directories(environment) for path in directory.glob("*.jsonl")]
    found = {path.stem: path for path in in_order(path for path in paths if path.is_file())}
    where, shown = printable(str(environment.top)), printable(name)
    if not found:
        if not name and (file := os.environ.get("INSTUI_JOURNAL", "")) and Path(file).is_file():
            return Path(file)
        raise UsageError(
            f"no session is recorded in {where} yet; install something first (--journal FILE keeps a failed install, "
            "too), or name another environment with --python"
        )
    if not name:
        return _newest(found.values())
    matching = [identity for identity in found if identity.startswith(name)]
    if not matching:
        raise UsageError(f"no session of {where} is called {shown}; the newest one is {printable(list(found)[-1])}")
    if name not in found and len(matching) > 1:
        raise UsageError(f"{count(len(matching), 'session')} of {where} begin with {shown}; give more of the id")
    return found[name if name in found else matching[-1]]


def _running(name: str, error: TargetError) -> Path:
    """The journal of the session of that name that runs in any environment, where there is no environment here.

    Raises InstuiError.
    """
    found = [one for one in running() if one.session.startswith(name)]
    if len(found) > 1:
        raise UsageError(f"{len(found)} running sessions begin with {printable(name)}; give more of the id") from error
    if found:
        return journal_of(found[0])
    raise TargetError(
        f"no running session is called {printable(name)}, and recorded ones are looked for in one environment, but "
        "there is none here; name it with --python"
    ) from error


def _newest(journals: Collection[Path]) -> Path:
    found = newest(journals)
    assert found is not None
    if found.passed is not None:
        print_error(_passed(found.passed))
    return found.journal


def _passed(one: KnownSession) -> str:
    """What is said of the newest session if an earlier one is taken."""
    did = f"failed at once: {one.error}" if one.error else "had nothing to do"
    return f"this is the newest session that did something; after it, {one.session} {did}"


def look(path: Path | None, listen: Callable[[float, Event], None] | None = None) -> Snapshot:
    """The session in a journal, to its end or to this moment. `listen` gets each event. Raises UsageError.

    What of the journal is left out, because it is damaged or of a newer version, is said on stderr.
    """
    return look_closely(path, listen)[0]


def look_closely(
    path: Path | None, listen: Callable[[float, Event], None] | None = None, keep: bytearray | None = None
) -> tuple[Snapshot, int]:
    """The same, and the number of damaged lines. `keep` gets the journal itself."""
    is_alive = path is not None and _alive(path)  # before it is read: what ends meanwhile has written so
    fold, damaged = read(path, listen, keep)
    now = time.monotonic() - fold.session.clock if is_alive and fold.session is not None else 0.0
    if not is_alive:
        fold.abandon()
    if damaged:
        print_error(f"{count(damaged, 'damaged line')} of the journal {'is' if damaged == 1 else 'are'} left out")
    if fold.session is not None and fold.session.schema > SCHEMA:
        version = printable(fold.session.version)
        print_error(f"this journal is of a newer instui ({version}): what is new in it is left out")
    snapshot = fold.snapshot(now)
    return Standstill().shown(snapshot, fold.now) if is_alive else snapshot, damaged


def _alive(path: Path) -> bool:
    from instui_engine.session.session import alive

    return alive(path)


def read(
    path: Path | None, listen: Callable[[float, Event], None] | None = None, keep: bytearray | None = None
) -> tuple[Fold, int]:
    """The events of a journal (None: stdin), and how many lines of it are damaged. Raises UsageError."""
    name = "stdin" if path is None else printable(str(path))
    try:
        lines = lines_of(sys.stdin.buffer) if path is None else open_recording(path)
        fold, damaged = _folded(lines, listen, keep)
    except OSError as error:
        raise UsageError(f"cannot read the journal {reason(error, name)}") from error
    except ValueError as error:
        raise UsageError(f"{name} is {error}") from error
    if fold.session is None:
        raise UsageError(f"{name} is no journal of a session: it does not begin with session.started")
    return fold, damaged


def _folded(
    lines: Iterable[bytes], listen: Callable[[float, Event], None] | None, keep: bytearray | None
) -> tuple[Fold, int]:
    fold, damaged = Fold(), 0
    for place, line in enumerate(lines):
        if place == MOST:
            print_error(f"the journal has more than {number(MOST)} lines; what comes after them was left out")
            break
        if keep is not None:
            keep += line
        try:
            event = decode(line)
        except ValueError:
            damaged += line.endswith(b"\n")  # the last one may be incomplete, while somebody writes it
        else:
            if event is not None:
                fold.feed(*event)
                if listen is not None:
                    listen(*event)
    return fold, damaged
