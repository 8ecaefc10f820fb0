"""The full screen on a real terminal, as processes: what one sees, what keys and signals do, what outlives what."""

import fcntl
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

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
    SessionResumed,
    SessionStarted,
    StageStarted,
    UnpackStarted,
)
from support import trees
from support.environments import Lines, Venv, read_journal
from support.environments import until as eventually
from support.indexes import add_wheel
from support.terminal import UNPAINTED, Terminal
from support.webserver import Page, WebServer
from support.wheelsmith import build_wheel, digest

pytestmark = pytest.mark.pty
E = TypeVar("E")
QUESTION = "Stop the install?"
DETAIL = "back to the list"
# what stands above the rows of each view at its left
VIEWS = {"1": "     wheel", "2": "  path", "3": "  replaced", "4": "time  event"}
SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
# bold, dim, italic, underline, reverse, strike, their ends, and back to the terminal's own colours
COLOURLESS = {"", "0", "1", "2", "3", "4", "7", "9", "22", "23", "24", "27", "29", "39", "49"}


class Install:
    """`instui install` on a terminal, and its session."""

    def __init__(self, terminal: Terminal, venv: Venv) -> None:
        self.terminal = terminal
        self.venv = venv
        self._before = set(venv.journals())

    @property
    def screen(self) -> str:
        return self.terminal.screen.text

    @property
    def journal(self) -> Path:
        """The session's journal, as soon as there is one."""
        return self.terminal.until(lambda: [path for path in self.venv.journals() if path not in self._before])[0]

    @property
    def lines(self) -> Lines:
        return read_journal(self.journal)

    @property
    def pid(self) -> int:
        """The process that installs."""
        return self.wait_for(SessionStarted).pid

    def wait_for(self, kind: type[E], wheel: str = "") -> E:
        """The first event of that kind, as soon as it is in the journal; the terminal is read in the meantime."""
        return self.terminal.until(lambda: self.lines.of(kind, wheel), kind.__name__)[0]

    def ask(self) -> None:
        """Press ctrl+c and wait for the question."""
        self.terminal.press("ctrl+c")
        self.terminal.shows(QUESTION)

    def left(self) -> str:
        """What stays on the normal screen of a terminal that is as it was before."""
        terminal = self.terminal
        screen = terminal.screen
        assert not screen.full
        assert screen.modes == {7, 25}  # line wrap and cursor; no mouse, focus, paste
        assert screen.keyboards == 0
        assert terminal.attributes == terminal.before
        assert screen.unknown == []
        return screen.text.strip()


class Open(Protocol):
    def __call__(
        self,
        *arguments: object,
        size: tuple[int, int] = ...,
        env: Mapping[str, str] | None = ...,
        cwd: Path | None = ...,
    ) -> Terminal: ...


class Begin(Protocol):
    def __call__(
        self,
        *arguments: object,
        venv: Venv | None = ...,
        size: tuple[int, int] = ...,
        env: Mapping[str, str] | None = ...,
    ) -> Install: ...


