"""What holds a session up at a moment."""

import pytest

from instui.explain.slow_now import SlowNow, slow_now
from instui.lines.slowness import Slowness
from instui.monitor.fold import Fold
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder
from support.explained import FLOCK, added, ended, snapshot_of

OURS = [Holder("big", "s", 42)]
CROWD: list[tuple[float, Event]] = [
    *added("big", *"abcd"),
    (0.0, events.LockGranted("big", 0.0)),
    (0.0, events.CommitStarted("big", 2400)),
    *((0.0, events.LockWaiting(wheel, "lib/x", "X", OURS)) for wheel in "abcd"),
]


def slow(at: float, *timed: tuple[float, Event]) -> SlowNow | None:
    return slow_now(snapshot_of(*timed, at=at))


def said(at: float, *timed: tuple[float, Event]) -> str:
    found = slow(at, *timed)
    return found.text if found is not None else ""


def test_a_wait_for_the_environment_is_told_with_its_holder_from_a_second_on() -> None:
    wait = (0.0, events.EnvironmentWaiting(".lock", [FLOCK]))
    assert slow(0.9, wait) is None
    assert said(7.0, wait).startswith("waiting 7 s for .lock, held by pid 31817 `flock -x .lock`")


def test_wheels_behind_one_of_ours_are_counted_and_one_of_another_process_comes_first() -> None:
    assert said(2.0, *CROWD) == "4 wheels stand 2 s behind big, which commits 2 400 renames"
    other = (0.0, events.LockWaiting("a", "lib/y", "X", [Holder("", "", 77, "cp")]))
    assert said(2.0, *CROWD, other) == "a stands 2 s at lib/y, held by pid 77 `cp`"


def test_waits_for_several_wheels_of_a_process_are_told_by_what_is_true_of_all() -> None:
    pair = [Holder(wheel, "t", 77, "instui install x", "asleep") for wheel in ("a", "b")]
    waits = [(t, events.LockWaiting(one.wheel, one.wheel, "X", [one])) for t, one in enumerate(pair)]
    command = "pid 77 `instui install x` (asleep)"
    assert said(5.0, *added("a", "b"), waits[0]) == f"a stands 5 s at a, held by a of {command}"
    assert said(5.0, *added("a", "b"), *waits) == f"2 wheels stand 5 s behind {command}, the first at a"
    here = [(t, event._replace(path="bin/x")) for t, event in waits]
    assert said(5.0, *added("a", "b"), *here) == f"2 wheels stand 5 s behind {command}, the first at bin/x"


def test_a_wait_behind_a_new_holder_counts_from_when_that_was_in_the_way() -> None:
    others = [Holder(wheel, "t", 77, "cp") for wheel in ("x", "y")]
    waits = [(2.0 * t, events.LockWaiting("a", "lib/y", "X", [one])) for t, one in enumerate(others)]
    assert said(5.0, *added("a"), *waits) == "a stands 3 s at lib/y, held by y of pid 77 `cp`"


def test_a_wait_behind_a_wheel_counts_from_when_that_got_its_lock() -> None:
    claims = [(0.0, events.PlanWheel(wheel, n, 1, 1, ["lib/x"], [], "")) for n, wheel in enumerate("abc")]
    turns: list[tuple[float, Event]] = [
        *((0.0, events.LockRequested(wheel)) for wheel in "abc"),
        (0.0, events.LockGranted("a", 0.0)),
        (0.0, events.LockWaiting("c", "lib/x", "X", [Holder("a", "s", 42)])),
        (4.0, events.LockReleased("a", 4.0)),
        (4.0, events.LockGranted("b", 4.0)),
        (4.0, events.CommitStarted("b", 9)),
    ]
    assert said(4.9, *added(*"abc"), *claims, *turns) == ""
    assert said(6.0, *added(*"abc"), *claims, *turns) == "c stands 2 s behind b, which commits 9 renames"


@pytest.mark.parametrize(
    ("happened", "at", "text"),
    [
        ([events.WaitStarted("a", "wheel", "p", [FLOCK])], 2.0, "waiting 2 s for a 1.0: pid 31817"),
        ([events.SyncStarted("store")], 3.0, "waiting 3 s until the disk has written the store"),
        (
            [events.SpanStarted("resolve"), events.ResolveStarted(["a"]), events.ResolveProgress("asking")],
            12.0,
            "uv is 12 s at work: asking",
        ),
        ([events.UnpackStarted("a", 1, 8_000_000)], 9.0, "a 1.0 alone is at work: unpack for 9 s (0 B of 8.0 MB)"),
        ([events.SpanStarted("plan")], 6.0, "planning 1 wheel for 6 s"),
        (
            [events.FetchStarted("a", 0, 9), events.FetchStalled("a", "x.example", 0.0)],
            5.0,
            "x.example has sent nothing",
        ),
        (
            [events.FetchStarted("a", 0, 9), events.FetchStalled("a", "x.example", 0.0, connecting=True)],
            4.0,
            "no connection for 4 s to x.example, which has a 1.0",
        ),
    ],
)
def test_each_thing_that_lasts_is_told(happened: list[Event], at: float, text: str) -> None:
    steps = [*added("a"), *((0.0, event) for event in happened)]
    assert said(at, *steps).startswith(text)
    assert slow(at, *steps, ended(at)) is None
    assert slow(0.5, *steps) is None


def test_a_download_that_waits_to_be_tried_again_says_for_how_long_and_why() -> None:
    steps = [*added("a"), (0.0, events.FetchStarted("a", 0, 9)), (1.0, events.FetchRetried("a", 1, "said 429", 30.0))]
    assert said(11.0, *steps) == "a 1.0 is fetched again in 20 s: said 429"
    assert slow(30.5, *steps) is None or "again" not in said(30.5, *steps)


def test_a_line_about_one_thing_comes_after_ten_seconds_and_then_sparsely() -> None:
    lines = Slowness()
    told = [second for second in range(600) if lines.due(snapshot_of(*CROWD, at=float(second)))]
    assert told == [10, 60, 300]


def test_a_holder_that_is_one_of_the_sessions_shown_has_not_started_with_us() -> None:
    first = events.SessionStarted(2, "s1", 11, 1000.0, 100.0, "0.1", ["instui", "install", "a"], "/v", "py", {}, 2)
    second = first._replace(session="s2", pid=22, wall=1003.0, clock=103.0)
    holders = Holder("", "s1", 11, "instui install a", "asleep", 1000.0), FLOCK._replace(began=999.0)
    for holder, facts in zip(holders, ("asleep", "asleep; started 1.00 s before us"), strict=True):
        wait = events.WaitStarted("@2", "environment", ".lock", [holder])
        fold = Fold()
        for t, event in ((0.0, first), (0.0, first), (3.0, second), (4.0, wait)):
            fold.feed(t, event)
        found = slow_now(fold.snapshot(9.0))
        assert found is not None and f"({facts})" in found.text
