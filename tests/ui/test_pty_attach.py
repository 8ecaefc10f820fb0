"""Attach, on a real terminal: watching what another process installs, acting on it if allowed, and leaving it alone."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run, Start
from instui_engine.journal.events import (
    CommitFinished,
    CommitStarted,
    LockWaiting,
    SessionFinished,
    SessionPaused,
    SessionResumed,
    SessionStarted,
    StageStarted,
    WheelCancelled,
    WorkersChanged,
)
from instui_engine.session.control import send
from support.environments import Session, Venv, until
from support.on_screen import Begin, Open, lives, locked
from support.terminal import Terminal
from support.trees import distributions

pytest_plugins = ("support.screen_fixtures",)
pytestmark = pytest.mark.pty

Target = Callable[[], Venv]


def begun(start_instui: Start, target: Venv, wheels: list[Path], slow: float = 6, jobs: int = 2) -> Session:
    session = start_instui(target, "--slow", slow, "--jobs", jobs, *wheels)
    session.wait_for(StageStarted)
    return session


def attached(on_terminal: Open, session: Session, *flags: object) -> Terminal:
    terminal = on_terminal("attach", session.process.pid, *flags, "--stay")
    terminal.shows("ATTACHED pid", "Dash")
    return terminal


def went_well(terminal: Terminal) -> str:
    assert terminal.finish() == 0
    assert not terminal.screen.full
    assert terminal.attributes == terminal.before
    assert terminal.screen.unknown == []
    return terminal.screen.text


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_leaving_ends_only_the_viewer_and_says_the_way_back(
    key: str, on_terminal: Open, venv: Target, start_instui: Start, wheels: list[Path]
) -> None:
    session = begun(start_instui, venv(), wheels[:5])
    terminal = attached(on_terminal, session)
    assert "read-only" in terminal.screen.text
    for refused in ("P", "K", "W"):
        terminal.press(refused)
        terminal.shows("attach with --control")
        terminal.press("j")
        terminal.hides("attach with --control")
    terminal.press(key)
    text = went_well(terminal)
    assert f"the session goes on, as pid {session.process.pid}; back to it with" in text
    (started,) = session.lines.of(SessionStarted)
    assert f"instui attach {started.session}\n" in f"{text}\n"
    assert session.finish() == (0, "")
    assert not session.lines.of(SessionPaused)


def test_two_watch_at_once_and_one_that_is_killed_takes_nobody_along(
    on_terminal: Open, venv: Target, start_instui: Start, wheels: list[Path]
) -> None:
    target = venv()
    session = begun(start_instui, target, wheels[:3])
    (started,) = session.lines.of(SessionStarted)
    send(started.control, "pause")
    first, second = (on_terminal("attach", session.process.pid, flag, "--stay") for flag in ("--control", "--ascii"))
    for terminal in (first, second):
        terminal.shows("INSTALL PAUSED")
    first.press("P")
    second.hides("INSTALL PAUSED")  # what one does, both see
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    second.shows("FINISHED")
    assert session.finish() == (0, "")
    second.press("q")
    assert "installed 3 wheels" in went_well(second)
    assert len(distributions(target.site)) == 3


def test_control_pauses_changes_the_workers_and_cancels_a_wheel(
    on_terminal: Open, venv: Target, start_instui: Start, wheels: list[Path]
) -> None:
    target = venv()
    session = begun(start_instui, target, wheels[:5], slow=8, jobs=1)
    terminal = attached(on_terminal, session, "--control")
    assert "read-only" not in terminal.screen.text
    terminal.press("P")
    session.wait_for(SessionPaused)
    terminal.shows("INSTALL PAUSED")
    terminal.press("W")
    terminal.shows("How many workers? There are 1 now.")
    terminal.press("3", "enter")
    session.wait_for(WorkersChanged)
    terminal.shows("at work  nobody")
    terminal.press("j", "K")
    title = terminal.until(lambda: next((row for row in terminal.screen.lines if "Cancel dist" in row), ""))
    wheel = title.split("Cancel ")[1].split()[0]
    terminal.press("w")
    assert session.wait_for(WheelCancelled) == WheelCancelled(wheel)
    terminal.shows("cancelled")
    terminal.press("P")
    session.wait_for(SessionResumed)
    terminal.shows("FAILED exit 1")
    terminal.press("q")
    assert terminal.finish() == 1
    assert f"{wheel} was cancelled and left as before" in terminal.screen.text
    assert session.finish()[0] == 1
    assert len(distributions(target.site)) == 4


def test_control_cancels_the_whole_install(
    on_terminal: Open, venv: Target, start_instui: Start, wheels: list[Path]
) -> None:
    session = begun(start_instui, venv(), wheels[:5])
    session.wait_for(CommitFinished)
    terminal = attached(on_terminal, session, "--control")
    terminal.press("K")
    terminal.shows("Cancel the whole install?")
    terminal.press("c")
    terminal.shows("CANCELLED exit 130")
    terminal.press("q")
    assert terminal.finish() == 130
    assert session.finish()[0] == 130


def test_what_was_left_running_is_found_by_the_command_that_was_printed(
    install: Begin, on_terminal: Open, wheels: list[Path]
) -> None:
    one = install("--slow", 20, *wheels[:3])
    one.wait_for(StageStarted)
    one.ask()
    one.terminal.press("l")
    assert one.terminal.finish() == 0
    command = next(line for line in one.terminal.screen.lines if "instui attach" in line).split()
    assert command[:2] == ["instui", "attach"]
    terminal = on_terminal(*command[1:], "--stay")
    terminal.shows(f"ATTACHED pid {one.pid}")
    terminal.press("P")
    one.wait_for(SessionPaused)
    terminal.shows("INSTALL PAUSED")
    terminal.press("P")
    terminal.shows("FINISHED")
    terminal.press("q")
    assert "installed 3 wheels" in went_well(terminal)


def test_the_end_counts_down_and_leaves_with_the_exit_code_of_the_session(
    on_terminal: Open, venv: Target, start_instui: Start, wheels: list[Path]
) -> None:
    session = begun(start_instui, venv(), wheels[:3])
    terminal = on_terminal("attach", session.process.pid)
    terminal.shows("ATTACHED pid")
    terminal.shows("leaves in")
    assert "installed 3 wheels" in went_well(terminal)


def test_a_session_that_is_killed_is_said_to_have_died(
    on_terminal: Open, venv: Target, start_instui: Start, wheels: list[Path]
) -> None:
    session = begun(start_instui, venv(), wheels[:5])
    terminal = attached(on_terminal, session)
    session.process.kill()
    terminal.shows("DIED")
    terminal.press("q")
    assert terminal.finish() == 1
    assert "the session was killed" in terminal.screen.text


def test_the_installs_own_screen_cancels_a_wheel_over_the_same_socket(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 20, *wheels[:3])
    one.wait_for(LockWaiting)
    one.opened()
    one.terminal.shows("in line")  # the first row waits, so its commit does not begin between two keys
    one.terminal.press("j", "K")
    one.terminal.shows("Cancel dist")
    one.terminal.press("w")
    (wheel,) = [one.wait_for(WheelCancelled).wheel]
    one.terminal.press("W")
    one.terminal.shows("How many workers?")
    one.terminal.press("3", "enter")
    assert one.wait_for(WorkersChanged).workers == 3
    one.terminal.shows("FAILED exit 1")
    one.terminal.press("q")
    assert one.terminal.finish() == 1
    assert f"{wheel} was cancelled and left as before" in one.left()


# -- several sessions


def test_sessions_of_one_environment_are_one_picture_with_both_ends_of_a_wait(
    on_terminal: Open, venv: Target, start_instui: Start, wheels: list[Path]
) -> None:
    target = venv()
    first = start_instui(target, "--slow", 100, "--jobs", 1, wheels[0])
    first.wait_for(CommitStarted)
    second = start_instui(target, "--slow", 3, "--jobs", 1, *wheels[1:3])
    second.wait_for(LockWaiting)
    terminal = on_terminal("attach", "--all", "--python", target.top, "--control", "--stay")
    text = terminal.shows("dist01@2 1.0", "ATTACHED 2 sessions", "README.txt → dist00")
    rows = [line.strip() for line in text.splitlines()]
    heads = [n for n, row in enumerate(rows) if row.startswith(("pid ", "@2 pid "))]
    assert [rows[n].split("  ")[0] for n in heads] == [f"pid {first.process.pid}", f"@2 pid {second.process.pid}"]
    assert "dist00 1.0" in rows[heads[0] + 1]
    terminal.press("2")
    terminal.shows("README.txt", "waits for dist00 1.0")
    terminal.press("1")
    terminal.shows("lock and its holder")
    terminal.press("G")
    terminal.shows("▌ ║  dist0")
    terminal.press("K")
    title = terminal.until(lambda: next((row for row in terminal.screen.lines if "@2 1.0?" in row), ""))
    wheel = title.split("Cancel ")[1].split("@")[0]
    terminal.press("w")
    assert second.wait_for(WheelCancelled) == WheelCancelled(wheel)
    terminal.press("q")
    assert "2 sessions go on; back to them with" in went_well(terminal)
    both = on_terminal("attach", first.process.pid, second.process.pid, "--stay")
    both.shows("ATTACHED 2 sessions")
    (started,) = first.lines.of(SessionStarted)
    send(started.control, "abort")
    both.shows("FAILED exit 130")  # the first that failed; in the other one a wheel was cancelled
    both.press("q")
    assert both.finish() == 130
    assert (first.finish()[0], second.finish()[0]) == (130, 1)
    assert {wheel, *(name.removesuffix("-1.0") for name in distributions(target.site))} == {"dist01", "dist02"}


def test_sessions_that_begin_later_come_into_the_picture_of_all(
    on_terminal: Open, venv: Target, start_instui: Start, wheels: list[Path]
) -> None:
    target = venv()
    target.put(wheels[3])  # a recording comes in never
    first = start_instui(target, "--slow", 100, "--jobs", 1, wheels[0])
    first.wait_for(CommitStarted)
    terminal = on_terminal("attach", "--all", "--python", target.top, "--control", "--stay")
    terminal.shows("ATTACHED 1 session", "dist00 1.0")
    second = start_instui(target, "--slow", 3, "--jobs", 1, wheels[1])
    second.wait_for(LockWaiting)
    terminal.shows("ATTACHED 2 sessions", "dist01@2 1.0", f"@2 pid {second.process.pid}", "2 sessions: install")
    terminal.press("P")
    for session in (first, second):
        session.wait_for(SessionPaused)
    for session in (first, second):
        (started,) = session.lines.of(SessionStarted)
        send(started.control, "abort")
    terminal.shows("CANCELLED exit 130")
    terminal.press("q")
    assert terminal.finish() == 130
    assert (first.finish()[0], second.finish()[0]) == (130, 130)


# -- without a terminal


def test_lines_follow_the_session_and_end_with_its_exit_code(
    venv: Target, start_instui: Start, run_instui: Run, wheels: list[Path]
) -> None:
    session = begun(start_instui, venv(), wheels[:4])
    followed = run_instui("attach", session.process.pid, "-v")
    assert (followed.returncode, followed.stderr) == (0, "")
    assert [line for line in followed.stdout.splitlines() if line.startswith("installed dist")] == [
        f"installed dist{number:02} 1.0" for number in range(4)
    ]
    assert "installed 4 wheels" in followed.stdout
    assert session.finish() == (0, "")


def test_json_is_the_journal(venv: Target, start_instui: Start, run_instui: Run, wheels: list[Path]) -> None:
    session = begun(start_instui, venv(), wheels[:3])
    followed = run_instui("attach", session.process.pid, "--ui", "json")
    assert (followed.returncode, followed.stderr) == (0, "")
    assert followed.stdout == session.journal.read_text()
    assert json.loads(followed.stdout.splitlines()[-1])["event"] == "session.finished"
    session.finish()


def test_lines_can_be_left(
    venv: Target, start_instui: Start, clean_environ: dict[str, str], wheels: list[Path]
) -> None:
    session = begun(start_instui, venv(), wheels[:5])
    command = [sys.executable, "-m", "instui", "attach", str(session.process.pid)]
    viewer = subprocess.Popen(command, env=clean_environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert viewer.stdout is not None
    assert viewer.stdout.readline()
    viewer.send_signal(signal.SIGINT)
    out, error = viewer.communicate(timeout=60)
    assert (viewer.returncode, error) == (0, "")
    assert out.splitlines()[-1].startswith("  instui attach ")
    assert session.finish() == (0, "")


# -- which session


def test_without_a_name_it_is_the_only_session_and_several_are_listed(
    venv: Target, start_instui: Start, run_instui: Run, clean_environ: dict[str, str], wheels: list[Path]
) -> None:
    here, there = venv(), venv()
    here.put(wheels[0])
    over = here.journals()[0].stem
    with locked(there):  # so that neither ends before all is asked
        first = begun(start_instui, there, wheels[1:4], slow=1)
        known = run_instui("attach", over)  # not of this environment
        assert "no session has the pid or the id" in known.stderr
        known = run_instui("attach", over, "--python", here.top)
        assert f"session {over} is over (done); `instui replay {over} --python {here.top}`" in known.stderr
        second = begun(start_instui, there, wheels[4:6], slow=1)
        several = run_instui("attach", "--python", there.top)
        assert several.returncode == 2
        assert several.stderr.startswith("instui: 2 sessions run: pid ")
        assert str(first.process.pid) in several.stderr
        assert str(second.process.pid) in several.stderr
        assert several.stderr.count("\n") == 1
        unknown = run_instui("attach", "1").stderr  # other users of this machine may run more
        assert re.search(r"no session has the pid or the id 1; [2-9]\d* sessions run", unknown)
        (started,) = first.lines.of(SessionStarted)
        command = [sys.executable, "-m", "instui", "attach", started.session]
        by_id = subprocess.Popen(command, env=clean_environ, stdout=subprocess.PIPE, text=True)
        assert by_id.stdout is not None
        assert by_id.stdout.readline()
    out, _ = by_id.communicate(timeout=60)
    assert by_id.returncode == 0
    assert "installed 3 wheels" in out
    until(lambda: not lives(first.process.pid, started.session))
    assert session_ends(first, second)


def test_an_environment_that_is_named_is_meant_even_if_another_has_the_only_session(
    venv: Target, start_instui: Start, run_instui: Run, wheels: list[Path]
) -> None:
    here, there = venv(), venv()
    with locked(there):
        begun(start_instui, there, wheels[1:2])
        none = run_instui("attach", "--python", here.top)
        assert (none.returncode, none.stderr) == (2, "instui: no session runs there, and none is recorded there\n")
        none = run_instui("attach", "--all", "--python", here.top)
        assert none.stderr.startswith("instui: no session runs there, ")
        here.put(wheels[0])
        none = run_instui("attach", "--python", here.top)
        over = here.journals()[0].stem
        assert none.stderr.startswith(f"instui: no session runs there; `instui replay {over} --python {here.top}` ")
        none = run_instui("attach", over, "--python", here.top)
        assert f"`instui replay {over} --python {here.top}` plays its recording" in none.stderr


def session_ends(*sessions: Session) -> bool:
    return all(session.finish() == (0, "") and session.lines.of(SessionFinished) for session in sessions)
