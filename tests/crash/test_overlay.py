"""Environments whose old version lies in a lower layer of overlayfs, as in an image: directories cannot be renamed."""

import errno
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import Run
from support import trees
from support.cli import ok
from support.crash.filesystems import Mounts, mounting
from support.crash.powercut import leftovers
from support.environments import Venv
from support.wheelsmith import build_wheel

# Runs instui, and kills it before the Nth change that a commit or a recovery makes.
_KILLED = """
import os, signal, sys
from instui_engine.fs.dirfd import DirfdTree
from instui.cli.main import run

left = int(os.environ["KILL_AT"])

def counted(call):
    def one(*arguments):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return call(*arguments)
    return one

for name in ("rename", "link", "make_directory", "remove", "remove_directory"):
    setattr(DirfdTree, name, counted(getattr(DirfdTree, name)))
sys.exit(run())
"""

COMMANDS = ("upgrade", "reinstall", "uninstall")


class Image:
    """An environment at `top` that comes from an image: all in it is in a lower layer, and changes are thrown away."""

    def __init__(self, mounts: Mounts, place: Path, venv: Venv, lower: Path) -> None:
        self._mounts = mounts
        self._place = place
        self._lower = lower
        self._count = 0
        self.top = venv.top
        self.site = venv.site

    def fresh(self) -> None:
        """As it is in the image."""
        if self._count:
            self._mounts.unmount(self.top)
        self._count += 1
        self._mounts.overlay(self.top.name, self._lower, self._place / f"upper{self._count}")


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, list[object]]:
    """Command lines by name; `first` has installed the old version and a neighbour one of whose files it replaced."""
    old, new = (
        build_wheel(
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
    )
    neighbour = build_wheel(tmp_path, "neighbour", "1.0", {"shared.py": b"of the neighbour\n", "neighbour.py": b""})
    install = ["install", "--no-deps", "--no-fsync"]
    return {
        "first": [*install, neighbour, old],
        "upgrade": [*install, new],
        "reinstall": [*install, "--reinstall", old],
        "uninstall": ["uninstall", "--no-fsync", "pkg"],
    }


@pytest.fixture
def undisturbed(
    arguments: dict[str, list[object]], make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> Callable[[str], dict[str, str]]:
    """What a command leaves on a plain file system, at the same path."""

    def run(command: str) -> dict[str, str]:
        plain = make_venv(tmp_path / "env")
        for name in ("first", command):
            ok(run_instui(*arguments[name], "--ui", "none", "--python", plain.top))
        found = trees.tree(plain.top)
        plain.move_away()
        return found

    return run


@pytest.fixture
def make_image(
    arguments: dict[str, list[object]], make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> Iterator[Callable[[], Image]]:
    with mounting(tmp_path) as mounts:

        def make() -> Image:
            venv = make_venv(tmp_path / "env")
            ok(run_instui(*arguments["first"], "--ui", "none", "--python", venv.top))
            compiled = venv.site / "pkg" / "__pycache__"
            compiled.mkdir()
            (compiled / "__init__.cpython-311.pyc").write_bytes(b"of Python")
            lower = tmp_path / "lower"
            venv.top.rename(lower)
            return Image(mounts, tmp_path, venv, lower)

        yield make


@pytest.mark.parametrize("command", COMMANDS)
def test_an_environment_in_a_lower_layer_can_be_changed(
    command: str,
    make_image: Callable[[], Image],
    arguments: dict[str, list[object]],
    undisturbed: Callable[[str], dict[str, str]],
    run_instui: Run,
) -> None:
    expected, image = undisturbed(command), make_image()
    image.fresh()
    info = image.site / "pkg-1.0.dist-info"
    with pytest.raises(OSError) as failure:
        info.rename(info.with_name("elsewhere"))
    assert failure.value.errno == errno.EXDEV
    ok(run_instui(*arguments[command], "--ui", "none", "--python", image.top))
    assert trees.differences(trees.tree(image.top), expected) == []
    assert leftovers(image.top) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_session_that_was_killed_in_a_lower_layer_is_settled_by_the_next(
    command: str,
    make_image: Callable[[], Image],
    arguments: dict[str, list[object]],
    undisturbed: Callable[[str], dict[str, str]],
    clean_environ: dict[str, str],
    run_instui: Run,
    sweeping: bool,
) -> None:
    """Until then the old version may be listed and torn, since its `.dist-info` goes file by file; the new one not."""

    def killed(point: int) -> bool:
        line = [
            sys.executable,
            "-c",
            _KILLED,
            *arguments[command],
            "--ui",
            "none",
            "--jobs",
            "1",
            "--python",
            image.top,
        ]
        environ = {**clean_environ, "KILL_AT": str(point)}
        done = subprocess.run(list(map(str, line)), env=environ, capture_output=True, timeout=60, check=False)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode != 0

    expected, image = undisturbed(command), make_image()
    chance = random.Random(command)
    point, met = (0 if sweeping else chance.randrange(3)), 0
    while True:
        image.fresh()
        if not killed(point):
            break
        met += 1
        if "pkg-2.0" in trees.distributions(image.site):
            assert trees.complete(image.site, "pkg-2.0"), point
        again = chance.randrange(20)
        if met % 2:
            killed(again)  # while it settles that
        ok(run_instui(*arguments[command], "--ui", "none", "--python", image.top))
        assert trees.differences(trees.tree(image.top), expected) == [], (point, again)
        assert leftovers(image.top) == [], (point, again)
        point += 1 if sweeping else chance.randrange(6, 16)
    assert met > 1
