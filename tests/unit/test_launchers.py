"""Launchers are those of pypa/installer, byte for byte, without the time that its import takes."""

import pytest
from installer.scripts import Script

from instui_engine.stage.launchers import head, launcher
from instui_engine.wheel.entry_points import EntryPoint

PATHS = (
    "/usr/bin/python3",
    "/with space/python",
    "/it's/py thon",
    "/bücher/python",
    *("/" + "x" * n for n in range(120, 130)),
)


@pytest.mark.parametrize("executable", PATHS)
@pytest.mark.parametrize("section", ["console", "gui"])
def test_launchers_are_those_of_the_reference(executable: str, section: str) -> None:
    point = EntryPoint(section, "tool", "tool.cli", "Command.main")
    kind = "gui" if section == "gui" else "console"
    expected = Script("tool", "tool.cli", "Command.main", kind).generate(executable, "posix")[1]
    assert launcher(executable, point) == expected
    assert expected.startswith(head(executable) + b"# -*- coding")
