"""Stopping what runs on the screen, by keys: ask, cancel, abort, leave it running."""

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from instui_engine.journal.events import (
    CommitFinished,
    CommitStarted,
    EnvironmentWaiting,
    Event,
    FetchStarted,
    ResolveStarted,
    SessionFinished,
    SessionPaused,
    SessionStarted,
    StageStarted,
    UnpackStarted,
)
from support import trees
from support.environments import Venv, read_journal
from support.on_screen import QUESTION, Begin, Install, whole
from support.webserver import Page, WebServer
from support.wheelsmith import digest

pytest_plugins = ("support.screen_fixtures",)
pytestmark = pytest.mark.pty


def test_ctrl_c_asks_and_staying_goes_on(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 5, *wheels)
    terminal = one.terminal
    one.wait_for(StageStarted)
    one.ask()
    assert terminal.shows("stay and watch", "cancel; what is installed by then, if anything, stays", "leave it running")
    terminal.press("enter")  # the harmless answer is marked
    terminal.hides(QUESTION)
    one.ask()
    terminal.press("escape")
    terminal.hides(QUESTION)
    terminal.shows("FINISHED")
    terminal.press("ctrl+c")  # nothing is left to be asked
    assert terminal.finish() == 0
    one.left()
    whole(one.venv, 10)


@contextmanager
def _resolving(install: Begin, large: Path, venv: Callable[[], Venv]) -> Iterator[tuple[Install, type[Event]]]:
    with WebServer() as web:
        index = web.add("/simple/large/", Page(b"", mute=True)).removesuffix("large/")
        yield install("--index-url", index, "large", env={"UV_OFFLINE": "0"}), ResolveStarted


@contextmanager
def _fetching(install: Begin, large: Path, venv: Callable[[], Venv]) -> Iterator[tuple[Install, type[Event]]]:
    with WebServer() as web:
        content = large.read_bytes()
        url = web.add(f"/{large.name}", Page(content, hold_after=1000))
        target = venv()
        lock = target.top.parent / "pylock.toml"
        hashed = f'hashes = {{sha256 = "{_hex(content)}"}}'
        lock.write_text(
            'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "large"\nversion = "1.0"\n'
            f'wheels = [{{url = "{url}", size = {len(content)}, {hashed}}}]\n'
        )
        own = {"INSTUI_CACHE_DIR": str(target.top.parent / "own cache"), "UV_OFFLINE": "0"}
        yield install("--pylock", lock, venv=target, env=own), FetchStarted


@contextmanager
def _unpacking(install: Begin, large: Path, venv: Callable[[], Venv]) -> Iterator[tuple[Install, type[Event]]]:
    target = venv()
    own = {"INSTUI_CACHE_DIR": str(target.top.parent / "own cache")}
    yield install("--slow", 200, large, venv=target, env=own), UnpackStarted


@contextmanager
def _staging(install: Begin, large: Path, venv: Callable[[], Venv]) -> Iterator[tuple[Install, type[Event]]]:
    venv().put(large)  # so that the store has it
    yield install("--slow", 200, large), StageStarted


@contextmanager
def _waiting(install: Begin, large: Path, venv: Callable[[], Venv]) -> Iterator[tuple[Install, type[Event]]]:
    with _held_up(install, venv(), large) as one:
        yield one, EnvironmentWaiting


@contextmanager
def _held_up(install: Begin, target: Venv, *wheels: Path) -> Iterator[Install]:
    """An install that cannot end within the block, however slow the screen is: it waits for the environment's lock."""
    with target.environment.lock_path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield install(*wheels, venv=target)


@pytest.mark.parametrize("stage", [_resolving, _fetching, _unpacking, _staging, _waiting])
def test_cancelling_ends_at_once_where_nothing_is_committed(
    stage: Callable[..., "contextmanager[tuple[Install, type[Event]]]"],  # type: ignore[valid-type]
    install: Begin,
    large: Path,
    venv: Callable[[], Venv],
) -> None:
    with stage(install, large, venv) as (one, kind):  # type: ignore[attr-defined]
        before = trees.tree(one.venv.top)
        one.wait_for(kind)
        one.ask()
        one.terminal.press("c")
        one.terminal.shows("exit 130")  # for which nobody waits as long as a stage goes on that is not cancelled
        one.terminal.press("q")
        assert one.terminal.finish() == 130
    left = one.left()
    assert left.startswith("instui: interrupted")
    assert "installed 1" not in left
    assert trees.differences(before, trees.tree(one.venv.top)) == []
    assert one.venv.stages() == []


def test_cancelling_between_two_commits_names_what_is_installed(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 8, "--jobs", 1, *wheels)
    terminal = one.terminal
    one.wait_for(CommitFinished, "dist01")
    one.ask()
    terminal.press("ctrl+c")  # again, in the question
    terminal.shows("exit 130")
    terminal.press("q")
    assert terminal.finish() == 130
    installed = whole(one.venv)
    assert 2 <= installed < 10
    left = one.left()
    assert left.startswith(f"installed {installed} of 10 wheels")
    assert "installed: dist00 1.0, dist01 1.0" in left
    assert f"instui: interrupted: {installed} of 10 distributions are installed, each whole" in left
    assert "not installed (" in left
    assert [event.exit for event in one.lines.of(SessionFinished)] == [130]


