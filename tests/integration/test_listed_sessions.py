"""`instui sessions`: what runs in all environments of the user, and the recordings of one with their outcomes."""

import fcntl
import io
import json
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Run, Start
from instui.cli.attach import choose
from instui.cli.sessions import table
from instui.monitor import sessions
from instui.monitor.sessions import KnownSession, recording, running
from instui_engine.errors import UsageError
from instui_engine.journal import events
from instui_engine.journal.codec import encode
from instui_engine.journal.events import CommitStarted, EnvironmentWaiting, Event, SessionPaused, SessionStarted
from instui_engine.session.control import listening, send
from support.cli import error_line
from support.environments import Session, Venv, until
from support.wheelsmith import build_wheel

KEYS = ["id", "pid", "state", "environment", "command", "started", "wall", "error", "journal", "wheels"]
START = SessionStarted(2, "20260101-000000-7-abcd", 7, 1e9, 5.0, "0", ["instui", "install", "x"], "/env", "3.11", {}, 2)


def listed(run_instui: Run, target: Venv, *pids: int) -> list[dict[str, Any]]:
    """What is listed, of those that run only those of `pids`: other tests may run sessions at the same time."""
    done = run_instui("sessions", "--json", "--python", target.top)
    assert (done.returncode, done.stderr) == (0, "")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert all(list(one) == KEYS for one in found)
    return [one for one in found if one["state"] not in sessions.LIVE or one["pid"] in pids]


def control(session: Session) -> str:
    (started,) = session.lines.of(SessionStarted)
    return started.control


def test_running_sessions_of_all_environments_come_before_the_recordings_of_this_one(
    tmp_path: Path, venv: Callable[[], Venv], start_instui: Start, run_instui: Run
) -> None:
    here, there = venv(), venv()
    wheel = build_wheel(tmp_path, "tool", "1.0", {f"tool/{n}.py": b"" for n in range(20)})
    here.put(wheel)
    here.install(tmp_path / "nothing-1.0-py3-none-any.whl")
    there.put(build_wheel(tmp_path, "other", "1.0", {"other.py": b""}))  # else what changes nothing leaves no trace
    session = start_instui(there, "--slow", 10, wheel)
    session.wait_for(SessionStarted)
    try:
        live, failed, done = listed(run_instui, here, session.process.pid)
        assert (live["pid"], live["state"], live["environment"]) == (session.process.pid, "running", str(there.top))
        (journal,) = (path for path in there.journals() if f"-{session.process.pid}-" in path.name)
        assert Path(live["journal"]).samefile(journal)
        assert live["id"] == journal.stem
        assert live["command"].startswith("instui install")
        assert (done["state"], done["wheels"], done["error"]) == ("done", 1, "")
        assert (failed["state"], failed["wheels"], "does not exist" in failed["error"]) == ("failed", 0, True)
        assert failed["started"] > done["started"]
        send(control(session), "pause")
        session.wait_for(SessionPaused)
        assert listed(run_instui, here, session.process.pid)[0]["state"] == "paused"
        send(control(session), "resume")
        with session.stopped():
            assert listed(run_instui, here, session.process.pid)[0]["state"] == "stopped"
            text = run_instui("sessions", "--python", here.top).stdout
            assert f"kill -CONT {session.process.pid} lets it go on" in text
            seen = next(one for one in listed(run_instui, there, session.process.pid) if one["state"] == "stopped")
            assert (Path(seen["journal"]), seen["environment"]) == (journal, str(there.top))  # so it can be watched
        send(control(session), "cancel")
        assert session.finish()[0] == 130
        assert [one["state"] for one in listed(run_instui, there)] == ["cancelled", "done"]
    finally:
        session.process.kill()


