"""What others install under the names of a session's own wheels, while it decides, builds and waits.

Before its plan, uv is asked again: the result is that of one session after the other. After it, nothing is decided
again, and a warning names what is replaced.
"""

import fcntl
import os
import zipfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import Start
from instui.explain.summary import summary
from instui.monitor.fold import Fold
from instui_engine.commands import install as commands
from instui_engine.commands.command import Outcome, Recording
from instui_engine.commands.install import Pipeline, install
from instui_engine.commit.group import Groups
from instui_engine.commit.schedule import Schedule
from instui_engine.journal.events import (
    BuildStarted,
    CommitStarted,
    DistributionRemoved,
    EnvironmentWaiting,
    PlanWheel,
    Warned,
    WheelDropped,
)
from instui_engine.resolve.request import Request
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.store import unpack
from instui_engine.target.installed import Installed
from support import trees
from support.cli import installed
from support.environments import Lines, Session, Venv
from support.projects import make_tree
from support.wheelsmith import build_wheel

LATER, BEFORE = "satisfies what is asked for", "is replaced by"


@pytest.fixture
def target(venv: Callable[[], Venv]) -> Venv:
    return venv()


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A directory of wheels: `x` in three versions, of which 1.0 needs `needed`, and 3.0 `other`."""
    place = tmp_path / "index"
    place.mkdir()
    for version, requires in (("0.5", []), ("1.0", ["needed"]), ("2.0", []), ("3.0", ["other"])):
        build_wheel(place, "x", version, {f"x/{n}.py": version.encode() for n in range(3)}, requires=requires)
    for name in ("needed", "other"):
        build_wheel(place, name, "1.0", {f"{name}.py": b""})
    return place


def wheel(index: Path, version: str) -> Path:
    return index / f"x-{version}-py3-none-any.whl"


def begin(start: Start, target: Venv, tmp_path: Path, index: Path, *words: object) -> tuple[Session, Path]:
    """A session that is asked for `words`, and builds until something is written into the pipe."""
    hold = tmp_path / "hold"
    os.mkfifo(hold)
    tree = make_tree(tmp_path / "slow", "slow", during=f"open({str(hold)!r}).read()")
    session = start(target, "--deps", "--no-index", "--find-links", index, "-e", tree, *words)
    session.wait_for(BuildStarted)
    return session, hold


def told(session: Session) -> list[tuple[str, str]]:
    """The warnings about what has come meanwhile: the wheel, and the beginning and the sort of the text."""
    return [
        (event.wheel, f"{event.text.partition(',')[0]}: {kind}")
        for event in session.lines.of(Warned)
        for kind in (LATER, BEFORE)
        if kind in event.text
    ]


def test_what_satisfies_stays_as_if_the_session_had_begun_later(
    start_instui: Start, target: Venv, tmp_path: Path, index: Path
) -> None:
    """With what it needs, and without what only the other version needs."""
    session, hold = begin(start_instui, target, tmp_path, index, "x>=1")
    other = start_instui(target, wheel(index, "1.0"))
    assert other.finish() == (0, "")
    hold.write_text("")
    assert session.finish() == (0, "")
    assert session.lines.of(DistributionRemoved) == []
    assert installed(target.site) == {"slow": "1.0", "x": "1.0", "needed": "1.0"}
    assert told(session) == [("x", f"x 1.0: {LATER}")]
    assert len(session.lines.of(BuildStarted)) == 1
    assert [event.wheel for event in session.lines.of(WheelDropped)] == ["other", "x"]
    assert [event.wheel for event in session.lines.of(PlanWheel)] == ["needed", "slow"]


def test_what_does_not_satisfy_is_replaced_and_named(
    start_instui: Start, target: Venv, tmp_path: Path, index: Path
) -> None:
    session, hold = begin(start_instui, target, tmp_path, index, "x>=1")
    other = start_instui(target, wheel(index, "0.5"))
    assert other.finish() == (0, "")
    hold.write_text("")
    assert session.finish()[0] == 0
    assert installed(target.site) == {"slow": "1.0", "x": "3.0", "other": "1.0"}
    assert told(session) == [("x", f"x 0.5: {BEFORE}")]


@pytest.mark.parametrize("words", [["-U"], ["--reinstall"]])
def test_an_upgrade_is_one_whatever_comes_meanwhile(
    words: list[str], start_instui: Start, target: Venv, tmp_path: Path, index: Path
) -> None:
    session, hold = begin(start_instui, target, tmp_path, index, *words, "x>=1")
    target.put(wheel(index, "1.0"))
    hold.write_text("")
    assert session.finish()[0] == 0
    assert installed(target.site) == {"slow": "1.0", "x": "3.0", "other": "1.0"}
    assert told(session) == [("x", f"x 1.0: {BEFORE}")]


def test_requirements_that_can_be_read_once_are_read_once(
    start_instui: Start, target: Venv, tmp_path: Path, index: Path
) -> None:
    listed = tmp_path / "listed"
    os.mkfifo(listed)
    hold = tmp_path / "hold"
    os.mkfifo(hold)
    tree = make_tree(tmp_path / "slow", "slow", during=f"open({str(hold)!r}).read()")
    session = start_instui(target, "--deps", "--no-index", "--find-links", index, "-e", tree, "-r", listed)
    listed.write_text("x>=1\n")  # returns when it is read
    session.wait_for(BuildStarted)
    target.put(wheel(index, "1.0"))
    hold.write_text("")
    assert session.finish()[0] == 0
    assert installed(target.site) == {"slow": "1.0", "x": "1.0", "needed": "1.0"}


def test_what_comes_between_plan_and_commit_is_replaced_and_named(
    start_instui: Start, target: Venv, index: Path
) -> None:
    """By another installer, which takes no lock."""
    with target.environment.lock_path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        session = start_instui(target, "--deps", "--no-index", "--find-links", index, "x>=1")
        session.wait_for(EnvironmentWaiting)
        with zipfile.ZipFile(wheel(index, "1.0")) as archive:
            archive.extractall(target.site)
    assert session.finish() == (0, "")
    assert told(session) == [("x", f"x 1.0: {BEFORE}")]
    assert installed(target.site) == {"x": "3.0", "other": "1.0"}
    assert trees.wrong_rows(target.site, "x-3.0") == []


def test_it_is_asked_again_a_few_times_at_most(target: Venv, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one that does not satisfy comes each time."""
    latest, came = Pipeline._latest, 0

    def later(self: Pipeline, before: Installed) -> Installed:
        nonlocal came
        monkeypatch.setattr(Pipeline, "_latest", latest)
        target.put(wheel(index, "0.5" if came % 2 else "1.0"))
        monkeypatch.setattr(Pipeline, "_latest", later)
        came += 1
        return latest(self, before)

    monkeypatch.setattr(Pipeline, "_latest", later)
    lines: list[str] = []
    request = Request(("x>=2",), no_index=True, find_links=(str(index),))
    options = Options(cache=target.cache, fsync=False)
    outcome = install(request, target.environment, options, recording=Recording((lines.append,)))
    assert (outcome.exit_code, outcome.error) == (0, "")
    assert came == commands._ROUNDS + 1  # the last one before the plan
    assert installed(target.site) == {"x": "3.0", "other": "1.0"}
    assert [event.wheel for event in Lines(lines).of(Warned) if BEFORE in event.text] == ["x"]


