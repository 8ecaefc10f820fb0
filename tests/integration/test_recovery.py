"""A session that was killed in the middle of a commit: what readers see, and what the next session makes of it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from instui_engine.commit import executor, transaction, writeahead
from instui_engine.commit.group import Groups
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.journal.events import RecoveryFinished, RecoveryStarted
from support import trees
from support.cli import error_line, installed, ok, uv
from support.environments import Venv, until
from support.killing import KILLED, run_killed
from support.processes import state
from support.wheelsmith import build_wheel


@pytest.fixture
def killed(clean_environ: dict[str, str]) -> Callable[..., int]:
    """Runs `instui WORDS`, killed before step `point` of the transaction of `name`; returns the exit code."""
    return lambda *arguments: run_killed(clean_environ, *arguments)


@pytest.fixture
def versions(tmp_path: Path) -> dict[str, Path]:
    """Two versions of a distribution with files that come, change and go, a script, data and a neighbour's file."""
    return {
        version: build_wheel(
            tmp_path,
            "pkg",
            version,
            {
                "pkg/__init__.py": f"V = {version!r}\n".encode(),
                "pkg/same.py": b"same\n",
                f"pkg/only{version}.py": b"",
                f"pkg/sub{version}/a.py": b"",
                "shared.py": f"of pkg {version}\n".encode(),
            },
            data={"scripts/tool": b"#!python\n", f"data/etc/pkg/{version}.conf": b"conf"},
            entry_points="[console_scripts]\nrun = pkg:run\n",
        )
        for version in ("1.0", "2.0")
    }


@pytest.fixture
def venv(make_venv: Callable[[Path], Venv], tmp_path: Path) -> Callable[[], Venv]:
    """Environments one after the other at the same path, which launchers contain."""
    made: list[Venv] = []

    def make() -> Venv:
        if made:
            made[-1].move_away()
        made.append(make_venv(tmp_path / "venv"))
        return made[-1]

    return make


def _points(killed: Callable[..., int], make: Callable[[], Venv], *arguments: object) -> Iterator[tuple[int, Venv]]:
    for point in range(100):
        target = make()
        if killed("pkg", point, *arguments, "--python", target.top) == 0:
            assert point > 3
            return
        yield point, target
    raise AssertionError("it never came to its end")


@pytest.mark.parametrize("own", ["pkg/mine.txt", "mine.txt"], ids=["file by file", "whole directories"])
@pytest.mark.parametrize("what", ["install", "upgrade", "reinstall", "uninstall"])
def test_after_a_kill_at_any_step_nothing_is_listed_and_torn_and_running_again_ends_as_if_undisturbed(
    what: str,
    own: str,
    venv: Callable[[], Venv],
    versions: dict[str, Path],
    killed: Callable[..., int],
    run_instui: Run,
    tmp_path: Path,
) -> None:
    neighbour = build_wheel(tmp_path, "neighbour", "1.0", {"shared.py": b"of the neighbour\n", "neighbour.py": b""})

    def make() -> Venv:
        target = venv()
        target.put(neighbour, *([] if what == "install" else [versions["1.0"]]))
        (target.site / own).parent.mkdir(exist_ok=True)
        (target.site / own).write_text("of the user")
        return target

    arguments = {
        "install": ("install", "--no-deps", versions["1.0"]),
        "upgrade": ("install", "--no-deps", versions["2.0"]),
        "reinstall": ("install", "--no-deps", "--reinstall", versions["1.0"]),
        "uninstall": ("uninstall", "pkg"),
    }[what]
    plain = make()
    ok(run_instui(*arguments, "--no-fsync", "--ui", "none", "--python", plain.top))
    expected = trees.tree(plain.top)
    for point, target in _points(killed, make, *arguments):
        for name in trees.distributions(target.site):
            if name != "neighbour-1.0":
                assert trees.complete(target.site, name), f"{name} is listed and torn after {point} steps"
        done = run_instui(*arguments, "--no-fsync", "--ui", "json", "--python", target.top)
        assert (done.returncode, done.stderr) == (0, "")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert [one["outcome"] for one in events if one["event"] == "recovery.finished"] == ["completed"]
        assert trees.differences(trees.tree(target.top), expected) == [], f"after {point} steps"
        assert target.stages() == []
        assert os.listdir(target.top / ".instui" / "records") == []


