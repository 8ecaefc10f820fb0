"""uv's lock on the environment is honoured both ways, with the real uv."""

import fcntl
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Start
from instui_engine.journal.codec import decode
from instui_engine.journal.events import (
    CommitFinished,
    CommitStarted,
    EnvironmentGranted,
    EnvironmentReleased,
    EnvironmentWaiting,
    Holder,
    LockGranted,
)
from instui_engine.journal.writer import Journal
from instui_engine.locks import environment as environmentlock
from instui_engine.locks.environment import EnvironmentLock
from instui_engine.locks.holders import holders_of
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from support import trees
from support.environments import PATIENCE, Session, Venv, until
from support.wheelsmith import build_wheel

PROC_LOCKS = Path("/proc/locks").exists()
StartUv = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def wheels(tmp_path: Path) -> list[Path]:
    return [build_wheel(tmp_path, f"w{n}", "1.0", {f"w{n}/{k}.py": b"" for k in range(4)}) for n in range(4)]


@pytest.fixture
def start_uv(clean_environ: dict[str, str]) -> StartUv:
    from uv import find_uv_bin

    def start(target: Venv, *arguments: object) -> "subprocess.Popen[str]":
        command = [
            find_uv_bin(),
            "pip",
            "install",
            "--quiet",
            "--no-index",
            "--no-deps",
            "--python",
            target.top,
            *arguments,
        ]
        return subprocess.Popen(list(map(str, command)), env=clean_environ, stderr=subprocess.PIPE, text=True)

    return start


def waits_for(path: Path, pid: int) -> bool:
    """Whether the process is blocked on that lock, as the kernel says."""
    inode = f":{path.stat().st_ino}"
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return any("->" in fields and str(pid) in fields and fields[-3].endswith(inode) for fields in lines)


