"""Two real processes in one environment: they exclude each other where their wheels collide, and only there."""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import Start
from instui_engine.journal.events import (
    CommitFinished,
    CommitStarted,
    EnvironmentWaiting,
    LockGranted,
    LockReleased,
    LockWaiting,
    SessionFinished,
    SessionStarted,
)
from instui_engine.locks.claims import Claims
from instui_engine.locks.lock_files import ClaimFiles
from support import trees
from support.environments import PATIENCE, Session, Venv, until
from support.locking import holding
from support.wheelsmith import build_wheel

PROC_LOCKS = Path("/proc/locks").exists()


@pytest.fixture
def wheels(tmp_path: Path) -> dict[str, list[Path]]:
    """For each of two sessions a wheel that collides with the other's and one that does not.

    Their names are chosen such that no two of their claims share a lock file by chance.
    """
    found = {}
    for who in "ab":
        shared = {f"shared/{n}.py": f"{who} {n}".encode() for n in range(6)}
        own = {f"own_{who}/{n}.py": b"" for n in range(3)}
        found[who] = [
            build_wheel(tmp_path, f"{who}-shared", "1.0", {**shared, f"{who}_own.py": b""}),
            build_wheel(tmp_path, f"{who}-private", "1.0", own, data={f"data/etc/alone{who}/x.conf": b""}),
        ]
    return found


@contextmanager
def held_back(venv: Venv) -> Iterator[None]:
    """Nobody commits meanwhile: the environment's lock is taken, as uv takes it."""
    with venv.environment.lock_path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def interval(session: Session, wheel: str) -> tuple[float, float]:
    """Since when and until when the wheel held its claims, on the clock that all processes share."""
    lines = session.lines
    (started,) = lines.of(SessionStarted)
    (granted,) = lines.times(LockGranted, wheel)
    (released,) = lines.times(LockReleased, wheel)
    return started.clock + granted, started.clock + released


def overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def test_colliding_wheels_take_turns_and_others_do_not(
    wheels: dict[str, list[Path]], venv: Callable[[], Venv], make_venv: Callable[[Path], Venv], start_instui: Start
) -> None:
    target = venv()
    # shared/ is there already, so that each wheel has many steps to take in it
    base = build_wheel(wheels["a"][0].parent, "base", "1.0", {f"shared/{n}.py": b"base" for n in range(6)})
    target.put(base)
    with held_back(target):
        sessions = {who: start_instui(target, "--slow", 2, "--jobs", 4, *wheels[who]) for who in "ab"}
        for session in sessions.values():
            session.wait_for(EnvironmentWaiting)
    for session in sessions.values():
        assert session.finish() == (0, "")
    shared = {who: interval(sessions[who], f"{who}-shared") for who in "ab"}
    own = {who: interval(sessions[who], f"{who}-private") for who in "ab"}
    assert not overlap(shared["a"], shared["b"])
    assert overlap(own["a"], own["b"])
    waits = {who: sessions[who].lines.of(LockWaiting, f"{who}-shared") for who in "ab"}
    first, second = ("a", "b") if shared["a"] < shared["b"] else ("b", "a")
    assert overlap(shared[first], own[first])
    assert waits[first] == []
    assert waits[second][0].path == f"{target.environment.roots['purelib']}/shared"
    if PROC_LOCKS:
        pids = [holder.pid for holder in waits[second][0].holders]
        assert pids == [sessions[first].process.pid]
        assert "instui install" in waits[second][0].holders[0].command
    found = trees.tree(target.top)
    assert trees.complete(target.site, f"{second}_shared-1.0")
    assert trees.unlisted(target.site) == []
    target.move_away()
    serial = make_venv(target.top)
    serial.put(base)
    serial.put(*wheels[first])
    serial.put(*wheels[second])
    assert trees.differences(found, trees.tree(serial.top)) == []


