"""Real wheels installed by pip, by uv and by instui leave the same trees, but for what is explained here.

A dozen in CI, some two hundred with `--sweep`; `support/installers.py` says what is compared. What the three install is
asked from the index once.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.installers import compare

pytestmark = [pytest.mark.network, pytest.mark.timeout(3600)]

LIST = Path(__file__).with_name("real_wheels.txt")
TOGETHER = 8  # wheels in one environment when sweeping
# The one table of differences: what a line of `unlike` matches, and why it is so.
EXPLAINED = {
    r": instui: nothing \| pip: nothing \| uv: directory$": "uv also makes empty directories",
    r"^bin/[^ ]+: instui: 111 (.*) \| pip: 000 \1 \| uv: 111 \1$": "pip gives no x bit that is not in the archive",
    r"^instui: .*selenium-4\.1\.0.*--allow-record": "a RECORD of other paths is refused; the flag installs it",
}


def wheels(directory: Path, sweeping: bool) -> list[Path]:
    """The wheels of the list, downloaded: those up to the second comment unless sweeping."""
    sample, _, rest = LIST.read_text(encoding="utf-8").partition("# Under --sweep")
    names = [line for line in (sample + "#" + rest * sweeping).splitlines() if line and not line.startswith("#")]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(directory), *names]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PIP_NO_INPUT": "1"}, check=False)
    assert done.returncode == 0, done.stderr
    return sorted(directory.glob("*.whl"))


def unexplained(chosen: Sequence[Path], place: Path) -> list[str]:
    place.mkdir()
    return [line for line in compare(chosen, place) if not any(re.search(known, line) for known in EXPLAINED)]


def test_what_is_installed_is_what_pip_and_uv_install(tmp_path: Path, sweeping: bool) -> None:
    found = wheels(tmp_path / "wheels", sweeping)
    assert len(found) > (150 if sweeping else 10)
    step = TOGETHER if sweeping else len(found)
    problems = []
    for start in range(0, len(found), step):
        chosen = found[start : start + step]
        if len(chosen) < len(found) and unexplained(chosen, tmp_path / str(start)):
            # a batch may hold two wheels that collide, or one that is refused
            for wheel in chosen:
                problems += [f"{wheel.name}: {line}" for line in unexplained([wheel], tmp_path / f"{wheel.name}.d")]
        elif len(chosen) == len(found):
            problems += unexplained(chosen, tmp_path / "all")
    assert problems == []
