"""The estimate of what is left holds on recorded installs, and is not told where nobody can know."""

import gzip
from functools import cache
from itertools import pairwise
from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instui.monitor.eta import acquired, arrivals
from instui.monitor.fold import Fold
from instui.monitor.pace import Pace
from instui.monitor.reader import decoded
from instui.monitor.standing import Download, Standing, Work
from instui_engine.journal import events
from instui_engine.journal.events import Event, SessionStarted

INSTALLS = Path(__file__).parents[1] / "support" / "installs"
TOLD = ("copies", "local", "one-job", "reinstall", "slow-index", "upgrade")
JUDGED = ("directory", "index")  # recorded when the constants had been found
# one wheel of 0.5 GB, whose files unpack at different speeds; large files that take long, then small ones that do not
UNTOLD = ("giant", "large-first", "stalling-disk")
COMMAND = ["instui", "install", "a"]


def estimates(name: str, slower: float = 1.0) -> tuple[float, list[tuple[float, float | None]]]:
    """The length of a recorded install, and what was said to be left at every half percent of it."""
    with gzip.open(INSTALLS / f"{name}.jsonl.gz", "rt") as lines:
        found = [(slower * t, event) for t, event in decoded(lines)]
    end = found[-1][0]
    fold, told, moments = Fold(estimates=True), [], [end * part / 200 for part in range(200)]
    for t, event in found:
        while moments and moments[0] < t:
            told.append((moments[0], fold.snapshot(moments.pop(0)).left))
        fold.feed(t, event)
    return end, told


recorded = cache(estimates)


def after_half(end: float, told: list[tuple[float, float | None]]) -> tuple[int, float]:
    """At how many of the hundred moments after half of the way it is told, and how often it is right then."""
    late = [(t, left) for t, left in told if t >= end / 2 and left is not None]
    good = [abs(left - (end - t)) <= max(0.3 * (end - t), 0.5) for t, left in late]  # whole seconds are shown
    return len(late), sum(good) / max(len(good), 1)


@pytest.mark.parametrize("name", (*TOLD, *JUDGED))
def test_from_half_of_the_way_on_it_is_right_within_30_percent(name: str) -> None:
    often, right = after_half(*recorded(name))
    assert often >= 50
    assert right >= 0.9


@pytest.mark.parametrize("name", UNTOLD)
def test_it_is_not_told_where_it_would_be_wrong(name: str) -> None:
    often, _ = after_half(*recorded(name))
    assert often < 10


@pytest.mark.parametrize("name", (*TOLD, *JUDGED, *UNTOLD))
def test_it_counts_down_and_does_not_jump(name: str) -> None:
    end, told = recorded(name)
    shown = [(t, left) for t, left in told if left is not None]
    for (t, left), (later, next_left) in pairwise(shown):
        if later - t < end / 150:
            assert abs(next_left - left) < 0.1 * left + 0.5


@pytest.mark.parametrize("slower", [1.5, 2.0])
@pytest.mark.parametrize("name", ["slow-index", "upgrade"])
def test_it_holds_on_a_slower_machine(name: str, slower: float) -> None:
    often, right = after_half(*estimates(name, slower))
    assert often >= 50
    assert right >= 0.9


@pytest.mark.parametrize("name", ["local", "one-job"])
def test_it_is_not_told_while_all_takes_many_times_as_long_as_usual(name: str) -> None:
    often, _ = after_half(*estimates(name, 4.0))
    assert often < 10


def test_an_end_that_is_late_is_no_longer_told() -> None:
    fold = Fold(estimates=True)
    feed_download(fold, COMMAND)
    left = fold.snapshot(7.0).left
    assert left is not None
    assert fold.snapshot(7.0 + left + 0.5).left == 0.0
    assert fold.snapshot(7.0 + left + 2.0).left is None


def test_it_counts_down_with_the_clock_while_nothing_changes() -> None:
    fold = Fold(estimates=True)
    feed_download(fold, COMMAND)
    told = [fold.snapshot(7.0 + tick / 10).left for tick in range(5)]
    assert told == [pytest.approx((told[0] or 0.0) - tick / 10) for tick in range(5)]


KEYS = st.sampled_from("abc")
NUMBERS = st.integers(0, 10**7)
HISTORIES = st.lists(
    st.one_of(
        st.builds(events.WheelAdded, KEYS, st.just("1"), KEYS, NUMBERS, st.booleans(), st.booleans(), NUMBERS, NUMBERS),
        st.builds(events.FetchStarted, KEYS, NUMBERS, NUMBERS),
        st.builds(events.FetchProgress, KEYS, NUMBERS, NUMBERS),
        st.builds(events.FetchFinished, KEYS, NUMBERS, NUMBERS, NUMBERS),
        st.builds(events.UnpackStarted, KEYS, NUMBERS, NUMBERS),
        st.builds(events.UnpackProgress, KEYS, NUMBERS, NUMBERS, NUMBERS),
        st.builds(events.UnpackFinished, KEYS, NUMBERS, NUMBERS),
        st.builds(events.StageStarted, KEYS, NUMBERS),
        st.builds(events.StageProgress, KEYS, NUMBERS, NUMBERS),
        st.builds(events.StageFinished, KEYS),
        st.builds(events.SpanStarted, st.sampled_from(["acquire", "plan", "stage", "commit", "clean"])),
        st.builds(events.CommitFinished, KEYS, NUMBERS),
    ),
    max_size=60,
)


