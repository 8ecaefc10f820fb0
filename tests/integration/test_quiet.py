"""`-q` of the commands that do or judge something: nothing where all goes well, and else what went wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from support.cli import ok
from support.environments import Venv
from support.reports import RECORDINGS
from support.wheelsmith import build_wheel


@pytest.fixture
def place(venv: Callable[[], Venv], tmp_path: Path) -> Venv:
    """An environment with one distribution."""
    made = venv()
    made.put(build_wheel(tmp_path, "one", "1.0", {"one.py": b"1"}))
    return made


def test_where_all_is_well_nothing_is_said(place: Venv, run_instui: Run, tmp_path: Path) -> None:
    for words in (["check"], ["doctor"], ["doctor", "--repair"]):
        assert ok(run_instui(*words, "--python", place.top)) != ""
        assert ok(run_instui(*words, "-q", "--python", place.top)) == ""
    assert ok(run_instui("cache", "prune", "-q", "--cache-dir", tmp_path / "none")) == ""
    for command in ("report", "trace"):
        made = tmp_path / command
        assert ok(run_instui(command, "-q", RECORDINGS / "quiet.jsonl", "-o", made)) == ""
        assert made.stat().st_size > 1000


def test_what_is_wrong_is_said_and_a_repair_says_what_is_left(place: Venv, run_instui: Run, tmp_path: Path) -> None:
    (file,) = place.top.glob("lib/python*/site-packages/one.py")
    file.unlink()
    for command in ("check", "doctor"):
        loud, quiet = (run_instui(command, *words, "--python", place.top) for words in ((), ("-q",)))
        assert (quiet.returncode, quiet.stdout) == (1, loud.stdout)
        assert "one" in quiet.stdout
    (tmp_path / "one-1.0-py3-none-any.whl").unlink()
    lost = run_instui("doctor", "-q", "--repair", "--no-index", "--cache-dir", tmp_path / "c", "--python", place.top)
    assert lost.returncode == 1
    assert lost.stdout.startswith("1 of 1 distribution needs attention:\n  one 1.0: ")
