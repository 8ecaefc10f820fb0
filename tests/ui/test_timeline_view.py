"""The timeline on a screen: its cursor, its window and its marks, by keys and by mouse; and what a frame costs."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from instui.tui.app import InstuiApp
from instui.tui.controller import Result
from instui.tui.rows import timeline, timeline_lanes, timeline_track
from instui.tui.views import throttled
from instui.tui.views import timeline as timeline_view
from instui.tui.views.detail import DetailView
from instui.tui.views.timeline import TimelineView
from instui.tui.widgets.lanes import LaneTable
from instui_engine.journal import events
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Event
from support.screens import TIMELINE, Recorded, go_to, press, settle, shown, text_of
from support.terminal import PATIENCE

OVER = 60.0  # a moment after the end of each recording


def on_timeline(
    check: Callable[[InstuiApp, TimelineView, Pilot[Result]], Awaitable[None]],
    source: str | Recorded = "busy",
    t: float = OVER,
    size: tuple[int, int] = (120, 40),
) -> None:
    """Show the timeline of a recording at `t`, and look."""

    async def run() -> None:
        recorded = Recorded.of(source) if isinstance(source, str) else source
        async with shown(recorded, t, size) as (app, pilot):
            await press(pilot, TIMELINE)
            assert isinstance(app.screen, TimelineView)
            await check(app, app.screen, pilot)

    asyncio.run(run())


def test_a_click_on_a_lane_selects_it_and_puts_the_cursor_there() -> None:
    async def check(_: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        sizes = timeline.layout(view.lanes.line_width)
        left = timeline.GUTTER + sizes.label + 1
        await pilot.click(LaneTable, offset=(left + 20, 3))
        await settle(pilot)
        assert view.lanes.selected == view.lanes.keys[2]
        window = view.look(view.snapshot).window
        assert view.cursor is not None
        assert window.column(view.cursor, sizes.track) == 20
        await pilot.click(LaneTable, offset=(left + 30, 3))  # the same lane again: another time, nothing is opened
        await settle(pilot)
        assert window.column(view.cursor, sizes.track) == 30
        await pilot.click("#head", offset=(left + 5, 2))
        await settle(pilot)
        assert window.column(view.cursor, sizes.track) == 5
        before = view.cursor
        await pilot.click(LaneTable, offset=(6, 2))  # a name is no time
        await settle(pilot)
        assert view.cursor == before
        assert view.lanes.selected == view.lanes.keys[1]

    on_timeline(check)


def test_zoom_is_about_the_cursor_and_panning_stops_at_the_ends() -> None:
    async def check(_: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        await press(pilot, "h")
        assert "all is shown; + zooms in" in text_of(_)
        await press(pilot, "right", "right", "right")
        whole, track = view.look(view.snapshot).window, view.columns
        assert view.cursor is not None
        column = whole.column(view.cursor, track)
        await press(pilot, "plus", "plus")
        near = view.look(view.snapshot).window
        assert near.seconds == pytest.approx(whole.seconds / 4)
        assert abs(near.column(view.cursor, track) - column) <= 1
        await press(pilot, *["l"] * 20)
        assert view.look(view.snapshot).window.end == pytest.approx(whole.end)
        assert "this is the end" in text_of(_)
        await press(pilot, "0")
        assert view.look(view.snapshot).window == whole

    on_timeline(check)


def test_a_cursor_that_leaves_the_window_takes_it_along() -> None:
    async def check(_: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        await press(pilot, *["plus"] * 4, "right_curly_bracket")
        window = view.look(view.snapshot).window
        assert view.cursor is not None
        assert window.begin <= view.cursor <= window.end

    on_timeline(check)


def test_a_window_follows_the_end_until_somebody_looks_elsewhere() -> None:
    async def check(app: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        await press(pilot, "plus", "plus")
        for t in (14.0, 16.0, 19.0):
            go_to(app, t)
            await settle(pilot)
            window = view.look(view.snapshot).window
            assert window.begin < t <= window.end
        await press(pilot, "h")
        window = view.look(view.snapshot).window
        go_to(app, 23.0)
        assert view.look(view.snapshot).window == window
        await press(pilot, "F")
        assert view.look(view.snapshot).window.end >= 23.0
        go_to(app, OVER)
        await settle(pilot)
        assert view.look(view.snapshot).whole.end == pytest.approx(24.48, abs=0.01)

    on_timeline(check, t=13.5)


def test_two_marks_have_a_difference_and_a_third_begins_anew() -> None:
    async def check(app: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        await press(pilot, "m", *["right"] * 6, "m")
        a, b = view.marks
        assert b > a
        assert f"{a:.2f} to {b:.2f}: {b - a:.1f} s" in text_of(app)
        await press(pilot, "left", "m")
        assert len(view.marks) == 1
        await press(pilot, "escape")
        assert view.marks == ()
        assert view.cursor is not None
        await press(pilot, "escape")
        assert view.cursor is None

    on_timeline(check)


def test_what_is_selected_or_marked_fills_the_window_and_the_same_key_shows_all_again() -> None:
    async def check(app: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        await press(pilot, "f")
        assert "select a row first, or set two marks (m)" in text_of(app)
        whole = view.look(view.snapshot).window
        await press(pilot, "j", "j", "f")
        begin, end = view.selected_time() or (0.0, 0.0)
        window = view.look(view.snapshot).window
        assert (window.begin, window.end) == (
            pytest.approx(begin - 0.05 * (end - begin)),
            pytest.approx(min(end + 0.05 * (end - begin), whole.end)),
        )
        await press(pilot, "f")
        assert view.look(view.snapshot).window == whole
        assert "all is shown" in text_of(app)
        await press(pilot, "right", "m", *["right"] * 6, "m", "f")
        a, b = view.marks
        window = view.look(view.snapshot).window
        assert (window.begin, window.end) == (pytest.approx(a - 0.05 * (b - a)), pytest.approx(b + 0.05 * (b - a)))
        for step in range(1, 100):  # also where sums of times are a little off
            view.marks = (1.0, 1.0 + 0.0737 * step)
            view.do_fit()
            assert view.look(view.snapshot).window != whole
            view.do_fit()
            assert view.look(view.snapshot).window == whole

    on_timeline(check)


def test_a_gap_is_told_by_what_took_most_of_it_and_nothing_is_at_work_where_it_begins() -> None:
    async def check(app: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        await press(pilot, "right_curly_bracket", "right_curly_bracket")
        assert "gap of 1.99 s: mostly planning" in text_of(app)
        found = view.activity(view.snapshot)
        piece = found.held_up(view.cursor or 0.0)
        assert piece is not None
        assert not piece.wheel  # the wheel that was in hand has been handed on

    timed: list[tuple[float, Event]] = [
        (0.0, events.SpanStarted("acquire")),
        (0.0, events.WheelAdded("a", "1.0", "a.whl", 100, True)),
        (0.0, events.UnpackStarted("a", 40, 100, 1)),
        (4.0, events.UnpackFinished("a", 40, 100)),
        (4.01, events.SyncStarted("store")),
        (4.51, events.SyncFinished("store", 0.5)),
        (4.51, events.SpanFinished("acquire", 4.51, 0.0, 0.0)),
        (4.51, events.SpanStarted("plan")),
        (6.0, events.SpanFinished("plan", 1.49, 0.0, 0.0)),
        (6.0, events.SpanStarted("stage")),
        (6.0, events.StageStarted("a", 40, 1)),
    ]
    on_timeline(check, recorded(timed), 7.0)


def test_news_are_visited_in_time_and_their_wheels_selected() -> None:
    async def check(app: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        seen = []
        for key in ("]", "]", "]", "["):
            await press(pilot, {"]": "right_square_bracket", "[": "left_square_bracket"}[key])
            seen.append((view.cursor, view.lanes.selected))
        assert seen == [(3.0, "alpha"), (4.0, "alpha"), (5.0, "beta"), (4.0, "alpha")]
        assert "beta 1 → alpha 1" in text_of(app)

    timed: list[tuple[float, Event]] = [
        *((1.0, events.WheelAdded(key, "1.0", f"{key}.whl", 100, True)) for key in ("alpha", "beta")),
        (3.0, events.LockWaiting("alpha", "lib/x", "X", [events.Holder("beta")])),
        (4.0, events.FetchRetried("alpha", 2, "no news")),
        (4.0, events.Overwrite("alpha", "lib/x", "beta 1", "alpha 1", False)),
        (5.0, events.WheelFailed("beta", "bad RECORD")),
    ]
    on_timeline(check, recorded(timed), 9.0)


def test_gaps_are_visited_in_time() -> None:
    async def check(app: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        begins = [max(begin, 0.0) for begin, _ in view.activity(view.snapshot).gaps]
        seen = []
        for _ in begins:
            await press(pilot, "right_curly_bracket")
            seen.append(view.cursor)
        assert seen == pytest.approx(begins)
        await press(pilot, "right_curly_bracket")
        assert "no gap after this" in text_of(app)
        await press(pilot, *["left_curly_bracket"] * (len(begins) - 1))
        assert view.cursor == pytest.approx(begins[0])

    on_timeline(check)


def test_a_gap_from_the_start_of_the_program_begins_there_as_far_as_the_cursor_can_go() -> None:
    async def check(app: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        assert view.activity(view.snapshot).gaps[0][0] == -0.5
        await press(pilot, "right_curly_bracket")
        assert view.cursor == -0.5
        assert "gap of 2.5 s" in text_of(app)
        await press(pilot, "left")
        assert view.cursor == -0.5
        await press(pilot, "right", "right", "left_curly_bracket")
        assert view.cursor == -0.5
        await press(pilot, "left_curly_bracket")
        assert "no gap before this" in text_of(app)

    timed: list[tuple[float, Event]] = [
        (1.0, events.WheelAdded("a", "1.0", "a.whl", 100, True)),
        (2.0, events.FetchStarted("a", 0, 100)),
        (4.0, events.FetchFinished("a", 100)),
    ]
    on_timeline(check, recorded(timed), 9.0)


def test_enter_opens_the_wheel_that_a_worker_had_at_that_time() -> None:
    async def check(app: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        await press(pilot, "v", "j", "right_square_bracket")
        found = view.activity(view.snapshot)
        lane = timeline_lanes.lane_of(view.snapshot, found, view._arranged(view.snapshot, found), view.lanes.selected)
        assert lane is not None
        piece = lane.pieces[-1]
        view.set_cursor((piece.begin + piece.end) / 2)
        await press(pilot, "enter")
        assert isinstance(app.screen, DetailView)
        assert app.screen.key == piece.wheel

    on_timeline(check)


def test_what_is_selected_stays_when_lanes_are_grouped_otherwise_and_back() -> None:
    async def check(app: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        await press(pilot, "j", "j")
        wheel = view.lanes.selected
        await press(pilot, "v", "v")
        assert view.mode == "lock"
        await press(pilot, "v")
        assert app.wheel == wheel
        assert view.mode == "wheel"

    on_timeline(check)


def recorded(timed: list[tuple[float, Event]]) -> Recorded:
    first = events.SessionStarted(
        2, "s", 1, 0.0, 0.0, "0", ["instui", "install"], "/v", "py", {"purelib": "lib"}, 4, "", 0.5
    )
    return Recorded([encode(t, event) for t, event in [(0.0, first), *timed]])


@pytest.mark.parametrize("size", [(50, 15), (80, 24), (120, 40), (200, 50)])
def test_a_session_of_which_nothing_is_known_yet_or_that_died_has_a_timeline(size: tuple[int, int]) -> None:
    async def nothing(app: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        assert "the session" in text_of(app)
        await press(pilot, *"jvjvj+mh", "right_curly_bracket", "right_square_bracket", "enter")

    async def died(app: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        assert "alpha 1.0" in text_of(app)
        assert view.look(view.snapshot).window == (-0.5, 2.0)  # it does not go on

    on_timeline(nothing, recorded([]), 0.0, size)
    begun = [
        (1.0, events.WheelAdded("alpha", "1.0", "alpha.whl", 100, False)),
        (2.0, events.FetchStarted("alpha", 0, 100, 1)),
    ]
    on_timeline(died, recorded(begun), 5.0, size)


def many(count: int) -> Recorded:
    """A session of so many wheels, on four workers."""
    timed: list[tuple[float, Event]] = [(0.0, events.SpanStarted("stage"))]
    for number in range(count):
        key, t = f"w{number:04}", number * 0.01
        timed += [
            (0.0, events.WheelAdded(key, "1", f"{key}.whl", 100, True)),
            (t, events.StageStarted(key, 5, number % 4 + 1)),
            (t + 0.035, events.StageFinished(key)),
        ]
    end = count * 0.01 + 1.0
    timed.append((end, events.SessionFinished(0, "", count, end)))
    return recorded(sorted(timed, key=lambda entry: entry[0]))


def test_a_key_costs_what_is_on_the_screen_however_many_wheels_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(module: object, name: str) -> None:
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, **named: (calls.append(name), real(*given, **named))[1])

    counted(timeline_view, "activity")
    counted(timeline_view, "arrange")
    counted(timeline, "head")
    counted(timeline, "drawn")
    monkeypatch.setattr(throttled, "SHARE", 1e9)  # nothing rests: what is due is made before keys are counted

    def apart() -> bool:
        return any(thread.name == "apart" for thread in threading.enumerate())

    async def check(app: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        await press(pilot, "a", "j")
        assert len(view.lanes.keys) == 2000
        end, before = time.monotonic() + PATIENCE, -1
        while "critical" not in text_of(app) or apart() or len(calls) != before:  # until no thread has more to show
            assert time.monotonic() < end
            before = len(calls)
            await settle(pilot)
        calls.clear()
        await press(pilot, "j", "j", "G", "g")
        assert set(calls) == {"drawn"}  # lanes of wheels are few bars each
        assert len(calls) < 4 * 5 * 40
        calls.clear()
        await press(pilot, "right", "plus", "h")
        assert "activity" not in calls
        assert "arrange" not in calls
        await press(pilot, "v", "j")
        calls.clear()
        await press(pilot, "j", "k", "right", "left")
        assert "drawn" not in calls  # those of workers are thousands: once for a window

    on_timeline(check, many(2000), 100.0)


def test_of_a_long_lane_only_what_is_in_the_window_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    bar = timeline_track.Bar
    monkeypatch.setattr(timeline_track, "Bar", lambda *given: (made.append(given), bar(*given))[1])

    async def check(_: InstuiApp, view: TimelineView, pilot: Pilot[Result]) -> None:
        await press(pilot, "v", *["plus"] * 6)
        made.clear()
        await press(pilot, "l")
        assert 0 < len(made) < 100  # of 2000

    on_timeline(check, many(2000), 100.0)
