"""Fixtures of the tests that install from sources.

A plugin of pytest: a module that needs them says `pytest_plugins = ("support.build_fixtures",)`.
"""

from collections.abc import Callable

import pytest

from support.builds import Builds
from support.environments import Venv


@pytest.fixture
def target(venv: Callable[[], Venv]) -> Venv:
    return venv()


@pytest.fixture
def builds(target: Venv) -> Builds:
    return Builds(target)
