"""Of every second of a session the journal says what happened: its work lies within the parts that it names."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from instui.explain.attribution import attribute
from instui.monitor.fold import Fold
from instui_engine.commands.command import Recording
from instui_engine.commands.install_many import install_many
from instui_engine.journal import events
from instui_engine.session.options import Options
from support.environments import Lines, Venv
from support.wheelsmith import build_wheel

FLOOR, SHARE = 0.02, 0.02  # seconds, and of the wall clock
TRIES = 3  # a machine that does much else stops a process anywhere
AROUND = (
    events.SessionStarted,
    events.SessionFinished,
    events.SpanStarted,
    events.SpanFinished,
    events.LoadSampled,
    events.EnvironmentReleased,
)


def wheels_in(directory: Path, version: str) -> list[Path]:
    directory.mkdir()
    return [
        build_wheel(directory, f"pkg{number}", version, {f"pkg{number}/{n}.py": b"x" * 2000 for n in range(100)})
        for number in range(30)
    ]


def sessions(target: Venv, tmp_path: Path) -> Iterator[tuple[str, Lines]]:
    """Sessions of every kind, one after the other."""
    old, new = wheels_in(tmp_path / "old", "1.0"), wheels_in(tmp_path / "new", "2.0")
    target.put(*old, jobs=2, fsync=True)
    yield "cold", target.lines
    target.put(*old, jobs=2, reinstall=True)
    yield "again", target.lines
    target.put(*new, jobs=1, fsync=True)
    yield "upgrade", target.lines
    target.put(*old, dry_run=True)
    yield "dry run", target.lines
    target.put(new[0])
    yield "nothing to do", target.lines
    target.put(new[0], reinstall=True)
    yield "one wheel", target.lines
    target.remove(*(f"pkg{number}" for number in range(20)))
    yield "removal", target.lines
    lines: list[str] = []
    names = tmp_path / "list.txt"
    names.write_text("".join(f"{wheel}\n" for wheel in old))
    outcome = install_many(
        str(names),
        target.environment,
        Options(cache=target.cache, jobs=2, fsync=False),
        recording=Recording((lines.append,)),
    )
    assert outcome.exit_code == 0, outcome.error
    yield "list", Lines(lines)


def test_all_work_lies_within_the_parts_of_a_session(venv: Callable[[], Venv], tmp_path: Path) -> None:
    for name, lines in sessions(Venv(venv().top, tmp_path / "own-cache"), tmp_path):
        open_spans = 0
        for t, event in lines.events:
            open_spans += isinstance(event, events.SpanStarted)
            open_spans -= isinstance(event, events.SpanFinished)
            assert open_spans in (0, 1), name
            assert open_spans or isinstance(event, AROUND), (name, t, event)


def test_next_to_nothing_is_unexplained(venv: Callable[[], Venv], tmp_path: Path) -> None:
    least: dict[str, float] = {}  # of all tries, by how much there is more than there may be
    for number in range(TRIES):
        place = tmp_path / str(number)
        place.mkdir()
        for name, lines in sessions(Venv(venv().top, place / "own-cache"), place):
            fold = Fold()
            for t, event in lines.events:
                fold.feed(t, event)
            found = attribute(fold.snapshot(fold.now))
            assert sum(piece.seconds for piece in found.pieces) == pytest.approx(found.wall)
            more = found.unexplained - max(FLOOR, SHARE * found.wall)
            least[name] = min(more, least.get(name, more))
        if max(least.values()) <= 0:
            return
    assert {name: more for name, more in least.items() if more > 0} == {}
