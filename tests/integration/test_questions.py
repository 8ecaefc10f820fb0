"""How often uv is asked: each question takes a good part of a small install."""

from pathlib import Path

import pytest

from instui_engine.resolve import uv
from instui_engine.resolve.source import Building
from support.builds import Builds
from support.cli import installed
from support.environments import Venv
from support.projects import make_tree
from support.wheelsmith import build_wheel

pytest_plugins = ("support.build_fixtures",)

SOURCES = '\n[tool.uv.sources]\nlib = { path = "../lib" }\n'


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands of `uv pip` that were run."""
    found: list[str] = []
    run = uv._finished

    def noted(command: list[str], *more: object, **options: object) -> object:
        found.append(command[2])
        return run(command, *more, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(uv, "_finished", noted)
    return found


@pytest.mark.parametrize("editable", [False, True])
@pytest.mark.parametrize(
    ("requires", "sources", "expected"),
    [
        ([], "", ["install"]),
        ([], SOURCES, ["install", "compile"]),
        (["lib"], "", ["install", "compile"]),
        (["lib"], SOURCES, ["install", "compile"]),
    ],
)
def test_a_tree_without_sources_needs_no_further_question(
    editable: bool,
    requires: list[str],
    sources: str,
    expected: list[str],
    asked: list[str],
    builds: Builds,
    target: Venv,
    tmp_path: Path,
) -> None:
    make_tree(tmp_path / "lib", "lib")
    build_wheel(tmp_path / "lib", "lib", "0.1", {"lib.py": b""})
    tree = make_tree(tmp_path / "app", "app", requires=requires)
    with (tree / "pyproject.toml").open("a") as file:
        file.write(sources)
    chosen = {"find_links": (str(tmp_path / "lib"),)}
    if editable:
        builds.put(building=Building(editables=(str(tree),)), **chosen)
    else:
        builds.put(tree, **chosen)
    assert asked == expected
    assert installed(target.site) == {"app": "1.0"} | ({"lib": "1.0" if sources else "0.1"} if requires else {})


def test_a_table_of_a_workspace_above_counts(asked: list[str], builds: Builds, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f'[tool.uv.workspace]\nmembers = ["app"]\n{SOURCES}')
    builds.put(make_tree(tmp_path / "app", "app"))
    assert asked == ["install", "compile"]


def test_wheels_alone_are_decided_on_and_located(asked: list[str], builds: Builds, tmp_path: Path) -> None:
    build_wheel(tmp_path, "lib", "0.1", {"lib.py": b""})
    builds.put("lib", find_links=(str(tmp_path),))
    assert asked == ["install", "compile"]
