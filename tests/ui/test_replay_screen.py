"""A recording on the screen: what the badge, the bar and the footer say, and that every view can go back in time."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from instui.monitor.recording import Recording, begun
from instui.tui.app import InstuiApp
from instui.tui.controller import ReadOnly, Result
from instui.tui.rows.transport import layout
from instui.tui.showing import Showing
from instui.tui.views.events import EventsView
from instui.tui.views.registry import BY_ID
from instui.tui.views.timeline import TimelineView
from instui.tui.views.view import View
from instui.tui.widgets.table import Table
from instui_engine.journal import events
from support.screens import EVENTS, KEYS_OF_VIEWS, RECORDINGS, TIMELINE, Recorded, press, settle, shown, text_of
from support.tapes import Clock

JUMPS = (
    "left_square_bracket",
    "right_square_bracket",
    "left_curly_bracket",
    "right_curly_bracket",
    "comma",
    "full_stop",
)


def come(app: InstuiApp) -> None:
    app.pull()
    while app.watched.behind:
        app.pull()
    app.pull()


@asynccontextmanager
async def replayed(
    path: Path, size: tuple[int, int] = (120, 34), speed: float = 2.0, error: str = "", ascii: bool = False
) -> AsyncIterator[tuple[InstuiApp, Pilot[Result], Clock]]:
    clock = Clock()
    showing = Showing(Recording(begun(path)), ReadOnly("REPLAY", error), clock=clock, speed=speed)
    app = InstuiApp(showing, timer=False, ascii=ascii)
    async with app.run_test(size=size, notifications=False) as pilot:
        await settle(pilot)
        come(app)
        await settle(pilot)
        yield app, pilot, clock


def busy() -> Path:
    return RECORDINGS / "busy.jsonl"


def cut(path: Path, lines: int) -> Path:
    path.write_bytes(b"".join(busy().read_bytes().splitlines(keepends=True)[:lines]))
    return path


def test_it_plays_is_held_ends_and_plays_again() -> None:
    async def run() -> None:
        async with replayed(busy()) as (app, pilot, clock):
            assert "● REPLAY 2.0x" in text_of(app)
            clock.now += 5.0
            come(app)
            assert "10.00 of 24.5 s" in text_of(app)
            await press(pilot, "space")
            assert "● PAUSED" in text_of(app)
            assert "space play" in text_of(app)
            clock.now += 50.0
            come(app)
            assert "10.00 of 24.5 s" in text_of(app)
            await press(pilot, "space")
            clock.now += 50.0
            come(app)
            assert "REPLAY ended" in text_of(app)
            assert app.caption_texts  # how it went
            assert app.leaves_in is None  # it stays
            assert app.return_value is None
            await press(pilot, "space")
            come(app)
            clock.now += 1.0
            come(app)
            assert "2.00 of 24.5 s" in text_of(app)
            await press(pilot, "L")
            assert "this is a recording; it has no present" in text_of(app)
            await press(pilot, "q")
            assert app._exit

    asyncio.run(run())


def test_news_that_are_not_played_yet_are_gone_to_from_the_log() -> None:
    async def run() -> None:
        async with replayed(busy()) as (app, pilot, clock):
            clock.now += 1.0
            come(app)
            tape, transport = app.watched.tape, app.watched.transport
            assert transport is not None
            place = tape.after_next_news(transport.place)
            assert place is not None
            await press(pilot, EVENTS, "G", "right_square_bracket")
            assert (transport.place, transport.held) == (place, True)
            view = app.screen
            assert isinstance(view, EventsView)
            assert view.table.selected == view.table.keys[-1] == str(tape.number(place))
            await press(pilot, "slash", *"state:overwrites", "enter", "G", "right_square_bracket")
            assert isinstance(tape.events[transport.place - 1][1], events.Overwrite)
            assert view.table.selected == view.table.keys[-1]
            transport.go_to_end()
            come(app)
            await press(pilot, "G", "right_square_bracket")
            assert "warning or failure after this" in text_of(app)

    asyncio.run(run())


@pytest.mark.parametrize("jump", ["right_square_bracket", "right_curly_bracket"])
def test_what_is_not_played_yet_is_gone_to_from_the_timeline(jump: str) -> None:
    async def run() -> None:
        async with replayed(busy()) as (app, pilot, clock):
            clock.now += 1.0
            come(app)
            transport = app.watched.transport
            assert transport is not None
            await press(pilot, TIMELINE)
            view = app.screen
            assert isinstance(view, TimelineView)
            view.set_cursor(transport.t)
            before = transport.place
            await press(pilot, jump)
            assert transport.held
            assert transport.place > before
            assert view.cursor == pytest.approx(transport.t)

    asyncio.run(run())


def test_while_nothing_else_is_to_be_done_all_places_are_prepared_a_moment_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("instui.tui.checkpoints.EVERY", 60)
    monkeypatch.setattr("instui.tui.transport._SPARE", 0.0)

    async def run() -> None:
        async with replayed(busy()) as (app, pilot, _):
            await press(pilot, "space")
            transport = app.watched.transport
            assert transport is not None
            due: list[Callable[[], None]] = []
            app._timer = True
            monkeypatch.setattr(app, "set_timer", lambda _, call: due.append(call))
            app.pull()
            app.pull()
            assert len(due) == 1  # one after the other, however often it pulls
            moments = 0
            while due:
                due.pop()()
                moments += 1
            assert moments > 5
            assert not transport.prepare()

    asyncio.run(run())


def test_a_click_paints_nothing_but_what_it_has_changed() -> None:
    """Else that would wait for the frame after."""

    async def run() -> None:
        async with replayed(busy()) as (app, pilot, clock):
            clock.now += 5.0
            come(app)
            await press(pilot, "space")
            before, anew = text_of(app), []
            refresh = app.screen.refresh
            app.screen.refresh = lambda *given, **named: (anew.append(given), refresh(*given, **named))[1]
            await pilot.click("#transport", offset=(60, 0))
            await settle(pilot)
            assert text_of(app) != before
            assert not anew

    asyncio.run(run())


@pytest.mark.parametrize("size", [(50, 15), (80, 24), (120, 40), (200, 50)])
@pytest.mark.parametrize("ascii", [False, True], ids=["", "ascii"])
def test_the_bar_stands_above_the_footer_of_every_view(size: tuple[int, int], ascii: bool) -> None:
    async def run() -> None:
        async with replayed(busy(), size, ascii=ascii) as (app, pilot, clock):
            clock.now += 7.0
            come(app)
            for key in (*KEYS_OF_VIEWS, "e", "escape", "s"):
                await press(pilot, key)
                rows = text_of(app).split("\n")
                assert " of 24.5 s" in rows[-2]
                assert "? help" in rows[-1]
                assert all(len(row) <= size[0] for row in rows)
                assert not ascii or text_of(app).isascii()

    asyncio.run(run())


def test_a_click_on_the_bar_goes_there_and_one_on_its_keys_does_what_they_do() -> None:
    async def run() -> None:
        async with replayed(busy()) as (app, pilot, _):
            await press(pilot, "space")
            stand = app.stand
            assert stand is not None
            parts = layout(stand, app.transport_keys, 120, app.glyphs)
            await pilot.click("#transport", offset=(parts.start + parts.cells - 1, 0))
            come(app)
            await settle(pilot)
            assert "24.48 of 24.5 s" in text_of(app)
            await pilot.click("#transport", offset=(parts.start + parts.cells // 2, 0))
            come(app)
            assert 11.5 < app.watched.shown.t < 13.0
            column = text_of(app).split("\n")[-2].index("[ ] news")
            await pilot.click("#transport", offset=(column, 0))
            come(app)
            await settle(pilot)
            assert "will replace" in text_of(app)
            await pilot.click("#transport", offset=(1, 0))
            assert "REPLAY 2.0x" in text_of(app)

    asyncio.run(run())


def test_a_recording_of_a_killed_session_says_where_it_ends(tmp_path: Path) -> None:
    async def run() -> None:
        async with replayed(cut(tmp_path / "x.jsonl", 700)) as (app, pilot, clock):
            clock.now += 1000.0
            come(app)
            await settle(pilot)
            assert "Its journal ends here, at 13." in text_of(app)
            assert "the process was gone" in text_of(app)
            assert "REPLAY ended" in text_of(app)
        async with replayed(tmp_path / "x.jsonl", error="The session still runs.") as (app, pilot, clock):
            clock.now += 1000.0
            come(app)
            await settle(pilot)
            assert "The session still runs." in text_of(app)

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(4))
def test_every_view_goes_back_in_time_and_shows_what_a_session_of_that_time_shows(seed: int) -> None:
    chance = random.Random(seed)

    async def run() -> None:
        async with replayed(busy(), (120, 40), speed=1.0) as (app, pilot, _):
            await press(pilot, "space")
            for _ in range(6):
                for key in chance.sample(
                    [*KEYS_OF_VIEWS, "v", "a", "j", "G", "e", "escape", "k", "greater_than_sign"], 9
                ):
                    await press(pilot, key)
                await press(pilot, *chance.choices(JUMPS, k=5))
                t = chance.uniform(0.0, 25.0)
                app.seek(t)
                come(app)
                await settle(pilot)
            app.seek(13.5)
            come(app)
            async with shown(Recorded.of("busy"), 13.5, (120, 40)) as (fresh, _):
                assert app.watched.shown.totals == fresh.watched.shown.totals
                assert app.watched.log.total == fresh.watched.log.total
                known = {wheel.key for wheel in fresh.watched.shown.wheels}
                assert {wheel.key for wheel in app.watched.shown.wheels} == known

    asyncio.run(run())


def test_rows_of_a_later_time_go_when_the_display_goes_back() -> None:
    async def run() -> None:
        async with replayed(busy(), (120, 40)) as (app, pilot, clock):
            clock.now += 1000.0
            come(app)
            await press(pilot, "a", EVENTS, "slash", *"state", "colon", *"lock", "enter")
            late = len(app.screen.query_one(Table).keys)
            app.seek(0.5)  # before the first wheel is known
            come(app)
            await settle(pilot)
            assert late > 20
            assert not app.screen.query_one(Table).keys
            for key in KEYS_OF_VIEWS:
                await press(pilot, key)
                view = app.screen
                assert isinstance(view, View)
                assert not [row for row in view.table.keys if app.watched.shown.wheel(row)]
            await press(pilot, "1")
            assert "opencv-python" not in " ".join(map(app.screen.query_one(Table).text_of, view.table.keys))

    asyncio.run(run())


def test_keys_of_the_timeline_and_of_the_log_are_theirs_and_not_named_on_the_bar() -> None:
    async def run() -> None:
        async with replayed(busy()) as (app, pilot, _):
            assert {"news_next", "gap_next", "step_next"} <= {action.id for action in app.transport_keys}
            await press(pilot, BY_ID["view_timeline"].keys)
            assert {"news_next", "gap_next"}.isdisjoint(action.id for action in app.transport_keys)
            await press(pilot, EVENTS)
            assert "gap_next" in {action.id for action in app.transport_keys}
            assert "news_next" not in {action.id for action in app.transport_keys}

    asyncio.run(run())
