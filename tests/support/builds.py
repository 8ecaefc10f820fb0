"""Installs from sources, without an index and within this process, and what they leave."""

import json
import subprocess
from typing import Any

from instui_engine.commands.command import Outcome, Recording
from instui_engine.commands.install import install
from instui_engine.resolve.request import Request
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from support.environments import Lines, Venv


class Builds:
    """Installs into `target`. `lines`: the journal of the last one."""

    def __init__(self, target: Venv) -> None:
        self.target = target
        self.lines = Lines([])

    def install(self, *arguments: object, control: Control | None = None, **more: Any) -> Outcome:
        lines: list[str] = []
        request = Request(arguments=tuple(map(str, arguments)), no_index=True, **more)
        options = Options(cache=self.target.cache, jobs=2, fsync=False)
        outcome = install(request, self.target.environment, options, control, Recording((lines.append,)))
        self.lines = Lines(lines)
        return outcome

    def put(self, *arguments: object, **more: Any) -> None:
        """Install, which must succeed."""
        outcome = self.install(*arguments, **more)
        assert (outcome.exit_code, outcome.error) == (0, "")


def origin(target: Venv, name: str) -> Any:
    """What is recorded about where a distribution came from."""
    (path,) = target.site.glob(f"{name}-*.dist-info/direct_url.json")
    return json.loads(path.read_text())


def imported(target: Venv, name: str) -> str:
    """The `value` of a module, as the Python of the environment sees it."""
    command = [str(target.top / "bin" / "python"), "-c", f"import {name}; print({name}.value)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
