"""What becomes of wheels when a session ends: nothing goes on that does not, and nothing is said to have failed."""

from itertools import pairwise

import pytest

from instui.explain.summary import ending, summary
from instui.monitor.fold import Fold
from instui.monitor.model import Phase, Snapshot
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder
from support.plain_lines import START

PLANS = [events.PlanWheel(key, order, 1, 1, ["lib/x"], ["lib"], "") for order, key in enumerate("cd")]


def added(key: str, cached: bool = False) -> events.WheelAdded:
    return events.WheelAdded(key, "1", f"{key}.whl", 9, cached)


def halfway() -> Fold:
    """One wheel in each phase: a is fetched, b has not begun, c commits, d waits, g is unpacked, h is in the cache."""
    fold = Fold()
    fold.feed(0.0, START)
    happened: list[tuple[float, Event]] = [(1.0, added(key)) for key in "abcdg"]
    happened += [(1.0, added("h", cached=True)), (1.0, events.FetchStarted("a", 0, 9))]
    for key in "cdg":
        happened += [(2.0, events.UnpackStarted(key, 1, 9)), (3.0, events.UnpackFinished(key, 1, 9))]
    happened += [(3.0, plan) for plan in PLANS]
    happened += [(3.0, events.EnvironmentGranted(".lock", 0.0)), (4.0, events.LockGranted("c", 0.0))]
    happened += [(4.0, events.LockWaiting("d", "lib/x", "X", [Holder("c")]))]
    for t, event in happened:
        fold.feed(t, event)
    return fold


def phases(snapshot: Snapshot) -> dict[str, Phase]:
    return {wheel.key: wheel.phase for wheel in snapshot.wheels}


def failed() -> Snapshot:
    fold = halfway()
    fold.feed(6.0, events.WheelFailed("a", "no route to host"))
    fold.feed(6.0, events.SessionFinished(1, "a 1: no route to host", 0, 6.0))
    return fold.snapshot(9.0)


def killed() -> Snapshot:
    fold = halfway()
    fold.feed(6.0, events.Warned("", "the last word"))
    fold.abandon()
    return fold.snapshot(9.0)


def test_at_the_end_of_a_session_every_wheel_has_failed_stopped_or_not_begun() -> None:
    found = {"a": Phase.FAILED, "b": Phase.UNBEGUN, "c": Phase.STOPPED, "d": Phase.STOPPED}
    assert phases(failed()) == {**found, "g": Phase.STOPPED, "h": Phase.UNBEGUN}
    assert phases(killed()) == {**found, "a": Phase.STOPPED, "g": Phase.STOPPED, "h": Phase.UNBEGUN}
    assert failed().failed == ("a",)
    assert killed().failed == ()  # nothing is invented


def test_a_stopped_wheel_says_how_far_it_had_come() -> None:
    reached = {wheel.key: wheel.reached for wheel in killed().wheels}
    assert reached == {"a": "in fetch", "b": "", "c": "in commit", "d": "in wait", "g": "after unpack", "h": ""}


@pytest.mark.parametrize("end", [failed, killed])
def test_nothing_runs_waits_or_holds_when_the_session_is_over(end) -> None:  # type: ignore[no-untyped-def]
    shot = end()
    assert (shot.running, shot.waiting) == ((), ())
    assert not any(lock.holders or lock.waiters for lock in shot.locks)
    assert shot.environment is not None
    assert (shot.environment.state, shot.environment.held) == ("free", 3.0)
    assert shot.totals.unsettled == (5 if end is failed else 6)


def test_a_dry_run_stops_nothing() -> None:
    fold = halfway()
    fold.feed(6.0, events.SessionFinished(0, "", 0, 6.0))
    assert phases(fold.snapshot(6.0))["h"] is Phase.READY


def test_the_summary_tells_stopped_wheels_from_those_that_had_not_begun() -> None:
    fold = halfway()
    fold.feed(5.0, events.CommitFinished("c", 1))
    fold.feed(6.0, events.WheelFailed("a", "no route to host"))
    fold.feed(6.0, events.SessionFinished(1, "a 1: no route to host", 1, 6.0))
    assert [line.strip() for line in summary(fold.snapshot(6.0))][1:5] == [
        "installed: c 1",
        "not installed (stopped): d 1, g 1",
        "not installed (not begun): b 1, h 1",
        "failed: a 1: no route to host",
    ]


