"""The processes that compile: they end with their session, and what was complete by then stays in the store."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Start
from instui_engine.bytecode import workers as compiling
from instui_engine.bytecode.round import Round
from instui_engine.bytecode.task import Task
from instui_engine.bytecode.workers import Workers
from instui_engine.errors import InstuiError
from instui_engine.journal.events import CompileFinished, CompileStarted, WheelCancelled
from instui_engine.session.control import Control
from support.environments import Venv, until
from support.processes import is_alive
from support.wheelsmith import build_wheel


def slow(place: Path, name: str = "slow") -> Path:
    """A wheel that takes some seconds to compile."""
    module = "".join(f"x{n} = {n}\n" for n in range(30_000)).encode()
    return build_wheel(place, name, "1.0", {f"{name}/m{n}.py": module for n in range(12)})


def workers_of(pid: int) -> list[int]:
    """The processes that compile for a session."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"py_compile" in (place / "cmdline").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_they_end_with_their_session_and_nothing_was_changed(
    venv: Callable[[], Venv], start_instui: Start, tmp_path: Path, number: int, code: int
) -> None:
    target = venv()
    before = sorted(target.site.rglob("*"))
    session = start_instui(target, slow(tmp_path), "--compile-bytecode", "--cache-dir", tmp_path / "own")
    session.wait_for(CompileStarted)
    workers = until(lambda: workers_of(session.process.pid), session.process)
    session.process.send_signal(number)
    assert session.finish()[0] == code
    until(lambda: not any(map(is_alive, workers)))
    assert sorted(target.site.rglob("*")) == before
    assert target.stages() == []
    if number != signal.SIGKILL:
        assert list((tmp_path / "own").glob("store-*/new/*")) == []
    target.cache = tmp_path / "own"
    target.put(build_wheel(tmp_path, "small", "1.0", {"small.py": b""}), compile_bytecode=True)


def once_refused(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Act when the first module was refused."""
    answered = Round._answered

    def then(self: Round, task: Task, what: str, why: str) -> None:
        answered(self, task, what, why)
        if what == "refused":
            act()

    monkeypatch.setattr(Round, "_answered", then)


def test_what_is_complete_when_a_session_ends_stays_in_the_store(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_wheel(tmp_path, "first", "1.0", {f"first/m{n}.py": b"" for n in range(20)})
    second = build_wheel(tmp_path, "second", "1.0", {"second/a.py": b"def (:\n"})
    third = build_wheel(tmp_path, "third", "1.0", {f"third/m{n}.py": b"" for n in range(20)})
    target = venv()
    target.cache = tmp_path / "own"
    control = Control()
    once_refused(monkeypatch, lambda: control.cancel(130))
    assert target.install(first, second, third, control=control, compile_bytecode=True).error
    assert not (target.site / "first").exists()
    assert list(target.cache.glob("store-*/new/*")) == []
    target.put(first, compile_bytecode=True)
    assert target.lines.of(CompileFinished) == [CompileFinished(0, 0, 20)]


def test_a_wheel_that_is_cancelled_meanwhile_is_left_out(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_wheel(tmp_path, "first", "1.0", {"first/a.py": b"def (:\n", "first/b.py": b""})
    second = build_wheel(tmp_path, "second", "1.0", {f"second/m{n}.py": b"" for n in range(20)})
    target = venv()
    target.cache = tmp_path / "own"
    control = Control()
    once_refused(monkeypatch, lambda: control.cancel_wheel("second"))
    target.install(first, second, control=control, compile_bytecode=True)
    assert (target.site / "first" / "a.py").exists()
    assert not (target.site / "second").exists()
    assert [event.wheel for event in target.lines.of(WheelCancelled)] == ["second"]
    assert list(target.cache.glob("store-*/new/*")) == []


def deaf(place: Path) -> str:
    """A program in the place of Python that reads nothing, and leaves a file if it comes to its end."""
    program = place / "deaf"
    program.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(20)\nopen({str(place / 'ended')!r}, 'w')\n")
    program.chmod(0o755)
    return str(program)


def tasks_of(source: Path, place: Path, number: int) -> list[Task]:
    """Tasks whose requests are so long that those for one process do not fit into its pipe."""
    long = f"{source.parent}{'/.' * 1500}/{source.name}"
    return [Task("a", long, str(place / f"{n}.pyc"), "/x" * 4000, -1, "TIMESTAMP") for n in range(number)]


class Stopped(Exception):
    """What a caller raises that wants to stop."""


@pytest.mark.parametrize("patience", [0.2, None])
def test_one_that_reads_nothing_can_be_given_up(
    patience: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "_START", 0.2)
    workers = Workers(deaf(tmp_path), 1, patience)

    def rest() -> None:
        if patience is None:
            raise Stopped("as asked")

    try:
        with pytest.raises(Stopped if patience is None else InstuiError, match=r"as asked|was not compiled within"):
            workers.run(iter(tasks_of(tmp_path / "a.py", tmp_path, 20)), lambda *_: None, rest)
    finally:
        workers.close()
    assert not (tmp_path / "ended").exists()


def test_requests_that_do_not_fit_into_a_pipe_are_all_answered(tmp_path: Path) -> None:
    source = tmp_path / "a.py"
    source.write_text("a = 1\n")
    answers: list[str] = []
    workers = Workers(sys.executable, 2, 60.0)
    try:
        tasks = tasks_of(source, tmp_path, 50)
        workers.run(iter(tasks), lambda task, what, why: answers.append(f"{what} {why}"), lambda: None)
    finally:
        workers.close()
    assert answers == ["done "] * 50
    assert all(Path(task.target).exists() for task in tasks)


def test_two_sessions_compile_the_same_wheel(venv: Callable[[], Venv], start_instui: Start, tmp_path: Path) -> None:
    module = "".join(f"x{n} = {n}\n" for n in range(3_000)).encode()
    wheel = build_wheel(tmp_path, "both", "1.0", {f"both/m{n}.py": module for n in range(12)})
    targets = [venv(), venv()]
    targets[0].cache = tmp_path / "own"
    targets[0].put(wheel)  # so that they need not take turns to unpack it
    targets[0].remove("both")
    words = (wheel, "--compile-bytecode", "--cache-dir", tmp_path / "own")
    sessions = [start_instui(target, *words) for target in targets]
    assert [session.finish() for session in sessions] == [(0, ""), (0, "")]
    for target in targets:
        assert len(list(target.site.glob("both/__pycache__/*.pyc"))) == 12
    assert list((tmp_path / "own").glob("store-*/new/*")) == []
    assert os.listdir(next((tmp_path / "own").glob("store-*/??/*/bytecode"))) != []
