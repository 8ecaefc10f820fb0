"""A single wheel is cancelled: its distribution stays as it was before, and all others are installed as without it."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import Start
from instui_engine.commands import planning
from instui_engine.commands.install_many import install_many
from instui_engine.commands.uninstall import uninstall
from instui_engine.commit import commit as committing
from instui_engine.commit.executor import Executor
from instui_engine.errors import LinesError, WheelsCancelledError
from instui_engine.journal.events import (
    CommitFinished,
    GroupFinished,
    LockWaiting,
    Overwrite,
    SessionStarted,
    StageStarted,
    Warned,
    WheelAdded,
    WheelCancelled,
)
from instui_engine.locks.claims import derive
from instui_engine.locks.live_sessions import live_sessions
from instui_engine.locks.lock_files import ClaimFiles
from instui_engine.locks.proc_locks import read_locks
from instui_engine.session.control import Control, send
from instui_engine.session.options import Options
from instui_engine.stage import staging
from instui_engine.store import acquire as acquiring
from instui_engine.store import obtain as obtaining
from support.environments import PATIENCE, Venv, one_by_one, until
from support.trees import differences, tree
from support.wheelsmith import build_wheel

Target = Callable[[], Venv]
Patch = pytest.MonkeyPatch


def wheels(directory: Path, version: str = "1.0") -> list[Path]:
    """`first`, `second` and `third` share a file that differs, and `third` requires `second`; `apart` has its own."""
    made = [
        build_wheel(
            directory,
            name,
            version,
            {f"{name}/__init__.py": name.encode(), "shared/data.txt": f"{name} {version}".encode()},
            requires=["second"] if name == "third" else [],
        )
        for name in ("first", "second", "third")
    ]
    return [*made, build_wheel(directory, "apart", version, {"apart.py": b"x = 1\n"})]


def before(patch: Patch, owner: Any, name: str, happens: Callable[[], None]) -> None:
    """Let something happen just before the first call of a function."""
    real, left = getattr(owner, name), [happens]

    def call(*arguments: Any, **options: Any) -> Any:
        while left:
            left.pop()()
        return real(*arguments, **options)

    patch.setattr(owner, name, call)


STEPS = {
    "while others are acquired": (acquiring, "acquire"),
    "before the plan": (planning, "plan_wheels"),
    "before the stage": (staging.Staging, "run"),
    "while others are staged": (staging.StagedWheel, "finish"),
    "after the stage": (committing, "Commit"),
    "while another one is committed": (Executor, "carry_out"),
}


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("step", STEPS)
def test_the_others_are_installed_as_without_it(
    step: str, grouped: bool, tmp_path: Path, venv: Target, monkeypatch: Patch
) -> None:
    without, target, control = venv(), venv(), Control()
    files = wheels(tmp_path)
    without.put(files[0], *files[2:])
    if not grouped:
        one_by_one(monkeypatch)
    answers: list[str] = []
    before(monkeypatch, *STEPS[step], lambda: answers.append(control.cancel_wheel("Second")))
    outcome = target.install(*files, control=control)
    assert isinstance(outcome.failure, WheelsCancelledError)
    assert (outcome.exit_code, outcome.failure.wheels) == (1, ("second",))
    assert outcome.error == "second was cancelled and left as before; everything else is done"
    assert answers[0].startswith("ok")
    assert not differences(
        {path: what for path, what in tree(without.site).items() if "RECORD" not in path},
        {path: what for path, what in tree(target.site).items() if "RECORD" not in path},
    )
    lines = target.lines
    assert [one.wheel for one in lines.of(WheelCancelled)] == ["second"]
    assert sorted(one.wheel for one in lines.of(CommitFinished)) == ["apart", "first", "third"]
    assert [(one.old, one.new) for one in lines.of(Overwrite)] == [("first 1.0", "third 1.0")]
    assert [one.wheel for one in lines.of(Warned)] == ["second"]  # third requires it
    assert target.stages() == []


@pytest.mark.parametrize("grouped", [True, False])
def test_an_old_version_stays_and_keeps_its_files(
    grouped: bool, tmp_path: Path, venv: Target, monkeypatch: Patch
) -> None:
    target, control = venv(), Control()
    old = tmp_path / "old"
    old.mkdir()
    target.put(*wheels(old))
    there = tree(target.site)
    if not grouped:
        one_by_one(monkeypatch)
    new = [build_wheel(tmp_path, "second", "2.0", {"second/new.py": b""}), wheels(tmp_path, "2.0")[3]]
    before(monkeypatch, committing, "Commit", lambda: control.cancel_wheel("second") and None)
    assert target.install(*new, control=control).exit_code == 1
    changed = differences(there, tree(target.site))
    assert changed
    assert all(line.startswith("apart") for line in changed)


def test_files_of_the_old_version_that_stay_are_told_as_overwritten(
    tmp_path: Path, venv: Target, monkeypatch: Patch
) -> None:
    """By the plan they would have been gone when the next wheel comes."""
    target, control = venv(), Control()
    target.put(build_wheel(tmp_path, "giver", "1.0", {"common/file.py": b"old"}))
    giver = build_wheel(tmp_path, "giver", "2.0", {"giver.py": b""})
    taker = build_wheel(tmp_path, "taker", "1.0", {"common/file.py": b"new"})
    before(monkeypatch, committing, "Commit", lambda: control.cancel_wheel("giver") and None)
    assert target.install(giver, taker, control=control).exit_code == 1
    assert [(one.path, one.old) for one in target.lines.of(Overwrite)] == [
        (f"{target.site.relative_to(target.top)}/common/file.py", "giver 1.0")
    ]
    target.remove("taker")
    assert (target.site / "common/file.py").read_bytes() == b"old"


@pytest.mark.parametrize("grouped", [True, False])
def test_it_is_refused_once_the_commit_has_begun(
    grouped: bool, tmp_path: Path, venv: Target, monkeypatch: Patch
) -> None:
    target, control = venv(), Control()
    if not grouped:
        one_by_one(monkeypatch)
    answers: list[str] = []
    before(monkeypatch, Executor, "carry_out", lambda: answers.append(control.cancel_wheel("first")))
    assert target.install(*wheels(tmp_path), control=control).exit_code == 0
    assert answers == ["no the commit of first has begun, or is over"]
    assert target.lines.of(WheelCancelled) == []


def test_one_of_a_group_ends_the_group(tmp_path: Path, venv: Target, monkeypatch: Patch) -> None:
    target, control = venv(), Control()
    files = [build_wheel(tmp_path, name, "1.0", {f"{name}.py": b""}) for name in ("a", "b", "c")]
    before(monkeypatch, Executor, "carry_out", lambda: control.cancel_wheel("b") and None)
    target.install(*files, control=control)
    assert [(one.wheels, one.left, one.why) for one in target.lines.of(GroupFinished)] == [(1, 2, "cancel")]
    assert sorted(path.name for path in target.site.glob("?.py")) == ["a.py", "c.py"]


def test_all_may_be_cancelled_one_by_one(tmp_path: Path, venv: Target, monkeypatch: Patch) -> None:
    target, control = venv(), Control()
    there = tree(target.top)
    names = ["first", "second", "third", "apart"]
    before(monkeypatch, acquiring, "acquire", lambda: [control.cancel_wheel(name) for name in names] and None)
    outcome = target.install(*wheels(tmp_path), control=control)
    assert outcome.error.startswith("4 wheels were cancelled (first, second, third, apart) and left as before")
    assert tree(target.top) == there


def test_the_one_that_is_unpacked_just_now_stops(tmp_path: Path, venv: Target, monkeypatch: Patch) -> None:
    target, control = venv(), Control()
    monkeypatch.setattr(obtaining, "WORTHWHILE", 1 << 40)
    real = obtaining.Store.unpack

    def unpack(self: Any, source: Path, *rest: Any, **options: Any) -> Any:
        if "second" in source.name:
            control.cancel_wheel("second")
        return real(self, source, *rest, **options)

    monkeypatch.setattr(obtaining.Store, "unpack", unpack)
    target.cache = tmp_path / "cache"
    target.install(*wheels(tmp_path), control=control)
    assert len(target.lines.of(CommitFinished)) == 3
    assert not [one for one in target.lines.of(StageStarted) if one.wheel == "second"]
    assert target.install(*wheels(tmp_path)).exit_code == 0  # its lock in the cache was let go


def test_the_one_that_is_staged_just_now_stops(tmp_path: Path, venv: Target, monkeypatch: Patch) -> None:
    """After the file in hand, and slow motion waits for it no longer."""
    target, control = venv(), Control()
    begun: list[str] = []
    seen: list[bool] = []
    real = staging.Linker.__call__

    def link(self: Any, source: str, target: str, sealed: int) -> None:
        begun.append(source)
        if "many" in source:
            control.cancel_wheel("many")
        real(self, source, target, sealed)

    def step(self: Any, cancelled: Callable[[], bool], weight: float = 1.0) -> None:
        if begun and "many" in begun[-1]:
            seen.append(cancelled())

    monkeypatch.setattr(staging.Linker, "__call__", link)
    monkeypatch.setattr("instui_engine.session.slow_motion.SlowMotion.step", step)
    many = build_wheel(tmp_path, "many", "1.0", {f"many/{n}.py": b"" for n in range(9)})
    target.install(many, wheels(tmp_path)[3], control=control, link_mode="copy")
    assert len([source for source in begun if "many" in source]) == 1
    assert seen[-1]
    assert [one.wheel for one in target.lines.of(CommitFinished)] == ["apart"]
    assert [one.wheel for one in target.lines.of(WheelCancelled)] == ["many"]
    assert target.stages() == []


def test_one_that_waits_for_another_session_is_let_go(tmp_path: Path, venv: Target) -> None:
    target, control = venv(), Control()
    files = wheels(tmp_path)
    target.put(files[3])
    theirs = ClaimFiles(target.environment.private, frozenset(), PATIENCE)
    site = target.environment.roots["purelib"]
    held = theirs.acquire(derive([f"{site}/only"], "other"), lambda *_: None, lambda: False)
    one = build_wheel(tmp_path, "one", "1.0", {"only/file.py": b""})
    two = build_wheel(tmp_path, "two", "1.0", {"two.py": b""})
    outcomes: list[Any] = []
    thread = threading.Thread(target=lambda: outcomes.append(target.install(one, two, control=control)))
    thread.start()
    journal = until(lambda: [path for path in target.journals() if b"lock.waiting" in path.read_bytes()])[-1]
    assert control.cancel_wheel("one") == "ok"
    thread.join(PATIENCE)
    theirs.release(held)
    assert [outcome.installed for outcome in outcomes] == [("two",)]
    assert [wait.wheel for wait in target.lines.of(LockWaiting)] == ["one"]
    assert journal.exists()


def test_what_it_waited_for_is_no_longer_named(tmp_path: Path, venv: Target, start_instui: Start) -> None:
    """Others read in the journal who waits; the session goes on."""
    target = venv()
    files = [
        build_wheel(tmp_path, name, "1.0", {"same/file.py": name.encode(), f"{name}.py": b""}) for name in ("a", "b")
    ]
    session = start_instui(target, "--slow", 40, "--jobs", 2, *files)
    session.wait_for(LockWaiting, "b")
    (running,) = live_sessions(target.environment.private, read_locks())
    assert "b" in [state.wheel for state in running.states]
    (started,) = session.lines.of(SessionStarted)
    send(started.control, "cancel b")
    until(lambda: session.lines.of(WheelCancelled))
    (running,) = live_sessions(target.environment.private, read_locks())
    assert "b" not in [state.wheel for state in running.states]
    code, error = session.finish()
    assert (code, "b was cancelled and left as before" in error) == (1, True)


def test_a_name_that_is_none_of_the_session_is_refused(tmp_path: Path, venv: Target, monkeypatch: Patch) -> None:
    target, control = venv(), Control()
    assert control.cancel_wheel("first").startswith("no it is not known yet")
    answers: list[str] = []

    def ask() -> None:
        answers.extend(control.cancel_wheel(name) for name in ("fourth", "second", "second"))

    before(monkeypatch, committing, "Commit", ask)
    target.install(*wheels(tmp_path), control=control)
    assert answers == [
        "no this session has no wheel fourth",
        "ok third requires it and is installed all the same",
        "no second is cancelled already",
    ]


def test_of_many_requirements_only_those_of_that_wheel_are_parsed(monkeypatch: Patch) -> None:
    """Somebody waits for the answer."""
    parsed: list[str] = []
    real = planning.edges_from

    def edges(texts: list[str], *rest: Any) -> tuple[str, ...]:
        parsed.extend(texts)
        return real(texts, *rest)

    monkeypatch.setattr(planning, "edges_from", edges)
    needed = ["A_b>=1", " a.-b[x] ; python_version > '3'", "a-b; extra == 'x'", "a-bc", "a"]
    made: Any = [SimpleNamespace(name=f"w{number}") for number in range(1000)]
    entries: Any = [
        SimpleNamespace(manifest=SimpleNamespace(requires_dist=[f"other{n}>={number}" for n in range(10)]))
        for number in range(1000 - len(needed))
    ] + [SimpleNamespace(manifest=SimpleNamespace(requires_dist=[text])) for text in needed]
    assert planning._dependents(list(zip(made, entries, strict=True)), {"python_version": "3.11"}, "a-b") == [
        "w995",
        "w996",
    ]
    assert parsed == ["A_b>=1", " a.-b[x] ; python_version > '3'", "a-bc"]


def test_a_removal_can_be_cancelled_too(tmp_path: Path, venv: Target, monkeypatch: Patch) -> None:
    from instui_engine.commands import uninstall as removal

    target, control = venv(), Control()
    target.put(*wheels(tmp_path))
    before(monkeypatch, removal, "Commit", lambda: control.cancel_wheel("apart") and None)
    options = Options(cache=target.cache, jobs=1, fsync=False)
    outcome = uninstall(["first", "apart"], target.environment, options, control)
    assert (outcome.exit_code, outcome.installed) == (1, ("first",))
    assert (target.site / "apart.py").exists()


def test_in_a_list_it_is_a_line_that_failed(tmp_path: Path, venv: Target, monkeypatch: Patch) -> None:
    from instui_engine.commands import install_many as listing

    target, control = venv(), Control()
    lines = tmp_path / "list.txt"
    lines.write_text("".join(f"{path}\n" for path in wheels(tmp_path)))
    before(monkeypatch, listing, "Commit", lambda: control.cancel_wheel("second") and None)
    outcome = install_many(str(lines), target.environment, Options(cache=target.cache, jobs=1, fsync=False), control)
    assert isinstance(outcome.failure, LinesError)
    assert (outcome.failure.numbers, set(outcome.installed)) == ((2,), {"first", "third", "apart"})
    assert not (target.site / "second").exists()


def test_it_is_not_fetched_when_it_is_cancelled_before(tmp_path: Path, venv: Target, monkeypatch: Patch) -> None:
    target, control = venv(), Control()
    target.cache = tmp_path / "cache"
    before(monkeypatch, acquiring, "acquire", lambda: control.cancel_wheel("second") and None)
    target.install(*wheels(tmp_path), control=control)
    assert [one.wheel for one in target.lines.of(WheelAdded)].count("second") == 1
    assert len(list((tmp_path / "cache").glob("**/second"))) == 0
