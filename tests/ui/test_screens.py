"""What the screens look like: recorded sessions as text, at several sizes and in several themes.

The expected text stands in `screens/`; `INSTUI_UPDATE_SCREENS=1 pytest tests/ui/test_screens.py` writes it anew. Look
at the difference before committing it.
"""

import asyncio
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from textual.pilot import Pilot

from instui.tui.app import InstuiApp
from instui.tui.controller import Controller, ReadOnly, Result
from instui.tui.showing import Showing
from instui.tui.views.dashboard import DashboardView
from instui.tui.widgets.table import Table
from instui.tui.widgets.theme import STYLES
from support.screens import EVENTS, OVERWRITES, TIMELINE, Own, Recorded, go_to, press, settle, shown, text_of

EXPECTED = Path(__file__).parent / "screens"
SIZES = ((50, 15), (80, 24), (120, 40), (200, 50))
MOMENTS = {  # name: recording, moment, keys
    "fetching": ("busy", 5.0, []),
    "waiting": ("busy", 13.5, ["j"]),
    "locks-planned": ("busy", 9.6, ["2"]),
    "locks": ("busy", 15.0, ["2"]),
    "locks-by-wheel": ("busy", 13.5, ["2", "v"]),
    "locks-chains": ("busy", 13.5, ["2", "v", "v"]),
    "locks-history": ("busy", 60.0, ["2"]),
    "locks-chains-history": ("busy", 60.0, ["2", "v", "v"]),
    "locks-none": ("quiet", 60.0, ["2"]),
    "timeline": ("busy", 60.0, [TIMELINE]),
    "timeline-live": ("busy", 13.5, [TIMELINE, "j", "plus"]),
    "timeline-by-worker": ("busy", 60.0, [TIMELINE, "v", "left", "left", "m", *["right"] * 9, "m"]),
    "timeline-by-lock": ("two-sessions", 60.0, [TIMELINE, "v", "v", "j"]),
    "timeline-resolving": ("busy", 1.0, [TIMELINE]),
    "timeline-removed": ("removal", 60.0, [TIMELINE]),
    "overwrites": ("busy", 60.0, [OVERWRITES]),
    "overwrites-none": ("quiet", 60.0, [OVERWRITES]),
    "events": ("busy", 15.0, [EVENTS]),
    "detail": ("busy", 15.0, ["j", "enter"]),
    "building": ("building", 6.5, []),
    "building-detail": ("building", 6.5, ["j", "enter"]),
    "building-timeline": ("building", 60.0, [TIMELINE]),
    "caption": ("demo", 5.0, []),
    "owners": ("same-module", 6.5, []),
    "owners-at-the-end": ("same-module", 60.0, []),
    "owners-in-overwrites": ("busy", 19.0, [OVERWRITES, "j", "j"]),
    "two-sessions": ("two-sessions", 2.8, ["j"]),
    "two-sessions-chains": ("two-sessions", 2.8, ["2", "v", "v"]),
    "joined": ("joined", 6.6, ["j", "j"]),
    "joined-locks": ("joined", 6.6, ["2"]),
    "joined-timeline": ("joined", 60.0, [TIMELINE]),
    "cancel-wheel": ("busy", 13.5, ["j", "K"]),
    "workers": ("busy", 13.5, ["W"]),
    "failed": ("conflict", 60.0, []),
    "recovering": ("crash", 5.5, []),
    "recovered": ("crash", 60.0, []),
    "recovered-detail": ("crash", 60.0, ["j", "enter"]),
    "recovered-events": ("crash", 8.0, [EVENTS]),
    "removing": ("removal", 2.0, []),
    "removed": ("removal", 60.0, []),
    "restored": ("removal", 60.0, [OVERWRITES]),
    "resolving": ("busy", 1.0, []),
    "explain": ("two-sessions", 60.0, ["e"]),
    "explain-live": ("busy", 15.0, ["e", "j"]),
    "held": ("busy", 15.0, ["space", "left_square_bracket", "left_square_bracket"]),
    "again": ("two-sessions", 60.0, ["space", "right_square_bracket", "right_parenthesis"]),
    "again-timeline": ("busy", 60.0, ["space", *["right_square_bracket"] * 160, TIMELINE]),
}
CONTROLLERS: dict[str, Callable[[str], Controller]] = {
    **dict.fromkeys(("cancel-wheel", "workers"), lambda _: Own()),
    **dict.fromkeys(("joined", "joined-locks"), lambda _: ReadOnly("ATTACHED 2 sessions")),
}
AT_ALL_SIZES = frozenset(
    {"waiting", "locks", "explain", "timeline", "timeline-live", "owners", "joined", "cancel-wheel", "workers"}
)
Size = tuple[int, int]


