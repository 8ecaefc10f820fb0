"""The estimate of what is left holds on recorded installs, and is not told where nobody can know."""

import gzip
from functools import cache
from itertools import pairwise
from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instui.monitor.eta import Download, Standing, acquired, arrivals
from instui.monitor.fold import Fold
from instui.monitor.reader import decoded
from instui_engine.journal import events
from instui_engine.journal.events import Event, SessionStarted

INSTALLS = Path(__file__).parents[1] / "support" / "installs"
FULL = ("binaries", "into-directory", "reinstall", "upgrade")
COMMAND = ["instui", "install", "a"]
NAMES = (*FULL, "jupyter", "slow-index", "one-job", "web")


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


@pytest.mark.parametrize("name", NAMES)
def test_from_half_of_the_way_on_it_is_right_within_30_percent(name: str) -> None:
    end, told = recorded(name)
    late = [(t, left) for t, left in told if t >= end / 2 and left is not None]
    # of the hundred moments; what says how many files it has before it is unpacked is told earlier
    assert len(late) >= (45 if name in FULL else 35)
    good = [abs(left - (end - t)) <= max(0.3 * (end - t), 0.5) for t, left in late]  # whole seconds are shown
    assert sum(good) >= (0.95 if name in FULL else 0.8) * len(good)


@pytest.mark.parametrize("name", NAMES)
def test_it_counts_down_and_does_not_jump(name: str) -> None:
    end, told = recorded(name)
    shown = [(t, left) for t, left in told if left is not None]
    for (t, left), (later, next_left) in pairwise(shown):
        if later - t < end / 150:
            assert abs(next_left - left) < 0.1 * left + 0.5


@pytest.mark.parametrize("name", ["upgrade", "into-directory"])
def test_it_holds_on_a_machine_of_a_third_of_the_speed(name: str) -> None:
    end, told = estimates(name, slower=3.0)
    late = [(t, left) for t, left in told if t >= end / 2 and left is not None]
    assert len(late) >= 30
    good = [abs(left - (end - t)) <= 0.35 * (end - t) for t, left in late]
    assert sum(good) >= 0.8 * len(good)


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


def test_downloads_share_the_rate_and_the_next_one_begins_when_one_is_done() -> None:
    now = Standing(fetching=[Download(10, 1), Download(30, 2)], to_fetch=[Download(5, 3)])
    assert arrivals(now, 10.0) == [(2.0, 1), (3.0, 3), (4.5, 2)]


def test_wheels_are_unpacked_as_they_come_in_by_so_many_workers() -> None:
    assert acquired(Standing(unpacking=[4.0], to_unpack=[2.0, 3.0]), 1.0, 1.0, 2) == 5.0
    assert acquired(Standing(unpacking=[4.0], to_unpack=[2.0, 3.0]), 1.0, 1.0, 1) == 9.0
    late = Standing(fetching=[Download(100.0, 6.0)], unpacking=[4.0])
    assert acquired(late, 10.0, 0.5, 4) == 13.0  # when it has come, one worker is at it


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
