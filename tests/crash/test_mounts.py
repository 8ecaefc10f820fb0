"""Environments and caches that lie on several file systems: what cannot be linked or renamed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from conftest import Run, Start
from instui_engine.commit import ordering
from instui_engine.commit.whole import foreign_in
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.fs.mounts import mount_points_below
from instui_engine.journal.events import CommitStarted, LockWaiting, RecoveryFinished, RecoveryStarted, SyncFinished
from instui_engine.session import context
from support import trees
from support.cli import error_line, installed, ok
from support.crash.filesystems import Mounts, link_until_refused, mounting
from support.crash.powercut import leftovers
from support.environments import Venv, read_journal
from support.wheelsmith import build_wheel


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    with mounting(tmp_path) as mounts:
        yield mounts


def _pkg(place: Path, version: str) -> Path:
    files = {"pkg/__init__.py": version.encode(), "pkg/same.py": b"same", f"pkg/v{version}.py": b""}
    data = {"data/etc/pkg/pkg.conf": version.encode(), f"data/etc/pkg/{version}.conf": b"", "scripts/tool": b"#!python"}
    return build_wheel(place, "pkg", version, files, data=data)


def test_a_cache_on_another_file_system_is_copied_from(
    mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    cache = mounts.tmpfs("cache")
    target = make_venv(tmp_path / "venv")
    line = ("install", "--no-deps", "--cache-dir", cache, "--ui", "none", "--python", target.top)
    for version in ("1.0", "2.0"):
        ok(run_instui(*line, _pkg(tmp_path, version)))
        assert installed(target.site) == {"pkg": version}
        assert trees.complete(target.site, f"pkg-{version}")
        assert (target.site / "pkg" / "same.py").stat().st_nlink == 1
    (target.site / "pkg" / "same.py").write_bytes(b"edited in place")
    ok(run_instui(*line, "--reinstall", _pkg(tmp_path, "2.0")))
    assert trees.complete(target.site, "pkg-2.0")


def test_a_file_of_the_store_that_has_all_links_it_can_have_is_copied(
    mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    disk = mounts.disk("disk")
    cache = disk.top / "cache"
    one, two = (make_venv(disk.top / name) for name in ("one", "two"))
    line = ("install", "--no-deps", "--cache-dir", cache, "--ui", "none", _pkg(tmp_path, "1.0"), "--python")
    ok(run_instui(*line, one.top))
    (stored,) = cache.glob("store-*/??/*/files/pkg/same.py")
    link_until_refused(stored, disk.top / "links")
    ok(run_instui(*line, two.top))
    assert trees.complete(two.site, "pkg-1.0")
    assert (two.site / "pkg" / "same.py").stat().st_nlink == 1
    assert (two.site / "pkg" / "__init__.py").stat().st_nlink == 3


def test_a_file_that_is_replaced_comes_back_also_where_it_could_not_be_kept_as_a_link(
    mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    disk = mounts.disk("disk")
    target = make_venv(disk.top / "venv")
    place = ("--cache-dir", disk.top / "cache", "--ui", "none", "--python", target.top)
    rival = build_wheel(tmp_path, "rival", "1.0", {"pkg/same.py": b"of the rival"})
    ok(run_instui("install", "--no-deps", _pkg(tmp_path, "1.0"), *place))
    before = trees.tree(target.top)
    link_until_refused(target.site / "pkg" / "same.py", disk.top / "links")
    ok(run_instui("install", "--no-deps", rival, *place))
    assert trees.complete(target.site, "rival-1.0")
    ok(run_instui("uninstall", "rival", *place))
    assert trees.differences(trees.tree(target.top), before) == []
    ok(run_instui("install", "--no-deps", _pkg(tmp_path, "2.0"), *place))
    assert trees.complete(target.site, "pkg-2.0")
    assert installed(target.site) == {"pkg": "2.0"}


_WHERE = {
    "site-packages": ("lib/python*/site-packages",),
    "bin": ("bin",),
    "data": ("etc",),
    "share": ("share",),
    "include": ("include",),
    "package": ("lib/python*/site-packages/pkg",),
    "nested": ("lib", "lib/python*/site-packages/pkg", "bin", "etc/pkg"),
}


def _lay(mounts: Mounts, top: Path, patterns: Sequence[str], kind: str) -> list[Path]:
    """Mount something at each place, outermost first, with what is there now copied into it."""
    places = []
    for pattern in patterns:
        found = sorted(top.glob(pattern)) or [top / pattern]
        place = found[0].parent / found[0].name
        place.mkdir(parents=True, exist_ok=True)
        if kind == "bind":
            mounts.bind(place, place)
        else:
            kept = top.parent / f"kept-{len(places)}"
            shutil.copytree(place, kept, symlinks=True)
            mounts.mount(place, "-t", "tmpfs", "tmpfs")
            shutil.copytree(kept, place, symlinks=True, dirs_exist_ok=True)
        places.append(place)
    return places


def _everything(place: Path, version: str) -> Path:
    """`_pkg` with a file in each scheme."""
    files = {
        "pkg/__init__.py": version.encode(),
        "pkg/same.py": b"same",
        f"pkg/v{version}.py": b"",
        "pkg/sub/x.py": b"",
    }
    data = {
        "data/etc/pkg/pkg.conf": version.encode(),
        f"data/etc/pkg/{version}.conf": b"",
        "data/share/pkg/guide.txt": version.encode(),
        "headers/pkg.h": version.encode(),
        "scripts/tool": b"#!python",
    }
    return build_wheel(place, "pkg", version, files, data=data, entry_points="[console_scripts]\npkg = pkg:main\n")


def _nothing_left(top: Path, places: Sequence[Path]) -> None:
    """No stage anywhere, and nothing of the engine in a volume where nothing is kept."""
    assert leftovers(top) == []
    assert [place for place in places if (place / ".instui").exists()] == []


@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
@pytest.mark.parametrize("where", _WHERE)
def test_a_volume_inside_the_environment_is_installed_into_upgraded_and_cleared(
    where: str, kind: str, mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = make_venv(tmp_path / "venv")
    places = _lay(mounts, target.top, _WHERE[where], kind)
    before = trees.tree(target.top)
    for version in ("1.0", "2.0"):
        ok(run_instui("install", "--no-deps", _everything(tmp_path, version), "--ui", "none", "--python", target.top))
        assert installed(target.site) == {"pkg": version}
        assert trees.complete(target.site, f"pkg-{version}")
        assert trees.unlisted(target.site) == []
        _nothing_left(target.top, places)
    ok(run_instui("doctor", "--python", target.top))
    ok(run_instui("uninstall", "pkg", "--ui", "none", "--python", target.top))
    # a directory in which something is mounted stays, of course; so do the directories of a scheme
    gone = [path for path in trees.tree(target.top) if (target.top / path).is_file() and path not in before]
    assert gone == []
    _nothing_left(target.top, places)


@pytest.mark.parametrize("where", ["site-packages", "data"])
def test_a_file_that_was_overwritten_in_a_volume_comes_back(
    where: str, mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = make_venv(tmp_path / "venv")
    places = _lay(mounts, target.top, _WHERE[where], "tmpfs")
    line = ("--ui", "none", "--python", target.top)
    ok(run_instui("install", "--no-deps", _everything(tmp_path, "1.0"), *line))
    before = trees.tree(target.top)
    rival = build_wheel(
        tmp_path, "rival", "1.0", {"pkg/same.py": b"of the rival"}, data={"data/etc/pkg/pkg.conf": b"of the rival"}
    )
    ok(run_instui("install", "--no-deps", rival, *line))
    assert trees.complete(target.site, "rival-1.0")
    assert list((places[0] / ".instui" / "kept").iterdir())
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    ok(run_instui("uninstall", "rival", *line))
    assert trees.differences(trees.tree(target.top), before) == []
    _nothing_left(target.top, places)


def test_each_volume_is_synced_before_the_first_rename_and_before_metadata_says_it_is_there(
    mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No journal of one file system orders what happens in another one."""
    target = make_venv(tmp_path / "venv")
    _lay(mounts, target.top, ("lib/python*/site-packages", "share"), "tmpfs")
    target = Venv(target.top, tmp_path / "cache")
    happened: list[str] = []
    devices = {
        os.stat(place).st_dev: name
        for name, place in {"top": target.top, "site": target.site, "share": target.top / "share"}.items()
    }
    rename = os.rename

    def synced(path: Path) -> None:
        happened.append(f"sync {devices.get(os.stat(path).st_dev, 'store')}")

    def renamed(source: str, place: str, **options: Any) -> None:
        if options:
            happened.append(
                "listed"
                if str(place).endswith(".dist-info")
                else "unlisted"
                if str(source).endswith(".dist-info")
                else "rename"
            )
        rename(source, place, **options)

    monkeypatch.setattr(ordering, "sync_filesystem", synced)
    monkeypatch.setattr(context, "sync_filesystem", synced)
    monkeypatch.setattr(os, "rename", renamed)
    target.put(_everything(tmp_path, "1.0"), fsync=True)
    everything = {"sync top", "sync site", "sync share"}
    assert everything <= set(happened[: happened.index("rename")])
    listed = happened.index("listed")
    last = max(place for place, what in enumerate(happened[:listed]) if what == "rename")
    assert {"sync top", "sync share"} <= set(happened[last:listed])
    assert everything <= set(happened[listed:])
    happened.clear()
    target.put(_everything(tmp_path, "2.0"), fsync=True)
    unlisted = happened.index("unlisted")
    assert happened[unlisted + 1] == "sync site"
    happened.clear()
    target.remove("pkg", fsync=True)
    assert everything <= set(happened[: happened.index("unlisted")])  # or recovery would miss the stage of a volume


