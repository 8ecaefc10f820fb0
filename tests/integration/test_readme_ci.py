"""The job for CI in README.md does what it says: its steps are run here as they stand there, also where one fails."""

import os
import re
import subprocess
import sys
from pathlib import Path

from support.wheelsmith import build_wheel

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
_JOB = README.partition("```yaml\n")[2].partition("```")[0]


def steps() -> list[tuple[str, bool]]:
    """The commands of the job, and whether each runs even after a failure. The first one installs instui itself."""
    found = re.findall(r"- (if: always\(\)\n +)?run: (.*)", _JOB)
    return [(command, bool(always)) for always, command in found][1:]


def played(place: Path) -> tuple[list[int], bytes]:
    """The exit codes of the steps that ran, in the directory `place`, and the report."""
    (place / "bin").mkdir()
    instui = place / "bin/instui"
    instui.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m instui "$@"\n')
    instui.chmod(0o755)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / ".venv"], check=True)
    journal = re.search(r"INSTUI_JOURNAL: \$\{\{ github\.workspace \}\}/(\S+)", _JOB)
    assert journal is not None
    environ = {**os.environ, "CI": "true", "INSTUI_JOURNAL": str(place / journal[1])}
    environ |= {"INSTUI_CACHE_DIR": str(place / "cache"), "UV_CACHE_DIR": str(place / "uv"), "UV_OFFLINE": "1"}
    codes: list[int] = []
    for command, always in steps():
        if always or not any(codes):
            command = command.replace("/tmp/instui/bin/instui", str(instui))
            codes.append(subprocess.run(["/bin/sh", "-ec", command], cwd=place, env=environ).returncode)
    assert (place / journal[1]).stat().st_size
    return codes, (place / "install.html").read_bytes()


def test_a_job_keeps_the_journal_and_a_report_of_what_it_installed(tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path, "small", "1.0", {"small.py": b"NUMBER = 1\n"})
    (tmp_path / "requirements.txt").write_text(f"./{wheel.name}\n")
    codes, report = played(tmp_path)
    assert codes == [0, 0]
    assert b"small 1.0" in report


def test_a_job_keeps_a_report_of_an_install_that_failed(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("no-such-distribution==9\n")
    codes, report = played(tmp_path)
    assert codes == [1, 0]
    assert b"no-such-distribution" in report


def test_the_upload_takes_both() -> None:
    assert "path: install.*" in _JOB and "INSTUI_JOURNAL: ${{ github.workspace }}/install.jsonl" in _JOB
