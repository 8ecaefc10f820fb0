"""Events into snapshots: phases, counters, locks, rates; and journals that lack something."""

import itertools
import random
import typing

import pytest

from instui.explain.attribution import attribute
from instui.monitor.fold import Fold
from instui.monitor.model import (
    Acquisition,
    OverwritePair,
    Phase,
    Prefix,
    Recovery,
    RestoredFile,
    Snapshot,
    Span,
    Wait,
    WaitFor,
)
from instui_engine.journal import events
from instui_engine.journal.events import KINDS, Event, Holder

SESSION = events.SessionStarted(1, "s1", 42, 0.0, 100.0, "0.1", ["instui"], "/v", "py", {"purelib": "lib"}, 2)


def folded(*timed: tuple[float, Event]) -> Fold:
    fold = Fold()
    fold.feed(0.0, SESSION)
    for t, event in timed:
        fold.feed(t, event)
    return fold


def added(key: str, cached: bool = False) -> events.WheelAdded:
    return events.WheelAdded(key, "1.0", f"{key}-1.0-py3-none-any.whl", 100, cached)


def plan(key: str, order: int = 0) -> events.PlanWheel:
    return events.PlanWheel(key, order, 3, 2, ["lib/jwt", f"@{key}"], [".", "lib"], "")


def wait(key: str, *holders: Holder, path: str = "lib/jwt", mode: str = "X") -> events.LockWaiting:
    return events.LockWaiting(key, path, mode, list(holders))


def phase(fold: Fold, key: str, t: float = 0.0) -> Phase | None:
    wheel = fold.snapshot(t).wheel(key)
    return wheel.phase if wheel else None


def test_a_wheel_goes_through_its_phases_and_keeps_their_times() -> None:
    steps: list[tuple[float, Event, Phase]] = [
        (1.0, added("a"), Phase.QUEUED),
        (2.0, events.FetchStarted("a", 0, 100), Phase.FETCH),
        (3.0, events.FetchFinished("a", 100), Phase.QUEUED),
        (4.0, events.UnpackStarted("a", 3, 300), Phase.UNPACK),
        (5.0, events.UnpackFinished("a", 3, 300), Phase.READY),
        (6.0, plan("a"), Phase.READY),
        (7.0, events.StageStarted("a", 3), Phase.STAGE),
        (8.0, events.StageFinished("a"), Phase.STAGED),
        (9.0, events.LockRequested("a"), Phase.STAGED),
        (9.5, wait("a", Holder("b")), Phase.WAIT),
        (11.0, events.LockGranted("a", 2.0), Phase.COMMIT),
        (11.0, events.CommitStarted("a", 2), Phase.COMMIT),
        (12.0, events.CommitFinished("a", 3), Phase.DONE),
        (12.5, events.LockReleased("a", 1.5), Phase.DONE),
    ]
    fold = folded()
    for t, event, expected in steps:
        fold.feed(t, event)
        assert phase(fold, "a") is expected, event
    wheel = fold.snapshot(13.0).wheel("a")
    assert wheel is not None
    assert wheel.spans == (
        Span(Phase.QUEUED, 1.0, 2.0),
        Span(Phase.FETCH, 2.0, 3.0),
        Span(Phase.QUEUED, 3.0, 4.0),
        Span(Phase.UNPACK, 4.0, 5.0),
        Span(Phase.READY, 5.0, 7.0),
        Span(Phase.STAGE, 7.0, 8.0),
        Span(Phase.STAGED, 8.0, 9.0),
        Span(Phase.WAIT, 9.0, 11.0),  # from the request, not from the first word of a wait
        Span(Phase.COMMIT, 11.0, 12.0),
    )
    assert wheel.acquisitions == (Acquisition(9.0, 11.0, 12.5),)
    assert (wheel.waited, wheel.files, wheel.label) == (2.0, 3, "a 1.0")
    totals = fold.snapshot(13.0).totals
    assert (totals.resolved, totals.fetched, totals.unpacked, totals.staged, totals.committed) == (1, 1, 1, 1, 1)
    assert totals.files == 3
    sample = fold.snapshot(13.0).samples[-1]
    assert (sample.t, sample.fetched_bytes, sample.staged_files) == (12.5, 100, 3)
    assert (totals.lock_wait, totals.busy) == (2.0, 4.0)


