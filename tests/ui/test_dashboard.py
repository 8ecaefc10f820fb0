"""The dashboard: bars to scale, seconds to sort by, curves with unit and scale, and what stands under the table."""

import asyncio
import re
from collections.abc import Sequence

import pytest

from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.tui.rows import bars, curves, gauges, wheels
from instui.tui.rows.wheels import WheelQuery
from instui.tui.tape import Log, Tape
from instui.tui.text.columns import widths
from instui.tui.text.glyphs import ASCII, UNICODE
from instui.tui.text.pieces import Line, plain, width_of
from instui.tui.widgets.table import Table
from instui_engine.journal import events
from instui_engine.journal.events import Event
from support.screens import Recorded, press, shown, text_of

A_WAIT: list[tuple[float, Event]] = [
    (0.0, events.WheelAdded("a", "1.0", "a.whl", 1000, False, True)),
    (0.0, events.WheelAdded("b", "1.0", "b.whl", 1000, False, True)),
    (1.0, events.FetchStarted("a", 0, 1000)),
    (1.0, events.FetchStarted("b", 0, 1000)),
    (2.0, events.FetchFinished("b", 1000)),
    (3.0, events.FetchFinished("a", 1000)),
    (3.0, events.UnpackStarted("b", 1, 1000)),
    (7.0, events.UnpackFinished("b", 1, 1000)),
    (7.0, events.LockRequested("a")),
    (7.0, events.LockWaiting("a", "lib/x", "X", [])),
]


def folded(t: float, *rest: tuple[float, Event]) -> Snapshot:
    fold = Fold()
    for at, event in [*A_WAIT, *rest]:
        fold.feed(at, event)
    return fold.snapshot(t)


def text(line: Line) -> str:
    return plain(line)


def test_a_bar_lies_where_its_phases_lie_in_time_and_the_future_is_blank() -> None:
    snapshot = folded(9.0)
    assert bars.scale_end(9.0, False) == 10.0
    a, b = snapshot.wheel("a"), snapshot.wheel("b")
    assert a is not None
    assert b is not None
    assert text(bars.scaled_bar(a, snapshot, 20, UNICODE)) == "··━━━━········╍╍╍╍"
    assert text(bars.scaled_bar(b, snapshot, 20, ASCII)) == "..==..========...."
    done = folded(12.0, (12.0, events.SessionFinished(1, "", 0, 12.0)))
    ended = done.wheel("b")
    assert ended is not None
    assert text(bars.scaled_bar(ended, done, 12, UNICODE)) == "·━·━━━━·····"  # all of the line, when it is over


def test_a_scale_stays_for_a_while() -> None:
    ends = {bars.scale_end(t / 10, False) for t in range(100, 200)}
    assert len(ends) <= 8
    assert all(bars.scale_end(t / 7, False) > t / 7 for t in range(1000))


@pytest.mark.parametrize(("sort", "first"), [("fetch", "a"), ("unpack", "b"), ("wait", "a"), ("total", "b")])
def test_wheels_are_sorted_by_their_seconds_in_a_phase(sort: str, first: str) -> None:
    snapshot = folded(7.5)  # a: fetch 2.0, wait 0.5; b: fetch 1.0, unpack 4.0
    assert wheels.keys(snapshot, WheelQuery(everything=True, sort=sort))[0] == first
    assert wheels.keys(snapshot, WheelQuery(everything=True, sort=sort, reverse=True))[-1] == first


def test_seconds_have_a_column_where_there_is_room_and_none_is_empty() -> None:
    def ids(width: int, sort: str = "") -> list[str]:
        return [column.id for column in wheels.columns(width, width - 3, sort, 5.0, False)]

    seconds = ["fetch", "unpack", "stage", "wait", "commit", "total"]
    assert ids(140)[-6:] == ids(200, "wait")[-6:] == seconds
    assert not set(ids(139)) & set(seconds)
    assert ids(120, "unpack") == [*ids(120), "unpack"]
    assert ids(80, "unpack") == [*ids(80)[:-1], "unpack"]  # in the place of the age
    for width in (50, 80, 120, 140, 200):
        shown_columns = wheels.columns(width, width - 3, "unpack", 5.0, False)
        sizes = widths(shown_columns, width - 3)
        assert 2 + sum(sizes.values()) + 2 * (len(sizes) - 1) <= width - 3
    snapshot = folded(7.5)
    columns = wheels.columns(160, 157, "", 7.5, False)
    cells = wheels.cells(snapshot, "a", widths(columns, 157), UNICODE, True)
    assert [text(cells[id]) for id in seconds] == ["2.00", "", "", "0.50", "", "2.50"]


def test_a_bar_to_scale_has_the_axis_above_it() -> None:
    titles = {column.id: column.title for column in wheels.columns(120, 117, "", 9.0, False)}
    assert titles["bar"].split("  ")[0] == "0 s"
    assert "8 s" in titles["bar"]
    assert {column.id: column.title for column in wheels.columns(119, 116, "", 9.0, False)}["bar"] == wheels.BAR_TITLE


