"""What shells ask instui for, completed by real ones on a real terminal: ids of sessions, names of distributions."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
    (known,) = [path.stem for path in target.journals()]
    path = f"{Path(sys.executable).parent}:{clean_environ['PATH']}"
    environ = {**clean_environ, "PATH": path, "VIRTUAL_ENV": str(target.top)}
    with completing(shell, run_instui, environ, tmp_path) as terminal:
        terminal.send(f"instui {command} {known[:9]}\t")
        terminal.shows(f"instui {command} {known}")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_what_is_installed_where_the_line_says_by_the_program_that_it_names(
    shell: str, run_instui: Run, clean_environ: dict[str, str], target: Venv, tmp_path: Path
) -> None:
    (tmp_path / "there").symlink_to(target.top)
    (tmp_path / "bin").symlink_to(Path(sys.executable).parent)
    environ = {**clean_environ, "HOME": str(tmp_path)}  # in PATH there is none
    with completing(shell, run_instui, environ, tmp_path) as terminal:
        named = "install --python=../there --reinstall-package=o"
        for line in ("uninstall -p ../there o", "show --python ../there o", named):
            terminal.send(f"~/bin/instui {line}\t")
            terminal.shows(f"~/bin/instui {line}ne")
            terminal.send("\x15")
        given = (("serve rep", "lay"), ("install --ui=pl", "ain"), ("install x --link-mode har", "dlink"))
        for line, word in (*given, ("--the", "me"), ("--theme lig", "ht")):
            terminal.send(f"~/bin/instui {line}\t")
            terminal.shows(f"~/bin/instui {line}{word}")
            terminal.send("\x15")
        (tmp_path / "shell" / "a-file").touch()
        terminal.send("~/bin/instui install --journal=a-f\t")
        terminal.shows("--journal=a-file")


@contextmanager
def completing(shell: str, run_instui: Run, environ: Mapping[str, str], tmp_path: Path) -> Iterator[Terminal]:
    """A shell that knows how to complete, in a directory `shell`; skipped where there is no such shell."""
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    place = tmp_path / "shell"
    place.mkdir()
    (place / "instui").write_text(ok(run_instui("completion", shell)))
    terminal = Terminal(SHELLS[shell], {**environ, "LANG": "C.UTF-8"}, (160, 20), place)
    try:
        terminal.send(f"{LOADED[shell]}; echo load''ed\r")
        terminal.shows("loaded")
        yield terminal
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


def test_names_are_those_of_what_is_installed_and_no_other_text(run_instui: Run, target: Venv, tmp_path: Path) -> None:
    (site,) = target.top.glob("lib/python*/site-packages")
    strange = site / "$(touch gone)-1.0.dist-info"
    strange.mkdir()
    (strange / "METADATA").write_text("Metadata-Version: 2.1\nName: $(touch gone)\nVersion: 1.0\n")
    assert ok(run_instui("list", "--names", "--python", target.top)) == "one\n"
    assert ok(run_instui("list", "--names", "--python", tmp_path / "none")) == ""