def test_a_cached_wheel_counts_as_fetched_and_unpacked_but_not_as_work() -> None:
    totals = folded((1.0, added("a", cached=True)), (1.0, added("b"))).totals
    assert (totals.resolved, totals.fetched, totals.unpacked, totals.downloads) == (2, 1, 1, 0)


def test_a_wait_whose_holder_changes_has_a_part_for_each() -> None:
    other, own = Holder("", "s9", 9, "instui install x"), Holder("a", "s1", 1)
    awake = other._replace(state="running")
    fold = folded(
        (1.0, plan("a")),
        (1.0, plan("b", 1)),
        (2.0, wait("b", other)),
        (3.0, wait("b", awake, own)),
        (6.0, wait("b", own)),
        (7.0, wait("b", own._replace(state="asleep"))),
    )
    snapshot = fold.snapshot(8.0)
    b, lock = snapshot.wheel("b"), snapshot.lock("lib/jwt")
    assert b is not None and b.waits_for is not None and lock is not None
    assert (b.waits_for.since, b.waits_for.behind) == (2.0, 6.0)
    assert [(one.holders[0], one.begin, one.end) for one in snapshot.waits] == [(awake, 2.0, 6.0)]
    assert [(piece.kind, piece.begin, piece.end) for piece in attribute(snapshot).activities if piece.wheel == "b"] == [
        ("claim", 2.0, 6.0)
    ]
    fold.feed(9.0, events.LockGranted("b", 7.0))
    snapshot = fold.snapshot(9.0)
    b, lock = snapshot.wheel("b"), snapshot.lock("lib/jwt")
    assert b is not None and lock is not None
    assert [(one.holders[0].session, one.begin, one.end) for one in snapshot.waits] == [
        ("s9", 2.0, 6.0),
        ("s1", 6.0, 9.0),
    ]
    assert (b.waited, lock.waited, lock.longest, lock.contended) == (7.0, 7.0, 7.0, 1)


def test_running_and_waiting_seconds_include_those_that_go_on() -> None:
    fold = folded((1.0, events.FetchStarted("a", 0, 9)), (2.0, events.FetchStarted("b", 0, 9)), (3.0, wait("c")))
    totals = fold.snapshot(5.0).totals
    assert (totals.busy, totals.lock_wait, totals.running, totals.waiting) == (7.0, 2.0, 2, 1)
    assert fold.snapshot(5.0).running == ("a", "b")


def test_a_lock_shows_its_mode_holder_waiters_and_history() -> None:
    fold = folded((1.0, plan("a")), (1.0, plan("b", 1)), (1.0, events.PlanCollision("lib/jwt", ["a", "b"])))
    lock = fold.snapshot(1.0).lock("lib/jwt")
    assert lock is not None
    assert (lock.mode, lock.claims_x, lock.collision, lock.acquisitions) == ("", 2, ("a", "b"), 0)
    for t, event in (
        (2.0, events.LockRequested("a")),
        (2.0, events.LockGranted("a", 0.0)),
        (3.0, events.LockRequested("b")),
        (3.0, wait("b", Holder("a", "s1"))),
    ):
        fold.feed(t, event)
    snapshot = fold.snapshot(4.0)
    lock, b = snapshot.lock("lib/jwt"), snapshot.wheel("b")
    assert lock is not None and b is not None
    assert (lock.mode, [hold.wheel for hold in lock.holders], lock.since) == ("X", ["a"], 2.0)
    assert [(waiter.wheel, waiter.since) for waiter in lock.waiters] == [("b", 3.0)]
    assert b.waits_for == WaitFor("lib/jwt", "X", (Holder("a", "s1"),), 3.0, 3.0)
    assert (lock.acquisitions, lock.contended, lock.foreign) == (1, 1, ())
    top = snapshot.lock(".")
    assert top is not None and top.mode == "IX"
    fold.feed(5.0, events.LockReleased("a", 3.0))
    fold.feed(5.0, events.LockGranted("b", 2.0))
    snapshot = fold.snapshot(6.0)
    lock = snapshot.lock("lib/jwt")
    assert lock is not None
    assert (lock.waiters, lock.longest, lock.waited, lock.acquisitions) == ((), 2.0, 2.0, 2)
    assert list(snapshot.waits) == [Wait("b", "lib/jwt", "X", (Holder("a", "s1"),), 3.0, 5.0)]
    blocker = snapshot.wheel("a")
    assert blocker is not None and blocker.blocked == 2.0
    history = [(wheel.key, mode, turn) for wheel, mode, turn in snapshot.lock_history("lib/jwt")]
    assert history == [("a", "X", Acquisition(2.0, 2.0, 5.0)), ("b", "X", Acquisition(3.0, 5.0, None))]


