"""Builds with the backends that most projects use, which come from an index."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from support.builds import imported, origin
from support.cli import error_line, installed, ok
from support.environments import Venv

pytest_plugins = ("support.build_fixtures",)
pytestmark = pytest.mark.network

PROJECTS = {
    "setuptools": {
        "pyproject.toml": '[project]\nname = "one"\nversion = "1.0"\n[project.scripts]\none-tool = "one:main"\n'
    },
    "setup.py": {"setup.py": "from setuptools import setup\nsetup(name='one', version='1.0', packages=['one'])\n"},
    "hatchling": {
        "pyproject.toml": '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "one"\nversion = "1.0"\n'
    },
    "flit": {
        "pyproject.toml": '[build-system]\nrequires = ["flit_core>=3.4"]\nbuild-backend = "flit_core.buildapi"\n'
        '[project]\nname = "one"\nversion = "1.0"\ndescription = "one"\n'
    },
}


@pytest.fixture
def run(run_instui: Run, cache: Path) -> Run:
    """Runs `instui` with the index."""

    def online(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
        own = {"INSTUI_CACHE_DIR": str(cache), "UV_OFFLINE": "0", "UV_NO_CONFIG": "0"}
        return run_instui(*arguments, env={**os.environ, **own}, **options)

    return online


def make(directory: Path, kind: str) -> Path:
    (directory / "one").mkdir(parents=True)
    (directory / "one" / "__init__.py").write_text("value = 'as built'\n\n\ndef main():\n    print(value)\n")
    for name, text in PROJECTS[kind].items():
        (directory / name).write_text(text)
    return directory


@pytest.mark.parametrize("kind", PROJECTS)
def test_editable_with_common_backends(kind: str, run: Run, target: Venv, tmp_path: Path) -> None:
    tree = make(tmp_path / "tree", kind)
    command = ("install", "--no-fsync", "--python", target.top)
    before = {path.name for path in target.site.iterdir()}
    ok(run(*command, "-e", tree))
    (tree / "one" / "__init__.py").write_text("value = 'edited'\n")
    assert imported(target, "one") == "edited"
    assert origin(target, "one") == {"url": tree.as_uri(), "dir_info": {"editable": True}}
    ok(run("uninstall", "--no-fsync", "--python", target.top, "one"))
    assert {path.name for path in target.site.iterdir() if path.name != "__pycache__"} == before


def test_real_sources_of_an_index(run: Run, target: Venv) -> None:
    command = ("install", "--no-fsync", "--python", target.top, "--cache-dir", target.cache, "--ui", "none")
    done = run(*command, "--only-binary", "docopt", "docopt==0.6.2")
    assert "no usable wheels" in error_line(done, 1)
    ok(run(*command, "docopt==0.6.2", "--no-binary", "six", "six==1.17.0"))
    assert installed(target.site) == {"docopt": "0.6.2", "six": "1.17.0"}
    ok(run("uninstall", "--no-fsync", "--python", target.top, "six", "docopt"))
    ok(run(*command, "--offline", "docopt==0.6.2"))  # it was built before
    assert installed(target.site) == {"docopt": "0.6.2"}


def test_bounds_for_what_builds_need(run: Run, target: Venv, tmp_path: Path) -> None:
    tree = make(tmp_path / "tree", "hatchling")
    (tmp_path / "bounds.txt").write_text("hatchling<0.1\n")
    command = ("install", "--no-fsync", "--python", target.top, "--ui", "none")
    done = run(*command, tree, "-b", "bounds.txt", cwd=tmp_path)
    assert "hatchling<0.1" in error_line(done, 1)


def test_a_build_without_isolation_needs_what_is_installed(run: Run, target: Venv, tmp_path: Path) -> None:
    tree = make(tmp_path / "tree", "flit")
    command = ("install", "--no-fsync", "--python", target.top, "--ui", "none", "--no-build-isolation")
    assert "flit_core" in error_line(run(*command, tree), 1)
    ok(run("install", "--no-fsync", "--python", target.top, "flit_core"))
    ok(run(*command, tree))
    assert installed(target.site)["one"] == "1.0"
