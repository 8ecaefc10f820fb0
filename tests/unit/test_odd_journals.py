"""Journals that are cut, damaged or made up by somebody: whatever they say can be explained, and soon."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instui.cli.sessions import table
from instui.explain.explanation import explain
from instui.explain.where_time_went import rows, where_time_went
from instui.lines.explained import report
from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.monitor.names import is_foreign
from instui.monitor.sessions import KnownSession
from instui_engine.journal import events
from instui_engine.journal.codec import decode
from instui_engine.journal.events import Event, Holder
from support.explained import START, ended, in_order, snapshot_of, the, unpack
from support.made_up import span
from unit.test_events import damaged_lines


def told(snapshot: Snapshot) -> str:
    """Everything that is said of a session."""
    explanation = explain(snapshot)
    lines = report(explanation, snapshot, [], 2000.0, 80)
    return "\n".join([*lines, *(row.text for row in rows(explanation)), *where_time_went(snapshot, asked=True)])


def test_a_session_of_no_time_can_be_explained() -> None:
    assert told(snapshot_of(start=START._replace(ran=0.0)))
    assert told(snapshot_of(start=START._replace(ran=-5.0))) == told(snapshot_of(start=START._replace(ran=0.0)))


def test_a_wheel_that_a_journal_with_gaps_leaves_running_is_no_error() -> None:
    assert "fetched" in told(snapshot_of((0.0, events.FetchStarted("a", 0, 100)), ended(3.0)))


def test_a_billion_workers_need_no_memory() -> None:
    many = START._replace(jobs=10**12)
    steps = in_order(span("acquire", 0.0, 4.0, 3.0), unpack("a", 0.0, 1.0), unpack("b", 1.0, 4.0), [ended(4.0)])
    assert told(snapshot_of(*steps, start=many))
    assert told(
        snapshot_of((0.0, events.FetchStarted("a", 0, 100)), (9.0, events.FetchProgress("a", 50, 100)), start=many)
    )


def test_wheels_of_less_than_no_bytes_need_no_workers() -> None:
    wheels = [(0.0, events.WheelAdded(key, "1.0", f"{key}.whl", -(10**18), False)) for key in "ab"]
    steps = in_order(wheels, span("acquire", 0.0, 4.0, 3.0), unpack("a", 0.0, 1.0), unpack("b", 1.0, 4.0), [ended(4.0)])
    assert told(snapshot_of(*steps))


def test_a_part_of_the_session_that_took_less_than_no_time_took_none() -> None:
    stage = events.SpanFinished("stage", -1.0, 1e-300, 0.0, 9e18, 0.0)
    steps = in_order(unpack("a", 0.0, 1.0), [(2.0, events.SpanStarted("commit")), (2.0, stage)], [ended(4.0)])
    assert told(snapshot_of(*steps))


def test_a_killed_session_is_at_work_no_longer() -> None:
    fold = Fold()
    fold.feed(0.0, START)
    fold.feed(0.0, events.FetchStarted("a", 0, 100))
    fold.feed(9.0, events.FetchProgress("a", 50, 100))
    assert "is fetching" in told(fold.snapshot(9.0))
    fold.abandon()
    text = told(fold.snapshot(9.0))
    assert "is fetching" not in text and "still running" not in text and "ended abruptly" in text


def test_what_uv_did_last_does_not_last_through_the_commits_of_a_chunk() -> None:
    resolving = in_order(span("resolve", 0.0, 1.0), span("commit", 1.0, 50.0), span("resolve", 50.0, 51.0))
    steps = in_order(
        resolving, [(0.0, events.ResolveStarted(["a"])), (0.5, events.ResolveProgress("asking"))], [ended(51.0)]
    )
    assert "asking 1.50 s" in the("resolve", explain(snapshot_of(*steps))).text


def test_this_session_is_foreign_to_none_of_its_wheels() -> None:
    assert not is_foreign(Holder("", "s", 42, "instui install"), START)
    assert not is_foreign(Holder("", "", 42, "instui install"), START)
    assert is_foreign(Holder("", "", 43, "flock"), START) and is_foreign(Holder("a", "other", 42 + 1), START)


def test_thousands_of_turns_are_not_scheduled_again() -> None:
    """Counted in comparisons of claims: each of the other wheels would be looked at whenever one is done."""
    names = [f"w{number}" for number in range(1000)]
    steps: list[tuple[float, Event]] = [
        (0.0, events.SpanStarted("commit")),
        (0.0, events.PlanCollision("lib/x", names)),
    ]
    for number, name in enumerate(names):
        steps += [(0.0, events.PlanWheel(name, number, 1, 1, ["lib/x"], ["."], ""))]
        steps += [(number * 1.0, events.LockGranted(name, 0.0)), (number + 0.9, events.CommitFinished(name, 1))]
        steps += [(number + 0.9, events.LockReleased(name, 0.9))]
    explanation = explain(snapshot_of(*sorted(steps, key=lambda one: one[0]), ended(1000.0)))
    assert all(
        change.predicted == explanation.wall for change in explanation.what_if if change.change.startswith("jobs")
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(damaged_lines(), max_size=12))
def test_whatever_a_journal_says_can_be_explained(lines: list[bytes]) -> None:
    fold = Fold()
    fold.feed(0.0, START)
    for line in lines:
        try:
            decoded = decode(line)
        except ValueError:
            continue
        if decoded is not None:
            fold.feed(*decoded)
    told(fold.snapshot(0.0))


@pytest.mark.parametrize("wall", [-1e18, 1e18])
def test_a_session_of_no_time_that_a_calendar_has_is_told_all_the_same(wall: float) -> None:
    snapshot = snapshot_of(ended(1.0), start=START._replace(wall=wall))
    assert "at an unknown time" in told(snapshot)
    one = KnownSession("s", 1, "done", "/venv", "instui install", wall, 1.0, "", "", -1)
    assert "at an unknown time" in "\n".join(table([one], 1000.0))
