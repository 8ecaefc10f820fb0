"""How fast kinds of work are, as it is learned while they are done: one factor of each (`Pace`), and two (`Speed`)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instui.monitor.pace import Pace
from instui.monitor.speed import Speed, Work

SECONDS = st.floats(0.01, 5.0)
DONE = st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=20)  # usual seconds, and how long it took


def paced(done: list[tuple[float, float]]) -> Pace:
    pace = Pace(0.1)
    for usual, seconds in done:
        pace.measure(usual, seconds, seconds)
    return pace


@given(DONE, st.floats(0.1, 10.0))
def test_a_pace_lies_between_what_was_expected_and_what_was_measured(
    done: list[tuple[float, float]], expected: float
) -> None:
    factors = [seconds / usual for usual, seconds in done]
    factor = paced(done).factor(expected)
    assert min(expected, *factors) * 0.8 <= factor <= max(expected, *factors) * 1.25


@given(SECONDS, st.floats(0.3, 10.0))
def test_a_pace_that_goes_on_is_what_was_measured_and_nearer_to_the_usual_one_if_it_is_slow(
    usual: float, factor: float
) -> None:
    times = int(50 / (factor * usual)) + 1
    lasting = factor if factor < 1 else factor**0.9
    assert paced([(usual, factor * usual)] * times).factor() == pytest.approx(lasting, rel=0.2)
    assert Pace(0.1).factor(7.0) == 7.0  # and at the beginning, what is expected


@given(st.lists(SECONDS, min_size=1, max_size=20))
def test_the_doubt_falls_as_the_same_goes_on_and_never_below_a_least(done: list[float]) -> None:
    usual = [(seconds, seconds) for seconds in done]
    doubts = [paced(usual[:length]).doubt(0.5) for length in range(len(usual) + 1)]
    assert doubts[0] == pytest.approx(0.51, abs=0.01)
    assert all(later <= before for before, later in pairwise(doubts))
    assert doubts[-1] >= 0.1


def test_a_pace_is_in_doubt_on_a_strange_machine_and_when_it_has_just_changed() -> None:
    usual, slow = paced([(1.0, 1.0)] * 2), paced([(0.2, 1.0)] * 2)
    changed = paced([*[(1.0, 1.0)] * 8, (0.2, 1.0)])
    assert slow.doubt(0.5) > 1.5 * usual.doubt(0.5)
    assert paced([(0.2, 1.0)] * 40).doubt(0.5) < slow.doubt(0.5) / 2  # until it goes on so
    assert changed.doubt(0.5) > paced([(1.0, 1.0)] * 9).doubt(0.5) + 0.05


def test_time_that_goes_back_in_a_damaged_journal_is_no_pace() -> None:
    assert paced([(1.0, -5.0)]).factor() > 0


def test_to_be_fast_is_believed_sooner_than_to_be_slow() -> None:
    fast, slow = paced([(2.0, 1.0)]).factor(), paced([(0.5, 1.0)]).factor()  # twice
    assert 1 / fast > slow


# -- the speed


def sped(done: list[tuple[Work, float]]) -> Speed:
    speed = Speed()
    for work, seconds in done:
        speed.measure(work, seconds, seconds)
    return speed


LARGE, SMALL = Work(0.02, 0.5), Work(0.5, 0.02)  # few large files, and many small ones


def test_what_large_and_small_files_took_says_how_long_files_take_and_bytes() -> None:
    speed = sped([(LARGE, 0.5), (SMALL, 2.0)] * 8)
    assert speed.files == pytest.approx(4.0, rel=0.25)
    assert speed.size == pytest.approx(1.0, rel=0.25)
    assert speed.seconds(Work(1.0, 1.0)) == pytest.approx(speed.files + speed.size)


def test_of_small_files_little_is_known_after_large_ones() -> None:
    speed = sped([(LARGE, 0.5)] * 4)
    assert speed.doubt(SMALL) > 2 * speed.doubt(LARGE)
    assert sped([(LARGE, 1.5)] * 4).files > 1.2  # but where these are slow, the others will be, too


@given(st.lists(st.tuples(SECONDS, SECONDS, SECONDS), min_size=1, max_size=20))
def test_factors_lie_between_what_was_expected_and_what_was_measured(done: list[tuple[float, float, float]]) -> None:
    speed = sped([(Work(files, size), seconds) for files, size, seconds in done])
    factors = [1.0, *(seconds / (files + size) for files, size, seconds in done)]
    work = Work(1.0, 1.0)
    assert 0.0 < speed.doubt(work) < 2.0
    assert min(factors) / 30 <= speed.factor(work) <= max(factors) * 30


def test_the_doubt_falls_as_the_same_goes_on_and_rises_while_nothing_is_measured() -> None:
    doubts = [sped([(LARGE, 0.5)] * times).doubt(LARGE) for times in range(9)]
    assert all(later < before for before, later in pairwise(doubts))
    speed = sped([(LARGE, 0.5)] * 8)
    speed.measure(Work(), 0.0, 30.0)
    assert speed.doubt(LARGE) > doubts[-1]


def test_what_stands_still_for_hours_is_soon_forgotten_when_it_goes_on() -> None:
    speed = sped([(LARGE, 0.5)] * 8)
    for _ in range(50_000):
        speed.measure(Work(), 0.25, 0.25)
    assert speed.files < 1000 and speed.size < 1000
    assert speed.doubt(Work(1.0, 1.0)) < 1.5
    for _ in range(40):
        speed.measure(SMALL, 0.5, 0.5)
        speed.measure(LARGE, 0.5, 0.5)
    assert speed.factor(SMALL) < 1.5


def busy(taken: float, done: list[tuple[Work, float]]) -> Speed:
    """Others took that share of the processors while uv decided."""
    speed = Speed()
    speed.expect(taken)
    for work, seconds in done:
        speed.measure(work, seconds, seconds)
    return speed


@pytest.mark.parametrize(("taken", "slower"), [(0.0, 1.0), (0.5, 1.0), (0.8, 2.0), (0.9, 4.0), (1.0, 20.0)])
def test_where_others_take_the_processors_all_is_expected_to_be_slower(taken: float, slower: float) -> None:
    speed = busy(taken, [])
    assert speed.files == pytest.approx(slower)
    assert speed.size == pytest.approx(slower)
    assert speed.expected == pytest.approx(slower)
    assert speed.doubt(SMALL) <= Speed().doubt(SMALL)


def test_where_others_have_the_processors_what_was_measured_is_forgotten_again() -> None:
    slow = [(SMALL, 4.0)] * 4
    known, unknown = busy(0.8, slow), busy(0.0, slow)
    assert known.files > 1.3 * 2.0 and unknown.files > 4.0
    for speed in known, unknown:
        speed.measure(Work(), 0.0, 10.0)
    assert known.files == pytest.approx(2.0, rel=0.15)
    assert unknown.files > 4.0


def test_where_others_have_the_processors_the_work_that_is_done_counts_not_its_time() -> None:
    assert busy(0.9, [(SMALL, 4 * 0.52)]).doubt(SMALL) > 0.25
    assert busy(0.9, [(SMALL, 8 * 0.52)] * 8).files > 1.1 * 4.0  # but it is learned that all is slower still