def test_what_uv_installs_between_the_crash_and_the_recovery_stays_as_uv_left_it(
    venv: Callable[[], Venv], versions: dict[str, Path], killed: Callable[..., int], run_instui: Run, tmp_path: Path
) -> None:
    """Ours is withdrawn, and what it had replaced of others comes back."""
    neighbour = build_wheel(tmp_path, "neighbour", "1.0", {"shared.py": b"of the neighbour\n", "neighbour.py": b""})
    third = build_wheel(
        tmp_path, "pkg", "3.0", {"pkg/__init__.py": b"V = 3\n", "pkg/only3.py": b"", "pkg/same.py": b"same\n"}
    )
    first = build_wheel(tmp_path, "pkg", "0.9", {"pkg/__init__.py": b"V = 0\n", "pkg/only0.py": b""})
    other = build_wheel(tmp_path, "other", "1.0", {"other.py": b""})

    def make() -> Venv:
        target = venv()
        target.put(first, neighbour)
        return target

    for _, target in _points(killed, make, "install", "--no-deps", versions["2.0"]):
        uv("pip", "install", "--offline", "--no-deps", "--python", target.top / "bin" / "python", third)
        done = run_instui("install", "--no-deps", other, "--no-fsync", "--ui", "json", "--python", target.top)
        assert done.returncode == 0, done.stderr
        found = installed(target.site)
        assert found == {"neighbour": "1.0", "other": "1.0", "pkg": "3.0"}
        for name in trees.distributions(target.site):
            assert trees.complete(target.site, name), name
        assert trees.unlisted(target.site) == []
        assert not (target.site / "pkg" / "only2.0.py").exists()


def test_who_waits_for_a_claim_of_a_killed_session_settles_what_that_left_first(
    venv: Callable[[], Venv],
    versions: dict[str, Path],
    clean_environ: dict[str, str],
    start_instui: Any,
    tmp_path: Path,
) -> None:
    """The waiter had looked and planned before the holder was killed."""
    rival = build_wheel(tmp_path, "rival", "1.0", {"pkg/__init__.py": b"rival\n", "pkg/rival.py": b""})
    target = venv()
    target.put(versions["1.0"])
    env = {**clean_environ, "KILL_IN": "pkg", "KILL_AT": "6", "STOP_FIRST": "1"}
    command = [sys.executable, "-c", KILLED, "install", "--no-deps", "--no-fsync", "--ui", "none"]
    holder = subprocess.Popen([*command, "--python", str(target.top), str(versions["2.0"])], env=env)
    try:
        until(lambda: state(holder.pid) in "Tt")
        waiter = start_instui(target, rival)
        until(
            lambda: '"lock.waiting"' in waiter.journal.read_text() if waiter.journal.exists() else False, waiter.process
        )
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    assert waiter.finish() == (0, "")
    (begun,) = waiter.lines.of(RecoveryStarted)
    (settled,) = waiter.lines.of(RecoveryFinished)
    assert (begun.wheel, settled.version, settled.outcome) == ("pkg", "2.0", "completed")
    assert trees.complete(target.site, "rival-1.0")
    assert installed(target.site) == {"pkg": "2.0", "rival": "1.0"}
    assert (target.site / "pkg" / "only2.0.py").exists() and not (target.site / "pkg" / "only1.0.py").exists()


def test_files_that_somebody_put_in_the_way_since_the_crash_stay_and_the_rest_goes_back(
    venv: Callable[[], Venv], versions: dict[str, Path], killed: Callable[..., int], run_instui: Run
) -> None:
    for point, target in _points(killed, venv, "install", "--no-deps", versions["1.0"]):
        mine = target.site / "pkg" / "mine.txt"
        mine.parent.mkdir(exist_ok=True)
        mine.write_text("of the user")
        script = target.top / "bin" / "run"
        if not script.exists():
            script.write_text("of the user")
        done = run_instui("uninstall", "pkg", "--no-fsync", "--ui", "json", "--python", target.top)
        assert done.returncode == 0, done.stderr
        assert mine.read_text() == "of the user", point
        assert trees.distributions(target.site) == {}
        assert trees.unlisted(target.site) == ["pkg/mine.txt"], point


