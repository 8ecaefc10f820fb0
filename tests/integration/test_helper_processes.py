"""A helper process inherits nothing but what it is given, and ends with its parent, however that dies."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from instui_engine import helper
from instui_engine.helper import Helper
from support.environments import until
from support.processes import is_alive

# a parent that holds a lock, starts a helper, says its pid and waits; with "fork", a fork of it outlives it
_PARENT = """
import fcntl, os, sys, time
from instui_engine import helper
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
os.set_inheritable(lock, True)
started = helper.start("support.echo")
started.answers.readline()
closed, close = os.pipe()
fork = os.fork() if "fork" in sys.argv else 0
if "fork" in sys.argv and not fork:
    os.close(lock)
    os.close(1)
    os.close(close)
    time.sleep(600)
    os._exit(0)
os.close(close)
os.read(closed, 1)
print(started.pid, fork, flush=True)
time.sleep(600)
"""


@pytest.fixture
def echo() -> Iterator[Helper]:
    started = helper.start("support.echo")
    assert started is not None
    yield started
    started.close()


def test_a_helper_answers_in_a_process_group_of_its_own(echo: Helper) -> None:
    first = echo.answers.readline()
    assert first.endswith(b"True []\n")  # neither `site` nor anything heavy is imported
    echo.requests.write(b"done?\n")
    echo.requests.flush()
    assert echo.answers.readline() == b"done?\n"


def test_where_there_is_no_interpreter_there_are_no_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert helper.start("support.echo") is None
    monkeypatch.delattr(sys, "frozen")
    monkeypatch.setattr(sys, "executable", None)
    assert helper.start("support.echo") is None


def test_a_helper_inherits_what_it_is_given_and_nothing_else(tmp_path: Path) -> None:
    given = os.open(tmp_path, os.O_RDONLY)
    kept = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(kept, True)
    started = helper.start("support.echo", (given,))
    assert started is not None
    try:
        text = started.answers.readline().decode()
        inherited, _, rest = text.partition("] ")
        assert inherited == f"[{given}"
        descriptors = set(map(int, rest.partition("]")[0].strip("[").split(", ")))
        assert descriptors == {0, 1, 2, given}
    finally:
        started.close()
        os.close(given)
        os.close(kept)


def test_a_closed_helper_is_gone_and_reaped(echo: Helper) -> None:
    os.kill(echo.pid, signal.SIGSTOP)
    echo.requests.write(b"never read\n")
    echo.close()
    echo.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(echo.pid, os.WNOHANG)


@pytest.mark.parametrize("with_fork", [False, True])
def test_a_helper_ends_with_its_parent_and_keeps_no_lock(tmp_path: Path, with_fork: bool) -> None:
    lock = tmp_path / "lock"
    command = [sys.executable, "-c", _PARENT, str(lock), *(["fork"] if with_fork else [])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as parent:
        assert parent.stdout is not None
        pid, fork = map(int, parent.stdout.readline().split())
        try:
            parent.kill()
            parent.wait()
            descriptor = os.open(lock, os.O_RDWR)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(descriptor)
            until(lambda: not is_alive(pid))
        finally:
            if fork:
                os.kill(fork, signal.SIGKILL)


def test_a_helper_that_cannot_be_started_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.listdir("/proc/self/fd")
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert helper.start("support.echo") is None
    assert os.listdir("/proc/self/fd") == before