@pytest.fixture
def on_terminal(clean_environ: dict[str, str], tmp_path: Path) -> Iterator[Open]:
    """Starts `instui WORDS` on a terminal of its own; what still runs at the end of the test is killed."""
    terminals: list[Terminal] = []

    def start(
        *arguments: object,
        size: tuple[int, int] = (120, 34),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Terminal:
        command = [sys.executable, "-m", "instui", *map(str, arguments)]
        terminals.append(Terminal(command, {**clean_environ, **(env or {})}, size, cwd or tmp_path))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()


@pytest.fixture
def install(on_terminal: Open, venv: Callable[[], Venv]) -> Iterator[Begin]:
    """Starts `instui install --no-deps WORDS` on a terminal, into a new environment where none is given."""
    installs: list[Install] = []

    def begin(
        *arguments: object,
        venv: Venv | None = None,
        size: tuple[int, int] = (120, 34),
        env: Mapping[str, str] | None = None,
    ) -> Install:
        target = venv or make()
        before = set(target.journals())
        terminal = on_terminal("install", "--no-deps", "--python", target.top, *arguments, size=size, env=env)
        installs.append(Install(terminal, target))
        installs[-1]._before = before
        return installs[-1]

    make = venv
    yield begin
    for one in installs:
        for journal in one.venv.journals():
            for started in read_journal(journal).of(SessionStarted):
                if _lives(started.pid, journal.stem):
                    os.kill(started.pid, signal.SIGKILL)


def _lives(pid: int, identity: str) -> bool:
    """Whether the process that installs as `identity` still runs."""
    try:
        return identity.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Ten distributions with packages of their own; each writes over the README of those before."""
    place = tmp_path_factory.mktemp("wheels")
    return [
        build_wheel(
            place,
            f"dist{number:02}",
            "1.0",
            {
                "README.txt": f"of {number}\n".encode(),
                **{f"dist{number:02}/module{part}.py": b"PART = %d\n" % part for part in range(3)},
            },
        )
        for number in range(10)
    ]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A distribution of many files, on which a slowed-down install is busy for long in each phase."""
    files = {f"large/module{part}.py": b"PART = %d\n" % part for part in range(40)}
    return build_wheel(tmp_path_factory.mktemp("large"), "large", "1.0", files)


NAMES = [f"dist{number:02}-1.0" for number in range(10)]


def whole(venv: Venv, expected: int | None = None) -> int:
    """How many distributions are installed; each is complete but for the file that they share."""
    found = trees.distributions(venv.site)
    for name in found:
        wrong = [row for row in trees.wrong_rows(venv.site, name) if "README.txt" not in row]
        assert wrong == [], name
    assert expected is None or len(found) == expected
    return len(found)


# -- start, views, end


def test_the_screen_shows_the_install_and_leaves_the_terminal_as_it_was(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 3, *wheels)
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
    one = install(wheels[0], env={"UV_NO_BINARY": "1"})
    one.terminal.shows("FINISHED")
    one.terminal.press("q")
    assert one.terminal.finish() == 0
    assert one.left().startswith("warning: UV_NO_BINARY is set; instui installs wheels only\ninstalled 1 wheel, ")


@pytest.mark.parametrize("size", [(50, 15), (80, 24), (200, 50)])
def test_any_size_of_window(install: Begin, wheels: list[Path], size: tuple[int, int]) -> None:
    one = install(*wheels, size=size)
    terminal = one.terminal
    terminal.shows("installed 10 wheels")
    for key in "2341":
        terminal.press(key)
        terminal.shows("quit")
    terminal.press("q")
    assert terminal.finish() == 0
    one.left()


def test_haste_breaks_nothing(install: Begin, wheels: list[Path]) -> None:
    """Keys that come before the screen for which they are meant is there."""
    one = install("--slow", 1, *wheels)
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
        "    DashboardView.do_down = lambda self: 1 / 0\n"
    )
    paths = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    one = install("--slow", 1.5, *wheels, env={"PYTHONPATH": paths, "INSTUI_DEBUG": debug})
    one.terminal.shows("LIVE")
    one.terminal.press("j")
    assert one.terminal.finish() == 0
    left = one.left()
    assert "instui: the screen failed (" in left
    assert "going on with lines" in left
    assert "installed 10 wheels" in left
    assert ("Traceback" in one.terminal.output.decode()) == bool(debug)
    whole(one.venv, 10)


def test_resizing_paints_every_cell_anew(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 1.5, *wheels)
    terminal = one.terminal
    terminal.shows("dist00 1.0")
    for size in ((50, 15), (200, 50), (81, 25), (50, 15), (120, 40)):
        for view in "14":
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
    terminal = on_terminal("demo", "readme-clash", "--slow", 0.1, env=env)
    terminal.shows("FINISHED", "12 wheels")
    terminal.press("q")
    assert terminal.finish() == 0
    assert "installed 12 wheels" in terminal.screen.text
    assert list(there.iterdir()) == []


def test_a_demo_that_is_left_ends(on_terminal: Open, tmp_path: Path) -> None:
    there = tmp_path / "tmp"
    there.mkdir()
    terminal = on_terminal("demo", "--slow", 5, env={"TMPDIR": str(there), "XDG_RUNTIME_DIR": str(tmp_path)})
    terminal.shows("wheels", "LIVE")
    terminal.press("q")
    terminal.shows("still running")
    assert "leave it running" not in terminal.screen.text  # its environment goes away with it
    terminal.press("l")
    terminal.press("c")
    terminal.shows("exit 130")
    terminal.press("q")
    assert terminal.finish() == 130
    assert list(there.iterdir()) == []


# -- ctrl+c


def test_ctrl_c_asks_and_staying_goes_on(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 1.5, *wheels)
    terminal = one.terminal
    one.wait_for(StageStarted)
    one.ask()
    assert terminal.shows("stay and watch", "cancel between two commits", "leave it running")
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
    target = venv()
    with target.environment.lock_path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield install(large, venv=target), EnvironmentWaiting


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
    one = install("--slow", 3, "--jobs", 1, *wheels)
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
    assert "not installed: dist" in left
    assert [event.exit for event in one.lines.of(SessionFinished)] == [130]


def test_the_third_ctrl_c_undoes_what_is_in_hand(install: Begin, large: Path) -> None:
    one = install("--slow", 10, "--jobs", 1, large)
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


