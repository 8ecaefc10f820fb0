"""Several builds at once, and that no process of a build outlives it or its session."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from conftest import Start
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


@of_linux
def test_a_killed_session_leaves_no_build_behind(start_instui: Start, target: Venv, tmp_path: Path) -> None:
    tree, pids = endless(tmp_path)
    session = start_instui(target, "--no-index", tree)
    until(pids.exists, session.process)
    session.process.kill()
    session.finish()
    until(lambda: nobody_lives(pids))


@of_linux
def test_one_build_can_be_cancelled(builds: Builds, target: Venv, tmp_path: Path) -> None:
    tree, pids = endless(tmp_path)
    other = make_tree(tmp_path / "two", "two")
    control = Control()

    def cancel() -> None:
        until(pids.exists)
        control.cancel_wheel("one")

    thread = threading.Thread(target=cancel)
    thread.start()
    outcome = builds.install(tree, other, control=control)
    thread.join()
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