def test_where_there_is_no_environment_a_running_session_is_found_by_its_id(
    tmp_path: Path, venv: Callable[[], Venv], start_instui: Start, run_instui: Run
) -> None:
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    target = venv()
    session = start_instui(
        target, "--slow", 20, build_wheel(tmp_path, "one", "1.0", {f"{n}.py": b"" for n in range(40)})
    )
    (started,) = until(lambda: session.lines.of(SessionStarted))
    done = run_instui("explain", started.session, cwd=nowhere)
    assert (done.returncode, done.stderr) == (0, "")
    assert started.session in done.stdout
    unknown = error_line(run_instui("explain", "1999", cwd=nowhere), 1)
    assert unknown.startswith("no running session is called 1999, and recorded ones are looked for in one environment")
    assert unknown.endswith("; name it with --python")
    with session.stopped():
        stopped = error_line(run_instui("explain", started.session, cwd=nowhere), 1)
    assert stopped.endswith(
        "does not say where its journal is: it is stopped; name its environment with --python, "
        f"or let it go on with kill -CONT {session.process.pid}"
    )
    session.process.kill()


def test_a_killed_session_is_a_recording_and_one_that_waits_for_the_environment_says_so(
    tmp_path: Path, venv: Callable[[], Venv], start_instui: Start, run_instui: Run
) -> None:
    target = venv()
    wheels = [build_wheel(tmp_path, name, "1.0", {f"{name}.py": b""}) for name in ("one", "two")]
    first = start_instui(target, "--slow", 20, wheels[0])
    first.wait_for(CommitStarted)
    first.process.kill()
    first.process.wait()
    (killed,) = listed(run_instui, target)
    assert (killed["state"], killed["wheels"], killed["error"]) == ("killed", -1, "")
    assert killed["wall"] > 0
    with target.environment.lock_path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = start_instui(target, wheels[1])
        second.wait_for(EnvironmentWaiting)
        assert [one["state"] for one in listed(run_instui, target, second.process.pid)] == [
            "waiting for .lock",
            "killed",
        ]
    assert second.finish() == (0, "")


def journal(directory: Path, *happened: Event, tail: str = "") -> Path:
    path = directory / f"{START.session}.jsonl"
    path.write_text("".join(f"{encode(t, event)}\n" for t, event in enumerate((START, *happened))) + tail)
    return path


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (events.SessionFinished(0, "", 3, 2.5), "done"),
        (events.SessionFinished(4, "waited", 0, 2.5), "failed"),
        (events.SessionFinished(130, "interrupted", 1, 2.5), "cancelled"),
        (events.SessionFinished(143, "interrupted", 1, 2.5), "cancelled"),
    ],
)
def test_the_last_line_says_how_a_session_ended(end: events.SessionFinished, state: str, tmp_path: Path) -> None:
    one = recording(journal(tmp_path, events.WheelFailed("a", "e" * 9000), end))
    assert one is not None
    assert (one.state, one.wall, one.wheels, one.error) == (state, 2.5, end.installed, end.error)
    assert (one.session, one.pid, one.environment, one.command) == (START.session, 7, "/env", "instui install x")


def test_a_session_took_what_the_user_has_waited_from_the_start_of_the_program(tmp_path: Path) -> None:
    path = tmp_path / f"{START.session}.jsonl"
    path.write_text(f"{encode(0.0, START._replace(ran=0.5))}\n{encode(2.5, events.SessionFinished(0, '', 3, 2.5))}\n")
    one = recording(path)
    assert one is not None
    assert one.wall == 3.0


def test_a_recording_without_an_end_was_killed_and_what_is_incomplete_is_left_out(tmp_path: Path) -> None:
    for tail in ("", '{"t":99.0,"event":"session.fin', "x" * 20_000):
        one = recording(journal(tmp_path, events.SessionPaused(), tail=tail))
        assert one is not None
        assert (one.state, one.wall, one.wheels) == ("killed", 1.0, -1)


def test_what_is_no_journal_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    assert recording(path) is None
    for content in (b"", b"\n", b"nonsense\n", b'{"t": 0, "event": "caption", "text": ""}\n', b"\xff" * 3_000_000):
        path.write_bytes(content)
        assert recording(path) is None
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert recording(tmp_path / "pipe.jsonl") is None


class Counted(io.BytesIO):
    read_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.read_bytes += len(data)
        return data