def test_rates_are_those_of_equal_shares_of_time_however_often_there_was_an_event() -> None:
    fold = Fold()
    fold.feed(0.0, events.FetchStarted("a", 0, 10**6))
    for tick in range(1, 101):  # a hundred events in the first second, none in the next three
        fold.feed(tick / 100, events.FetchProgress("a", tick * 1000, 10**6))
    fold.feed(4.0, events.FetchProgress("a", 100_000, 10**6))
    snapshot = fold.snapshot(4.0)
    rates = curves.rates(snapshot.samples, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], lambda sample: sample.fetched_bytes)
    assert rates[0] == pytest.approx(100_000, rel=0.05)
    assert rates[1:] == pytest.approx([0.0] * 4, abs=5000)


def test_a_curve_names_its_unit_its_greatest_value_and_its_time() -> None:
    snapshot = folded(9.0, *[(float(t), events.LoadSampled(1.0, t / 2)) for t in range(1, 10)])
    lines = [text(line) for line in gauges.gauges(snapshot, Log(Tape()), 120, 5, UNICODE)]
    assert "wheels 0-10 s" in lines[1]
    assert "throughput 0-10 s" in lines[1]
    assert lines[1].count("now") == 2
    assert lines[1].count("   most") == 2
    assert "at work" in lines[2]
    assert "B/s" in lines[2]
    assert "disk" in lines[4]
    assert "50 %" in lines[4]  # 4.5 of the 9 seconds
    assert "f/s" in lines[4]


def test_wheels_of_a_paused_install_are_not_said_to_be_at_work() -> None:
    begun = 1.0, events.StageStarted("a", 5)
    paused = folded(3.0, begun, (2.0, events.SessionPaused()))
    assert "wheels  1 paused" in text(gauges.gauges(paused, Log(Tape()), 80, 1, UNICODE)[0])
    on = folded(3.0, begun, (2.0, events.SessionPaused()), (2.5, events.SessionResumed()))
    assert "wheels  1 at work" in text(gauges.gauges(on, Log(Tape()), 80, 1, UNICODE)[0])


def test_the_numbers_of_a_curve_never_touch_it_nor_each_other() -> None:
    fold = Fold()
    fold.feed(0.0, events.StageStarted("a", 5000))
    fold.feed(0.1, events.StageProgress("a", 4854, 5000))
    fold.feed(0.26, events.CancelRequested(130))
    snapshot = fold.snapshot(0.26)
    for width in (100, 120, 200):
        lines = [text(line) for line in gauges.gauges(snapshot, Log(Tape()), width, 5, UNICODE)]
        assert {len(line) for line in lines[1:]} <= {width - 1, width - 2}
        assert re.search(r"throughput 0-\d+ s ", lines[1])
        assert lines[4].rstrip().endswith(" 19 416 f/s 19 416 f/s"), lines[4]


def _now(snapshot: Snapshot, name: str) -> tuple[str, str]:
    """The present and the greatest value of a curve."""
    times = curves.time_grid(snapshot, 30)
    shown = [*curves.throughput(snapshot, times), *curves.disk(snapshot, times)]
    return next((one.now, one.most) for one in shown if one.name == name)


def test_what_is_now_falls_to_nothing_by_the_clock_while_nothing_happens() -> None:
    fold = Fold()
    fold.feed(0.0, events.FetchStarted("a", 0, 10**7))
    for tick in range(1, 9):
        fold.feed(tick / 4, events.FetchProgress("a", tick * 10**6, 10**7))
        fold.feed(tick / 4, events.LoadSampled(1.0, tick / 8))
    assert _now(fold.snapshot(2.0), "disk") == ("50 %", "50 %")
    assert _now(fold.snapshot(2.1), "fetch")[0] == "4.0 MB/s"  # the next sample is not due yet
    assert _now(fold.snapshot(17.0), "fetch") == ("0 B/s", "4.0 MB/s")
    assert _now(fold.snapshot(17.0), "disk") == ("0 %", "50 %")


def test_what_is_now_is_never_more_than_the_most() -> None:
    fold = Fold()
    fold.feed(0.5, events.LoadSampled(1.0, 0.1))  # before there is a whole second
    assert _now(fold.snapshot(0.5), "disk") == ("20 %", "20 %")


def test_no_load_is_shown_for_a_time_in_which_it_was_not_sampled() -> None:
    def disk(*waits: tuple[float, events.Event]) -> tuple[Sequence[float], str]:
        early, late = (1.0, events.LoadSampled(1.0, 0.5)), (9.5, events.LoadSampled(1.0, 8.5))
        end = 10.0, events.SessionFinished(0, "", 0, 10.0)
        snapshot = folded(10.0, early, *waits, late, (10.0, events.LoadSampled(1.0, 8.5)), end)
        (curve,) = curves.disk(snapshot, [0.0, 1.0, 5.0, 9.5, 10.0])
        return [round(value, 2) for value in curve.values], curve.most

    assert disk() == ([0.5, 0.0, 0.0, 0.0], "50 %")  # what others did while the session waited
    syncs = (1.0, events.SyncStarted("stage")), (9.4, events.SyncFinished("stage", 8.4))
    assert disk(*syncs) == ([0.5, 0.94, 0.94, 0.0], "94 %")  # it waited for the disk itself
    short = (1.0, events.SyncStarted("stage")), (1.5, events.SyncFinished("stage", 0.5))
    assert disk(*short) == ([0.5, 0.0, 0.0, 0.0], "50 %")


