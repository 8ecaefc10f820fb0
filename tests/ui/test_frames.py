"""Which frames a key leads to: a view is painted as soon as it is filled, once, and not before."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from textual._compositor import LayoutUpdate

from instui.tui.app import InstuiApp
from instui.tui.views.registry import VIEWS
from support.on_screen import VIEWS as BEGINNINGS
from support.screens import KEYS_OF_VIEWS, Recorded, press, shown


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
            for _ in range(2):  # a view that is made, and one that is there
                for key, view in [*zip(KEYS_OF_VIEWS, VIEWS, strict=True)][::-1]:
                    with frames(monkeypatch) as painted:
                        app.simulate_key(key)
                        while not any(name == view.__name__ for name, _ in painted):
                            await asyncio.sleep(0)
                            assert not app._batch_count  # nothing waits for a time
                        await press(pilot)
                    first, *later = [text for name, text in painted if name == view.__name__]
                    assert all(word in first for word in (" instui ", "FINISHED", BEGINNINGS[key], "quit"))
                    assert not any(later)

    asyncio.run(check())
