"""A session whose process does not run for a while: who notices, what is said of it, and what of it is counted."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from instui.explain.attribution import attribute
from instui.explain.explanation import Explanation, explain
from instui.explain.slow_now import slow_now
from instui.explain.standstill import without
from instui.lines.messages import Messages
from instui.lines.plain import block
from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.monitor.standstill import Standstill as Watched
from instui.monitor.standstill import is_stopped
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder, SessionHalted
from instui_engine.journal.writer import Journal
from instui_engine.session import standstill
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.session.standstill import Standstill
from support import made_up
from support.environments import state, until
from support.made_up import span

START = events.SessionStarted(
    2, "s", 42, 1000.0, 100.0, "0.1", ["instui", "install"], "/v/.venv", "py", {"purelib": "lib"}, 2, "", 0.25, 2
)
NOW = standstill._Look(0.0, 0.0, 1.0, 10.0)

# -- the engine


@pytest.mark.parametrize(
    ("later", "noted", "said"),
    [
        (NOW._replace(now=2.3, woken=12.0), 0.1, SessionHalted(2.2)),  # it was stopped
        (NOW._replace(now=2.3, delayed=2.9), 0.1, None),  # it stood in line for a processor
        (NOW._replace(now=2.3, woken=400.0), 0.1, None),  # another thread did not let it run
        (NOW._replace(now=2.3), 1.9, None),  # a thread at work was heard
        (NOW._replace(now=0.6), 0.0, None),
        (NOW._replace(now=0.3, slept=60.0), 0.0, SessionHalted(0.0, 60.0)),  # so did the clock
        (NOW._replace(now=2.3, delayed=-1.0, woken=-1.0), 0.1, None),  # the system says nothing
    ],
)
def test_who_comes_late_has_stood_still_unless_it_waited_for_a_processor(
    later: standstill._Look, noted: float, said: SessionHalted | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[SessionHalted] = []
    clock = Standstill(told.append)
    looks = iter([NOW, later])
    monkeypatch.setattr(standstill, "_look", lambda: next(looks))
    clock.look()
    clock.note(noted)
    clock.look()
    assert told == ([said] if said else [])


def test_of_the_time_in_which_the_thread_that_looks_was_busy_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[SessionHalted] = []
    clock = Standstill(told.append)
    looks = iter([NOW, NOW._replace(now=3.0), NOW._replace(now=5.0)])
    monkeypatch.setattr(standstill, "_look", lambda: next(looks))
    clock.note(0.0)
    clock.look()
    clock.skip()
    clock.look()
    assert told == []
    clock.look()
    assert told == [SessionHalted(2.0)]


def test_nothing_is_said_before_a_session_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    context = Context(Options(), Journal([lines.append]), Control())
    looks = iter([NOW._replace(now=time.monotonic() + late) for late in (1.0, 3.0, 5.0)])
    monkeypatch.setattr(standstill, "_look", lambda: next(looks))
    context.standstill.look()
    context.standstill.look()
    assert lines == []
    context.control.report = context.emit
    context.standstill.look()
    assert len(lines) == 1


def test_what_is_at_work_after_a_standstill_before_it_is_noticed_does_not_hide_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[SessionHalted] = []
    clock = Standstill(told.append)
    looks = iter([NOW, NOW._replace(now=3.0)])
    monkeypatch.setattr(standstill, "_look", lambda: next(looks))
    clock.look()
    for noted in (0.2, 2.9, 2.95):
        clock.note(noted)
    clock.look()
    assert told == [SessionHalted(2.8)]


_STANDS = """
import ctypes, sys, threading, time
from instui_engine.session.standstill import EVERY, Standstill
over = threading.Event()
def look():
    clock = Standstill(lambda event: print(event.seconds > 1))
    clock.look()
    print("begun", flush=True)
    while not over.wait(EVERY):
        clock.look()
looking = threading.Thread(target=look)
looking.start()
sys.stdin.readline()
if sys.argv[1] == "busy":
    ctypes.PyDLL(None).usleep(1_500_000)  # no other thread runs
