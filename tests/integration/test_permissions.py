"""A missing permission is found in all existing directories before the first change, and what is closed is named."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support import trees
from support.cli import as_anybody, error_line, everything, ok
from support.environments import Venv
from support.wheelsmith import build_wheel

FLAGS = ("--no-fsync", "--ui", "plain")


@pytest.fixture
def target(venv: Callable[[], Venv], tmp_path: Path) -> Venv:
    found = venv()
    found.put(build_wheel(tmp_path, "foo", "1.0", {"foo/__init__.py": b"1", "foo/sub/old.py": b"1"}))
    return found


@pytest.mark.parametrize("closed", ["foo", "foo/sub", "foo-1.0.dist-info"])
@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_no_permission_for_one_directory_is_found_before_any_wheel_is_committed(
    target: Venv, tmp_path: Path, clean_environ: dict[str, str], closed: str, command: str
) -> None:
    program = as_anybody()
    if program is None:
        pytest.skip("root cannot give up its capabilities here")
    target.put(build_wheel(tmp_path, "aaa", "1.0", {"aaa/__init__.py": b"1"}))
    new = [build_wheel(tmp_path, name, "2.0", {f"{name}/__init__.py": b"2"}) for name in ("aaa", "foo")]
    words = ["install", "--no-deps", *map(str, new)] if command == "install" else ["uninstall", "aaa", "foo"]
    place = target.site / closed
    place.chmod(0o555)
    before = everything(target.site)

    def run(*more: str) -> "subprocess.CompletedProcess[str]":
        full = [*program, "-m", "instui", *words, *more, *FLAGS, "--python", str(target.top)]
        return subprocess.run(full, env=clean_environ, capture_output=True, text=True, check=False)

    try:
        line = error_line(run(), 1)
        assert line.startswith(f"no permission to change {place}, as foo ")
        assert line.endswith("; nothing was changed")
        assert everything(target.site) == before
        if command == "install":
            return  # a dry run may not know what is in a wheel file that was written just now
        dry = run("--dry-run")
        assert "would " in ok(dry)
        assert f"no permission to change {place}" in dry.stderr + dry.stdout
    finally:
        place.chmod(0o755)


@pytest.mark.needs("root")
def test_files_of_others_in_a_sticky_directory_are_found_before(
    target: Venv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (target.site / "foo").chmod(0o1777)
    wheel = build_wheel(tmp_path, "foo", "2.0", {"foo/__init__.py": b"2"})
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    outcome = target.install(wheel)
    assert outcome.error.startswith(f"no permission to change {target.site}/foo/")
    os.chown(target.site / "foo/__init__.py", 1234, 1234)
    os.chown(target.site / "foo/sub", 1234, 1234)
    target.put(wheel)


def _immutable(place: Path, on: bool) -> None:
    if subprocess.run(["chattr", "+i" if on else "-i", place], capture_output=True, check=False).returncode:
        pytest.skip("chattr does not work here")


@pytest.mark.needs("root")
def test_an_immutable_directory_is_found_before_and_an_immutable_file_is_named(target: Venv, tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path, "foo", "2.0", {"foo/__init__.py": b"2"})
    (target.site / "foo" / "mine.txt").touch()  # so that foo is changed file by file
    for place, says in (
        (target.site / "foo", f"no permission to change {target.site}/foo, as foo 2.0 needs"),
        (target.site / "foo/__init__.py", "foo/__init__.py: Operation not permitted); what was begun is undone"),
    ):
        before = everything(target.site)
        _immutable(place, True)
        try:
            outcome = target.install(wheel)
        finally:
            _immutable(place, False)
        assert says in outcome.error
        assert everything(target.site) == before


def test_an_immutable_file_of_a_directory_that_goes_as_a_whole_stays_in_the_stage_until_it_can_go(
    target: Venv, tmp_path: Path
) -> None:
    _immutable(target.site / "foo/__init__.py", True)
    try:
        target.put(build_wheel(tmp_path, "foo", "2.0", {"foo/__init__.py": b"2"}))
        assert trees.complete(target.site, "foo-2.0")
        (left,) = (target.top / ".instui" / "stage").rglob("__init__.py")
    finally:
        for path in target.top.rglob("__init__.py"):
            _immutable(path, False)
    target.put(build_wheel(tmp_path, "other", "1.0", {"other.py": b""}))
    assert not left.exists()


@pytest.mark.parametrize("closed", ["from", "to"])
def test_a_refused_rename_names_the_directory_that_is_closed(tmp_path: Path, closed: str) -> None:
    program = as_anybody()
    if program is None:
        pytest.skip("root cannot give up its capabilities here")
    for name in ("from", "to"):
        (tmp_path / name).mkdir()
    (tmp_path / "from/file").touch()
    (tmp_path / closed).chmod(0o555)
    text = (
        "import sys\nfrom instui_engine.fs.dirfd import DirfdTree\n"
        "try: DirfdTree(sys.argv[1]).rename('from/file', 'to/file')\n"
        "except OSError as error: print(error.filename)\n"
    )
    done = subprocess.run([*program, "-c", text, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == closed
