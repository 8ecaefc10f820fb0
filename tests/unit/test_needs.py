"""A test whose tool is missing is skipped and says what brings it, but in CI it fails; what CI needs, it installs."""

from pathlib import Path

import pytest

from support.needs import TOOLS, missing_tool, require

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing is on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    return monkeypatch


@pytest.mark.parametrize("name", TOOLS)
def test_a_missing_tool_skips_and_names_its_package(name: str, bare: pytest.MonkeyPatch) -> None:
    with pytest.raises(pytest.skip.Exception, match=TOOLS[name].packages):
        require(name)


@pytest.mark.parametrize("name", TOOLS)
def test_in_ci_a_missing_tool_is_a_failure(name: str, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="in CI nothing is skipped"):
        require(name)


def test_a_tool_that_is_there_is_found(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    (tmp_path / "cc").touch(mode=0o755)
    assert missing_tool("gcc") == ""
    require("gcc")


def test_ci_and_the_readmes_name_the_packages_of_all_tools() -> None:
    for path in (".ci/run", "README.md", "tests/README.md"):
        text = (ROOT / path).read_text(encoding="utf-8")
        assert [tool.packages for tool in TOOLS.values() if tool.packages not in text] == [], path
