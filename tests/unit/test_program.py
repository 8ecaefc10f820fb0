"""The program starts itself once more without being led astray by what lies in the working directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from instui.program import again, is_run_by

_AGAIN = "import subprocess, sys; from instui.program import again; sys.exit(subprocess.call([*again(), '--version']))"


def _start(*options: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *options, "-c", _AGAIN]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_modules_in_the_working_directory_are_not_taken_for_its_own(tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text('raise SystemExit("shadowed")\n')
    done = _start("-P", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("instui ")


def test_a_program_that_was_found_there_is_found_there_again(tmp_path: Path) -> None:
    (tmp_path / "instui").mkdir()
    for name, text in (("__init__", ""), ("__main__", "print('from here')"), ("program", "")):
        (tmp_path / "instui" / f"{name}.py").write_text(text)
    source = Path(__file__).parents[2] / "app" / "instui" / "program.py"
    (tmp_path / "instui" / "program.py").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    done = _start(cwd=Path(os.path.realpath(tmp_path)))
    assert (done.returncode, done.stdout) == (0, "from here\n")


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        ("instui install x", True),
        ("/opt/bin/instui", True),
        ("/usr/bin/python3.12 /opt/bin/instui install x", True),
        ("python -I -X dev -Wignore -Pm instui install x", True),
        ("pypy3 -m instui", True),
        ("vim /src/instui/program.py", False),
        ("python -m pytest tests/instui", False),
        ("python -m instui.demo", False),
        ("python -c pass instui", False),
        ("python /srv/check.py instui", False),
        ("tail -f /v/.instui/sessions/x.jsonl", False),
        ("python", False),
        ("", False),
    ],
)
def test_what_runs_this_program_is_told_from_what_only_names_it(command: str, ours: bool) -> None:
    assert is_run_by(command.split(" ")) == ours
    assert is_run_by([*command.split(" "), ""]) == ours  # as in /proc


def test_what_starts_it_once_more_runs_it() -> None:
    assert is_run_by([*again(), "install", "x"])
