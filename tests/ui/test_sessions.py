"""One session at a time on the screen: what opening and closing does, with a home and without."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from instui.tui.app import InstuiApp
from instui.tui.controller import Controller, Ended, Left, ReadOnly, Result
from instui.tui.showing import Showing
from instui.tui.views.dashboard import DashboardView
from instui.tui.views.overview import Overview
from instui.tui.views.view import View
from support.screens import EVENTS, LOCKS, Own, Recorded, go_to, press, settle, shown, text_of


class Home(Screen[None]):
    def compose(self) -> ComposeResult:
        yield Static("this is home")


def showing(name: str, results: list[Result] | None = None, controller: Controller | None = None) -> Showing:
    source = Recorded.of(name)
    closed = results.append if results is not None else lambda _: None
    return Showing(source, controller or ReadOnly("LIVE"), clock=source.clock, closed=closed)


@asynccontextmanager
async def at_home(first: Showing | None = None) -> AsyncIterator[tuple[InstuiApp, Pilot[Result]]]:
    app = InstuiApp(first, home=Home, timer=False)
    async with app.run_test(size=(120, 34), notifications=False) as pilot:
        await settle(pilot)
        yield app, pilot


def test_home_opens_a_session_and_gets_it_back_as_it_stands() -> None:
    results: list[Result] = []

    async def run() -> None:
        async with at_home() as (app, pilot):
            assert "this is home" in text_of(app)
            app.open(showing("busy", results))
            await settle(pilot)
            go_to(app, 13.5)
            await settle(pilot)
            assert "project/.venv" in text_of(app)
            await press(pilot, "j", "enter", "q")
            assert "this is home" in text_of(app)
            assert app.showing is None
            assert app.return_value is None
            assert [type(result) for result in results] == [Left]
            app.open(showing("conflict", results))
            await settle(pilot)
            go_to(app, 60.0)
            await press(pilot, "q")
            assert isinstance(results[1], Ended)
            assert results[1].exit_code == 3

    asyncio.run(run())


def test_the_source_of_a_session_that_was_left_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    monkeypatch.setattr(Recorded, "close", lambda _: closed.append("closed"))

    async def run() -> None:
        async with at_home(showing("busy")) as (app, pilot):
            await press(pilot, "q")
            assert closed == ["closed"]
            assert "this is home" in text_of(app)
            app.pull()  # nothing is watched any more

    asyncio.run(run())


@pytest.mark.parametrize("home", [True, False], ids=["home", "no home"])
def test_nothing_that_was_selected_or_set_in_one_session_is_left_in_the_next(home: bool) -> None:
    async def run() -> None:
        first = showing("busy")
        app = InstuiApp(first, home=Home if home else None, timer=False)
        async with app.run_test(size=(120, 34), notifications=False) as pilot:
            await settle(pilot)
            go_to(app, 13.5)
            await press(
                pilot, "j", "j", "greater_than_sign", "a", "slash", *"ma", "enter", "z", LOCKS, "v", EVENTS, "g"
            )
            await press(pilot, "space", "enter")
            views = list(app.screen_stack)
            app.open(showing("busy"))
            await settle(pilot)
            assert isinstance(app.screen, DashboardView)
            assert not set(views) & set(app.screen_stack)
            go_to(app, 13.5)
            await settle(pilot)
            async with shown(Recorded.of("busy"), 13.5) as (fresh, other):
                for key in (LOCKS, EVENTS, "1"):
                    await press(pilot, key)
                    await press(other, key)
                    assert text_of(app) == text_of(fresh)
            assert app.wheel == ""
            assert not any(view.is_attached for view in views)  # its screens are gone, not only hidden

    asyncio.run(run())


def test_without_a_home_the_end_of_a_session_is_the_end() -> None:
    async def run() -> None:
        results: list[Result] = []
        app = InstuiApp(showing("busy", results), timer=False)
        async with app.run_test(size=(120, 34), notifications=False) as pilot:
            await settle(pilot)
            go_to(app, 13.5)
            await press(pilot, "q")
            assert isinstance(app.return_value, Left)
            assert results == [app.return_value]

    asyncio.run(run())


def test_an_install_of_ours_is_asked_about_before_home_comes_back() -> None:
    async def run() -> None:
        results: list[Result] = []
        async with at_home(showing("busy", results, Own())) as (app, pilot):
            go_to(app, 13.5)
            await press(pilot, "q")
            assert "The install is still running." in text_of(app)
            assert results == []
            await press(pilot, "l")
            assert "this is home" in text_of(app)
            assert len(results) == 1

    asyncio.run(run())


def test_at_home_keys_of_sessions_say_that_there_is_none_and_q_ends() -> None:
    async def run() -> None:
        async with at_home() as (app, pilot):
            await press(pilot, "space", "P", "j", "1", "e", "x", "enter")
            assert "this is home" in text_of(app)
            assert app.refusal("freeze") == "no session is open"
            await press(pilot, "q")
            assert app._exit

    asyncio.run(run())


def test_a_key_and_a_new_size_between_two_sessions_do_no_harm() -> None:
    async def run() -> None:
        async with at_home(showing("busy")) as (app, pilot):
            go_to(app, 13.5)
            view = app.screen
            assert isinstance(view, View)
            app.close()
            assert isinstance(view, Overview)
            view.on_resize()
            app.open(showing("quiet"))
            app.perform("down")
            app.pull()
            await settle(pilot)
            assert isinstance(app.screen, DashboardView)
            assert app.screen is not view

    asyncio.run(run())