time.sleep(2 * EVERY)
over.set()
looking.join()
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="the system does not say who waits")
@pytest.mark.parametrize(("how", "said"), [("stopped", "True\n"), ("busy", "")])
def test_a_process_that_was_stopped_is_known_from_one_whose_threads_wait_for_each_other(how: str, said: str) -> None:
    command = [sys.executable, "-c", _STANDS, how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        if how == "stopped":
            process.send_signal(signal.SIGSTOP)
            until(lambda: state(process.pid) == "T")
            time.sleep(1.5)  # this is what is measured
            process.send_signal(signal.SIGCONT)
        told, _ = process.communicate("\n", timeout=60)
    assert told == said


# -- what is said of it


def halted(*more: tuple[float, Event]) -> Snapshot:
    """Of 10 s, 6 were a standstill: in the middle of an unpacking."""
    timed = [
        *span("acquire", 0.0, 10.0),
        (1.0, events.UnpackStarted("a", 10, 1000, 1)),
        (8.0, SessionHalted(6.0)),
        (9.0, events.UnpackFinished("a", 10, 1000)),
        (10.0, events.SessionFinished(0, "", 0, 10.0)),
        *more,
    ]
    return made_up.snapshot_of(START, *sorted(timed, key=lambda one: one[0]), at=0.0)


def kinds(explanation: Explanation) -> dict[str, float]:
    return {one.kind: one.seconds for one in explanation.findings}


def test_a_standstill_is_a_finding_and_no_work_of_what_went_on() -> None:
    explanation = explain(halted())
    found = kinds(explanation)
    assert (found["halt"], found["giant-wheel"]) == (6.0, 2.0)
    assert sum(found.values()) + explanation.unexplained == pytest.approx(explanation.wall)
    assert explanation.work == pytest.approx(explanation.wall - 6.0)
    assert explanation.findings[0].text.startswith("the session stood still for 6.0 s")


def test_what_is_predicted_has_the_standstill_and_simulates_only_the_work() -> None:
    snapshot = halted()
    awake = without(snapshot, attribute(snapshot))
    assert (awake.t, awake.wheels[0].spans[-1].begin, awake.wheels[0].spans[-1].end) == (4.0, 1.0, 3.0)
    with_it = {one.change: one.predicted for one in explain(snapshot).what_if}
    assert with_it == pytest.approx({one.change: one.predicted + 6.0 for one in explain(awake).what_if})
    assert with_it["everything cached"] < explain(snapshot).wall


def test_a_machine_that_slept_is_told_beside_what_the_clock_knows() -> None:
    explanation = explain(halted((8.5, SessionHalted(0.0, 300.0))))
    (found,) = [one for one in explanation.findings if one.kind == "sleep"]
    assert (found.seconds, found.critical) == (0.0, False)
    assert "slept for 5m00s" in found.text


@pytest.mark.parametrize(("until_then", "cost"), [(20.0, 0.0), (8.5, 6.0)])
def test_a_standstill_in_a_wait_that_lasts_on_has_cost_nothing(until_then: float, cost: float) -> None:
    snapshot = made_up.snapshot_of(
        START,
        (0.0, events.WheelAdded("a", "1", "a.whl", 1000, False, False)),
        (0.0, events.SpanStarted("commit")),
        (1.0, events.EnvironmentWaiting(".lock", [Holder("", "", 7, "uv sync")])),
        (8.0, SessionHalted(6.0)),
        (until_then, events.EnvironmentGranted(".lock", until_then - 1.0)),
        (until_then, events.SessionFinished(0, "", 0, until_then)),
        at=0.0,
    )
    assert attribute(snapshot).seconds("halt") == cost
    assert attribute(snapshot).seconds("environment") == until_then - 1.0 - cost
    explanation = explain(snapshot)
    predicted = {one.change: one.predicted for one in explanation.what_if}
    assert predicted["jobs 4"] == explanation.wall
    assert predicted["no lock held by others"] == pytest.approx(1.25 + cost)


def test_a_download_that_nobody_read_meanwhile_was_not_silent() -> None:
    snapshot = made_up.snapshot_of(
        START,
        (1.0, events.FetchStarted("a", 0, 1000, 1)),
        (1.4, events.FetchProgress("a", 500, 1000)),
        (1.8, events.FetchProgress("a", 900, 1000)),
        (8.0, SessionHalted(6.0)),
        (8.1, events.FetchFinished("a", 1000)),
        at=0.0,
    )
    assert snapshot.wheels[0].silent == 0.0


def test_plain_lines_say_it_when_the_session_goes_on() -> None:
    fold = Fold()
    fold.feed(0.0, START)
    event = SessionHalted(12.3)
    said = Messages(fold).lines_for(13.0, event)
    assert said == [
        "the session goes on; it stood still for 12.3 s, because its process, or the whole machine, was stopped"
    ]
    assert Messages(fold, live=True).lines_for(13.0, event) == said
    assert Messages(fold, quiet=True).lines_for(13.0, event) == []


# -- while it lasts


@contextmanager
def stopped_process() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        process.send_signal(signal.SIGSTOP)
        until(lambda: state(process.pid) == "T")
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="only Linux says who is stopped")
def test_who_watches_a_stopped_session_sees_it() -> None:
    with stopped_process() as process:
        begun = START._replace(pid=process.pid, wall=time.time(), ran=0.1)
        assert is_stopped(begun)
        assert not is_stopped(begun._replace(wall=begun.wall - 60.0))  # another process has got its number
        fold, watched = Fold(), Watched()
        fold.feed(0.0, begun)
        fold.feed(1.0, events.FetchStarted("a", 0, 1000, 1))
        assert watched.shown(fold.snapshot(1.5), fold.now).standstill is None  # it was heard of a moment ago
        snapshot = watched.shown(fold.snapshot(4.0), fold.now)
        assert snapshot.standstill is not None and snapshot.standstill.begin == 1.0
        slow = slow_now(snapshot)
        assert slow is not None
        assert (
            slow.text
            == f"the session has stood still for 3 s: pid {process.pid} is stopped; kill -CONT {process.pid} helps"
        )
        assert block(snapshot, 80, 10)[0] == f"stands still: pid {process.pid} is stopped · 3 s"
        assert explain(snapshot).findings[0].remedy == f"`kill -CONT {process.pid}` lets it go on"
        process.send_signal(signal.SIGCONT)
        until(lambda: state(process.pid) != "T")
        assert watched.shown(fold.snapshot(4.5), fold.now).standstill is not None  # asked once a second
        assert watched.shown(fold.snapshot(5.5), fold.now).standstill is None
