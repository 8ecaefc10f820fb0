"""A wheel that fails in any phase is told in the journal, by its own line, once; and the command ends as ever."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from instui_engine.commands.command import Recording
from instui_engine.commands.install import install
from instui_engine.errors import InstuiError, LockTimeoutError
from instui_engine.fs.flock import open_and_try
from instui_engine.journal.events import CommitFinished, SessionFinished, WheelFailed
from instui_engine.journal.writer import Journal
from instui_engine.locks.names import lock_name
from instui_engine.plan import conflicts
from instui_engine.resolve.request import Request
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.stage import wheel as stage_wheel
from support.environments import Lines, Venv, one_by_one
from support.webserver import Page, WebServer
from support.wheelsmith import build_wheel


@pytest.fixture
def target(venv: Callable[[], Venv], tmp_path: Path) -> Venv:
    return Venv(venv().top, tmp_path / "own-cache")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return build_wheel(tmp_path, "good", "1.0", {"good/m.py": b"x"})


def failed(target: Venv, *wheels: Path, **options: object) -> tuple[str, str]:
    """Install, which must fail; the one wheel that the journal says has failed, and why."""
    outcome = target.install(*wheels, **options)  # type: ignore[arg-type]
    (event,) = target.lines.of(WheelFailed)
    (over,) = target.lines.of(SessionFinished)
    assert over.error == outcome.error == event.error
    assert over.exit == outcome.exit_code != 0
    return event.wheel, event.error


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_bad_wheel(target: Venv, tmp_path: Path, good: Path, jobs: int) -> None:
    bad = build_wheel(tmp_path, "bad", "1.0", {"bad/m.py": b"x"})
    content = bad.read_bytes()
    bad.write_bytes(content.replace(b"bad/m.py", b"bad/n.py", 1))
    assert failed(target, good, bad, jobs=jobs)[0] == "bad"


def test_two_bad_wheels_are_two_failures(target: Venv, tmp_path: Path) -> None:
    wheels = []
    for name in ("a", "b"):
        wheels.append(build_wheel(tmp_path, name, "1.0", {f"{name}/m.py": b"x"}))
        wheels[-1].write_bytes(wheels[-1].read_bytes()[:-30])
    target.install(*wheels, jobs=2)
    names = [event.wheel for event in target.lines.of(WheelFailed)]
    assert names and len(names) == len(set(names))


def test_a_wheel_with_another_hash_than_demanded_and_one_that_cannot_be_had(target: Venv, tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path, "pkg", "1.0", {"pkg/m.py": b"x"})
    with WebServer() as server:
        server.pages[f"/{wheel.name}"] = Page(wheel.read_bytes())
        for place in (f"{server.url}/{wheel.name}#sha256={'0' * 64}", f"{server.url}/none/{wheel.name}"):
            lines: list[str] = []
            request = Request(arguments=(f"pkg @ {place}",), no_deps=True)
            options = Options(cache=target.cache, fsync=False)
            outcome = install(request, target.environment, options, None, Recording((lines.append,)))
            assert outcome.exit_code == 1
            # what uv meets already while it decides belongs to no wheel yet
            for event in Lines(lines).of(WheelFailed):
                assert (event.wheel, event.error) == ("pkg", outcome.error)


def test_a_wheel_that_cannot_be_staged(target: Venv, good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stage_wheel, "generate", full)
    name, error = failed(target, good)
    assert name == "good" and "cannot stage good 1.0" in error


def test_a_wheel_for_which_there_is_no_place(target: Venv, tmp_path: Path, good: Path) -> None:
    clash = build_wheel(tmp_path, "clash", "1.0", {"good/m.py/x.py": b"a directory where good has a file"})
    assert failed(target, good, clash)[0] in ("good", "clash")


def test_a_conflict_that_is_to_fail(target: Venv, tmp_path: Path, good: Path) -> None:
    other = build_wheel(tmp_path, "other", "1.0", {"good/m.py": b"y"})
    assert failed(target, good, other, fail_on_conflict=True)[0] == "other"


def test_a_conflict_of_an_owner_that_is_no_wheel_of_the_plan(
    target: Venv, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlaps = conflicts.Overlaps((), (conflicts.Conflict("a.py", "one 1.0", "two 1.0"),), {})
    monkeypatch.setattr(conflicts, "find", lambda *_: overlaps)
    outcome = target.install(good, fail_on_conflict=True)
    assert outcome.exit_code == 3 and "would be replaced by two 1.0" in outcome.error
    assert target.lines.of(WheelFailed) == []


def test_a_claim_that_was_not_to_be_had_in_time(
    target: Venv, tmp_path: Path, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails the wheel that asked for it, not those that stop because of that."""
    one_by_one(monkeypatch)
    wheels = [good, *(build_wheel(tmp_path, f"w{n}", "1.0", {f"w{n}/m.py": b"x"}) for n in range(3))]
    target.put(build_wheel(tmp_path, "before", "1.0", {"before/m.py": b"x"}))
    taken, free = open_and_try(target.environment.private / "locks" / lock_name("@good"), shared=False)
    assert free
    try:
        name, error = failed(target, *wheels, jobs=4, lock_timeout=0.2)
    finally:
        os.close(taken)
    assert name == "good" and "waited 0.2 s for the claim" in error


def test_the_lock_of_the_environment_is_nobodys_failure(target: Venv, good: Path) -> None:
    target.put(good)
    taken, free = open_and_try(target.environment.lock_path, shared=False)
    assert free
    try:
        outcome = target.install(good, reinstall=True, lock_timeout=0.2)
    finally:
        os.close(taken)
    assert isinstance(outcome.failure, LockTimeoutError)
    assert not target.lines.of(WheelFailed)


def test_who_is_interrupted_has_not_failed(target: Venv, good: Path) -> None:
    control = Control()
    control.cancel(130)
    outcome = target.install(good, control=control)
    assert outcome.exit_code == 130
    assert not target.lines.of(WheelFailed) and not target.lines.of(CommitFinished)


def test_who_stops_because_of_anothers_failure_has_not_failed() -> None:
    """All workers raise the first failure when they are told to stop."""
    lines: list[str] = []
    context = Context(Options(), Journal((lines.append,)), Control())
    error = InstuiError("the disk is full")
    context.wheel_failed("a", error)
    context.wheel_failed("b", error)
    assert [event.wheel for event in Lines(lines).of(WheelFailed)] == ["a"]
