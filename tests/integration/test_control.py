"""The control socket: there is one wherever a session runs, and only its owner (and root) is obeyed."""

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import Start
from instui_engine.commands.command import Recording
from instui_engine.commands.install import install
from instui_engine.errors import InstuiError
from instui_engine.journal.events import (
    CommitStarted,
    LockWaiting,
    SessionPaused,
    SessionStarted,
    StageStarted,
    WorkersChanged,
)
from instui_engine.resolve.request import Request
from instui_engine.session import control as control_module
from instui_engine.session.context import Context
from instui_engine.session.control import Control, ControlServer, ask, send
from instui_engine.session.options import Options
from support.environments import Venv, until
from support.wheelsmith import build_wheel

NOBODY = 65534
# as another user: says what the session answers
_ASK = """
import os, socket, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
    connection.connect(sys.argv[1])
    try:
        connection.sendall(sys.argv[3].encode() + b"\\n")
        print(connection.recv(1 << 16).decode())
    except (BrokenPipeError, ConnectionResetError):
        print()
"""

# as another user: attaches to a session
_ATTACH = """
import os, sys
from instui.cli.attach import choose
from instui.monitor.remote import Remote
from instui_engine.errors import UsageError
import instui_engine.session.control
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
remote = Remote("", sys.argv[1], lambda: True, may_control=True)
print(remote.can_control, remote.read_only)
remote.pause()
print(remote.refusal())
try:
    choose([sys.argv[3]], [], None)
except UsageError as error:
    print(error)
"""


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A directory that everybody may enter, which those of pytest are not."""
    directory = Path(tempfile.mkdtemp(prefix="instui-test-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def server(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ControlServer, Control]]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    control = Control()
    server = ControlServer(control, "20260101-000000-1-abcd")
    yield server, control
    server.close()


def test_its_words_are_obeyed_and_others_refused(server: tuple[ControlServer, Control]) -> None:
    listening, control = server
    send(listening.path, "pause")
    assert control.paused
    send(listening.path, "resume")
    assert not control.paused
    with pytest.raises(InstuiError, match="did not understand"):
        send(listening.path, "dance")
    send(listening.path, "cancel")
    assert (control.exit_code, control.aborted) == (130, False)
    send(listening.path, "abort")
    assert control.aborted
    listening.close()
    assert not Path(listening.path).exists()


def test_a_session_may_be_over_before_its_thread_has_run(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[Callable[[], None]] = []

    class Late(threading.Thread):
        def start(self) -> None:
            late.append(self.run)

    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    with monkeypatch.context() as patch:
        patch.setattr(threading, "Thread", Late)
        ControlServer(Control(), "20260101-000000-1-abcd").close()
    (run,) = late
    run()  # it returns, and prints no traceback


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="this system does not tell who connects")
def test_another_user_who_gets_to_the_socket_is_not_obeyed(server: tuple[ControlServer, Control]) -> None:
    listening, control = server
    path = Path(listening.path)
    path.parent.chmod(0o755)  # as if the directory had not kept them out
    path.chmod(0o666)
    control.wheels.expect(["tool"])

    def ask(uid: int, request: str) -> str:
        command = [sys.executable, "-I", "-c", _ASK, str(path), str(uid), request]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.strip()

    for request in ("state", "workers 3", "cancel tool", "pause"):
        assert ask(NOBODY, request) == ""
    assert (control.paused, control.workers, len(control.wheels)) == (False, 0, 0)
    assert ask(0, "pause") == "ok"
    assert ask(0, "workers 3").startswith("ok 3 workers")
    assert json.loads(ask(0, "state"))["paused"]
    assert control.paused


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_who_attaches_is_told_that_the_session_is_not_theirs(
    server: tuple[ControlServer, Control], tmp_path: Path
) -> None:
    listening, control = server
    program = tmp_path / "instui"  # run by a process of root
    program.write_text("input()")

    def attach(uid: int) -> list[str]:
        with subprocess.Popen([sys.executable, str(program)], stdin=subprocess.PIPE) as theirs:
            command = [sys.executable, "-c", _ATTACH, listening.path, str(uid), str(theirs.pid)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            theirs.communicate(b"\n")
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    told = "read-only: this session belongs to another user"
    first, second, third = attach(NOBODY)
    assert (first, second) == (f"False {told}", told)
    assert "belongs to another user; to watch it, name its environment with --python ENV" in third
    assert not control.paused
    assert attach(0)[0] == "True "


def test_a_request_gets_one_line_and_a_refusal_its_reason(server: tuple[ControlServer, Control]) -> None:
    listening, control = server
    assert send(listening.path, "workers 4") == "4 workers: from the next part of the work on"
    assert control.workers == 4
    for request, why in (
        ("workers 0", "a number between 1 and 256"),
        ("workers many", "a number between"),
        ("workers 99999999999999999999", "a number between"),
        ("cancel tool", "not known yet which wheels"),
        ("cancel " + "x" * 3000, "not known yet"),
    ):
        with pytest.raises(InstuiError, match=why):
            send(listening.path, request)
    control.wheels.expect(["tool"])
    with pytest.raises(InstuiError, match="has no wheel"):
        send(listening.path, "cancel \x1b[31mnothing")
    assert send(listening.path, "cancel Tool") == "what requires it is installed all the same"
    for request in ("workers", "workers 1 2", "cancel a b", "state of things", "", "dance"):
        with pytest.raises(InstuiError, match="did not understand"):
            send(listening.path, request)


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that is not answered fails the test sooner than the server gives a silent one up."""
    monkeypatch.setattr(control_module, "_TIMEOUT", 300.0)