def test_locks_that_were_waited_for_are_found_without_a_look_at_all_others() -> None:
    fold = folded((1.0, plan("a")), (1.0, plan("b")), (1.0, events.PlanCollision("lib/jwt", ["a", "b"])))
    assert (list(fold.snapshot(1.0).collisions), list(fold.snapshot(1.0).contended)) == (["lib/jwt"], [])
    for t in (2.0, 3.0):
        fold.feed(t, wait("b", Holder("a")))
        fold.feed(t + 0.5, events.LockGranted("b", 0.5))
        fold.feed(t + 0.6, events.LockReleased("b", 0.1))
        fold.feed(t + 0.6, events.PlanCollision("lib/jwt", ["a", "b", "c"]))
    assert list(fold.snapshot(4.0).collisions) == list(fold.snapshot(4.0).contended) == ["lib/jwt"]


def test_a_wait_that_moves_to_another_path_leaves_the_first() -> None:
    fold = folded((1.0, plan("b")), (2.0, events.LockRequested("b")), (2.0, wait("b", Holder("a"))))
    fold.feed(4.0, wait("b", Holder("c"), path="@b"))
    snapshot = fold.snapshot(5.0)
    first, second = snapshot.lock("lib/jwt"), snapshot.lock("@b")
    assert first is not None and second is not None
    assert (first.waiters, first.waited) == ((), 2.0)
    assert [(waiter.wheel, waiter.since) for waiter in second.waiters] == [("b", 4.0)]
    assert snapshot.totals.lock_wait == 3.0


def test_each_holder_is_charged_for_its_part_of_a_wait() -> None:
    fold = folded((0.0, added("a")), (0.0, added("b")), (1.0, wait("c", Holder("a"))), (3.0, wait("c", Holder("b"))))
    fold.feed(4.0, events.LockGranted("c", 3.0))
    blocked = {wheel.key: wheel.blocked for wheel in fold.snapshot(4.0).wheels}
    assert blocked == {"a": 2.0, "b": 1.0, "c": 0.0}
    lock = fold.snapshot(4.0).lock("lib/jwt")
    assert lock is not None and lock.contended == 1


def test_other_processes_are_foreign_holders() -> None:
    uv, other = Holder(pid=7, command="uv pip"), Holder("a", "s2", 8, "instui")
    lock = folded((1.0, wait("b", uv, other, Holder("a", "s1")))).snapshot(1.0).lock("lib/jwt")
    assert lock is not None
    assert lock.foreign == (uv, other)


def test_a_wheel_that_lets_go_without_a_commit_is_staged_and_may_claim_more() -> None:
    fold = folded((1.0, plan("a")), (2.0, events.LockRequested("a")), (2.0, events.LockGranted("a", 0.0)))
    fold.feed(3.0, events.PlanWheel("a", 0, 3, 2, ["lib/x"], ["."], ""))
    fold.feed(3.0, events.LockReleased("a", 1.0))
    snapshot = fold.snapshot(3.0)
    assert phase(fold, "a") is Phase.STAGED
    assert [lock.path for lock in snapshot.locks if lock.holders] == []
    old, new = snapshot.lock("lib/jwt"), snapshot.lock("lib/x")
    assert old is not None and new is not None and (old.claims_x, new.claims_x) == (0, 1)


def test_a_failure_ends_the_wait_and_is_counted_once() -> None:
    fold = folded(
        (1.0, wait("a")), (2.0, events.WheelFailed("a", "disk full")), (3.0, events.WheelFailed("a", "again"))
    )
    snapshot = fold.snapshot(9.0)
    assert (snapshot.failed, snapshot.waiting, snapshot.totals.failed, snapshot.totals.lock_wait) == (
        ("a",),
        (),
        1,
        1.0,
    )


