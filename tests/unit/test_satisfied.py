"""What counts as installed already. "No" is always a safe answer, "yes" must be right."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from instui_engine.resolve.satisfied import all_satisfied, is_version
from instui_engine.target.environment import Environment, discover
from instui_engine.target.installed import Installed, scan
from support.targets import linux_interpreter


def environment(top: Path) -> Environment:
    anywhere = discover(top.parent / "cache", python=sys.executable, target=str(top))
    return replace(anywhere, interpreter=linux_interpreter())


def put(top: Path, name: str, version: str, requires: Sequence[str] = (), suffix: str = "dist-info") -> None:
    info = top / f"{name}-{version}.{suffix}"
    info.mkdir()
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {text}" for text in requires), "", "Name: body"]
    (info / ("METADATA" if suffix == "dist-info" else "PKG-INFO")).write_text("\n".join(lines))
    (info / "RECORD").touch()


@pytest.fixture
def top(tmp_path: Path) -> Path:
    put(tmp_path, "app", "1.0", ["lib>=2", "win; sys_platform == 'win32'", "fast[c]>=1; extra == 'fast'"])
    put(tmp_path, "lib", "2.5", ["app"])
    put(tmp_path, "fast", "1.1", ["cee; extra == 'c'"])
    put(tmp_path, "beta", "3.0b1")
    put(tmp_path, "old", "0.9", suffix="egg-info")
    return tmp_path


def ask(top: Path, *requirements: str, deps: bool = True, limits: Sequence[str] = ()) -> dict[str, str] | None:
    target = environment(top)
    installed: Installed = scan(target)
    return all_satisfied(requirements, installed, target, deps, limits)


def test_dependencies_are_followed_round_a_cycle(top: Path) -> None:
    assert ask(top, "App >=1, <2") == {"app": "1.0", "lib": "2.5"}


def test_a_missing_or_unfit_version_is_not_satisfied(top: Path) -> None:
    assert ask(top, "app>1") is None
    assert ask(top, "absent") is None


def test_extras_are_followed_into_dependencies(top: Path) -> None:
    assert ask(top, "app[fast]") is None
    put(top, "cee", "1")
    assert ask(top, "app[fast]") == {"app": "1.0", "lib": "2.5", "fast": "1.1", "cee": "1"}


def test_an_extra_asked_for_later_is_followed_too(top: Path) -> None:
    assert ask(top, "fast", "app[fast]") is None


def test_without_dependencies_only_the_named_count(top: Path) -> None:
    assert ask(top, "app[fast]", deps=False) == {"app": "1.0"}


def test_a_marker_that_does_not_hold_asks_for_nothing(top: Path) -> None:
    assert ask(top, "absent; python_version < '3'", "lib") == {"lib": "2.5", "app": "1.0"}


def test_an_installed_prerelease_counts(top: Path) -> None:
    assert ask(top, "beta>=2") == {"beta": "3.0b1"}


def test_a_legacy_distribution_counts_with_its_version(top: Path) -> None:
    assert ask(top, "old<1") == {"old": "0.9"}


def test_a_direct_url_is_left_to_uv(top: Path) -> None:
    assert ask(top, "lib @ https://host/lib-2.5-py3-none-any.whl") is None


def test_constraints_limit_whatever_is_needed(top: Path) -> None:
    assert ask(top, "app", limits=["lib<2", "absent>9"]) is None
    assert ask(top, "app", limits=["lib<3", "absent>9"]) is not None


def test_a_distribution_without_metadata_is_not_installed(top: Path) -> None:
    (top / "ghost-1.0.dist-info").mkdir()
    assert ask(top, "ghost") is None


def test_nonsense_is_left_to_uv(top: Path) -> None:
    assert ask(top, "foo bar") is None


def test_versions_are_compared_and_not_their_spelling() -> None:
    assert is_version("1.0", "1.0.0")
    assert not is_version("1.0", "1.0.post1")
    assert not is_version("unknown", "1.0")