def test_only_the_ends_of_a_journal_are_read() -> None:
    middle = b"".join(b'{"t":1.0,"event":"wheel.added"}\n' for _ in range(100_000))
    file = Counted(b"first line\n" + middle + b"last line\nincompl")
    assert sessions._first_line(file) == b"first line"
    assert sessions._last_line(file) == b"last line"
    assert file.read_bytes < 20_000
    for content, last in ((b"", b""), (b"a", b""), (b"a\n", b"a"), (b"a\nb", b"a"), (b"a\n\n\n", b"a")):
        assert sessions._last_line(io.BytesIO(content)) == last
    long = b"begin" + b"x" * 50_000
    assert sessions._last_line(io.BytesIO(b"a\n" + long + b"\n")) == long


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the only sockets are that this process sees."""
    directory = Path(tempfile.mkdtemp(prefix="instui-test-", dir="/tmp"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
    monkeypatch.setenv("TMPDIR", str(directory))
    monkeypatch.setattr(sessions, "listening", lambda: [s for s in listening() if s.path.startswith(str(directory))])
    (directory / "instui").mkdir(mode=0o700)
    yield directory / "instui"
    shutil.rmtree(directory)


@pytest.mark.parametrize("answer", [b"unknown\n", b"{}\n", b"[1]\n", b'{"session": 1}\n', b"\xff\xfe\n"])
def test_a_session_of_an_earlier_version_runs_but_does_not_say_more(answer: bytes, runtime: Path) -> None:
    identity = f"20260101-000000-{os.getpid()}-abcd"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(runtime / f"{identity}.sock"))
        server.listen()

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(100)
                peer.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        (one,) = running()
    assert (one.session, one.pid, one.state, one.wheels) == (identity, os.getpid(), "running", -1)


def test_the_socket_of_a_killed_session_is_none_that_runs(runtime: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(runtime / f"20260101-000000-{os.getpid()}-abcd.sock"))
    assert running() == []


def test_a_directory_that_others_may_enter_is_not_believed(runtime: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(runtime / f"20260101-000000-{os.getpid()}-abcd.sock"))
        server.listen()
        runtime.chmod(0o755)
        assert running() == []


def test_the_table_fits_and_shows_no_name_as_it_is() -> None:
    hostile = "instui install \x1b[31mred\n[/bold]"
    live = KnownSession(
        "s1", 4242, "running", "/env", hostile, 90.0, 10.0, "", "/j", 14, 3, "unpack 61 %", (("a/cv2", 2),)
    )
    over = KnownSession("s2", 7, "failed", "/other", "instui install y", 10.0, 2.0, "rotten\x1b[0m", "/j", 0)
    lines = table([live, over], 100.0, "/env")
    assert lines[1].split() == [
        *("running", "s1", "4242", "10", "s", "ago", "3", "of", "14", "install"),
        *("\\x1b[31mred\\n[/bold]", "(unpack", "61", "%,", "2", "wait", "for", "a/cv2)"),
    ]
    assert "2.0 s" in lines[2] or "2 s" in lines[2]
    assert lines[2].endswith("install y in /other: rotten\\x1b[0m")
    assert lines[-1] == "1 running, 1 recording of /env"
    for width in (50, 80, 119, 200):
        narrow = table([live, over], 100.0, "/env", width)
        assert max(map(len, narrow)) <= width
        assert "\x1b" not in "".join(narrow)


def test_the_table_says_of_which_environment_nothing_is_recorded() -> None:
    live = KnownSession("s1", 4242, "running", "/env", "instui install x", 90.0, 10.0, "", "/j", 14, 3)
    assert table([], 0.0, "/e\x1bnv") == [r"no session runs; none is recorded in /e\x1bnv"]
    assert table([], 0.0) == ["no session runs; for recordings, name an environment with --python"]
    assert table([live], 100.0, "/other")[-1] == "1 running; none is recorded in /other"
    assert table([live], 100.0)[-1] == "1 running; for recordings, name an environment with --python"


def test_where_several_run_it_is_said_how_to_name_one_and_that_it_is_to_be_steered() -> None:
    one = KnownSession("s1", 4242, "running", "/env", "instui install x", 90.0, 10.0, "", "/j", 14, 3)
    both = [one, one._replace(session="s2", pid=4343, environment="/other")]
    with pytest.raises(UsageError, match="choose one: instui attach 4242 --control, or take --all of an environment"):
        choose([], both, None, control=True)
    with pytest.raises(UsageError, match="shown as one: instui attach --all 4242 shows those of the first"):
        choose([], both, None, everything=True)
