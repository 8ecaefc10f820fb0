"""Holders of locks are named on every file system, also where stat(2) shows another device than /proc/locks."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import Start
from instui_engine.fs.mounts import Mounts as SeenMounts
from instui_engine.journal.events import CommitStarted, LockWaiting
from instui_engine.locks.holders import holders_of, rows
from instui_engine.locks.proc_locks import exclusive_waiter
from support.crash.filesystems import Mounts, mounting
from support.environments import Session, Venv, until
from support.locking import foreign, holding
from support.wheelsmith import build_wheel

pytestmark = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs /proc/locks")


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    with mounting(tmp_path) as mounts:
        yield mounts


def subvolume(path: Path) -> Path:
    subprocess.run(["btrfs", "subvolume", "create", path], check=True, capture_output=True, timeout=60)
    return path


def old_file(place: Path) -> Path:
    """A directory with a lock file that is there already."""
    place.mkdir(parents=True)
    (place / "old").touch()
    return place


PLACES: dict[str, Callable[[Mounts, Path], Path]] = {
    "btrfs": lambda mounts, place: mounts.btrfs("disk"),
    "a subvolume of btrfs": lambda mounts, place: subvolume(mounts.btrfs("disk") / "volume"),
    "overlay": lambda mounts, place: mounts.overlay("view", old_file(place / "lower"), place / "upper"),
    "overlay of two": lambda mounts, place: mounts.overlay(
        "view", old_file(mounts.tmpfs("other") / "lower"), place / "upper", "xino=off"
    ),
    "tmpfs": lambda mounts, place: mounts.tmpfs("memory"),
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, mounts: Mounts, tmp_path: Path) -> Path:
    return PLACES[request.param](mounts, tmp_path)


@pytest.mark.parametrize("name", ["old", "new"])
def test_a_holder_and_a_waiter_are_seen_on_every_file_system(place: Path, name: str) -> None:
    path = place / name
    assert holders_of(path) == []
    with holding(path) as holder:
        assert [one.pid for one in holders_of(path)] == [holder.pid]
        assert not exclusive_waiter(path)
        with foreign(path) as waiter:
            until(lambda: exclusive_waiter(path), waiter)
            assert [one.pid for one in holders_of(path)] == [holder.pid]


def test_one_snapshot_does_not_show_the_locks_of_another(mounts: Mounts) -> None:
    """/proc/locks shows both as one file: they share a device there, and a snapshot keeps the inode numbers."""
    top = mounts.btrfs("disk")
    first, second = subvolume(top / "first") / "lock", top / "second" / "lock"
    first.touch()
    subprocess.run(["btrfs", "subvolume", "snapshot", first.parent, second.parent], check=True, capture_output=True)
    assert first.stat().st_ino == second.stat().st_ino
    with holding(first) as holder:
        assert [one.pid for one in holders_of(first)] == [holder.pid]
        assert holders_of(second) == []
        with holding(second) as other:
            assert [one.pid for one in holders_of(first)] == [holder.pid]
            assert [one.pid for one in holders_of(second)] == [other.pid]


def test_the_type_of_a_file_system_is_that_of_its_mount(mounts: Mounts, tmp_path: Path) -> None:
    lower = tmp_path / "lower"
    lower.mkdir()
    places = {"tmpfs": mounts.tmpfs("memory"), "overlay": mounts.overlay("view", lower, tmp_path / "upper")}
    for kind, place in places.items():
        (place / "below").mkdir()
        assert SeenMounts().locate(place / "below").kind == kind
    assert SeenMounts().locate("/proc/self/status").kind == "proc"


@pytest.fixture
def stuck(place: Path, make_venv: Callable[[Path], Venv], tmp_path: Path, start_instui: Start) -> Iterator[Session]:
    """A session that was stopped while it committed the wheel `a-shared` to an environment at `place / "env"`."""
    target = make_venv(place / "env")
    holder = start_instui(target, "--slow", 20, build_wheel(tmp_path, "a-shared", "1.0", {"shared/x.py": b"a"}))
    holder.wait_for(CommitStarted)
    with holder.stopped():
        yield holder


def test_a_waiting_session_names_the_holder(
    stuck: Session, place: Path, cache: Path, tmp_path: Path, start_instui: Start
) -> None:
    target = Venv(place / "env", cache)
    waiter = start_instui(target, build_wheel(tmp_path, "b-shared", "1.0", {"shared/x.py": b"b"}))
    waiting = waiter.wait_for(LockWaiting)
    assert isinstance(waiting, LockWaiting)
    assert [(one.wheel, one.pid, one.state) for one in waiting.holders] == [("a-shared", stuck.process.pid, "stopped")]
    shared = f"{target.environment.roots['purelib']}/shared"
    (row,) = [row for row in rows(target.top) if row.path == shared]
    assert [one.holder.pid for one in row.holders] == [stuck.process.pid]
    assert [(one.holder.wheel, one.holder.pid) for one in row.waiters] == [("b-shared", waiter.process.pid)]
