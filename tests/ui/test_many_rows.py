"""With ten thousand wheels a key must not cost more than the rows on the screen."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import ModuleType

import pytest

from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.monitor.reader import decoded
from instui.tui import showing
from instui.tui.rows import lock_history, timeline_lanes
from instui.tui.rows.event_log import OLDER, EventKeys
from instui.tui.rows.lock_history import lanes
from instui.tui.text.glyphs import UNICODE
from instui.tui.text.pieces import plain
from instui.tui.views import explain, overwrites, throttled, timeline
from instui.tui.views.throttled import MANY, Apart
from instui.tui.widgets.table import Table
from instui_engine.journal import events
from support.screens import EVENTS, OVERWRITES, Recorded, go_to, press, settle, shown, text_of
from support.terminal import PATIENCE


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


def test_the_map_is_made_anew_when_an_owner_changes_and_not_when_the_selection_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[float] = []
    make = overwrites.ownerships
    monkeypatch.setattr(overwrites, "ownerships", lambda snapshot: (made.append(snapshot.t), make(snapshot))[1])
    monkeypatch.setattr("instui.tui.views.throttled.SHARE", 1000.0)

    async def check() -> None:
        async with shown(Recorded.of("busy"), 15.0, (120, 40)) as (app, pilot):
            await press(pilot, OVERWRITES)
            assert "none written yet" not in text_of(app)
            before = len(made)
            await press(pilot, "j", "j", "j", "k")
            assert len(made) == before
            go_to(app, 15.2)
            await settle(pilot)
            assert len(made) == before
            go_to(app, 19.0)
            await settle(pilot)
            assert len(made) > before

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
    assert texts[0] == "lib/   over 1m40s   the last 5 of 100"
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
    monkeypatch.setattr("instui.tui.tape.KEPT", 150)

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


def test_what_is_made_of_many_wheels_is_made_by_a_thread_that_no_key_waits_for() -> None:
    may, told = threading.Event(), threading.Event()
    made: list[int] = []

    def slow() -> int:
        made.append(threading.get_ident())
        assert may.wait(PATIENCE)
        return len(made)

    apart: Apart[int] = Apart(told.set)
    assert apart.latest("key", None, slow, MANY) is None
    assert apart.latest("key", None, slow, MANY) is None
    may.set()
    assert told.wait(PATIENCE)
    assert apart.latest("key", None, slow, MANY) == 1  # once
    assert made != [threading.get_ident()]
    told.clear()
    may.clear()
    assert apart.latest("other", None, slow, MANY) == 1  # until the other one is there
    may.set()
    assert told.wait(PATIENCE)
    assert apart.latest("other", None, slow, MANY) == 2
    assert apart.latest("third", object(), lambda: 5, 1) == 5  # of few wheels at once


def test_a_view_that_is_gone_before_it_was_painted_keeps_nothing_from_being_made_for_the_next_one() -> None:
    told = threading.Event()
    apart: Apart[int] = Apart(told.set, lambda start: None)
    assert apart.latest("key", None, lambda: 1, MANY) is None
    put_off: list[Callable[[], None]] = []
    apart.when = put_off.append
    for _ in range(2):
        assert apart.latest("key", None, lambda: 2, MANY) is None
    with Apart._one_at_a_time:  # so that the first is not over when the second begins
        for start in put_off:
            start()
    assert told.wait(PATIENCE)
    assert apart.latest("key", None, lambda: 3, MANY) == 2


def test_what_fails_in_that_thread_is_not_lost() -> None:
    told = threading.Event()
    apart: Apart[float] = Apart(told.set)
    assert apart.latest("key", object(), lambda: 1 / 0, MANY) is None
    assert told.wait(PATIENCE)
    with pytest.raises(ZeroDivisionError):
        apart.latest("key", object(), lambda: 1.0, MANY)


@pytest.mark.parametrize(("key", "words"), [("3", "critical"), ("e", "committed 24 wheels")])
def test_a_view_of_many_wheels_opens_at_once_and_is_filled_when_it_is_made(
    key: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttled, "MANY", 1)

    async def check() -> None:
        async with shown(Recorded.of("busy"), 60.0) as (app, pilot):
            Apart._one_at_a_time.acquire()
            try:
                await press(pilot, key)
                assert {"3": "django", "e": "adding up what 24 wheels did"}[key] in text_of(app)
                assert words not in text_of(app)
            finally:
                Apart._one_at_a_time.release()
            end = time.monotonic() + PATIENCE
            while words not in text_of(app):
                assert time.monotonic() < end
                await settle(pilot)

    asyncio.run(check())


@pytest.mark.parametrize(
    ("key", "where", "what", "words"),
    [("3", timeline, "activity", "critical"), ("e", explain, "explain", "committed 24 wheels")],
)
def test_what_a_view_of_many_wheels_has_made_apart_does_not_delay_its_first_picture(
    key: str, where: ModuleType, what: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttled, "MANY", 1)
    veiled: list[bool] = []
    make = getattr(where, what)

    async def check() -> None:
        async with shown(Recorded.of("busy"), 60.0) as (app, pilot):

            def made(snapshot: Snapshot) -> object:
                if snapshot.wheels:
                    veiled.append(app.screen.veiled)
                return make(snapshot)

            monkeypatch.setattr(where, what, made)
            await press(pilot, key)
            end = time.monotonic() + PATIENCE
            while words not in text_of(app):
                assert time.monotonic() < end
                await settle(pilot)

    asyncio.run(check())
    assert veiled and not any(veiled)


def test_the_summary_of_many_wheels_delays_no_picture_and_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttled, "MANY", 1)
    made: list[Snapshot] = []
    make = showing.ending
    monkeypatch.setattr(showing, "ending", lambda snapshot: (made.append(snapshot), make(snapshot))[1])

    async def check() -> None:
        with ExitStack() as threads_wait:
            threads_wait.enter_context(Apart._one_at_a_time)
            async with shown(Recorded.of("busy"), 60.0, (120, 40)) as (app, pilot):
                assert app.watched.shown.over and "django" in text_of(app)
                assert not made and "installed 24 wheels" not in text_of(app)
                threads_wait.close()
                end = time.monotonic() + PATIENCE
                while "installed 24 wheels" not in text_of(app):
                    assert time.monotonic() < end
                    await settle(pilot)
                app.pull()
                await settle(pilot)
                assert len(made) == 1

    asyncio.run(check())


def test_what_was_spent_on_a_wheel_is_added_up_again_only_when_the_wheel_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    added: list[str] = []
    add = timeline_lanes.spent
    monkeypatch.setattr(timeline_lanes, "spent", lambda wheel, now: (added.append(wheel.key), add(wheel, now))[1])
    recorded, fold, before = Recorded.of("busy"), Fold(), timeline_lanes.Spent()
    for t in (13.5, 13.6):
        recorded.t = t
        for at, event in decoded(recorded.poll()):
            fold.feed(at, event)
        now = fold.snapshot(t)
        added.clear()
        assert before.of(now) == {wheel.key: add(wheel, t) for wheel in now.wheels}
    assert 0 < len(set(added)) < len(now.wheels)
