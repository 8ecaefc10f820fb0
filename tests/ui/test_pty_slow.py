"""The screen on a terminal that is slow, or that is not read for a while."""

import time
from pathlib import Path

import pytest

from support.on_screen import DASHBOARD, EVENTS, LOCKS, VIEWS, Begin

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
    for _ in range(_SCREENS // 2):
        for key in (LOCKS, DASHBOARD):
            terminal.press(key)
            time.sleep(0.2)  # as a person does: keys that come at once are one frame anyway
    terminal.press(EVENTS, "?")
    _rests(terminal.process.pid)
    terminal.shows("keys and signs")
    terminal.press("escape")
    terminal.hides("keys and signs")
    terminal.shows(VIEWS[EVENTS], "FINISHED")
    assert len(terminal.output) - before < _FEW
    terminal.press("q")
    assert terminal.finish() == 0
    one.left()


def _rests(pid: int) -> None:
    """Wait until a process has done all that it can."""
    used, since = -1, time.monotonic()
    while time.monotonic() - since < 1.0:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        now = int(fields[11]) + int(fields[12])
        if now > used + 3:
            used, since = now, time.monotonic()
        time.sleep(0.05)
