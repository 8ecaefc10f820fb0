"""The time that is left where others take the processors: told where that says enough, and never too little."""

from functools import cache
from itertools import pairwise

import pytest

from instui.monitor.fold import Fold
from instui_engine.journal import events
from instui_engine.journal.events import Event, SessionStarted
from support.time_left import INSTALLS, OFTEN, RIGHT, Session, Told, session, shown_by, told

# with programs that compute and nothing else, on a disk and in memory; with a suite of tests
TOLD = ("beside-others", "beside-others-in-memory", "beside-a-suite")
# others that write and remove trees, or are more than while uv decided
IN_DOUBT = ("beside-a-busy-disk", "beside-more-and-more", "beside-those-who-write")


@cache
def told_in(name: str, begin: float = 0.5) -> Told:
    return told(session(INSTALLS / f"{name}.jsonl.gz"), begin=begin)


@pytest.mark.parametrize("name", TOLD)
def test_from_half_of_the_way_on_it_is_told_and_right_within_30_percent(name: str) -> None:
    assert told_in(name).often >= OFTEN
    assert told_in(name).right >= RIGHT


@pytest.mark.parametrize("name", IN_DOUBT)
def test_it_is_not_told_where_it_would_be_wrong(name: str) -> None:
    assert told_in(name).right >= RIGHT


@pytest.mark.parametrize("name", (*TOLD, *IN_DOUBT))
def test_it_counts_down_and_neither_jumps_nor_flickers(name: str) -> None:
    moments = told_in(name, 0.0).moments
    for (t, left), (later, next_left) in pairwise(moments):
        if left is not None and next_left is not None:
            assert abs(next_left - left + later - t) < 0.2 * left + 0.5
    assert sum(one is not None and two is None for (_, one), (_, two) in pairwise(moments)) <= 2


def beside(taken: float) -> Session:
    """A recorded install, but others took that share of the processors while uv decided."""
    found = list[tuple[float, Event]]()
    for t, event in session(INSTALLS / "index.jsonl.gz"):
        if isinstance(event, events.SpanFinished) and event.name == "resolve":
            event = event._replace(cpu=0.0, idle=2 * event.seconds * (1 - taken))
        found.append((t, event))
    return found


def test_where_others_have_the_processors_while_uv_decides_it_takes_longer() -> None:
    def left(idle: float) -> float:
        fold = Fold(estimates=True)
        fold.feed(0.0, SessionStarted(2, "s", 1, 0.0, 0.0, "1", ["instui", "install", "a"], "/venv", "", {}, 1, cpus=2))
        fold.feed(0.0, events.SpanStarted("resolve"))
        fold.feed(1.0, events.SpanFinished("resolve", 1.0, 0.5, 0.0, 0.1, idle))
        fold.feed(1.0, events.SpanStarted("acquire"))
        fold.feed(1.0, events.WheelAdded("a", "1", "a-1-py3-none-any.whl", 10**5, False, False, 500, 10**6))
        fold.feed(1.3, events.LoadSampled(0.0, 0.0))
        return fold.snapshot(1.3).left or 0.0

    assert left(0.0) > 1.1 * left(1.5) > 0.0
    assert left(-9e18) >= 0.0  # of a damaged journal


def test_a_session_on_a_busy_machine_says_how_fast_this_is_when_it_is_not() -> None:
    shown = {taken: shown_by(beside(taken)) for taken in (0.0, 0.9)}
    assert shown[0.9].unpack == pytest.approx(shown[0.0].unpack / 4, rel=0.01)
