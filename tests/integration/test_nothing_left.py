"""Whatever happens to a session, nothing stays behind in the directory for temporary files."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import Run, Start
from instui_engine.journal.events import CommitStarted, SessionStarted
from instui_engine.session import control as control_module
from instui_engine.session.control import Control, ControlServer
from support.cli import error_line, ok
from support.environments import Venv, read_journal, until
from support.wheelsmith import build_wheel


@pytest.fixture
def temporary() -> Iterator[Path]:
    """An empty directory whose name leaves room for that of a socket, as those of pytest do not."""
    directory = Path(tempfile.mkdtemp(prefix="instui-test-", dir="/tmp"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def env(temporary: Path) -> dict[str, str]:
    return {"TMPDIR": str(temporary), "XDG_RUNTIME_DIR": ""}


def test_nothing_is_left_by_an_install_a_failure_and_a_removal(
    venv: Callable[[], Venv], tmp_path: Path, temporary: Path, env: dict[str, str], run_instui: Run
) -> None:
    target = venv()
    wheel = build_wheel(tmp_path, "pkg", "1.0", {"pkg.py": b""})
    bad = wheel.with_name("bad-1.0-py3-none-any.whl")
    bad.write_bytes(b"no wheel")
    place = ("--no-fsync", "--ui", "plain", "--python", target.top)
    ok(run_instui("install", *place, "--no-index", "--find-links", tmp_path, "pkg", env=env))
    assert list(temporary.iterdir()) == []
    error_line(run_instui("install", "--no-deps", *place, bad, env=env), 1)
    error_line(run_instui("install", *place, "--no-index", "nowhere", env=env), 1)
    ok(run_instui("install", "--dry-run", "--no-deps", *place, wheel, env=env))
    ok(run_instui("uninstall", *place, "pkg", env=env))
    assert list(temporary.iterdir()) == []


def test_nothing_is_left_by_a_session_that_is_interrupted_or_follows_a_killed_one(
    venv: Callable[[], Venv], tmp_path: Path, temporary: Path, env: dict[str, str], start_instui: Start
) -> None:
    target = venv()
    wheel = build_wheel(tmp_path, "pkg", "1.0", {f"pkg/{n}.py": b"" for n in range(20)})
    killed = start_instui(target, "--slow", 5, wheel, env=env)
    killed.wait_for(CommitStarted)
    (started,) = killed.lines.of(SessionStarted)
    assert Path(started.control).parent == temporary / f"instui-{os.getuid()}"
    killed.process.kill()
    killed.finish()
    stopped = start_instui(target, "--slow", 5, "--reinstall", wheel, env=env)
    stopped.wait_for(CommitStarted)
    stopped.process.send_signal(signal.SIGINT)
    stopped.process.send_signal(signal.SIGINT)
    assert stopped.finish()[0] in (0, 130)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("ending", [3 * (signal.SIGINT,), (signal.SIGKILL,)])
def test_nothing_is_left_by_a_demonstration_that_ends_as_it_is(
    ending: tuple[int, ...], temporary: Path, env: dict[str, str], clean_environ: dict[str, str], tmp_path: Path
) -> None:
    journal = tmp_path / "journal.jsonl"
    command = [sys.executable, "-m", "instui", "demo", "namespace", "--ui", "none", "--journal", str(journal)]
    with subprocess.Popen(command, env={**clean_environ, **env}, stderr=subprocess.DEVNULL) as process:
        until(lambda: read_journal(journal).of(CommitStarted))
        process.send_signal(signal.SIGSTOP)  # all of them meet it as one
        for number in ending:
            process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        process.wait(60)
    until(lambda: not [path for path in temporary.iterdir() if path.name.startswith("instui-demo-")])


def test_a_socket_is_made_while_another_session_takes_the_directory_away(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(temporary))
    make, count = control_module._make_private, 0

    def taken_away(directory: Path) -> None:
        nonlocal count
        make(directory)
        count += 1
        if count == 1:
            directory.rmdir()

    monkeypatch.setattr(control_module, "_make_private", taken_away)
    servers = [ControlServer(Control(), name) for name in ("one", "two")]
    assert [server.path for server in servers] == [str(temporary / "instui" / f"{n}.sock") for n in ("one", "two")]
    servers[0].close()
    assert [path.name for path in (temporary / "instui").iterdir()] == ["two.sock"]
    servers[1].close()
    assert list(temporary.iterdir()) == []
