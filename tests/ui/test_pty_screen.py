"""The full screen on a real terminal, as processes: what one sees, and what keys and sizes do."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

import pytest

from instui_engine.journal.events import (
    FetchStarted,
    SessionFinished,
    SessionPaused,
    SessionResumed,
    SessionStarted,
)
from support.environments import Venv
from support.indexes import add_wheel
from support.on_screen import DASHBOARD, DETAIL, EVENTS, VIEWS, Begin, Open, whole
from support.terminal import UNPAINTED
from support.webserver import WebServer
from support.wheelsmith import build_wheel

pytest_plugins = ("support.screen_fixtures",)
pytestmark = pytest.mark.pty


def test_the_screen_shows_the_install_and_leaves_the_terminal_as_it_was(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 6, *wheels)
    terminal = one.terminal
    terminal.shows("Dashboard", "dist00 1.0", "LIVE")
    assert terminal.screen.full
    assert 25 not in terminal.screen.modes  # no cursor
    for key, title in VIEWS.items():
        terminal.press(key)
        terminal.shows(title)
    terminal.press("?")
    terminal.shows("keys and signs", "one row down")
    terminal.press("escape")
    terminal.hides("keys and signs")
    terminal.press("1", "g", "enter")
    terminal.shows(DETAIL)
    terminal.press("escape")
    terminal.hides(DETAIL)
    terminal.press("P")
    one.wait_for(SessionPaused)
    terminal.shows("INSTALL PAUSED")
    terminal.press("P")
    one.wait_for(SessionResumed)
    terminal.shows("FINISHED", "installed 10 wheels")
    terminal.press("q")
    assert terminal.finish() == 0
    left = one.left()
    assert left.startswith("installed 10 wheels, ")
    assert "overwrote" in left
    assert "instui:" not in left
    assert terminal.screen.alternations == 1
    whole(one.venv, 10)


def test_what_is_installed_already_is_said(install: Begin, wheels: list[Path], venv: Callable[[], Venv]) -> None:
    there = venv()
    there.put(wheels[0])
    one = install(wheels[0], venv=there)
    one.terminal.shows("FINISHED", "already installed: dist00 1.0; nothing to do")
    one.terminal.press("q")
    assert one.terminal.finish() == 0
    assert one.left() == "already installed: dist00 1.0; nothing to do"


def test_warnings_stay_below_the_screen(install: Begin, wheels: list[Path]) -> None:
    one = install(
        wheels[0], env={"UV_DEFAULT_INDEX": "https://host/simple", "INSTUI_INDEX_URL": "https://other/simple"}
    )
    one.terminal.shows("FINISHED")
    one.terminal.press("q")
    assert one.terminal.finish() == 0
    assert one.left().startswith("warning: UV_DEFAULT_INDEX is set, and prevails over --index-url, as in uv\n")


@pytest.mark.parametrize("size", [(50, 15), (80, 24), (200, 50)])
def test_any_size_of_window(install: Begin, wheels: list[Path], size: tuple[int, int]) -> None:
    one = install(*wheels, size=size)
    terminal = one.terminal
    terminal.shows("installed 10 wheels")
    for key in (*VIEWS, DASHBOARD):
        terminal.press(key)
        terminal.shows("quit")
    terminal.press("q")
    assert terminal.finish() == 0
    one.left()


def test_haste_breaks_nothing(install: Begin, wheels: list[Path]) -> None:
    """Keys that come before the screen for which they are meant is there."""
    one = install("--slow", 3, *wheels)
    terminal = one.terminal
    terminal.shows("LIVE")
    terminal.send("2j3k4F1jw2x3ja>r12341234zz4gG1b" + "1234j" * 5)
    terminal.until(lambda: "FINISHED" in terminal.screen.text or not terminal.screen.full)
    assert terminal.screen.full, terminal.screen.text
    terminal.press("q")
    assert terminal.finish() == 0
    assert "failed" not in one.left()


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_screen_that_breaks_does_not_hide_the_install(
    install: Begin, wheels: list[Path], tmp_path: Path, debug: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if '--child' not in sys.argv:\n"
        "    from instui.tui.views.dashboard import DashboardView\n"
        "    DashboardView.do_zoom = lambda self: 1 / 0\n"
    )
    paths = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    one = install("--slow", 4, *wheels, env={"PYTHONPATH": paths, "INSTUI_DEBUG": debug})
    one.terminal.shows("LIVE")
    one.terminal.press("z")
    assert one.terminal.finish() == 0
    left = one.left()
    assert "instui: the screen failed (" in left
    assert "going on with lines" in left
    assert "installed 10 wheels" in left
    assert ("Traceback" in one.terminal.output.decode()) == bool(debug)
    whole(one.venv, 10)


def test_resizing_paints_every_cell_anew(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 4, *wheels)
    terminal = one.terminal
    terminal.shows("dist00 1.0")
    for size in ((50, 15), (200, 50), (81, 25), (50, 15), (120, 40)):
        for view in (DASHBOARD, EVENTS):
            terminal.press(view)
            terminal.resize(*size)
            terminal.hides(UNPAINTED)
            # What was painted for the old size may still arrive: the frame is right as soon as the new one does.
            terminal.until(lambda: _is_framed(terminal.screen.lines), f"one header and one footer at {size}")
            assert len(terminal.screen.lines) == size[1]
    terminal.shows("FINISHED")
    terminal.press("q")
    assert terminal.finish() == 0
    one.left()


def _is_framed(rows: Sequence[str]) -> bool:
    """Whether header, tabs and footer stand where they belong, and nowhere else."""
    once = all(sum(word in row for row in rows) == 1 for word in ("1 Dash", "quit"))
    return once and rows[0].startswith(" instui ") and "quit" in rows[-1]


def test_the_demo_runs_on_the_screen_and_leaves_nothing_behind(on_terminal: Open, tmp_path: Path) -> None:
    there = tmp_path / "tmp"
    there.mkdir()
    env = {"TMPDIR": str(there), "XDG_RUNTIME_DIR": str(tmp_path)}
    terminal = on_terminal("demo", "readme-clash", "--slow", 0.1, "--stay", env=env)
    terminal.shows("FINISHED", "12 wheels")
    terminal.press("q")
    assert terminal.finish() == 0
    assert "installed 12 wheels" in terminal.screen.text
    assert list(there.iterdir()) == []


def test_a_demo_stays_at_its_end_and_plays_the_next_one_and_the_same_again(on_terminal: Open, tmp_path: Path) -> None:
    there = tmp_path / "tmp"
    there.mkdir()
    env = {"TMPDIR": str(there), "XDG_RUNTIME_DIR": str(tmp_path)}
    terminal = on_terminal("demo", "etc-race", "--slow", 0.1, env=env)
    terminal.shows("FINISHED", "D next demo")
    assert "leaves in" not in terminal.screen.text
    terminal.press("D")
    terminal.shows("Which demonstration?", "4  namespace")
    terminal.press("enter")
    terminal.shows("demo namespace", "FINISHED", "D another demonstration (two-sessions is next)")
    terminal.press("R")
    terminal.shows("demo namespace", "LIVE")
    terminal.shows("FINISHED")
    terminal.press("q")
    assert terminal.finish() == 0
    left = terminal.screen.text
    assert left.count("installed 12 wheels") == 1
    assert left.count("installed 20 wheels") == 2
    assert "next: instui demo two-sessions" in left
    assert list(there.iterdir()) == []


def test_a_demo_that_is_left_ends(on_terminal: Open, tmp_path: Path) -> None:
    there = tmp_path / "tmp"
    there.mkdir()
    terminal = on_terminal("demo", "--slow", 5, "--stay", env={"TMPDIR": str(there), "XDG_RUNTIME_DIR": str(tmp_path)})
    terminal.shows("LIVE", "lock and its holder")
    terminal.press("q")
    terminal.shows("still running")
    assert "leave it running" not in terminal.screen.text  # its environment goes away with it
    terminal.press("l")
    terminal.press("c")
    terminal.shows("exit 130")
    terminal.press("q")
    assert terminal.finish() == 130
    assert list(there.iterdir()) == []


def test_names_that_could_steer_a_terminal_are_shown_harmlessly(
    install: Begin, make_venv: Callable[[Path], Venv], tmp_path: Path, wheels: list[Path]
) -> None:
    top = tmp_path / "\x1b[31m名前[b]"
    one = install(*wheels[:3], venv=make_venv(top))
    text = one.terminal.shows("FINISHED")
    assert r"[31m名前[b]" in text
    cells = [one.terminal.screen.grid.cells[row] for row in (0, 1, 2)]
    assert {len(row) for row in cells} == {120}
    one.terminal.press(EVENTS)
    one.terminal.shows(VIEWS[EVENTS])
    one.terminal.press("q")
    assert one.terminal.finish() == 0
    one.left()
    assert "31" not in one.terminal.screen.styles


def test_the_passwords_of_a_command_line_are_not_in_that_of_the_process_that_installs(
    install: Begin, tmp_path: Path, venv: Callable[[], Venv]
) -> None:
    wheel = build_wheel(tmp_path, "alpha", "1.0", {"alpha.py": b"# alpha"})
    target = venv()
    secret = token_hex()
    with WebServer() as web:
        url = add_wheel(web, wheel, auth=f"me:/{secret}")
        web.pages[urlsplit(url).path].hold_after = 10
        index = web.url("/simple/", f"me:%2F{secret}")
        env = {"UV_OFFLINE": "0", "UV_CACHE_DIR": str(tmp_path / "uv"), "NO_PROXY": "127.0.0.1"}
        one = install(f"--index-url={index}", "alpha", venv=target, env=env)
        one.wait_for(FetchStarted)
        assert b"alpha" in Path(f"/proc/{one.pid}/cmdline").read_bytes()
        processes = {int(place.parent.name): place for place in Path("/proc").glob("[0-9]*/cmdline")}
        shown = [pid for pid, place in processes.items() if secret.encode() in _content(place)]
        assert len(shown) == 1  # that which the user has typed
        assert one.pid not in shown
        web.pages[urlsplit(url).path].hold_after = None
        web.released.set()
        assert one.wait_for(SessionFinished).exit == 0
    assert one.wait_for(SessionStarted).command[-2:] == [f"--index-url={web.url('/simple/')}", "alpha"]
    assert secret not in one.journal.read_text()
    assert (target.site / "alpha.py").exists()


def _content(file: Path) -> bytes:
    """What is in a file that may be gone."""
    with suppress(OSError):
        return file.read_bytes()
    return b""
