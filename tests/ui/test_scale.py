"""Time drawn to scale: ticks do not collide, spans lie where they lie in time, and no wait is lost."""

from itertools import pairwise

import pytest

from instui.tui.text.glyphs import ASCII, UNICODE
from instui.tui.text.pieces import plain, wrapped
from instui.tui.text.scale import Cell, axis, cell_at, header, lane, paint


@pytest.mark.parametrize(
    ("begin", "end", "cells", "expected"),
    [
        (0.0, 10.0, 40, "0 s     2 s     4 s     6 s     8 s"),
        (0.0, 0.4, 40, "0.0 s     0.1 s     0.2 s     0.3 s"),
        (-0.5, 4.5, 40, "    0 s     1 s     2 s     3 s     4 s"),
        (0.0, 100.0, 40, "0 s     20 s    40 s    60 s    80 s"),
        (0.0, 400.0, 40, "0 min       2 min       4 min"),
        (3600.0, 3600.4, 44, "3600.0 s   3600.1 s   3600.2 s   3600.3 s"),
        (0.0, 36000.0, 30, "0 h   2 h   4 h   6 h   8 h"),
    ],
)
def test_the_axis_has_a_tick_at_every_1_2_or_5_of_a_unit(begin: float, end: float, cells: int, expected: str) -> None:
    text = plain(header(begin, end, cells))
    assert text.rstrip() == expected
    assert len(text) == cells


def test_labels_never_touch_and_stay_inside() -> None:
    for exponent in range(-4, 6):
        for cells in range(0, 130, 7):
            for begin in (0.0, -0.3, 17.77):
                end = begin + 3.7 * 10.0**exponent
                ticks = axis(begin, end, cells)
                for a, b in pairwise(ticks):
                    assert a.cell + len(a.text) + 2 <= b.cell
                assert all(tick.cell + len(tick.text) <= cells for tick in ticks)
                assert all(tick.cell == cell_at(tick.t, begin, end, cells) for tick in ticks)


def test_an_axis_without_time_or_room_is_empty() -> None:
    assert axis(1.0, 1.0, 10) == axis(0.0, 1.0, 0) == ()
    assert plain(header(1.0, 1.0, 4)) == "    "
    assert plain(lane([(0.0, 1.0, "fetch")], 1.0, 1.0, 4, UNICODE)) == "····"


def test_spans_lie_where_they_lie_in_time_and_waits_are_hatched() -> None:
    spans = [(0.0, 1.0, "fetch"), (3.0, 5.0, "wait"), (5.0, 6.0, "commit")]
    assert plain(lane(spans, 0.0, 10.0, 20, UNICODE)) == "━━····╍╍╍╍━━········"
    assert plain(lane(spans, 0.0, 10.0, 20, ASCII)) == "==....~~~~==........"
    assert plain(lane(spans, 3.5, 5.5, 8, UNICODE)) == "╍╍╍╍╍╍━━"  # only a part of the time is shown
    assert [piece.style for piece in lane(spans, 0.0, 10.0, 20, UNICODE)] == [
        *("fetch", "faint", "wait", "commit", "faint"),
    ]


def test_a_span_shorter_than_a_cell_is_seen_and_one_that_ends_at_a_cell_is_not_in_it() -> None:
    assert plain(lane([(4.0, 4.0, "stage")], 0.0, 10.0, 10, UNICODE)) == "····━·····"
    assert plain(lane([(10.0, 10.0, "stage")], 0.0, 10.0, 10, UNICODE)) == "·········━"
    assert plain(lane([(0.1 + 0.2, 0.6, "stage")], 0.0, 1.0, 10, UNICODE)) == "···━━━····"
    assert plain(lane([(0.0, 0.1 + 0.2, "stage")], 0.0, 1.0, 10, UNICODE)) == "━━━·······"
    assert plain(lane([(-2.0, 0.0, "stage"), (11.0, 12.0, "stage")], 0.0, 10.0, 10, UNICODE)) == "··········"


def test_of_several_phases_in_a_cell_the_one_with_the_most_time_wins() -> None:
    spans = [(0.0, 0.4, "fetch"), (0.4, 0.95, "unpack"), (0.95, 1.2, "fetch"), (1.2, 2.0, "stage")]
    assert [cell.style for cell in paint(spans, 0.0, 2.0, 2)] == ["unpack", "stage"]
    assert [cell.style for cell in paint(spans, 0.0, 2.0, 1)] == ["stage"]
    cluster = [
        (n / 10, n / 10 + (0.05 if n == 3 else 0.04), "unpack") for n in range(5)
    ]  # together more than the fetch
    assert paint([*cluster, (0.6, 0.7, "fetch")], 0.0, 1.0, 1) == [Cell("unpack", 3, 6)]


def test_a_wait_is_never_lost() -> None:
    spans = [(0.0, 5.0, "stage"), (5.0, 5.01, "wait"), (5.01, 10.0, "commit")]
    cells = paint(spans, 0.0, 10.0, 5)
    assert [cell.style for cell in cells] == ["stage", "stage", "wait", "commit", "commit"]
    assert cells[2] == Cell("wait", 1, 3)
    long = [(0.0, 1.9, "stage"), (1.9, 4.0, "wait"), (4.0, 6.0, "commit")]  # it is seen: its first cell stays a stage
    assert [cell.style for cell in paint(long, 0.0, 6.0, 3)] == ["stage", "wait", "commit"]


def test_no_line_ends_between_a_number_and_its_unit_or_its_thousands() -> None:
    text = "uv computed for 0.65 s, and staged 14 412 files in 1 000 MB"
    for width in range(12, 60):
        lines = wrapped(text, width)
        assert " ".join(lines) == text
        assert not any(
            one[-1].isdigit() and two.split()[0] in ("s,", "412", "000", "MB") for one, two in pairwise(lines)
        )
    assert wrapped("takes 1 000 000 000", 6) == ["takes", "1 000", "000 00", "0"]  # what no line can hold is broken
