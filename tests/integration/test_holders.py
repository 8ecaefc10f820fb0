"""Who stands in the way is named, by wheel, session, process and state; `instui locks` shows it and only looks."""

import fcntl
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Run, Start
from instui.monitor.names import holder_name
from instui_engine.fs.paths import TOP
from instui_engine.journal.codec import encode
from instui_engine.journal.events import (
    SCHEMA,
    CommitStarted,
    EnvironmentWaiting,
    Holder,
    LockWaiting,
    SessionFinished,
    SessionStarted,
)
from instui_engine.locks import proc_locks as proclocks
from instui_engine.locks.claims import MOST, Claims, lock_set
from instui_engine.locks.holders import blockers, rows
from instui_engine.locks.live_sessions import live_sessions
from instui_engine.locks.lock_files import ClaimFiles
from instui_engine.locks.names import BUCKETS, TOP_FILE, TURNSTILE, bucket_of, file_name, is_lock_name, lock_name
from instui_engine.locks.phrases import describe
from instui_engine.locks.proc_locks import Locks
from support import trees
from support.cli import error_line, everything, ok
from support.environments import PATIENCE, Session, Venv, until
from support.locking import foreign, holding
from support.needs import require
from support.wheelsmith import build_wheel

needs_proc_locks = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs /proc/locks")


@pytest.fixture
def wheels(tmp_path: Path) -> dict[str, Path]:
    return {who: build_wheel(tmp_path, f"{who}-shared", "1.0", {"shared/x.py": who.encode()}) for who in "abc"}


def identity(session: Session) -> str:
    return session.lines.of(SessionStarted)[0].session


@pytest.fixture
def stuck(wheels: dict[str, Path], venv: Callable[[], Venv], start_instui: Start) -> Iterator[tuple[Venv, Session]]:
    """An environment, and a session that was stopped while it committed the wheel `a-shared` to it."""
    target = venv()
    holder = start_instui(target, "--slow", 20, wheels["a"])
    holder.wait_for(CommitStarted)
    with holder.stopped():
        yield target, holder


@needs_proc_locks
def test_a_waiter_names_wheel_session_process_and_state(
    wheels: dict[str, Path], stuck: tuple[Venv, Session], start_instui: Start
) -> None:
    target, holder = stuck
    waiter = start_instui(target, wheels["b"])
    waiting = waiter.wait_for(LockWaiting)
    assert isinstance(waiting, LockWaiting)
    (named,) = waiting.holders
    assert (named.wheel, named.session, named.pid) == ("a-shared", identity(holder), holder.process.pid)
    assert "instui install" in named.command
    assert named.state == "stopped"


@needs_proc_locks
def test_plain_output_says_every_while_who_is_in_the_way_and_the_timeout_says_it_once_more(
    wheels: dict[str, Path], stuck: tuple[Venv, Session], run_instui: Run
) -> None:
    target, holder = stuck
    before = trees.tree(target.top)
    where = ["--python", target.top, "--no-deps", "--ui", "plain", "--lock-timeout", 6]
    done = run_instui("install", *where, wheels["b"])
    message = error_line(done, 4)
    lines = [line for line in done.stdout.splitlines() if line.startswith("b-shared 1.0 waits for ")]
    assert [int(float(line.rpartition(", for ")[2].removesuffix(" s"))) for line in lines] == [1, 5]
    for text in (message, *lines):
        assert "site-packages/shared" in text
        assert f"a-shared of {'session ' + identity(holder) + ' of ' if text is message else ''}pid" in text
        assert f"pid {holder.process.pid} (" in text
        assert ", stopped" in text
    assert trees.differences(before, trees.tree(target.top)) == []
    assert len(target.stages()) == 1  # the holder's


