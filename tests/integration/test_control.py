"""The control socket: there is one wherever a session runs, and only its owner (and root) is obeyed."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import Start
from instui_engine.errors import InstuiError
from instui_engine.journal.events import CommitStarted, SessionPaused, SessionStarted
from instui_engine.session import control as control_module
from instui_engine.session.control import Control, ControlServer, send
from support.environments import Venv
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
        connection.sendall(b"pause\\n")
        print(connection.recv(64).decode())
    except (BrokenPipeError, ConnectionResetError):
        print()
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="this system does not tell who connects")
def test_another_user_who_gets_to_the_socket_is_not_obeyed(server: tuple[ControlServer, Control]) -> None:
    listening, control = server
    path = Path(listening.path)
    path.parent.chmod(0o755)  # as if the directory had not kept them out
    path.chmod(0o666)
    for uid, answer, paused in ((NOBODY, "", False), (0, "ok", True)):
        command = [sys.executable, "-I", "-c", _ASK, str(path), str(uid)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, answer, "")
        assert control.paused == paused


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
