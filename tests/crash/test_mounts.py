"""Environments and caches that lie on several file systems: what cannot be linked or renamed."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import Run
from support import trees
from support.cli import error_line, installed, ok
from support.crash.filesystems import Mounts, link_until_refused, mounting
from support.crash.powercut import leftovers
from support.environments import Venv
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


@pytest.mark.parametrize("where", ["data", "site-packages", "package"])
@pytest.mark.parametrize("command", ["install", "upgrade", "uninstall"])
def test_a_destination_on_another_mount_ends_with_one_line_and_everything_as_it_was(
    command: str, where: str, mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    """A commit is a rename, and no rename leads from one mount to another, even of the same file system."""
    target = make_venv(tmp_path / "venv")
    other = build_wheel(tmp_path, "other", "1.0", {"other.py": b""})
    place = {"data": target.top / "etc", "site-packages": target.site, "package": target.site / "pkg"}[where]
    arguments: tuple[object, ...] = ("uninstall", "pkg")
    if command == "install":
        arguments = ("install", "--no-deps", _pkg(tmp_path, "1.0"))
        place.mkdir(exist_ok=True)
        (place / "mine.txt").write_text("of the user")
    else:
        target.put(_pkg(tmp_path, "1.0"))
    if command == "upgrade":
        arguments = ("install", "--no-deps", _pkg(tmp_path, "2.0"))
    mounts.bind(place, place)
    before = trees.tree(target.top)
    line = (*arguments, "--ui", "none", "--python", target.top)
    error = error_line(run_instui(*line), 1)
    assert "pkg" in error
    assert "Invalid cross-device link" in error
    assert trees.differences(trees.tree(target.top), before) == []
    assert leftovers(target.top) == []
    if where != "site-packages" and command == "install":  # who has nothing to do with that mount is not hindered
        ok(run_instui("install", "--no-deps", other, "--ui", "none", "--python", target.top))
        ok(run_instui("uninstall", "other", "--ui", "none", "--python", target.top))
    mounts.unmount(place)
    ok(run_instui(*line))
    version = {"install": "1.0", "upgrade": "2.0"}.get(command)
    assert installed(target.site) == ({"pkg": version} if version else {})
    if version:
        assert trees.complete(target.site, f"pkg-{version}")


def test_a_target_directory_on_another_mount_than_its_environment_ends_with_one_line(
    mounts: Mounts, make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    """--target inside an environment shares its stage. Alone on a file system of its own it works."""
    venv = make_venv(tmp_path / "venv")
    inside = mounts.mount(venv.top / "inside", "-t", "tmpfs", "tmpfs")
    line = ("install", "--no-deps", _pkg(tmp_path, "1.0"), "--ui", "none", "--python", venv.top, "--target")
    assert "Invalid cross-device link" in error_line(run_instui(*line, inside), 1)
    assert os.listdir(inside) == []
    alone = mounts.tmpfs("alone")
    ok(run_instui(*line, alone))
    assert trees.complete(alone, "pkg-1.0")