def test_where_the_stall_of_the_disk_is_unknown_there_is_no_curve_of_it() -> None:
    snapshot = folded(9.0, (9.0, events.LoadSampled(1.0, -1.0)))
    assert curves.disk(snapshot, [0.0, 5.0, 10.0]) == []
    assert curves.disk(folded(9.0), [0.0, 5.0, 10.0]) == []


def test_the_curves_of_a_long_session_are_those_of_its_last_minute_until_it_is_over() -> None:
    later = (300.0, events.LoadSampled(1.0, 1.0))
    times = curves.time_grid(folded(300.0, later), 30)
    assert 235 <= times[0] < 243
    assert 300 <= times[-1] <= 305
    assert curves.time_grid(folded(300.9, later), 30)[0] == pytest.approx(times[0])  # cells stay where they are
    over = folded(300.0, later, (300.0, events.SessionFinished(0, "", 0, 300.0)))
    assert curves.time_grid(over, 30)[0] == 0.0


def test_a_diagram_of_several_lines_shows_little_as_something_and_most_as_full() -> None:
    assert curves.drawing([0.0, 0.001, 1.0, 2.0], 2, 2.0, UNICODE) == ["   █", " ▁██"]
    assert curves.drawing([0.0, 0.001, 2.0], 1, 2.0, ASCII) == [" .#"]
    assert curves.drawing([0.0], 1, 0.0, UNICODE) == [" "]


@pytest.mark.parametrize("size", [(50, 15), (80, 24), (100, 24), (120, 40), (200, 50)])
def test_gauges_fill_exactly_the_place_that_they_have(size: tuple[int, int]) -> None:
    width, height = size
    lines = gauges.height_of(width, height)
    for snapshot in (folded(9.0), Fold().snapshot(0.0), folded(9.0, (9.0, events.SessionFinished(0, "", 0, 9.0)))):
        made = gauges.gauges(snapshot, Log(Tape()), width, lines, UNICODE)
        assert len(made) == lines
        assert all(width_of(line) <= width for line in made)


def test_a_high_screen_shows_the_parts_of_the_session_and_its_news() -> None:
    async def check() -> None:
        async with shown(Recorded.of("busy"), 13.5, (200, 50)) as (app, pilot):
            await press(pilot, "a")
            lines = text_of(app).splitlines()
            rule = next(number for number, line in enumerate(lines) if line.startswith("────"))
            assert rule <= 28  # the rest was empty
            assert "resolve 1.58 s · fetch, unpack 8.0 s · plan 0.01 s · stage 3.5 s" in lines[rule + 1]
            assert any("held by jupyterlab" in line for line in lines[rule:])
            assert sum(not line.strip() for line in lines[rule:]) <= 4

    asyncio.run(check())


def test_the_keys_sort_by_the_seconds_of_a_phase_and_show_them() -> None:
    async def check() -> None:
        async with shown(Recorded.of("busy"), 60.0, (120, 40)) as (app, pilot):
            await press(pilot, "a", "less_than_sign", "less_than_sign")  # total, commit
            table = app.screen.query_one(Table)
            assert table.sort == "commit"
            assert table.keys[0] == "opencv-python-headless"
            assert "commit ▼" in text_of(app)
            await press(pilot, "r")
            assert table.keys[-1] == "opencv-python-headless"

    asyncio.run(check())


def test_the_names_of_wheels_grow_with_the_screen() -> None:
    shown = wheels.columns(200, 197, "", 5.0, False)
    assert widths(shown, 197)["wheel"] >= 40


def test_while_the_session_waits_the_panel_does_not_say_that_nobody_does() -> None:
    waiting = [(0.0, events.SpanStarted("commit")), (1.0, events.EnvironmentWaiting(".lock", []))]
    fold = Fold()
    for t, event in waiting:
        fold.feed(t, event)
    snapshot = fold.snapshot(9.0)
    assert "all waiting" in text(gauges.gauges(snapshot, Log(Tape()), 80, 1, UNICODE)[0])
    curves = [text(row) for row in gauges.gauges(snapshot, Log(Tape()), 120, 5, UNICODE)]
    assert any("waiting" in row and " all " in row for row in curves)
    strip = text(gauges.gauges(snapshot, Log(Tape()), 160, 30, UNICODE)[1])
    assert "commit 1.00 s" in strip
    assert "wait 8.0 s" in strip
