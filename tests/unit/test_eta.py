"""The estimate of what is left holds on recorded installs, and is not told where nobody can know."""

from functools import cache
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instui.monitor import eta
from instui.monitor.fold import Fold
from instui.monitor.pipeline import acquired, arrivals
from instui.monitor.standing import Content, Download, Standing, standing
from instui_engine.journal import events
from instui_engine.journal.events import Event, SessionStarted
from support.time_left import INSTALLS, OFTEN, RIGHT, session, told

# found with these, among others: on a quiet machine, on busy ones, and from servers that send slowly, all or each
TOLD = (
    "ahead",
    "beside-a-program",
    "copies",
    "data-apps",
    "directory",
    "fast-then-slow",
    "index",
    "limited-downloads",
    "limited-server",
    "local",
    "notebook",
    "one-job",
    "one-large",
    "other-disk",
    "slow-index",
    "slow-link",
    "small-upgrade",
)
# sources that are built; large files that take long, then small ones that do not; one wheel whose files are hard and
# easy to unpack, or whose files are made slowly at first; a disk that stalls; one that is slow to remove what was
# replaced, as it often is; processors that ten others want
IN_DOUBT = (
    "built",
    "busy",
    "copied-again",
    "giant",
    "large-first",
    "large-last",
    "many-wheels",
    "numbers-upgraded",
    "reinstall",
    "slow-removal",
    "slow-then-fast",
    "stalling-disk",
    "upgrade",
)
# small wheels on a busy machine: it is told from the first moment on, and too short until the first are unpacked
TOO_SOON = ("small-ones",)
COMMAND = ["instui", "install", "a"]

recorded = cache(lambda name: session(INSTALLS / f"{name}.jsonl.gz"))


@pytest.mark.parametrize("name", TOLD)
def test_from_half_of_the_way_on_it_is_told_and_right_within_30_percent(name: str) -> None:
    result = told(recorded(name))
    assert result.often >= OFTEN
    assert result.right >= RIGHT


@pytest.mark.parametrize("name", IN_DOUBT)
def test_it_is_not_told_where_it_would_be_wrong(name: str) -> None:
    assert told(recorded(name)).right >= RIGHT


@pytest.mark.parametrize("name", TOO_SOON)
def test_what_is_told_too_soon_is_right_for_most_of_the_time(name: str) -> None:
    assert told(recorded(name)).right >= 0.7


@pytest.mark.parametrize("name", (*TOLD, *IN_DOUBT, *TOO_SOON))
def test_it_counts_down_and_does_not_jump(name: str) -> None:
    result = told(recorded(name), begin=0.0)
    for (t, left), (later, next_left) in pairwise(result.moments):
        if left is not None and next_left is not None:
            assert abs(next_left - left + later - t) < 0.2 * left + 0.5


@pytest.mark.parametrize("name", (*TOLD, *IN_DOUBT, *TOO_SOON))
def test_it_does_not_flicker(name: str) -> None:
    shown = [left is not None for _, left in told(recorded(name), begin=0.0).moments]
    assert sum(one and not two for one, two in pairwise(shown)) <= 2


@pytest.mark.parametrize("slower", [0.5, 1.5])
@pytest.mark.parametrize("name", ["notebook", "numbers-upgraded", "one-job", "slow-link"])
def test_it_holds_on_a_faster_and_on_a_slower_machine(name: str, slower: float) -> None:
    result = told([(slower * t, event) for t, event in recorded(name)])
    assert (1 - result.right) * result.often <= 1 - RIGHT  # wrong at that share of all moments


@pytest.mark.parametrize("name", ["local", "one-job"])
def test_it_is_told_late_while_all_takes_many_times_as_long_as_usual(name: str) -> None:
    found = [(6 * t, event) for t, event in recorded(name)]
    assert told(found).often < 0.3


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
ODD = st.sampled_from([0, 1, 10**7, -1, -25, -(10**7), 2**63 - 1, 1 - 2**63])  # what a damaged journal may say
ODD_SECONDS = st.sampled_from([0.0, 0.3, 1e-9, 1e9, 9e18, -1.0, -9e18])
PARTS = st.sampled_from(["resolve", "acquire", "plan", "stage", "commit", "clean"])
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


