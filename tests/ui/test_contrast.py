"""Everything on the screen can be seen: contrasts as WCAG 2 computes them, in every theme that has colours."""

import asyncio

import pytest
from rich.color import Color
from rich.style import Style
from rich.terminal_theme import TerminalTheme

from instui.tui.widgets.theme import STYLES
from support.screens import Recorded, press, shown

BACKGROUNDS = {
    "dark": ("#10151c", "#171e28", "#1d2a3c"),
    "light": ("#fbfbf9", "#eef1f4", "#dde9f7"),
    "ansi": ("#000000",),
}
DRAWN = {"faint"}  # glyphs, no letters
DECORATION = {"rule"}
SURFACES = {"background", "panel", "selected"}
XTERM = TerminalTheme(
    (0, 0, 0),
    (229, 229, 229),
    [(0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)],
    [
        (127, 127, 127),
        (255, 0, 0),
        (0, 255, 0),
        (255, 255, 0),
        (92, 92, 255),
        (255, 0, 255),
        (0, 255, 255),
        (255, 255, 255),
    ],
)


def luminance(colour: Color) -> float:
    parts = [part / 255 for part in colour.get_truecolor(XTERM)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Color, other: Color) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", BACKGROUNDS)
def test_text_and_what_is_drawn_stand_out_from_every_background(theme: str) -> None:
    faint = []
    for word, style in STYLES[theme].items():
        if word in SURFACES | DECORATION or style.color is None:
            continue
        behind = [style.bgcolor] if style.bgcolor else [Color.parse(name) for name in BACKGROUNDS[theme]]
        least = min(contrast(style.color, background) for background in behind)
        if least < (3.0 if word in DRAWN or theme == "ansi" else 4.5):  # ansi: the colours are the terminal's
            faint.append((word, round(least, 2)))
    assert faint == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_backgrounds_are_those_that_are_painted(theme: str) -> None:
    names = [STYLES[theme][word] for word in ("background", "panel")]
    painted = [style.color.name for style in names if style.color] + [_behind(STYLES[theme]["selected"])]
    assert tuple(painted) == BACKGROUNDS[theme]


def _behind(style: Style) -> str:
    return style.bgcolor.name if style.bgcolor else ""


@pytest.mark.parametrize("keys", ["", "2", "2v", "4", "3", "?"])
def test_nothing_that_is_only_drawn_is_a_word(keys: str) -> None:
    """A contrast of 3 to 1 is enough for a bar, not for letters."""
    faint = [STYLES["dark"][word].color for word in DRAWN | DECORATION]

    async def run() -> list[str]:
        async with shown(Recorded.of("busy"), 13.5) as (app, pilot):
            await press(pilot, "j", *({"?": "question_mark"}.get(key, key) for key in keys))
            strips = app.screen._compositor.render_strips()
            return [
                segment.text for strip in strips for segment in strip if segment.style and segment.style.color in faint
            ]

    assert [text for text in asyncio.run(run()) if any(character.isalnum() for character in text)] == []
