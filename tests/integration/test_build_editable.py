"""Editable installs: what is imported is the tree itself."""

import contextlib
import fcntl
import os
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.commands.command import Recording
from instui_engine.commands.install import install
from instui_engine.errors import LockTimeoutError
from instui_engine.resolve.request import Request
from instui_engine.resolve.source import Building
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from support.builds import Builds, imported, origin
from support.cli import error_line, installed
from support.environments import Venv
from support.locking import holding
from support.projects import make_tree
from support.wheelsmith import build_wheel

pytest_plugins = ("support.build_fixtures",)


def test_editable_installs_lead_to_their_trees(builds: Builds, target: Venv, tmp_path: Path) -> None:
    trees = [make_tree(tmp_path / name, name) for name in ("one", "two")]
    builds.put(building=Building(editables=tuple(map(str, trees))))
    for tree in trees:
        (tree / "src" / f"{tree.name}.py").write_text("value = 'edited'\n")
        assert imported(target, tree.name) == "edited"
        assert origin(target, tree.name) == {"url": tree.as_uri(), "dir_info": {"editable": True}}
    builds.put(trees[0])
    (trees[0] / "src" / "one.py").write_text("value = 'later'\n")
    assert imported(target, "one") == "edited"
    assert not list(target.site.glob("*one*.pth"))
    target.remove("one", "two")
    assert not installed(target.site)
    assert not list(target.site.glob("*.pth"))


def test_what_an_editable_build_needs_comes_from_its_sources(builds: Builds, target: Venv, tmp_path: Path) -> None:
    make_tree(tmp_path / "need", "need", "3.0")
    tree = make_tree(tmp_path / "one", "one", during="import need\nassert need.value == '3.0'\n")
    text = (tree / "pyproject.toml").read_text().replace("requires = []", 'requires = ["need"]', 1)
    sources = 'need = { path = "../need" }\nother = { workspace = true }\n'
    (tree / "pyproject.toml").write_text(f"{text}\n[tool.uv.sources]\n{sources}")
    builds.put(building=Building(editables=(str(tree),)))
    assert installed(target.site) == {"one": "1.0"}


@pytest.mark.parametrize("ends", ["own", "foreign", "timeout", "cancelled"])
def test_one_build_at_a_time_is_in_a_tree(ends: str, target: Venv, tmp_path: Path) -> None:
    """Who is in the way is named, and waited for no longer than for other locks, unless it is a build of our own."""
    tree = make_tree(tmp_path / "one", "one")
    seen: list[str] = []
    control = Control()

    def react(line: str) -> None:
        if "waits for the build in" in line:
            seen.append(line)
            if ends == "cancelled":
                control.cancel(130)
            elif ends != "timeout":
                let_go()

    with contextlib.ExitStack() as stack:
        if ends == "own":
            lock = os.open(tree, os.O_RDONLY)
            stack.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX)
            pid, let_go = os.getpid(), lambda: fcntl.flock(lock, fcntl.LOCK_UN)
        else:
            process = stack.enter_context(holding(tree))
            pid, let_go = process.pid, process.kill
        request = Request(building=Building(editables=(str(tree),)), no_index=True)
        timeout = {"own": 0.0, "timeout": 0.1}.get(ends, 300.0)
        options = Options(cache=target.cache, fsync=False, lock_timeout=timeout)
        outcome = install(request, target.environment, options, control, Recording((react,)))
    assert outcome.exit_code == {"timeout": 4, "cancelled": 130}.get(ends, 0)
    assert len(seen) == 1
    assert f"of pid {pid} " in seen[0]
    if ends == "timeout":
        assert isinstance(outcome.failure, LockTimeoutError)
        assert outcome.failure.path == str(tree)
        assert [holder.pid for holder in outcome.failure.holders] == [pid]
    assert installed(target.site) == ({"one": "1.0"} if outcome.exit_code == 0 else {})


def test_a_backend_without_editable_wheels(builds: Builds, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "one", "one")
    backend = tree / "backend" / "tiny.py"
    backend.write_text(backend.read_text().replace("def build_editable", "def build_nothing"))
    outcome = builds.install(building=Building(editables=(str(tree),)))
    assert "cannot make editable wheels" in outcome.error


def test_only_a_tree_can_be_editable(run_instui: Run, target: Venv, tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path, "one", "1.0", {})
    done = run_instui("install", "--python", target.top, "-e", wheel)
    assert "only a source tree" in error_line(done, 2)