def test_the_environments_lock_waits_is_held_and_freed() -> None:
    fold = folded(
        (1.0, events.EnvironmentWaiting(".lock", [Holder(pid=7)])), (2.0, events.EnvironmentWaiting(".lock", []))
    )
    environment = fold.snapshot(2.0).environment
    assert environment is not None and (environment.state, environment.since) == ("waiting", 1.0)
    fold.feed(3.0, events.EnvironmentGranted(".lock", 2.0))
    fold.feed(5.0, events.EnvironmentReleased(".lock", 2.0))
    environment = fold.snapshot(5.0).environment
    assert environment is not None
    assert (environment.state, environment.waited, environment.held) == ("free", 2.0, 2.0)


def test_a_rate_is_smooth_and_sinks_when_nothing_comes() -> None:
    fold = folded((0.0, events.FetchStarted("a", 500, 10**6)))
    for tick in range(1, 51):  # 1000 bytes a second in uneven pieces
        fold.feed(tick / 10, events.FetchProgress("a", 500 + tick * 100 + (20 if tick % 2 else 0), 10**6))
    rate = fold.snapshot(5.0).wheels[0].rate
    assert 900 < rate < 1100
    assert fold.snapshot(5.9).wheels[0].rate == rate
    assert fold.snapshot(10.0).wheels[0].rate < rate / 20
    fold.feed(10.0, events.SessionFinished(0, "", 0, 10.0))
    assert fold.snapshot(10.0).samples[-1].fetched_bytes == 5000  # what an earlier attempt had brought is not counted
    fold = folded((0.0, events.FetchStarted("a", 500, 900, ahead=500)), (0.5, events.FetchFinished("a", 900)))
    fold.feed(1.0, events.SessionFinished(0, "", 0, 1.0))
    assert fold.snapshot(1.0).samples[-1].fetched_bytes == 900  # but what came while uv decided


def test_overwrites_are_counted_by_pair_and_wheel() -> None:
    fold = folded(
        (1.0, events.Overwrite("b", "lib/x", "a 1", "b 1", False)),
        (1.0, events.Overwrite("b", "lib/y", "a 1", "b 1", True)),
        (1.0, events.Overwrite("b", "lib/z", "a 1", "b 1", False)),
    )
    snapshot = fold.snapshot(1.0)
    assert snapshot.pairs == (OverwritePair("a 1", "b 1", 2, 1),)
    assert (snapshot.totals.overwrote, snapshot.wheels[0].overwrote, snapshot.wheels[0].overwrote_same) == (2, 2, 1)
    assert [row.path for row in snapshot.overwrites] == ["lib/x", "lib/y", "lib/z"]


def test_a_distribution_that_is_removed_waits_commits_and_is_done_when_it_is_gone() -> None:
    steps: list[tuple[float, Event, Phase, str]] = [
        (1.0, plan("a")._replace(replaces="2.0"), Phase.READY, "queued"),
        (2.0, wait("a", Holder("b")), Phase.WAIT, "wait"),
        (3.0, events.LockGranted("a", 1.0), Phase.COMMIT, "remove"),
        (3.0, events.LockReleased("a", 0.0), Phase.READY, "queued"),  # it was planned again
        (3.0, plan("a")._replace(replaces="2.1"), Phase.READY, "queued"),
        (4.0, events.LockGranted("a", 1.0), Phase.COMMIT, "remove"),
        (4.0, events.CommitStarted("a", 2), Phase.COMMIT, "remove"),
        (5.0, events.Restored("a", "lib/x", "b 1.0"), Phase.COMMIT, "remove"),
        (5.0, events.DistributionRemoved("a", "2.1", 7), Phase.DONE, "removed"),
        (5.0, events.LockReleased("a", 1.0), Phase.DONE, "removed"),
    ]
    fold = folded((1.0, plan("c")._replace(replaces="1")))
    for t, event, expected, word in steps:
        fold.feed(t, event)
        wheel = fold.snapshot(t).wheel("a")
        assert wheel is not None and (wheel.phase, wheel.word) == (expected, word), event
    snapshot = fold.snapshot(6.0)
    wheel, totals = snapshot.wheel("a"), snapshot.totals
    assert wheel is not None and (wheel.label, wheel.files, wheel.removal) == ("a 2.1", 7, True)
    assert (totals.removing, totals.removed, totals.removed_files) == (2, 1, 7)
    assert (totals.committed, totals.replaced, totals.files) == (0, 0, 0)
    assert snapshot.removes
    assert list(snapshot.restored) == [RestoredFile(5.0, "a 2.1", "lib/x", "b 1.0")]