def test_a_fourth_ctrl_c_ends_an_install_that_hangs(install: Begin, large: Path) -> None:
    one = install("--slow", 10, "--jobs", 1, large)
    terminal = one.terminal
    one.wait_for(CommitStarted)
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
        "import socket, sys\n"
        "def refuse(self, address):\n"
        "    raise OSError('AF_UNIX path too long')\n"
        "if '--child' in sys.argv:\n"
        "    class Socket(socket.socket):\n"
        "        bind = refuse\n"
        "    socket.socket = Socket\n"
    )
    paths = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    one = install("--slow", 3, "--jobs", 1, *wheels, env={"PYTHONPATH": paths})
    terminal = one.terminal
    one.wait_for(CommitFinished)
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
def test_an_install_that_is_left_running_goes_on(install: Begin, wheels: list[Path], key: str) -> None:
    one = install("--slow", 1.5, *wheels)
    terminal = one.terminal
    one.wait_for(StageStarted)
    terminal.press(key)
    terminal.shows("leave it running")
    terminal.press("l")
    assert terminal.finish() == 0
    left = "".join(one.left().split())  # the path may be longer than the line
    assert left == f"theinstallgoesonwithoutascreen,aspid{one.pid}itsjournal:{''.join(str(one.journal).split())}"
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
    if moment == 0.0 and code == -signal.SIGINT:
        return  # before a line of the program ran
    assert code == 130
    assert "Traceback" not in terminal.screen.text
    assert "instui: interrupted" in one.left()
    for journal in one.venv.journals():
        assert read_journal(journal).of(SessionFinished) != []


# -- ends that nobody asked for


def test_a_killed_screen_does_not_stop_the_install(install: Begin, wheels: list[Path], large: Path) -> None:
    one = install("--slow", 1.5, *wheels)
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
def test_a_closed_window_does_not_stop_the_install(install: Begin, wheels: list[Path], deaf: bool) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN) if deaf else None
    try:
        one = install("--slow", 1.5, *wheels)
    finally:
        if deaf:
            signal.signal(signal.SIGHUP, before)
    one.terminal.shows("LIVE")
    one.wait_for(StageStarted)
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
    for key in "2341":
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
    unread = install("--slow", 1.5, *wheels)
    unread.terminal.shows("LIVE")
    unread.wait_for(SessionStarted)
    for _ in range(10):
        unread.terminal.press("2", "4", "1")  # whole screens: more than a terminal keeps for its reader
    eventually(lambda: unread.lines.of(SessionFinished))  # in which the terminal is not read
    unread.terminal.shows("FINISHED", "installed 10 wheels", "1 Dashboard")
    assert unread.terminal.screen.unknown == []
    unread.terminal.press("q")
    assert unread.terminal.finish() == 0
    unread.left()


# -- errors


@pytest.mark.parametrize(
    "arguments, expected, code",
    [
        (["install", "--python", "no/such/place", "x"], "no/such/place", None),
        (["install", "--no-such-flag"], "--no-such-flag", 2),
        (["install", "--jobs", "0", "x"], "--jobs", 2),
        (["demo", "no-such-demo"], "no-such-demo", 2),
        (["install", "--python", "\x1b]0;gone\x07\x1b[31mred", "x"], r"\x1b]0;gone\x07\x1b[31mred", None),
    ],
    ids=["environment", "flag", "value", "demo", "hostile"],
)
def test_errors_before_the_start_open_no_screen(
    on_terminal: Open, arguments: list[str], expected: str, code: int | None
) -> None:
    terminal = on_terminal(*arguments)
    ended = terminal.finish()
    assert ended == code if code else ended in (1, 2)
    assert terminal.screen.alternations == 0
    assert b"\x1b" not in terminal.output
    assert terminal.screen.text.startswith("instui: ")
    assert expected in terminal.screen.text.replace("\n", "")


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--no-index", "nosuchthing"], "nosuchthing was not found"),
        (["x[/bad]"], "x[/bad]"),
        (["x[red]y"], "x[red]y"),
        (["[bold]/\x1b[31mred\x1b]0;gone\x07.whl"], r"\x1b[31mred"),
        ([], "nothing to install"),
        (["--journal", "no/such/directory/journal", "x"], "cannot write the journal"),
        (["bad-1.0-py3-none-any.whl"], "not a zip archive"),
    ],
    ids=["unknown", "extra", "markup", "escapes", "nothing", "journal", "bad wheel"],
)
def test_an_error_is_on_the_screen_and_stays_afterwards(
    install: Begin, tmp_path: Path, arguments: list[str], expected: str
) -> None:
    (tmp_path / "bad-1.0-py3-none-any.whl").write_bytes(b"no zip")
    one = install(*arguments)
    before = trees.tree(one.venv.top)
    terminal = one.terminal
    terminal.shows("FAILED exit", expected)
    terminal.press("q")
    code = terminal.finish()
    assert code in (1, 2)
    left = one.left()
    assert left.startswith("instui: ")
    assert expected in left.replace("\n", "")
    assert "abruptly" not in left
    assert "31" not in terminal.screen.styles
    assert b"]0;gone" not in bytes(terminal.output).replace(rb"\x1b]0;gone", b"")
    assert trees.differences(before, trees.tree(one.venv.top)) == []
    assert not (one.venv.top / ".instui").exists()