@cache
def screens(name: str, theme: str = "dark", sizes: tuple[Size, ...] = SIZES) -> dict[Size, tuple[str, str]]:
    """Text and picture of a moment, on a terminal that is pulled to each size in turn."""
    recording, t, keys = MOMENTS[name]

    async def run() -> dict[Size, tuple[str, str]]:
        found = {}
        controller = CONTROLLERS.get(name, ReadOnly)("LIVE")
        async with shown(Recorded.of(recording), t, sizes[0], theme=theme, controller=controller) as (app, pilot):
            await press(pilot, *keys)
            app.say("")  # what a key said, which goes away by itself
            for size in sizes:
                if app.size != size:
                    await pilot.resize_terminal(*size)
                await settle(pilot)
                found[size] = text_of(app), app.export_screenshot()
        return found

    return asyncio.run(run())


def screen(name: str, size: Size, theme: str = "dark") -> tuple[str, str]:
    """Text and picture of a moment on a fresh terminal of one size."""
    return screens(name, theme, (size,))[size]


@pytest.mark.parametrize("name", MOMENTS)
def test_the_screen_is_as_it_was(name: str) -> None:
    sizes = SIZES if name in AT_ALL_SIZES else SIZES[1:2]
    text = "\n\n".join(f"{width}x{height}\n{screens(name)[width, height][0]}" for width, height in sizes) + "\n"
    path = EXPECTED / f"{name}.txt"
    if os.environ.get("INSTUI_UPDATE_SCREENS"):
        EXPECTED.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MOMENTS)
def test_no_line_is_wider_than_the_screen_and_the_footer_is_there(name: str) -> None:
    for size, (text, _) in screens(name).items():
        lines = text.split("\n")
        assert len(lines) == size[1]
        assert max(map(len, lines)) <= size[0]
        assert "? help" in lines[-1]


def test_a_terminal_that_changes_its_size_shows_what_a_fresh_one_does() -> None:
    for size in SIZES[1:]:
        assert screen("locks", size)[0] == screens("locks")[size][0]


@pytest.mark.parametrize("theme", ["dark", "light", "ansi", "mono"])
@pytest.mark.parametrize("name", ["waiting", "owners"])
def test_every_theme_shows_the_same_text_and_twice_the_same_bytes(name: str, theme: str) -> None:
    text, picture = screen(name, (120, 40), theme)
    assert text == screen(name, (120, 40))[0]
    screens.cache_clear()
    assert _anonymous(picture) == _anonymous(screen(name, (120, 40), theme)[1])


def _anonymous(svg: str) -> str:
    return re.sub(r"terminal-\d+", "terminal", svg)


def test_themes_differ_in_colour_and_mono_has_none() -> None:
    pictures = [screen("waiting", (80, 24), theme)[1] for theme in ("dark", "light", "ansi", "mono")]
    assert len({frozenset(re.findall(r"fill: (#\w{6})", picture)) for picture in pictures}) == 4
    for style in STYLES["mono"].values():
        assert style.color is None or style.color.is_default
        assert style.bgcolor is None or style.bgcolor.is_default


