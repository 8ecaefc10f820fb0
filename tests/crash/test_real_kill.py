"""Kills in the middle of installs, upgrades and removals of real wheels from an index."""

import email
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from support.crash.bench import bench
from support.crash.injector import KILL
from support.crash.lane import Setting
from support.crash.scenarios import scenario
from support.crash.sweep import Sweep, sample

pytestmark = [pytest.mark.network, pytest.mark.sweep, pytest.mark.timeout(7200)]

# PyJWT and jwt ship the same paths with different content, pytest and py share a name
_NEW = (
    *("requests", "flask", "rich", "jinja2", "pytest", "py", "jwt", "pyjwt", "click", "werkzeug", "markupsafe"),
    *("itsdangerous", "blinker", "idna", "certifi", "charset-normalizer", "urllib3", "pygments", "markdown-it-py"),
    *("mdurl", "iniconfig", "pluggy", "packaging", "six", "attrs", "tomli", "colorama", "python-dateutil", "pytz"),
    *("typing-extensions", "zipp"),
)
_OLD = ("requests<2.32", "flask<3", "jinja2<3.1", "pyjwt<2.8", "click<8.1", "werkzeug<3", "idna<3.7", "zipp<3.16")
_REMOVED = ["requests", "flask", "pyjwt", "rich", "pytest", "six"]
Set = tuple[list[Path], dict[str, str]]


def _fetched(directory: Path, requirements: Sequence[str]) -> Set:
    """Wheels from the index that pip is configured for, in order, and their versions by name."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--only-binary",
        ":all:",
        "-d",
        str(directory),
    ]
    done = subprocess.run([*command, *requirements], capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        pytest.skip(f"the wheels cannot be had: {done.stderr.strip().splitlines()[-1][:200]}")
    found = {}
    for path in directory.glob("*.whl"):
        with zipfile.ZipFile(path) as archive:
            (name,) = [
                name for name in archive.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1
            ]
            metadata = email.message_from_bytes(archive.read(name))
        found[canonicalize_name(metadata["Name"])] = (path, metadata["Version"])
    names = [canonicalize_name(requirement.partition("<")[0]) for requirement in requirements]
    return [found[name][0] for name in names], {name: found[name][1] for name in names}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Set, Set]:
    return tuple(_fetched(tmp_path_factory.mktemp("wheels"), names) for names in (_OLD, _NEW))  # type: ignore[return-value]


@pytest.mark.parametrize("kind", ["fresh", "upgrade", "uninstall"])
def test_real_distributions_are_whole_wherever_the_kill_comes(kind: str, sets: tuple[Set, Set], sweeping: bool) -> None:
    (old_wheels, old), (new_wheels, new) = sets
    work = scenario(kind, old_wheels, new_wheels, old, new, _REMOVED, {"flask/mine.txt": b"mine\n"})
    place = bench().place / f"real-{kind}"
    place.mkdir()
    sweep = Sweep(place, work, Setting(jobs=4), bench().library)
    # most points are links into the stage; what stands in the environment changes at the renames
    renames = [call.number for call in sweep.trace() if call.name.startswith("rename")]
    size = 100 if sweeping else 3
    chosen = [renames[place] for place in sample(size, 1)(range(len(renames)))]
    result = sweep.sweep(KILL, lambda points: sorted({*chosen, *sample(size // 2, 2)(points)}), thorough=False)
    assert not result.violations, "\n".join(result.violations)
