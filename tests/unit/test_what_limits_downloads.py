"""Whether one link limits all downloads or the server each of them, as learned from how many there were at a time."""

from collections.abc import Callable

import pytest

from instui.monitor.downloads import Downloads

STEP = 0.25


def seen(at_once: list[int], rate: Callable[[int], float]) -> Downloads:
    """Downloads that were looked at, with so many at a time and that rate of them all."""
    found, size, before = Downloads(), 0.0, at_once[0]
    for place, now in enumerate(at_once):
        size += STEP * rate(before)
        found.look(STEP * (place + 1), STEP, size, before, now)
        before = now
    return found


def test_in_the_beginning_nobody_knows() -> None:
    assert Downloads().limited == (0.5, 0.5)
    assert Downloads().rate == Downloads().rate_of_each == 0.0
    assert seen([4] * 20, lambda number: 4e6).limited == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize(("of_each", "is_limited"), [(0.0, 0.0), (1.0, 1.0)])
def test_it_is_known_once_there_were_fewer(of_each: float, is_limited: float) -> None:
    found = seen([8] * 12 + [4] * 12 + [2] * 12, lambda number: 1e6 * number**of_each)
    likely, doubt = found.limited
    assert abs(likely - is_limited) < 0.1
    assert doubt < 0.15


def test_the_rate_of_each_is_that_of_all_by_how_many_there_were() -> None:
    found = seen([2] * 8, lambda number: 6e6)
    assert found.rate == pytest.approx(6e6)
    assert found.rate_of_each == pytest.approx(3e6)


def test_what_goes_back_or_stands_still_is_no_rate() -> None:
    found = Downloads()
    for t, elapsed, size in [(1.0, 0.0, 10.0), (1.0, 0.0, 0.0), (0.5, -0.5, -5.0), (2.0, 1.5, -5.0), (2.5, 0.5, 1e300)]:
        found.look(t, elapsed, size, 0, 2)
        found.look(t, elapsed, size, 2, 2)
        assert 0 <= found.limited[0] <= 1
        assert found.limited[1] <= 0.5
        assert found.rate_of_each >= 0


def test_a_copy_learns_by_itself() -> None:
    found = seen([8] * 12 + [4] * 12, lambda number: 1e6)
    before, copied = found.limited, found.copy()
    copied.look(6.25, STEP, 1e9, 2, 2)
    assert found.limited == before != copied.limited
