"""The timeline and the explanation on a real terminal: each key, as it is typed, changes what is seen."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import watched
from support.on_screen import TIMELINE
from support.terminal import Terminal

pytestmark = pytest.mark.pty

RECORDINGS = Path(__file__).parents[2] / "screenshots" / "recordings"
_COLUMNS = 117
_ROWS_ABOVE = 4  # header, counters, tabs, and a notice, which goes away by itself


@pytest.fixture
def replayed(clean_environ: dict[str, str]) -> Iterator[Callable[[str], Terminal]]:
    """Shows a recording, which is over, on a terminal."""
    terminals: list[Terminal] = []

    def show(name: str) -> Terminal:
        command = [sys.executable, watched.__file__, str(RECORDINGS / f"{name}.jsonl")]
        environ = {**clean_environ, "LANG": "C.UTF-8", "INSTUI_STAY": "1"}
        terminals.append(Terminal(command, environ, (120, 34)))
        terminals[-1].shows("FINISHED", "Dashboard")
        return terminals[-1]

    yield show
    for terminal in terminals:
        terminal.close()


def picture(terminal: Terminal) -> str:
    """What is below the notice, without the bar at the right, which comes and goes."""
    return "\n".join(row[:_COLUMNS].rstrip() for row in terminal.screen.lines[_ROWS_ABOVE:])


def changed_by(terminal: Terminal, key: str, *words: str) -> str:
    """What a key has made of the picture, when all of `words` are on the screen."""
    before = picture(terminal)
    terminal.press(key)

    def is_seen() -> bool:
        return picture(terminal) != before and all(word in terminal.screen.text for word in words)

    terminal.until(is_seen, f"{key}: {words}")
    return picture(terminal)


def test_each_key_of_the_timeline_changes_what_is_seen(replayed: Callable[[str], Terminal]) -> None:
    terminal = replayed("busy")
    whole = changed_by(terminal, TIMELINE, "by wheel", "the session", "wheels at work")
    changed_by(terminal, "+", "zoom 2x", "are shown")
    near = changed_by(terminal, "+", "zoom 4x")
    changed_by(terminal, "l", "zoom 4x")
    assert changed_by(terminal, "h", "zoom 4x") == near
    assert changed_by(terminal, "F", "this is the end") != near
    changed_by(terminal, "-", "zoom 2x")
    assert changed_by(terminal, "0", "all is shown") == whole
    changed_by(terminal, "}", "cursor ", "gap of ")
    changed_by(terminal, "}", "gap of ")
    changed_by(terminal, "{", "gap of ")
    changed_by(terminal, "]", "cursor ")
    changed_by(terminal, "}", "gap of ")
    changed_by(terminal, "[", "cursor ")
    changed_by(terminal, "m", "mark ", "and m again")
    changed_by(terminal, "}", "mark ", "cursor ")
    changed_by(terminal, "m", "wheels done", " of work")
    changed_by(terminal, "escape", "the marks are gone")
    changed_by(terminal, "escape", "the cursor is gone")
    assert changed_by(terminal, "v", "lanes by worker", "unpack 1") != whole
    changed_by(terminal, "v", "lanes by lock", "google/")
    assert changed_by(terminal, "v", "lanes by wheel") == whole
    changed_by(terminal, "j", "▌")
    changed_by(terminal, "enter", "back to the list")
    changed_by(terminal, "escape", "by wheel", "the session")
    terminal.press("q")
    assert terminal.finish() == 0


def test_the_explanation_opens_goes_from_finding_to_finding_and_closes(replayed: Callable[[str], Terminal]) -> None:
    terminal = replayed("busy")
    timeline = changed_by(terminal, TIMELINE, "the session")
    changed_by(terminal, "e", "why 24.5 s", "what it was", "what if", "everything cached", "back to the list")
    first = terminal.screen.text
    assert "▌  1 " in first
    changed_by(terminal, "j", "▌  2 ", "when    from ")
    changed_by(terminal, "k", "▌  1 ")
    changed_by(terminal, "G", "no lock held by others")
    changed_by(terminal, "g", "▌  1 ")
    changed_by(terminal, "enter", "back to the list")  # the wheel that took the most of it
    changed_by(terminal, "escape", "what it was")
    assert changed_by(terminal, "escape", "the session") == timeline
    terminal.press("q")
    assert terminal.finish() == 0
