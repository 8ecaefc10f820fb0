"""Every key of the registry does something that can be seen, or says why not."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.command import CommandPalette, DiscoveryHit
from textual.pilot import Pilot

from instui.tui.actions import KEYS
from instui.tui.app import InstuiApp
from instui.tui.controller import Ended, Left, Result
from instui.tui.views.dashboard import DashboardView
from instui.tui.views.demos import Demos
from instui.tui.views.detail import DetailView
from instui.tui.views.dialogs import Ask
from instui.tui.views.ending import EndingView
from instui.tui.views.events import EventsView
from instui.tui.views.help import Help
from instui.tui.views.palette import Commands
from instui.tui.views.pushed import PushedView
from instui.tui.views.registry import ACTIONS, BY_ID, ON_TOP, VIEWS, has, where
from instui.tui.views.view import SHORT, View
from instui.tui.widgets.table import Table
from support import trace_events
from support.screens import EVENTS, KEYS_OF_VIEWS, LOCKS, Own, Recorded, go_to, press, settle, shown, text_of

WAITS = 13.5  # a moment of `busy` at which wheels wait for each other
Step = Callable[[InstuiApp, Pilot[Result]], Awaitable[None]]


def table(app: InstuiApp) -> Table:
    return app.screen.query_one(Table)


def own(app: InstuiApp) -> Own:
    assert app.showing is not None
    assert isinstance(app.showing.controller, Own)
    return app.showing.controller


def key_of(id: str, position: int = 0) -> str:
    return BY_ID[id].keys.split(",")[position]


def opens(scope: str, words: str) -> Step:
    async def step(app: InstuiApp, pilot: Pilot[Result]) -> None:
        await press(pilot, key_of("view_locks" if scope == "wheels" else "view_wheels"))
        await press(pilot, key_of(f"view_{scope}"))
        assert app.front is not None
        assert app.front.scope == scope
        assert words in text_of(app)

    return step


async def opens_the_summary(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, "s")
    assert "the session still goes on" in text_of(app)
    await press(pilot, "escape")
    go_to(app, 60.0)
    await press(pilot, "s")
    assert isinstance(app.screen, EndingView)
    for line in app.caption_texts:
        assert line.split()[0] in text_of(app)


async def opens_the_detail(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, "j", key_of("open"))
    assert isinstance(app.screen, DetailView)
    assert "notebook 7.5.0" in text_of(app)
    assert "waits for  etc/jupyter/" in text_of(app)


async def goes_back(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, "j", "enter", key_of("back"))
    assert not isinstance(app.screen, DetailView)
    assert table(app).selected == "notebook"  # what was selected still is
    await press(pilot, key_of("back"))
    assert table(app).selected == ""


async def shows_help(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("help"))
    assert isinstance(app.screen, Help)
    assert BY_ID["open"].help in text_of(app)
    await press(pilot, "escape")
    assert isinstance(app.screen, View)


async def opens_the_palette(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("palette"))
    await pilot.pause(0.2)
    assert "commands" in text_of(app).lower() or len(app.screen_stack) == 2


async def maximizes(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("zoom"))
    assert "most contended" not in text_of(app)
    await press(pilot, key_of("zoom"))
    assert "most contended" in text_of(app)


def moves(id: str, before: tuple[str, ...], position: int) -> Step:
    async def step(app: InstuiApp, pilot: Pilot[Result]) -> None:
        await press(pilot, *before, key_of(id))
        keys = table(app).keys
        assert table(app).selected == keys[position if position >= 0 else len(keys) + position]

    return step


async def goes_to_the_blocker(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, "j", key_of("blocker"))
    assert table(app).selected == "jupyterlab"
    await press(pilot, key_of("blocker"))
    assert "waits for nobody" in text_of(app)


async def goes_to_the_waiters(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, "j", "b", key_of("waiters"))
    assert table(app).selected == "notebook"


async def shows_the_locks_of_a_wheel(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("locks_of"))
    assert "select a wheel first" in text_of(app)
    await press(pilot, "j", key_of("locks_of"))
    assert app.current_mode == "locks"
    assert "filter: wheel:notebook" in text_of(app)
    assert "cv2/" not in text_of(app)


async def filters(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("filter"), *"!state", "colon", *"done lock", "colon", *"cv2", "enter")
    assert list(table(app).keys) == ["opencv-python", "opencv-python-headless", "opencv-contrib-python"]
    await press(pilot, "escape")
    assert len(table(app).keys) > 3


async def goes_from_match_to_match(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("match_next"))
    assert "no filter to go by" in text_of(app)
    await press(pilot, "slash", *"cv2", "enter", key_of("match_next"), key_of("match_next"))
    assert table(app).selected == "opencv-python-headless"
    assert "match 2 of 3" in text_of(app)
    await press(pilot, key_of("match_next"), key_of("match_next"))
    assert "match 1 of 3" in text_of(app)  # round the end


async def goes_back_from_match_to_match(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, "slash", *"cv2", "enter", key_of("match_previous"))
    assert table(app).selected == "opencv-contrib-python"
    assert "match 3 of 3" in text_of(app)


async def groups_the_locks_and_keeps_the_selection(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("group"))
    assert "v works in Locks" in text_of(app)
    await press(pilot, "2", "slash", *"cv2", "enter", "n", "n", "n", "escape")
    assert table(app).selected.endswith("/cv2\0opencv-python-headless")
    row = table(app).selected
    await press(pilot, key_of("group"))
    assert "blocked" in text_of(app)
    assert "opencv-python-headless" in table(app).text_of(table(app).selected)
    await press(pilot, key_of("group"))
    assert "who waits" in text_of(app)
    assert table(app).selected == row
    await press(pilot, "b")  # who is in the way stands above
    assert "opencv-contrib-python" in table(app).text_of(table(app).selected)
    await press(pilot, "w", key_of("group"))
    assert "held for" in text_of(app)
    assert table(app).selected.endswith("/cv2\0opencv-python")


async def goes_to_news(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, EVENTS, "g", key_of("news_next"))
    first = table(app).text_of(table(app).selected)
    assert "will overwrite" in first or "waits for a lock" in first
    await press(pilot, "G", key_of("news_next"))
    assert "no wait, overwrite, recovery, warning or failure after this" in text_of(app)


async def goes_back_to_news(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, EVENTS, key_of("news_previous"))
    assert "waits for a lock" in table(app).text_of(table(app).selected)
    before = table(app).position(table(app).selected)
    await press(pilot, key_of("news_previous"))
    after = table(app).position(table(app).selected)
    assert before is not None
    assert after is not None
    assert after < before


async def shows_all(app: InstuiApp, pilot: Pilot[Result]) -> None:
    before = len(table(app).keys)
    await press(pilot, key_of("all"))
    assert len(table(app).keys) == 24 > before


async def sorts(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("sort_next"))
    assert "sorted by wheel" in text_of(app)
    names = [key for key in table(app).keys if not key.startswith("\0")]
    assert names == sorted(names)


async def sorts_backwards_through_the_columns(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("sort_previous"))
    assert "sorted by total" in text_of(app)


async def reverses(app: InstuiApp, pilot: Pilot[Result]) -> None:
    keys = list(table(app).keys)[:-1]
    await press(pilot, key_of("reverse"))
    assert list(table(app).keys)[:-1] == keys[::-1]


async def follows(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, EVENTS)
    view = app.screen
    assert isinstance(view, EventsView)
    assert view.following
    await press(pilot, "k")  # any movement lets go
    assert not view.following
    go_to(app, 14.0)
    await settle(pilot)
    assert "new event" in text_of(app)
    await press(pilot, key_of("follow"))
    assert view.following
    assert "following the newest event" in text_of(app)


async def copies(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("copy"))
    assert "select a row first" in text_of(app)
    await press(pilot, "j", key_of("copy"))
    assert app.clipboard == "notebook 7.5.0: wait, waits for etc/jupyter/jupyter_server_config.d/"


async def saves_a_picture(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("picture"))
    assert "saved instui-dashboard.svg in" in text_of(app)
    before = Path("instui-dashboard.svg").read_text()
    await press(pilot, "j", key_of("picture"))
    assert "saved instui-dashboard-2.svg in" in text_of(app)
    await press(pilot, key_of("picture"))
    assert "saved instui-dashboard-3.svg in" in text_of(app)
    assert Path("instui-dashboard.svg").read_text() == before


async def writes_a_trace(app: InstuiApp, pilot: Pilot[Result]) -> None:
    for name in ("instui-20261122-101500-4242.json", "instui-20261122-101500-4242-2.json"):
        await press(pilot, key_of("trace"))
        while f"saved {name} in" not in text_of(app):
            await pilot.pause(0.01)
        read = trace_events.read(Path(name).read_text())
        assert read.facts["outcome"] == "running"
        assert max(one.end for one in read.slices) == round(WAITS * 1e6)


async def freezes(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("freeze"))
    before = list(table(app).keys)
    go_to(app, 20.0)
    await settle(pilot)
    assert list(table(app).keys) == before
    assert "PAUSED 6 s behind" in text_of(app)
    await press(pilot, key_of("freeze"))
    assert "PAUSED" not in text_of(app)
    assert list(table(app).keys) != before


def while_held(id: str, before: tuple[str, ...], *words: str) -> Step:
    async def step(app: InstuiApp, pilot: Pilot[Result]) -> None:
        assert app.refusal(id)
        await press(pilot, "space", *before, key_of(id))
        for word in words:
            assert word in text_of(app)

    return step


async def comes_back_to_the_present(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, "space", *[key_of("step_previous")] * 9)
    go_to(app, 20.0)
    await settle(pilot)
    assert "PAUSED 7 s behind" in text_of(app)
    await press(pilot, key_of("live"))
    assert "PAUSED" not in text_of(app)
    assert app.watched.shown.t == 20.0


async def pauses_the_install(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("pause"))
    assert "asked the install to pause" in text_of(app)
    assert own(app).asked == ["pause"]


async def asks_before_it_cancels_a_wheel(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, "j", key_of("cancel_wheel"))
    assert "Cancel notebook 7.5.0?" in text_of(app)
    await press(pilot, "w")
    assert "asked to leave out notebook 7.5.0" in text_of(app)
    assert own(app).asked == ["cancel notebook"]


async def asks_how_many_workers(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("workers"), "6", "enter")
    assert "asked for 6 workers" in text_of(app)
    assert own(app).asked == ["workers 6"]


async def refuses_to_suspend(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("suspend"))
    assert "no shell with job control" in text_of(app)


async def asks_before_it_quits(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("quit"))
    assert isinstance(app.screen, Ask)
    await press(pilot, "l")
    assert isinstance(app.return_value, Left)
    assert app.return_value.running


async def asks_cancels_aborts(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("interrupt"))
    assert isinstance(app.screen, Ask)
    assert own(app).asked == []
    await press(pilot, key_of("interrupt"))
    assert own(app).asked == ["cancel"]
    await press(pilot, key_of("interrupt"))
    assert own(app).asked == ["cancel", "abort"]


async def shows_the_map_of_owners(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("view_overwrites"))
    assert "1 of 3 directories" in text_of(app)
    await press(pilot, key_of("owners"))
    assert "1 of 3 directories" not in text_of(app)
    await press(pilot, key_of("owners"), "j", "j", "j")
    assert "jwt/   2 of 3 directories" in text_of(app)


async def chooses_the_next_demonstration(app: InstuiApp, pilot: Pilot[Result]) -> None:
    await press(pilot, key_of("demo"))
    assert "this is no demonstration" in text_of(app)
    assert app.showing is not None
    app.showing.demo = "same-module"
    await press(pilot, key_of("demo"))
    assert "as soon as this demonstration is over" in text_of(app)
    go_to(app, 60.0)
    await press(pilot, key_of("demo"))
    assert isinstance(app.screen, Demos)
    await press(pilot, "j", "enter")
    assert isinstance(app.return_value, Ended)
    assert app.return_value.then == "etc-race"


async def plays_the_demonstration_again(app: InstuiApp, pilot: Pilot[Result]) -> None:
    assert app.showing is not None
    app.showing.demo = "same-module"
    go_to(app, 60.0)
    await press(pilot, key_of("again"))
    assert isinstance(app.return_value, Ended)
    assert app.return_value.then == "same-module"


def on_the_timeline(id: str, before: tuple[str, ...], words: str) -> Step:
    async def step(app: InstuiApp, pilot: Pilot[Result]) -> None:
        await press(pilot, key_of("view_timeline"), *before, key_of(id))
        assert words in text_of(app)

    return step


STEPS: dict[str, Step] = {
    "view_wheels": opens("wheels", "lock and its holder"),
    "view_locks": opens("locks", "held for"),
    "view_timeline": opens("timeline", "wheels waiting"),
    "view_overwrites": opens("overwrites", "to come"),
    "view_events": opens("events", "following the newest event"),
    "view_explain": opens("explain", "still running"),
    "view_ending": opens_the_summary,
    "open": opens_the_detail,
    "back": goes_back,
    "help": shows_help,
    "palette": opens_the_palette,
    "zoom": maximizes,
    "down": moves("down", ("j", "j"), 2),
    "up": moves("up", ("j", "j"), 0),
    "top": moves("top", ("G",), 0),
    "bottom": moves("bottom", (), -1),
    "page_down": moves("page_down", ("j",), -1),
    "page_up": moves("page_up", ("G",), 0),
    "blocker": goes_to_the_blocker,
    "waiters": goes_to_the_waiters,
    "locks_of": shows_the_locks_of_a_wheel,
    "filter": filters,
    "match_next": goes_from_match_to_match,
    "match_previous": goes_back_from_match_to_match,
    "group": groups_the_locks_and_keeps_the_selection,
    "news_next": goes_to_news,
    "news_previous": goes_back_to_news,
    "all": shows_all,
    "owners": shows_the_map_of_owners,
    "demo": chooses_the_next_demonstration,
    "again": plays_the_demonstration_again,
    "sort_next": sorts,
    "sort_previous": sorts_backwards_through_the_columns,
    "reverse": reverses,
    "follow": follows,
    "zoom_in": on_the_timeline("zoom_in", (), "7.5 s are shown"),
    "zoom_out": on_the_timeline("zoom_out", ("plus", "plus"), "7.5 s are shown"),
    "zoom_all": on_the_timeline("zoom_all", ("plus", "plus"), "all is shown"),
    "fit": on_the_timeline("fit", ("j",), "are shown; again: all of it"),
    "earlier": on_the_timeline("earlier", ("plus",), "zoom 2x  5.62 s to 13.12 s"),
    "later": on_the_timeline("later", ("plus", "h", "h", "h"), "zoom 2x  3.75 s to 11.25 s"),
    "cursor_left": on_the_timeline("cursor_left", ("right",), "cursor at 6."),
    "cursor_right": on_the_timeline("cursor_right", ("right",), "cursor at 7."),
    "mark": on_the_timeline(
        "mark", ("m", "right"), "6.75 to 7.03: 0.28 s, 408 kB fetched, 0 wheels done, 0.28 s of work"
    ),
    "gap_next": on_the_timeline("gap_next", (), "gap of 1.66 s: deciding which wheels to install"),
    "gap_previous": on_the_timeline("gap_previous", (), "gap of "),
    "copy": copies,
    "picture": saves_a_picture,
    "trace": writes_a_trace,
    "freeze": freezes,
    "live": comes_back_to_the_present,
    "step_next": while_held("step_next", ("comma", "comma", "comma"), "13.45 s  commit begins", "13.45 of 13.5 s", "‖"),
    "step_previous": while_held("step_previous", (), "13.45 s  ", "13.45 of 13.5 s"),
    "faster": while_held("faster", (), "plays at 2x", "‖ held  2x"),
    "slower": while_held("slower", (), "plays at 0.5x", "‖ held  0.5x"),
    "pause": pauses_the_install,
    "cancel_wheel": asks_before_it_cancels_a_wheel,
    "workers": asks_how_many_workers,
    "suspend": refuses_to_suspend,
    "quit": asks_before_it_quits,
    "interrupt": asks_cancels_aborts,
}


@pytest.mark.parametrize("id", [action.id for action in ACTIONS])
def test_every_key_does_what_the_registry_says(
    id: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("here"))

    async def run() -> None:
        async with shown(Recorded.of("busy"), WAITS, controller=Own()) as (app, pilot):
            await STEPS[id](app, pilot)

    asyncio.run(run())


async def open_view(app: InstuiApp, pilot: Pilot[Result], view: str) -> None:
    """Go to a view, wherever we are; `enter` is the detail of a wheel."""
    for _ in range(3):
        if not isinstance(app.screen, View) or isinstance(app.screen, DetailView):
            await press(pilot, "escape")
    await press(pilot, "1" if view == "enter" else view)
    if view == "enter":
        await press(pilot, "g", "j", "enter")
    assert isinstance(app.screen, View)


LOUD = sorted(
    {action.id for action in ACTIONS} - {"interrupt", "quit", "help", "palette", "filter", "picture", "trace"}
)


@pytest.mark.parametrize("view", [*KEYS_OF_VIEWS, "enter"])
@pytest.mark.parametrize("typed", ["", "state"], ids=["", "filtered"])
def test_no_key_is_silent_on_any_screen(view: str, typed: str) -> None:
    """All keys one after the other, so each also in the state that those before it left."""

    async def run() -> list[str]:
        silent = []
        async with shown(Recorded.of("busy"), WAITS) as (app, pilot):
            await open_view(app, pilot, view)
            scope = app.screen.scope  # type: ignore[attr-defined]
            if typed and scope != "detail":
                app.screen.filter_for(typed)  # type: ignore[attr-defined]
            for id in LOUD:
                if getattr(app.screen, "scope", "") != scope:
                    await open_view(app, pilot, view)
                app.screen.notice("")  # type: ignore[attr-defined]
                before = text_of(app)
                await press(pilot, key_of(id))
                if text_of(app) == before:
                    silent.append(id)
        return silent

    assert asyncio.run(run()) == []


def test_an_attached_session_is_left_without_a_question() -> None:
    async def run() -> None:
        async with shown(Recorded.of("busy"), WAITS) as (app, pilot):
            await press(pilot, "P")
            assert "read-only" in text_of(app)
            await press(pilot, "ctrl+c")
            assert isinstance(app.return_value, Left)

    asyncio.run(run())


def test_after_the_end_q_leaves_at_once_with_the_exit_code() -> None:
    async def run() -> None:
        async with shown(Recorded.of("conflict"), 60.0, controller=Own()) as (app, pilot):
            assert "FAILED exit 3" in text_of(app)
            await press(pilot, "q")
            assert isinstance(app.return_value, Ended)
            assert app.return_value.exit_code == 3

    asyncio.run(run())


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_who_is_asked_how_to_leave_has_left_when_the_session_ends(key: str) -> None:
    async def run() -> None:
        async with shown(Recorded.of("conflict"), 0.0, controller=Own()) as (app, pilot):
            await press(pilot, key)
            assert isinstance(app.screen, Ask)
            go_to(app, 60.0)
            await settle(pilot)
            assert isinstance(app.return_value, Ended)

    asyncio.run(run())


@pytest.mark.parametrize("pushes", ["q", "question_mark", "enter"])
def test_a_second_key_that_comes_before_a_screen_has_closed_closes_nothing_else(pushes: str) -> None:
    async def run() -> None:
        async with shown(Recorded.of("busy"), 8.0, controller=Own()) as (app, pilot):
            await press(pilot, "j", pushes)
            pushed = app.screen
            assert not isinstance(pushed, DashboardView)
            for _ in range(3):
                if isinstance(pushed, Help):
                    await pushed.action_dismiss()
                elif isinstance(pushed, Ask):
                    pushed.action_answer("stay")
                else:
                    assert isinstance(pushed, PushedView)
                    pushed.do_back()
            await settle(pilot)
            assert isinstance(app.screen, DashboardView)

    asyncio.run(run())


def test_clicks_select_open_and_change_the_view() -> None:
    async def run() -> None:
        async with shown(Recorded.of("busy"), WAITS) as (app, pilot):
            await pilot.click(Table, offset=(6, 2))
            await settle(pilot)
            assert table(app).selected == table(app).keys[1]
            await pilot.click("#tabs", offset=(18, 0))
            await settle(pilot)
            assert app.current_mode == "locks"

    asyncio.run(run())


def test_every_tab_is_a_view_with_a_key() -> None:
    assert {view.scope: view for view in VIEWS} == InstuiApp.MODES
    assert [BY_ID[f"view_{view.scope}"].keys for view in VIEWS] == [str(number + 1) for number in range(len(VIEWS))]
    assert all(view.heading and view.about for view in VIEWS)


def test_no_key_has_two_actions() -> None:
    keys = [key for action in ACTIONS for key in action.keys.split(",")]
    assert len(set(keys)) == len(keys)


def test_every_action_is_done_by_somebody() -> None:
    doing = (InstuiApp, *VIEWS, *ON_TOP)
    assert [action.id for action in KEYS if not any(has(target, action.id) for target in doing)] == []


def test_where_a_key_works_follows_from_the_views() -> None:
    assert where("blocker") == "Dashboard, Locks, detail"
    assert where("sort_next") == "Dashboard, Locks, Overwrites"  # events are in the order of time
    assert where("down") == where("help") == "everywhere"


@pytest.mark.parametrize(
    ("recording", "t", "keys", "id"),
    [
        ("busy", WAITS, [EVENTS], "sort_next"),  # events are in the order of time
        ("busy", WAITS, [LOCKS, "v", "v"], "sort_next"),  # so are chains
        ("busy", WAITS, [], "blocker"),  # of no wheel
        ("conflict", 60.0, [], "pause"),
        ("busy", WAITS, [], "step_next"),  # the display is in the present
        ("busy", WAITS, [], "live"),
        ("busy", WAITS, [], "group"),  # elsewhere
    ],
)
def test_what_cannot_be_done_now_is_offered_neither_in_the_footer_nor_in_help_nor_in_the_palette(
    recording: str, t: float, keys: list[str], id: str
) -> None:
    async def run() -> None:
        async with shown(Recorded.of(recording), t, controller=Own(), size=(200, 50)) as (app, pilot):
            await press(pilot, *keys)
            await pilot.resize_terminal(201, 50)
            await settle(pilot)
            action, reason = BY_ID[id], app.refusal(id)
            assert reason
            assert f" {action.shown} {action.label} " not in text_of(app).split("\n")[-1]
            await press(pilot, key_of(id))
            assert reason in text_of(app)  # whoever presses it all the same is told
            await press(pilot, key_of("help"))
            assert f"; not now: {reason}" in " ".join(map(table(app).text_of, table(app).keys))
            await press(pilot, "escape", key_of("palette"))
            palette = app.screen
            assert isinstance(palette, CommandPalette)
            titles = [
                hit.text async for hit in Commands(app.screen_stack[0]).discover() if isinstance(hit, DiscoveryHit)
            ]
            assert f"{action.label}  ({action.shown})" not in titles
            assert "help  (?)" in titles

    asyncio.run(run())


def test_a_pull_and_a_key_do_no_harm_while_there_is_no_screen() -> None:
    """As while the application starts on a slow machine, or ends."""

    async def run() -> None:
        async with shown(Recorded.of("busy"), WAITS) as (app, _):
            screens = list(app._screen_stack)
            app._screen_stack.clear()
            try:
                app.pull()
                app.perform("down")
                app.say("nobody sees this")
                app.clear_selection()
            finally:
                app._screen_stack.extend(screens)

    asyncio.run(run())


@pytest.mark.parametrize("zoomed", [False, True], ids=["", "zoomed"])
@pytest.mark.parametrize("size", [(50, 15), (80, 24), (120, 40)])
def test_a_notice_hides_no_key_and_moves_no_row(size: tuple[int, int], zoomed: bool) -> None:
    async def run() -> None:
        async with shown(Recorded.of("busy"), WAITS, size, controller=Own()) as (app, pilot):
            if zoomed:
                await press(pilot, "z", "z", "z")
            app.say("")
            await settle(pilot)
            before = text_of(app).split("\n")
            app.say("this is said")
            await settle(pilot)
            after = text_of(app).split("\n")
            changed = [row for row, line in enumerate(after) if line != before[row]]
            assert [after[row].strip() for row in changed] == ["this is said"]
            assert before[changed[0]].strip() == "" or size[1] < SHORT
            app.say("")
            await settle(pilot)
            assert text_of(app).split("\n") == before

    asyncio.run(run())


def test_a_notice_ends_with_the_next_key_or_when_it_is_no_longer_true() -> None:
    async def run() -> None:
        async with shown(Recorded.of("busy"), WAITS, controller=Own()) as (app, pilot):
            await press(pilot, "P")
            assert "asked the install to pause" in text_of(app)
            await press(pilot, "j")
            assert "asked the install" not in text_of(app)
            await press(pilot, "P")
            assert "asked the install to pause" in text_of(app)
            go_to(app, 60.0)  # the end
            await settle(pilot)
            assert "asked the install" not in text_of(app)
            await press(pilot, "P")
            assert "the session is over" in text_of(app)
            await press(pilot, "s", "escape")
            assert "the session is over" not in text_of(app)  # what was said before somebody was elsewhere is old

    asyncio.run(run())


def test_help_follows_the_session_while_it_is_open() -> None:
    async def run() -> None:
        async with shown(Recorded.of("conflict"), 0.0, controller=Own()) as (app, pilot):
            await press(pilot, key_of("help"))
            rows = table(app)
            assert "not now: the session is over" not in " ".join(map(rows.text_of, rows.keys))
            await press(pilot, "space")
            top = rows.scroll_offset.y
            go_to(app, 60.0)
            await settle(pilot)
            assert "not now: the session is over" in " ".join(map(rows.text_of, rows.keys))
            assert rows.scroll_offset.y == top > 0

    asyncio.run(run())