def test_a_stopped_holder_is_named_and_the_waiter_gives_up_with_its_own_exit_code(
    wheels: dict[str, list[Path]], venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = venv()
    holder = start_instui(target, "--slow", 20, wheels["a"][0])
    holder.wait_for(CommitStarted)
    with holder.stopped():
        before = trees.tree(target.top)
        waiter = start_instui(target, "--lock-timeout", 1, wheels["b"][0])
        code, errors = waiter.finish()
        assert code == 4
        assert errors.count("\n") == 1
        assert "waited 1 s" in errors
        assert "--lock-timeout" in errors
        if PROC_LOCKS:
            assert f"pid {holder.process.pid}" in errors
            assert "instui install" in errors
        assert waiter.lines.of(CommitStarted) == []
        assert waiter.lines.of(SessionFinished)[0].exit == 4
        assert trees.differences(before, trees.tree(target.top)) == []
    assert holder.finish() == (0, "")
    assert list(trees.distributions(target.site)) == ["a_shared-1.0"]
    assert trees.complete(target.site, "a_shared-1.0")
    assert trees.unlisted(target.site) == []
    assert target.stages() == []
    target.put(wheels["b"][0])
    assert trees.complete(target.site, "b_shared-1.0")


def test_a_timeout_keeps_what_was_installed_before(
    wheels: dict[str, list[Path]], venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = venv()
    holder = start_instui(target, "--slow", 20, wheels["a"][0])
    holder.wait_for(CommitStarted)
    with holder.stopped():
        waiter = start_instui(target, "--lock-timeout", 1, "--jobs", 1, wheels["b"][1], wheels["b"][0])
        assert waiter.finish()[0] == 4
        assert [event.wheel for event in waiter.lines.of(CommitFinished)] == ["b-private"]
        assert list(trees.distributions(target.site)) == ["b_private-1.0"]
        assert trees.complete(target.site, "b_private-1.0")
    assert holder.finish() == (0, "")
    assert trees.unlisted(target.site) == []


def test_a_waiter_goes_on_when_the_holder_is_killed(
    wheels: dict[str, list[Path]], venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = venv()
    holder = start_instui(target, "--slow", 20, wheels["a"][0])
    holder.wait_for(CommitStarted)
    waiter = start_instui(target, wheels["b"][0])
    waiter.wait_for(LockWaiting)
    holder.process.kill()
    assert waiter.finish() == (0, "")
    assert trees.complete(target.site, "b_shared-1.0")
    assert "a_shared-1.0" in trees.distributions(target.site)  # the waiter has completed what it inherited


def test_an_interrupted_waiter_leaves_no_lock_behind(
    wheels: dict[str, list[Path]], venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = venv()
    holder = start_instui(target, "--slow", 20, wheels["a"][0])
    holder.wait_for(CommitStarted)
    with holder.stopped():
        waiter = start_instui(target, wheels["b"][0])
        waiter.wait_for(LockWaiting)
        waiter.process.terminate()
        code, errors = waiter.finish()
        assert code == 143
        assert errors.startswith("instui: interrupted: 0 of 1 distributions are installed; not installed: ")
    holder.process.kill()
    holder.finish()
    target.put(wheels["b"][0])


def test_a_stage_of_a_living_session_is_left_alone_and_of_a_dead_one_removed(
    wheels: dict[str, list[Path]], venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = venv()
    with held_back(target):
        alive = start_instui(target, wheels["a"][1])
        dead = start_instui(target, wheels["a"][0])
        for session in (alive, dead):
            session.wait_for(EnvironmentWaiting)
        dead.process.kill()
        dead.finish()
        assert len(target.stages()) == 2
        third = start_instui(target, wheels["b"][1])
        third.wait_for(EnvironmentWaiting)
        (identity,) = [event.session for event in dead.lines.of(SessionStarted)]
        assert len(target.stages()) == 2
        assert identity not in target.stages()
    assert alive.finish() == third.finish() == (0, "")
    assert target.stages() == []


def test_a_session_whose_journal_cannot_be_written_is_still_alive(
    wheels: dict[str, list[Path]], venv: Callable[[], Venv], start_instui: Start
) -> None:
    """Its life sign is a lock on the journal; were it let go, the next session would remove the stage under it."""
    import resource

    target = venv()
    target.put(wheels["a"][0])  # the limit would hit the store as well
    limit = 1500

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    with held_back(target):
        first = start_instui(target, "--reinstall", wheels["a"][0], preexec_fn=limited)
        session_journal = until(lambda: [path for path in target.journals() if f"-{first.process.pid}-" in path.name])[
            0
        ]
        until(lambda: session_journal.stat().st_size == limit and target.stages(), first.process)
        second = start_instui(target, wheels["b"][1])
        second.wait_for(EnvironmentWaiting)
        assert len(target.stages()) == 2
    assert first.finish() == (0, "")
    assert second.finish() == (0, "")
    assert trees.complete(target.site, "a_shared-1.0")


def test_sessions_that_start_and_fail_at_once_do_not_disturb_each_other(
    wheels: dict[str, list[Path]], venv: Callable[[], Venv], start_instui: Start
) -> None:
    """A session that did nothing removes what it made, unless somebody else has begun to use it."""
    target = venv()
    missing = wheels["a"][0].with_name("missing-1.0-py3-none-any.whl")
    missing.write_bytes(b"not a wheel")
    failing = [start_instui(target, missing) for _ in range(2)]
    working = [start_instui(target, wheel) for wheel in (wheels["a"][1], wheels["b"][1])]
    assert [session.finish()[0] for session in failing] == [1, 1]
    assert [session.finish() for session in working] == [(0, "")] * 2
    assert trees.unlisted(target.site) == []


def test_lock_files_are_open_to_everyone(venv: Callable[[], Venv]) -> None:
    locks = venv().top / ".instui" / "locks"
    before = os.umask(0o077)
    try:
        files = ClaimFiles(locks.parent, frozenset(), PATIENCE)
        held = files.acquire(Claims(("p", "q"), ("r",)), lambda *_: None, lambda: False)
    finally:
        os.umask(before)
    files.release(held)
    assert len(held) > 1
    assert {lock.stat().st_mode & 0o777 for lock in locks.iterdir()} == {0o666}


def test_lock_files_go_with_the_last_session_and_not_before(
    wheels: dict[str, list[Path]], venv: Callable[[], Venv], start_instui: Start
) -> None:
    """A deleted lock file would give two holders, so none goes while another session lives."""
    target = venv()
    locks, sessions = target.top / ".instui" / "locks", target.top / ".instui" / "sessions"
    sessions.mkdir(parents=True)
    other = sessions / "20200101-000000-1-aaaa.jsonl"
    other.touch()
    with holding(other):
        assert start_instui(target, *wheels["a"]).finish() == (0, "")
        left = {lock.name: lock.stat().st_ino for lock in locks.iterdir()}
        assert len(left) > 5
    assert start_instui(target, *wheels["b"]).finish() == (0, "")
    assert list(locks.iterdir()) == []
    assert target.environment.lock_path.exists()  # uv never looks whether its lock file was removed


def test_an_exclusive_waiter_is_not_kept_out_by_those_who_come_later(venv: Callable[[], Venv]) -> None:
    """flock alone would let overlapping shared holders in for ever."""
    private = venv().top / ".instui"
    intention, whole = Claims((), ("p",)), Claims(("p",), ())
    order: list[str] = []

    def take(name: str, claims: Claims, waits: threading.Event) -> None:
        files = ClaimFiles(private, frozenset(), PATIENCE)
        held = files.acquire(claims, lambda *_: waits.set(), lambda: False)
        order.append(name)
        files.release(held)

    holder = ClaimFiles(private, frozenset(), PATIENCE)
    first = holder.acquire(intention, lambda *_: None, lambda: False)
    threads = []
    for name, claims in (("exclusive", whole), ("later", intention)):
        waits = threading.Event()
        threads.append(threading.Thread(target=take, args=(name, claims, waits)))
        threads[-1].start()
        assert waits.wait(PATIENCE), f"{name} does not wait"
    holder.release(first)
    for thread in threads:
        thread.join(PATIENCE)
    assert order == ["exclusive", "later"]
