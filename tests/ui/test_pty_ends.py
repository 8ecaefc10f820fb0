"""Ends of the screen that nobody asked for, by key: kills, hang-ups, signals, a terminal that is not read."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from instui_engine.journal.events import (
    CommitFinished,
    CommitStarted,
    SessionFinished,
    SessionStarted,
    StageStarted,
)
from support.environments import Venv, read_journal
from support.environments import until as eventually
from support.on_screen import DASHBOARD, EVENTS, LOCKS, VIEWS, Begin, locked, whole

pytest_plugins = ("support.screen_fixtures",)
pytestmark = pytest.mark.pty


def test_a_killed_screen_does_not_stop_the_install(install: Begin, wheels: list[Path], large: Path) -> None:
    one = install("--slow", 4, *wheels)
    one.wait_for(StageStarted)
    one.terminal.process.send_signal(signal.SIGKILL)
    assert one.terminal.finish() == -signal.SIGKILL
    assert one.lines.of(SessionFinished) == []
    assert one.wait_for(SessionFinished).exit == 0
    whole(one.venv, 10)
    again = install(*wheels, venv=one.venv)
    again.terminal.shows("already installed: dist00 1.0")
    again.terminal.press("q")
    assert again.terminal.finish() == 0


@pytest.mark.parametrize("deaf", [False, True], ids=["", "nohup"])
def test_a_closed_window_does_not_stop_the_install(
    install: Begin, venv: Callable[[], Venv], wheels: list[Path], deaf: bool
) -> None:
    target = venv()
    with locked(target):
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN) if deaf else None
        try:
            one = install(*wheels, venv=target)
        finally:
            if deaf:
                signal.signal(signal.SIGHUP, before)
        one.terminal.shows("LIVE", "dist00 1.0")
        journal = one.journal
        one.terminal.hang_up()
        assert eventually(lambda: one.terminal.process.poll() is not None)
        assert read_journal(journal).of(SessionFinished) == []
    eventually(lambda: read_journal(journal).of(SessionFinished))
    whole(one.venv, 10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_install_between_two_commits(
    install: Begin, wheels: list[Path], number: signal.Signals
) -> None:
    one = install("--slow", 3, "--jobs", 1, *wheels)
    one.wait_for(CommitFinished)
    one.terminal.process.send_signal(number)
    assert one.terminal.finish() == 128 + number
    left = one.left()
    installed = whole(one.venv)
    assert 1 <= installed < 10
    assert f"installed {installed} of 10 wheels" in left
    assert f"instui: interrupted: {installed} of 10" in left


def test_nothing_temporary_is_left_by_a_screen_that_ends_or_is_killed(install: Begin, wheels: list[Path]) -> None:
    with TemporaryDirectory(prefix="instui-test-", dir="/tmp") as place:  # pytest's names leave no room for a socket
        env = {"TMPDIR": place, "XDG_RUNTIME_DIR": ""}
        one = install(*wheels[:2], env=env)
        one.terminal.shows("FINISHED")
        one.terminal.press("q")
        assert one.terminal.finish() == 0
        assert os.listdir(place) == []
        two = install("--slow", 1, *wheels[:4], env=env)
        two.wait_for(CommitStarted)
        assert os.listdir(place)  # its control socket
        two.terminal.process.send_signal(signal.SIGKILL)
        assert two.terminal.finish() == -signal.SIGKILL
        eventually(lambda: not os.listdir(place))


def test_an_engine_that_was_killed_is_shown(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 2, "--jobs", 1, *wheels)
    terminal = one.terminal
    one.wait_for(CommitFinished)
    os.kill(one.pid, signal.SIGKILL)
    terminal.shows("DIED", "was killed (SIGKILL)")
    for key in (*VIEWS, DASHBOARD):
        terminal.press(key)
        terminal.shows("DIED")
    terminal.press("q")  # asks nothing
    assert terminal.finish() == 137
    left = one.left()
    assert "the session ended abruptly after" in left
    assert left.count("instui: ") == 1
    assert "instui: the process that installs was killed (SIGKILL)" in left
    installed = whole(one.venv)
    assert 1 <= installed < 10
    again = install(*wheels, venv=one.venv)
    again.terminal.shows("FINISHED")
    again.terminal.press("q")
    assert again.terminal.finish() == 0
    whole(one.venv, 10)
    assert one.venv.stages() == []


def test_a_terminal_that_is_not_read_stops_nothing(install: Begin, wheels: list[Path]) -> None:
    unread = install("--slow", 4, *wheels)
    unread.terminal.shows("LIVE")
    unread.wait_for(SessionStarted)
    for _ in range(10):
        unread.terminal.press(LOCKS, EVENTS, DASHBOARD)  # whole screens: more than a terminal keeps for its reader
    eventually(lambda: unread.lines.of(SessionFinished))  # in which the terminal is not read
    unread.terminal.shows("FINISHED", "installed 10 wheels", "1 Dashboard")
    assert unread.terminal.screen.unknown == []
    unread.terminal.press("q")
    assert unread.terminal.finish() == 0
    unread.left()