ODD_HISTORIES = st.lists(
    st.one_of(
        st.builds(events.WheelAdded, KEYS, st.just("1"), KEYS, ODD, st.booleans(), st.booleans(), ODD, ODD),
        st.builds(events.FetchStarted, KEYS, ODD, ODD, ahead=ODD),
        st.builds(events.FetchProgress, KEYS, ODD, ODD),
        st.builds(events.FetchFinished, KEYS, ODD, ODD, ODD),
        st.builds(events.UnpackStarted, KEYS, ODD, ODD),
        st.builds(events.UnpackProgress, KEYS, ODD, ODD, ODD),
        st.builds(events.UnpackFinished, KEYS, ODD, ODD),
        st.builds(events.PlanWheel, KEYS, ODD, ODD, ODD, st.just([]), st.just([]), st.sampled_from(["", "0.9"])),
        st.builds(events.StageStarted, KEYS, ODD),
        st.builds(events.StageProgress, KEYS, ODD, ODD),
        st.builds(events.CleanProgress, ODD, ODD),
        st.builds(events.SpanStarted, PARTS),
        st.builds(events.SpanFinished, PARTS, *[ODD_SECONDS] * 5),
        st.builds(events.WorkersChanged, ODD),
    ),
    min_size=5,
    max_size=60,
)
STEPS = st.lists(st.sampled_from([0.3, 0.3, 0.3, 0.5, 1e-6, -0.5, 1e9]), min_size=60, max_size=60)


@given(ODD_HISTORIES, STEPS, ODD, st.sampled_from([[], ["--link-mode", "copy"], ["-U"]]))
def test_a_damaged_journal_gives_no_time_but_one_to_come_and_no_odd_measure(
    history: list[Event], steps: list[float], cpus: int, options: list[str]
) -> None:
    fold, t = Fold(estimates=True), 0.0
    fold.feed(t, SessionStarted(2, "s", 1, 0.0, 0.0, "1", [*COMMAND, *options], "/venv", "", {}, 2, cpus=cpus))
    for event, step in zip(history, steps, strict=False):
        t += step
        fold.feed(t, event)
        left = fold.snapshot(t + 0.1).left
        assert left is None or 0.0 <= left < inf
    fold.feed(t, events.SessionFinished(0, "", 1, t))
    assert all(0.0 <= one < inf for one in fold.measured() or ())


def test_less_than_nothing_of_a_wheel_is_nothing() -> None:
    fold = acquiring("a")
    fold.feed(0.1, events.UnpackStarted("a", 20, 10**5))
    begun = standing(fold.snapshot(0.1).wheels)
    fold.feed(0.2, events.UnpackProgress("a", -(10**5), 10**5, -20))
    assert standing(fold.snapshot(0.2).wheels) == begun


def test_downloads_share_the_rate_and_the_next_one_begins_when_one_is_done() -> None:
    now = Standing(
        fetching=[Download(10, Content(1.0)), Download(30, Content(2.0))], to_fetch=[Download(5, Content(3.0))]
    )
    assert arrivals(now, 10.0) == ([2.0, 3.0, 4.5], [Content(1.0), Content(3.0), Content(2.0)])


def test_wheels_are_unpacked_as_they_come_in_by_so_many_workers() -> None:
    assert acquired([4.0], [2.0, 3.0], [], 2) == 5.0
    assert acquired([4.0], [2.0, 3.0], [], 1) == 9.0
    assert acquired([2.0], [], [(10.0, 3.0)], 4) == 13.0  # one worker is at it


# -- what is told


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
    other = SessionStarted(2, "t", 2, 0.0, 0.0, "1", COMMAND, "/venv", "", {}, 2)
    assert fetching(COMMAND, (7.0, other), (7.0, other)) is None  # two sessions, shown as one


