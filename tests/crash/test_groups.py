"""Wheels that are committed as a group: each is a transaction of its own for others, for a failure and for recovery."""

import errno
import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Run, Start
from instui.monitor.fold import Fold
from instui_engine.commit import executor, recovery, transaction, writeahead
from instui_engine.commit.executor import Executor, StalePlan
from instui_engine.commit.settlement import Settlement
from instui_engine.errors import ClashError
from instui_engine.journal.events import (
    CommitFinished,
    CommitStarted,
    GroupFinished,
    LockGranted,
    LockWaiting,
    RecoveryFinished,
)
from instui_engine.journal.writer import Journal
from instui_engine.locks.claims import derive
from instui_engine.locks.holders import rows
from instui_engine.locks.layout import WHOLE
from instui_engine.locks.lock_files import ClaimFiles
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from support import trees
from support.cli import installed, ok
from support.environments import PATIENCE, Venv, until
from support.killing import run_killed
from support.wheelsmith import build_wheel

NAMES = ("one", "two", "three", "four")
Killed = Callable[..., Venv]


def made(directory: Path, version: str) -> list[Path]:
    """Wheels that exclude each other nowhere, with files that come, change and go."""
    return [
        build_wheel(
            directory,
            name,
            version,
            {
                f"{name}/__init__.py": version.encode(),
                f"{name}/only{version}.py": b"",
                f"{name}/new{version}/m.py": b"",
                f"{name}.py": version.encode(),
            },
            entry_points=f"[console_scripts]\nrun-{name} = {name}:run\n",
        )
        for name in NAMES
    ]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group has all wheels, however busy the machine is."""
    monkeypatch.setattr("instui_engine.commit.group._PREPARING", PATIENCE)


@pytest.fixture
def wheels(tmp_path: Path) -> dict[str, list[Path]]:
    return {version: made(tmp_path, version) for version in ("1.0", "2.0")}


def records(target: Venv) -> list[str]:
    return sorted(os.listdir(target.top / ".instui" / "records"))


def group(target: Venv) -> Path:
    """The one record that lies there, of a group."""
    (path,) = (target.top / ".instui" / "records").iterdir()
    assert json.loads(path.read_text())["format"] == 2
    return path


@pytest.fixture
def killed(venv: Callable[[], Venv], wheels: dict[str, list[Path]], clean_environ: dict[str, str]) -> Killed:
    """An environment after a kill in `two`, before its step of that number, while all were being upgraded."""

    def kill(step: int) -> Venv:
        target = venv()
        target.put(*wheels["1.0"])
        arguments = ("install", "--no-deps", *wheels["2.0"], "--python", target.top)
        assert run_killed(clean_environ, "two", step, *arguments) == -signal.SIGKILL
        return target

    return kill


def context(target: Venv) -> Context:
    return Context(Options(cache=target.cache, fsync=False), Journal(), Control())


def locks(target: Venv) -> ClaimFiles:
    return ClaimFiles(target.environment.private, target.environment.unlocked, PATIENCE)


def refuse_links(patch: pytest.MonkeyPatch, number: int) -> None:
    """Links to records fail with error `number`."""
    link = os.link

    def refused(source: Any, target: Any, **options: Any) -> None:
        if "/records/" in str(target):
            raise OSError(number, os.strerror(number), target)
        link(source, target, **options)

    patch.setattr(os, "link", refused)


def settle(target: Venv, written: writeahead.Written) -> None:
    recovery.settle(context(target), target.environment, locks(target), written)


# --- as a session sees it


def test_wheels_that_exclude_each_other_nowhere_are_one_group_and_those_that_wait_for_them_the_next(
    venv: Callable[[], Venv], wheels: dict[str, list[Path]], tmp_path: Path
) -> None:
    later = [build_wheel(tmp_path, f"{name}-too", "1.0", {f"{name}/late.py": b""}) for name in NAMES[:2]]
    target = venv()
    target.put(*wheels["1.0"], *later, jobs=4)
    assert target.lines.of(GroupFinished) == [
        one._replace(wheels=count, left=0, why="complete")
        for one, count in zip(target.lines.of(GroupFinished), (4, 2), strict=True)
    ]
    assert records(target) == []
    target.put(*wheels["2.0"])
    assert [one.wheels for one in target.lines.of(GroupFinished)] == [4]
    target.remove(*NAMES)
    assert [one.wheels for one in target.lines.of(GroupFinished)] == [4]
    assert trees.unlisted(target.site) == []


def test_a_group_has_one_record_and_no_lock_file_but_that_of_the_top(
    venv: Callable[[], Venv], wheels: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(writeahead, "sync_file", synced.append)
    opened: set[str] = set()
    take = transaction.take

    def watched(tree: Any, step: Any) -> None:
        opened.update(os.listdir(target.top / ".instui" / "locks"))
        take(tree, step)

    monkeypatch.setattr(transaction, "take", watched)
    target = venv()
    target.put(*wheels["1.0"], fsync=True)
    assert len(synced) == 1
    assert opened == {"%top", "%environment"}


def test_during_a_group_locks_and_the_screen_show_that_it_holds_the_whole_environment(
    venv: Callable[[], Venv], wheels: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, found = executor.run, {}

    def watched(tree: Any, what: Any, *rest: Any) -> None:
        found[what.name] = rows(target.top)
        run(tree, what, *rest)

    monkeypatch.setattr(executor, "run", watched)
    target = venv()
    target.put(*wheels["1.0"])
    for wheel, locked in found.items():
        assert [(row.path, one.mode, one.holder.wheel) for row in locked for one in row.holders] == [
            (".", "X", wheel),
            (".lock", "IX", ""),
        ]
    fold = Fold()
    for t, event in target.lines.events:
        fold.feed(t, event)
        if isinstance(event, LockGranted):
            top = fold.snapshot(t).lock(".")
            assert top is not None
            assert [(hold.wheel, hold.mode) for hold in top.holders] == [(event.wheel, "X")]


@pytest.mark.parametrize("word", ["pause", "cancel"])
def test_a_pause_or_a_cancel_acts_between_two_wheels_of_a_group(
    word: str, venv: Callable[[], Venv], wheels: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    target, control, run = venv(), Control(), executor.run
    seen = []

    def asks(tree: Any, what: Any, *rest: Any) -> None:
        if what.name == "two":
            control.obey(word)
            if word == "pause":
                threading.Thread(target=resume).start()
        run(tree, what, *rest)

    def resume() -> None:
        until(lambda: trees.complete(target.site, "two-1.0") and records(target) == [])
        seen.append(installed(target.site))
        control.obey("resume")

    monkeypatch.setattr(executor, "run", asks)
    outcome = target.install(*wheels["1.0"], control=control)
    first = target.lines.of(GroupFinished)[0]
    assert (first.wheels, first.left, first.why) == (2, 2, "stop" if word == "cancel" else word)
    if word == "pause":
        assert outcome.error == ""
        assert seen == [{"one": "1.0", "two": "1.0"}]
        assert set(installed(target.site)) == {*NAMES}
    else:
        assert outcome.exit_code == 130
        assert "2 of 4 distributions are installed" in outcome.error
        assert set(installed(target.site)) == {"one", "two"}
        assert trees.unlisted(target.site) == []
    assert records(target) == []


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_disk_that_is_full_in_the_middle_undoes_the_wheel_in_hand_alone(
    version: str, venv: Callable[[], Venv], wheels: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = venv()
    if version == "2.0":
        target.put(*wheels["1.0"])
    take = transaction.take

    def fails(tree: Any, step: Any) -> None:
        take(tree, step)
        if step.path.endswith("bin/run-two"):
            raise OSError(28, "No space left on device", step.path)

    def full(path: Path, data: bytes, fsync: bool) -> None:
        if "undo" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device", path)
        put(path, data, fsync)

    put = writeahead._put
    with monkeypatch.context() as patch:
        patch.setattr(transaction, "take", fails)
        refuse_links(patch, errno.ENOSPC)  # on some file systems one needs an inode
        patch.setattr(writeahead, "_put", full)
        outcome = target.install(*wheels[version])
    assert outcome.exit_code == 1
    assert "cannot install two" in outcome.error
    assert outcome.installed == ("one",)
    assert [(one.wheels, one.left, one.why) for one in target.lines.of(GroupFinished)] == [(1, 3, "failure")]
    assert records(target) == []
    left = dict.fromkeys(NAMES, "1.0") if version == "2.0" else {}
    assert installed(target.site) == {**left, "one": version}
    assert all(trees.complete(target.site, name) for name in trees.distributions(target.site))
    assert trees.unlisted(target.site) == []


def test_where_there_is_no_room_for_the_record_of_a_group_the_wheels_have_one_each(
    venv: Callable[[], Venv], wheels: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = executor.write

    def full(top: Any, tree: Any, transactions: Any, fsync: bool) -> Path:
        if len(transactions) > 1:
            raise OSError(28, "No space left on device", "record")
        return write(top, tree, transactions, fsync)

    monkeypatch.setattr(executor, "write", full)
    target = venv()
    target.put(*wheels["1.0"])
    assert target.lines.of(GroupFinished) == []
    assert set(installed(target.site)) == {*NAMES}


def test_a_wheel_whose_plan_is_stale_leaves_the_group_and_is_planned_again(
    venv: Callable[[], Venv], wheels: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, stale = Executor.ready, ["two"]

    def late(self: Executor, plan: Any, tree: Any) -> Any:
        if plan.name in stale:
            stale.remove(plan.name)
            raise StalePlan
        return ready(self, plan, tree)

    monkeypatch.setattr(Executor, "ready", late)
    target = venv()
    target.put(*wheels["1.0"])
    assert [one.wheel for one in target.lines.of(CommitFinished)] == ["one", "three", "four", "two"]


def test_a_wheel_that_cannot_be_prepared_fails_after_those_before_it(
    venv: Callable[[], Venv], wheels: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = Executor.ready

    def clashes(self: Executor, plan: Any, tree: Any) -> Any:
        if plan.name == "three":
            raise ClashError("three cannot be", path="three", owners=())
        return ready(self, plan, tree)

    monkeypatch.setattr(Executor, "ready", clashes)
    target = venv()
    outcome = target.install(*wheels["1.0"])
    assert (outcome.exit_code, outcome.error, outcome.installed) == (1, "three cannot be", ("one", "two"))
    assert [event.wheel for event in target.lines.of(CommitStarted)] == ["one", "two"]
    assert records(target) == []


# --- others


@pytest.mark.parametrize("who", ["session", "claim"])
def test_who_comes_during_a_group_waits_for_the_wheel_in_hand_and_no_other(
    who: str,
    venv: Callable[[], Venv],
    wheels: dict[str, list[Path]],
    start_instui: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it claims is nobody else's. The second wheel begins when it is through: it would never be."""
    target, run = venv(), executor.run
    other = build_wheel(tmp_path, "unrelated", "1.0", {"unrelated/m.py": b""})
    arrived: list[Any] = []

    def claim() -> None:
        files, claims = locks(target), derive(["lib/unrelated"], "unrelated")
        files.release(files.acquire(claims, lambda *_: arrived.append("waits"), lambda: False))

    def is_waiting() -> bool:
        return bool(arrived) if who == "claim" else bool(session.lines.of(LockWaiting))

    def watched(tree: Any, what: Any, *rest: Any) -> None:
        if what.name == "one":
            begin()
            until(is_waiting)
        elif what.name == "two":
            until(is_through)
        run(tree, what, *rest)

    if who == "claim":
        thread = threading.Thread(target=claim)
        begin, is_through = thread.start, lambda: not thread.is_alive()
    else:

        def begin() -> None:
            nonlocal session
            session = start_instui(target, other)

        session: Any = None
        is_through = lambda: session.process.poll() is not None  # noqa: E731
    monkeypatch.setattr(executor, "run", watched)
    target.put(*wheels["1.0"])
    first = target.lines.of(GroupFinished)[0]
    assert (first.wheels, first.left, first.why) == (1, 3, "waiter")
    if who == "session":
        assert session.finish() == (0, "")
        assert [event.wheel for event in session.lines.of(LockGranted)] == ["unrelated"]
        assert os.getpid() in [holder.pid for holder in session.lines.of(LockWaiting)[0].holders]
    assert {*NAMES} <= set(installed(target.site))


