"""What goes on beside a session, in its own process or in others, is seen in time, and never gets into its way."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import Start
from instui_engine.commands import command
from instui_engine.commands.command import Outcome, Recording
from instui_engine.commands.install import install
from instui_engine.commit import executor
from instui_engine.commit.backups import BACKUPS, Backups
from instui_engine.commit.executor import Executor
from instui_engine.commit.transaction import Step
from instui_engine.errors import ClashError
from instui_engine.journal import stream
from instui_engine.journal.events import (
    CommitFinished,
    CommitProgress,
    CommitStarted,
    GroupFinished,
    LockGranted,
    Overwrite,
    RecoveryFinished,
    Warned,
)
from instui_engine.locks import lock_files
from instui_engine.locks.claims import derive
from instui_engine.locks.lock_files import ClaimFiles
from instui_engine.resolve.request import Request
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.session.session import alive
from support import trees
from support.cli import installed
from support.environments import Venv, planned_environment, read_journal, until
from support.killing import run_killed
from support.wheelsmith import build_wheel


def small(place: Path, name: str, version: str = "1.0", **files: bytes) -> Path:
    return build_wheel(
        place, name, version, {f"{path}.py": content for path, content in files.items()} or {f"{name}.py": b""}
    )


def test_what_pip_installs_during_a_commit_of_another_wheel_is_replaced_and_not_listed_twice(
    venv: Callable[[], Venv], tmp_path: Path, start_instui: Start
) -> None:
    target = venv()
    slow = [build_wheel(tmp_path, name, "1.0", {f"{name}{n}.py": b"1" for n in range(60)}) for name in ("one", "two")]
    theirs, ours = (small(tmp_path, "foo", version, foo=version.encode()) for version in ("1.0", "2.0"))
    session = start_instui(target, "--slow", 2, "--jobs", 1, *slow, ours)
    session.wait_for(CommitStarted, "two")
    pip = [sys.executable, "-m", "pip", "--python", str(target.top), "install", "-q", "--no-deps", "--no-index"]
    with session.stopped():
        assert not session.lines.of(CommitFinished, "two")
        subprocess.run([*pip, str(theirs)], check=True)
    assert session.finish() == (0, "")
    assert installed(target.site) == {"one": "1.0", "two": "1.0", "foo": "2.0"}
    assert not list(target.site.glob("foo-1.0*"))


def during_a_group(
    patch: pytest.MonkeyPatch, target: Venv, wheels: Sequence[Path], action: Callable[[], object]
) -> tuple[Outcome, GroupFinished]:
    """Install `wheels`, with `action` before the first rename of `one`; return how that and the first group ended."""
    run = executor.run

    def watched(tree: Any, what: Any, *rest: Any) -> None:
        if what.name == "one":
            action()
        run(tree, what, *rest)

    patch.setattr(executor, "run", watched)
    patch.setattr("instui_engine.commit.group._PREPARING", 60.0)  # also on a busy machine it has all of them
    outcome = target.install(*wheels)
    return outcome, target.lines.of(GroupFinished)[0]


@pytest.mark.parametrize("what", ["installs", "upgrades", "removes", "overwrites", "script"])
def test_a_wheel_of_a_group_is_prepared_again_if_somebody_without_a_lock_has_changed_what_it_was_prepared_for(
    what: str, venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wheel(name: str, version: str) -> Path:
        files = {f"{name}/__init__.py": version.encode(), f"{name}.py": version.encode(), f"{name}/v{version}.py": b""}
        return build_wheel(tmp_path, name, version, files, entry_points=f"[console_scripts]\nrun-{name} = {name}:run\n")

    target, names = venv(), ("one", "two", "three")
    if what in ("upgrades", "removes"):
        target.put(*(wheel(name, "1.0") for name in names))

    def remove() -> None:
        for path in (*target.site.glob("two*"), target.top / "bin" / "run-two"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def act() -> None:
        if what in ("upgrades", "removes"):
            remove()
        if what in ("installs", "upgrades"):
            with zipfile.ZipFile(wheel("two", "2.0" if what == "upgrades" else "1.0")) as archive:
                archive.extractall(target.site)
        elif what in ("overwrites", "script"):
            place = target.site / "two.py" if what == "overwrites" else target.top / "bin" / "run-two"
            place.write_bytes(b"of the user")

    version = "3.0" if what in ("upgrades", "removes") else "1.0"
    _, group = during_a_group(monkeypatch, target, [wheel(name, version) for name in names], act)
    assert (group.wheels, group.left, group.why) == (1, 2, "change")
    assert installed(target.site) == dict.fromkeys(names, version)
    assert all(trees.complete(target.site, f"{name}-{version}") for name in names)
    assert trees.unlisted(target.site) == []
    if what in ("overwrites", "script"):
        (overwrite,) = target.lines.of(Overwrite)
        assert (overwrite.wheel, overwrite.old, overwrite.same) == ("two", "", False)
        target.remove("two")
        assert (target.top / overwrite.path).read_bytes() == b"of the user"


def test_a_wheel_of_a_group_goes_into_no_directory_that_somebody_has_moved_away(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pip does with one that has nothing but what it uninstalls: it removes the moved one later."""
    target = venv()
    shared, moved = target.site / "ns", target.site / "~s"
    shared.mkdir()
    (shared / "of_pip.py").touch()
    files = {"one": "one.py", "two": "ns/two/__init__.py", "three": "three.py"}
    wheels = [build_wheel(tmp_path, name, "1.0", {path: b""}) for name, path in files.items()]
    during_a_group(monkeypatch, target, wheels, lambda: shared.rename(moved))
    assert [path.name for path in moved.iterdir()] == ["of_pip.py"]
    assert trees.complete(target.site, "two-1.0")


