"""With ten thousand wheels a key must not cost more than the rows on the screen."""

import asyncio

import pytest

from instui.monitor.fold import Fold
from instui.tui.rows import lock_history
from instui.tui.rows.event_log import OLDER, EventKeys
from instui.tui.rows.lock_history import lanes
from instui.tui.text.glyphs import UNICODE
from instui.tui.text.pieces import plain
from instui.tui.widgets.table import Table
from instui_engine.journal import events
from support.screens import EVENTS, Recorded, go_to, press, settle, shown


@pytest.mark.parametrize("keys", [("1", "a"), ("2", "a"), ("2", "a", "v"), ("2", "a", "v", "v")])
def test_a_move_of_the_selection_arranges_no_row_anew(keys: tuple[str, ...]) -> None:
    async def check() -> None:
        async with shown(Recorded.of("busy"), 13.5) as (app, pilot):
            await press(pilot, *keys, "j")
            table = app.screen.query_one(Table)
            rows, selected = table.keys, table.selected
            await press(pilot, "j")
            assert table.selected != selected
            assert table.keys is rows

    asyncio.run(check())


def test_a_wheel_that_is_hidden_gets_its_row_when_it_is_selected() -> None:
    async def check() -> None:
        async with shown(Recorded.of("busy"), 13.5) as (app, pilot):
            table = app.screen.query_one(Table)
            hidden = next(wheel.key for wheel in app.watched.shown.wheels if wheel.key not in table.keys)
            app.show_wheel(hidden, "here it is")
            await settle(pilot)
            assert hidden in table.keys

    asyncio.run(check())


def test_the_history_of_a_lock_that_every_wheel_took_is_made_of_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    fold = Fold()
    for number in range(100):
        fold.feed(0.0, events.PlanWheel(f"w{number}", number, 1, 0, [f"lib/w{number}/"], ["lib"], ""))
    for number in range(100):
        fold.feed(number, events.LockGranted(f"w{number}", 0.5))
        fold.feed(number + 0.5, events.LockReleased(f"w{number}", 0.5))
    made = []
    monkeypatch.setattr(lock_history, "_lane", lambda *given: made.append(given) or lane(*given))
    texts = [plain(line) for line in lanes(fold.snapshot(100.0), "lib", 100, 6, UNICODE)]
    assert texts[0] == "lib/   over 1 min 40 s   the last 5 of 100"
    assert [text.split()[0] for text in texts[1:]] == ["w95", "w96", "w97", "w98", "w99"]
    assert len(made) == 5


lane = lock_history._lane


def test_an_event_is_found_without_a_search() -> None:
    for first in (0, 7):
        keys = EventKeys(first, 20)
        for position, key in enumerate(keys):
            assert keys.position(key) == position
        assert [keys.position(key) for key in ("20", "6" if first else OLDER, "", "x")] == [None] * 4


def test_what_is_read_in_a_full_log_stays_where_it_is_while_the_oldest_events_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("instui.tui.watch.KEPT", 150)

    async def check() -> None:
        async with shown(Recorded.of("busy"), 11.4) as (app, pilot):
            await press(pilot, EVENTS, *"kkkkk")
            table, log = app.screen.query_one(Table), app.watched.log
            selected, first = table.selected, log.first
            line = (table.position(selected) or 0) - table.scroll_offset.y
            assert first > 0
            go_to(app, 13.2)
            await settle(pilot)
            assert first < log.first
            assert table.selected == selected
            assert (table.position(selected) or 0) - table.scroll_offset.y == line
            go_to(app, 30.0)  # now it is gone, too
            await settle(pilot)
            assert log.first > int(selected)
            assert table.scroll_offset.y == 0

    asyncio.run(check())
