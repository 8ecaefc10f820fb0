"""The screen as a guest, on a real terminal: when it opens, where it paints, and how it leaves by itself.

The tables of the rules are in `unit/test_screen_rules.py`. A moment, after which an install takes long, is none here or
endless, so that no test depends on how fast the machine is.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from instui.cli.screen_rules import VERY_SHORT
from instui_engine.journal.events import EnvironmentWaiting, SessionFinished
from support import trees
from support.environments import Venv
from support.environments import until as eventually
from support.on_screen import DASHBOARD, EVENTS, LOCKS, VIEWS, Begin, Install, Open, lives, locked
from support.processes import is_alive

pytest_plugins = ("support.screen_fixtures",)
pytestmark = pytest.mark.pty
COUNTDOWN = "s (any key stays)"


class Guest(Protocol):
    def __call__(self, moment: float, more: str = ...) -> dict[str, str]: ...


ENDLESS = 1e6


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    """The variables of a user who does not ask for the screen to stay, and for whom `moment` seconds are a moment.

    Without one, the screen is asked for: else an install that is quicker than Textual is loaded has none.
    """

    def variables(moment: float, more: str = "") -> dict[str, str]:
        place = tmp_path / "site"
        place.mkdir(exist_ok=True)
        own = f"import instui.cli.screen_rules as rules\nrules.MOMENT = {moment}\n"
        (place / "sitecustomize.py").write_text(own + more)
        paths = os.pathsep.join(filter(None, [str(place), os.environ.get("PYTHONPATH", "")]))
        return {"INSTUI_UI": "" if moment else "tui", "INSTUI_STAY": "", "PYTHONPATH": paths}

    return variables


# Textual is loaded as soon as there is a file `go`.
_LATE_TEXTUAL = """\
import sys, time, pathlib
class Late:
    def find_spec(self, name, path=None, target=None):
        while name == 'textual' and not pathlib.Path('go').exists():
            time.sleep(0.01)
if '--child' not in sys.argv:
    sys.meta_path.insert(0, Late())
"""


# -- opens


def test_what_is_over_in_a_moment_prints_its_lines_and_loads_no_screen(
    install: Begin, guest: Guest, wheels: list[Path]
) -> None:
    without = guest(ENDLESS, "import sys\nsys.modules['textual'] = sys.modules['instui.tui.app'] = None\n")
    one = install(*wheels[:2], env=without)
    assert one.terminal.finish() == 0
    assert one.terminal.screen.alternations == 0
    left = one.left()
    assert "installed 2 wheels" in left
    again = install(*wheels[:2], venv=one.venv, env=without)
    assert again.terminal.finish() == 0
    assert again.left() == "already installed: dist00 1.0, dist01 1.0; nothing to do"


def test_a_screen_that_cannot_be_loaded_does_not_hide_the_install(
    install: Begin, guest: Guest, wheels: list[Path]
) -> None:
    one = install(*wheels[:2], "--slow", 3, env=guest(0.0, "import sys\nsys.modules['textual'] = None\n"))
    assert one.terminal.finish() == 0
    assert "instui: the screen failed (" in one.left()
    assert "installed 2 wheels" in one.left()


def test_the_screen_opens_where_python_cannot_wait_for_a_process(
    install: Begin, guest: Guest, wheels: list[Path]
) -> None:
    """As in Pythons that were built for old systems."""
    one = install(*wheels[:2], "--slow", 3, env=guest(0.0, "import os\ndel os.pidfd_open\n"))
    one.opened()
    assert one.terminal.finish() == 0
    assert "installed 2 wheels" in one.left()


def test_what_takes_long_is_on_the_screen_from_its_beginning(
    install: Begin, guest: Guest, venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    target = venv()
    with locked(target):
        one = install(*wheels, venv=target, env=guest(0.1))
        one.terminal.shows("LIVE", "dist00 1.0")
        one.terminal.press(EVENTS)
        one.terminal.shows(VIEWS[EVENTS])
        one.terminal.press("g")
        one.terminal.shows("session")
    one.terminal.shows("FINISHED", "installed 10 wheels")
    one.terminal.press("q")
    assert one.terminal.finish() == 0


def test_the_install_does_not_wait_for_the_screen_to_be_loaded(
    install: Begin, guest: Guest, wheels: list[Path], tmp_path: Path
) -> None:
    """It is over before Textual is there, and so there is no screen."""
    one = install(*wheels[:2], env={**guest(0.0, _LATE_TEXTUAL), "INSTUI_UI": ""})
    one.wait_for(SessionFinished)
    eventually(lambda: not is_alive(one.pid))
    (tmp_path / "go").touch()
    assert one.terminal.finish() == 0
    assert one.terminal.screen.alternations == 0
    assert "installed 2 wheels" in one.left()


# Notes which modules are there when the install is started, as a copy of the process that will show it.
_NOTE = """\
import sys, pathlib
def note(event, arguments):
    if event == 'os.fork':
        pathlib.Path('loaded').write_text('\\n'.join(sys.modules))
