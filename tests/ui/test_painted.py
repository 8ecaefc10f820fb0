"""What is sent to the terminal: it shows what Textual meant, and is sent only what it does not show already."""

import asyncio
import random
from collections.abc import Iterator

import pytest
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from instui.tui.widgets.painted import Painted
from support.screens import KEYS_OF_VIEWS, Recorded, press, shown
from support.terminal import Screen

WIDTH, HEIGHT = 30, 4
CONSOLE = Console(color_system="truecolor", force_terminal=True)
STYLES = [
    Style.parse(style)
    for style in (
        "none",
        "bold",
        "#ff0000",
        "#ff0000 on #000000",
        "bold #0000ff on #100000",
        "dim reverse",
        "red on blue",
    )
]
TEXTS = ["plain", "━━━", "a", "   ", "日本", "e\N{COMBINING ACUTE ACCENT}", "x y"]


def looks(screen: Screen) -> list[list[tuple[str, object]]]:
    """The characters that are shown, with their looks; of a blank, what can be seen of it."""
    return [[(cell.text, seen(cell.text, look(cell.style))) for cell in row] for row in screen.grid.cells]


def seen(text: str, look: tuple[frozenset[str], str, str]) -> tuple[frozenset[str], str, str]:
    """What a character shows of a look."""
    attributes, _, background = look
    return (frozenset(), "", background) if text == " " and "7" not in attributes else look


def look(style: str) -> tuple[frozenset[str], str, str]:
    """What the parameters of SGR that were sent since the last reset add up to."""
    attributes, colours = set(), {"3": "39", "4": "49"}
    numbers = iter(style.split(";") if style else [])
    for number in numbers:
        if number in ("38", "48"):
            values = 3 if next(numbers) == "2" else 1
            colours[number[0]] = ";".join([number, *(next(numbers) for _ in range(values))])
        elif number == "22":
            attributes -= {"1", "2"}
        elif number == "27":
            attributes.discard("7")
        elif len(number) == 2:
            colours[number[0]] = number
        else:
            attributes.add(number)
    return frozenset(attributes), colours["3"], colours["4"]


def line(chance: random.Random) -> Strip:
    """A line of any texts in any styles."""
    segments = [Segment(chance.choice(TEXTS), chance.choice(STYLES)) for _ in range(chance.randrange(12))]
    return Strip(segments).adjust_cell_length(WIDTH, chance.choice(STYLES))


def whole(lines: list[Strip]) -> LayoutUpdate:
    return LayoutUpdate([[one] for one in lines], Region(0, 0, WIDTH, HEIGHT))


def frames(chance: random.Random) -> Iterator[CompositorUpdate]:
    """A screen, and then changes of some of its lines."""
    lines = [line(chance) for _ in range(HEIGHT)]
    yield whole(lines)
    for _ in range(30):
        y, other = chance.randrange(HEIGHT), line(chance)
        if chance.random() < 0.5:
            lines[y] = other
            yield whole(lines)
        else:
            begin, end = sorted(chance.sample(range(0, WIDTH + 1, 5), 2))
            before, after = lines[y].divide([begin, WIDTH])[:1], lines[y].divide([end, WIDTH])[1:]
            lines[y] = Strip.join([*before, *other.divide([begin, end, WIDTH])[1:2], *after])
            chops: list[dict[int, Strip | None]] = [{0: None} for _ in range(HEIGHT)]
            chops[y] = {0: lines[y]}
            yield ChopsUpdate(chops, [(y, begin, end)], [[WIDTH]] * HEIGHT)


@pytest.mark.parametrize("erases", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_the_terminal_shows_what_textual_would_have_sent(seed: int, erases: bool) -> None:
    painted, ours, theirs, screen = Painted(erases), Screen(WIDTH, HEIGHT), Screen(WIDTH, HEIGHT), object()
    for frame in frames(random.Random(seed)):
        ours.feed(painted.of(screen, frame, WIDTH, HEIGHT).render_segments(CONSOLE).encode())
        theirs.feed(frame.render_segments(CONSOLE).replace("\n", "").encode())
        assert looks(ours) == looks(theirs)
    assert not ours.unknown


def sent(painted: Painted, lines: list[Strip], screen: object = "one", width: int = WIDTH) -> str:
    return painted.of(screen, whole(lines), width, HEIGHT).render_segments(CONSOLE)


def test_what_the_terminal_shows_already_is_not_sent_again() -> None:
    painted, red = Painted(), Style.parse("#ff0000 on #102030")
    lines = [Strip([Segment("0123456789" * 3, red)]) for _ in range(HEIGHT)]
    assert len(sent(painted, lines)) < HEIGHT * (WIDTH + 8) + 50  # each style once
    assert sent(painted, lines) == ""
    lines[2] = Strip([Segment("0123456789" * 2 + "!123456789", red)])
    assert sent(painted, lines) == "\x1b[3;21H\x1b[38;2;255;0;0;48;2;16;32;48m!\x1b[0m"


def test_another_screen_is_sent_as_a_whole_and_what_somebody_else_may_have_painted_on() -> None:
    painted = Painted()
    lines = [Strip([Segment("0123456789" * 3)]) for _ in range(HEIGHT)]
    first = sent(painted, lines)
    assert len(first) > HEIGHT * WIDTH
    assert sent(painted, lines, screen="other") == first
    painted.forget()
    assert sent(painted, lines, screen="other") == first
    assert sent(painted, lines, screen="other", width=WIDTH + 1) == first


def test_blanks_of_a_new_screen_are_erased_and_the_colour_of_a_blank_is_not_sent() -> None:
    red, blue = Style.parse("#ff0000 on #102030"), Style.parse("#0000ff on #102030")
    lines = [Strip([Segment("one", red), Segment(" ", blue), Segment("two" + " " * 23, red)])] * HEIGHT
    erased, painted = sent(Painted(erases=True), lines), sent(Painted(), lines)
    assert erased.startswith("\x1b[1;1H\x1b[48;2;16;32;48m\x1b[K\x1b[1;1H\x1b[38;2;255;0;0mone two\x1b[2;1H\x1b[K")
    assert len(erased) < 0.75 * len(painted)
    assert "255" not in painted.replace("38;2;255;0;0", "", 1)  # once


def test_a_view_is_sent_in_two_thirds_of_what_textual_sends_and_the_same_frame_not_at_all() -> None:
    async def check() -> None:
        async with shown(Recorded.of("busy"), 13.5, (120, 40)) as (app, pilot):

            def bytes_sent(painted: Painted) -> int:
                update = app.screen._compositor.render_full_update()
                return len(painted.of(app.screen, update, 120, 40).render_segments(CONSOLE).encode())

            for key in (*KEYS_OF_VIEWS, "e"):
                await press(pilot, key)
                theirs = len(app.screen._compositor.render_full_update().render_segments(CONSOLE).encode())
                painted = Painted()
                assert bytes_sent(painted) < 0.65 * theirs
                assert bytes_sent(painted) == 0

    asyncio.run(check())
