"""What the journal says of how the work was done: by which workers, and in which steps."""

from collections.abc import Callable
from pathlib import Path

import pytest

from instui_engine.commands import early
from instui_engine.journal.events import (
    CommitStarted,
    GroupFinished,
    LockReleased,
    StageStarted,
    UnpackStarted,
)
from instui_engine.stage import team
from support.environments import Venv, one_by_one
from support.wheelsmith import build_wheel


@pytest.fixture
def wheels(tmp_path: Path) -> list[Path]:
    return [
        build_wheel(tmp_path, f"w{number}", "1.0", {f"w{number}/{n}.py": b"x" for n in range(40)})
        for number in range(8)
    ]


def test_every_worker_has_a_number_from_1(
    venv: Callable[[], Venv], tmp_path: Path, wheels: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one(monkeypatch)
    target = Venv(venv().top, tmp_path / "cache")
    target.put(*wheels, jobs=2)
    for kind in (UnpackStarted, StageStarted, CommitStarted):
        started = target.lines.of(kind)
        assert len(started) == len(wheels)
        assert {event.worker for event in started} <= {1, 2}, kind


def test_a_helper_of_the_team_is_not_this_process(
    venv: Callable[[], Venv], wheels: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team, "FILES_EACH", 1)
    monkeypatch.setattr(team.os, "cpu_count", lambda: 3)
    seen: set[int] = set()

    class Slow(team.Team):
        def take(self) -> int | None:
            return None  # this process leaves everything to the helpers

    monkeypatch.setattr(early, "Team", Slow)
    target = venv()
    target.put(*wheels, jobs=3)
    seen = {event.worker for event in target.lines.of(StageStarted)}
    assert seen and seen <= {2, 3}


def test_the_steps_of_a_commit_are_measured(
    venv: Callable[[], Venv], wheels: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one(monkeypatch)
    target = venv()
    target.put(*wheels)
    for released in target.lines.of(LockReleased):
        assert min(released.check, released.record, released.rename) > 0
        assert released.sync == 0.0  # one file system
        assert released.check + released.record + released.rename <= released.held + 1e-5


def test_a_group_checks_and_records_for_all_of_its_wheels(venv: Callable[[], Venv], wheels: list[Path]) -> None:
    target = venv()
    target.put(*wheels)
    (group,) = target.lines.of(GroupFinished)
    released = target.lines.of(LockReleased)
    assert min(group.check, group.record) > 0
    assert all((one.check, one.record) == (0.0, 0.0) and one.rename > 0 for one in released)
    assert group.check + group.record + sum(one.rename for one in released) <= group.seconds + 1e-4
    target.put(wheels[0], reinstall=True)  # a group of one
    (alone,) = target.lines.of(LockReleased)
    assert min(alone.check, alone.record, alone.rename) > 0
