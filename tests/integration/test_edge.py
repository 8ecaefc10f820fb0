"""Whatever the system is like, a command ends with an exit code of the contract, in one line, and leaves nothing.

`support/edge.py` has the commands, and `support/edge_conditions.py` the conditions. Every pair is tried under
--sweep, else a fixed sample.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

import pytest

from support.cli import ok
from support.edge import COMMANDS, World, run
from support.edge_conditions import CONDITIONS
from support.needs import require
from support.wheelsmith import build_wheel

_PAIRS = [(c, name) for c, one in CONDITIONS.items() for name in COMMANDS if name in one.only and name not in one.but]
_SAMPLE = {
    # what once ended in a traceback, or left something
    ("unknown uid", "install"), ("unknown uid", "cache dir"), ("unknown uid, no environment", "install by name"),
    ("HOME missing", "install"), (".instui unreadable", "locks"), (".instui unreadable", "doctor"),
    (".instui of root under umask 077", "install --dry-run"), (".instui elsewhere", "install"), ("latin-1", "install"),
    ("C without UTF-8", "install --ui json"), ("PYTHONWARNDEFAULTENCODING", "demo"), ("no /proc", "install"),
    ("closed 0+1+2", "install"), ("stdout full", "install"), ("working directory removed", "install"),
    ("names of 300 characters", "install"), ("TMPDIR full", "install by name"), ("16 files", "install"),
    ("files of 0 bytes", "install"), ("clock backwards", "install"),
}  # fmt: skip
_SIZE = 36


def _chosen(sweeping: bool) -> list[tuple[str, str]]:
    if sweeping:
        return _PAIRS
    rest = [pair for pair in _PAIRS if pair not in _SAMPLE]
    return [*sorted(_SAMPLE), *Random(11).sample(rest, _SIZE - len(_SAMPLE))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    pairs = _chosen(metafunc.config.getoption("--sweep"))
    metafunc.parametrize(("condition", "command"), pairs, ids=[" | ".join(pair) for pair in pairs])


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    """An environment with a distribution in it, a wheel to install, and empty directories for everything else."""
    world = World(tmp_path_factory.mktemp("edge") / "template")
    for place in (world.home, world.tmp, world.cwd, world.base / "run", world.wheel.parent):
        place.mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(world.top)], check=True)
    new = {"new/__init__.py": b"x = 1\n", "new/café Ω.txt": b"text"}
    build_wheel(world.wheel.parent, "new", "1.0", new, data={"scripts/new": b"#!python\n"},
                entry_points="[console_scripts]\nnewer = new:x\n")  # fmt: skip
    present = build_wheel(world.base, "present", "1.0", {"present/__init__.py": b"x = 1\n", "present/more.py": b""})
    command = [sys.executable, "-m", "instui", "install", "--no-deps", "--no-fsync", "--ui", "none"]
    command += ["--cache-dir", str(world.base.parent / "cache"), "--python", str(world.top), str(present)]
    ok(subprocess.run(command, capture_output=True, text=True, check=False))
    return world


@pytest.fixture(scope="session")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("locales")


@pytest.fixture
def other_filesystem() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="instui-edge-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    yield place
    shutil.rmtree(place)


def _require(needs: tuple[str, ...], locales: Path) -> None:
    for name in needs:
        if name == "root":
            require("root")
        elif shutil.which(name) is None:
            pytest.skip(f"needs {name}")
    if "localedef" in needs:
        command = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(locales / "en_US.ISO-8859-1")]
        subprocess.run(command, capture_output=True, check=False)
        if not any(locales.iterdir()):
            pytest.skip("cannot make a latin-1 locale")
    if "unshare" in needs and subprocess.run(["unshare", "--user", "--map-user=12345", "true"], check=False).returncode:
        pytest.skip("no user namespaces here")


def test_at_the_edge_it_ends_in_one_line_and_leaves_nothing(
    condition: str, command: str, template: World, tmp_path: Path, locales: Path, other_filesystem: Path
) -> None:
    _require(CONDITIONS[condition].needs, locales)
    world = World(tmp_path / "world")
    shutil.copytree(template.base, world.base, symlinks=True)
    (world.base / "run").chmod(0o700)
    if command == "doctor --repair":
        (world.site / "present" / "more.py").unlink()
    extra: Mapping[str, str] = {"locales": str(locales), "shm": str(other_filesystem)}
    ended = run(command, CONDITIONS[condition], world, extra)
    assert not ended.problems, ended
