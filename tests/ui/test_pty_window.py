"""The title and the progress of a terminal's window, and the picture behind a dialog."""

import re
import signal
from pathlib import Path

import pytest

from instui_engine.journal.events import CommitStarted
from support.environments import until as eventually
from support.on_screen import QUESTION, Begin

pytest_plugins = ("support.screen_fixtures",)
pytestmark = pytest.mark.pty

WINDOWS = {"WT_SESSION": "5f1c", "TERM_PROGRAM": ""}
TITLE = re.compile(r"instui \d+ %")


def test_the_title_says_how_far_the_install_is_and_how_it_ended(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 2, *wheels, env=WINDOWS)
    terminal, screen = one.terminal, one.terminal.screen
    terminal.until(lambda: TITLE.match(screen.title), "a percentage")
    terminal.until(lambda: screen.title == "instui finished", "the end")
    assert screen.titles == ["before"]
    assert any(said.startswith("4;1;") for said in screen.progress)
    terminal.press("q")
    assert terminal.finish() == 0
    assert screen.progress[-1] == "4;0;0"
    one.left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_the_title_comes_back_whoever_ends_the_screen(
    install: Begin, wheels: list[Path], number: signal.Signals
) -> None:
    one = install("--slow", 3, *wheels, env=WINDOWS)
    terminal, screen = one.terminal, one.terminal.screen
    terminal.until(lambda: screen.title.startswith("instui"), "a title")
    terminal.process.send_signal(number)
    terminal.finish()
    assert (screen.title, screen.titles, screen.progress[-1]) == ("before", [], "4;0;0")


@pytest.mark.parametrize("environ", [{"TERM": "linux"}, {"TERM": "vt220", "WT_SESSION": "5f1c"}])
def test_where_a_title_would_be_printed_there_is_none(
    install: Begin, wheels: list[Path], environ: dict[str, str]
) -> None:
    one = install(*wheels, env=environ)
    one.terminal.shows("FINISHED")
    one.terminal.press("q")
    assert one.terminal.finish() == 0
    assert b"\x1b]2;" not in one.terminal.output
    assert b"\x1b]9;" not in one.terminal.output
    assert one.terminal.screen.title == "before"
    one.left()


def test_an_unknown_terminal_gets_a_title_and_no_progress(install: Begin, wheels: list[Path]) -> None:
    one = install(*wheels, env={"WT_SESSION": "", "TERM_PROGRAM": "", "ConEmuANSI": ""})
    one.terminal.until(lambda: one.terminal.screen.title == "instui finished", "the end")
    assert one.terminal.screen.progress == []


def test_the_picture_goes_on_behind_a_dialog_which_closes_with_the_session(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 2, *wheels, size=(120, 40))
    terminal = one.terminal
    one.wait_for(CommitStarted)
    one.ask()
    before = terminal.screen.text
    other = terminal.until(lambda: terminal.screen.text if _rows(terminal.screen.text) != _rows(before) else "")
    assert QUESTION in other
    assert terminal.finish() == 0
    assert eventually(lambda: QUESTION not in one.left())


def _rows(text: str) -> list[str]:
    """The rows of wheels."""
    return [row.split("dist", 1)[1] for row in text.split("\n") if " dist0" in row]
