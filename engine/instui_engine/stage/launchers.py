"""Launchers: the scripts that start the commands of a wheel, for one interpreter. pypa/installer makes them."""

from functools import cache
from typing import Literal

from instui_engine.wheel.entry_points import EntryPoint


@cache
def head(executable: str) -> bytes:
    """The first line of a script that `executable` runs; several, by way of the shell, for a long or spaced path."""
    return _script(executable, "x", "x", "x", "console").partition(b"\n# -*-")[0] + b"\n"


def launcher(executable: str, point: EntryPoint) -> bytes:
    """The script for a command."""
    section: Literal["gui", "console"] = "gui" if point.section == "gui" else "console"
    return _script(executable, point.name, point.module, point.attr, section)


def _script(executable: str, name: str, module: str, attr: str, section: Literal["gui", "console"]) -> bytes:
    from installer.scripts import Script

    return bytes(Script(name, module, attr, section).generate(executable, "posix")[1])