def test_nothing_is_told_while_another_session_unpacks_a_wheel() -> None:
    waiting = events.WaitStarted("b", "wheel", "locks/b", [])
    assert fetching(COMMAND, (6.9, waiting)) is not None
    assert fetching(COMMAND, (5.0, waiting)) is None
    assert fetching(COMMAND, (5.0, waiting), (6.5, events.WaitFinished("b", "wheel", "locks/b", 1.5))) is not None


def test_of_many_wheels_less_is_looked_at_and_it_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    look = eta.Estimator.look
    monkeypatch.setattr(eta.Estimator, "look", lambda self, t, *how: (looks.append(t), look(self, t, *how))[1])
    fold, many = Fold(estimates=True), 10 * eta.MOST
    fold.feed(0.0, SessionStarted(2, "s", 1, 0.0, 0.0, "1", COMMAND, "/venv", "", {}, 2))
    for number in range(many):
        fold.feed(0.0, events.WheelAdded(str(number), "1", f"{number}-1-py3-none-any.whl", 10**5, False, True))
    for number in range(many * 3 // 4):
        fold.feed(number / 50, events.FetchStarted(str(number), 0, 10**5))
        fold.feed((number + 1) / 50, events.FetchFinished(str(number), 10**5, 10, 10**5))
        fold.feed((number + 1) / 50, events.UnpackStarted(str(number), 10, 10**5))
        fold.feed((number + 1) / 50, events.UnpackFinished(str(number), 10, 10**5))
    left = fold.snapshot(fold.now).left
    assert left == pytest.approx(many / 4 / 50, rel=0.3)
    assert len(looks) <= fold.now / 2.4 + 2


def test_the_time_of_wheels_that_are_unpacked_before_they_report_progress_counts() -> None:
    fold = Fold(estimates=True)
    fold.feed(0.0, SessionStarted(2, "s", 1, 0.0, 0.0, "1", COMMAND, "/venv", "", {}, 1))
    for number in range(40):
        fold.feed(
            0.0, events.WheelAdded(str(number), "1", f"{number}-1-py3-none-any.whl", 10**5, False, False, 50, 10**5)
        )
    for number in range(20):  # as `usual` takes 0.01 s, this is ten times as long
        fold.feed(number / 10, events.UnpackStarted(str(number), 50, 10**5))
        fold.feed((number + 1) / 10, events.UnpackFinished(str(number), 50, 10**5))
    left = fold.snapshot(2.0).left
    assert left is None or left == pytest.approx(2.0, rel=0.4)


def acquiring(*names: str, size: int = 10**5, cpus: int = 0) -> Fold:
    """A fold of a session that is about to acquire these wheels, of twenty files each."""
    fold = Fold(estimates=True)
    fold.feed(0.0, SessionStarted(2, "s", 1, 0.0, 0.0, "1", COMMAND, "/venv", "", {}, 1, cpus=cpus))
    fold.feed(0.0, events.SpanStarted("acquire"))
    for name in names:
        fold.feed(0.0, events.WheelAdded(name, "1", f"{name}-1-py3-none-any.whl", size, False, True))
    return fold


def test_what_was_fetched_while_uv_decided_says_nothing_of_the_rate() -> None:
    fold = acquiring("a", "b", size=100)
    fold.feed(0.1, events.FetchStarted("a", 90, 100, ahead=90))
    fold.feed(0.2, events.FetchProgress("a", 95, 100))
    fold.feed(0.3, events.FetchStarted("b", 100, 100, ahead=100))
    assert standing(fold.snapshot(0.3).wheels).fetched == 5
    fold.feed(0.4, events.FetchFinished("a", 100))
    fold.feed(0.4, events.FetchFinished("b", 100))
    assert standing(fold.snapshot(0.4).wheels).fetched == 10


def test_a_few_wheels_that_are_still_to_be_fetched_do_not_hide_it() -> None:
    fold = acquiring("a", "b")
    fold.feed(0.1, events.FetchStarted("a", 10**5, 10**5, ahead=10**5))
    fold.feed(0.1, events.FetchFinished("a", 10**5, 1000, 10**7))
    fold.feed(0.1, events.UnpackStarted("a", 1000, 10**7))
    for tick in range(1, 10):
        fold.feed(0.1 + tick / 10, events.UnpackProgress("a", tick * 10**6, 10**7, tick * 100))
    assert fold.snapshot(1.0).left is not None


def test_it_is_not_told_before_the_size_of_any_wheel_is_known() -> None:
    known, unknown = acquiring("a", "b"), acquiring("a", "b", size=0)
    for fold in (known, unknown):
        fold.feed(0.3, events.LoadSampled(0.0, 0.0))
    assert known.snapshot(0.3).left is not None
    assert unknown.snapshot(0.3).left is None


def test_it_is_not_told_before_all_wheels_are_named() -> None:
    fold = Fold(estimates=True)
    fold.feed(0.0, SessionStarted(2, "s", 1, 0.0, 0.0, "1", COMMAND, "/venv", "", {}, 1, cpus=2))
    fold.feed(1.0, events.ResolveFinished(2, 0))
    for number, key in enumerate("ab"):
        fold.feed(1.0, events.SpanStarted("acquire"))
        fold.feed(1.0 + number, events.WheelAdded(key, "1", f"{key}-1-py3-none-any.whl", 10**4, True, False, 5, 10**4))
        fold.feed(1.3 + number, events.LoadSampled(0.0, 0.0))
        assert (fold.snapshot(1.3 + number).left is None) is (number == 0)


def test_a_download_that_stands_still_has_no_end() -> None:
    fold = Fold(estimates=True)
    fold.feed(0.0, events.WheelAdded("a", "1.0", "a.whl", 10**7, False, True))
    fold.feed(0.0, events.FetchStarted("a", 0, 10**7))
    for tick in range(40):
        fold.feed(tick / 4, events.LoadSampled(0.0, 0.0))
    assert fold.snapshot(10.0).left is None


def replacing(share: float, *, is_told: bool) -> float | None:
    """What is left when that share of old versions is removed, which takes two seconds; a journal may not tell it."""
    fold = Fold(estimates=True)
    fold.feed(0.0, SessionStarted(2, "s", 1, 0.0, 0.0, "1", [*COMMAND, "--reinstall"], "/venv", "", {}, 2))
    fold.feed(0.0, events.WheelAdded("a", "1.0", "a-1.0-py3-none-any.whl", 10**7, True, False, 10_000, 10**8))
    fold.feed(0.1, events.SpanStarted("plan"))
    fold.feed(0.5, events.PlanWheel("a", 0, 10_000, 3, [], [], "0.9"))
    fold.feed(0.5, events.SpanStarted("stage"))
    fold.feed(0.5, events.StageStarted("a", 10_000))
    for tick in range(5):
        fold.feed(0.5 + tick / 5, events.StageProgress("a", tick * 2000, 10_000))
    fold.feed(1.5, events.StageFinished("a"))
    fold.feed(1.5, events.SpanStarted("commit"))
    fold.feed(1.6, events.CommitFinished("a", 10_000))
    fold.feed(1.6, events.SpanStarted("clean"))
    for tick in range(round(20 * share) + 1):
        progress = events.CleanProgress(100 - tick * 5, 100)
        fold.feed(1.6 + tick / 10, progress if is_told else events.LoadSampled(0.0, 0.0))
    return fold.snapshot(1.6 + 2 * share).left


def test_the_removal_of_old_versions_is_followed_to_its_end() -> None:
    assert replacing(0.95, is_told=True) == pytest.approx(0.1, abs=0.2)


def test_much_that_is_still_to_be_removed_is_in_doubt() -> None:
    assert replacing(0.6, is_told=True) is None


def test_a_removal_of_which_nobody_tells_how_far_it_is_stays_in_doubt() -> None:
    assert replacing(0.6, is_told=False) is None


def test_planning_that_takes_longer_than_it_should_has_no_end() -> None:
    fold = Fold(estimates=True)
    feed_download(fold, COMMAND)
    fold.feed(5.0, events.SpanStarted("plan"))
    for tick in range(8):
        fold.feed(7.0 + tick / 4, events.LoadSampled(0.0, 0.0))
    assert fold.snapshot(9.0).left is None
