"""How files come from the store into environments: linked where that is possible, copied where it is not."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from conftest import Run
from support.cli import everything, ok, verify
from support.environments import Venv
from support.trees import complete, rows
from support.wheelsmith import build_wheel

MODES = ("hardlink", "copy", "clone", "symlink")
TEXTS = {"tool/__init__.py": b"x = 1\n", "tool/deep/er/file.txt": b"y" * 5000, "single.py": b"", "tool/empty.py": b""}


def make(place: Path, version: str = "1.0") -> Path:
    data = {"scripts/tool-script": b"#!python\n", "data/etc/tool.conf": b"z", "scripts/plain": b"#!/bin/sh\n"}
    points = "[console_scripts]\ntool = tool:main\n"
    return build_wheel(place, "tool", version, TEXTS, data=data, entry_points=points)


def linked_files(venv: Venv) -> dict[str, os.stat_result]:
    """The files of the wheel that are as in the archive, by their path in RECORD."""
    paths = [path for path, value, _ in rows(venv.site / "tool-1.0.dist-info" / "RECORD") if value]
    made = ("/tool-script", "bin/tool", "INSTALLER", "REQUESTED", "direct_url.json")
    return {path: (venv.site / path).stat() for path in paths if not path.endswith(made)}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A directory on another file system than the tests' own."""
    for place in ("/dev/shm", "/run", os.path.expanduser("~")):
        if os.access(place, os.W_OK) and os.stat(place).st_dev != tmp_path.stat().st_dev:
            with TemporaryDirectory(dir=place) as path:
                yield Path(path)
            return
    pytest.skip("there is no second file system here that one can write to")


@pytest.mark.parametrize("mode", MODES)
def test_every_link_mode_gives_a_complete_environment(
    mode: str, venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    ok(run_instui("install", "--no-deps", "--link-mode", mode, "--python", target.top, make(tmp_path)))
    verify(target.top, target.site, {"tool": "1.0"})
    links = [path for path in target.site.rglob("*") if path.is_symlink()]
    assert bool(links) == (mode == "symlink")
    if mode == "copy":
        assert {status.st_nlink for status in linked_files(target).values()} == {1}
    if mode == "hardlink":
        assert min(status.st_nlink for status in linked_files(target).values()) > 1


@pytest.mark.parametrize("first", MODES)
def test_an_environment_may_change_its_link_mode(
    first: str, venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    arguments = ("install", "--no-deps", "--no-fsync", "--reinstall", "--python", target.top, make(tmp_path))
    for mode in (first, *(mode for mode in MODES if mode != first)):
        ok(run_instui(*arguments, "--link-mode", mode))
        assert complete(target.site, "tool-1.0")


def test_a_second_environment_links_the_same_inodes(venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> None:
    wheel = make(tmp_path)
    both = venv(), venv()
    for target in both:
        ok(run_instui("install", "--no-deps", "--python", target.top, wheel))
    inodes = [{path: status.st_ino for path, status in linked_files(target).items()} for target in both]
    assert inodes[0] == inodes[1]
    assert len(inodes[0]) >= len(TEXTS) + 3


@pytest.mark.parametrize("mode", MODES)
def test_a_cache_on_another_file_system_is_copied_from(
    mode: str, elsewhere: Path, venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    arguments = (
        "install",
        "--no-deps",
        "--link-mode",
        mode,
        "--cache-dir",
        elsewhere / "cache",
        "--python",
        target.top,
    )
    ok(run_instui(*arguments, make(tmp_path)))
    verify(target.top, target.site, {"tool": "1.0"})
    if mode != "symlink":
        assert {status.st_nlink for status in linked_files(target).values()} == {1}


def test_the_store_survives_what_is_done_to_a_copied_environment(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    """With --link-mode copy files may be edited in place; a second environment gets them as they were."""
    wheel = make(tmp_path)
    for _ in range(2):
        target = venv()
        ok(run_instui("install", "--no-deps", "--link-mode", "copy", "--python", target.top, wheel))
        assert complete(target.site, "tool-1.0")
        for path in linked_files(target):
            with (target.site / path).open("ab") as file:
                file.write(b"edited in place")


@pytest.mark.parametrize("mode", MODES)
def test_upgrading_writes_through_no_link_into_the_store(
    mode: str, venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    """The store's files are the same after the environment that they were linked into has changed."""
    target = venv()
    cache = tmp_path / "cache"
    arguments = (
        "install",
        "--no-deps",
        "--no-fsync",
        "--cache-dir",
        cache,
        "--link-mode",
        mode,
        "--python",
        target.top,
    )
    ok(run_instui(*arguments, make(tmp_path)))
    (store,) = cache.glob("store-*")
    before = everything(store)
    other = build_wheel(tmp_path, "other", "1.0", dict.fromkeys(TEXTS, b"other"))
    newer = build_wheel(tmp_path, "tool", "2.0", dict.fromkeys(TEXTS, b"newer"))
    for wheel in (other, newer):
        ok(run_instui(*arguments, wheel))
    ok(run_instui(*arguments, "--reinstall", make(tmp_path)))
    assert complete(target.site, "tool-1.0")
    after = everything(store)
    assert {path: after.get(path) for path in before} == before
    assert len(after) > len(before)  # the two others came in


@pytest.mark.parametrize("mask", [0o077, 0o000, 0o777 & ~0o700 | 0o022])
def test_the_umask_decides_what_others_may_do_and_nothing_else(
    mask: int, venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    """Files of the store are shared by all environments and have their modes from the archive."""
    target = venv()
    cache = tmp_path / "cache"
    arguments = ("install", "--no-deps", "--cache-dir", cache, "--python", target.top, make(tmp_path))
    ok(run_instui(*arguments, umask=mask))
    verify(target.top, target.site, {"tool": "1.0"})
    for path, status in linked_files(target).items():
        assert stat.S_IMODE(status.st_mode) == (0o755 if path.startswith("../") and "/bin/" in path else 0o644), path
    for name in ("tool", "tool-script"):
        assert stat.S_IMODE((target.top / "bin" / name).stat().st_mode) == 0o777 & ~mask
    for lock in (*cache.glob("locks/*"), *(target.top / ".instui" / "locks").glob("*"), target.top / ".lock"):
        assert stat.S_IMODE(lock.stat().st_mode) == 0o666, lock


def test_two_users_share_an_environment(venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> None:
    """Group-writable: what one made under umask 002, another goes on with."""
    target = venv()
    arguments = ("install", "--no-deps", "--python", target.top)
    ok(run_instui(*arguments, build_wheel(tmp_path, "one", "1.0", {"ns/one/a.py": b""}), umask=0o002))
    ok(run_instui(*arguments, build_wheel(tmp_path, "two", "1.0", {"ns/two/a.py": b""}), umask=0o077))
    verify(target.top, target.site, {"one": "1.0", "two": "1.0"})


@pytest.mark.parametrize("mode", ["hardlink", "copy"])
def test_what_is_the_same_for_every_wheel_is_linked_if_files_are(
    mode: str, venv: Callable[[], Venv], tmp_path: Path
) -> None:
    names = ("aa", "bb")
    wheels = [build_wheel(tmp_path, name, "1.0", {f"{name}.py": b""}) for name in names]
    target = venv()
    target.put(*wheels, link_mode=mode)
    files = [(target.site / f"{name}-1.0.dist-info" / "INSTALLER").stat() for name in names]
    assert len({status.st_ino for status in files}) == (1 if mode == "hardlink" else 2)
    assert all(complete(target.site, f"{name}-1.0") for name in names)
