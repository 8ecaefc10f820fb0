"""Launchers from a manifest are those that pypa/installer makes."""

import pytest
from installer.scripts import Script

from instui_engine.wheel.entry_points import EntryPoint
from instui_engine.wheel.launchers import body, head


@pytest.mark.parametrize(
    "executable",
    [
        "/v/bin/python",
        "/" + "a" * 99,
        "/" + "a" * 100,
        "/" + "a" * 123,
        "/" + "a" * 124,
        "/" + "a" * 300,
        "/with space/python",
        "/tab\t/python",
        "/mit-ü/python",
        "/quote'/python",
        '/quo"te/python',
    ],
)
@pytest.mark.parametrize("section", ["console", "gui"])
def test_a_launcher_is_that_of_the_library_whatever_the_path(executable: str, section: str) -> None:
    point = EntryPoint(section, "tool", "package.module", "Class.run")
    expected = Script("tool", "package.module", "Class.run", section).generate(executable, "posix")[1]  # type: ignore[arg-type]
    assert head(executable) + body(point) == expected