def test_a_file_that_is_a_mount_point_ends_with_one_line_before_the_first_rename(
    mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = make_venv(tmp_path / "venv")
    target.put(_everything(tmp_path, "1.0"))
    for place in (target.top / "etc" / "pkg" / "pkg.conf", target.site / "pkg-1.0.dist-info"):
        source = tmp_path / "source" / place.name
        if place.is_dir():
            shutil.copytree(place, source)
        else:
            source.parent.mkdir(exist_ok=True)
            shutil.copy2(place, source)
        mounts.bind(source, place)
        before = trees.tree(target.top)
        for words in (("uninstall", "pkg"), ("install", "--no-deps", _everything(tmp_path, "2.0"))):
            error = error_line(run_instui(*words, "--ui", "none", "--python", target.top), 1)
            assert str(place) in error and "mount point" in error
            assert trees.differences(trees.tree(target.top), before) == []
        mounts.unmount(place)
    other = build_wheel(tmp_path, "other", "1.0", {"other.py": b""})
    ok(run_instui("install", "--no-deps", other, "--ui", "none", "--python", target.top))


@pytest.mark.parametrize("where", ["site-packages", "data"])
def test_a_volume_that_cannot_be_written_to_ends_with_one_line_and_nothing_is_written(
    where: str, mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = make_venv(tmp_path / "venv")
    (place,) = _lay(mounts, target.top, _WHERE[where], "tmpfs")
    mounts.remount(place, "ro")
    before = trees.tree(target.top)
    wheel = _everything(tmp_path, "1.0")
    line = ("--ui", "none", "--python", target.top)
    error = error_line(run_instui("install", "--no-deps", wheel, *line), 1)
    assert "ead-only file system" in error
    assert trees.differences(trees.tree(target.top), before) == []
    mounts.remount(place, "rw")
    ok(run_instui("install", "--no-deps", wheel, *line))
    before = trees.tree(target.top)
    mounts.remount(place, "ro")
    assert "ead-only file system" in error_line(run_instui("uninstall", "pkg", *line), 1)
    assert trees.differences(trees.tree(target.top), before) == []
    assert leftovers(target.top) == []


def test_a_full_volume_leaves_all_others_as_they_were(
    mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = make_venv(tmp_path / "venv")
    mounts.mount(target.top / "share", "-t", "tmpfs", "-o", "size=64k", "tmpfs")
    before = trees.tree(target.top)
    big = build_wheel(tmp_path, "big", "1.0", {"big.py": b""}, data={"data/share/big.bin": os.urandom(200_000)})
    error = error_line(run_instui("install", "--no-deps", big, "--ui", "none", "--python", target.top), 1)
    assert "No space left on device" in error and "big 1.0" in error
    assert trees.differences(trees.tree(target.top), before) == []
    _nothing_left(target.top, [target.top / "share"])


@pytest.mark.parametrize("instead", ["nothing", "another"])
def test_what_a_dead_session_had_begun_in_a_volume_waits_until_that_volume_is_back(
    instead: str, mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    """The volume may be mounted in another container now. Nothing of it is taken for lost."""
    target = make_venv(tmp_path / "venv")
    volume = mounts.tmpfs("volume")
    place = target.top / "etc"
    mounts.bind(volume, place)
    line = ("--ui", "none", "--python", target.top)
    ok(run_instui("install", "--no-deps", _everything(tmp_path, "1.0"), *line))
    _kill_in(tmp_path, "pkg", "install", "--no-deps", _everything(tmp_path, "2.0"), *line)
    (record,) = (target.top / ".instui" / "records").glob("*.json")
    mounts.unmount(place)
    if instead == "another":
        mounts.mount(place, "-t", "tmpfs", "tmpfs")
    before = trees.tree(volume)
    other = build_wheel(tmp_path, "other", "1.0", {"other.py": b""})
    done = run_instui("install", "--no-deps", other, "--ui", "plain", "--python", target.top)
    ok(done)
    assert str(place) in done.stdout + done.stderr and str(record) in done.stdout + done.stderr
    error = error_line(run_instui("install", "--no-deps", _everything(tmp_path, "2.0"), *line), 1)
    assert str(place) in error and str(record) in error
    assert record.exists() and trees.differences(trees.tree(volume), before) == []
    if instead == "another":
        mounts.unmount(place)
    mounts.bind(volume, place)
    ok(run_instui("install", "--no-deps", _everything(tmp_path, "2.0"), *line))
    assert installed(target.site) == {"pkg": "2.0", "other": "1.0"}
    assert trees.complete(target.site, "pkg-2.0")
    _nothing_left(target.top, [place])
    kinds = [[type(event) for _, event in read_journal(journal).events] for journal in target.journals()]
    (events,) = (kind for kind in kinds if RecoveryFinished in kind)
    settling = events[events.index(RecoveryStarted) : events.index(RecoveryFinished)]
    assert settling.count(SyncFinished) == 2  # the record is gone on the disk before the stage that it needs


def test_the_stage_of_another_environment_in_the_same_volume_is_left_alone_and_shown(
    mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    """Two containers may share a volume, and each has journals and records of its own."""
    one, two = (make_venv(tmp_path / name) for name in ("one", "two"))
    volume = mounts.tmpfs("volume")
    for target in (one, two):
        mounts.bind(volume, target.top / "etc")
    wheel = _everything(tmp_path, "1.0")
    _kill_in(tmp_path, "pkg-1.0.dist-info", "install", "--no-deps", wheel, "--ui", "none", "--python", one.top)
    (stage,) = (volume / ".instui" / "stage").iterdir()
    other = build_wheel(tmp_path, "other", "1.0", {"other.py": b""}, data={"data/etc/other.conf": b""})
    ok(run_instui("install", "--no-deps", other, "--ui", "none", "--python", two.top))
    shown = run_instui("doctor", "--python", two.top)
    ok(shown)
    assert f".instui/stage/{stage.name}" in shown.stdout
    assert stage.is_dir()
    ok(run_instui("install", "--no-deps", wheel, "--ui", "none", "--python", one.top))
    assert trees.complete(one.site, "pkg-1.0")
    assert not stage.exists()


def test_what_is_mounted_in_a_directory_just_now_keeps_it_from_being_renamed_away(
    mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path
) -> None:
    target = make_venv(tmp_path / "venv")
    wheel = build_wheel(tmp_path, "pkg", "1.0", {"pkg/a.py": b"", "pkg/sub/b.py": b""})
    target.put(wheel)
    place = target.site / "pkg" / "sub"
    path = str(target.site.relative_to(target.top) / "pkg")
    with DirfdTree(target.top, False) as tree:
        assert foreign_in(tree, path, path, [f"{path}/a.py", f"{path}/sub/b.py"]) == []
        mounts.mount(place, "-t", "tmpfs", "tmpfs")
        tree.forget("")
        assert foreign_in(tree, path, path, [f"{path}/a.py", f"{path}/sub/b.py"]) == [f"{path}/sub"]


@pytest.mark.parametrize("how", ["mount", "link"])
def test_two_environments_that_share_a_directory_take_turns_there(
    how: str, mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, start_instui: Start
) -> None:
    """They have no lock file in common, nor any journal."""
    site = tmp_path / "disk"
    one, two = make_venv(tmp_path / "one"), make_venv(tmp_path / "two")
    for target in (one, two):
        if how == "mount":
            site.mkdir(exist_ok=True)
            mounts.mount(target.site, "--bind", site)
        else:
            shutil.move(target.site, site) if not site.exists() else shutil.rmtree(target.site)
            target.site.symlink_to(site)
    first, second = (
        build_wheel(tmp_path, name, "1.0", {f"pkg/m{n}.py": name.encode() for n in range(40)}) for name in ("a", "b")
    )
    seed = build_wheel(tmp_path, "seed", "1.0", {"pkg/seed.py": b""})  # so that the files come one by one
    assert start_instui(one, seed).finish() == (0, "")
    holder = start_instui(one, "--slow", 2, first)
    holder.wait_for(CommitStarted)
    waiter = start_instui(two, second)
    waiting = waiter.wait_for(LockWaiting)
    assert waiting.path == two.environment.roots["purelib"]
    assert [named.pid for named in waiting.holders] == [holder.process.pid]
    assert holder.finish() == (0, "")
    assert waiter.finish() == (0, "")
    assert {path.read_bytes() for path in (site / "pkg").glob("m*.py")} == {b"b"}


def test_doctor_shows_and_removes_what_a_dead_session_was_preparing_in_a_volume(
    mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = make_venv(tmp_path / "venv")
    (place,) = _lay(mounts, target.top, ("etc",), "tmpfs")
    line = ("--ui", "none", "--python", target.top)
    ok(run_instui("install", "--no-deps", _everything(tmp_path, "1.0"), *line))
    (journal,) = (target.top / ".instui" / "sessions").glob("*.jsonl")
    stage = place / ".instui" / "stage" / journal.stem / "0"
    stage.mkdir(parents=True)
    shown = run_instui("doctor", "--python", target.top)
    assert shown.returncode == 1 and f"etc/.instui/stage/{journal.stem}" in shown.stdout
    ok(run_instui("doctor", "--repair", "--python", target.top))
    _nothing_left(target.top, [place])


def test_a_target_directory_on_another_mount_than_its_environment_works(
    mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    """--target inside an environment shares its stage, records and locks."""
    venv = make_venv(tmp_path / "venv")
    inside = mounts.mount(venv.top / "inside", "-t", "tmpfs", "tmpfs")
    line = ("install", "--no-deps", _pkg(tmp_path, "1.0"), "--ui", "none", "--python", venv.top, "--target")
    for place in (inside, mounts.tmpfs("alone")):
        ok(run_instui(*line, place))
        assert trees.complete(place, "pkg-1.0")
    assert not (inside / ".instui").exists()


def test_a_btrfs_subvolume_inside_the_environment_is_a_volume(
    mounts: Mounts, tmp_path: Path, make_venv: Callable[[Path], Venv], run_instui: Run
) -> None:
    top = mounts.btrfs("disk")
    target = make_venv(top / "venv")
    shutil.rmtree(target.site)
    subprocess.run(["btrfs", "-q", "subvolume", "create", target.site], check=True, capture_output=True)
    for version in ("1.0", "2.0"):
        ok(run_instui("install", "--no-deps", _everything(tmp_path, version), "--ui", "none", "--python", target.top))
        assert trees.complete(target.site, f"pkg-{version}")
    ok(run_instui("uninstall", "pkg", "--ui", "none", "--python", target.top))
    assert os.listdir(target.site) == []


def test_a_hidden_mount_is_no_volume(mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path) -> None:
    target = make_venv(tmp_path / "a b\\c" / "venv")
    mounts.mount(target.top / "etc" / "x", "-t", "tmpfs", "tmpfs")
    assert mount_points_below(str(target.top)) == [str(target.top / "etc" / "x")]
    mounts.mount(target.top / "etc", "-t", "tmpfs", "tmpfs")
    (target.top / "etc" / "x").mkdir()
    assert mount_points_below(str(target.top)) == [str(target.top / "etc")]


def _kill_in(tmp_path: Path, name: str, *words: object) -> None:
    """Run a command that dies, as by a kill, before it renames anything to `name`."""
    (tmp_path / "dying").mkdir(exist_ok=True)
    (tmp_path / "dying" / "sitecustomize.py").write_text(
        "import os, signal\n"
        "rename = os.rename\n"
        "def dying(source, place, **options):\n"
        f"    if place == {name!r}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    rename(source, place, **options)\n"
        "os.rename = dying\n"
    )
    path = os.pathsep.join([str(tmp_path / "dying"), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "instui", *map(str, words), "--jobs", "1"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == -9
