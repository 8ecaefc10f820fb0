"""The choice of a demonstration, and what the end of one offers."""

import asyncio

import pytest

from instui.demo.scenarios import DEMOS, NAMES, after
from instui.tui.views.demos import Demos
from support.screens import Recorded, go_to, press, settle, shown, text_of

SIZES = ((50, 15), (80, 24), (120, 40), (200, 50))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["dark", "light", "mono"])
def test_all_demonstrations_can_be_read_at_any_size(size: tuple[int, int], theme: str) -> None:
    async def run() -> str:
        async with shown(Recorded.of("same-module"), 60.0, size, theme=theme, ascii=True) as (app, pilot):
            app.push_screen(Demos())
            await settle(pilot)
            return text_of(app)

    text = asyncio.run(run())
    assert text.isascii()
    for number, demo in enumerate(DEMOS, 1):
        assert f"{number}  {demo.name}" in text
        assert (demo.about in text) == (size[0] >= 80)
    assert "esc goes back" in text


@pytest.mark.parametrize(
    ("keys", "name"),
    [(["enter"], "readme-clash"), (["8"], "crash"), (["j", "enter"], "etc-race"), (["k", "k", "enter"], "crash")],
)
def test_one_is_chosen_by_its_number_or_by_moving_there(keys: list[str], name: str) -> None:
    async def run() -> str | None:
        chosen: list[str | None] = []
        async with shown(Recorded.of("same-module"), 60.0, (80, 24)) as (app, pilot):
            app.push_screen(Demos(after("same-module")), chosen.append)
            await settle(pilot)
            await press(pilot, *keys)
        return chosen[0]

    assert asyncio.run(run()) == name


def test_esc_goes_back_to_the_end_of_the_demonstration() -> None:
    async def run() -> None:
        async with shown(Recorded.of("same-module"), 60.0, (80, 24)) as (app, pilot):
            assert app.showing is not None
            app.showing.demo = "same-module"
            await press(pilot, "D", "escape")
            assert "FINISHED" in text_of(app)
            assert app.return_value is None

    asyncio.run(run())


@pytest.mark.parametrize("size", SIZES)
def test_the_end_offers_the_next_the_same_and_to_quit(size: tuple[int, int]) -> None:
    async def run() -> None:
        async with shown(Recorded.of("same-module"), 3.0, size) as (app, pilot):
            assert app.showing is not None
            app.showing.demo = "same-module"
            go_to(app, 3.1)
            await settle(pilot)
            assert "D next demo" not in text_of(app)
            go_to(app, 60.0)
            await settle(pilot)
            footer = text_of(app).splitlines()[-1]
            for key in ("D next demo", "R again", "q quit"):
                assert key in footer

    asyncio.run(run())


def test_a_session_that_is_no_demonstration_offers_none() -> None:
    async def run() -> None:
        async with shown(Recorded.of("busy"), 60.0, (120, 40)) as (app, _):
            assert "next demo" not in text_of(app)

    asyncio.run(run())


def test_after_the_last_one_comes_the_first() -> None:
    assert after(NAMES[-1]) == NAMES[0]
