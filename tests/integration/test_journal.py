"""The journal has all that happened, and nothing that happens to it or to stdout stops an install."""

import contextlib
import fcntl
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from itertools import chain, pairwise
from pathlib import Path

import pytest

from conftest import Run, Start
from instui_engine.journal.codec import decode
from instui_engine.journal.events import (
    CleanProgress,
    CommitFinished,
    CommitProgress,
    CommitStarted,
    Event,
    LockGranted,
    LockReleased,
    PlanFinished,
    PlanWheel,
    SessionFinished,
    SessionStarted,
    StageFinished,
    StageProgress,
    StageStarted,
    UnpackFinished,
    UnpackProgress,
    UnpackStarted,
    Warned,
    WheelAdded,
)
from instui_engine.journal.stream import Stream
from instui_engine.journal.writer import Journal
from instui_engine.session.context import Throttle
from instui_engine.session.session import JOURNALS_KEPT, alive
from support import trees
from support.cli import error_line
from support.environments import PATIENCE, Lines, Venv, read_journal, until
from support.wheelsmith import build_wheel

PIPELINE: list[type[Event]] = [
    WheelAdded,
    UnpackStarted,
    UnpackFinished,
    PlanWheel,
    StageStarted,
    StageFinished,
    LockGranted,
    CommitStarted,
    CommitFinished,
    LockReleased,
]
F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", 1031)


@pytest.fixture
def wheels(tmp_path: Path) -> list[Path]:
    unique = tmp_path.name  # a store entry of another test would leave out the unpacking
    return [
        build_wheel(
            tmp_path, f"w{n}", "1.0", {f"w{n}/{k}.py": unique.encode() for k in range(5)} | {"README.md": b"%d" % n}
        )
        for n in range(10)
    ]


def check(lines: Lines, count: int = 10, cached: bool = False) -> None:
    """A complete journal of a successful install.

    `cached`: the wheels may be in the store already, or come there while they are waited for, which is said again.
    """
    pipeline = [kind for kind in PIPELINE if not (cached and kind in (WheelAdded, UnpackStarted, UnpackFinished))]
    events = [event for _, event in lines.events]
    times = [t for t, _ in lines.events]
    assert isinstance(events[0], SessionStarted)
    assert isinstance(events[-1], SessionFinished)
    assert sum(isinstance(event, SessionStarted | SessionFinished) for event in events) == 2
    assert events[-1].exit == 0
    assert events[-1].installed == count
    assert times == sorted(times)
    for number in range(count):
        places = [
            [place for place, e in enumerate(events) if type(e) is kind and getattr(e, "wheel", "") == f"w{number}"]
            for kind in pipeline
        ]
        assert [len(found) for found in places] == [1] * len(pipeline)
        assert all(one < other for one, other in pairwise(chain.from_iterable(places)))
    planned = next(place for place, event in enumerate(events) if isinstance(event, PlanFinished))
    assert all(not isinstance(event, CommitStarted | StageStarted) for event in events[:planned])


def test_every_wheel_passes_the_pipeline_in_its_order(wheels: list[Path], venv: Callable[[], Venv]) -> None:
    target = venv()
    target.put(*wheels, jobs=8)
    check(target.lines)
    (journal,) = target.journals()
    check(read_journal(journal))
    assert not alive(journal)


def test_every_line_is_one_json_object_in_ascii(wheels: list[Path], venv: Callable[[], Venv]) -> None:
    target = venv()
    target.put(*wheels, jobs=8)
    data = target.journals()[0].read_bytes()
    assert data.endswith(b"\n")
    for line in data.splitlines():
        assert line.isascii()
        assert isinstance(json.loads(line), dict)


def test_a_wheel_of_thousands_of_files_makes_few_records_of_progress(tmp_path: Path, venv: Callable[[], Venv]) -> None:
    """Ten a second in each phase, by the journal's own clock, however long that takes here."""
    files = 5000
    target = venv()
    target.put(
        build_wheel(tmp_path, "many", "1.0", {f"m{n}.py": b"%d %s" % (n, bytes(tmp_path)) for n in range(files)})
    )
    (started,) = target.lines.of(CommitStarted)
    assert started.renames >= files
    phases: list[tuple[type[Event], type[Event], type[Event]]] = [
        (UnpackStarted, UnpackProgress, UnpackFinished),
        (StageStarted, StageProgress, StageFinished),
        (CommitStarted, CommitProgress, CommitFinished),
    ]
    for first, progress, last in phases:
        seconds = target.lines.times(last, "many")[0] - target.lines.times(first, "many")[0]
        assert len(target.lines.of(progress)) <= 1 + 10 * seconds < files


