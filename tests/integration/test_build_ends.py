"""Several builds at once, and that no process of a build outlives it or its session."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Start
from instui_engine.commands.command import Outcome
from instui_engine.journal.events import BuildStarted
from instui_engine.session.control import Control
from support.builds import Builds
from support.cli import installed
from support.environments import Venv, until
from support.processes import is_alive
from support.projects import make_tree

pytest_plugins = ("support.build_fixtures",)


of_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

_MEET = """
import pathlib, time
here = pathlib.Path({here!r})
(here / {own!r}).touch()
while not (here / {other!r}).exists():
    time.sleep(0.01)
"""


def test_builds_run_at_once(builds: Builds, target: Venv, tmp_path: Path) -> None:
    meets = {own: _MEET.format(here=str(tmp_path), own=own, other=other) for own, other in (("1", "2"), ("2", "1"))}
    trees = [make_tree(tmp_path / f"tree{own}", f"tree{own}", during=during) for own, during in meets.items()]
    builds.put(*trees)
    assert installed(target.site) == {"tree1": "1.0", "tree2": "1.0"}
    assert {event.worker for event in builds.lines.of(BuildStarted)} == {1, 2}


_ENDLESS = """
import os, pathlib, subprocess, sys, time
nowhere = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], **nowhere)
place = pathlib.Path({pids!r})
place.with_suffix(".new").write_text(f"{{os.getpid()}} {{child.pid}}")
place.with_suffix(".new").rename(place)
time.sleep(1000)
"""


def endless(tmp_path: Path, name: str = "one") -> tuple[Path, Path]:
    """A tree whose build never ends, and the file that gets the pids of two processes of it."""
    pids = tmp_path / f"{name}.pids"
    return make_tree(tmp_path / name, name, during=_ENDLESS.format(pids=str(pids))), pids


def nobody_lives(pids: Path) -> bool:
    return not any(map(is_alive, map(int, pids.read_text().split())))


@of_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_session_ends_its_builds(
    start_instui: Start, target: Venv, tmp_path: Path, number: signal.Signals
) -> None:
    tree, pids = endless(tmp_path)
    session = start_instui(target, "--no-index", "--cache-dir", target.cache, tree)
    until(pids.exists, session.process)
    session.process.send_signal(number)
    assert session.finish()[0] == 128 + number
    assert nobody_lives(pids)
    assert not installed(target.site)
    assert not list(target.cache.glob("built-*/new/*"))
    assert not list(target.top.glob(".instui/sessions/*.log"))  # as nothing was done, there is no journal either


@of_linux
def test_a_stopped_session_in_a_bare_directory_leaves_no_log(
    start_instui: Start, target: Venv, tmp_path: Path, clean_environ: dict[str, str]
) -> None:
    tree, pids = endless(tmp_path)
    home = tmp_path / "home"
    session = start_instui(
        target, "--no-index", "--target", tmp_path / "bare", tree, env={"HOME": str(home), "XDG_STATE_HOME": ""}
    )
    until(pids.exists, session.process)
    assert list(home.rglob("*.one.log"))
    session.process.send_signal(signal.SIGINT)
    assert session.finish()[0] == 130
    assert not list(home.rglob("*.log"))


@of_linux
def test_a_killed_session_leaves_no_build_behind(start_instui: Start, target: Venv, tmp_path: Path) -> None:
    tree, pids = endless(tmp_path)
    session = start_instui(target, "--no-index", tree)
    until(pids.exists, session.process)
    session.process.kill()
    session.finish()
    until(lambda: nobody_lives(pids))


def cancelled(builds: Builds, *trees: Path, when: Callable[[], bool]) -> Outcome:
    """An install of `trees`, whose wheel "one" is cancelled."""
    control = Control()

    def cancel() -> None:
        until(when)
        control.cancel_wheel("one")

    thread = threading.Thread(target=cancel)
    thread.start()
    outcome = builds.install(*trees, control=control)
    thread.join()
    return outcome


@of_linux
def test_one_build_can_be_cancelled(builds: Builds, target: Venv, tmp_path: Path) -> None:
    tree, pids = endless(tmp_path)
    other = make_tree(tmp_path / "two", "two")
    outcome = cancelled(builds, tree, other, when=pids.exists)
    assert outcome.installed == ("two",)
    assert "one was cancelled" in outcome.error
    assert nobody_lives(pids)
    assert installed(target.site) == {"two": "1.0"}


def ask_for_its_version(tree: Path) -> None:
    """Only a build says which version the project has."""
    text = (tree / "pyproject.toml").read_text()
    (tree / "pyproject.toml").write_text(text.replace('version = "1.0"', 'dynamic = ["version"]'))


@of_linux
def test_a_build_for_its_metadata_ends_with_the_session(start_instui: Start, target: Venv, tmp_path: Path) -> None:
    tree, pids = endless(tmp_path)
    ask_for_its_version(tree)
    session = start_instui(target, "--no-index", tree)
    until(pids.exists, session.process)
    session.process.send_signal(signal.SIGINT)
    assert session.finish()[0] == 130
    assert nobody_lives(pids)


def test_a_build_for_its_metadata_has_no_terminal(builds: Builds, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    tree = make_tree(tmp_path / "one", "one")
    ask_for_its_version(tree)
    with (tree / "backend" / "tiny.py").open("a") as file:
        file.write(f"\nwith open({str(seen)!r}, 'a') as file:\n    print(os.getsid(0), file=file)\n")
    builds.put(tree)
    assert str(os.getsid(0)) not in seen.read_text().split()


@of_linux
def test_nothing_that_a_build_has_started_outlives_it(builds: Builds, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    during = _ENDLESS.format(pids=str(pids)).rpartition("time.sleep")[0]
    builds.put(make_tree(tmp_path / "one", "one", during=during))
    assert nobody_lives(pids)


# A daemon, as the double fork makes one: in a session of its own, and its parent has ended. Its pid goes into a file.
_DAEMON = """
import subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(1000)"]
nowhere = "stdin=-3, stdout=-3, stderr=-3"
code = f"import subprocess; print(subprocess.Popen({{sleep}}, {{nowhere}}).pid)"
made = subprocess.run([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE, text=True)
daemon = pathlib.Path({daemon!r})
daemon.with_suffix(".new").write_text(made.stdout)
daemon.with_suffix(".new").rename(daemon)
"""


def with_a_daemon(tmp_path: Path, then: str, name: str = "one") -> tuple[Path, Path]:
    """A tree whose build starts a daemon before the rest, and the file that gets its pid."""
    daemon = tmp_path / f"{name}.daemon"
    during = f"import pathlib, time\n{_DAEMON.format(daemon=str(daemon))}\n{then}\n"
    return make_tree(tmp_path / name, name, during=during), daemon


@of_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_daemon_ends_with_a_build_that_does_not_end_by_itself(
    start_instui: Start, target: Venv, tmp_path: Path, number: signal.Signals
) -> None:
    tree, daemon = with_a_daemon(tmp_path, "time.sleep(1000)")
    session = start_instui(target, "--no-index", tree)
    until(daemon.exists, session.process)
    session.process.send_signal(number)
    session.finish()
    if number == signal.SIGINT:
        assert nobody_lives(daemon)
    until(lambda: nobody_lives(daemon))


@of_linux
def test_a_daemon_ends_with_a_build_that_is_cancelled(builds: Builds, tmp_path: Path) -> None:
    """Also if the build does not mind SIGTERM, and a daemon of another build lives."""
    tree, daemon = with_a_daemon(tmp_path, "import signal; signal.signal(15, signal.SIG_IGN); time.sleep(1000)")
    other, others = with_a_daemon(tmp_path, "", "two")
    outcome = cancelled(builds, tree, other, when=lambda: daemon.exists() and others.exists())
    assert outcome.installed == ("two",)
    assert nobody_lives(daemon)
    assert not nobody_lives(others)
    os.kill(int(others.read_text()), signal.SIGKILL)


@of_linux
@pytest.mark.parametrize("then", ["", "raise SystemExit(1)"])
def test_a_daemon_outlives_a_build_that_ends_by_itself(builds: Builds, tmp_path: Path, then: str) -> None:
    """It may be a compiler cache, which serves others, too."""
    tree, daemon = with_a_daemon(tmp_path, then)
    assert builds.install(tree).exit_code == (1 if then else 0)
    assert not nobody_lives(daemon)
    os.kill(int(daemon.read_text()), signal.SIGKILL)


_GROUP = """
import os, pathlib, subprocess, sys
place = pathlib.Path({pids!r})
nowhere = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
sleep = [sys.executable, "-c", "import time; time.sleep(1000)"]
child = subprocess.Popen(sleep, preexec_fn=lambda: os.setpgid(0, 0), **nowhere)
place.write_text(str(child.pid))
"""


@of_linux
def test_a_group_of_its_own_is_no_daemon(builds: Builds, tmp_path: Path) -> None:
    """Ninja gives each job one."""
    pids = tmp_path / "pids"
    builds.put(make_tree(tmp_path / "one", "one", during=_GROUP.format(pids=str(pids))))
    assert nobody_lives(pids)