sys.addaudithook(note)
"""


def test_the_install_has_begun_before_anything_is_loaded_that_shows_it(
    install: Begin, guest: Guest, wheels: list[Path], tmp_path: Path
) -> None:
    one = install(*wheels[:2], env=guest(0.0, _NOTE))
    assert one.terminal.finish() == 0
    loaded = set((tmp_path / "loaded").read_text().splitlines())
    assert "instui.cli.fullscreen" in loaded
    shows = {f"instui.{room}" for room in ("tui", "lines", "monitor")} | {"textual", "rich", "asyncio"}
    works = {"instui_engine.commands", "instui_engine.commit", "instui_engine.plan", "socket", "filelock", "packaging"}
    assert loaded & (shows | works) == set()


def test_the_process_that_installs_keeps_nothing_of_the_terminal(
    install: Begin, guest: Guest, venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    target = venv()
    with locked(target):
        one = install(*wheels[:2], "--slow", 3, venv=target, env=guest(0.0))
        one.wait_for(EnvironmentWaiting)
        one.opened()
        assert os.getsid(one.pid) == one.pid
        kept = {os.readlink(path) for path in Path(f"/proc/{one.pid}/fd").iterdir()}
        assert not [name for name in kept if name.startswith(("/dev/pts", "/dev/tty", "/dev/ptmx"))]
        shown = {os.readlink(path) for path in Path(f"/proc/{one.terminal.process.pid}/fd").iterdir()}
        assert {name for name in kept & shown if name != os.devnull} <= {str(one.journal), *_memory(kept)}
    one.terminal.shows("FINISHED")
    one.terminal.press("q")
    assert one.terminal.finish() == 0


def _memory(names: set[str]) -> set[str]:
    """Files without a name: that of the errors, which both have."""
    return {name for name in names if name.endswith("(deleted)")}


def test_what_was_typed_before_the_screen_was_there_is_no_key(
    install: Begin, guest: Guest, venv: Callable[[], Venv], wheels: list[Path], tmp_path: Path
) -> None:
    """It was meant for what runs next, or for nobody, and neither answers questions nor stops the countdown."""
    target = venv()
    with locked(target):
        one = install(*wheels, venv=target, env=guest(0.0, _LATE_TEXTUAL))
        one.wait_for(EnvironmentWaiting)
        one.terminal.press("2")
        one.terminal.press("q")
        one.terminal.press("enter")
        (tmp_path / "go").touch()
        one.terminal.shows("LIVE", VIEWS[DASHBOARD])
        time.sleep(VERY_SHORT)  # after less than that the screen would leave at once
    one.terminal.shows("FINISHED", COUNTDOWN)
    assert one.terminal.finish() == 0


@pytest.mark.parametrize("variable, flag", [("CI", ""), ("", "--quiet")])
def test_in_ci_and_quietly_nothing_is_painted(
    install: Begin, guest: Guest, wheels: list[Path], variable: str, flag: str
) -> None:
    one = install(*wheels[:2], *filter(None, [flag]), env={**guest(1e-9), **({variable: "1"} if variable else {})})
    assert one.terminal.finish() == 0
    assert one.terminal.screen.alternations == 0
    assert ("installed 2 wheels" in one.left()) == (not flag)


def test_a_demo_in_ci_prints_lines(on_terminal: Open) -> None:
    terminal = on_terminal("demo", "namespace", "--slow", 0, env={"CI": "true"})
    assert terminal.finish() == 0
    assert terminal.screen.alternations == 0
    assert "installed" in terminal.screen.text


def test_a_background_job_prints_lines_and_is_not_stopped(
    on_terminal: Open, guest: Guest, venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    target = venv()
    env = {**guest(0), "INSTUI_UI": ""}
    # were it stopped, `wait` would return, too; only a job that has ended has its own exit code
    words = ("install", "--no-deps", "--python", target.top, "--slow", 20, *wheels[:2])
    terminal = on_terminal(*words, env=env, shell='set -m; "$@" & wait $!; echo "code $?"')
    assert terminal.finish() == 0
    assert terminal.screen.alternations == 0
    assert "installed 2 wheels" in terminal.screen.text
    assert "code 0" in terminal.screen.text


def test_before_the_screen_opens_ctrl_backslash_ends_the_install_too(
    install: Begin, guest: Guest, venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    target = venv()
    with locked(target):
        one = install(*wheels[:2], venv=target, env=guest(ENDLESS))
        one.wait_for(EnvironmentWaiting)
        one.terminal.process.send_signal(signal.SIGQUIT)
        assert one.terminal.finish() == 128 + signal.SIGQUIT
        assert not lives(one.pid, one.journal.stem)
    assert "was killed (SIGQUIT)" in one.left()


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_before_the_screen_opens_signals_stop_the_install_as_they_stop_one_that_prints_lines(
    install: Begin, guest: Guest, venv: Callable[[], Venv], wheels: list[Path], number: signal.Signals, code: int
) -> None:
    target = venv()
    before = trees.tree(target.top)
    with locked(target):
        one = install(*wheels[:2], venv=target, env=guest(ENDLESS))
        one.wait_for(EnvironmentWaiting)
        if number == signal.SIGINT:
            one.terminal.press("ctrl+c")
        else:
            one.terminal.process.send_signal(number)
        assert one.terminal.finish() == code
    assert one.terminal.screen.alternations == 0
    assert "instui: interrupted" in one.left()
    assert trees.differences(before, trees.tree(target.top)) == []


# -- paints


def test_nothing_is_asked_of_the_terminal_whose_answer_could_come_when_the_screen_has_left(
    install: Begin, guest: Guest, wheels: list[Path]
) -> None:
    one = install(*wheels[:2], "--slow", 3, env=guest(0.0))
    assert one.terminal.finish() == 0
    assert b"\x1b[?2026h" in one.terminal.output  # frames are marked all the same
    assert not re.search(rb"\x1b\[[?>=0-9;]*(\$p|[cn])", one.terminal.output)


def test_a_redirected_stderr_gets_no_picture(
    on_terminal: Open, guest: Guest, venv: Callable[[], Venv], wheels: list[Path], tmp_path: Path
) -> None:
    arguments = ["install", "--no-deps", "--slow", 3, *wheels[:3], "--python"]
    lines = on_terminal(*arguments, venv().top, env=guest(1e-9), shell='"$@" 2> errors')
    assert lines.finish() == 0
    assert lines.screen.alternations == 0
    assert (tmp_path / "errors").read_bytes() == b""
    asked = on_terminal(*arguments, venv().top, "--ui", "tui", env=guest(0.0), shell='"$@" 2> errors')
    asked.shows("FINISHED", COUNTDOWN)
    assert asked.finish() == 0
    assert (tmp_path / "errors").read_bytes() == b""
    assert not asked.screen.full
    assert "installed 3 wheels" in asked.screen.text
    assert asked.attributes == asked.before


def test_a_redirected_stdout_gets_only_what_stays(
    on_terminal: Open, guest: Guest, venv: Callable[[], Venv], wheels: list[Path], tmp_path: Path
) -> None:
    arguments = ["install", "--no-deps", "--slow", 3, *wheels[:3], "--ui", "tui", "--python"]
    terminal = on_terminal(*arguments, venv().top, env=guest(0.0), shell='"$@" > lines')
    terminal.shows("FINISHED", COUNTDOWN)
    assert terminal.finish() == 0
    assert (tmp_path / "lines").read_text().startswith("installed 3 wheels")
    assert "\x1b" not in (tmp_path / "lines").read_text()
    assert terminal.attributes == terminal.before


def test_a_screen_that_is_asked_for_opens_where_stdin_is_closed(
    on_terminal: Open, guest: Guest, venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    arguments = ["install", "--no-deps", "--slow", 3, *wheels[:3], "--ui", "tui", "--python"]
    terminal = on_terminal(*arguments, venv().top, env=guest(0.0), shell='"$@" <&-')
    terminal.shows("FINISHED", COUNTDOWN)
    assert terminal.finish() == 0
    assert "the screen failed" not in terminal.screen.text
    assert terminal.attributes == terminal.before


def test_a_screen_has_its_keys_where_requirements_come_from_stdin(
    on_terminal: Open, guest: Guest, venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    arguments = ["install", "--no-deps", "--slow", 3, "--ui", "tui", "--python", venv().top, "-r", "-"]
    paths = "\\n".join(map(str, wheels[:3]))
    terminal = on_terminal(*arguments, env=guest(0.0), shell=f"printf '{paths}\\n' | \"$@\"")
    terminal.shows("FINISHED", "installed 3 wheels")
    terminal.press(EVENTS)
    terminal.shows(VIEWS[EVENTS])
    terminal.press("q")
    assert terminal.finish() == 0
    assert terminal.attributes == terminal.before


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (12, 3)])
def test_tiny_terminals(install: Begin, guest: Guest, wheels: list[Path], size: tuple[int, int]) -> None:
    one = install("--slow", 3, *wheels[:3], size=size, env=guest(0.0))
    one.terminal.until(lambda: one.terminal.screen.full, "the screen")
    one.terminal.press(LOCKS, EVENTS, DASHBOARD, "enter")
    one.wait_for(SessionFinished)
    # Where the screen has not seen the end yet, the first key asks, and that question goes with the end of the session.
    one.terminal.until(lambda: one.terminal.press("q") or one.terminal.process.poll() is not None, "the end")
    assert one.terminal.finish() == 0
    assert "the screen failed" not in one.terminal.output.decode()
    assert one.terminal.attributes == one.terminal.before


def test_a_terminal_that_does_not_know_its_size(
    on_terminal: Open, guest: Guest, venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    arguments = ["install", "--no-deps", "--slow", 3, *wheels[:3], "--python", venv().top, "--ui", "tui"]
    terminal = on_terminal(*arguments, env=guest(0.0), size=(80, 25), shell='stty cols 0 rows 0; "$@"')
    terminal.shows("FINISHED", "installed 3 wheels", COUNTDOWN)
    assert terminal.finish() == 0


# -- leaves


def test_where_nobody_types_it_leaves_and_what_comes_next_goes_on(
    on_terminal: Open, guest: Guest, venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    arguments = ["install", "--no-deps", "--slow", 1, *wheels, "--python", venv().top]
    terminal = on_terminal(*arguments, env=guest(0.0), shell='"$@" && echo "and next"')
    terminal.shows("FINISHED", "leaves in", COUNTDOWN)
    assert terminal.finish() == 0
    assert not terminal.screen.full
    lines = terminal.screen.text.splitlines()
    assert lines[0].startswith("installed 10 wheels")
    assert "and next" in lines
    assert terminal.attributes == terminal.before


def test_where_nobody_types_a_failure_leaves_with_its_lines_and_code(
    install: Begin, guest: Guest, venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    target = venv()
    with locked(target):
        one = install("--lock-timeout", 5, wheels[0], venv=target, env=guest(0.0))
        one.terminal.shows("FAILED exit 4", COUNTDOWN)
        assert one.terminal.finish() == 4
    assert "instui: " in one.left()


@pytest.mark.parametrize(
    "sent",
    ["2", "\x1b[<0;5;9M\x1b[<0;5;9m", "\x1b[<64;5;9M", "\x1b[200~pasted\x1b[201~"],
    ids=["key", "click", "wheel", "paste"],
)
def test_any_key_stays(install: Begin, guest: Guest, wheels: list[Path], sent: str) -> None:
    one = install("--slow", 1, *wheels, env=guest(0.0))
    one.terminal.shows("FINISHED", COUNTDOWN)
    one.terminal.send("\x1b[<35;7;9M")  # the mouse moves
    one.terminal.send(sent)
    one.terminal.hides(COUNTDOWN)
    one.terminal.shows("FINISHED", "quit")
    one.terminal.press("q")
    assert one.terminal.finish() == 0
    one.left()


def test_a_mouse_that_only_moves_is_nobody(install: Begin, guest: Guest, wheels: list[Path]) -> None:
    one = install("--slow", 1, *wheels, env=guest(0.0))
    one.terminal.shows("FINISHED", COUNTDOWN)
    one.terminal.send("\x1b[<35;7;9M\x1b[<35;8;9M\x1b[I")
    assert one.terminal.finish() == 0


def test_who_has_pressed_a_key_sees_the_failure(
    install: Begin, guest: Guest, venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    target = venv()
    with locked(target):
        one = install(*wheels, venv=target, env=guest(0.0))
        one.terminal.shows("LIVE", "dist00 1.0")
        one.terminal.press("2")
        one.terminal.shows(VIEWS[LOCKS])
        os.kill(one.pid, signal.SIGKILL)
        assert COUNTDOWN not in one.terminal.shows("DIED", "was killed (SIGKILL)")
    one.terminal.press("q")
    assert one.terminal.finish() == 137


def test_stay_opens_and_stays(install: Begin, guest: Guest, wheels: list[Path]) -> None:
    one = install(wheels[0], "--stay", env=guest(ENDLESS))
    assert COUNTDOWN not in one.terminal.shows("FINISHED", "installed 1 wheel")
    one.terminal.press("q")
    assert one.terminal.finish() == 0
    again = install(wheels[0], venv=one.venv, env={**guest(ENDLESS), "INSTUI_STAY": "1"})
    assert COUNTDOWN not in again.terminal.shows("FINISHED", "already installed")
    again.terminal.press("q")
    assert again.terminal.finish() == 0


def test_nothing_to_do_leaves_at_once(
    install: Begin, guest: Guest, venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    target = venv()
    target.put(wheels[0])
    one = install(wheels[0], venv=target, env=guest(0.0))
    assert one.terminal.finish() == 0
    assert COUNTDOWN.encode() not in one.terminal.output
    assert one.left() == "already installed: dist00 1.0; nothing to do"


@pytest.mark.needs("script")
@pytest.mark.parametrize("flags, code", [([], 0), (["--fail-on-conflict"], 3)], ids=["well", "conflict"])
def test_under_script_it_ends_by_itself_with_its_exit_code(
    clean_environ: dict[str, str],
    guest: Guest,
    venv: Callable[[], Venv],
    wheels: list[Path],
    tmp_path: Path,
    flags: list[str],
    code: int,
) -> None:
    """`script` types the end of its input into the terminal, which is no key of a person."""
    target = venv()
    words = [sys.executable, "-m", "instui", "install", "--no-deps", "--slow", "1", *flags]
    command = " ".join([*words, "--python", str(target.top), *map(str, wheels)])
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        env={**clean_environ, **guest(0.0), "TERM": "xterm-256color", "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=tmp_path,
        timeout=240,
    )
    assert done.returncode == code
    assert code or b"\x1b[?1049h" in done.stdout
    after = done.stdout.rpartition(b"\x1b[?1049l")[2].decode()
    assert ("installed 10 wheels" in after) == (not code)
    assert ("instui: " in after) == bool(code)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT])
def test_a_screen_that_is_told_to_go_gives_its_terminal_back_and_leaves_the_install(
    install: Begin, guest: Guest, venv: Callable[[], Venv], wheels: list[Path], number: signal.Signals
) -> None:
    target = venv()
    with locked(target):
        one = install(*wheels, venv=target, env=guest(0.0))
        one.terminal.shows("LIVE", "dist00 1.0")
        one.terminal.process.send_signal(number)
        assert one.terminal.finish() == -number
        one.left()
        assert one.lines.of(SessionFinished) == []
    assert one.wait_for(SessionFinished).exit == 0


def _only(one: Install) -> set[str]:
    return {character for character in one.terminal.output.decode() if not character.isascii()}


@pytest.mark.parametrize("locale", ["C", "xx_XX.ISO-8859-1"])
def test_where_the_locale_has_no_glyphs_the_screen_is_ascii(install: Begin, wheels: list[Path], locale: str) -> None:
    one = install("--slow", 1, *wheels[:4], env={"LANG": locale})
    one.terminal.shows("FINISHED")
    for key in (*VIEWS, DASHBOARD):
        one.terminal.press(key)
        one.terminal.shows(VIEWS[key])
    one.terminal.press("?")
    one.terminal.shows("keys and signs")
    one.terminal.press("escape")
    one.terminal.hides("keys and signs")
    one.terminal.press("q")
    assert one.terminal.finish() == 0
    assert one.terminal.output.isascii()
    assert b"\\u" not in one.terminal.output
    assert b"\\x" not in one.terminal.output
    one.left()


@pytest.mark.parametrize("utf8", ["", "1"], ids=["", "UTF-8 mode"])
def test_lines_are_in_the_encoding_of_the_terminal(
    on_terminal: Open, venv: Callable[[], Venv], wheels: list[Path], utf8: str
) -> None:
    env = {"LC_ALL": "C", "PYTHONUTF8": utf8}
    terminal = on_terminal(
        "install", "--slow", "3", "--ui", "plain", "--python", venv().top, "--no-deps", *wheels[:3], env=env
    )
    assert terminal.finish() == 0
    assert terminal.output.isascii()
    assert b" - " in terminal.output  # between the counters
    assert b"\\" not in terminal.output
    wrong = on_terminal("install", "--python", venv().top, "./Ω.whl", env=env)
    assert wrong.finish() in (1, 2)
    assert b"\\u03a9.whl" in wrong.output


def test_keys_that_are_no_text_break_nothing(install: Begin, wheels: list[Path]) -> None:
    one = install(wheels[0])
    one.terminal.shows("FINISHED")
    os.write(one.terminal.master, b"\xe9\xff\xc3")
    one.terminal.press("2")
    one.terminal.shows(VIEWS[LOCKS])
    one.terminal.press("q")
    assert one.terminal.finish() == 0
    assert "the screen failed" not in one.left()