class _Killed(BaseException):
    """As if the process were gone."""


@pytest.mark.parametrize("superseded", [False, True])
def test_a_recovery_that_goes_back_may_itself_be_killed_at_any_change(
    superseded: bool,
    venv: Callable[[], Venv],
    versions: dict[str, Path],
    killed: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sweeping: bool,
) -> None:
    """Whether somebody has put a file in the way, or has installed another version since."""
    loser = build_wheel(tmp_path, "loser", "1.0", {"shared.py": b"of the loser", "loser.py": b""})
    third = build_wheel(tmp_path, "pkg", "3.0", {"pkg/__init__.py": b"V = 3\n", "pkg/same.py": b"same\n"})
    first = build_wheel(tmp_path, "pkg", "0.9", {"pkg/__init__.py": b"V = 0\n", "pkg/only0.py": b""})
    other = build_wheel(tmp_path, "other", "1.0", {"other.py": b""})

    def crashed() -> Venv:
        target = venv()
        target.put(first, loser)
        assert killed("pkg", 5, "install", "--no-deps", versions["2.0"], "--python", target.top) == -signal.SIGKILL
        if superseded:
            uv("pip", "install", "--offline", "--no-deps", "--python", target.top / "bin" / "python", third)
        else:
            (target.top / "bin" / "run").write_text("of the user")
        return target

    undisturbed = crashed()
    undisturbed.put(other)
    expected = trees.tree(undisturbed.top)
    (settled,) = undisturbed.lines.of(RecoveryFinished)
    assert settled.outcome == ("withdrawn" if superseded else "undone")
    assert trees.complete(undisturbed.site, "loser-1.0")
    assert installed(undisturbed.site)["pkg"] == ("3.0" if superseded else "0.9")
    for point in range(0, 100, 1 if sweeping else 6):
        target = crashed()
        changes = 0

        def counted(call: Callable[..., Any], point: int = point) -> Callable[..., Any]:
            def change(*arguments: Any) -> Any:
                nonlocal changes
                changes += 1
                if changes == point + 1:
                    raise _Killed
                return call(*arguments)

            return change

        with monkeypatch.context() as patch:
            for name in ("rename", "link", "remove", "remove_directory", "make_directory"):
                patch.setattr(DirfdTree, name, counted(getattr(DirfdTree, name)))
            try:
                target.put(other)
                break
            except _Killed:
                pass
        target.put(other)
        assert trees.differences(trees.tree(target.top), expected) == [], f"after {point} changes"
    assert point > 3


def test_a_record_that_cannot_be_read_stops_the_command_and_names_it(
    venv: Callable[[], Venv], versions: dict[str, Path], run_instui: Run
) -> None:
    target = venv()
    target.put(versions["1.0"])
    record = target.top / ".instui" / "records" / "20200101-000000-1-abcd.0.json"
    for damage in (b"{", b"[]", b"junk\xba", b"\x00" * 9):
        record.write_bytes(damage)
        done = run_instui("install", "--no-deps", versions["2.0"], "--ui", "plain", "--python", target.top)
        assert "20200101-000000-1-abcd.0.json of a session that was killed cannot be read (it is damaged); " in (
            error_line(done, 1)
        )
    assert installed(target.site) == {"pkg": "1.0"}


def test_a_commit_whose_record_cannot_be_written_does_not_begin(
    venv: Callable[[], Venv], versions: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = venv()
    target.put(versions["1.0"])
    before = trees.tree(target.top)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "record")

    monkeypatch.setattr(executor, "write", full)
    outcome = target.install(versions["2.0"])
    assert outcome.exit_code == 1 and "No space left" in outcome.error
    assert trees.tree(target.top) == before


