"""The supervisor of a build, duty by duty, without a build."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from instui_engine.build import running, supervisor
from instui_engine.build.running import Output, run
from support.environments import PATIENCE, until

# Runs the supervisor with changed parts of it; the first argument is what changes them.
_CHANGED = f"""
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("supervisor", {supervisor.__file__!r})
supervisor = importlib.util.module_from_spec(spec)
spec.loader.exec_module(supervisor)
exec(sys.argv[1])
os._exit(supervisor._main(int(sys.argv[2]), sys.argv[3:]))
"""


def start(*command: object, change: str = "", parent: int = 0) -> "subprocess.Popen[str]":
    whole = [sys.executable, "-c", _CHANGED, change, str(parent or os.getpid()), *map(str, command)]
    pipe = subprocess.PIPE
    return subprocess.Popen(whole, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


@pytest.mark.parametrize(("what", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("exit 0", 0)])
def test_its_exit_code_is_that_of_the_command(what: str, code: int) -> None:
    process = start("sh", "-c", what)
    assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == code


def test_a_command_that_is_not_there_is_named() -> None:
    process = start("/nowhere/command")
    assert process.communicate(timeout=PATIENCE)[1] == (
        "error: cannot run /nowhere/command: No such file or directory\n"
    )
    assert process.returncode == 127


_POLITE = """
import os, pathlib, signal, sys, time
here = pathlib.Path(sys.argv[1])
def end(number, frame):
    (here / "heard").touch()
    while not (here / "go").exists():
        time.sleep(0.01)
    os._exit(5)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(1000)
"""


def test_a_command_that_is_to_end_has_a_while_for_that(tmp_path: Path) -> None:
    process = start(sys.executable, "-c", _POLITE, tmp_path, change=f"supervisor._PATIENCE = {PATIENCE}")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    until((tmp_path / "heard").exists, process)
    (tmp_path / "go").touch()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 5


def test_a_command_that_does_not_end_is_killed() -> None:
    process = start("sh", "-c", "trap '' TERM; echo ready; sleep 1000", change="supervisor._PATIENCE = 0.1")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    process.communicate(timeout=PATIENCE)  # returns when nobody has the pipe any more
    assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_interrupt_is_for_the_command(number: signal.Signals) -> None:
    process = start("sh", "-c", f"echo ready; read line; kill -{number} $$; exit 3")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    process.communicate("go on\n", timeout=PATIENCE)
    assert process.returncode == 128 + number  # the command does not ignore it


def test_without_proc_the_group_ends_when_the_parent_is_gone() -> None:
    process = start("sleep", "1000", change="supervisor._children = lambda: []", parent=1 << 30)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL


_NONE = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[2:], close_fds=False))"


def test_a_group_ends_after_a_supervisor_that_has_left_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where it does not know its descendants."""
    careless = tmp_path / "careless.py"
    careless.write_text(_NONE)
    monkeypatch.setattr(running, "_SUPERVISOR", str(careless))
    read, write = os.pipe()
    try:
        command = ["sh", "-c", "sleep 100 > /dev/null 2>&1 &"]
        assert run(command, os.environ, Output(-1, lambda line: None, 0), lambda: False, (write,)) == 0
    finally:
        os.close(write)
    ends = select.poll()
    ends.register(read, 0)  # a hang-up is told in any case
    assert ends.poll(PATIENCE * 1000) == [(read, select.POLLHUP)]  # whoever had its other end is gone
    os.close(read)


@pytest.mark.skipif(sys.platform != "linux", reason="knows its descendants by /proc")
def test_what_cannot_be_killed_is_left_alone_after_a_while() -> None:
    another = "supervisor._children = lambda: [(1 << 30, os.getpid())]"
    process = start("true", change=f"{another}; supervisor._LONGEST = 0.1")
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