# --- what a killed group leaves


@pytest.mark.parametrize("step", [0, 1, 4])
def test_after_a_kill_what_was_finished_stays_what_was_in_hand_is_settled_and_the_rest_forgotten(
    step: int, killed: Killed, tmp_path: Path
) -> None:
    target = killed(step)
    group(target)
    other = build_wheel(tmp_path, "other", "1.0", {"other.py": b""})
    target.put(other)
    settled = [(event.wheel, event.outcome) for event in target.lines.of(RecoveryFinished)]
    assert settled == ([("two", "completed")] if step else [])
    assert records(target) == []
    assert target.stages() == []
    versions = {"one": "2.0", "two": "2.0" if step else "1.0", "three": "1.0", "four": "1.0", "other": "1.0"}
    assert installed(target.site) == versions
    assert all(trees.complete(target.site, name) for name in trees.distributions(target.site))
    assert trees.unlisted(target.site) == []


def test_directories_that_were_made_before_the_first_rename_of_what_is_forgotten_go(
    venv: Callable[[], Venv], tmp_path: Path, clean_environ: dict[str, str]
) -> None:
    both = [build_wheel(tmp_path, name, "1.0", {f"{name}/inner/m.py": b""}) for name in ("one", "two")]
    target = venv()
    arguments = ("install", "--no-deps", *both, "--python", target.top)
    assert run_killed(clean_environ, "two", 1, *arguments) == -signal.SIGKILL
    assert (target.site / "two").is_dir()
    target.remove("one")
    assert not (target.site / "two").exists()


