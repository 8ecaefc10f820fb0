"""Where the wall clock went: every instant has one piece, along the critical path."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instui.explain.attribution import Attribution, attribute
from instui.monitor.fold import Fold
from instui.monitor.reader import read
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder
from support.made_up import snapshot_of, span

RECORDINGS = sorted((Path(__file__).parents[2] / "screenshots" / "recordings").glob("*.jsonl"))
SESSION = events.SessionStarted(2, "s", 42, 0.0, 100.0, "0.1", ["instui"], "/v", "py", {"purelib": "lib"}, 2, "", 0.25)
ANOTHER = Holder("", "", 77, "flock -x .lock")


def attributed(*timed: tuple[float, Event], at: float = 0.0) -> Attribution:
    return attribute(snapshot_of(SESSION, *timed, at=at))


def kinds(attribution: Attribution) -> list[tuple[str, float, float]]:
    return [(piece.kind, piece.begin, piece.end) for piece in attribution.pieces]


def adds_up(attribution: Attribution) -> bool:
    ends = [attribution.begin, *(piece.end for piece in attribution.pieces)]
    begins = [*(piece.begin for piece in attribution.pieces), attribution.end]
    return ends == begins and all(piece.seconds > 0 for piece in attribution.pieces)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_of_every_recording_each_instant_has_one_piece_at_every_time(recording: Path) -> None:
    fold, steps = Fold(), list(read(recording))
    for number, (t, event) in enumerate(steps):
        fold.feed(t, event)
        if number % 10 == 0 or number == len(steps) - 1:
            assert adds_up(attribute(fold.snapshot(t)))


def test_the_start_of_the_program_counts_and_what_nobody_knows_is_unexplained() -> None:
    result = attributed(*span("resolve", 0.5, 2.0), (2.5, events.SessionFinished(0, "", 0, 2.5)))
    assert kinds(result) == [("start", -0.25, 0.5), ("resolve", 0.5, 2.0), ("unexplained", 2.0, 2.5)]
    assert result.wall == 2.75


def test_of_two_workers_the_one_who_ends_last_is_on_the_path() -> None:
    result = attributed(
        (0.0, events.SpanStarted("acquire")),
        (0.0, events.UnpackStarted("a", 1, 1, 1)),
        (0.0, events.UnpackStarted("b", 1, 1, 2)),
        (1.0, events.UnpackFinished("b", 1, 1)),
        (1.0, events.UnpackStarted("c", 1, 1, 2)),
        (2.0, events.UnpackFinished("a", 1, 1)),
        (5.0, events.UnpackFinished("c", 1, 1)),
        (5.0, events.SpanFinished("acquire", 5.0, 0.0, 0.0)),
        at=5.0,
    )
    assert [(piece.kind, piece.wheel, piece.seconds) for piece in result.pieces if piece.begin >= 0] == [
        ("unpack", "b", 1.0),
        ("unpack", "c", 4.0),
    ]
    assert result.critical == {"b", "c"}


def test_a_wait_for_another_process_is_on_the_path_but_one_for_a_wheel_of_ours_is_its_work() -> None:
    ours = Holder("a", "s", 42)
    result = attributed(
        (0.0, events.SpanStarted("commit")),
        (0.0, events.LockRequested("b")),
        (0.0, events.LockWaiting("b", "lib/x", "X", [ours])),
        (0.0, events.LockWaiting("a", "lib/x", "X", [ANOTHER])),
        (3.0, events.LockGranted("a", 3.0)),
        (4.0, events.LockReleased("a", 1.0)),
        (4.0, events.LockGranted("b", 4.0)),
        (5.0, events.CommitFinished("b", 1)),
        at=5.0,
    )
    assert [(piece.kind, piece.wheel, piece.seconds) for piece in result.pieces if piece.begin >= 0] == [
        ("claim", "a", 3.0),
        ("commit", "a", 1.0),
        ("commit", "b", 1.0),
    ]
    assert [holder.pid for piece in result.pieces for holder in piece.holders] == [77]


def test_the_holder_of_the_environments_lock_is_kept_when_the_wait_is_over() -> None:
    result = attributed(
        (0.0, events.SpanStarted("commit")),
        (0.5, events.EnvironmentWaiting(".lock", [ANOTHER])),
        (7.5, events.EnvironmentGranted(".lock", 7.0)),
        (8.0, events.SpanFinished("commit", 8.0, 0.0, 0.0)),
        at=8.0,
    )
    (wait,) = [piece for piece in result.pieces if piece.kind == "environment"]
    assert (wait.begin, wait.end, wait.holders) == (0.5, 7.5, (ANOTHER,))


_WHEELS = st.sampled_from(["a", "b", "c"])
_STEPS = st.one_of(
    st.builds(events.SpanStarted, st.sampled_from(["open", "acquire", "stage", "commit"])),
    st.builds(events.SpanFinished, st.sampled_from(["acquire", "stage"]), st.floats(0, 9), st.just(0.0), st.just(0.0)),
    st.builds(events.UnpackStarted, _WHEELS, st.just(1), st.just(1), st.integers(0, 2)),
    st.builds(events.UnpackFinished, _WHEELS, st.just(1), st.just(1)),
    st.builds(events.LockWaiting, _WHEELS, st.just("lib/x"), st.just("X"), st.just([ANOTHER])),
    st.builds(events.LockGranted, _WHEELS, st.floats(0, 9)),
    st.builds(events.LockReleased, _WHEELS, st.floats(0, 9)),
    st.builds(events.EnvironmentWaiting, st.just(".lock"), st.just([ANOTHER])),
    st.builds(events.EnvironmentGranted, st.just(".lock"), st.floats(0, 9)),
    st.builds(events.WaitStarted, _WHEELS, st.just("wheel"), st.just("x"), st.just([ANOTHER])),
    st.builds(events.WaitFinished, _WHEELS, st.just("wheel"), st.just("x"), st.floats(0, 9)),
    st.builds(events.SyncStarted, st.just("stage")),
    st.builds(events.SyncFinished, st.just("stage"), st.floats(0, 9)),
    st.just(events.SessionPaused()),
    st.just(events.SessionResumed()),
    st.builds(events.SessionHalted, st.floats(0, 9), st.floats(0, 9)),
    st.just(events.SessionFinished(0, "", 0, 1.0)),
)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[float, Event]]:
    """Events of a session in any order, with their times."""
    t = 0.0
    timed = []
    for pause, event in draw(st.lists(st.tuples(st.floats(0, 3), _STEPS), max_size=40)):
        t += pause
        timed.append((t, event))
    return timed


@settings(max_examples=300, deadline=None)
@given(histories())
def test_of_any_history_each_instant_has_one_piece(timed: list[tuple[float, Event]]) -> None:
    assert adds_up(attributed(*timed, at=timed[-1][0] if timed else 0.0))
