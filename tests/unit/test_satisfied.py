"""What counts as installed already: version, wholeness and place."""

from pathlib import Path

import pytest

from instui_engine.resolve.request import LockedWheel
from instui_engine.resolve.satisfied import is_installed, is_version, was_requested
from instui_engine.target.environment import Environment
from instui_engine.target.installed import scan
from support.environments import planned_environment


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """One with `one 1.0`, whole."""
    environment = planned_environment(tmp_path)
    info = tmp_path / environment.roots["purelib"] / "one-1.0.dist-info"
    info.mkdir(parents=True)
    for name in ("METADATA", "RECORD"):
        (info / name).touch()
    return environment


def info(environment: Environment) -> Path:
    (found,) = (environment.top / environment.roots["purelib"]).glob("*.dist-info")
    return found


def there(environment: Environment, version: str, origin: str = "") -> bool:
    wheel = LockedWheel("one", version, "one.whl", url=origin, origin=origin)
    return is_installed(wheel, environment, scan(environment))


def test_a_version_is_there_however_it_is_spelled(environment: Environment) -> None:
    assert there(environment, "1.0")
    assert there(environment, "1.0.0")
    assert not there(environment, "1.1")
    assert not is_version("1.0-what", "1.0")  # and is no error
    assert is_version("what", "what")


@pytest.mark.parametrize("missing", ["METADATA", "RECORD"])
def test_what_is_not_whole_is_not_there(missing: str, environment: Environment) -> None:
    (info(environment) / missing).unlink()
    assert not there(environment, "1.0")


def test_two_versions_are_none(environment: Environment) -> None:
    (info(environment).with_name("one-2.0.dist-info")).mkdir()
    assert not there(environment, "1.0")


def test_what_was_named_by_its_place_must_have_come_from_there(environment: Environment) -> None:
    assert not there(environment, "1.0", "https://host/one-1.0-py3-none-any.whl")


def test_a_new_distribution_is_requested_and_an_old_one_if_it_was(environment: Environment) -> None:
    assert not was_requested("one", environment, scan(environment))
    assert was_requested("two", environment, scan(environment))
    (info(environment) / "REQUESTED").touch()
    assert was_requested("one", environment, scan(environment))