def test_what_somebody_put_into_a_directory_just_before_it_went_comes_back_from_a_finished_section(
    killed: Killed, tmp_path: Path
) -> None:
    """As if the kill had come after the last step of `one`, before that."""
    target = killed(4)
    (section,) = (one for one in writeahead.written_in(group(target)) if one.transaction.name == "one")
    saved = next(step.saved for step in section.transaction.steps if step.path.endswith("/one") and step.saved)
    (target.top / saved / "mine.txt").write_text("of the user")
    target.put(build_wheel(tmp_path, "other", "1.0", {"other.py": b""}))
    assert (target.site / "one" / "mine.txt").read_text() == "of the user"


def test_what_another_installer_has_removed_since_it_was_finished_does_not_come_back(
    killed: Killed, tmp_path: Path
) -> None:
    target = killed(4)
    for path in (target.site / "one-2.0.dist-info", target.site / "one.py"):
        path.rename(tmp_path / path.name)
    target.put(build_wheel(tmp_path, "other", "1.0", {"other.py": b""}))
    assert "one" not in installed(target.site)
    assert not (target.site / "one.py").exists()
    assert records(target) == []


def test_only_the_section_that_meets_a_claim_is_settled_under_it(
    killed: Killed, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = killed(4)
    claims = derive([], "three")
    with pytest.raises(recovery.Unsettled) as found:
        recovery.check_settled(target.environment, claims, "")
    assert found.value.written.transaction.name == "three"
    settle(target, found.value.written)
    recovery.check_settled(target.environment, claims, "")
    assert [path.suffix for path in sorted((target.top / ".instui" / "records").iterdir())] == [".json", ".done"]
    assert not trees.complete(target.site, "two-2.0")
    with monkeypatch.context() as patch:
        patch.delattr(recovery, "progress")
        settle(target, found.value.written)  # as one who has looked before: there is nothing to judge
    assert target.remove("three", "four").installed == ("three", "four")
    assert records(target) == []


def test_sections_are_settled_by_two_sessions_at_the_same_time(
    killed: Killed, monkeypatch: pytest.MonkeyPatch, wheels: dict[str, list[Path]]
) -> None:
    """One is undone, since somebody has put a file in its way, while the others are settled."""
    target = killed(4)
    (target.top / "bin" / "run-two").unlink(missing_ok=True)
    (target.site / "two" / "new2.0").mkdir(exist_ok=True)
    (target.site / "two" / "new2.0" / "m.py").write_text("somebody's")
    sections = {one.transaction.name: one for one in writeahead.written_in(group(target))}
    inside, others_done = threading.Event(), threading.Event()
    original = Settlement.settle

    def slow(self: Settlement, written: writeahead.Written) -> Any:
        found = original(self, written)
        inside.set()
        assert others_done.wait(PATIENCE)
        return found

    monkeypatch.setattr(Settlement, "settle", slow)
    thread = threading.Thread(target=settle, args=(target, sections["two"]))
    thread.start()
    assert inside.wait(PATIENCE)
    for name in ("one", "three", "four"):
        settle(target, sections[name])
    others_done.set()
    thread.join()
    assert records(target) == []
    target.put(*wheels["2.0"])
    assert installed(target.site) == dict.fromkeys(NAMES, "2.0")


def test_a_section_is_set_apart_and_marked_also_where_links_are_refused(
    killed: Killed, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = killed(4)
    path = group(target)
    refuse_links(monkeypatch, errno.EPERM)
    (section,) = (one for one in writeahead.written_in(path) if one.transaction.name == "two")
    apart = writeahead.decide(section, "undo")
    assert writeahead.written_in(apart.record)[0].transaction == section.transaction
    assert "two" not in [one.transaction.name for one in writeahead.written_in(path)]
    target.remove("four")
    assert records(target) == []
    assert installed(target.site) == {"one": "2.0", "two": "1.0", "three": "1.0"}


def test_marks_that_have_outlived_their_group_are_cleared(killed: Killed) -> None:
    target = killed(4)
    path = group(target)
    for one in writeahead.written_in(path):
        settle(target, one)
    assert records(target) == []
    path.with_name(f"{writeahead.session_of(path.name)}.7.done").touch()
    target.remove("four")
    assert records(target) == []


def test_a_group_whose_sections_are_all_settled_goes_with_the_next_command(killed: Killed) -> None:
    """Who had settled the last one was killed before it removed the record."""
    target = killed(4)
    path = group(target)
    content = path.read_bytes()
    sections = writeahead.written_in(path)
    for one in sections:
        settle(target, one)
    path.write_bytes(content)
    for one in sections:
        one.beside(".done").touch()
    before = trees.tree(target.top)
    target.remove("four")
    assert records(target) == []
    assert installed(target.site) == {"one": "2.0", "two": "2.0", "three": "1.0"}
    assert before.keys() - trees.tree(target.top).keys()


def test_doctor_names_what_of_a_group_was_in_hand(killed: Killed, run_instui: Run) -> None:
    target = killed(4)
    shown = run_instui("doctor", "--python", target.top)
    assert shown.returncode == 1
    assert "two 2.0" in shown.stdout
    assert "three 2.0" not in shown.stdout
    ok(run_instui("doctor", "--repair", "--python", target.top))
    assert records(target) == []
    assert trees.complete(target.site, "two-2.0")


def test_a_version_that_knows_no_groups_refuses_what_meets_a_section_and_nothing_else(
    killed: Killed, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = killed(4)
    monkeypatch.setattr(writeahead, "FORMAT", 1)
    for name in NAMES:
        with pytest.raises(recovery.NewerVersionNeeded, match=r"one 2\.0 and 3 more"):
            recovery.check_settled(target.environment, derive([], name), "")
    recovery.check_settled(target.environment, derive(["lib/elsewhere"], "elsewhere"), "")


def test_nobody_is_let_in_where_waiters_cannot_be_seen(
    venv: Callable[[], Venv], wheels: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a gate there are no groups."""
    from instui_engine.locks import lock_files

    target = venv()
    with monkeypatch.context() as patch:
        patch.setattr(lock_files, "is_awaited", lambda descriptor: True)
        target.put(*wheels["1.0"], jobs=2)
    assert target.lines.of(GroupFinished) == []
    files = locks(target)
    whole = files.try_whole()
    assert whole is not None
    assert locks(target).try_whole() is None
    assert not files.is_awaited(whole)
    thread = threading.Thread(target=lambda: files.release(files.acquire(WHOLE, lambda *_: None, lambda: False)))
    thread.start()
    until(lambda: files.is_awaited(whole))
    files.release_whole(whole)
    thread.join()
