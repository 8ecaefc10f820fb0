"""The line above the table, which says what takes most of the time."""

import asyncio
from collections.abc import Callable

import pytest

from instui.monitor.model import Snapshot
from instui.monitor.spans import Halt
from instui.tui.app import InstuiApp
from instui.tui.finding import TopFinding
from instui.tui.rows.explain import top_line
from instui.tui.text.glyphs import UNICODE, Glyphs
from instui.tui.text.pieces import Line, line, plain
from instui_engine.journal import events
from support.made_up import snapshot_of
from support.screens import Recorded, go_to, press, settle, shown, text_of

FOUND = "everything waits for one wheel"


def found(snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line | None:
    return line((FOUND, "wait")) if 13.0 <= snapshot.t < 20.0 else None


def finds(app: InstuiApp, make: Callable[[Snapshot, int, Glyphs], Line | None]) -> None:
    assert app.showing is not None
    app.showing.finding = TopFinding(make)


@pytest.mark.parametrize("size", [(50, 15), (80, 24), (120, 40)])
def test_the_finding_stands_between_the_tabs_and_the_rows(size: tuple[int, int]) -> None:
    async def run() -> None:
        async with shown(Recorded.of("busy"), 5.0, size) as (app, pilot):
            finds(app, found)
            assert FOUND not in text_of(app)
            go_to(app, 13.5)
            await settle(pilot)
            rows = [row.strip() for row in text_of(app).split("\n")]
            tabs = next(number for number, row in enumerate(rows) if row.startswith("1 "))
            titles = next(number for number, row in enumerate(rows) if row.startswith("wheel"))
            assert tabs < rows.index(FOUND) < titles
            await press(pilot, "z")
            assert FOUND not in text_of(app)
            await press(pilot, "z")
            go_to(app, 30.0)
            await settle(pilot)
            assert FOUND not in text_of(app)

    asyncio.run(run())


def test_a_session_that_goes_on_after_a_stop_is_not_said_to_stand_still_any_longer() -> None:
    start = events.SessionStarted(2, "s", 42, 0.0, 0.0, "0", ["instui", "install"], "/v", "py", {}, 2)
    running = snapshot_of(start, at=9.0)
    top = TopFinding()
    stopped = top.line(running._replace(halts=(Halt(3.0),)), 80, UNICODE)
    assert stopped is not None
    assert "kill -CONT 42 helps" in plain(stopped)
    assert top.line(running._replace(t=9.1), 80, UNICODE) is None


def test_it_is_looked_for_at_most_once_a_second_of_the_session() -> None:
    looks: list[float] = []

    def look(snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line | None:
        looks.append(snapshot.t)
        return top_line(snapshot, width, glyphs)

    async def run() -> None:
        async with shown(Recorded.of("busy"), 10.0) as (app, pilot):
            finds(app, look)
            for tenth in range(31):
                go_to(app, 10.0 + tenth / 10)
            await press(pilot, "j", "k")
            assert [round(t) for t in looks] == [10, 11, 12, 13]
            go_to(app, 100.0)  # it is over: what is said now, stays
            app.pull()
            app.pull()
            assert len(looks) == 5

    asyncio.run(run())
