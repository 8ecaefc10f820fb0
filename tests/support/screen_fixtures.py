"""Fixtures of the tests on a terminal: terminals, installs on them, and what is installed.

A plugin of pytest: a module that needs them says `pytest_plugins = ("support.screen_fixtures",)`.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from instui_engine.journal.events import SessionStarted
from support.environments import Venv, read_journal
from support.on_screen import Begin, Install, Open, lives
from support.terminal import Terminal
from support.wheelsmith import build_wheel


@pytest.fixture
def on_terminal(clean_environ: dict[str, str], tmp_path: Path) -> Iterator[Open]:
    """Starts `instui WORDS` on a terminal of its own; what still runs at the end of the test is killed.

    With `shell`, a shell does that with these words as "$@".
    """
    terminals: list[Terminal] = []

    def start(
        *arguments: object,
        size: tuple[int, int] = (120, 34),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        shell: str = "",
    ) -> Terminal:
        command = [sys.executable, "-m", "instui", *map(str, arguments)]
        if shell:
            command = ["sh", "-c", shell, "sh", *command]
        environ = {**clean_environ, "LANG": "C.UTF-8", **(env or {})}
        terminals.append(Terminal(command, environ, size, cwd or tmp_path))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()


@pytest.fixture
def install(on_terminal: Open, venv: Callable[[], Venv]) -> Iterator[Begin]:
    """Starts `instui install --no-deps WORDS` on a terminal, into a new environment where none is given.

    The screen opens even if that takes a moment only, and stays until a key closes it.
    """
    installs: list[Install] = []

    def begin(
        *arguments: object,
        venv: Venv | None = None,
        size: tuple[int, int] = (120, 34),
        env: Mapping[str, str] | None = None,
    ) -> Install:
        target = venv or make()
        before = set(target.journals())
        shown = {"INSTUI_UI": "tui", "INSTUI_STAY": "1", **(env or {})}
        terminal = on_terminal("install", "--no-deps", "--python", target.top, *arguments, size=size, env=shown)
        installs.append(Install(terminal, target))
        installs[-1]._before = before
        return installs[-1]

    make = venv
    yield begin
    for one in installs:
        for journal in one.venv.journals():
            for started in read_journal(journal).of(SessionStarted):
                if lives(started.pid, journal.stem):
                    os.kill(started.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Ten distributions with packages of their own; each writes over the README of those before."""
    place = tmp_path_factory.mktemp("wheels")
    return [
        build_wheel(
            place,
            f"dist{number:02}",
            "1.0",
            {
                "README.txt": f"of {number}\n".encode(),
                **{f"dist{number:02}/module{part}.py": b"PART = %d\n" % part for part in range(3)},
            },
        )
        for number in range(10)
    ]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A distribution of many files, on which a slowed-down install is busy for long in each phase."""
    files = {f"large/module{part}.py": b"PART = %d\n" % part for part in range(40)}
    return build_wheel(tmp_path_factory.mktemp("large"), "large", "1.0", files)


NAMES = [f"dist{number:02}-1.0" for number in range(10)]
