"""How the screen looks: where there is none, colours, characters."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.environments import Venv
from support.on_screen import DASHBOARD, DETAIL, VIEWS, Begin, Install, Open

pytest_plugins = ("support.screen_fixtures",)
pytestmark = pytest.mark.pty
# bold, dim, italic, underline, reverse, strike, their ends, and back to the terminal's own colours
COLOURLESS = {"", "0", "1", "2", "3", "4", "7", "9", "22", "23", "24", "27", "29", "39", "49"}


def test_without_a_terminal_or_on_a_dumb_one_lines_are_printed(
    on_terminal: Open, run_instui: Callable[..., object], venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    arguments = ["install", "--no-deps", *wheels[:2], "--python"]
    piped = run_instui(*arguments, venv().top)
    assert (piped.returncode, piped.stderr) == (0, "")  # type: ignore[attr-defined]
    assert "installed 2 wheels" in piped.stdout  # type: ignore[attr-defined]
    asked = run_instui(*arguments, venv().top, "--ui", "tui")
    assert asked.returncode == 2  # type: ignore[attr-defined]
    assert asked.stderr.startswith("instui: --ui tui needs a terminal")  # type: ignore[attr-defined]
    assert "\x1b" not in piped.stdout + asked.stdout  # type: ignore[attr-defined]
    dumb = on_terminal(*arguments, venv().top, env={"TERM": "dumb"})
    assert dumb.finish() == 0
    assert b"\x1b" not in dumb.output
    assert "installed 2 wheels" in dumb.screen.text


def _tour(one: Install) -> None:
    """See every screen."""
    terminal = one.terminal
    terminal.shows("FINISHED")
    for key in (*VIEWS, DASHBOARD):
        terminal.press(key)
        terminal.shows(VIEWS[key])
    terminal.press("?")
    terminal.shows("keys and signs")
    terminal.press("escape")
    terminal.hides("keys and signs")
    terminal.press(":")
    terminal.shows("find a command")
    terminal.press("down", *"mono")
    terminal.shows("theme mono")
    terminal.press("escape")
    terminal.hides("theme mono")
    terminal.press("a", "g", "enter")
    terminal.shows(DETAIL, "dist00 1.0")
    terminal.press("escape")
    terminal.hides(DETAIL)
    terminal.press("q")
    assert terminal.finish() == 0
    one.left()


def test_no_color_sends_none(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 1, *wheels[:4], env={"NO_COLOR": "1"})
    _tour(one)
    sent = {part for style in one.terminal.screen.styles for part in style.split(";")}
    assert sent <= COLOURLESS


def test_ascii_sends_nothing_else(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 1, "--ascii", *wheels[:4])
    _tour(one)
    assert {character for character in one.terminal.output.decode() if not character.isascii()} == set()
