"""Nobody is kept out for ever: not among equals, not who is alone by those who share, not uv by many sessions."""

import fcntl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import Start
from instui_engine.fs.paths import TOP
from instui_engine.journal.events import CommitFinished, CommitStarted, EnvironmentReleased, EnvironmentWaiting
from instui_engine.locks import environment as environmentlock
from instui_engine.locks.claims import Claims
from instui_engine.locks.lock_files import ClaimFiles
from support import trees
from support.environments import PATIENCE, Venv, until
from support.wheelsmith import build_wheel

needs_proc_locks = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs /proc/locks")

# takes one claim over and over and holds it for a while, until its input ends; says how often it had it
_LOOP = """
import sys, threading, time
from pathlib import Path
from instui_engine.locks.lock_files import ClaimFiles
from instui_engine.locks.claims import Claims
files = ClaimFiles(Path(sys.argv[1]), frozenset(), 60)
path, hold = sys.argv[3], float(sys.argv[4])
claims = Claims((path,), ()) if sys.argv[2] == "X" else Claims((), (path,))
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
turns = 0
print("ready", flush=True)
while not over.is_set():
    held = files.acquire(claims, lambda *_: None, lambda: False)
    time.sleep(hold)
    files.release(held)
    turns += 1
print(turns)
"""


@contextmanager
def loops(private: Path, number: int, mode: str, path: str, hold: float) -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes that take a claim again and again."""
    command = [sys.executable, "-c", _LOOP, str(private), mode, path, str(hold)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(number)]  # type: ignore[call-overload]
    try:
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@pytest.mark.sweep
def test_each_of_many_processes_gets_its_turn(tmp_path: Path, sweeping: bool) -> None:
    with loops(tmp_path, 8, "X", "package", 0.002) as processes:
        time.sleep(10 if sweeping else 2)
        turns = [int(process.communicate("", timeout=PATIENCE)[0]) for process in processes]
    assert min(turns) > 0
    assert min(turns) * 20 > max(turns)


def test_an_exclusive_claim_gets_in_against_a_stream_of_overlapping_sharers(tmp_path: Path) -> None:
    files = ClaimFiles(tmp_path, frozenset(), 20)
    with loops(tmp_path, 4, "IX", "namespace", 0.05) as processes:
        for _ in range(5):
            files.release(files.acquire(Claims(("namespace",), ()), lambda *_: None, lambda: False))
        turns = [int(process.communicate("", timeout=PATIENCE)[0]) for process in processes]
    assert min(turns) > 0


def test_a_wheel_with_many_claims_gets_in_against_a_stream_of_others(tmp_path: Path) -> None:
    files = ClaimFiles(tmp_path, frozenset(), 20)
    many = Claims(tuple(f"file{n}" for n in range(1000)), (TOP,))
    with loops(tmp_path, 4, "IX", TOP, 0.05):
        held = files.acquire(many, lambda *_: None, lambda: False)
        assert len(held) == 1
        files.release(held)


@pytest.fixture
def streams(tmp_path: Path) -> list[list[Path]]:
    """For each of three sessions many small wheels; under --slow they last for several seconds."""
    return [
        [build_wheel(tmp_path, f"s{who}-w{n}", "1.0", {f"s{who}w{n}/x.py": b""}) for n in range(25)] for who in range(3)
    ]


@needs_proc_locks
def test_uv_gets_the_environment_from_sessions_that_overlap(
    tmp_path: Path,
    streams: list[list[Path]],
    venv: Callable[[], Venv],
    start_instui: Start,
    clean_environ: dict[str, str],
) -> None:
    from uv import find_uv_bin

    target = venv()
    other = build_wheel(tmp_path, "other", "1.0", {"other/x.py": b""})
    sessions = [start_instui(target, "--slow", 2, "--jobs", 1, *wheels) for wheels in streams]
    for session in sessions:
        session.wait_for(CommitFinished)
    where = ["--quiet", "--no-index", "--no-deps", "--python", target.top]
    command = [find_uv_bin(), "pip", "install", *where, other]
    done = subprocess.run(command, env=clean_environ, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [session.process.poll() for session in sessions] == [None] * 3, "uv had to wait for the end"
    for session in sessions:
        assert session.finish() == (0, "")
    assert len(trees.distributions(target.site)) == 76
    released = [len(session.lines.of(EnvironmentReleased)) for session in sessions]
    assert max(released) >= 2
    assert max(released) < 20  # nobody lets go without need


@needs_proc_locks
def test_a_session_that_makes_room_names_whose_turn_it_is(
    streams: list[list[Path]], venv: Callable[[], Venv], start_instui: Start
) -> None:
    """Also newcomers: as long as somebody is blocked on the exclusive lock, they wait before the turnstile."""
    target = venv()
    path = target.environment.lock_path
    holder = start_instui(target, "--slow", 20, streams[0][0])
    holder.wait_for(CommitStarted)
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); input()"
    with holder.stopped():
        other = subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, text=True)
        try:
            until(lambda: environmentlock.exclusive_waiter(path), other)
            newcomer = start_instui(target, streams[1][0])
            waiting = newcomer.wait_for(EnvironmentWaiting)
            assert isinstance(waiting, EnvironmentWaiting)
            assert [(one.pid, one.state) for one in waiting.holders] == [(other.pid, "whose turn is next")]
            # who holds it does not run: after some seconds of politeness the newcomer shares the lock with it
            assert newcomer.finish() == (0, "")
        finally:
            other.kill()
            other.communicate()
    assert holder.finish() == (0, "")


def test_who_waits_unseen_gets_the_environment_too(
    streams: list[list[Path]], venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A waiter in another container is not shown: then the time for which the lock is kept at most has to do."""
    monkeypatch.setattr(environmentlock, "exclusive_waiter", lambda path: False)
    monkeypatch.setattr(environmentlock, "_LONGEST", 1.0)
    target = venv()
    sessions = [threading.Thread(target=target.put, args=wheels, kwargs={"slow": 2.0, "jobs": 1}) for wheels in streams]
    for session in sessions:
        session.start()
        time.sleep(0.35)  # their seconds end at different times
    try:
        with target.environment.lock_path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            alive = [session.is_alive() for session in sessions]
    finally:
        for session in sessions:
            session.join()
    assert alive == [True] * 3, "it had to wait for the end"
    assert len(trees.distributions(target.site)) == 75