@given(HISTORIES, st.sampled_from([0.1, 0.3, 2.0]), st.integers(-1, 8))
def test_whatever_happens_what_is_told_is_a_time_to_come(history: list[Event], step: float, jobs: int) -> None:
    fold = Fold(estimates=True)
    fold.feed(0.0, SessionStarted(2, "s", 1, 0.0, 0.0, "1", COMMAND, "/venv", "", {}, jobs, cpus=2))
    for number, event in enumerate(history):
        fold.feed(number * step, event)
        left = fold.snapshot(number * step + step / 2).left
        assert left is None or 0.0 <= left < inf
    end = len(history) * step
    fold.feed(end, events.SessionFinished(0, "", 1, end))
    assert fold.snapshot(end + 1.0).left is None


ONE, TWO, THREE, FOUR = (Work(seconds, 0.0) for seconds in (1.0, 2.0, 3.0, 4.0))


def test_downloads_share_the_rate_and_the_next_one_begins_when_one_is_done() -> None:
    now = Standing(fetching=[Download(10, ONE), Download(30, TWO)], to_fetch=[Download(5, THREE)])
    assert arrivals(now, 10.0) == [(2.0, ONE), (3.0, THREE), (4.5, TWO)]


def test_wheels_are_unpacked_as_they_come_in_by_so_many_workers() -> None:
    assert acquired(Standing(unpacking=[FOUR], to_unpack=[TWO, THREE]), [], 1.0, 2) == 5.0
    assert acquired(Standing(unpacking=[FOUR], to_unpack=[TWO, THREE]), [], 1.0, 1) == 9.0
    assert acquired(Standing(unpacking=[FOUR]), [(10.0, Work(2.0, 4.0))], 0.5, 4) == 13.0  # one worker is at it


def test_what_is_left_is_in_doubt_where_it_is_of_another_mixture_than_what_took_long() -> None:
    pace = Pace(6.0, 2.0, 2.0)
    pace.measure(Work(), Work(0.1, 1.0), 3.3, 3.3)  # three times as long as usual: large files
    factor = pace.factor()
    alike, small = Work(0.1, 1.0), Work(1.0, 0.1)
    assert pace.doubt(alike, factor) == pytest.approx(0.0)
    assert pace.doubt(small, factor) > 0.5 * factor * sum(small)
    assert pace.doubt(small, 1.0) == 0.0  # as usual, the files and the bytes


def fetching(command: list[str], *more: tuple[float, Event]) -> float | None:
    """What is left of a download that has gone on evenly for seven of its ten seconds."""
    fold = Fold(estimates=True)
    feed_download(fold, command)
    for t, event in more:
        fold.feed(t, event)
    return fold.snapshot(7.0).left


def feed_download(fold: Fold, command: list[str]) -> None:
    """Feed a download that goes on evenly for seven of its ten seconds."""
    fold.feed(0.0, SessionStarted(2, "s", 1, 0.0, 0.0, "1", command, "/venv", "", {}, 2))
    fold.feed(0.0, events.WheelAdded("a", "1.0", "a-1.0-py3-none-any.whl", 10**7, False, True))
    for tick in range(71):
        fold.feed(tick / 10, events.FetchProgress("a", tick * 10**5, 10**7))


def test_a_steady_download_says_when_it_will_be_done() -> None:
    left = fetching(COMMAND)
    assert left is not None
    assert 3.0 < left < 7.0  # the download, and then the unpacking of about two thousand files


def test_nothing_is_told_of_what_is_slowed_down_or_rests_or_waits() -> None:
    assert fetching(["instui", "demo", "timeout"]) is None
    assert fetching([*COMMAND, "--slow", "2"]) is None
    assert fetching(COMMAND, (7.0, events.SessionPaused())) is None
    assert fetching(COMMAND, (5.0, events.EnvironmentWaiting(".lock", []))) is None
    assert fetching(COMMAND, (7.0, events.SessionFinished(0, "", 1, 7.0))) is None


def test_a_download_that_stands_still_has_no_end() -> None:
    fold = Fold(estimates=True)
    fold.feed(0.0, events.WheelAdded("a", "1.0", "a.whl", 10**7, False, True))
    fold.feed(0.0, events.FetchStarted("a", 0, 10**7))
    for tick in range(40):
        fold.feed(tick / 4, events.LoadSampled(0.0, 0.0))
    assert fold.snapshot(10.0).left is None


def test_planning_that_takes_longer_than_it_should_has_no_end() -> None:
    fold = Fold(estimates=True)
    feed_download(fold, COMMAND)
    fold.feed(5.0, events.SpanStarted("plan"))
    for tick in range(8):
        fold.feed(7.0 + tick / 4, events.LoadSampled(0.0, 0.0))
    assert fold.snapshot(9.0).left is None
