"""The keys that act on a running install, and their dialogs: what they ask, when they close, what they never do."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from instui.monitor.remote import Remote
from instui.tui.app import InstuiApp
from instui.tui.controller import Controller, Left, ReadOnly, Result
from instui.tui.views.dashboard import DashboardView
from instui.tui.views.dialogs import AskWorkers, CancelWheel
from instui_engine.errors import InstuiError
from support.screens import Own, Recorded, go_to, press, settle, shown, text_of

WAITS = 13.5  # a moment of `busy` at which the first row waits
Body = Callable[[InstuiApp, Pilot[Result]], Awaitable[None]]


def on_screen(body: Body, controller: Controller, t: float = WAITS, size: tuple[int, int] = (120, 34)) -> None:
    async def run() -> None:
        async with shown(Recorded.of("busy"), t, size, controller=controller) as (app, pilot):
            await body(app, pilot)

    asyncio.run(run())


def test_without_a_selected_wheel_nothing_is_cancelled_and_the_key_for_the_whole_install_is_named() -> None:
    own = Own()

    async def body(app: InstuiApp, pilot: Pilot[Result]) -> None:
        await press(pilot, "K", "c")
        assert isinstance(app.screen, DashboardView)
        assert "no wheel is selected; ctrl+c cancels the whole install" in text_of(app)
        assert own.asked == []
        await press(pilot, "ctrl+c", "ctrl+c")
        assert own.asked == ["cancel"]
        await press(pilot, "ctrl+c")
        assert own.asked == ["cancel", "abort"]

    on_screen(body, own)


def test_where_ctrl_c_only_leaves_the_whole_install_may_be_cancelled_without_a_selected_wheel() -> None:
    asked: list[str] = []

    def send(path: str, request: str) -> str:
        asked.append(request)
        return ""

    remote = Remote("ATTACHED pid 7", "/socket", lambda: True, may_control=True, send=send)

    async def body(app: InstuiApp, pilot: Pilot[Result]) -> None:
        await press(pilot, "K")
        assert "No wheel is selected. Cancel the whole install?" in " ".join(text_of(app).split())
        assert "cancel this wheel" not in text_of(app)
        await press(pilot, "w", "c")  # the first is not offered
        while not asked:
            await asyncio.sleep(0.01)
        assert asked == ["cancel"]

    on_screen(body, remote)


@pytest.mark.parametrize("key", ["escape", "s", "enter", "ctrl+c", "q"])
def test_the_harmless_answer_is_never_far(key: str) -> None:
    own = Own()

    async def body(app: InstuiApp, pilot: Pilot[Result]) -> None:
        await press(pilot, "j", "K", key)
        assert isinstance(app.screen, DashboardView)
        assert own.asked == []

    on_screen(body, own)


def test_it_is_too_late_for_a_wheel_that_is_done() -> None:
    async def body(app: InstuiApp, pilot: Pilot[Result]) -> None:
        app.wheel = next(wheel.key for wheel in app.watched.latest.wheels if wheel.word == "done")
        await press(pilot, "K")
        text = " ".join(text_of(app).split())
        assert "It is too late to cancel" in text
        assert "cancel this wheel" not in text

    on_screen(body, Own(), 16.0)


def test_a_question_that_has_become_void_closes_itself() -> None:
    own = Own()

    async def body(app: InstuiApp, pilot: Pilot[Result]) -> None:
        await press(pilot, "j", "K")
        assert isinstance(app.screen, CancelWheel)
        while app.watched.latest.wheel(app.wheel).word == "wait":  # type: ignore[union-attr]
            go_to(app, app.watched.latest.t + 0.1)
            await settle(pilot)
        assert isinstance(app.screen, DashboardView)
        assert "things have moved on" in text_of(app)
        for key, dialog in (("K", CancelWheel), ("W", AskWorkers)):
            await press(pilot, key)
            assert isinstance(app.screen, dialog)
            await press(pilot, "escape")
        await press(pilot, "W")
        go_to(app, 60.0)
        await settle(pilot)
        assert isinstance(app.screen, DashboardView)
        assert own.asked == []
        await press(pilot, "K")
        assert "the session is over" in text_of(app)

    on_screen(body, own)


@pytest.mark.parametrize(("typed", "asked"), [("4", ["workers 4"]), ("0", []), ("", []), ("999", ["workers 999"])])
def test_a_number_of_workers_is_asked_for(typed: str, asked: list[str]) -> None:
    own = Own()

    async def body(app: InstuiApp, pilot: Pilot[Result]) -> None:
        await press(pilot, "W")
        assert "There are 6 now" in text_of(app)
        await press(pilot, "delete", "backspace", *typed, "enter")
        assert isinstance(app.screen, DashboardView)
        assert own.asked == asked
        await press(pilot, "W", "5", "escape", "W", "ctrl+c")
        assert isinstance(app.screen, DashboardView)
        assert own.asked == asked

    on_screen(body, own)


@pytest.mark.parametrize("key", ["P", "K", "W"])
def test_who_may_only_watch_is_told_what_allows_more(key: str) -> None:
    for controller, why in (
        (Remote("ATTACHED pid 7", "/socket", lambda: True, may_control=False), "attach with --control to act"),
        (Remote("ATTACHED pid 7", "", lambda: True, may_control=True), "has no control socket"),
        (ReadOnly(), "can be watched but not controlled"),
    ):

        async def body(app: InstuiApp, pilot: Pilot[Result], why: str = why) -> None:
            await press(pilot, "j", key)
            assert why in text_of(app)
            assert isinstance(app.screen, DashboardView)

        on_screen(body, controller)


def test_requests_to_another_process_never_stop_the_screen_and_their_answers_are_shown() -> None:
    import threading

    asked: list[str] = []
    goes_on = threading.Event()

    def send(path: str, request: str) -> str:
        asked.append(f"{path} {request}")
        assert goes_on.wait(60)
        if request == "pause":
            raise InstuiError("it is \x1b[31mred")
        return "third [/b]requires it" if request.startswith("cancel") else ""

    remote = Remote("ATTACHED pid 7", "/socket", lambda: True, may_control=True, send=send)

    async def body(app: InstuiApp, pilot: Pilot[Result]) -> None:
        assert "ATTACHED pid 7 " in text_of(app)
        assert "read-only" not in text_of(app)
        await press(pilot, "j", "K", "w", "P")
        assert asked == ["/socket cancel notebook"]  # the next one waits for its answer
        goes_on.set()
        while not remote._refusal:
            await asyncio.sleep(0.01)
        app.pull()
        await settle(pilot)
        assert "cannot pause the install: it is \\x1b[31mred" in text_of(app)
        app.say("")
        app.pull()
        await settle(pilot)
        assert "third [/b]requires it" in text_of(app)
        await press(pilot, "ctrl+c")
        assert isinstance(app.return_value, Left)
        assert app.return_value.running

    on_screen(body, remote)
    assert asked == ["/socket cancel notebook", "/socket pause"]