@pytest.mark.parametrize(("value", "mono"), [("1", True), ("", False), (None, False)])
def test_no_color_counts_unless_it_is_empty(value: str | None, mono: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if value is not None:
        monkeypatch.setenv("NO_COLOR", value)
    app = InstuiApp(Showing(Recorded.of("quiet"), ReadOnly()))
    assert (app.theme == "mono") is mono


def test_without_colour_the_terminal_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual's own filter would paint the default colours black on black, unless it is set up before it starts."""
    monkeypatch.setenv("NO_COLOR", "1")

    async def run() -> None:
        async with shown(Recorded.of("busy"), 13.5, theme="") as (app, _):
            for strip in app.screen._compositor.render_strips():
                for filter_ in app.get_line_filters():
                    strip = strip.apply_filter(filter_, app.screen.background_colors[1])
                for segment in strip:
                    assert segment.style is not None
                    assert segment.style.color is None or segment.style.color.is_default
                    assert segment.style.bgcolor is None or segment.style.bgcolor.is_default

    asyncio.run(run())


@pytest.mark.parametrize(
    "recording", ["busy", "demo", "conflict", "quiet", "two-sessions", "crash", "removal", "same-module"]
)
def test_ascii_screens_hold_nothing_else(recording: str) -> None:
    moments = sorted({t for name, t, _ in MOMENTS.values() if name == recording})

    async def run() -> list[str]:
        texts = []
        async with shown(Recorded.of(recording), 0.0, (120, 40), ascii=True) as (app, pilot):
            for t in moments:
                go_to(app, t)
                views = ("1", "2", "v", "v", "v", TIMELINE, "right", "m", "v", "v", "v", OVERWRITES, EVENTS)
                for key in (*views, "k", "enter"):
                    await press(pilot, key)
                    texts.append(text_of(app))
                await press(pilot, "escape")
        return texts

    for text in asyncio.run(run()):
        assert text.isascii(), {character for character in text if not character.isascii()}


def test_ages_and_rates_keep_their_columns() -> None:
    """Only digits change from frame to frame: what stands right of a number never moves."""

    async def run() -> list[list[int]]:
        starts = []
        async with shown(Recorded.of("busy"), 13.2) as (app, pilot):
            for tenth in range(20):
                go_to(app, 13.2 + tenth / 10)
                await settle(pilot)
                counters = text_of(app).split("\n")[1]
                starts.append([match.start() for match in re.finditer(r"[a-z]+ ", counters)])
        return starts

    assert len({tuple(positions) for positions in asyncio.run(run())}) == 1


def test_the_selection_stays_with_its_wheel_when_rows_move() -> None:
    async def run() -> None:
        async with shown(Recorded.of("busy"), 13.5) as (app, pilot):
            await press(pilot, "j", "j", "j", "j")
            table = app.screen.query_one(Table)
            selected, position = table.selected, table.position(table.selected)
            go_to(app, 15.5)
            await settle(pilot)
            assert table.selected == selected
            assert table.position(selected) is not None
            assert table.position(selected) != position

    asyncio.run(run())


class Counting(Recorded):
    polls = 0

    def poll(self, wait: float = 0.0) -> list[str]:
        self.polls += 1
        return super().poll(wait)


def painted_frames(source: Counting, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows with each frame of the dashboard; the timer does nothing but look at what is new."""
    monkeypatch.setattr("instui.tui.pace.REST", 1000.0)
    painted: list[int] = []
    paint = DashboardView.show
    monkeypatch.setattr(DashboardView, "show", lambda view, shot: (painted.append(source.polls), paint(view, shot)))
    return painted


async def polled(source: Counting, pilot: Pilot[Result], times: int) -> None:
    wanted = source.polls + times
    while source.polls < wanted:
        await pilot.pause(0.01)


def test_a_screen_on_which_nothing_moves_is_not_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at a few times a second all the same: something may happen, or a key be pressed."""
    monkeypatch.setattr("instui.tui.pace.SHARE", 1000.0)
    source = Counting.of("busy")
    painted = painted_frames(source, monkeypatch)

    async def run() -> None:
        app = InstuiApp(Showing(source, ReadOnly("LIVE"), clock=source.clock))
        async with app.run_test(notifications=False) as pilot:
            source.t = 5.0
            await polled(source, pilot, 3)
            before = len(painted)
            await polled(source, pilot, 5)
            assert len(painted) == before
            source.t = 8.0
            await polled(source, pilot, 2)
            moved = len(painted)
            assert moved > before
            await pilot.press("x")
            await polled(source, pilot, 2)
            assert len(painted) > moved

    asyncio.run(run())


def test_a_frame_waits_until_the_screen_has_used_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """The install may need the processor. What the frame will show is not forgotten."""
    source = Counting.of("busy")
    painted = painted_frames(source, monkeypatch)

    async def run() -> None:
        app = InstuiApp(Showing(source, ReadOnly("LIVE"), clock=source.clock))
        async with app.run_test(notifications=False) as pilot:
            await polled(source, pilot, 3)
            monkeypatch.setattr("instui.tui.pace.SHARE", 0.0)
            before = len(painted)
            source.t = 8.0
            await polled(source, pilot, 5)
            assert len(painted) == before
            monkeypatch.setattr("instui.tui.pace.SHARE", 1000.0)
            await polled(source, pilot, 2)
            assert len(painted) > before

    asyncio.run(run())
