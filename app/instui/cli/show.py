"""`instui show DIST`: what uv shows, and whose files are where the distribution has its own."""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby

from instui.monitor.newest import in_order
from instui.monitor.recording import open_recording
from instui.monitor.sessions import journal_directories
from instui.monitor.units import age, count
from instui_engine.doctor.neighbours import Neighbours, neighbours
from instui_engine.errors import InstuiError, printable
from instui_engine.journal.codec import decode
from instui_engine.journal.events import CommitFinished, SessionStarted

from .distributions import Packages, named
from .output import print_error, print_lines
from .uv_pip import ask, complaint

_PATHS = 3  # paths shown of one owner
_COMMITTED = b'"commit.finished"'


def run(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code: 1 if one of those that are named is not installed. Raises InstuiError."""
    found = Packages(parsed)
    names = list(dict.fromkeys(named(parsed.arguments)))
    missing = [name for name in names if name not in found.installed]
    present = [name for name in names if name in found.installed]
    if parsed.json:
        found.answer(distributions=[_plain(found, name) for name in present], missing=missing)
    elif present:
        answer = ask("show", parsed, found.environment, ["--files"] if parsed.files else [], present)
        if answer.code:
            raise InstuiError(f"uv: {complaint(answer)}")
        print_lines(_with_ours(answer.lines, found))
    if missing:
        print_error(f"not installed: {', '.join(missing)}")
    return 1 if missing else 0


def _with_ours(lines: Sequence[str], found: Packages) -> Iterator[str]:
    """uv's blocks, each followed by what only this program knows of that distribution."""
    for is_rule, block in groupby(lines, key=lambda line: line == "---"):
        told = list(block)
        yield from told
        name = told[0].removeprefix("Name: ")
        if not is_rule and name in found.installed:
            yield from _ours(found, name)


def _ours(found: Packages, name: str) -> Iterator[str]:
    what = neighbours(found.environment, found.installed, found.installed[name])
    if problem := found.incomplete.get(name):
        yield f"Incomplete: {printable(problem)}; `instui doctor --repair` mends what it can"
    for word, paths in (("missing", what.missing), ("modified", what.modified)):
        if paths:
            yield f"{word.capitalize()}: {_paths(paths)}"
    yield from _shared("Overwritten-by", what.overwritten_by, what)
    yield from _shared("Overwrote", what.overwrote, what)
    if (session := _installed_by(found, name)) is not None:
        ago = age(max(0.0, time.time() - session.wall))
        yield f"Installed-in: session {printable(session.session)}, {ago} ago: {printable(' '.join(session.command))}"


def _shared(word: str, owners: Mapping[str, Sequence[str]], what: Neighbours) -> Iterator[str]:
    for owner, paths in owners.items():
        kept = sum(path in what.kept for path in paths)
        yield f"{word}: {printable(owner)}, {_paths(paths)}{f', {kept} kept' if kept else ''}"


def _paths(paths: Sequence[str]) -> str:
    more = ", ..." if len(paths) > _PATHS else ""
    names = (printable(path.rpartition("site-packages/")[2]) for path in paths[:_PATHS])
    return f"{count(len(paths), 'file')} ({', '.join(names)}{more})"


def _plain(found: Packages, name: str) -> dict[str, object]:
    what = neighbours(found.environment, found.installed, found.installed[name])
    session = _installed_by(found, name)
    requires = [f"{other}{bounds}" for other, bounds in found.requirements(found.installed[name])]
    needed_by = [
        other for other in found.installed if any(one == name for one, _ in found.requirements(found.installed[other]))
    ]
    return {
        **found.plain(name),
        "requires": requires,
        "required_by": sorted(needed_by),
        "paths": [row.path for row in what.listing.files],
        "missing": list(what.missing),
        "modified": list(what.modified),
        "overwritten_by": {owner: list(paths) for owner, paths in what.overwritten_by.items()},
        "overwrote": {owner: list(paths) for owner, paths in what.overwrote.items()},
        "kept": list(what.kept),
        "session": session and {"id": session.session, "command": " ".join(session.command), "started": session.wall},
    }


def _installed_by(found: Packages, name: str) -> SessionStarted | None:
    """The newest recorded session that has installed it; None if no journal says so, or another installer did it."""
    if found.installer(name) != "instui":
        return None
    paths = [path for directory in journal_directories(found.environment) for path in directory.glob("*.jsonl")]
    for path in reversed(in_order(path for path in paths if path.is_file())):
        begun: SessionStarted | None = None
        with suppress(InstuiError):
            for line in open_recording(path):
                if begun is not None and _COMMITTED not in line:
                    continue
                with suppress(ValueError):
                    match decode(line):
                        case (_, SessionStarted() as event):
                            begun = event
                        case (_, CommitFinished(wheel=wheel)) if wheel == name and begun is not None:
                            return begun
    return None