def test_the_screen_says_first_what_went_wrong_and_says_it_once() -> None:
    assert ending(failed()) == [
        "a 1: no route to host",
        "nothing was installed, after 6.0 s",
        "waited for locks: 2.0 s (longest: d 1 on lib/x, 2.0 s, at first held by c 1)",
    ]


def test_the_screen_says_once_what_could_not_be_built() -> None:
    fold = halfway()
    fold.feed(6.0, events.WheelFailed("a", "a could not be built: no compiler"))
    fold.feed(6.0, events.SessionFinished(1, "a could not be built: no compiler", 0, 6.0))
    assert [line for line in ending(fold.snapshot(6.0)) if "no compiler" in line] == [
        "a could not be built: no compiler"
    ]


def test_the_end_names_who_held_the_session_up_though_that_is_over() -> None:
    fold = Fold()
    fold.feed(0.0, START._replace(wall=1000.0, ran=0.5))
    flock = Holder(pid=31817, command="flock -x .lock sleep 9", state="asleep", began=998.5)
    fold.feed(1.0, events.WheelAdded("a", "1", "a.whl", 9, True))
    fold.feed(1.0, events.EnvironmentWaiting(".lock", [flock]))
    fold.feed(8.7, events.EnvironmentGranted(".lock", 7.7))
    fold.feed(8.8, events.WaitStarted("a", "wheel", "/cache/a", [flock._replace(pid=7, began=0.0, state="stopped")]))
    fold.feed(9.8, events.WaitFinished("a", "wheel", "/cache/a", 1.0))
    fold.feed(10.0, events.SessionFinished(1, "no space", 0, 10.0))
    assert [line for line in ending(fold.snapshot(10.0)) if line.startswith("waited")] == [
        "waited for the environment's lock: 7.7 s, held by pid 31817 (flock -x .lock sleep 9), asleep, "
        "started 1.0 s before this session",
        "waited for a process that fetches or unpacks the same wheel (a 1): 1.00 s, held by pid 7 "
        "(flock -x .lock sleep 9), stopped",
    ]


@pytest.mark.parametrize(
    ("waits", "expected"),
    [
        ([("a", 1.0, 3.0), ("b", 2.0, 5.0)], 4.0),  # they overlap
        ([("a", 1.0, 2.0), ("b", 4.0, 5.0)], 2.0),
        ([("", 1.0, 6.0), ("a", 2.0, 3.0)], 5.0),  # the whole session, for the environment's lock
    ],
)
def test_time_held_up_is_time_of_the_clock_not_of_all_who_wait(
    waits: list[tuple[str, float, float]], expected: float
) -> None:
    timed: list[tuple[float, Event]] = []
    for who, begin, end in waits:
        if who:
            timed += [(begin, events.LockWaiting(who, "lib/x", "X", [])), (end, events.LockGranted(who, end - begin))]
        else:
            timed += [(begin, events.EnvironmentWaiting(".lock", [])), (end, events.EnvironmentGranted(".lock", 5.0))]
    fold = Fold()
    fold.feed(0.0, START)
    for t, event in sorted(timed, key=lambda one: one[0]):
        fold.feed(t, event)
    assert fold.snapshot(10.0).totals.held_up == pytest.approx(expected)


def test_a_wait_that_began_before_it_was_told_counts_from_then_in_all_sums() -> None:
    fold = Fold()
    fold.feed(0.0, START)
    fold.feed(0.0, events.WheelAdded("a", "1", "a.whl", 1, True))
    for begin in (1.5, 4.5):
        fold.feed(begin, events.LockWaiting("a", "lib/x", "X", []))
        fold.feed(begin + 1.5, events.LockGranted("a", 2.0))
        fold.feed(begin + 1.5, events.LockReleased("a", 0.0))
    shot = fold.snapshot(6.0)
    (wheel,) = shot.wheels
    spans = [(span.begin, span.end) for span in wheel.spans if span.phase is Phase.WAIT]
    assert [(wait.begin, wait.end) for wait in shot.waits] == spans == [(1.0, 3.0), (4.0, 6.0)]
    assert wheel.waited == shot.totals.lock_wait == shot.totals.held_up == 4.0
    assert all(one.end == two.begin for one, two in pairwise(wheel.spans))
    fold.feed(7.5, events.EnvironmentWaiting(".lock", []))
    fold.feed(8.0, events.EnvironmentGranted(".lock", 1.0))
    assert fold.snapshot(8.0).totals.held_up == 5.0
