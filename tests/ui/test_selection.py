"""The selected wheel: what is marked is what keys act on, in whichever view and after whatever way there."""

import asyncio

import pytest
from textual.events import ScreenResume

from instui.tui.app import InstuiApp
from instui.tui.views.detail import DetailView
from instui.tui.views.events import EventsView
from instui.tui.views.locks import LocksView
from instui.tui.views.registry import VIEWS
from instui.tui.views.view import View
from instui.tui.widgets.table import Table
from support.screens import EVENTS, Recorded, press, settle, shown, text_of


def marked(app: InstuiApp) -> str:
    return app.screen.query_one(Table).selected


def test_after_the_blocker_was_shown_in_detail_it_is_marked_and_x_shows_its_locks() -> None:
    async def run() -> None:
        async with shown(Recorded.of("busy"), 13.5) as (app, pilot):
            await press(pilot, "j")
            waits = marked(app)
            await press(pilot, "enter", "b")
            assert isinstance(app.screen, DetailView)
            blocker = app.screen.key
            assert blocker != waits
            await press(pilot, "escape")
            assert (marked(app), app.wheel) == (blocker, blocker)
            await press(pilot, "x")
            assert isinstance(app.screen, LocksView)
            assert app.screen.filter.text == f"wheel:{blocker}"
            assert app.screen._row.wheel == blocker

    asyncio.run(run())


def test_x_in_the_detail_leads_to_the_locks_of_the_wheel_that_is_shown_and_marks_them() -> None:
    async def run() -> None:
        async with shown(Recorded.of("busy"), 13.5) as (app, pilot):
            await press(pilot, "2", "j", "j", "j", "j", "j", "1", "j", "enter", "b")
            assert isinstance(app.screen, DetailView)
            key = app.screen.key
            await press(pilot, "x")
            await settle(pilot)
            assert isinstance(app.screen, LocksView)
            assert app.screen.filter.text == f"wheel:{key}"
            assert app.screen._row.wheel in (key, "")

    asyncio.run(run())


def test_in_events_the_marked_event_says_which_wheel_is_selected() -> None:
    async def run() -> None:
        async with shown(Recorded.of("busy"), 13.5) as (app, pilot):
            await press(pilot, EVENTS, "slash", *"waits", "enter", "G", "enter", "enter")
            assert isinstance(app.screen, DetailView)
            of_event = app.screen.key
            await press(pilot, "b", "escape", "escape")
            assert isinstance(app.screen, EventsView)
            assert app.wheel == of_event

    asyncio.run(run())


def test_a_long_event_can_be_read_whole_with_every_field() -> None:
    """Nothing is cut, however narrow the screen is: all of it is below each other."""

    async def run() -> str:
        async with shown(Recorded.of("busy"), 13.5, (50, 50)) as (app, pilot):
            await press(pilot, EVENTS, "slash", *"planned", "enter", "G", "enter")
            return text_of(app)

    text = asyncio.run(run())
    for field in ("plan.wheel", "exclusive", "shared", "replaces", "renames", "s after the session"):
        assert field in text
    assert "…" not in text.split("\n", 3)[3]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.scope)
def test_a_view_that_is_in_front_before_its_widgets_are_there_waits_for_them(view: type[View]) -> None:
    async def run() -> None:
        async with shown(Recorded.of("busy"), 13.5) as (app, pilot):
            await press(pilot, "j")
            early = view()
            with app._context():
                early.on_screen_resume(ScreenResume())

    asyncio.run(run())
