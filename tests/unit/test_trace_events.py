"""Sessions as trace events: what a reader of the format finds in them."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from instui.monitor.fold import Fold
from instui.monitor.joined import Joined
from instui.monitor.names import wait_target
from instui.monitor.reader import Feed, decoded
from instui.monitor.reader import read as read_journal
from instui.trace import chrome
from instui.trace.trace import trace
from instui_engine.journal import events
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Holder
from support import trace_events
from support.made_up import Timed, span

RECORDINGS = sorted((Path(__file__).parents[2] / "screenshots" / "recordings").glob("*.jsonl"))
START = events.SessionStarted(
    2,
    "20261101-1",
    42,
    1000.0,
    100.0,
    "0.1",
    ["instui", "install", "a"],
    "/v",
    "py",
    {"purelib": "lib"},
    2,
    "",
    0.25,
    2,
)
FLOCK = Holder("", "", 31817, "flock -x .lock", "asleep", 998.75)


def written(timed: Sequence[Timed], *, ended: bool = True, at: float = 0.0) -> trace_events.Read:
    """What is read in the trace of these events."""
    fold = Fold()
    for t, event in timed:
        fold.feed(t, event)
    if ended:
        fold.abandon()
    snapshot = fold.snapshot(at)
    return trace_events.read("\n".join(chrome.lines(trace(snapshot, timed), snapshot)))


def commit(wheel: str, begin: float, end: float, worker: int = 1, **steps: float) -> list[Timed]:
    """A wheel that claims `lib/x` is committed."""
    return [
        (begin, events.LockGranted(wheel, 0.0)),
        (begin, events.CommitStarted(wheel, 3, worker)),
        (end, events.CommitFinished(wheel, 3)),
        (end, events.LockReleased(wheel, end - begin, **steps)),
    ]


def two_wheels(mode: str = "X") -> list[Timed]:
    """`b` waits until `a` has released `lib/x`."""
    return [
        (0.0, START),
        *((0.0, events.PlanWheel(key, place, 3, 3, ["lib/x"], [], "")) for place, key in enumerate("ab")),
        *commit("a", 1.0, 2.0, check=0.1, record=0.2, rename=0.5, sync=0.1)[:2],
        (1.5, events.LockWaiting("b", "lib/x", mode, [Holder("a", "20261101-1", 42)])),
        *commit("a", 1.0, 2.0, check=0.1, record=0.2, rename=0.5, sync=0.1)[2:],
        *commit("b", 2.001, 3.0, worker=2),
        (3.5, events.SessionFinished(0, "", 2, 3.5)),
    ]


@pytest.mark.parametrize("journal", RECORDINGS, ids=lambda path: path.stem)
def test_a_reader_of_the_format_accepts_every_recording(journal: Path) -> None:
    read = written(list(read_journal(journal)))
    assert {"stages"} <= {one.thread for one in read.slices}
    assert read.counters["wheels"]
    assert all(flow.begin <= flow.end for flow in read.flows)


@pytest.mark.parametrize("journal", RECORDINGS, ids=lambda path: path.stem)
def test_every_journal_is_a_trace_wherever_it_breaks_off(journal: Path) -> None:
    timed = list(read_journal(journal))
    for length in range(1, len(timed), 37):
        written(timed[:length])
        written(timed[:length], ended=False, at=timed[length][0])


def test_every_wait_of_a_recording_has_a_flow_from_who_let_it_go_on() -> None:
    read = written(list(read_journal(RECORDINGS[-2])))
    found = {(flow.source.thread, flow.source.name, flow.target.thread) for flow in read.flows}
    assert found == {
        (".lock", "pid 31817 (flock -x /home/user/project/.venv/.lock sleep 11.0)", "waits"),
        ("etc/jupyter/jupyter_server_config.d", "jupyterlab 4.5.0", "notebook 7.5.0"),
        ("site-packages/jwt", "jwt 1.4.0", "pyjwt 2.12.1"),
    }


def test_a_flow_leads_from_the_hold_to_the_end_of_the_wait() -> None:
    (flow,) = written(two_wheels()).flows
    assert (flow.source.thread, flow.source.name, flow.source.end) == ("lib/x", "a", 2_250_000)
    assert (flow.target.thread, flow.target.name, flow.target.end) == ("b", "waits for lib/x", 2_251_000)
    assert flow.begin == 2_249_999 and flow.end == 2_250_999


def test_of_several_that_had_a_lock_during_a_wait_the_flow_leads_from_the_last() -> None:
    timed = two_wheels()
    timed[3:3] = [(0.0, events.PlanWheel("c", 2, 3, 3, ["lib/x"], [], ""))]
    waits = (1.6, events.LockWaiting("c", "lib/x", "X", [Holder("a", "20261101-1", 42)]))
    timed[6:6] = [waits]
    timed[-1:] = [*commit("c", 3.001, 3.2), timed[-1]]
    read = written(timed)
    assert {(flow.source.name, flow.target.thread, flow.target.name) for flow in read.flows} == {
        ("a", "b", "waits for lib/x"),
        ("b", "c", "behind b"),  # a part of the wait, as the wait itself began before the hold
    }
    (part,) = (one for one in read.slices if one.name == "behind b")
    assert (part.begin, part.end) == (2_251_000, 3_251_000)


def test_another_session_is_drawn_where_no_wheel_of_this_one_had_the_lock() -> None:
    """`b` waits for another session, then for `a`; `c` for `a`, for `b`, then for the other session."""
    other = Holder("z", "20261101-9", 99, "instui install z")
    timed = [
        (0.0, START),
        *((0.0, events.PlanWheel(key, place, 3, 3, ["lib/x"], [], "")) for place, key in enumerate("abc")),
        (1.0, events.LockWaiting("b", "lib/x", "X", [other])),
        *commit("a", 2.0, 3.0)[:2],
        (2.5, events.LockWaiting("c", "lib/x", "X", [Holder("a", "20261101-1", 42)])),
        *commit("a", 2.0, 3.0)[2:],
        *commit("b", 3.001, 3.5),
        (3.6, events.LockWaiting("c", "lib/x", "X", [other])),
        *commit("c", 5.0, 5.5),
        (6.0, events.SessionFinished(0, "", 3, 6.0)),
    ]
    read = written(timed)
    name = "pid 99 (instui install z)"
    held = [(one.begin, one.end) for one in read.slices if one.name == name]
    assert held == [(1_250_000, 2_250_000), (3_850_000, 5_250_000)]
    assert sorted((flow.source.name, flow.target.thread) for flow in read.flows) == [("a", "b"), (name, "c")]


def test_times_are_microseconds_since_the_program_was_started() -> None:
    read = written(two_wheels())
    commits = {one.thread: (one.begin, one.end) for one in read.slices if one.name == "commit"}
    assert commits == {"a": (1_250_000, 2_250_000), "b": (2_251_000, 3_250_000)}
    assert [(one.begin, one.end) for one in read.slices if one.name == "start"] == [(0, 250_000)]


def test_the_steps_of_a_commit_lie_within_it_in_their_order() -> None:
    steps = [one for one in written(two_wheels()).slices if one.name in ("check", "record", "rename", "sync")]
    assert [(one.name, one.end - one.begin) for one in steps] == [
        ("check", 100_000), ("record", 200_000), ("rename", 500_000), ("sync", 100_000),
    ]  # fmt: skip
    assert steps[-1].end == 2_250_000


def test_the_same_work_is_shown_by_worker() -> None:
    work = {(one.thread, one.name) for one in written(two_wheels()).slices if one.process == "workers"}
    assert work == {("commit 1", "a"), ("commit 2", "b")}


def test_work_of_unknown_workers_that_overlaps_has_lanes() -> None:
    timed: list[Timed] = [
        (0.0, START),
        (1.0, events.FetchStarted("a", 0, 9)),
        (2.0, events.FetchStarted("b", 0, 9)),
        (3.0, events.FetchFinished("a", 9)),
        (4.0, events.FetchFinished("b", 9)),
    ]
    work = {one.thread for one in written(timed).slices if one.process == "workers"}
    assert work == {"fetch, by unknown workers", "fetch, by unknown workers (2)"}


def foreign(end: events.Event) -> list[Timed]:
    return [
        (0.0, START),
        *span("commit", 0.0, 5.0),
        (1.0, events.EnvironmentWaiting(".lock", [FLOCK])),
        (4.0, end),
        (5.0, events.SessionFinished(0, "", 0, 5.0)),
    ]


def test_another_process_that_was_waited_for_is_the_source_of_a_flow() -> None:
    (flow,) = written(foreign(events.EnvironmentGranted(".lock", 3.0))).flows
    assert flow.source.name == "pid 31817 (flock -x .lock)"
    assert flow.source.args == {"pid": 31817, "command": "flock -x .lock", "state": "asleep"}
    assert flow.target.args["holders"] == ["pid 31817 (flock -x .lock), asleep"]


def test_a_wait_that_was_given_up_has_no_flow() -> None:
    assert written(foreign(events.Warned("", "still held"))).flows == []
    failing = two_wheels()[:6]
    failing += [(2.0, events.WheelFailed("b", "timeout")), (2.5, events.LockReleased("a", 1.5))]
    read = written([*failing, (3.0, events.SessionFinished(4, "timeout", 0, 3.0))])
    assert read.flows == []
    assert ("b", "failed", 2_250_000) in read.instants
    assert ("stages", "the session failed", 3_250_000) in read.instants


def test_overwrites_of_other_content_are_instants_of_their_wheel() -> None:
    timed = two_wheels()
    timed.insert(-3, (2.5, events.Overwrite("b", "lib/x/a.py", "a", "b", False)))
    timed.insert(-3, (2.5, events.Overwrite("b", "lib/x/b.py", "a", "b", True)))
    assert [one for one in written(timed).instants if one[1] == "overwrites"] == [("b", "overwrites", 2_750_000)]


def test_loads_are_what_was_used_in_a_second() -> None:
    timed = two_wheels()
    timed[1:1] = [(0.5, events.LoadSampled(0.5, 0.25)), (1.0, events.LoadSampled(1.25, 0.5))]
    counters = written(timed).counters
    assert counters["processors"] == [(750_000, {"cores": 1.5}), (1_250_000, {"cores": 0.0})]
    assert counters["disk stalls"] == [(750_000, {"percent": 50.0}), (1_250_000, {"percent": 0.0})]


def test_nothing_is_written_that_the_session_does_not_have() -> None:
    read = written([(0.0, START)])
    assert {one.thread for one in read.slices} == {"stages"}
    assert set(read.counters) <= {"wheels", "bytes", "files"}
    assert read.facts["outcome"] == "killed"


def test_names_cannot_deceive_who_reads_the_trace() -> None:
    read = written([(0.0, START), *commit("a\x1b[31m\u202eb", 1.0, 2.0)])
    assert any(one.name == r"a\x1b[31m\u202eb" for one in read.slices)


def test_a_session_of_a_program_that_names_no_command_is_a_trace_as_well() -> None:
    nameless = START._replace(command=[], session="", wall=0.0)
    read = written([(0.0, nameless), (1.0, events.SessionFinished(0, "", 0, 1.0))])
    assert "command" not in read.facts
    assert read.facts["outcome"] == "done"


def test_the_waits_of_each_of_several_sessions_as_a_whole_are_in_the_trace() -> None:
    first, second = START._replace(session="s1"), START._replace(session="s2", pid=22)
    waits, cache = events.EnvironmentWaiting(".lock", [FLOCK]), events.WaitStarted("", "cache", "/c", [FLOCK])
    granted, released = events.EnvironmentGranted(".lock", 1.0), events.EnvironmentReleased(".lock", 2.0)
    journals: list[list[Timed]] = [
        [(0.0, first), (1.0, waits), (2.0, granted), (4.0, released)],
        [(0.0, second), (1.0, waits), (1.5, cache), (3.0, granted)],
    ]
    end = (5.0, events.SessionFinished(0, "", 1, 5.0))
    sources = [Feed(), Feed()]
    for source, journal in zip(sources, journals, strict=True):
        for t, event in (*journal, end):
            source.put(encode(t, event))
        source.finish()
    joined = Joined(sources, [first, second])
    timed = [one for _ in range(3) for one in decoded(joined.poll())]
    read = written(timed)
    waited = {(one.thread, one.name, one.begin, one.end) for one in read.slices if one.thread.startswith("waits")}
    assert waited == {
        ("waits of pid 42", "waits for the environment's lock", 1_250_000, 2_250_000),
        ("waits of pid 22", "waits for the environment's lock", 1_250_000, 3_250_000),
        ("waits of pid 22 (2)", f"waits for {wait_target('cache')}", 1_750_000, 5_250_000),
    }
    assert {flow.target.thread for flow in read.flows} == {"waits of pid 42", "waits of pid 22"}