def silent(server: ControlServer) -> socket.socket:
    """A client that asks nothing."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(60)
    connection.connect(server.path)
    return connection


def test_a_request_that_fails_is_refused_and_others_are_answered(server: tuple[ControlServer, Control]) -> None:
    listening, control = server

    def fail(number: int) -> str:
        raise RuntimeError("can't start\nnew thread")

    control.resize = fail
    for _ in range(2):
        with pytest.raises(InstuiError, match=r"it failed \(RuntimeError: can't start\\nnew thread\)"):
            send(listening.path, "workers 3")
    send(listening.path, "cancel")
    assert control.cancelled()


def test_the_part_of_the_work_may_end_while_workers_are_changed() -> None:
    class Ending(Control):
        """Its part of the work ends after the first look."""

        def __getattribute__(self, name: str) -> object:
            found = super().__getattribute__(name)
            if name == "resize":
                self.resize = None
            return found

    control = Ending()
    vars(control)["resize"] = lambda number: f"{number} at once"
    assert control.change_workers(3) == "ok 3 workers: 3 at once"


@pytest.mark.usefixtures("fails")
def test_nobody_waits_for_a_slow_client(server: tuple[ControlServer, Control]) -> None:
    listening, control = server
    with silent(listening) as slow, silent(listening):
        assert ask(listening.path, "cancel", 30) == "ok"
        assert control.cancelled()
        slow.sendall(b"state\n")  # it has not been given up
        assert json.loads(slow.recv(1 << 16))["cancelling"]


@pytest.mark.usefixtures("fails")
def test_to_stop_waits_for_no_other_request(server: tuple[ControlServer, Control]) -> None:
    listening, control = server
    begun, go_on = threading.Event(), threading.Event()

    def long(number: int) -> str:
        begun.set()
        return str(go_on.wait(60))

    control.resize = long
    with silent(listening) as slow:
        slow.sendall(b"workers 3\n")
        assert begun.wait(60)
        assert ask(listening.path, "abort", 30) == "ok"
        assert control.aborted
        go_on.set()
        assert slow.recv(1 << 16) == b"ok 3 workers: True\n"


def test_a_client_that_sends_a_byte_now_and_then_is_given_up(
    server: tuple[ControlServer, Control], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_module, "_TIMEOUT", 0.5)  # more than between two bytes
    with silent(server[0]) as slow, pytest.raises(OSError, match=r"pipe|reset"):
        for _ in range(200):
            slow.send(b"x")
            time.sleep(0.05)


@pytest.mark.parametrize("short_of", ["threads", "places"])
def test_where_there_can_be_no_more_threads_requests_are_answered(
    short_of: str, server: tuple[ControlServer, Control], monkeypatch: pytest.MonkeyPatch
) -> None:
    def scarce(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    if short_of == "threads":
        monkeypatch.setattr(threading.Thread, "start", scarce)
    else:
        monkeypatch.setattr(server[0], "_threads", threading.Semaphore(0))
    skipped = threading.Event()  # or the session would seem to have stood still meanwhile
    monkeypatch.setattr(server[0]._standstill, "skip", skipped.set)
    for word in ("pause", "resume", "cancel"):
        send(server[0].path, word)
    assert server[1].cancelled()
    assert skipped.wait(60)


def test_nothing_is_reported_before_the_first_event(tmp_path: Path, venv: Callable[[], Venv]) -> None:
    control = Control()
    reports = []

    def listen(line: str) -> None:
        reports.append(getattr(control.report, "__func__", None) is Context.emit)

    wheel = build_wheel(tmp_path, "one", "1.0", {"one.py": b""})
    request, options = Request(arguments=(str(wheel),), no_deps=True), Options(cache=tmp_path / "cache")
    assert install(request, venv().environment, options, control, Recording((listen,))).exit_code == 0
    assert not reports[0] and all(reports[1:])
    listen("the session is over, and the control may be used again")
    assert not reports[-1]


def test_a_client_that_cannot_be_accepted_is_not_the_last(
    server: tuple[ControlServer, Control], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failed = socket.socket.accept, threading.Event()

    def accept(listening: socket.socket) -> object:
        if not failed.is_set():
            failed.set()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return real(listening)

    monkeypatch.setattr(socket.socket, "accept", accept)
    send(server[0].path, "pause")  # it was waited for before
    assert failed.wait(60)
    send(server[0].path, "cancel")
    assert server[1].cancelled()


def test_a_session_says_where_it_is_and_how_far(tmp_path: Path, venv: Callable[[], Venv], start_instui: Start) -> None:
    target = venv()
    wheels = [build_wheel(tmp_path, name, "1.0", {"same.py": name.encode()}) for name in ("one", "two")]
    began = time.time()
    session = start_instui(target, "--slow", 30, *wheels)
    session.wait_for(LockWaiting, "two")
    (started,) = session.lines.of(SessionStarted)
    state = json.loads(ask(started.control, "state"))
    assert (state["session"], state["pid"], state["environment"]) == (
        started.session,
        session.process.pid,
        str(target.top),
    )
    assert state["command"] == " ".join(started.command)
    assert state["journal"] == str(target.journals()[0])
    assert began - 60 < state["started"] <= time.time()
    assert (state["part"], state["share"], state["wheels"], state["done"]) == ("commit", 0.0, 2, 0)
    assert state["waits"] == [[f"{target.site.relative_to(target.top)}/same.py", 1]]
    assert (state["paused"], state["cancelling"], state["cancelled"]) == (False, False, [])
    send(started.control, "pause")
    send(started.control, "cancel two")
    state = json.loads(ask(started.control, "state"))
    assert (state["paused"], state["cancelled"], state["wheels"], state["waits"]) == (True, ["two"], 1, [])
    send(started.control, "resume")
    assert session.finish()[0] == 1


def test_more_and_fewer_workers_take_up_what_there_is(
    tmp_path: Path, venv: Callable[[], Venv], start_instui: Start
) -> None:
    wheels = [build_wheel(tmp_path, f"w{n}", "1.0", {f"w{n}/{m}.py": b"" for m in range(12)}) for n in range(12)]
    session = start_instui(venv(), "--slow", 4, "--jobs", 1, *wheels)
    session.wait_for(StageStarted)
    (started,) = session.lines.of(SessionStarted)
    assert send(started.control, "workers 3").startswith("3 workers: 3 stage at a time")
    until(lambda: {one.worker for one in session.lines.of(StageStarted)} == {1, 2, 3}, session.process)
    session.wait_for(CommitStarted)
    until(lambda: {one.worker for one in session.lines.of(CommitStarted)} == {1, 2, 3}, session.process)
    assert send(started.control, "workers 1").startswith("1 worker: so many commit at a time")
    seen = len(session.lines.of(CommitStarted))
    assert session.finish() == (0, "")
    assert [one.worker for one in session.lines.of(CommitStarted)[seen + 3 :]].count(1) > 0
    assert {one.worker for one in session.lines.of(CommitStarted)[seen + 3 :]} == {1}
    assert [one.workers for one in session.lines.of(WorkersChanged)] == [3, 1]


def test_there_is_one_where_the_directories_have_long_names(
    tmp_path: Path, venv: Callable[[], Venv], start_instui: Start
) -> None:
    long = tmp_path / ("long" * 30)
    long.mkdir()
    wheel = build_wheel(tmp_path, "tool", "1.0", {"tool.py": b""})
    session = start_instui(venv(), "--slow", 5, wheel, env={"TMPDIR": str(long), "XDG_RUNTIME_DIR": ""})
    session.wait_for(CommitStarted)
    path = Path(session.lines.of(SessionStarted)[0].control)
    assert path.parent == Path(f"/tmp/instui-{os.getuid()}")
    status = path.parent.stat()
    assert (status.st_uid, status.st_mode & 0o777) == (os.getuid(), 0o700)
    send(str(path), "pause")
    session.wait_for(SessionPaused)
    send(str(path), "resume")
    assert session.finish() == (0, "")
    assert not path.exists()
    assert not list(long.glob("instui-*"))  # nothing is left where nothing could be made


def test_a_directory_that_is_not_private_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, linked, private = (Path(tempfile.mkdtemp(dir="/tmp")) for _ in range(3))
    try:
        opened.chmod(0o755)
        linked.rmdir()
        linked.symlink_to(private)
        for places, found in (([opened, linked], ""), ([opened, linked, private], f"{private}/s.sock")):
            monkeypatch.setattr(control_module, "_runtime_directories", lambda places=places: places)
            server = ControlServer(Control(), "s")
            assert server.path == found
            server.close()
        assert list(opened.iterdir()) == []
        assert not private.exists()
    finally:
        linked.unlink()
        opened.rmdir()
