"""A cache that somebody removes while it is used: the wheels are installed, or the environment is as it was."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from instui_engine.commands.command import Recording
from instui_engine.commands.install import install
from instui_engine.resolve.request import Request
from instui_engine.session.options import Options
from support import trees
from support.environments import Venv
from support.wheelsmith import build_wheel

NAMES = ("one", "two")


@pytest.mark.parametrize("state", ["cold", "warm"])
def test_a_cache_that_is_removed_at_any_moment(
    state: str, venv: Callable[[], Venv], tmp_path: Path, sweeping: bool
) -> None:
    wheels = [
        build_wheel(tmp_path, name, "1.0", {f"{name}/a.py": b"x"}, data={f"scripts/run-{name}": b"#!python\nx"})
        for name in NAMES
    ]
    request = Request(arguments=tuple(map(str, wheels)), no_deps=True)
    moment, moments, refused = 0, 1, 0
    while moment < moments:
        target = venv()
        target.cache = tmp_path / f"cache{moment}"
        if state == "warm":
            Venv(venv().top, target.cache).put(*wheels)
        before = trees.tree(target.top)
        heard: list[str] = []

        def hear(line: str, heard: list[str] = heard, cache: Path = target.cache, at: int = moment) -> None:
            if len(heard) == at:
                shutil.rmtree(cache, ignore_errors=True)
            heard.append(line)

        options = Options(cache=target.cache, jobs=1, fsync=False)
        outcome = install(request, target.environment, options, None, Recording((hear,)))
        if outcome.exit_code == 0:
            assert all(trees.complete(target.site, f"{name}-1.0") for name in NAMES), heard[moment]
        else:
            refused += 1
            assert str(target.cache) in outcome.error
            assert "run again if it was removed meanwhile" in outcome.error
            assert trees.differences(before, trees.tree(target.top)) == []
        moments = max(moments, len(heard))
        moment += 1 if sweeping else 2
    assert moments > 10
    assert (refused > 0) == (state == "cold")