def test_a_group_ends_when_another_session_appears_whatever_that_does(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = venv()
    _, group = during_a_group(
        monkeypatch,
        target,
        [small(tmp_path, name) for name in ("one", "two", "three")],
        lambda: (target.journals()[0].parent / "another.jsonl").touch(),
    )
    assert (group.wheels, group.left, group.why) == (1, 2, "session")


def test_a_wheel_that_cannot_be_prepared_fails_after_those_before_it_also_where_its_group_ends_early(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, ready = venv(), Executor.ready

    def clashes(self: Executor, plan: Any, tree: Any) -> Any:
        if plan.name == "three":
            raise ClashError("three cannot be", path="three", owners=())
        return ready(self, plan, tree)

    monkeypatch.setattr(Executor, "ready", clashes)
    outcome, group = during_a_group(
        monkeypatch,
        target,
        [small(tmp_path, name) for name in ("one", "two", "three")],
        lambda: (target.journals()[0].parent / "another.jsonl").touch(),
    )
    assert (group.wheels, group.left, group.why) == (1, 1, "session")
    assert (outcome.error, outcome.installed) == ("three cannot be", ("one", "two"))


def test_what_a_session_has_left_that_died_meanwhile_is_settled_before_anything_is_committed_there(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_environ: dict[str, str]
) -> None:
    """As if it had died after this session had looked for such."""
    target, names = venv(), ("one", "two", "three")
    wheels = [build_wheel(tmp_path, name, "1.0", {f"{name}/m.py": b"", f"{name}.py": b""}) for name in names]
    arguments = ("install", "--no-deps", wheels[1], "--python", target.top)
    assert run_killed(clean_environ, "two", 1, *arguments) == -signal.SIGKILL
    monkeypatch.setattr(command, "recover", lambda *_: False)
    target.put(*wheels)
    assert [(event.wheel, event.outcome) for event in target.lines.of(RecoveryFinished)] == [("two", "completed")]
    assert all(trees.complete(target.site, f"{name}-1.0") for name in names)
    assert os.listdir(target.top / ".instui" / "records") == []


def test_who_comes_while_a_group_is_prepared_waits_for_no_wheel_of_it(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, ready, run, release = venv(), Executor.ready, executor.run, ClaimFiles.release_whole
    waits, found = threading.Event(), []

    def claim() -> None:
        files = ClaimFiles(target.environment.private, target.environment.unlocked, 60.0)
        claims = derive(["lib/unrelated"], "unrelated")
        files.release(files.acquire(claims, lambda *_: waits.set(), lambda: False))

    thread = threading.Thread(target=claim)

    def prepared(self: Executor, plan: Any, tree: Any) -> Any:
        found.append(plan.name)
        made = ready(self, plan, tree)
        if not waits.is_set():
            thread.start()
            assert waits.wait(60.0)
        return made

    def committed(tree: Any, what: Any, *rest: Any) -> None:
        found.append("commit")
        run(tree, what, *rest)

    def released(whole: int) -> None:
        found.append("released")
        release(whole)

    monkeypatch.setattr(Executor, "ready", prepared)
    monkeypatch.setattr(executor, "run", committed)
    monkeypatch.setattr(ClaimFiles, "release_whole", staticmethod(released))
    monkeypatch.setattr("instui_engine.commit.group._LOOK", 0.0)
    monkeypatch.setattr("instui_engine.commit.group._PREPARING", 60.0)
    target.put(*(small(tmp_path, name) for name in ("one", "two", "three")))
    thread.join()
    assert found[:2] == ["one", "released"]
    assert set(installed(target.site)) == {"one", "two", "three"}


def test_no_wheel_is_added_to_a_group_that_takes_long_to_prepare(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = count(0.0, 0.06)
    monkeypatch.setattr("instui_engine.commit.group.time", SimpleNamespace(monotonic=lambda: next(clock)))
    target = venv()
    target.put(*(small(tmp_path, name) for name in ("one", "two", "three")))
    assert target.lines.of(GroupFinished) == []  # which is said of several wheels only
    assert [event.whole for event in target.lines.of(LockGranted)] == [True] * 3


def test_what_a_session_settles_in_its_middle_is_known_to_its_next_commits(
    venv: Callable[[], Venv], tmp_path: Path, start_instui: Start
) -> None:
    target = venv()
    many = [small(tmp_path, f"f{number}") for number in range(8)]
    target.put(small(tmp_path, "base", shared=b"of base"), small(tmp_path, "q", q=b"1"))
    killed = build_wheel(tmp_path, "killed", "1.0", {**{f"k{n}.py": b"" for n in range(30)}, "shared.py": b"of killed"})
    last = [small(tmp_path, "q", "2.0", q=b"2"), small(tmp_path, "winner", shared=b"of winner")]
    control = Control()
    before = set(target.journals())
    running = threading.Thread(
        target=target.install, args=(*many, *last), kwargs={"jobs": 1, "slow": 0.5, "control": control}
    )
    running.start()
    until(lambda: any(read_journal(one).of(CommitFinished, "f0") for one in set(target.journals()) - before))
    control.obey("pause")
    victim = start_instui(target, "--slow", 2, "--jobs", 1, killed)
    victim.wait_for(CommitProgress, "killed")
    victim.process.kill()
    victim.process.wait()
    control.obey("resume")
    running.join()
    assert len(target.lines.of(RecoveryFinished)) == 1
    names = sorted(path.name.partition("%%")[2] for path in (target.top / BACKUPS).iterdir())
    assert names == ["0001%%base-1.0", "0002%%killed-1.0"]
    target.remove("winner")
    assert (target.site / "shared.py").read_text() == "of killed"


def test_a_kept_file_is_entered_once_and_its_name_is_never_given_again(tmp_path: Path) -> None:
    environment = planned_environment(tmp_path)
    token: list[object] = [None]
    backups = Backups(environment, lambda: token[0])
    (tmp_path / BACKUPS).mkdir(parents=True)
    path = f"{environment.site_packages[0]}/x.py"
    saved = backups.add(path, ["one 1.0"])
    (tmp_path / saved).touch()
    token[0] = "quiet"
    assert backups.any()  # another commit lists the entry before this one notes it
    backups.committed([Step("replace", path, "stage/x", saved)])
    assert backups.of(path, "one 1.0") == [saved]
    foreign = saved.replace("0001", "0002").replace("one", "two")
    (tmp_path / foreign).touch()  # somebody's who was not seen
    assert backups.add(path, ["two 1.0"]) not in (saved, foreign)


@pytest.mark.parametrize("when", ["lock.granted", "lock.released", "session.finished"])
def test_a_listener_that_raises_stops_nothing_and_leaves_nothing_held(
    when: str, venv: Callable[[], Venv], tmp_path: Path
) -> None:
    target = venv()
    wheel = small(tmp_path, "one")
    heard: list[str] = []

    def bad(line: str) -> None:
        if f'"{when}"' in line:
            raise BrokenPipeError("gone")

    options = Options(cache=target.cache, jobs=1, fsync=False, lock_timeout=2.0)
    request = Request(arguments=(str(wheel),), no_deps=True)
    outcome = install(request, target.environment, options, None, Recording((bad, heard.append)))
    assert (outcome.error, outcome.installed) == ("", ("one",))
    assert '"session.finished"' in heard[-1]
    assert any("BrokenPipeError: gone" in line for line in heard) == (when != "session.finished")
    assert not any(map(alive, target.journals()))
    assert target.stages() == []
    assert target.install(wheel, reinstall=True, lock_timeout=2.0).error == ""


def test_the_end_waits_for_a_slow_reader_of_the_journal_only_so_long(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_LONGEST", 0.5)
    target = venv()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
    over = threading.Event()

    def trickle() -> None:
        while not over.wait(0.2):  # sooner than a reader who takes nothing is given up
            os.read(reading, 512)

    reader = threading.Thread(target=trickle)
    reader.start()
    try:
        wheels = [small(tmp_path, f"f{number}") for number in range(60)]
        outcome = target.install(*wheels, journal_file=str(fifo))
    finally:
        over.set()
        reader.join()
        os.close(reading)
    assert outcome.error == ""
    assert any("its reader is too slow" in warned.text for warned in target.lines.of(Warned))


def test_a_claim_whose_lock_file_cannot_be_written_to_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = derive(["lib/x"], "x")
    locks, theirs = (ClaimFiles(tmp_path, (), 30.0) for _ in range(2))
    held = theirs.acquire(claims, lambda *_: None, lambda: False)
    monkeypatch.setattr(lock_files, "open_lock", lambda path: os.open(path, os.O_RDONLY))
    waits: list[str] = []

    def let_go(path: str, *rest: object) -> None:
        waits.append(path)
        theirs.release(held)

    locks.release(locks.acquire(claims, let_go, lambda: False))
    assert len(waits) == 1
