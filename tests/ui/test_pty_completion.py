"""The ids of sessions, completed by real shells on a real terminal."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from support.cli import ok
from support.environments import Venv
from support.terminal import Terminal
from support.wheelsmith import build_wheel

pytestmark = pytest.mark.pty

SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
LOADED = {
    "bash": "source ./instui",
    "zsh": "mv instui _instui; fpath=($PWD $fpath); autoload -U compinit; compinit -u -D",
    "fish": "source ./instui",
}


@pytest.fixture
def target(venv: Callable[[], Venv], tmp_path: Path) -> Venv:
    made = venv()
    made.put(build_wheel(tmp_path, "one", "1.0", {"one.py": b""}))
    return made


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("command", ["replay", "report"])
def test_a_shell_completes_the_id_of_a_recording(
    shell: str, command: str, run_instui: Run, clean_environ: dict[str, str], target: Venv, tmp_path: Path
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    (known,) = [path.stem for path in target.journals()]
    place = tmp_path / "shell"
    place.mkdir()
    (place / "instui").write_text(ok(run_instui("completion", shell)))
    path = f"{Path(sys.executable).parent}:{clean_environ['PATH']}"
    environ = {**clean_environ, "PATH": path, "VIRTUAL_ENV": str(target.top), "LANG": "C.UTF-8"}
    terminal = Terminal(SHELLS[shell], environ, (160, 20), place)
    try:
        terminal.send(f"{LOADED[shell]}; echo load''ed\r")
        terminal.shows("loaded")
        terminal.send(f"instui {command} {known[:9]}\t")
        terminal.shows(f"instui {command} {known}")
    finally:
        terminal.close()


def test_ids_are_those_of_what_runs_or_is_recorded_and_no_other_text(
    run_instui: Run, target: Venv, tmp_path: Path
) -> None:
    (known,) = target.journals()
    known.with_name("$(touch gone).jsonl").touch()
    known.with_name("a b.jsonl").touch()
    listed = run_instui("sessions", "--ids", "recorded", "--python", target.top)
    assert ok(listed).split() == [known.stem]
    assert known.stem not in ok(run_instui("sessions", "--ids", "running", "--python", target.top))
    assert known.stem in ok(run_instui("sessions", "--ids", "--python", target.top)).split()
    assert ok(run_instui("sessions", "--ids", "recorded", "--python", tmp_path / "none")) == ""
