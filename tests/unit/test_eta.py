"""The estimate of what is left holds on recorded installs, and is not told where nobody can know."""

import gzip
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from instui.monitor.eta import Standing, Work, acquired, arrivals
from instui.monitor.fold import Fold
from instui.monitor.reader import decoded
from instui_engine.journal import events
from instui_engine.journal.events import Event, SessionStarted

INSTALLS = Path(__file__).parents[1] / "support" / "installs"
NAMES = ("jupyter", "slow-index", "one-job", "web")


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
    late = [(t, left) for t, left in told if t >= end / 2 and end - t >= 1 and left is not None]
    assert len(late) >= 10  # of the hundred moments: elsewhere nothing is told
    good = [abs(left - (end - t)) <= max(0.3 * (end - t), 0.5) for t, left in late]  # whole seconds are shown
    assert sum(good) >= 0.95 * len(good)


@pytest.mark.parametrize("name", NAMES)
def test_it_counts_down_and_does_not_jump(name: str) -> None:
    end, told = recorded(name)
    shown = [(t, left) for t, left in told if left is not None]
    for (t, left), (later, next_left) in pairwise(shown):
        if later - t < end / 150:
            assert abs(next_left - left) < 0.1 * left + 0.5


def test_it_holds_on_a_machine_of_a_third_of_the_speed() -> None:
    end, told = estimates("jupyter", slower=3.0)
    late = [(t, left) for t, left in told if t >= end / 2 and end - t >= 1 and left is not None]
    assert len(late) >= 30
    assert all(abs(left - (end - t)) <= 0.35 * (end - t) for t, left in late)


@pytest.mark.parametrize("name", NAMES)
def test_less_than_a_second_is_never_told(name: str) -> None:
    assert all(left is None or left >= 1 for _, left in recorded(name)[1])


def test_downloads_share_the_rate_and_the_next_one_begins_when_one_is_done() -> None:
    now = standing(fetching=[Work(10, 1), Work(30, 2)], to_fetch=[Work(5, 3)])
    assert arrivals(now, 10.0) == [(2.0, 1), (3.0, 3), (4.5, 2)]


def test_wheels_are_unpacked_as_they_come_in_by_so_many_workers() -> None:
    assert acquired(standing(unpacking=[4.0], to_unpack=[2.0, 3.0]), 1.0, 1.0, 2) == 5.0
    assert acquired(standing(unpacking=[4.0], to_unpack=[2.0, 3.0]), 1.0, 1.0, 1) == 9.0
    late = standing(fetching=[Work(100.0, 6.0)], unpacking=[4.0])
    assert acquired(late, 10.0, 2.0, 4) == 13.0  # when it has come, one worker is at it


def standing(**known: object) -> Standing:
    empty = Standing((), (), (), (), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    return empty._replace(**known)  # type: ignore[arg-type]


COMMAND = ["instui", "install", "a"]


def fetching(command: list[str], *more: tuple[float, Event]) -> float | None:
    """What is left of a download that has gone on evenly for seven of its ten seconds."""
    fold = Fold(estimates=True)
    fold.feed(0.0, SessionStarted(2, "s", 1, 0.0, 0.0, "1", command, "/venv", "", {}, 2))
    fold.feed(0.0, events.WheelAdded("a", "1.0", "a-1.0-py3-none-any.whl", 10**7, False, True))
    for tick in range(71):
        fold.feed(tick / 10, events.FetchProgress("a", tick * 10**5, 10**7))
    for t, event in more:
        fold.feed(t, event)
    return fold.snapshot(7.0).left


def test_a_steady_download_says_when_it_will_be_done() -> None:
    left = fetching(COMMAND)
    assert left is not None
    assert 3.0 < left < 7.0  # the download, and then the unpacking of about two thousand files


def test_nothing_is_told_of_what_is_slowed_down_or_rests_or_waits() -> None:
    assert fetching(["instui", "demo", "timeout"]) is None
    assert fetching([*COMMAND, "--slow", "2"]) is None
    assert fetching(["instui", "install-many", "list"]) is None
    assert fetching(COMMAND, (7.0, events.SessionPaused())) is None
    assert fetching(COMMAND, (5.0, events.EnvironmentWaiting(".lock", []))) is None
    assert fetching(COMMAND, (5.0, events.SpanStarted("plan"))) is None
    assert fetching(COMMAND, (6.5, events.SpanStarted("plan"))) is not None  # it may be done in a moment
    assert fetching(COMMAND, (7.0, events.SessionFinished(0, "", 1, 7.0))) is None


def test_a_download_that_stands_still_has_no_end() -> None:
    fold = Fold(estimates=True)
    fold.feed(0.0, events.WheelAdded("a", "1.0", "a.whl", 10**7, False, True))
    fold.feed(0.0, events.FetchStarted("a", 0, 10**7))
    for tick in range(40):
        fold.feed(tick / 4, events.LoadSampled(0.0, 0.0))
    assert fold.snapshot(10.0).left is None
