"""Requirements from other commands and from the keyboard, where the install has a terminal."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.cli import verify
from support.environments import Venv
from support.terminal import Terminal
from support.wheelsmith import build_wheel


@pytest.fixture
def links(tmp_path: Path) -> Path:
    build_wheel(tmp_path, "alpha", "1.0", {"alpha.py": b""})
    return tmp_path


def arguments(venv: Venv, links: Path) -> list[str]:
    program = [sys.executable, "-m", "instui", "install", "--no-fsync", "--python", str(venv.top)]
    return [*program, "--no-index", "--find-links", str(links)]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash, for <(...)")
def test_the_install_behind_a_screen_gets_the_pipes_that_the_command_line_names(
    venv: Callable[[], Venv], links: Path, clean_environ: dict[str, str]
) -> None:
    target = venv()
    script = '"$@" --stay -r <(echo alpha)'
    terminal = Terminal(["bash", "-c", script, "-", *arguments(target, links)], clean_environ, (120, 34), links)
    try:
        terminal.shows("FINISHED", "installed 1 wheel")
        assert terminal.screen.full
        terminal.press("q")
        assert terminal.finish() == 0
    finally:
        terminal.close()
    verify(target.top, target.site, {"alpha": "1.0"})


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_where_requirements_are_typed_lines_are_printed(
    name: str, venv: Callable[[], Venv], links: Path, clean_environ: dict[str, str]
) -> None:
    target = venv()
    terminal = Terminal([*arguments(target, links), "-r", name], clean_environ, (120, 34), links)
    try:
        terminal.send("alpha\n")
        terminal.press("ctrl+d")
        assert terminal.finish() == 0
        assert "installed 1 wheel" in terminal.screen.text
        assert terminal.screen.alternations == 0
    finally:
        terminal.close()
    verify(target.top, target.site, {"alpha": "1.0"})