class Meanwhile:
    """What happens while a session makes its wheels ready: another one installs `wheel`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, target: Venv, wheel: Path) -> None:
        made = Pipeline._made

        def late(pipeline: Pipeline, wheels: Any) -> Any:
            ready = made(pipeline, wheels)
            monkeypatch.setattr(Pipeline, "_made", made)
            target.put(wheel)
            return ready

        monkeypatch.setattr(Pipeline, "_made", late)


def asked_for_x(target: Venv, index: Path, control: Control, lines: list[str]) -> Outcome:
    request = Request(("x>=1",), no_index=True, find_links=(str(index),))
    options = Options(cache=target.cache, fsync=False)
    return install(request, target.environment, options, control, Recording((lines.append,)))


def test_if_all_is_there_by_then_nothing_is_left_to_do(
    target: Venv, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Meanwhile(monkeypatch, target, wheel(index, "2.0"))
    lines: list[str] = []
    outcome = asked_for_x(target, index, Control(), lines)
    assert (outcome.exit_code, outcome.error, outcome.installed) == (0, "", ())
    assert installed(target.site) == {"x": "2.0"}
    fold = Fold()
    for seconds, event in Lines(lines).events:
        fold.feed(seconds, event)
    assert summary(fold.snapshot(0.0))[0] == "already installed: x 2.0; nothing to do"


@pytest.mark.parametrize("word", ["", "x", "other", "cancel"])
def test_what_is_cancelled_while_it_is_asked_again(
    word: str, target: Venv, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel that is dropped then cannot be cancelled any more."""
    Meanwhile(monkeypatch, target, wheel(index, "1.0"))
    control, lines, asked, answers = Control(), list[str](), Pipeline._asked, list[str]()

    def slowly(pipeline: Pipeline, ask: Any) -> Any:
        if pipeline._resolution.wheels and word == "cancel":
            control.cancel(130)
        found = asked(pipeline, ask)
        if pipeline._resolution.wheels and word in ("x", "other"):
            answers.append(control.cancel_wheel(word))
        return found

    monkeypatch.setattr(Pipeline, "_asked", slowly)
    outcome = asked_for_x(target, index, control, lines)
    assert outcome.exit_code == {"": 0, "cancel": 130}.get(word, 1)
    assert installed(target.site) == {"x": "1.0"} | ({} if word == "cancel" else {"needed": "1.0"})
    if not word:
        assert control.cancel_wheel("other") == "no this session has no wheel other"