def test_a_wheel_that_is_found_in_the_store_after_all_no_longer_waits_to_be_fetched() -> None:
    fold = folded((1.0, added("a")), (1.0, added("b")))
    for _ in range(2):
        fold.feed(2.0, added("a")._replace(cached=True))
    snapshot = fold.snapshot(2.0)
    assert [wheel.phase for wheel in snapshot.wheels] == [Phase.READY, Phase.QUEUED]
    totals = snapshot.totals
    assert (totals.resolved, totals.cached, totals.unpacked, totals.downloads) == (2, 1, 1, 0)


def test_what_is_dropped_is_counted_nowhere_until_it_comes_back() -> None:
    ready = [(0.0, added("a", cached=True)), (0.0, added("b")), (1.0, events.UnpackStarted("b", 1, 5))]
    ready += [(1.0, events.UnpackFinished("b", 1, 5))]
    dropped = [(2.0, events.WheelDropped(key)) for key in "abb"]
    fold = folded((0.0, events.ResolveFinished(2, 0)), *ready, *dropped)
    totals = fold.totals
    assert (totals.resolved, totals.cached, totals.fetched, totals.unpacked, totals.dropped) == (0, 0, 0, 0, 2)
    assert phase(fold, "b") is Phase.STOPPED
    fold.feed(3.0, added("a", cached=True))
    assert phase(fold, "a") is Phase.READY
    totals = fold.totals
    assert (totals.resolved, totals.cached, totals.unpacked, totals.dropped) == (1, 1, 1, 1)
    fold.feed(4.0, events.CommitFinished("a", 1))
    fold.feed(4.0, events.SessionFinished(0, "", 1, 4.0))
    assert fold.totals.unsettled == 0


def test_an_old_version_that_goes_is_no_removal_whatever_the_journal_lacks() -> None:
    end: list[tuple[float, Event]] = [
        (2.0, events.DistributionRemoved("a", "0.9", 3)),
        (2.0, events.CommitFinished("a", 4)),
    ]
    planned = plan("a")._replace(replaces="0.9")
    for begin in ([(1.0, added("a")), (1.0, planned)], [(1.0, planned), (1.0, events.StageStarted("a", 3))], []):
        snapshot = folded(*begin, *end).snapshot(2.0)  # type: ignore[misc]
        totals, wheel = snapshot.totals, snapshot.wheel("a")
        assert (totals.removing, totals.removed, totals.removed_files, totals.replaced) == (0, 0, 0, 1), begin
        assert (totals.committed, totals.files, snapshot.removes) == (1, 4, False)
        assert wheel is not None and (wheel.word, wheel.removal) == ("done", False)


def test_a_recovery_runs_is_settled_and_makes_no_wheel_of_this_session() -> None:
    fold = folded((1.0, events.RecoveryStarted("a", "2.0", "dead")))
    before = fold.snapshot(1.0)
    assert before.recoveries == (Recovery(1.0, "a", "2.0", "dead", "running", ()),)
    fold.feed(2.0, events.RecoveryFinished("a", "2.0", "dead", "completed", ["lib/x"]))
    fold.feed(2.0, events.RecoveryStarted("b", "1.0", "dead"))
    fold.feed(3.0, events.SessionFinished(1, "disk full", 0, 3.0))
    assert fold.snapshot(3.0).recoveries == (
        Recovery(1.0, "a", "2.0", "dead", "completed", ("lib/x",)),
        Recovery(2.0, "b", "1.0", "dead", "failed", ()),
    )
    assert before.recoveries[0].outcome == "running"
    assert (fold.snapshot(3.0).wheels, fold.totals.resolved) == ((), 0)