@needs_proc_locks
def test_the_wait_for_the_environments_lock_names_a_stopped_foreigner(
    wheels: dict[str, Path], venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = venv()
    with holding(target.environment.lock_path) as other, Session(other, target.top).stopped():
        waiter = start_instui(target, "--lock-timeout", 1, wheels["b"])
        waiting = waiter.wait_for(EnvironmentWaiting)
        assert isinstance(waiting, EnvironmentWaiting)
        assert [(one.pid, one.wheel, one.session, one.state) for one in waiting.holders] == [
            (other.pid, "", "", "stopped")
        ]
        code, errors = waiter.finish()
        assert code == 4
        assert f"pid {other.pid} (" in errors
        assert ", stopped" in errors
    assert waiter.lines.of(SessionFinished)[0].installed == 0


@needs_proc_locks
def test_locks_and_doctor_name_a_foreign_holder_and_since_when_it_runs(
    venv: Callable[[], Venv], run_instui: Run
) -> None:
    target = venv()
    with holding(target.environment.lock_path) as other:
        began = time.time()
        table = ok(run_instui("locks", "--python", target.top))
        diagnosis = json.loads(run_instui("doctor", "--json", "--python", target.top).stdout)
    assert re.search(rf"pid {other.pid} \(.*, started \d+(\.\d+)? s ago", table), table
    (busy,) = (finding for finding in diagnosis["findings"] if finding["kind"] == "busy")
    assert busy["text"].startswith(f"at work here: pid {other.pid} (")
    assert busy["text"].endswith("); what is in hand may look damaged until it is done")  # not "asleep": it is at work
    (held,) = busy["holders"]
    assert held["pid"] == other.pid
    assert "import fcntl" in held["command"]
    assert held["state"]
    assert began - PATIENCE < held["began"] <= began + 1


@needs_proc_locks
def test_locks_shows_holders_and_waiters_of_every_kind_and_changes_nothing(
    wheels: dict[str, Path], stuck: tuple[Venv, Session], start_instui: Start, run_instui: Run
) -> None:
    target, holder = stuck
    waiters = {}
    for who in "bc":  # the one waits for the lock, the other at its gate
        waiters[who] = start_instui(target, wheels[who])
        waiters[who].wait_for(LockWaiting)
    shared = f"{target.environment.roots['purelib']}/shared"
    with foreign(target.environment.lock_path) as other:
        until(lambda: proclocks.exclusive_waiter(target.environment.lock_path), other)
        before = everything(target.top)
        found = json.loads(ok(run_instui("locks", "--json", "--python", target.top)))
        table = ok(run_instui("locks", "--python", target.top))
        assert everything(target.top) == before
    locks = {row["path"]: row for row in found["locks"]}
    (held,) = locks[shared]["holders"]
    assert (held["wheel"], held["session"], held["mode"]) == ("a-shared", identity(holder), "X")
    assert (held["pid"], held["state"]) == (holder.process.pid, "stopped")
    assert held["since"] > 1.6e9
    assert {(one["wheel"], one["session"], one["pid"], one["mode"]) for one in locks[shared]["waiters"]} == {
        (f"{who}-shared", identity(waiters[who]), waiters[who].process.pid, "X") for who in "bc"
    }
    assert {one["pid"] for one in locks[".lock"]["holders"]} == {
        session.process.pid for session in (holder, *waiters.values())
    }
    (outside,) = locks[".lock"]["waiters"]
    assert (outside["pid"], outside["session"], outside["wheel"], outside["mode"]) == (other.pid, "", "", "X")
    assert "import fcntl" in outside["command"]
    assert {one["wheel"] for one in locks["."]["holders"]} == {"a-shared", "b-shared", "c-shared"}
    assert {one["mode"] for one in locks["."]["holders"]} == {"IX"}
    assert "the name a-shared" in table
    assert sum(" wait  " in line for line in table.splitlines()) == 3
    assert table.splitlines()[-1].endswith("3 waiters")
    assert "IX: to write below it, as others may" in table.splitlines()


def test_locks_says_when_there_is_none_and_looks_at_what_it_cannot_write(
    wheels: dict[str, Path], venv: Callable[[], Venv], run_instui: Run
) -> None:
    target = venv()
    assert ok(run_instui("locks", "--python", target.top)) == "no lock is held\n"
    assert not (target.top / ".instui").exists()
    target.put(wheels["a"])
    for place in (target.top, target.site):
        place.chmod(0o555)
    try:
        assert ok(run_instui("locks", "--python", target.top)) == "no lock is held\n"
        assert json.loads(ok(run_instui("locks", "--json", "--python", target.top)))["locks"] == []
    finally:
        for place in (target.top, target.site):
            place.chmod(0o755)


def test_locks_of_nowhere_is_an_error_of_one_line(run_instui: Run, tmp_path: Path) -> None:
    assert "nowhere" in error_line(run_instui("locks", "--python", tmp_path / "nowhere"), 1)


def test_where_the_system_names_nobody_the_journals_do(
    wheels: dict[str, Path], stuck: tuple[Venv, Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that shares the environment with another one."""
    target, holder = stuck
    monkeypatch.setattr(proclocks, "LOCKS", os.devnull)
    shared = f"{target.environment.roots['purelib']}/shared"
    private = target.top / ".instui"
    (named,) = blockers(private, private / "locks" / lock_name(shared), shared, "X")
    assert (named.wheel, named.session, named.pid) == ("a-shared", identity(holder), 0)
    assert "another container" in named.state
    assert "instui install" in describe([named])
    (row,) = [row for row in rows(target.top) if row.path == shared]
    assert [claimant.holder for claimant in row.holders] == [named]


def test_a_waiter_leaves_itself_out_whatever_the_system_says(
    wheels: dict[str, Path], stuck: tuple[Venv, Session], start_instui: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, _ = stuck
    waiter = start_instui(target, wheels["b"])
    waiter.wait_for(LockWaiting)
    monkeypatch.setattr(proclocks, "LOCKS", os.devnull)
    private = target.top / ".instui"
    journal = private / "sessions" / f"{identity(waiter)}.jsonl"
    with journal.open("a") as file:  # of all that stand at a gate, only the waiter itself is left
        file.write(encode(9.0, LockWaiting("a-shared", "elsewhere", "X", [])) + "\n")
    for own, named in ((identity(waiter), []), ("", [identity(waiter)])):
        found = blockers(private, private / "locks" / lock_name("gate"), "elsewhere", "X", own)
        assert [one.session for one in found if one.session] == named


UNSEEING = ["unshare", "--pid", "--fork", "--mount-proc"]  # as in another container: nobody outside is visible


@pytest.fixture
def run_apart(clean_environ: dict[str, str]) -> Run:
    """Runs `instui` in a pid namespace of its own."""
    require("root")
    if subprocess.run([*UNSEEING, "true"], capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("no pid namespace can be made here")

    def run(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
        command = [*UNSEEING, sys.executable, "-m", "instui", *map(str, arguments)]
        return subprocess.run(command, env=clean_environ, capture_output=True, text=True, timeout=120, check=False)

    return run


@needs_proc_locks
def test_a_session_in_another_container_holds_what_it_holds(
    stuck: tuple[Venv, Session], wheels: dict[str, Path], run_apart: Run
) -> None:
    target, holder = stuck
    found = json.loads(ok(run_apart("locks", "--json", "--python", target.top)))
    locks = {row["path"]: row for row in found["locks"]}
    shared = f"{target.environment.roots['purelib']}/shared"
    for path in (".lock", shared):
        (held,) = locks[path]["holders"]
        assert (held["session"], held["pid"]) == (identity(holder), 0)
        assert "another container" in held["state"]
    arguments = ("install", "--no-deps", "--ui", "plain", "--python", target.top, "--lock-timeout", 1, wheels["b"])
    assert "in another container" in error_line(run_apart(*arguments), 4)


@needs_proc_locks
def test_a_lock_that_somebody_in_another_container_holds_is_held(
    wheels: dict[str, Path], venv: Callable[[], Venv], run_apart: Run
) -> None:
    target = venv()
    target.put(wheels["a"])
    assert ok(run_apart("locks", "--python", target.top)) == "no lock is held\n"
    bucket = target.top / ".instui" / "locks" / lock_name("path")
    bucket.touch()
    for lock, path in ((target.environment.lock_path, ".lock"), (bucket, f".instui/locks/{bucket.name}")):
        with holding(lock):
            before = everything(target.top)
            (row,) = json.loads(ok(run_apart("locks", "--json", "--python", target.top)))["locks"]
            assert row["path"] == path
            assert [(one["pid"], one["mode"]) for one in row["holders"]] == [(0, "X")]
            assert "another container" in row["holders"][0]["state"]
            assert "another container" in ok(run_apart("locks", "--python", target.top))
            assert everything(target.top) == before
    with holding(target.environment.lock_path):
        assert "another container" in run_apart("doctor", "--python", target.top).stdout
        arguments = ("install", "--no-deps", "--ui", "plain", "--python", target.top, "--lock-timeout", 1, wheels["b"])
        assert "in another container" in error_line(run_apart(*arguments), 4)


def by_chance(path: str) -> str:
    """Another path with the same lock file."""
    return next(one for one in map("other{}".format, range(10_000)) if lock_name(one) == lock_name(path))


@needs_proc_locks
def test_a_wait_for_a_lock_file_that_is_shared_by_chance_says_so(
    venv: Callable[[], Venv], tmp_path: Path, start_instui: Start, run_instui: Run
) -> None:
    target = venv()
    site = target.environment.roots["purelib"]
    number = next(n for n in range(10_000) if lock_name(f"{site}/p{n}") == lock_name(f"{site}/first"))
    first = build_wheel(tmp_path, "one", "1.0", {"first/x.py": b""})
    second = build_wheel(tmp_path, "two", "1.0", {f"p{number}/x.py": b""})
    holder = start_instui(target, "--slow", 20, first)
    holder.wait_for(CommitStarted)
    with holder.stopped():
        waiter = start_instui(target, second)
        waiting = waiter.wait_for(LockWaiting)
        assert isinstance(waiting, LockWaiting)
        assert waiting.path == f"{site}/p{number}"
        (named,) = waiting.holders
        assert (named.wheel, named.pid) == ("one", holder.process.pid)
        assert f"whose claim on {site}/first shares a lock file with this one by chance" in named.state
        found = json.loads(ok(run_instui("locks", "--json", "--python", target.top)))
        locks = {row["path"]: row for row in found["locks"]}
        assert [one["wheel"] for one in locks[f"{site}/first"]["holders"]] == ["one"]
        assert locks[f"{site}/p{number}"]["holders"] == []
        assert [one["wheel"] for one in locks[f"{site}/p{number}"]["waiters"]] == ["two"]
    assert waiter.finish() == (0, "")


@pytest.mark.parametrize("timeout", [PATIENCE, 0.0])
def test_a_short_wait_within_a_session_by_chance_is_not_reported_and_never_in_vain(
    timeout: float, venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instui_engine.locks.lock_files._LONG", PATIENCE)
    private = venv().top / ".instui"
    files = ClaimFiles(private, frozenset({TOP, ""}), timeout, "session")
    reported: list[str] = []
    held = files.acquire(Claims(("one",), (TOP,)), lambda *_: None, lambda: False)
    release = threading.Timer(0.3, files.release, [held])
    release.start()
    other = Claims((by_chance("one"),), (TOP,))
    files.release(files.acquire(other, lambda path, mode, holders: reported.append(path), lambda: False))
    release.join()
    assert reported == []


@pytest.mark.parametrize(("source", "why"), [(os.devnull, "another container"), ("/nowhere", "does not say")])
def test_a_holder_that_cannot_be_known_says_why(
    venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch, source: str, why: str
) -> None:
    target = venv()
    monkeypatch.setattr(proclocks, "LOCKS", source)
    with target.environment.lock_path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        (named,) = blockers(target.top / ".instui", target.environment.lock_path, ".lock", "IX")
    assert named == Holder(state=named.state)
    assert why in named.state
    assert named.state in describe([named])


DAMAGED = [
    b'{"t":1,"event":"lock.waiting","wheel":"a","path":"p","mode":"X","holders":[1]}',
    b'{"t":1,"event":"plan.wheel","wheel":[],"order":1,"files":1,"renames":1,"exclusive":3,"shared":{},"replaces":""}',
    b'{"t":1e999,"event":"lock.granted","wheel":"a","waited":' + b"9" * 5000 + b"}",
    b'{"t":1,"event":"lock.waiting","wheel":"\\ud800","path":"\\ud800\\u0000","mode":"?","holders":[]}',
    b'{"event":"lock.' + b"[" * 100_000,
    b'{"t":1,"event":"lock.stolen","wheel":"a"}',
    b'"event":"lock.\xff\x00',
]


@needs_proc_locks
def test_damaged_lines_of_a_live_journal_stop_neither_a_look_nor_a_wait(
    wheels: dict[str, Path], stuck: tuple[Venv, Session], start_instui: Start, run_instui: Run
) -> None:
    target, holder = stuck
    (journal,) = target.journals()
    with journal.open("ab") as file:
        file.write(b"\n".join([*DAMAGED, b""]))
    waiter = start_instui(target, wheels["b"])
    waiting = waiter.wait_for(LockWaiting)
    assert isinstance(waiting, LockWaiting)
    assert [(one.wheel, one.pid) for one in waiting.holders] == [("a-shared", holder.process.pid)]
    found = json.loads(ok(run_instui("locks", "--json", "--python", target.top)))
    shared = f"{target.environment.roots['purelib']}/shared"
    (row,) = [row for row in found["locks"] if row["path"] == shared]
    assert [one["wheel"] for one in row["holders"]] == ["a-shared"]
    assert "a-shared" in ok(run_instui("locks", "--python", target.top))


def test_of_a_newer_schema_only_the_session_is_known(stuck: tuple[Venv, Session]) -> None:
    target, holder = stuck
    (journal,) = target.journals()
    first, *rest = journal.read_text().splitlines(keepends=True)
    newer = json.loads(first) | {"schema": SCHEMA + 1}
    with journal.open("r+") as file:  # the same file, which is locked
        file.write("".join([json.dumps(newer, separators=(",", ":")), "\n", *rest]))
        file.truncate()
    (session,) = live_sessions(target.top / ".instui", Locks(None))
    assert session.session == identity(holder)
    assert "instui install" in session.command
    assert session.states == ()


def test_a_journal_that_is_no_regular_file_is_not_waited_for(venv: Callable[[], Venv]) -> None:
    private = venv().top / ".instui"
    (private / "sessions").mkdir(parents=True)
    os.mkfifo(private / "sessions" / "20260101-000000-1-abcd.jsonl")
    assert blockers(private, private / "lock", "p", "X")[0].pid == 0


def test_the_state_of_a_holder_is_part_of_its_name() -> None:
    assert holder_name(Holder(pid=4242, command="uv pip install ruff", state="stopped"), None, str) == (
        "pid 4242 (uv pip install ruff), stopped"
    )
    assert holder_name(Holder(state="not known: gone by now"), None, str) == "another process, not known: gone by now"


def test_lines_of_the_system_are_read() -> None:
    text = (
        "1: FLOCK  ADVISORY  WRITE 77 00:2a:5 0 EOF\n1: -> FLOCK  ADVISORY  READ 78 00:2a:5 0 EOF\n"
        "2: POSIX  ADVISORY  WRITE 79 00:2a:5 0 EOF\n3: OFDLCK ADVISORY  WRITE -1 00:2a:5 0 0\n\n4: FLOCK\n"
    )
    locks = Locks(text)
    assert locks.known
    assert not Locks(None).known
    (found,) = locks.files.values()
    assert [tuple(line) for line in found] == [(77, "X", False), (78, "IX", True)]


@pytest.mark.parametrize("path", ["a", "lib/x.py", "@name", "%25", "%2F/a%", TOP, "lib/%top", "%environment"])
def test_the_lock_file_of_a_path_is_known_to_every_process(path: str) -> None:
    code = f"from instui_engine.locks.names import lock_name; print(lock_name({path!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"{lock_name(path)}\n"
    assert is_lock_name(lock_name(path))
    assert (lock_name(path) == TOP_FILE) == (path == TOP)
    assert lock_name(path) != TURNSTILE


def test_lock_files_are_few_and_evenly_used() -> None:
    numbers = Counter(bucket_of(f"lib/python3.11/site-packages/package{n}") for n in range(100 * BUCKETS))
    assert set(numbers) == set(range(BUCKETS))
    assert max(numbers.values()) < 200


def test_file_names_that_stand_for_paths_are_all_different() -> None:
    paths = ["%top", "%2F", "/", "%252F", "x" * 300, f"{'x' * 299}y"]
    assert len({file_name(path) for path in paths}) == len(paths)
    assert not any("/" in file_name(path) for path in paths)


def test_a_wheel_with_very_many_claims_locks_the_top_alone() -> None:
    few = Claims(tuple(f"f{n}" for n in range(MOST - 1)), (TOP,))
    many = Claims((*few.exclusive, "one more"), (TOP,))
    assert len(lock_set(few)) == MOST
    assert (TOP, "IX") in lock_set(few)
    buckets = [bucket_of(path) for path, _ in lock_set(few)]
    assert buckets == sorted(buckets)
    assert lock_set(many) == [(TOP, "X")]


def test_many_and_few_claims_exclude_each_other(venv: Callable[[], Venv]) -> None:
    private = venv().top / ".instui"
    files, others = (ClaimFiles(private, frozenset({TOP, ""}), 0.1) for _ in range(2))
    few = Claims(("f1",), (TOP,))
    many = Claims(tuple(f"g{n}" for n in range(MOST)), (TOP,))
    for one, other in ((few, many), (many, few), (many, many)):
        held = files.acquire(one, lambda *_: None, lambda: False)
        with pytest.raises(Exception, match=r"waited 0.1 s"):
            others.acquire(other, lambda *_: None, lambda: False)
        files.release(held)
