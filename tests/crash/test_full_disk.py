"""Disks that are really full, at many levels: a tmpfs with few blocks or few inodes left."""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from conftest import Run
from support import trees
from support.cli import error_line, installed
from support.crash.filesystems import Mounts, mounting
from support.crash.powercut import leftovers
from support.environments import Venv
from support.wheelsmith import build_wheel

Limit = Literal["blocks", "inodes"]
LIMITS: tuple[Limit, ...] = ("blocks", "inodes")
_PAGE = 4096


class Disk:
    """A small tmpfs. `fill` leaves so many blocks or inodes, `clear` makes room again."""

    def __init__(self, mounts: Mounts, limit: Limit) -> None:
        self._limit = limit
        self.top = mounts.tmpfs("disk", size="8M", nr_inodes=2000)
        self._filler = self.top / "filler"

    def free(self) -> int:
        status = os.statvfs(self.top)
        return status.f_bfree if self._limit == "blocks" else status.f_ffree

    def fill(self, left: int) -> None:
        self._filler.mkdir()
        if self._limit == "inodes":
            for number in range(self.free() - left):
                (self._filler / str(number)).touch()
            return
        with (self._filler / "file").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, (self.free() - left) * _PAGE)

    def clear(self) -> None:
        shutil.rmtree(self._filler)


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    with mounting(tmp_path) as mounts:
        yield mounts


@pytest.fixture
def wheels(tmp_path: Path) -> dict[str, list[Path]]:
    """Two distributions in two versions, with files that come, go and change, and one that the second replaces."""
    made: dict[str, list[Path]] = {"1.0": [], "2.0": []}
    for version, paths in made.items():
        for name in ("one", "two"):
            files = {f"{name}/v{version}/{number}.py": b"x" * 3000 * number for number in range(8)}
            files |= {f"{name}/__init__.py": version.encode(), "shared.py": f"{name} {version}".encode()}
            data = {"scripts/tool": f"#!python\n{name} {version}\n".encode()}
            points = f"[console_scripts]\nrun-{name} = {name}:run\n"
            paths.append(build_wheel(tmp_path, name, version, files, data=data, entry_points=points))
    return made


def levels(need: int, count: int, seed: str) -> list[int]:
    """How much to leave: nothing at all, and more and more up to what is enough; the same for the same seed."""
    chance = random.Random(seed)
    inside = sorted(chance.sample(range(1, need), min(count, need - 1)))
    return [0, *inside, need + 40]


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("command", ["install", "upgrade", "uninstall"])
def test_an_environment_on_a_full_disk_stays_whole_and_the_same_command_works_when_there_is_room(
    command: str,
    limit: Limit,
    mounts: Mounts,
    wheels: dict[str, list[Path]],
    make_venv: Callable[[Path], Venv],
    run_instui: Run,
    tmp_path: Path,
    sweeping: bool,
) -> None:
    disk = Disk(mounts, limit)
    target = make_venv(disk.top / "venv")
    if command != "install":
        target.put(*wheels["1.0"])
    arguments = {
        "install": ("install", "--no-deps", *wheels["1.0"]),
        "upgrade": ("install", "--no-deps", *wheels["2.0"]),
        "uninstall": ("uninstall", "one", "two"),
    }[command]
    line = (*arguments, "--ui", "none", "--jobs", 1, "--python", target.top)
    saved = tmp_path / "saved"
    shutil.copytree(target.top, saved, symlinks=True)
    before = trees.tree(saved)
    free = disk.free()
    assert run_instui(*line).returncode == 0
    need = max(0, free - disk.free()) + 30  # and what is there for a moment only
    after = trees.tree(target.top)
    codes = []
    for left in levels(need, 60 if sweeping else 2, f"{command} {limit}"):
        shutil.rmtree(target.top)
        shutil.copytree(saved, target.top, symlinks=True)
        disk.fill(left)
        done = run_instui(*line)
        codes.append(done.returncode)
        if done.returncode:
            error_line(done, 1)
            assert "No space left" in done.stderr or "cannot write to the environment" in done.stderr, left
            for name in trees.distributions(target.site):
                wrong = [row for row in trees.wrong_rows(target.site, name) if not _is_shared(row)]
                assert wrong == [], (left, name)
            if installed(target.site) == installed(saved / target.site.relative_to(target.top)):
                assert trees.differences(trees.tree(target.top), before) == [], left
            assert leftovers(target.top) == [], left
        disk.clear()
        assert run_instui(*line).returncode == 0, left
        assert trees.differences(trees.tree(target.top), after) == [], left
        assert leftovers(target.top) == [], left
    assert codes[-1] == 0
    # journals of past sessions give way to a removal
    assert codes[0] == (0 if command == "uninstall" and limit == "blocks" else 1)


def test_a_removal_for_which_there_is_no_room_says_what_makes_some(
    mounts: Mounts, wheels: dict[str, list[Path]], make_venv: Callable[[Path], Venv], run_instui: Run
) -> None:
    disk = Disk(mounts, "blocks")
    target = make_venv(disk.top / "venv")
    target.put(*wheels["1.0"])
    shutil.rmtree(target.top / ".instui" / "sessions")
    before = trees.tree(target.top)
    compiled = target.site / "one" / "__pycache__"
    compiled.mkdir()
    (compiled / "0.cpython-311.pyc").write_bytes(b"x" * 3 * _PAGE)
    disk.fill(0)
    line = ("uninstall", "one", "--ui", "none", "--python", target.top)
    done = run_instui(*line)
    error_line(done, 1)
    assert "__pycache__" in done.stderr
    shutil.rmtree(compiled)
    assert trees.differences(trees.tree(target.top), before) == []
    assert run_instui(*line).returncode == 0
    assert installed(target.site) == {"two": "1.0"}


def _is_shared(row: str) -> bool:
    """Whether it is about a file that the second distribution has replaced."""
    return row.startswith(("shared.py ", "../../../bin/tool "))


@pytest.mark.parametrize("limit", LIMITS)
def test_a_cache_on_a_full_disk_leaves_the_environment_as_it_was_and_nothing_torn_in_the_store(
    limit: Limit,
    mounts: Mounts,
    wheels: dict[str, list[Path]],
    make_venv: Callable[[Path], Venv],
    run_instui: Run,
    tmp_path: Path,
    sweeping: bool,
) -> None:
    disk = Disk(mounts, limit)
    cache = disk.top / "cache"
    target = make_venv(tmp_path / "venv")
    before = trees.tree(target.top)
    line = ("install", "--no-deps", *wheels["1.0"], "--cache-dir", cache, "--ui", "none", "--python", target.top)
    free = disk.free()
    assert run_instui(*line).returncode == 0
    need = free - disk.free()
    after = trees.tree(target.top)
    codes = []
    for left in levels(need, 60 if sweeping else 3, limit):
        target.move_away()
        shutil.rmtree(cache)
        make_venv(target.top)
        disk.fill(left)
        done = run_instui(*line)
        codes.append(done.returncode)
        if done.returncode:
            error = error_line(done, 1)
            assert "No space left" in error or "are free" in error, left
            assert trees.differences(trees.tree(target.top), before) == [], left
            assert not (target.top / ".instui").exists()
            assert [*cache.glob("store-*/new/*")] == []
        disk.clear()
        assert run_instui(*line).returncode == 0, left
        assert trees.differences(trees.tree(target.top), after) == [], left
    assert codes[-1] == 0
    assert codes[0] == 1