def test_the_third_ctrl_c_undoes_what_is_in_hand(install: Begin, large: Path) -> None:
    one = install("--slow", 40, "--jobs", 1, large)
    terminal = one.terminal
    one.terminal.shows("large 1.0")
    one.wait_for(CommitStarted)
    one.ask()
    terminal.press("ctrl+c")
    terminal.shows("cancelling")
    assert one.lines.of(SessionFinished) == []
    terminal.press("ctrl+c")
    terminal.shows("exit 130")
    terminal.press("ctrl+c")
    assert terminal.finish() == 130
    assert "0 of 1 distributions are installed" in one.left()
    assert not (one.venv.site / "large").exists()
    whole(one.venv, 0)


def test_a_fourth_ctrl_c_ends_an_install_that_hangs(install: Begin, large: Path, venv: Callable[[], Venv]) -> None:
    with _held_up(install, venv(), large) as one:
        terminal = one.terminal
        one.wait_for(EnvironmentWaiting)
        os.kill(one.pid, signal.SIGSTOP)  # it hears no request any more
        one.ask()
        terminal.press("ctrl+c", "ctrl+c", "ctrl+c")
        terminal.shows("DIED")
        terminal.press("q")
        assert terminal.finish() == 137
        assert "was killed (SIGKILL)" in one.left()


def test_where_there_is_no_control_socket_a_pause_is_refused_and_a_cancel_works(
    install: Begin, wheels: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import socket\n"
        "def refuse(self, address):\n"
        "    raise OSError('AF_UNIX path too long')\n"
        "class Socket(socket.socket):\n"
        "    bind = refuse\n"
        "socket.socket = Socket\n"
    )
    paths = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    one = install("--slow", 3, "--jobs", 1, *wheels, env={"PYTHONPATH": paths})
    terminal = one.terminal
    one.wait_for(CommitFinished)
    one.opened()
    terminal.press("P")
    text = terminal.shows("cannot pause the install: it could make no control socket")
    assert "asked the install to pause" not in text
    one.ask()
    terminal.press("c")
    terminal.shows("exit 130")
    assert one.lines.of(SessionPaused) == []
    assert one.lines.of(SessionStarted)[0].control == ""
    terminal.press("q")
    assert terminal.finish() == 130
    assert "instui: interrupted" in one.left()


@pytest.mark.parametrize("key", ["ctrl+c", "q"])
def test_an_install_that_is_left_running_goes_on(
    install: Begin, wheels: list[Path], venv: Callable[[], Venv], key: str
) -> None:
    with _held_up(install, venv(), *wheels) as one:
        terminal = one.terminal
        one.wait_for(EnvironmentWaiting)
        one.opened()
        terminal.press(key)
        terminal.shows("leave it running")
        terminal.press("l")
        assert terminal.finish() == 0
        left = "".join(one.left().split())  # the path may be longer than the line
        back = f"backtoitwithinstuiattach{one.journal.stem}--control"
        journal = "".join(str(one.journal).split())
        assert left == f"theinstallgoesonwithoutascreen,aspid{one.pid};{back}itsjournal:{journal}"
        assert one.lines.of(SessionFinished) == []
    one.wait_for(SessionFinished)
    whole(one.venv, 10)


def test_an_install_that_was_left_and_fails_keeps_its_journal(install: Begin, large: Path) -> None:
    with WebServer() as web:
        index = web.add("/simple/large/", Page(b"", mute=True)).removesuffix("large/")
        one = install("--index-url", index, "large", env={"UV_OFFLINE": "0", "UV_HTTP_RETRIES": "0"})
        one.wait_for(ResolveStarted)
        one.ask()
        one.terminal.press("l")
        assert one.terminal.finish() == 0
        journal = one.journal
    one.wait_for(SessionFinished)
    assert journal.exists()


@pytest.mark.parametrize("moment", [0.0, 0.15, 0.3, 0.4])
def test_ctrl_c_while_the_program_starts_leaves_nothing_running(
    install: Begin, wheels: list[Path], moment: float
) -> None:
    one = install("--slow", 3, *wheels)
    terminal = one.terminal
    end = time.monotonic() + moment
    terminal.until(lambda: time.monotonic() >= end)
    terminal.press("ctrl+c")
    with suppress(OSError):
        terminal.until(lambda: terminal.process.poll() is not None or QUESTION in terminal.screen.text)
    if terminal.process.poll() is None:
        terminal.press("c")
        terminal.shows("exit 130")
        terminal.press("q")
    code = terminal.finish()
    if code == -signal.SIGINT and one.venv.journals() == []:
        return  # before a line of the program ran
    assert code == 130
    assert "Traceback" not in terminal.screen.text
    assert "instui: interrupted" in one.left()
    for journal in one.venv.journals():
        assert read_journal(journal).of(SessionFinished) != []


def _hex(content: bytes) -> str:
    from base64 import urlsafe_b64decode

    return urlsafe_b64decode(digest(content).removeprefix("sha256=") + "=").hex()
