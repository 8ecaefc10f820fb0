"""The fixture of tests that put projects to uv and to instui.

A plugin of pytest: a module that needs it says `pytest_plugins = ("support.source_fixtures",)`.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from support.beside_uv import BesideUv, without_indexes
from support.environments import Venv
from support.source_projects import make_all


@pytest.fixture(scope="session")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("projects")
    make_all(place)
    return place


@pytest.fixture
def beside(
    projects: Path, venv: Callable[[], Venv], run_instui: Run, clean_environ: dict[str, str], tmp_path: Path
) -> BesideUv:
    here = tmp_path / "here"
    shutil.copytree(projects, here)
    return BesideUv(venv, run_instui, without_indexes(clean_environ, here), here)
