"""What a key leads to: a view is painted as soon as it is filled, once, and what exists is not made anew."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.css.stylesheet import Stylesheet
from textual.events import Key
from textual.screen import Screen

from instui.tui.app import InstuiApp
from instui.tui.controller import ReadOnly
from instui.tui.showing import Showing
from instui.tui.views.detail import DetailView
from instui.tui.views.explain import ExplainView
from instui.tui.views.locks import LocksView
from instui.tui.views.registry import VIEWS
from instui.tui.widgets.held import HeldScreen
from support.on_screen import VIEWS as BEGINNINGS
from support.screens import KEYS_OF_VIEWS, LOCKS, TIMELINE, Recorded, go_to, press, settle, shown, text_of

EXPLAIN = ExplainView.opened_by
_TWO = ("busy", "slow")


@contextmanager
def frames(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """The frames that are painted: the view, and the text of what is painted as a whole, "" for parts of it."""
    painted: list[tuple[str, str]] = []

    def display(app: InstuiApp, screen: Any, update: Any) -> None:
        if update is not None:
            lines = update.strips if isinstance(update, LayoutUpdate) else ()
            text = "\n".join("".join(segment.text for strip in line for segment in strip) for line in lines)
            painted.append((type(screen).__name__, text))

    with monkeypatch.context() as patch:
        patch.setattr(InstuiApp, "_display", display)
        yield painted


def test_a_view_is_painted_once_as_soon_as_it_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        async with shown(Recorded.of("busy"), 60.0) as (app, pilot):
            for exists in (False, True):
                for key, view in [*zip(KEYS_OF_VIEWS, VIEWS, strict=True)][::-1]:
                    with frames(monkeypatch) as painted:
                        app.simulate_key(key)
                        while not any(name == view.__name__ for name, _ in painted):
                            await asyncio.sleep(0)
                            assert not app._batch_count  # nothing waits for a time
                        await settle(pilot)
                    first, *later = [text for name, text in painted if name == view.__name__]
                    assert all(word in first for word in (" instui ", "FINISHED", BEGINNINGS[key], "quit"))
                    assert not exists or not any(later)

    asyncio.run(check())


def test_what_has_changed_is_painted_by_whoever_paints_first(monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[str] = []

    def display(_: InstuiApp, screen: Any, update: Any) -> None:
        assert isinstance(update, ChopsUpdate)
        chops = [chop for y, _, _ in update.spans for chop in update.chops[y].values()]
        painted.append("".join(chop.text for chop in chops if chop is not None))

    async def check() -> None:
        async with shown(Recorded.of("busy"), 60.0) as (app, pilot):
            await press(pilot, TIMELINE)
            view = app.screen
            assert isinstance(view, HeldScreen)
            with monkeypatch.context() as patch:
                patch.setattr(InstuiApp, "_display", display)
                patch.setattr(view._update_timer, "resume", lambda: None)  # Textual's own moment to paint does not come
                app.post_message(Key("plus", "+"))
                async with asyncio.timeout(60):
                    while "status" not in {widget.id for widget in view._dirty_widgets}:
                        await asyncio.sleep(0)
                view.paint()  # as after a time in which a slow terminal was spared
                assert any("zoom 2x" in text for text in painted)

    asyncio.run(check())


def test_the_explanation_that_was_open_is_shown_again_as_if_it_were_new() -> None:
    async def check() -> None:
        async with shown(Recorded.of("busy"), 60.0) as (app, pilot):
            await press(pilot, TIMELINE, EXPLAIN)
            view, before = app.screen, text_of(app)
            assert isinstance(view, ExplainView)
            await press(pilot, "j", "j", "z", LOCKS, EXPLAIN)
            assert app.screen is view
            assert text_of(app) == before
            await press(pilot, "escape")
            assert isinstance(app.screen, LocksView)
            await press(pilot, EXPLAIN, "enter")
            assert isinstance(app.screen, DetailView)
            await press(pilot, EXPLAIN)  # it is below already
            assert isinstance(app.screen, ExplainView)
            assert app.screen is not view
            await press(pilot, "escape", "escape")
            assert app.screen is view

    asyncio.run(check())


def test_a_view_that_was_only_passed_is_not_shown_as_it_was_then() -> None:
    async def check() -> None:
        async with shown(Recorded.of("busy"), 60.0) as (app, pilot):
            view = app.screen
            assert isinstance(view, HeldScreen)
            await press(pilot, EXPLAIN, TIMELINE)  # what lies below the explanation comes to the front for a moment
            assert view.veiled

    asyncio.run(check())


def test_another_session_has_an_explanation_of_its_own() -> None:
    async def check() -> None:
        first, second = (Showing(source, ReadOnly("LIVE"), clock=source.clock) for source in map(Recorded.of, _TWO))
        app = InstuiApp(first, home=lambda: Screen(), timer=False)
        async with app.run_test(size=(120, 40), notifications=False) as pilot:
            go_to(app, 60.0)
            await press(pilot, EXPLAIN)
            views = [app.screen]
            for closed in ([], ["escape"]):  # while it is open, and when it is not
                await press(pilot, *closed)
                app.close()
                await settle(pilot)
                assert not any(view.is_attached for view in views)
                app.open(second)
                go_to(app, 60.0)
                await press(pilot, EXPLAIN)
                assert isinstance(app.screen, ExplainView)
                assert app.screen not in views
                views.append(app.screen)

    asyncio.run(check())


def test_styles_are_parsed_for_another_theme_and_applied_to_a_view_that_has_them_only_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []
    reparse, update = Stylesheet.reparse, InstuiApp.update_styles
    monkeypatch.setattr(Stylesheet, "reparse", lambda self: (done.append("parsed"), reparse(self)))
    monkeypatch.setattr(
        InstuiApp, "update_styles", lambda *given, **more: (done.append("applied"), update(*given, **more))
    )

    async def check() -> None:
        async with shown(Recorded.of("busy"), 60.0) as (app, pilot):
            done.clear()
            await press(pilot, *KEYS_OF_VIEWS, EXPLAIN)
            assert "parsed" not in done
            await press(pilot, *KEYS_OF_VIEWS, EXPLAIN)
            done.clear()
            await press(pilot, *KEYS_OF_VIEWS, EXPLAIN)
            assert done == []
            app.theme = "light"
            await press(pilot, *KEYS_OF_VIEWS)
            assert done.count("parsed") == 1
            assert "applied" in done

    asyncio.run(check())
