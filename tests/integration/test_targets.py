"""`--target` and `--prefix`: the layouts of uv, and one tree of locks where a target lies in an environment."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from support.cli import ok, uv
from support.environments import Venv, read_journal
from support.trees import complete, tree
from support.wheelsmith import build_wheel

_OWN = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json")


def make(place: Path) -> Path:
    place.mkdir(exist_ok=True)
    return build_wheel(
        place,
        "tool",
        "1.0",
        {"tool/__init__.py": b"def main(): print('runs')\n", "tool/data.txt": b"x", "single.py": b""},
        data={
            "data/etc/tool.conf": b"",
            "scripts/script": b"#!python\nprint('script')\n",
            "headers/tool.h": b"",
            "platlib/plat.py": b"",
        },
        entry_points="[console_scripts]\ntool = tool:main\n",
    )


def layout(top: Path) -> dict[str, str]:
    """What lies there, without what an installer writes of itself; of commands only that they are there."""
    found = {}
    for path, what in tree(top).items():
        if what != "directory" and not path.endswith(_OWN):
            found[path] = "command" if path.startswith("bin/") else what
    return found


@pytest.mark.parametrize("option", ["--target", "--prefix"])
def test_the_layout_is_that_of_uv(option: str, venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> None:
    python = venv().top
    wheel = make(tmp_path / "wheels")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ok(run_instui("install", "--no-deps", "--python", python, option, ours, wheel))
    uv(
        "pip",
        "install",
        "--offline",
        "--no-index",
        "--no-deps",
        "--python",
        python / "bin/python",
        option,
        theirs,
        wheel,
    )
    assert layout(ours) == layout(theirs)
    site = next(ours.rglob("tool-1.0.dist-info")).parent
    assert complete(site, "tool-1.0")


@pytest.mark.parametrize("option", ["--target", "--prefix"])
def test_the_environment_itself_gets_nothing(
    option: str, venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    before = tree(target.top)
    ok(
        run_instui(
            "install", "--no-deps", "--python", target.top, option, tmp_path / "there", make(tmp_path / "wheels")
        )
    )
    assert tree(target.top) == before
    assert not (target.top / ".instui").exists()


def test_a_relative_target_is_of_the_current_directory(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    arguments = ("install", "--no-deps", "--python", venv().top, "--target", "vendor/deep", make(tmp_path / "wheels"))
    ok(run_instui(*arguments, cwd=tmp_path))
    assert complete(tmp_path / "vendor" / "deep", "tool-1.0")


def test_a_target_is_upgraded_and_left_alone_like_an_environment(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    arguments = ("install", "--no-deps", "--python", venv().top, "--target", tmp_path / "there")
    wheel = make(tmp_path / "wheels")
    ok(run_instui(*arguments, wheel))
    assert "already installed" in ok(run_instui(*arguments, wheel))
    ok(run_instui(*arguments, build_wheel(tmp_path, "tool", "2.0", {"tool/new.py": b""})))
    there = tmp_path / "there"
    assert complete(there, "tool-2.0")
    assert set(layout(there)) == {
        "tool/new.py", "tool-2.0.dist-info/METADATA", "tool-2.0.dist-info/WHEEL"
    }  # fmt: skip


def test_a_target_within_an_environment_shares_its_locks_and_sessions(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    there = target.site / "vendored"
    ok(run_instui("install", "--no-deps", "--python", target.top, "--target", there, make(tmp_path / "wheels")))
    assert complete(there, "tool-1.0")
    assert not (there / ".instui").exists()
    assert not (there / ".lock").exists()
    assert len(target.journals()) == 1
    assert read_journal(target.journals()[0]).events


def test_the_target_of_a_link_is_where_it_leads(venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    arguments = ("install", "--no-deps", "--python", venv().top, make(tmp_path / "wheels"))
    ok(run_instui(*arguments, "--target", tmp_path / "link"))
    assert complete(tmp_path / "real", "tool-1.0")
    assert (tmp_path / "link").is_symlink()


def test_the_nearest_and_the_active_environment_are_found(
    make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    near, active = make_venv(tmp_path / "project" / ".venv"), make_venv(tmp_path / "active")
    wheel = make(tmp_path / "wheels")
    inside = tmp_path / "project" / "src" / "deep"
    inside.mkdir(parents=True)
    ok(run_instui("install", "--no-deps", wheel, cwd=inside))
    assert complete(near.site, "tool-1.0")
    assert not (active.site / "tool-1.0.dist-info").exists()
    ok(run_instui("install", "--no-deps", wheel, cwd=inside, env={"VIRTUAL_ENV": str(active.top)}))
    assert complete(active.site, "tool-1.0")


def test_an_environment_named_by_its_interpreter_or_by_a_link_is_the_same(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    wheel = make(tmp_path / "wheels")
    (tmp_path / "link").symlink_to(target.top)
    ok(run_instui("install", "--no-deps", "--python", target.top / "bin" / "python", wheel))
    for name in (tmp_path / "link", tmp_path / "link" / "bin" / "python3", os.path.relpath(target.top, tmp_path)):
        assert "already installed" in ok(run_instui("install", "--no-deps", "--python", name, wheel, cwd=tmp_path))