@pytest.mark.parametrize("last", ["2.0", "1.0"], ids=["another file", "the same file again"])
def test_a_record_that_can_never_be_removed_undoes_nothing_of_what_was_committed_since(
    last: str, venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came last looks like what the wheel of the record had replaced: as long, and of the same time."""
    versions = [
        [build_wheel(tmp_path, name, version, {"shared.py": f"of {name} {version}\n".encode()}) for name in "ab"]
        for version in ("1.0", "2.0")
    ]
    target = venv()
    target.put(*versions[0])
    replaced = (target.site / "shared.py").stat().st_mtime_ns
    remove = writeahead.remove
    tried: list[Path] = []

    def fails(record: Path) -> None:
        tried.append(record)
        if record == tried[0]:
            raise OSError(28, "No space left on device", str(record))
        remove(record)

    with monkeypatch.context() as patch:
        patch.setattr(writeahead, "remove", fails)
        b = versions[1][1] if last == "2.0" else versions[0][1]
        assert target.install(versions[1][0], b, jobs=1, reinstall=True).exit_code == 0
    assert tried[0].exists() and target.stages(), "recovery needs both"
    os.utime(target.site / "shared.py", ns=(replaced, replaced))
    target.put(build_wheel(tmp_path, "other", "1.0", {"other.py": b""}))
    assert not tried[0].exists()
    assert (target.site / "shared.py").read_bytes() == f"of b {last}\n".encode()
    assert installed(target.site) == {"a": "2.0", "b": last, "other": "1.0"}


@pytest.mark.parametrize("alone", [True, False], ids=["in a group", "under its own claims"])
@pytest.mark.parametrize("failures", [1, 2])
def test_a_record_that_cannot_be_removed_at_once_is_gone_before_what_it_names_changes_again(
    failures: int, alone: bool, venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or at the end of the session, if it cannot be removed then either."""
    wheels = [build_wheel(tmp_path, name, "1.0", {"shared.py": name.encode()}) for name in "ab"]
    remove, run = writeahead.remove, executor.run
    tried: list[Path] = []
    left: list[int] = []  # at the first step of each wheel
    target = venv()

    def fails(record: Path) -> None:
        tried.append(record)
        if len(tried) <= failures:
            raise OSError(5, "Input/output error", str(record))
        remove(record)

    def watched(*arguments: Any) -> None:
        left.append(len(writeahead.pending(target.top)) - 1)
        run(*arguments)

    monkeypatch.setattr(writeahead, "remove", fails)
    monkeypatch.setattr(executor, "run", watched)
    if not alone:
        monkeypatch.setattr(Groups, "run", lambda *_: None)
    target.put(*wheels)
    assert tried[0] == tried[1] and left == [0, failures - 1]
    assert not writeahead.pending(target.top) and not target.stages()


def first_removal_fails(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Let the first removal of a record fail; return the records whose removal is tried."""
    remove = writeahead.remove
    tried: list[Path] = []

    def fails_once(record: Path) -> None:
        tried.append(record)
        if len(tried) == 1:
            raise OSError(5, "Input/output error", str(record))
        remove(record)

    monkeypatch.setattr(writeahead, "remove", fails_once)
    return tried


def test_a_record_that_only_goes_at_the_end_leaves_nothing_to_recover(
    venv: Callable[[], Venv], versions: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = venv()
    monkeypatch.setattr(Groups, "run", lambda *_: None)
    tried = first_removal_fails(monkeypatch)
    target.put(versions["1.0"])
    assert tried == [tried[0]] * 2
    assert not writeahead.pending(target.top) and not target.stages()


@pytest.mark.parametrize("alone", [True, False], ids=["in a group", "under its own claims"])
def test_what_has_stopped_a_wheel_is_told_even_if_its_record_cannot_be_removed_then(
    alone: bool, venv: Callable[[], Venv], versions: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    target = venv()
    target.put(versions["1.0"])
    before = trees.tree(target.site)
    monkeypatch.setattr(transaction, "take", full)
    tried = first_removal_fails(monkeypatch)
    if not alone:
        monkeypatch.setattr(Groups, "run", lambda *_: None)
    outcome = target.install(versions["2.0"])
    assert outcome.exit_code == 1 and "No space left on device" in outcome.error
    assert tried[-1] == tried[0]
    assert not writeahead.pending(target.top) and trees.tree(target.site) == before


def test_a_step_that_a_power_cut_has_lost_before_a_later_one_is_not_passed_over(
    venv: Callable[[], Venv], killed: Callable[..., int], tmp_path: Path
) -> None:
    """The file that was replaced is there again, and nothing to replace it with."""
    first, second = (
        build_wheel(tmp_path, "pkg", version, {name: version.encode() for name in ("one.py", "two.py")})
        for version in ("1.0", "2.0")
    )
    target = venv()
    target.put(first)
    assert killed("pkg", 3, "install", "--no-deps", second, "--python", target.top) == -signal.SIGKILL
    assert {(target.site / name).read_text() for name in ("one.py", "two.py")} == {"2.0"}
    (record,) = (target.top / ".instui" / "records").iterdir()
    (written,) = writeahead.written_in(record)
    lost = next(step for step in written.transaction.steps if step.action == "replace")
    (target.top / lost.saved).rename(target.top / lost.path)
    target.put(build_wheel(tmp_path, "other", "1.0", {"other.py": b""}))
    assert [one.outcome for one in target.lines.of(RecoveryFinished)] == ["undone"]
    assert installed(target.site) == {"other": "1.0", "pkg": "1.0"}
    assert trees.complete(target.site, "pkg-1.0")


def test_an_undo_that_was_cut_off_is_finished_and_not_gone_on_from(
    venv: Callable[[], Venv], versions: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sweeping: bool
) -> None:
    """A step fails, and while what was begun is taken back the disk fails too, or the process is killed."""
    other = build_wheel(tmp_path, "other", "1.0", {"other.py": b""})
    for failing in (3, 6, 8):
        for point in range(0, 40, 1 if sweeping else 6):
            target = venv()
            target.put(versions["1.0"])
            before = trees.tree(target.top)
            steps, changes = 0, 0
            undoing: list[bool] = []
            take, undo = transaction.take, transaction.undo

            def fails(tree: Any, step: Any, failing: int = failing, take: Any = take) -> None:
                nonlocal steps
                steps += 1
                if steps == failing:
                    raise OSError(28, "No space left on device", step.path)
                take(tree, step)

            def undoes(*arguments: Any, undo: Any = undo, undoing: list[bool] = undoing, **options: Any) -> Any:
                undoing.append(True)
                return undo(*arguments, **options)

            def counted(
                call: Callable[..., Any], point: int = point, undoing: list[bool] = undoing
            ) -> Callable[..., Any]:
                def change(*arguments: Any) -> Any:
                    nonlocal changes
                    changes += bool(undoing)
                    if changes > point:
                        raise OSError(5, "Input/output error", arguments[-1])
                    return call(*arguments)

                return change

            with monkeypatch.context() as patch:
                patch.setattr(transaction, "take", fails)
                patch.setattr(transaction, "undo", undoes)
                for name in ("rename", "link", "remove", "remove_directory", "make_directory"):
                    patch.setattr(DirfdTree, name, counted(getattr(DirfdTree, name)))
                assert target.install(versions["2.0"]).exit_code == 1
            for name in trees.distributions(target.site):
                assert trees.complete(target.site, name), (failing, point)
            target.put(other)
            left = {path: what for path, what in trees.tree(target.top).items() if "other" not in path}
            assert trees.differences(left, before) == [], (failing, point)
            if changes <= point:
                break
        assert point > 3


def test_a_file_below_many_directories_is_renamed_and_no_other(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    """More directories on the way than are kept open."""
    deep = "/".join(f"d{number}" for number in range(60))
    one, two = (
        build_wheel(tmp_path, "deep", v, {f"deep/{deep}/a.py": v.encode(), f"deep/{deep}/b.py": b"", "deep/c.py": b""})
        for v in ("1.0", "2.0")
    )
    target = venv()
    target.put(one)
    target.put(two)
    assert trees.complete(target.site, "deep-2.0")
    ok(run_instui("uninstall", "deep", "--no-fsync", "--ui", "none", "--python", target.top))
    assert trees.unlisted(target.site) == []


def test_a_record_whose_paths_leave_the_environment_is_refused(
    venv: Callable[[], Venv], versions: dict[str, Path], killed: Callable[..., int], run_instui: Run
) -> None:
    target = venv()
    killed("pkg", 4, "install", "--no-deps", versions["1.0"], "--python", target.top)
    (record,) = (target.top / ".instui" / "records").iterdir()
    record.write_text(record.read_text().replace('"bin/', '"../bin/'))
    done = run_instui("uninstall", "pkg", "--ui", "plain", "--python", target.top)
    assert record.name in error_line(done, 1)
    assert not (target.top.parent / "bin").exists()
