"""The screen on a terminal that is slow, or that is not read for a while."""

import time
from pathlib import Path

import pytest

from instui.tui.views.explain import ExplainView
from support.on_screen import DASHBOARD, EVENTS, LOCKS, TIMELINE, VIEWS, Begin
from support.terminal import PATIENCE, POLL, Terminal

pytest_plugins = ("support.screen_fixtures",)
pytestmark = pytest.mark.pty

_SCREENS = 24  # that are asked for while nobody reads
_FEW = 130_000  # bytes: what the kernel keeps, the screen that was being written, and the newest one


def test_a_terminal_that_was_not_read_is_shown_the_present_and_not_all_that_it_has_missed(
    install: Begin, wheels: list[Path]
) -> None:
    one = install(*wheels, size=(200, 50))
    terminal = one.terminal
    terminal.shows("FINISHED")
    terminal.press(EVENTS)
    terminal.shows(VIEWS[EVENTS])
    before = len(terminal.output)
    for _ in range(_SCREENS // 4):
        for key in (LOCKS, TIMELINE, ExplainView.opened_by, DASHBOARD):
            terminal.press(key)
            _rests(terminal, 5)  # keys that come at once are one frame anyway
    terminal.press(EVENTS, "?")
    _rests(terminal, 50)
    terminal.shows("keys and signs")
    terminal.press("escape")
    terminal.hides("keys and signs")
    terminal.shows(VIEWS[EVENTS], "FINISHED")
    assert len(terminal.output) - before < _FEW
    terminal.press("q")
    assert terminal.finish() == 0
    one.left()


def _rests(terminal: Terminal, looks: int) -> None:
    """Wait, without reading, until the program has taken all keys, and sleeps at so many looks in a row.

    One that waits for a processor does not sleep, however long it waits.
    """
    asleep = 0
    end = time.monotonic() + PATIENCE
    while asleep < looks:
        assert time.monotonic() < end, "the program never rests"
        time.sleep(POLL)
        asleep = 0 if terminal.untaken or _works(terminal.process.pid) else asleep + 1


def _works(pid: int) -> bool:
    """Whether a thread of the process runs, or would if it got a processor."""
    found = [path.read_bytes().rpartition(b")")[2].split()[0] for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return any(state in b"RD" for state in found)