def test_byte_code_of_a_newcomer_is_no_conflict(target: Venv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of modules that are the same: it names when they were unpacked."""
    wheels = [
        build_wheel(tmp_path, name, "1", {"ns/__init__.py": f"# the same, {tmp_path}\n".encode(), f"ns/{name}.py": b""})
        for name in ("one", "two")
    ]
    clock = count(10**9, 100)
    monkeypatch.setattr(unpack, "time", SimpleNamespace(time=lambda: next(clock)))
    stage = Pipeline._stage

    def late(self: Pipeline, plans: Any, linkers: Any) -> None:
        monkeypatch.setattr(Pipeline, "_stage", stage)
        stage(self, plans, linkers)
        target.put(wheels[1], compile_bytecode=True)

    monkeypatch.setattr(Pipeline, "_stage", late)
    outcome = target.install(wheels[0], compile_bytecode=True, fail_on_conflict=True)
    assert (outcome.exit_code, outcome.error) == (0, "")
    assert installed(target.site) == {"one": "1", "two": "1"}


def test_a_wheel_that_was_planned_again_leaves_what_the_session_itself_installs_before_its_turn(
    target: Venv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others install an old version of a wheel whose turn comes before that of another one, with which it collides."""
    old = build_wheel(tmp_path, "upgraded", "1.0", {"shared/file.py": b"old", "upgraded.py": b"1"})
    first = build_wheel(tmp_path, "first", "1.0", {"shared/file.py": b"first"})
    upgraded = build_wheel(tmp_path, "upgraded", "2.0", {"upgraded.py": b"2"})
    last = build_wheel(tmp_path, "last", "1.0", {"shared/file.py": b"last"})
    monkeypatch.setattr(Groups, "run", lambda *_: None)  # these take all that is granted, in order
    usual, begun = Schedule.next, []

    def the_second_first(self: Schedule, *arguments: Any, **options: Any) -> Any:
        if not begun:
            begun.append(True)
            Venv(target.top, target.cache).put(old)
            self._granted.remove(1)
            return self.plans[1]
        return usual(self, *arguments, **options)

    monkeypatch.setattr(Schedule, "next", the_second_first)
    target.put(first, upgraded)
    order = [event.wheel for event in target.lines.of(CommitStarted)]
    assert order == ["first", "upgraded"]
    assert len(target.lines.of(PlanWheel, "upgraded")) > 1  # the session has planned it again
    assert (target.site / "shared" / "file.py").read_bytes() == b"first"
    target.put(last)
    target.remove("last")
    assert (target.site / "shared" / "file.py").read_bytes() == b"first"
