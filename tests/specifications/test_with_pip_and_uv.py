"""pip and uv work on what instui has installed, and instui on what they have.

Nothing here asks an index. The real wheels are in `test_as_pip_and_uv.py`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from support.cli import installed, ok, uv, verify
from support.environments import Venv
from support.installers import install
from support.trees import complete, tree, unlisted
from support.wheelsmith import build_wheel

MakeVenv = Callable[[], Venv]
OTHERS = ("pip", "uv")


@pytest.fixture
def links(tmp_path: Path) -> Path:
    """Wheels with everything that has to be found again: scripts, data, headers, a namespace, dependencies."""
    place = tmp_path / "links"
    place.mkdir()
    for version in ("1.0", "2.0"):
        build_wheel(
            place,
            "some-tool",
            version,
            {"tool/__init__.py": b"def main(): return 7\n", f"tool/v{version[0]}.py": b"", "space/one.py": b""},
            data={"data/share/t,o.ol": b"x", "scripts/run": b"#!python\n", "headers/t.h": b""},
            entry_points="[console_scripts]\nsome-tool = tool:main\n",
            requires=["needed>=1"],
        )
    build_wheel(place, "needed", "1.0", {"needed.py": b"", "space/two.py": b""})
    return place


def pip(target: Venv, *arguments: object) -> str:
    command = [sys.executable, "-m", "pip", "--python", target.top / "bin" / "python", "--no-input", *arguments]
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def by(installer: str, target: Venv, links: Path, *requirements: str) -> None:
    install(installer, target.top / "bin" / "python", ["needed==1.0", *requirements], "--find-links", links)


def test_pip_and_uv_see_what_instui_installed(venv: MakeVenv, links: Path) -> None:
    target = venv()
    by("instui", target, links, "some-tool==1.0")
    there = {"some-tool": "1.0", "needed": "1.0"}
    verify(target.top, target.site, there)
    assert "No broken requirements" in pip(target, "check")
    listed = json.loads(pip(target, "list", "--format", "json"))
    assert {entry["name"].lower(): entry["version"] for entry in listed} == there
    assert "bin/some-tool" in pip(target, "show", "--files", "some-tool")


@pytest.mark.parametrize("remover", OTHERS)
def test_pip_and_uv_remove_what_instui_installed(remover: str, venv: MakeVenv, links: Path) -> None:
    target = venv()
    empty = set(tree(target.top))
    by("instui", target, links, "some-tool==1.0")
    if remover == "pip":
        pip(target, "uninstall", "--yes", "some-tool", "needed")
    else:
        uv("pip", "uninstall", "--python", target.top / "bin" / "python", "some-tool", "needed")
    left = {path for path in set(tree(target.top)) - empty if not (target.top / path).is_dir()}
    assert left == set()


def test_instui_sees_and_removes_what_pip_and_uv_installed(venv: MakeVenv, links: Path, run_instui: Run) -> None:
    for installer in OTHERS:
        target = venv()
        empty = set(tree(target.top))
        by(installer, target, links, "some-tool==1.0")
        assert "all whole" in ok(run_instui("doctor", "--python", target.top))
        same = run_instui(
            *("install", "--python", target.top, "--no-index", "--find-links", links, "some-tool==1.0", "needed")
        )
        assert "nothing to do" in ok(same)
        ok(run_instui("uninstall", "--python", target.top, "some-tool", "needed"))
        left = {path for path in set(tree(target.top)) - empty if not (target.top / path).is_dir()}
        assert left == set()


def test_each_upgrades_what_another_installed(venv: MakeVenv, links: Path) -> None:
    for first, second in (("instui", "pip"), ("instui", "uv"), ("pip", "instui"), ("uv", "instui")):
        target = venv()
        by(first, target, links, "some-tool==1.0")
        by(second, target, links, "some-tool==2.0")
        assert installed(target.site) == {"some-tool": "2.0", "needed": "1.0"}, (first, second)
        assert complete(target.site, "some_tool-2.0")
        assert unlisted(target.site) == []
        assert (target.site / "space" / "two.py").exists()


def test_instui_mends_what_pip_and_uv_installed(venv: MakeVenv, links: Path, run_instui: Run) -> None:
    for installer in OTHERS:
        target = venv()
        by(installer, target, links, "some-tool==1.0")
        (target.site / "tool" / "v1.py").write_text("changed")
        assert run_instui("doctor", "--python", target.top).returncode == 1
        ok(
            run_instui(
                *("install", "--python", target.top, "--no-index", "--find-links", links),
                *("--no-deps", "--reinstall", "some-tool==1.0"),
            )
        )
        assert "all whole" in ok(run_instui("doctor", "--python", target.top))


def test_uv_syncs_a_project_that_instui_installed(
    make_venv: Callable[[Path], Venv], tmp_path: Path, links: Path, run_instui: Run
) -> None:
    """What the lock names stays as it is, what it does not name goes, what is missing comes."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "small"\nversion = "0"\nrequires-python = ">=3.9"\ndependencies = ["some-tool==2.0"]\n'
        "[tool.uv]\npackage = false\n"
    )
    target = make_venv(project / ".venv")
    build_wheel(links, "stranger", "1.0", {"stranger.py": b""})
    by("instui", target, links, "stranger", "some-tool==2.0")
    kept = (target.site / "tool" / "__init__.py").stat().st_ino
    offline = ("--offline", "--no-index", "--find-links", links, "--project", project)
    env = {"UV_PROJECT_ENVIRONMENT": str(target.top)}
    uv("sync", "--quiet", "--python", target.top / "bin" / "python", *offline, env=env)
    assert installed(target.site) == {"some-tool": "2.0", "needed": "1.0"}
    assert (target.site / "tool" / "__init__.py").stat().st_ino == kept
    assert "all whole" in ok(run_instui("doctor", "--python", target.top))
