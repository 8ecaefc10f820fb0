"""Recoveries, removals and restored files on the screens: seen wherever one is, found by filters, safe to show."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from textual.pilot import Pilot

from instui.tui.app import InstuiApp
from instui.tui.controller import Result
from instui.tui.rows import event_log, recoveries, wheels
from instui.tui.rows.filter import parse
from instui.tui.text.columns import widths
from instui.tui.text.glyphs import UNICODE
from instui.tui.text.pieces import plain
from instui.tui.views.detail import DetailView
from instui.tui.widgets.table import Table
from instui_engine.journal import events
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Event
from support.screens import EVENTS, OVERWRITES, Recorded, go_to, press, settle, shown, text_of

PURE = "lib/python3.11/site-packages"
SESSION = events.SessionStarted(
    1, "s1", 42, 0.0, 100.0, "0.1", ["instui", "install", "a"], "/home/user/.venv", "py", {"purelib": PURE}, 2
)
BEGUN = events.RecoveryStarted("jwt", "1.4.0", "dead")
SETTLED = events.RecoveryFinished("jwt", "1.4.0", "dead", "completed", [f"{PURE}/jwt/mine.py"])
REMOVAL = events.PlanWheel("a", 0, 3, 2, [f"{PURE}/a/"], [PURE], "1.0")
Play = Callable[[InstuiApp, Pilot[Result]], Coroutine[Any, Any, None]]


def recorded(*timed: tuple[float, Event]) -> Recorded:
    return Recorded([encode(t, event) for t, event in ((0.0, SESSION), *timed)])


def played(source: Recorded, t: float, play: Play, size: tuple[int, int] = (120, 30)) -> None:
    async def run() -> None:
        async with shown(source, t, size) as (app, pilot):
            await play(app, pilot)

    asyncio.run(run())


def test_a_recovery_has_a_row_while_it_runs_and_after_it() -> None:
    source = recorded((1.0, BEGUN), (3.0, SETTLED), (4.0, events.WheelAdded("b", "1.0", "b.whl", 1, True)))

    async def play(app: InstuiApp, pilot: Pilot[Result]) -> None:
        rows = [" ".join(row.split()) for row in text_of(app).splitlines()]
        assert "↺ jwt 1.4.0 recover of killed session 1.0 s" in rows
        assert f"{EVENTS} Events ▲1" in text_of(app)
        go_to(app, 5.0)
        await settle(pilot)
        rows = [" ".join(row.split()) for row in text_of(app).splitlines()]
        assert "↺ jwt 1.4.0 completed 1 file left as found" in rows
        assert "resolved 1" in text_of(app)  # it is none of the session's own wheels
        await press(pilot, "j", "y")
        assert "jwt 1.4.0 of the killed session dead is complete now, 1 file left as found" in text_of(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, DetailView)
        assert "left as is  lib/python3.11/site-packages/jwt/mine.py" in text_of(app)

    played(source, 2.0, play)


def test_several_that_are_over_take_one_row_which_leads_to_their_events() -> None:
    undone = events.RecoveryFinished("rich", "14", "dead", "undone", [])
    source = recorded((1.0, BEGUN), (2.0, SETTLED), (2.0, undone), (3.0, BEGUN._replace(wheel="cv2")))

    async def play(app: InstuiApp, pilot: Pilot[Result]) -> None:
        assert "↺ cv2 1.4.0 recover" in " ".join(text_of(app).split())
        assert "recovered of killed sessions: 1 completed, 1 undone" in text_of(app)
        await press(pilot, "slash", *"state", "colon", *"undone", "enter")
        assert [row for row in text_of(app).splitlines() if "↺" in row and "rich 14" in row]
        await press(pilot, "escape", "G", "enter")
        await settle(pilot)
        assert app.current_mode == "events"
        assert "filter: state:recovery" in text_of(app)
        assert len(app.screen.query_one(Table).keys) == 4

    played(source, 4.0, play)


def test_the_log_stops_at_recoveries_and_says_what_became_of_them() -> None:
    source = recorded((1.0, BEGUN), (3.0, SETTLED), (4.0, events.SessionResumed()))

    async def play(app: InstuiApp, pilot: Pilot[Result]) -> None:
        await press(pilot, EVENTS, "g", "right_square_bracket")
        table = app.screen.query_one(Table)
        assert "recovery begins jwt ↺ 1.4.0 of the killed session dead" in table.text_of(table.selected)
        await press(pilot, "right_square_bracket")
        text = table.text_of(table.selected)
        assert "recovery is done jwt ↺ 1.4.0 completed, 1 file left as found" in text
        await press(pilot, "left_square_bracket")
        assert "recovery begins" in table.text_of(table.selected)

    played(source, 5.0, play)


def test_the_outcome_is_told_by_word_and_by_colour() -> None:
    for outcome, style in (("completed", "commit"), ("undone", "age"), ("withdrawn", "age"), ("new", "age")):
        event = SETTLED._replace(outcome=outcome)
        source = recorded((1.0, event))

        async def play(app: InstuiApp, _: Pilot[Result], style: str = style, outcome: str = outcome) -> None:
            snapshot, log = app.watched.shown, app.watched.log
            cells = event_log.cells(snapshot, log, "1", {"kind": 20, "wheel": 10, "text": 60})
            assert [piece.style for piece in cells["kind"]] == [style]
            assert outcome in plain(cells["text"])
            row = recoveries.cells(snapshot, recoveries.keys(snapshot, parse(""))[0], widths(wheels.COLUMNS, 118))
            assert [piece.style for piece in row["state"]] == [style]

        played(source, 2.0, play)


def test_a_removal_is_called_so_in_every_view() -> None:
    source = recorded(
        (1.0, REMOVAL),
        (1.0, events.PlanFinished(1, 3, 0, 0)),
        (1.0, events.LockGranted("a", 0.0)),
        (1.0, events.CommitStarted("a", 4)),
        (1.5, events.CommitProgress("a", 2, 4)),
        (3.0, events.Restored("a", f"{PURE}/same.py", "c 2")),
        (3.0, events.DistributionRemoved("a", "1.0", 3)),
        (3.0, events.LockReleased("a", 2.0)),
        (4.0, events.SessionFinished(0, "", 1, 4.0)),
    )

    async def play(app: InstuiApp, pilot: Pilot[Result]) -> None:
        text = " ".join(text_of(app).split())
        assert "removing 1 · waiting 0 · removed 0 · failed 0" in text
        assert "remove 50 % 2/4 holds a/" in text
        go_to(app, 5.0)
        await settle(pilot)
        text = " ".join(text_of(app).split())
        assert "removed 1 distribution, 3 files in 4.0 s" in text
        assert "a 1.0" in text and "removed 3 files" in text
        assert "restored: 1 file of c 2" in text
        await press(pilot, "j", "enter")
        text = " ".join(text_of(app).split())
        assert "state ✓ removed removes 3 files" in text
        assert "same.py of c 2 again" in text
        await press(pilot, OVERWRITES)
        assert "a 1.0 → c 2 1 restored" in " ".join(text_of(app).split())
        await press(pilot, EVENTS)
        assert "exit 0, 1 distribution removed in 4.0 s" in text_of(app)

    played(source, 2.0, play)


def test_names_of_recoveries_are_shown_as_they_are() -> None:
    name, session, left = "x[/b]\x1b", "\x1b]0;s\x07[b]", "lib/[/x]\x1b.py"
    timed: list[tuple[float, Event]] = [
        (1.0, events.RecoveryFinished(name, "[/]\x07", session, "un\x1bdone", [left])),
        (1.0, events.Restored(name, left, "[/]\x1b owner")),
        (1.5, events.RecoveryStarted(name, "2", session)),
    ]
    for size in ((50, 15), (120, 30)):

        async def play(app: InstuiApp, pilot: Pilot[Result]) -> None:
            texts = [text_of(app)]
            for key in ("j", "enter", "escape", OVERWRITES, "j", "j", "enter", "escape", EVENTS):
                await press(pilot, key)
                texts.append(text_of(app))
            for text in texts:
                assert not any(ord(character) < 32 and character != "\n" for character in text)
            assert any("x[/b]\\x1b" in text for text in texts)

        played(recorded(*timed), 2.0, play, size)


def test_a_recovery_row_fits_wherever_a_wheel_does() -> None:
    async def play(app: InstuiApp, _: Pilot[Result]) -> None:
        snapshot = app.watched.shown
        for width in (47, 77, 117, 197):
            sizes = widths(wheels.COLUMNS, width)
            cells = wheels.cells(snapshot, recoveries.keys(snapshot, parse(""))[0], sizes, UNICODE)
            for column, size in sizes.items():
                assert len(plain(cells.get(column, ()))) <= size, (width, column)

    played(recorded((1.0, SETTLED)), 2.0, play)