def test_the_removal_of_what_was_replaced_is_counted(
    wheels: list[Path], venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Throttle, "_INTERVAL", 0.0)
    target = venv()
    target.put(*wheels)
    target.put(*wheels, reinstall=True)
    told = target.lines.of(CleanProgress)
    assert [one.left for one in told] == [*reversed(range(told[0].trees))]
    assert {one.trees for one in told} == {len(told)}
    assert len(told) >= 2 * len(wheels)  # of each, a tree and its metadata


def test_a_copy_of_the_journal_has_the_same_lines(
    wheels: list[Path], venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = venv()
    session = start_instui(target, *wheels)
    assert session.finish() == (0, "")
    (journal,) = target.journals()
    assert session.journal.read_bytes() == journal.read_bytes()
    check(session.lines)


def test_json_on_stdout_is_the_journal(wheels: list[Path], venv: Callable[[], Venv], run_instui: Run) -> None:
    target = venv()
    done = run_instui("install", "--ui", "json", "--no-deps", "--no-fsync", "--python", target.top, *wheels)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == target.journals()[0].read_text()


def test_a_failed_session_says_so_in_its_last_line(
    tmp_path: Path, wheels: list[Path], venv: Callable[[], Venv]
) -> None:
    target = venv()
    target.put(wheels[0])
    (tmp_path / "bad-1.0-py3-none-any.whl").write_bytes(b"no zip")
    outcome = target.install(wheels[1], tmp_path / "bad-1.0-py3-none-any.whl")
    last = target.lines.events[-1][1]
    assert isinstance(last, SessionFinished)
    assert (last.exit, last.error) == (outcome.exit_code, outcome.error) == (1, outcome.error)
    assert outcome.error


def test_a_copy_that_cannot_be_written_stops_nothing(
    wheels: list[Path], venv: Callable[[], Venv], run_instui: Run
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    target = venv()
    arguments = ["install", "--ui", "none", "--no-deps", "--no-fsync", "--python", target.top, "--journal", full]
    done = run_instui(*arguments, *wheels)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    check(read_journal(target.journals()[0]))
    assert len(trees.distributions(target.site)) == 10


@pytest.mark.parametrize("limit", [0, 100, 4000])
def test_a_journal_that_cannot_be_written_stops_nothing(
    limit: int, wheels: list[Path], venv: Callable[[], Venv], clean_environ: dict[str, str]
) -> None:
    target = venv()
    target.put(*wheels)  # into the store, which the limit would hit as well
    other = venv()
    # a disk that is full for the journal alone
    code = (
        "import os\n"
        f"limit, real = {limit}, os.write\n"
        "def write(descriptor, data):\n"
        "    if os.readlink(f'/proc/self/fd/{descriptor}').endswith('.jsonl'):\n"
        "        if os.fstat(descriptor).st_size + len(data) > limit:\n"
        "            raise OSError(28, 'No space left on device')\n"
        "    return real(descriptor, data)\n"
        "os.write = write\n"
        "from instui.cli.main import run\n"
        "raise SystemExit(run())\n"
    )
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc/self/fd")
    arguments = ["install", "--ui", "none", "--no-deps", "--no-fsync", "--python", str(other.top), *map(str, wheels)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=clean_environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert other.journals()[0].stat().st_size <= limit
    assert len(trees.distributions(other.site)) == 10
    assert trees.unlisted(other.site) == []


def test_a_file_size_limit_stops_no_commit(wheels: list[Path], venv: Callable[[], Venv], start_instui: Start) -> None:
    target, other = venv(), venv()
    target.put(*wheels)
    limit = 2000
    session = start_instui(other, *wheels, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert session.finish()[0] == 0
    assert other.journals()[0].stat().st_size == limit
    assert len(trees.distributions(other.site)) == 10


@pytest.mark.parametrize("ui", ["json", "plain"])
def test_a_closed_stdout_stops_nothing(ui: str, wheels: list[Path], venv: Callable[[], Venv], run_instui: Run) -> None:
    target = venv()
    reader, writer = os.pipe()
    os.close(reader)
    try:
        arguments = ["install", "--ui", ui, "-v", "--no-deps", "--no-fsync", "--python", target.top, *wheels]
        done = run_instui(*arguments, capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
    check(read_journal(target.journals()[0]))


def test_a_stdout_that_nobody_reads_blocks_nothing(
    wheels: list[Path], venv: Callable[[], Venv], clean_environ: dict[str, str]
) -> None:
    started = []
    for ui in ("json", "plain"):
        target = venv()
        reader, writer = os.pipe()
        with contextlib.suppress(OSError):
            fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
        arguments = ["install", "--ui", ui, "-v", "--no-deps", "--no-fsync", "--python", target.top, *wheels]
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * 512)
        os.set_blocking(writer, True)
        process = subprocess.Popen(
            [sys.executable, "-m", "instui", *map(str, arguments)],
            env=clean_environ,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(writer)
        started.append((process, target, reader))
    for process, target, reader in started:
        _, errors = process.communicate(timeout=PATIENCE)
        os.close(reader)
        assert (process.returncode, errors) == (0, "")
        check(read_journal(target.journals()[0]), cached=True)
        assert len(trees.distributions(target.site)) == 10


def test_nothing_comes_after_the_last_event(tmp_path: Path) -> None:
    lines: list[str] = []
    journal = Journal((lines.append,))
    descriptor = os.open(tmp_path / "journal", os.O_WRONLY | os.O_CREAT)
    journal.attach([descriptor])
    last = SessionFinished(0, "", 0, 1.0)
    for event in (last, Warned("", "a thread has more to say"), last, Warned("", "and more")):
        journal.emit(event)
    journal.close()
    assert (tmp_path / "journal").read_text().splitlines() == lines
    (line,) = lines
    assert decode(line)[1] == last


# --- a --journal that is no regular file


class Pipe:
    """A FIFO that holds 4 KiB. Somebody has it open at both ends, so that opening it waits for nobody."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.both = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        with contextlib.suppress(OSError):
            fcntl.fcntl(self.both, F_SETPIPE_SZ, 4096)

    def fill(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.both, b"x" * 512)


def journal_arguments(target: Venv, journal: object, *arguments: object) -> list[object]:
    options = ["install", "--ui", "none", "--no-deps", "--no-fsync", "--python", target.top, "--journal", journal]
    return [*options, *arguments]


def check_given_up(target: Venv, why: str) -> None:
    """All is installed, and the session's own journal is whole and says that the other one is not."""
    assert len(trees.distributions(target.site)) == 10
    assert trees.unlisted(target.site) == []
    events = [event for _, event in read_journal(target.journals()[-1]).events]
    assert isinstance(events[-1], SessionFinished)
    warnings = [event.text for event in events if isinstance(event, Warned)]
    assert warnings == [f"the journal is no longer written to the file of --journal: {why}"]


def test_a_pipe_without_a_reader_is_refused_before_anything_begins(
    tmp_path: Path, wheels: list[Path], venv: Callable[[], Venv], run_instui: Run
) -> None:
    target = venv()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    text = error_line(run_instui(*journal_arguments(target, fifo, *wheels)), 2)
    assert text == f"cannot write the journal to {fifo}: it is a pipe that nobody reads; start its reader first"
    assert not (target.top / ".instui").exists()


def test_a_pipe_that_is_open_and_not_read_stops_no_install(
    tmp_path: Path, wheels: list[Path], venv: Callable[[], Venv], run_instui: Run
) -> None:
    target, pipe = venv(), Pipe(tmp_path / "fifo")
    try:
        done = run_instui(*journal_arguments(target, pipe.path, *wheels))
    finally:
        os.close(pipe.both)
    assert (done.returncode, done.stderr) == (0, "")
    check_given_up(target, "nobody reads it")


def test_a_session_whose_pipe_is_not_read_obeys_a_signal(
    tmp_path: Path, wheels: list[Path], venv: Callable[[], Venv], clean_environ: dict[str, str]
) -> None:
    target, pipe = venv(), Pipe(tmp_path / "fifo")
    pipe.fill()
    command = [sys.executable, "-m", "instui", *journal_arguments(target, pipe.path, "--slow", 4, *wheels)]
    process = subprocess.Popen([*map(str, command)], env=clean_environ, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: target.journals() and read_journal(target.journals()[0]).of(CommitStarted), process)
        process.terminate()
        _, errors = process.communicate(timeout=PATIENCE)
    finally:
        os.close(pipe.both)
    assert process.returncode == 143, errors
    last = read_journal(target.journals()[0]).events[-1][1]
    assert isinstance(last, SessionFinished) and last.exit == 143


def test_a_slow_reader_gets_every_line(
    tmp_path: Path, wheels: list[Path], venv: Callable[[], Venv], clean_environ: dict[str, str]
) -> None:
    target, pipe = venv(), Pipe(tmp_path / "fifo")
    reader = os.open(pipe.path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    command = [sys.executable, "-m", "instui", *journal_arguments(target, pipe.path, *wheels)]
    process = subprocess.Popen([*map(str, command)], env=clean_environ, stderr=subprocess.PIPE, text=True)
    until(lambda: target.journals() and read_journal(target.journals()[0]).of(CommitFinished), process)
    os.close(pipe.both)  # the session has it open by now, and will be the last to close it
    with open(reader, "rb") as file:
        content = file.read()
    _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")
    assert len(content) > 2 * 4096  # more than a pipe takes: it was kept
    assert content == target.journals()[0].read_bytes()


def test_a_reader_that_goes_away_stops_no_install(
    tmp_path: Path, wheels: list[Path], venv: Callable[[], Venv], clean_environ: dict[str, str]
) -> None:
    target, pipe = venv(), Pipe(tmp_path / "fifo")
    pipe.fill()
    command = [sys.executable, "-m", "instui", *journal_arguments(target, pipe.path, *wheels)]
    process = subprocess.Popen([*map(str, command)], env=clean_environ, stderr=subprocess.PIPE, text=True)
    until(lambda: target.journals() and read_journal(target.journals()[0]).of(StageStarted), process)
    os.close(pipe.both)
    _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")
    check_given_up(target, "Broken pipe")


def test_an_inherited_pipe_stays_as_its_owner_made_it(
    wheels: list[Path], venv: Callable[[], Venv], clean_environ: dict[str, str]
) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc/self/fd")
    target = venv()
    reader, writer = os.pipe()
    with contextlib.suppress(OSError):
        fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
    command = [sys.executable, "-m", "instui", *journal_arguments(target, "/dev/stdout", *wheels)]
    process = subprocess.Popen([*map(str, command)], env=clean_environ, stdout=writer, stderr=subprocess.PIPE)
    _, errors = process.communicate(timeout=PATIENCE)
    blocks = os.get_blocking(writer)
    os.close(writer)
    os.close(reader)
    assert (process.returncode, errors) == (0, b"")
    assert blocks  # O_NONBLOCK would be set for everybody who shares the pipe
    check_given_up(target, "nobody reads it")


def test_what_waits_for_a_reader_is_bounded() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    reasons: list[str] = []
    stream = Stream(writer, reasons.append)
    line = b"x" * 99_999 + b"\n"
    for _ in range(100):  # far more than it keeps; nobody reads, and nobody waits
        stream.put(line)
    until(lambda: reasons)  # before anybody waits for the stream
    stream.put(line)
    stream.close()
    assert reasons == ["nobody reads it"]
    with open(reader, "rb") as file:
        assert len(file.read()) <= 1 << 20  # what the pipe itself took


def test_the_last_journals_are_kept(wheels: list[Path], venv: Callable[[], Venv]) -> None:
    target = venv()
    target.put(wheels[0])
    sessions = target.journals()[0].parent
    for number in range(JOURNALS_KEPT + 5):
        (sessions / f"20000101-0000{number:02}-1-abcd.jsonl").write_text("")
    target.put(wheels[1])
    kept = target.journals()
    assert len(kept) == JOURNALS_KEPT
    assert all(read_journal(path).events for path in kept[-2:])


def test_a_dry_run_writes_nothing(wheels: list[Path], venv: Callable[[], Venv]) -> None:
    target = venv()
    target.put(*wheels, dry_run=True)
    assert not (target.top / ".instui").exists()
    assert not target.environment.lock_path.exists()
    assert target.lines.of(PlanFinished)[0].wheels == 10
