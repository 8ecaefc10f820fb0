"""Builds that fail, and builds that must not be."""

import errno
import os
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.errors import BuildError
from instui_engine.journal.events import BuildProgress, WheelFailed
from instui_engine.resolve.source import Building
from instui_engine.session.session import JOURNALS_KEPT, Session
from support.builds import Builds
from support.cli import error_line, everything, installed, ok
from support.environments import Venv
from support.projects import make_tree
from support.wheelsmith import build_wheel

pytest_plugins = ("support.build_fixtures",)


def test_a_failed_build_is_one_line_and_a_log(run_instui: Run, target: Venv, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "one", "one", during="print('first line')\nraise RuntimeError('it \\x1b[31mbroke')\n")
    before = everything(target.top)
    done = run_instui("install", "--no-fsync", "--python", target.top, "--no-index", tree, "--ui", "none")
    line = error_line(done, 1)
    problem, _, log = line.partition("; its output is in ")
    assert problem == "one could not be built: RuntimeError: it broke"
    assert "first line\n" in Path(log).read_text()
    assert "\x1b" not in line
    after = everything(target.top)
    assert {path for path in after.keys() - before.keys() if not path.startswith(".instui")} <= {".lock"}
    assert Path(log).with_name(f"{Path(log).name.partition('.')[0]}.jsonl").exists()


def test_a_build_that_fails_while_uv_decides_is_one_line_and_a_log(
    run_instui: Run, target: Venv, tmp_path: Path
) -> None:
    tree = make_tree(tmp_path / "one", "one")
    (tree / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    )
    (tree / "backend.py").write_text("import absent_module\n")
    done = run_instui("install", "--no-fsync", "--python", target.top, "--no-index", tree, "--ui", "none")
    problem, _, log = error_line(done, 1).partition("; its output is in ")
    assert problem == "one could not be built: ModuleNotFoundError: No module named 'absent_module'"
    assert "Traceback" in Path(log).read_text()
    assert Path(log).with_name(f"{Path(log).name.partition('.')[0]}.jsonl").exists()


def test_a_failed_build_is_told_once(run_instui: Run, target: Venv, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "one", "one", during="raise RuntimeError('it broke')\n")
    for quiet in ([], ["-q"]):
        done = run_instui("install", "--no-fsync", "--python", target.top, "--no-index", tree, *quiet)
        assert "it broke" in error_line(done, 1)
        assert "it broke" not in done.stdout
        assert not (quiet and done.stdout)


def test_the_output_of_a_build_cannot_control_a_terminal(builds: Builds, tmp_path: Path) -> None:
    said = "print('\\x1b]0;title\\x07\\x1b[2J\\u202eevil [b]x[/b]', flush=True)\n"
    builds.put(make_tree(tmp_path / "one", "one", during=f"{said}import time\ntime.sleep(0.5)\n"))
    lines = [event.line for event in builds.lines.of(BuildProgress)]
    assert any(line.endswith("evil [b]x[/b]") for line in lines)
    assert all(line.isprintable() for line in lines)


def test_a_failure_is_told_before_anything_is_written(builds: Builds, target: Venv, tmp_path: Path) -> None:
    good = build_wheel(tmp_path, "good", "1.0", {"good.py": b""})
    outcome = builds.install(good, make_tree(tmp_path / "bad", "bad", during="raise SystemExit('no')\n"))
    assert isinstance(outcome.failure, BuildError)
    assert outcome.failure.wheel == "bad"
    assert Path(outcome.failure.log).read_text()
    assert [event.wheel for event in builds.lines.of(WheelFailed)] == ["bad"]
    assert not installed(target.site)


def test_logs_go_with_their_journals(builds: Builds, target: Venv, tmp_path: Path) -> None:
    builds.put(make_tree(tmp_path / "one", "one"))
    (log,) = (target.top / ".instui" / "sessions").glob("*.one.log")
    wheel = build_wheel(tmp_path, "two", "1.0", {})
    for number in range(JOURNALS_KEPT):
        (log.parent / f"30000101-000000-{number}.jsonl").touch()
    target.put(wheel)
    assert not log.exists()


def test_logs_give_way_on_a_full_disk_with_their_journals(builds: Builds, target: Venv, tmp_path: Path) -> None:
    builds.put(make_tree(tmp_path / "one", "one"))
    (log,) = (target.top / ".instui" / "sessions").glob("*.one.log")
    session = Session(target.environment, "30000101-000000-1")

    def make() -> None:
        if log.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    session.with_room(make)
    assert not list(log.parent.iterdir())


@pytest.mark.parametrize(
    ("building", "why"),
    [
        (Building(no_build=True), "--no-build"),
        (Building(only_binary=("One",)), "--only-binary one"),
        (Building(only_binary=(":all:",)), "--only-binary :all:"),
    ],
)
def test_nothing_is_built_against_the_users_will(
    builds: Builds, target: Venv, tmp_path: Path, building: Building, why: str
) -> None:
    tree = make_tree(tmp_path / "one", "one")
    outcome = builds.install(tree, building=building)
    assert outcome.exit_code == 1
    assert why in outcome.error
    assert not installed(target.site)
    builds.put(building=building._replace(editables=(str(tree),)))  # as uv allows it


def test_a_list_cannot_name_sources(run_instui: Run, target: Venv, tmp_path: Path) -> None:
    make_tree(tmp_path / "one", "one")
    (tmp_path / "list.txt").write_text("./one\n")
    done = run_instui("install-many", "list.txt", "--no-index", "--python", target.top, "--ui", "none", cwd=tmp_path)
    assert "has to be built" in error_line(done, 1)


def test_a_dry_run_builds_nothing(run_instui: Run, target: Venv, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    tree = make_tree(tmp_path / "one", "one", counter=counter)
    output = ok(run_instui("install", "--dry-run", "--no-index", "--python", target.top, tree))
    assert f"  one, to be built from {tree}\n" in output
    assert not counter.exists()