def test_an_overwrite_says_where_the_old_content_is_kept() -> None:
    snapshot = folded((1.0, events.Overwrite("b", "lib/x", "a 1", "b 1", False, ".instui/kept/x"))).snapshot(1.0)
    assert snapshot.overwrites[0].kept == ".instui/kept/x"


def test_a_snapshot_does_not_change_when_more_is_fed() -> None:
    fold = folded((1.0, added("a")), (1.0, events.RequirementSatisfied("one", "1")))
    before = fold.snapshot(1.0)
    frozen = repr(before._replace(wheel_index={}, lock_index={}))
    for t, event in (
        (2.0, added("b")),
        (2.0, events.RequirementSatisfied("two", "1")),
        (2.0, plan("a")),
        (3.0, wait("a", Holder("b"))),
    ):
        fold.feed(t, event)
    fold.snapshot(3.0)
    assert repr(before._replace(wheel_index={}, lock_index={})) == frozen
    assert before.wheel("b") is None and before.lock("lib/jwt") is None
    assert len(before.satisfied) == 1 and before.satisfied[-1].name == "one"


def test_a_snapshot_reuses_what_did_not_change() -> None:
    fold = folded((1.0, added("a")), (1.0, added("b")), (1.0, plan("a")))
    first = fold.snapshot(1.0)
    assert fold.snapshot(2.0).wheels is first.wheels
    fold.feed(2.0, events.StageStarted("b", 3))
    second = fold.snapshot(2.0)
    assert second.wheels[0] is first.wheels[0] and second.wheels[1] is not first.wheels[1]
    assert second.locks is first.locks


def test_a_finished_session_stands_still() -> None:
    fold = folded((1.0, events.FetchStarted("a", 0, 9)), (3.0, events.SessionFinished(1, "no", 0, 3.0)))
    assert (fold.snapshot(99.0).t, fold.snapshot(99.0).totals.busy) == (3.0, 2.0)


EXAMPLES = {
    int: 3,
    float: 1.0,
    bool: False,
    str: "a",
    list[str]: ["a", "b"],
    dict[str, str]: {},
    list[Holder]: [Holder("z")],
}


def _example(hint: object) -> object:
    choices = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
    return choices[0] if choices else EXAMPLES[hint]


def example(cls: type[Event]) -> Event:
    hints = typing.get_type_hints(cls)
    return cls(*(_example(hints[name]) for name in cls._fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_any_event_may_be_the_first_and_the_only_one(kind: str) -> None:
    fold = Fold()
    fold.feed(1.0, example(KINDS[kind]))
    assert isinstance(fold.snapshot(2.0), Snapshot)


def test_a_journal_in_any_order_with_any_gaps_is_survived() -> None:
    chooser = random.Random(7)
    kinds = list(KINDS.values())
    for _ in range(50):
        fold = Fold()
        for t in range(120):
            event = example(chooser.choice(kinds))
            if "wheel" in event._fields:
                event = event._replace(wheel=chooser.choice("abc"))  # type: ignore[call-arg]
            fold.feed(t * chooser.choice([0.5, 1.0]), event)
            totals = fold.snapshot(0.0).totals
            assert totals.lock_wait >= 0 and totals.busy >= 0 and totals.waiting >= 0


def test_a_prefix_is_a_sequence_of_fixed_length() -> None:
    data = [1, 2, 3]
    rows = Prefix(data)
    data.append(4)
    assert (list(rows), rows[-1], rows[1:], len(rows), 4 in rows) == ([1, 2, 3], 3, [2, 3], 3, False)
    with pytest.raises(IndexError):
        rows[3]


def test_a_snapshot_costs_what_changed_not_what_there_is() -> None:
    """Counted in states that are rebuilt, and in lines of Python."""
    fold = folded(*((1.0, added(f"w{i}")) for i in range(5000)))
    before = fold.snapshot(1.0)
    for i in range(10):
        fold.feed(2.0, events.FetchStarted(f"w{i}", 0, 9))
    after = fold.snapshot(2.0)
    assert sum(a is not b for a, b in itertools.zip_longest(before.wheels, after.wheels)) == 10