def finished(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, errors


def test_instui_waits_visibly_for_the_lock_and_goes_on_when_it_is_free(
    wheels: list[Path], venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = venv()
    before = trees.tree(target.top)
    with target.environment.lock_path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        session = start_instui(target, *wheels)
        waiting = session.wait_for(EnvironmentWaiting)
        assert isinstance(waiting, EnvironmentWaiting)
        if PROC_LOCKS:
            assert [holder.pid for holder in waiting.holders] == [os.getpid()]
            assert waiting.holders[0].command
        assert session.lines.of(CommitStarted) == []
        assert trees.differences(before, trees.tree(target.top)) == []
    assert session.finish() == (0, "")
    assert session.lines.of(EnvironmentGranted)[0].waited > 0
    assert len(trees.distributions(target.site)) == 4


def test_a_lock_that_is_not_given_up_ends_the_session_and_nothing_is_installed(
    wheels: list[Path], venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = venv()
    before = trees.tree(target.top)
    with target.environment.lock_path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        session = start_instui(target, "--lock-timeout", 1, "--jobs", 4, *wheels)
        code, errors = session.finish()
    assert code == 4
    assert errors.count("\n") == 1
    assert str(target.environment.lock_path) in errors
    if PROC_LOCKS:
        assert f"pid {os.getpid()}" in errors
    assert trees.differences(before, trees.tree(target.top)) == []
    assert target.stages() == []
    assert session.lines.of(LockGranted) == []


@pytest.mark.skipif(not PROC_LOCKS, reason="needs /proc/locks to see who waits")
def test_uv_waits_while_instui_commits(
    tmp_path: Path, wheels: list[Path], venv: Callable[[], Venv], start_instui: Start, start_uv: StartUv
) -> None:
    target = venv()
    other = build_wheel(tmp_path, "other", "1.0", {"other/a.py": b"", "w0/0.py": b"other"})
    session = start_instui(target, "--slow", 2, "--jobs", 2, *wheels)
    session.wait_for(CommitStarted)
    with session.stopped():
        uv = start_uv(target, other)
        until(lambda: waits_for(target.environment.lock_path, uv.pid), uv)
        assert "other-1.0" not in trees.distributions(target.site)
    assert session.finish() == (0, "")
    assert finished(uv) == (0, "")
    assert len(trees.distributions(target.site)) == 5
    for name in ("other", "w1", "w2", "w3"):
        assert trees.complete(target.site, f"{name}-1.0")


@pytest.mark.skipif(not PROC_LOCKS, reason="needs /proc/locks to see who holds it")
def test_instui_waits_for_a_real_uv_and_names_it(
    tmp_path: Path, wheels: list[Path], venv: Callable[[], Venv], start_instui: Start, start_uv: StartUv
) -> None:
    target = venv()
    # many files, so that there is time to stop uv while it holds the lock
    many = build_wheel(tmp_path, "many", "1.0", {f"many/{n}.py": b"" for n in range(3000)})
    for _ in range(50):  # on a busy machine it is not seen each time
        uv = Session(start_uv(target, "--reinstall", many), tmp_path / "none")
        while uv.process.poll() is None and not holders_of(target.environment.lock_path):
            pass  # as fast as can be: uv holds the lock for some milliseconds
        uv.process.send_signal(signal.SIGSTOP)
        if uv.process.poll() is None and holders_of(target.environment.lock_path):
            break
        uv.process.send_signal(signal.SIGCONT)
        assert uv.finish() == (0, "")
    else:
        pytest.fail("uv was always done before it could be stopped")
    with uv.stopped():
        session = start_instui(target, *wheels)
        waiting = session.wait_for(EnvironmentWaiting)
        assert isinstance(waiting, EnvironmentWaiting)
        assert [(holder.pid, "pip install" in holder.command) for holder in waiting.holders] == [(uv.process.pid, True)]
    assert uv.finish() == (0, "")
    assert session.finish() == (0, "")
    assert len(trees.distributions(target.site)) == 5


def test_the_lock_is_held_from_the_first_commit_to_the_last(wheels: list[Path], venv: Callable[[], Venv]) -> None:
    target = venv()
    target.put(*wheels, jobs=4)
    kinds = [type(event) for _, event in target.lines.events]
    assert kinds.count(EnvironmentGranted) == kinds.count(EnvironmentReleased) == 1
    assert kinds.index(EnvironmentGranted) < kinds.index(LockGranted)
    last = len(kinds) - 1 - kinds[::-1].index(CommitFinished)
    assert kinds.index(EnvironmentReleased) > last


def test_two_sessions_share_the_lock(wheels: list[Path], venv: Callable[[], Venv], start_instui: Start) -> None:
    target = venv()
    first = start_instui(target, "--slow", 20, wheels[0])
    first.wait_for(CommitStarted)
    with first.stopped():
        second = start_instui(target, wheels[1])
        assert second.finish() == (0, "")
        assert second.lines.of(EnvironmentWaiting) == []
    assert first.finish() == (0, "")


def test_the_lock_is_let_go_between_commits_after_a_while(
    wheels: list[Path], venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environmentlock, "_LONGEST", 0.0)
    monkeypatch.setattr(environmentlock, "_REST", 0.001)
    target = venv()
    target.put(*wheels, jobs=2)
    released = target.lines.of(EnvironmentReleased)
    assert len(released) > 1
    assert len(target.lines.of(EnvironmentGranted)) == len(released)
    assert len(trees.distributions(target.site)) == 4


def test_a_foreign_lock_between_two_commits_is_waited_for(
    wheels: list[Path], venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits in the kernel gets the lock when it is let go; no commit runs meanwhile."""
    import threading

    monkeypatch.setattr(environmentlock, "_LONGEST", 0.0)
    target = venv()
    listed: list[int] = []
    got = threading.Event()

    def foreign() -> None:
        with target.environment.lock_path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            listed.extend(len(trees.distributions(target.site)) for _ in range(20))
            got.set()

    thread = threading.Thread(target=foreign)
    release = environmentlock.EnvironmentLock._release

    def watched(self: environmentlock.EnvironmentLock) -> None:
        if self._descriptor >= 0 and not thread.ident:
            thread.start()
            if PROC_LOCKS:
                until(lambda: waits_for(target.environment.lock_path, os.getpid()))
        release(self)
        if thread.ident:
            assert got.wait(PATIENCE)

    monkeypatch.setattr(environmentlock.EnvironmentLock, "_release", watched)
    target.put(*wheels, jobs=2)
    thread.join()
    assert len(set(listed)) == 1
    assert listed[0] < 4


def test_a_symbolic_link_in_its_place_is_named_and_not_followed(
    wheels: list[Path], venv: Callable[[], Venv], tmp_path: Path
) -> None:
    target = venv()
    target.environment.lock_path.symlink_to(tmp_path / "elsewhere")
    outcome = target.install(wheels[0])
    assert f"{target.environment.lock_path}: a symbolic link is in the place of a lock file" in outcome.error
    assert "remove it" in outcome.error
    assert not (tmp_path / "elsewhere").exists()


def test_who_has_been_granted_the_lock_while_one_looked_is_not_in_its_own_way(tmp_path: Path) -> None:
    lines: list[str] = []
    context = Context(Options(cache=tmp_path / "cache"), Journal([lines.append]), Control(), "a")
    lock = EnvironmentLock(tmp_path / ".lock", context)
    lock._tell([Holder(pid=os.getpid())])
    assert lines == []
    lock._tell([Holder(pid=os.getpid()), Holder(pid=1, command="uv")])
    (told,) = [event for line in lines if (found := decode(line)) for event in found[1:]]
    assert told == EnvironmentWaiting(".lock", [Holder(pid=1, command="uv")])
