"""Home on a real terminal: what is typed installs, what runs is watched, what is over is replayed."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from instui_engine.journal.events import SessionFinished, SessionStarted
from support.environments import Venv, read_journal
from support.environments import until as eventually
from support.on_screen import DASHBOARD, VIEWS, Install, Open, lives, locked, whole
from support.terminal import Terminal

pytest_plugins = ("support.screen_fixtures",)
pytestmark = pytest.mark.pty

AT_HOME = "to type what to install"


def find(terminal: Terminal, word: str, row: str) -> None:
    """Show only the rows with that word, and wait until the first of them, which begins with `row`, is selected."""
    terminal.send(f"/{word}\r")
    terminal.shows(f"filter: {word}")
    terminal.hides("same-module")
    selected = re.compile(rf"^▌[^\n]*{re.escape(row)}", re.MULTILINE)
    terminal.until(lambda: selected.search(terminal.screen.text), row)  # home looks around once a second


def begin(terminal: Terminal, typed: str) -> None:
    terminal.press("i")
    terminal.shows("> install")
    terminal.send(f"{typed}\r")


def test_what_is_typed_is_installed_watched_recorded_and_replayed(
    on_terminal: Open, venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    target = venv()
    terminal = on_terminal("--python", target.top)
    terminal.shows(AT_HOME, "0 distributions", "whole", "nothing yet", "same-module")
    begin(terminal, f"--no-deps {wheels[0]}")
    terminal.shows("FINISHED", "installed 1 wheel")
    assert whole(target, 1) == 1
    terminal.press("q")
    terminal.shows(AT_HOME, "1 distribution", "✓ install")
    find(terminal, "dist00", "✓ install")
    terminal.press("enter")
    terminal.shows(VIEWS[DASHBOARD], "dist00 1.0")
    terminal.press("q")
    terminal.shows(AT_HOME)
    terminal.press("e")
    terminal.shows("why ", "back to the list")
    terminal.press("q")
    terminal.shows(AT_HOME)
    terminal.press("q")
    assert terminal.finish() == 0
    assert Install(terminal, target).left() == ""


def test_what_is_wrong_with_the_command_stands_below_it_and_nothing_is_printed(
    on_terminal: Open, venv: Callable[[], Venv]
) -> None:
    target = venv()
    terminal = on_terminal("--python", target.top)
    terminal.shows(AT_HOME)
    for typed, problem in (("--nonsense x", "unrecognized arguments"), ("--help", "lists all options")):
        begin(terminal, typed)
        terminal.shows(problem)
        terminal.press(*["backspace"] * len(typed), "escape")
        terminal.shows(AT_HOME)
    terminal.press("q")
    assert terminal.finish() == 0
    assert Install(terminal, target).left() == ""
    assert target.journals() == []


def test_an_install_of_another_process_appears_is_watched_and_is_cancelled(
    on_terminal: Open, venv: Callable[[], Venv], large: Path
) -> None:
    target, other = venv(), venv()
    terminal = on_terminal("--python", target.top)
    terminal.shows(AT_HOME)
    with locked(other):  # so that it cannot end before it is cancelled
        install = on_terminal("install", "--no-deps", "--ui", "plain", "--python", other.top, large)
        terminal.shows("install --no-deps", f"pid {install.process.pid}")
        find(terminal, "large", "● install")
        terminal.press("enter")
        terminal.shows("ATTACHED", VIEWS[DASHBOARD])
        terminal.press("q")  # without a question
        terminal.shows(AT_HOME)
        terminal.press("K")
        terminal.shows("Stop `install", f"pid {install.process.pid}")
        terminal.press("c")
        assert install.finish() == 130
    terminal.shows("nothing matches")
    terminal.press("escape")
    terminal.shows("same-module")
    terminal.press("q")
    assert terminal.finish() == 0


def test_an_install_that_is_left_goes_on_and_is_said_to_when_home_is_left(
    on_terminal: Open, venv: Callable[[], Venv], large: Path
) -> None:
    target = venv()
    terminal = on_terminal("--python", target.top)
    terminal.shows(AT_HOME)
    with locked(target):  # so that it cannot end before it is left twice
        begin(terminal, f"--no-deps {large}")
        terminal.shows("LIVE", VIEWS[DASHBOARD])
        terminal.press("q")
        terminal.shows("leave it running")
        terminal.press("l")
        terminal.shows(AT_HOME)
        find(terminal, "large", "● install")
        terminal.press("enter")
        terminal.shows("LIVE", VIEWS[DASHBOARD])  # ours again, not only attached
        terminal.press("q", "l")
        terminal.shows(AT_HOME)
        terminal.press("q")
        terminal.shows("1 install is still running.")
        terminal.press("l")
        assert terminal.finish() == 0
        said = Install(terminal, target).left()
        found = re.search(r"goes on without a screen, as pid (\d+)", said)
        assert found, said
        journal = target.journals()[0]
        assert read_journal(journal).of(SessionStarted)[0].pid == int(found[1])
        assert lives(int(found[1]), journal.stem)
        os.kill(int(found[1]), signal.SIGTERM)
        eventually(lambda: read_journal(journal).of(SessionFinished))


def test_a_signal_ends_home_and_gives_the_terminal_back(on_terminal: Open, venv: Callable[[], Venv]) -> None:
    target = venv()
    terminal = on_terminal("--python", target.top)
    terminal.shows(AT_HOME)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.finish() == -signal.SIGTERM
    assert Install(terminal, target).left() == ""


def test_without_an_environment_it_says_how_to_make_one(on_terminal: Open, tmp_path: Path) -> None:
    terminal = on_terminal(cwd=tmp_path)
    terminal.shows(AT_HOME, "no environment", "uv venv", "same-module")
    terminal.press("q")
    assert terminal.finish() == 0
