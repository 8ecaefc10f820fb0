"""One way to wait for any lock: said once, ended by a deadline or a wish; a wait that failed leaves nothing behind."""

import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from instui_engine.errors import Interrupted, LockTimeoutError
from instui_engine.fs.flock import open_and_try, open_lock, take_exclusive, take_gate, take_shared, try_gate
from instui_engine.journal.events import Holder, WaitFinished, WaitStarted
from instui_engine.journal.writer import Journal
from instui_engine.locks import wait as waiting
from instui_engine.locks.proc_locks import life_of
from instui_engine.locks.reported import reported_wait
from instui_engine.locks.wait import LockWait
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from support.environments import PATIENCE, Lines, until

HOLDERS = [Holder("wheel", "session", 4242, "uv pip install x", "stopped")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.fixture
def held(path: Path) -> Iterator[int]:
    """A descriptor that has the lock; a test may close it."""
    descriptor, free = open_and_try(path, shared=False)
    assert free
    yield descriptor
    if is_open(descriptor):
        os.close(descriptor)


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def free(path: Path) -> bool:
    descriptor, got = open_and_try(path, shared=False)
    os.close(descriptor)
    return got


def passes(path: Path) -> bool:
    descriptor = open_lock(path)
    passed = try_gate(descriptor, shared=False)
    os.close(descriptor)
    return passed


def wait(
    timeout: float = PATIENCE,
    on_wait: Callable[[Sequence[Holder]], object] = lambda holders: None,
    cancelled: Callable[[], bool] = lambda: False,
    advice: str = "",
    holders: Callable[[], Sequence[Holder]] = lambda: HOLDERS,
) -> LockWait:
    return LockWait(
        "the claim on lib/x",
        "lib/x",
        timeout,
        holders=holders,
        on_wait=on_wait,
        cancelled=cancelled,
        advice=advice,
    )


def test_a_wait_of_several_steps_is_said_once_with_its_holders(path: Path, held: int) -> None:
    said: list[Sequence[Holder]] = []
    gate = open_lock(path)
    assert try_gate(gate, shared=False)
    waiting = wait(on_wait=said.append)
    descriptor = open_lock(path)

    def let_go() -> None:
        until(lambda: said)
        os.close(gate)
        until(lambda: not passes(path))  # it is through the gate, and waits for the lock
        os.close(held)

    thread = threading.Thread(target=let_go)
    thread.start()
    waiting.take(descriptor, take_gate)
    waiting.take(descriptor, take_exclusive)
    thread.join()
    assert said == [HOLDERS]
    assert not free(path)
    os.close(descriptor)


def test_a_timeout_names_what_was_waited_for_how_long_the_holders_and_what_to_do(path: Path, held: int) -> None:
    with pytest.raises(LockTimeoutError) as failure:
        wait(0.1, advice="or else").take(open_lock(path), take_shared)
    text = (
        "waited 0.1 s for the claim on lib/x, held by wheel of session session of pid 4242 (uv pip install x), "
        "stopped; run again, or raise --lock-timeout; or else"
    )
    assert str(failure.value) == text
    assert (failure.value.path, failure.value.holders, failure.value.seconds) == ("lib/x", tuple(HOLDERS), 0.1)
    with pytest.raises(LockTimeoutError) as polled:
        wait(0.1, advice="or else").poll(lambda: False, 0.01)
    assert str(polled.value) == text


def broken(holders: object) -> None:
    raise RuntimeError("the terminal is gone")


@pytest.mark.parametrize(
    ("waiting", "error"),
    [
        (lambda: wait(on_wait=broken), RuntimeError),
        (lambda: wait(cancelled=lambda: True), Interrupted),
        (lambda: wait(0.05), LockTimeoutError),
    ],
    ids=["the callback raises", "cancelled", "too late"],
)
def test_a_wait_that_failed_holds_nothing_and_leaves_nothing_open(
    path: Path, held: int, waiting: Callable[[], LockWait], error: type[Exception]
) -> None:
    descriptor = open_lock(path)
    with pytest.raises(error):
        waiting().take(descriptor, take_exclusive)
    os.close(held)
    until(lambda: not is_open(descriptor))  # the kernel grants it, and it is let go at once
    until(lambda: free(path))


@pytest.mark.parametrize("granted", [False, True])
def test_a_lock_that_is_granted_while_the_callback_raises_is_let_go(path: Path, held: int, granted: bool) -> None:
    descriptor = open_lock(path)

    def on_wait(holders: object) -> None:
        if granted:
            fcntl.flock(held, fcntl.LOCK_UN)
            until(lambda: not free(path))
        raise RuntimeError("the terminal is gone")

    with pytest.raises(RuntimeError):
        wait(on_wait=on_wait).take(descriptor, take_exclusive)
    if granted:  # the thread that waited for it may not have run since the kernel granted it
        until(lambda: not is_open(descriptor))
        until(lambda: free(path))


def test_a_lock_that_cannot_be_taken_is_closed(path: Path) -> None:
    descriptor = open_lock(path)

    def refused(descriptor: int) -> None:
        raise OSError(37, "No locks available")

    with pytest.raises(OSError, match="No locks available"):
        wait().take(descriptor, refused)
    assert not is_open(descriptor)


def test_politeness_ends_without_an_error() -> None:
    assert not wait().poll(lambda: False, 0.01, at_most=0.05)
    assert wait().poll(lambda: True, 0.01, at_most=0.05)
    with pytest.raises(Interrupted):
        wait(cancelled=lambda: True).poll(lambda: False, 0.01, at_most=0.05)


def test_holders_are_said_again_when_they_are_others_or_stopped_and_not_when_they_fall_asleep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = HOLDERS[0]._replace(state="")
    at_each_look = [
        [one],
        [one._replace(state="asleep")],
        [one._replace(state="waits for the disk", began=1.0)],
        [one._replace(state="stopped")],
        [one],
        [one._replace(wheel="other")],
        [one._replace(wheel="other"), one],
    ]
    looks = iter(at_each_look)
    said: list[Sequence[Holder]] = []
    monkeypatch.setattr(waiting, "_LOOK", 0.0)
    tries = iter([False] * len(at_each_look) + [True])
    wait(on_wait=said.append, holders=lambda: next(looks)).poll(lambda: next(tries), 0.0)
    assert said == [at_each_look[place] for place in (0, 3, 4, 5, 6)]


def test_holders_are_said_again_when_they_are_in_the_way_at_another_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_LOOK", 0.0)
    said: list[str] = []
    paths = iter(["lib/x", "lib/x", "lib/y", "lib/y"])

    def holders() -> Sequence[Holder]:
        waits.path = next(paths)
        return HOLDERS

    waits = wait(on_wait=lambda _: said.append(waits.path), holders=holders)
    tries = iter([False] * 4 + [True])
    waits.poll(lambda: next(tries), 0.0)
    assert said == ["lib/x", "lib/y"]


def test_a_holder_that_lets_go_is_not_said_to_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    known, unknown = HOLDERS[0], Holder(state="not known")
    at_each_look = [[known], [unknown], [known], [], [unknown], [unknown], [known], [unknown]]
    looks = iter(at_each_look)
    said: list[Sequence[Holder]] = []
    monkeypatch.setattr(waiting, "_LOOK", 0.0)
    tries = iter([False] * len(at_each_look) + [True])
    wait(on_wait=said.append, holders=lambda: next(looks)).poll(lambda: next(tries), 0.0)
    assert said == [[known], [unknown], [known]]


def test_who_is_in_the_way_is_looked_up_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    looks: list[float] = []

    def holders() -> Sequence[Holder]:
        looks.append(now[0])
        return HOLDERS

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(waiting.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(waiting.time, "sleep", sleep)
    tries = iter([False] * 300 + [True])
    wait(holders=holders).poll(lambda: next(tries), 0.01)
    assert [round(look - looks[0]) for look in looks] == [0, 1, 2]


def test_a_wait_that_was_announced_ends_whatever_ends_it() -> None:
    lines: list[str] = []
    context = Context(Options(), Journal((lines.append,)), Control())
    with reported_wait(context, "cache"):
        pass
    assert lines == []
    with pytest.raises(LockTimeoutError), reported_wait(context, "name", "pkg") as announce:
        announce("@pkg", HOLDERS)
        announce("@pkg", [])
        raise LockTimeoutError("too long", path="@pkg", holders=(), seconds=1.0)
    first, again, over = [event for _, event in Lines(lines).events]
    assert (first, again) == (WaitStarted("pkg", "name", "@pkg", HOLDERS), WaitStarted("pkg", "name", "@pkg", []))
    assert isinstance(over, WaitFinished)
    assert over[:3] == ("pkg", "name", "@pkg")


def test_a_process_is_told_with_its_state_and_its_start() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        until(lambda: life_of(process.pid).state == "asleep")
        process.send_signal(signal.SIGSTOP)
        until(lambda: life_of(process.pid).state == "stopped")
        assert abs(life_of(process.pid).began - time.time()) < PATIENCE
        process.kill()
    assert life_of(process.pid) == ("", 0.0)


@pytest.mark.parametrize(("letter", "state"), [("T", "stopped"), ("t", "traced"), ("S", "asleep"), ("R", "")])
def test_only_what_sigcont_lets_go_on_is_stopped(letter: str, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path("/proc/self/stat").read_text()
    before, _, after = text.rpartition(")")
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: f"{before}) {letter} {after.split(maxsplit=1)[1]}")
    assert life_of(os.getpid()).state == state
