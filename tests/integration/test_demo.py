"""`instui demo` for whoever watches, and what ctrl+c or a termination leaves of an install that was slowed down."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run, Start
from instui.demo.scenarios import NAMES, after
from instui_engine.journal.events import (
    CommitFinished,
    CommitStarted,
    EnvironmentWaiting,
    LockWaiting,
    SessionFinished,
    SessionStarted,
    StageStarted,
)
from support.cli import error_line, installed, ok, verify
from support.environments import Venv, read_journal, until
from support.trees import complete, distributions, unlisted
from support.wheelsmith import build_wheel

PROC_LOCKS = Path("/proc/locks").exists()
RESULTS = {
    "readme-clash": "12 wheels are installed and none failed",
    "etc-race": "holds all 12 files",
    "same-module": "shapes/ is not mixed: all its files are of triangle",
    "namespace": "20 of 20 distributions are whole",
    "two-sessions": "shapes/ is not mixed, all of triangle",
    "uv-holds": "its prism is whole; 6 of 6 wheels of ours are whole",
    "crash": "lamp is listed as 2.0, and all its files are of lamp 2.0; by RECORD, whole: lamp, shade, stand",
    "timeout": "square is not there, not even in part; 4 other wheels of ours are whole",
}
WAITS = {  # what the watched session says of whoever is in its way
    "two-sessions": r"^square 1.0 waited .* for site-packages/shapes \(for .*\), at first held by circle of pid \d+ \(",
    "uv-holds": r"^waited .* for the environment's lock, held by pid \d+ \(uv pip install ",
    "timeout": r"^square 1.0 waits for site-packages/shapes \(for .*\), held by circle of pid \d+ \(.*\), stopped",
}


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, str]:
    """Variables of a machine without a network, and a place for temporary files that one can look into."""
    place = tmp_path / "tmp"
    place.mkdir()
    return {
        "TMPDIR": str(place),
        "UV_OFFLINE": "1",
        "UV_INDEX_URL": "http://127.0.0.1:9/simple",
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }


def test_every_scenario_is_promised_a_result() -> None:
    assert set(RESULTS) == set(NAMES)


def test_all_are_listed_with_what_they_show(run_instui: Run) -> None:
    rows = ok(run_instui("demo", "--list")).splitlines()
    assert [row.split()[:2] for row in rows] == [[str(number), name] for number, name in enumerate(NAMES, 1)]
    listed = [json.loads(row) for row in ok(run_instui("demo", "--list", "--json")).splitlines()]
    assert [demo["name"] for demo in listed] == list(NAMES)
    assert all(demo["about"] for demo in listed)


@pytest.mark.parametrize("scenario", NAMES)
def test_a_scenario_says_what_to_watch_and_what_came_of_it(
    scenario: str, alone: dict[str, str], tmp_path: Path, run_instui: Run
) -> None:
    text = ok(run_instui("demo", scenario, "--slow", "0.05", env=alone, cwd=tmp_path))
    captions = [line.removeprefix("» ") for line in text.splitlines() if line.startswith("» ")]
    assert len(captions) >= 4
    assert any(caption.startswith("Watch ") for caption in captions)
    assert RESULTS[scenario] in captions[-1]
    assert re.search(r"^installed \d+( of \d+)? wheels, \d+ files in ", text, re.MULTILINE)
    assert text.splitlines()[-1].startswith(f"next: instui demo {after(scenario)} ")
    if scenario in WAITS and PROC_LOCKS:
        assert re.search(WAITS[scenario], text, re.MULTILINE), text
    # the directory of control sockets is shared by all sessions of a user, and stays
    left = [path.relative_to(tmp_path).as_posix() for path in (tmp_path / "tmp").rglob("*")]
    assert left in ([], [f"tmp/instui-{os.getuid()}"])
    assert [path.name for path in tmp_path.iterdir()] == ["tmp"]


def test_the_timeout_is_seen_as_exit_4_and_the_demonstration_ends_well(
    alone: dict[str, str], tmp_path: Path, run_instui: Run
) -> None:
    kept = tmp_path / "kept"
    done = run_instui("demo", "timeout", "--slow", "0.05", "--ui", "json", "--keep", kept, env=alone)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert (rows[-1]["event"], rows[-1]["exit"]) == ("session.finished", 4)
    waiting = [row for row in rows if row["event"] == "lock.waiting"]
    assert [row["wheel"] for row in waiting] == ["square"]
    if PROC_LOCKS:
        assert [holder["state"] for holder in waiting[0]["holders"]] == ["stopped"]
        assert f"pid {waiting[0]['holders'][0]['pid']}" in rows[-1]["error"]
    site = next(kept.glob(".venv/lib/python*/site-packages"))
    assert {name.partition("-")[0] for name in distributions(site)} == {"circle", *(f"south0{n}" for n in range(1, 5))}
    assert complete(site, "circle-1.0")
    assert unlisted(site) == []


@pytest.mark.parametrize(("flags", "jobs"), [([], 8), (["--jobs", "3"], 3), (["--jobs", "1"], 2)])
def test_a_demonstration_has_the_workers_that_were_asked_for(
    flags: list[str], jobs: int, alone: dict[str, str], run_instui: Run
) -> None:
    done = ok(run_instui("demo", "timeout", "--slow", "0.05", "--ui", "json", *flags, env=alone))
    assert json.loads(done.splitlines()[0])["jobs"] == jobs


def test_the_help_of_demonstrations_says_how_many_workers_they_have(run_instui: Run) -> None:
    text = " ".join(ok(run_instui("demo", "--help")).split())
    assert "1 counts as 2; default: 8" in text


@pytest.mark.parametrize("scenario", sorted(WAITS))
def test_a_demonstration_that_is_stopped_takes_its_companion_with_it(
    scenario: str, alone: dict[str, str], tmp_path: Path, clean_environ: dict[str, str]
) -> None:
    journal = tmp_path / "journal.jsonl"
    command = [sys.executable, "-m", "instui", "demo", scenario, "--ui", "none", "--journal", str(journal)]
    with subprocess.Popen(command, env={**clean_environ, **alone}, stderr=subprocess.PIPE, text=True) as process:
        waiting = (LockWaiting, EnvironmentWaiting)
        seen = until(lambda: [e for _, e in read_journal(journal).events if isinstance(e, waiting)], process)
        pids = {holder.pid for event in seen for holder in event.holders} - {process.pid}
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert len(errors.splitlines()) == 1, errors
    for pid in pids - {0}:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert [path.name for path in (tmp_path / "tmp").iterdir() if path.name.startswith("instui-demo")] == []


def test_the_crash_is_a_real_one_and_is_given_up_at_once_when_nobody_wants_to_see_it(
    alone: dict[str, str], tmp_path: Path, clean_environ: dict[str, str]
) -> None:
    kept = tmp_path / "kept"
    second = kept / "second.jsonl"
    command = [sys.executable, "-m", "instui", "demo", "crash", "--slow", "20", "--ui", "none", "--keep", str(kept)]
    with subprocess.Popen(command, env={**clean_environ, **alone}, stderr=subprocess.PIPE, text=True) as process:
        started = until(lambda: [e for _, e in read_journal(second).events if isinstance(e, SessionStarted)], process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert len(errors.splitlines()) == 1, errors
    with pytest.raises(ProcessLookupError):
        os.kill(started[0].pid, 0)
    assert not [event for _, event in read_journal(second).events if isinstance(event, SessionFinished)]


@pytest.mark.parametrize("ui", ["json", "none"])
def test_the_demonstration_has_the_user_interfaces_of_an_install(
    ui: str, alone: dict[str, str], run_instui: Run
) -> None:
    text = ok(run_instui("demo", "--slow", "0.05", "--ui", ui, env=alone))
    events = [json.loads(line)["event"] for line in text.splitlines()]
    assert events == [] if ui == "none" else events[0] == "session.started" and events[-1] == "session.finished"


def test_what_is_kept_can_be_looked_at(alone: dict[str, str], tmp_path: Path, run_instui: Run) -> None:
    kept = tmp_path / "kept"
    ok(run_instui("demo", "same-module", "--slow", "0.05", "--keep", kept, env=alone))
    program = "import shapes.part00, shapes.part39; print(shapes.part00.OWNER, shapes.part39.OWNER)"
    done = subprocess.run([kept / ".venv/bin/python", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "triangle triangle\n")
    assert "exists" in error_line(run_instui("demo", "--keep", kept, env=alone), 2)


# --- stopped in the middle


def slowed(place: Path, count: int = 12) -> list[Path]:
    """Wheels with enough to do that a session with --slow can be caught between two commits."""
    return [
        build_wheel(place, f"part{number:02}", "1.0", {f"part{number:02}/m{file}.py": b"" for file in range(3)})
        for number in range(count)
    ]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_install_names_what_is_installed_and_goes_on_when_run_again(
    number: signal.Signals,
    code: int,
    venv: Callable[[], Venv],
    start_instui: Start,
    run_instui: Run,
    tmp_path: Path,
) -> None:
    target = venv()
    wheels = slowed(tmp_path)
    session = start_instui(target, "--slow", "8", "--jobs", "1", *wheels)
    session.wait_for(CommitFinished, "part01")
    session.process.send_signal(number)
    ended, errors = session.finish()
    assert ended == code, errors
    assert len(errors.splitlines()) == 1
    assert errors.startswith("instui: interrupted")
    assert "Traceback" not in errors
    there = installed(target.site)
    assert 2 <= len(there) < len(wheels)
    assert f"{len(there)} of {len(wheels)}" in errors
    for wheel in wheels:
        name = wheel.name.partition("-")[0]
        if name in there:
            assert complete(target.site, f"{name}-1.0")
        else:
            assert not (target.site / name).exists()
    missing = [wheel.name.partition("-")[0] for wheel in wheels if wheel.name.partition("-")[0] not in there]
    assert all(name in errors for name in missing[:5])
    assert unlisted(target.site) == []
    assert target.stages() == []
    text = ok(run_instui("install", "--no-deps", "--python", target.top, *wheels))
    assert f"{len(there)} already installed" in text
    verify(target.top, target.site, {wheel.name.partition("-")[0]: "1.0" for wheel in wheels})


def test_an_install_that_is_stopped_before_its_first_commit_leaves_nothing(
    venv: Callable[[], Venv], start_instui: Start, tmp_path: Path
) -> None:
    target = venv()
    wheels = slowed(tmp_path)
    session = start_instui(target, "--slow", "30", *wheels)
    session.wait_for(StageStarted)
    session.process.send_signal(signal.SIGINT)
    code, errors = session.finish()
    assert (code, len(errors.splitlines())) == (130, 1), errors
    assert errors.startswith("instui: ")
    if not session.lines.of(CommitStarted):
        assert distributions(target.site) == {}
        assert not (target.top / ".instui").exists()


def test_a_stopped_resolution_ends_at_once_and_takes_uv_with_it(
    venv: Callable[[], Venv], tmp_path: Path, clean_environ: dict[str, str]
) -> None:
    """An index that accepts and does not answer; ctrl+c reaches the whole process group, as on a terminal."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/simple"
        env = {**clean_environ, "UV_OFFLINE": "0", "UV_HTTP_TIMEOUT": "60", "NO_PROXY": "127.0.0.1"}
        command = [sys.executable, "-m", "instui", "install", "--python", str(venv().top), "--index-url", url, "thing"]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env, start_new_session=True
        ) as process:
            server.settimeout(60)
            connection, _ = server.accept()  # uv has asked
            os.killpg(process.pid, signal.SIGINT)
            _, errors = process.communicate(timeout=60)
            connection.close()
        assert process.returncode == 130, errors
        assert len(errors.splitlines()) == 1, errors
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