def test_a_dry_run_ends_on_a_screen_that_says_what_would_be_done(
    install: Begin, venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    target = venv()
    target.put(*wheels[:2])
    before = trees.tree(target.top)
    first = install("--dry-run", "--ui", "tui", "--reinstall", *wheels[1:3], venv=target)
    first.terminal.shows("FINISHED", "would install 2 wheels", "planned", "replaces 1.0")
    first.terminal.press("q")
    assert first.terminal.finish() == 0
    left = first.left()
    assert left.startswith("would install 2 wheels")
    assert "dist01 1.0 (again)" in left and "  dist02 1.0\n" in left
    assert trees.differences(before, trees.tree(target.top)) == []
    assert set(target.journals()) == first._before
    plain = install("--dry-run", wheels[2], venv=target).terminal  # the full screen only on request
    assert plain.finish() == 0
    assert plain.screen.alternations == 0


def test_names_that_could_steer_a_terminal_are_shown_harmlessly(
    install: Begin, make_venv: Callable[[Path], Venv], tmp_path: Path, wheels: list[Path]
) -> None:
    top = tmp_path / "\x1b[31m名前[b]"
    one = install(*wheels[:3], venv=make_venv(top))
    text = one.terminal.shows("FINISHED")
    assert r"[31m名前[b]" in text
    cells = [one.terminal.screen.grid.cells[row] for row in (0, 1, 2)]
    assert {len(row) for row in cells} == {120}
    one.terminal.press("4")
    one.terminal.shows(VIEWS["4"])
    one.terminal.press("q")
    assert one.terminal.finish() == 0
    one.left()
    assert "31" not in one.terminal.screen.styles


# -- where there is no full screen, and how it looks


def test_without_a_terminal_or_on_a_dumb_one_lines_are_printed(
    on_terminal: Open, run_instui: Callable[..., object], venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    arguments = ["install", "--no-deps", *wheels[:2], "--python"]
    piped = run_instui(*arguments, venv().top)
    assert (piped.returncode, piped.stderr) == (0, "")  # type: ignore[attr-defined]
    assert "installed 2 wheels" in piped.stdout  # type: ignore[attr-defined]
    asked = run_instui(*arguments, venv().top, "--ui", "tui")
    assert asked.returncode == 0  # type: ignore[attr-defined]
    assert asked.stderr == "instui: no terminal here, so --ui plain is used\n"  # type: ignore[attr-defined]
    assert "\x1b" not in piped.stdout + asked.stdout  # type: ignore[attr-defined]
    dumb = on_terminal(*arguments, venv().top, env={"TERM": "dumb"})
    assert dumb.finish() == 0
    assert b"\x1b" not in dumb.output
    assert "installed 2 wheels" in dumb.screen.text


def _tour(one: Install) -> None:
    """See every screen."""
    terminal = one.terminal
    terminal.shows("FINISHED")
    for key in "2341":
        terminal.press(key)
        terminal.shows(VIEWS[key])
    terminal.press("?")
    terminal.shows("keys and signs")
    terminal.press("escape")
    terminal.hides("keys and signs")
    terminal.press(":")
    terminal.shows("maximize")
    terminal.press("down", *"mono")
    terminal.shows("theme mono")
    terminal.press("escape")
    terminal.hides("theme mono")
    terminal.press("a", "g", "enter")
    terminal.shows(DETAIL, "dist00 1.0")
    terminal.press("escape")
    terminal.hides(DETAIL)
    terminal.press("q")
    assert terminal.finish() == 0
    one.left()


def test_no_color_sends_none(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 1, *wheels[:4], env={"NO_COLOR": "1"})
    _tour(one)
    sent = {part for style in one.terminal.screen.styles for part in style.split(";")}
    assert sent <= COLOURLESS


def test_ascii_sends_nothing_else(install: Begin, wheels: list[Path]) -> None:
    one = install("--slow", 1, "--ascii", *wheels[:4])
    _tour(one)
    assert {character for character in one.terminal.output.decode() if not character.isascii()} == set()


def _hex(content: bytes) -> str:
    from base64 import urlsafe_b64decode

    return urlsafe_b64decode(digest(content).removeprefix("sha256=") + "=").hex()


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
