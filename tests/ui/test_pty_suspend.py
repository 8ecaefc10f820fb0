"""ctrl+z on the full screen: the shell has the terminal, the install goes on, and fg brings the screen back."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from instui_engine.journal.events import CommitStarted, SessionFinished, SessionStarted
from support.environments import Venv, read_journal
from support.environments import until as eventually
from support.on_screen import DASHBOARD, LOCKS, VIEWS, Begin, lives
from support.terminal import Terminal

pytest_plugins = ("support.screen_fixtures",)
pytestmark = pytest.mark.pty

PROMPT = "ready>"


class Shell:
    """An interactive shell on a terminal of its own, and an install that was typed into it."""

    def __init__(self, environ: dict[str, str], venv: Venv, place: Path) -> None:
        shown = {"INSTUI_UI": "tui", "INSTUI_STAY": "1", "LANG": "C.UTF-8", "PS1": f"{PROMPT} "}
        command = ["bash", "--norc", "--noprofile", "--noediting", "-i"]
        self.terminal = Terminal(command, {**environ, **shown}, cwd=place)
        self.venv = venv
        self.terminal.shows(PROMPT)

    def type(self, line: str) -> None:
        """Type a command line."""
        self.terminal.send(f"{line}\r")

    def install(self, *wheels: Path, slow: float = 2) -> None:
        words = ["-m", "instui", "install", "--no-deps", "--python", self.venv.top, "--slow", slow, *wheels]
        self.type(" ".join([sys.executable, *map(str, words)]))
        self.terminal.shows("LIVE")

    @property
    def prompts(self) -> int:
        """How often the shell has asked for a command."""
        return self.terminal.screen.text.count(PROMPT)

    def is_asking(self) -> None:
        """Wait until the terminal is the shell's again."""
        screen = self.terminal.screen
        own = {7, 25}  # modes are set one after the other, so the last may still be on its way
        self.terminal.until(lambda: not screen.full and self.prompts > 1 and screen.modes == own, "the shell")
        assert screen.keyboards == 0
        assert screen.unknown == []

    @property
    def screens(self) -> list[int]:
        """The processes that the shell has started."""
        shell = self.terminal.process.pid
        return [int(pid) for pid in Path(f"/proc/{shell}/task/{shell}/children").read_text().split()]


@pytest.fixture
def shell(clean_environ: dict[str, str], venv: Callable[[], Venv], tmp_path: Path) -> Iterator[Shell]:
    one = Shell(clean_environ, venv(), tmp_path)
    yield one
    for pid in one.screens:
        os.kill(pid, signal.SIGKILL)
    one.terminal.close()
    for journal in one.venv.journals():
        for started in read_journal(journal).of(SessionStarted):
            if lives(started.pid, journal.stem):
                os.kill(started.pid, signal.SIGKILL)


def test_ctrl_z_gives_the_screen_to_the_shell_and_the_install_goes_on(shell: Shell, wheels: list[Path]) -> None:
    terminal = shell.terminal
    shell.install(*wheels)
    terminal.press("ctrl+z")
    shell.is_asking()
    assert "Stopped" in terminal.screen.text
    (journal,) = shell.venv.journals()
    assert read_journal(journal).of(SessionFinished) == []
    shell.type("echo the shell $((40 + 2))")
    terminal.shows("the shell 42")
    assert eventually(lambda: read_journal(journal).of(SessionFinished))[0].exit == 0
    terminal.resize(100, 30)
    shell.type("fg")
    terminal.shows("FINISHED", "dist00 1.0")
    for key in (LOCKS, DASHBOARD):
        terminal.press(key)
        terminal.shows(VIEWS[key], "FINISHED")
    terminal.press("q")
    terminal.shows("installed 10 wheels", PROMPT)
    assert not terminal.screen.full


def test_ctrl_z_works_again_and_in_what_is_open_on_top(shell: Shell, wheels: list[Path]) -> None:
    terminal = shell.terminal
    shell.install(*wheels)
    for opens, shows in (("", "1 Dash"), ("?", "keys and signs"), ("q", "still running")):
        terminal.press(*([opens] if opens else []))
        terminal.shows(shows)
        terminal.press("ctrl+z")
        shell.is_asking()
        shell.type("fg")
        terminal.shows(shows)
        terminal.press("escape")
        if opens:
            terminal.hides(shows)


def test_bg_leaves_the_terminal_to_the_shell_until_fg(shell: Shell, wheels: list[Path]) -> None:
    terminal = shell.terminal
    shell.install(*wheels)
    terminal.press("ctrl+z")
    shell.is_asking()
    shell.type("bg")
    terminal.until(lambda: "+  Stopped" in terminal.screen.text.rpartition("bg")[2] or shell.prompts > 2)
    shell.type("echo still $((40 + 2))")
    terminal.shows("still 42")
    assert not terminal.screen.full
    shell.type("fg")
    terminal.shows("1 Dash")
    terminal.press("?")
    terminal.shows("keys and signs")


@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGSTOP])
def test_a_signal_stops_the_screen_and_fg_paints_all_of_it_again(
    shell: Shell, wheels: list[Path], number: signal.Signals
) -> None:
    terminal = shell.terminal
    shell.install(*wheels, slow=4)
    os.kill(shell.screens[0], number)
    terminal.until(lambda: "Stopped" in terminal.screen.text)
    shell.type("fg")
    terminal.until(lambda: terminal.screen.full and "Stopped" not in terminal.screen.text)
    terminal.shows("1 Dash", "dist00 1.0")
    terminal.press(LOCKS)
    terminal.shows(VIEWS[LOCKS])
    terminal.press("ctrl+z")
    shell.is_asking()


def test_without_a_shell_ctrl_z_says_why_nothing_happens(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 1, *wheels)
    one.wait_for(CommitStarted)
    one.terminal.shows("LIVE")
    one.terminal.press("ctrl+z")
    one.terminal.shows("no shell with job control")
    one.terminal.shows("FINISHED")
    one.terminal.press("q")
    assert one.terminal.finish() == 0
    one.left()
