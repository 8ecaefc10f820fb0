"""`.instui` among several users: it is as open as the environment, and what is closed ends in one line."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.target.private import share
from support.cli import as_anybody, error_line, everything, ok
from support.environments import Venv
from support.wheelsmith import build_wheel

FLAGS = ("--no-fsync", "--ui", "plain")


@pytest.mark.parametrize("mode", [0o755, 0o775, 0o1777])
def test_its_directories_are_as_open_as_the_environment_whatever_the_umask(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run, mode: int
) -> None:
    target = venv()
    target.top.chmod(mode)
    wheel = build_wheel(tmp_path, "pkg", "1.0", {"pkg.py": b""})
    ok(
        run_instui(
            "install", "--no-deps", *FLAGS, "--python", target.top, wheel, preexec_fn=lambda: os.umask(0o077) and None
        )
    )
    private = target.top / ".instui"
    made = [private, *(place for place in private.iterdir() if place.is_dir())]
    assert {place.name for place in made} >= {".instui", "sessions", "locks", "records"}
    assert {place.name: place.stat().st_mode & 0o1777 for place in made} == {place.name: mode for place in made}


@pytest.mark.needs("root")
@pytest.mark.parametrize("closed", ["", "sessions", "locks", "records"])
def test_one_that_is_closed_to_this_user_is_one_line_and_what_can_be_read_is_shown(
    venv: Callable[[], Venv], tmp_path: Path, clean_environ: dict[str, str], run_instui: Run, closed: str
) -> None:
    program = as_anybody()
    assert program is not None
    target = venv()
    wheel = build_wheel(tmp_path, "pkg", "1.0", {"pkg.py": b""})
    ok(run_instui("install", "--no-deps", *FLAGS, "--python", target.top, wheel))
    place = target.top / ".instui" / closed
    os.chown(place, 1234, 1234)
    place.chmod(0o700)
    before = everything(target.top)

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        command = [*program, "-m", "instui", *map(str, arguments), "--python", str(target.top)]
        return subprocess.run(command, env=clean_environ, capture_output=True, text=True, check=False)

    for command in (("install", "--no-deps", "--reinstall", wheel), ("uninstall", "pkg")):
        line = error_line(run(*command, *FLAGS), 1)
        assert line.startswith(f"no permission to write to {place}".rstrip("/"))
        assert "chmod -R" in line
    assert "would remove 1 distribution" in ok(run("uninstall", "--dry-run", "pkg"))
    said = ok(run("doctor"))
    assert "no permission to read it" in said
    assert "files: all whole" in said
    shown = run("locks")
    assert "no lock is held" in shown.stdout
    if closed != "records":
        assert "no permission to read" in error_line(shown, 1)
    assert everything(target.top) == before


def test_one_that_is_no_directory_is_refused_before_anything_is_made(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    wheel = build_wheel(tmp_path, "pkg", "1.0", {"pkg.py": b""})
    (tmp_path / "elsewhere").mkdir()
    for make in (
        Path.touch,
        lambda path: path.symlink_to(tmp_path / "elsewhere"),
        lambda path: path.symlink_to("nowhere"),
    ):
        target = venv()
        make(target.top / ".instui")  # type: ignore[operator]
        before = everything(target.top)
        line = error_line(run_instui("install", "--no-deps", *FLAGS, "--python", target.top, wheel), 1)
        assert ".instui is not a directory" in line
        assert everything(target.top) == before
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_directory_that_is_replaced_by_a_link_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may write to the environment could have root open a directory of its own."""
    private, closed = tmp_path / "top" / ".instui", tmp_path / "closed"
    private.mkdir(parents=True)
    (tmp_path / "top").chmod(0o777)
    closed.mkdir(0o700)
    kept = private / "kept"
    kept.mkdir(0o700)
    looked = os.lstat

    def replaced(path: Path) -> os.stat_result:
        status = looked(path)
        if path == kept and not kept.is_symlink():
            kept.rmdir()
            kept.symlink_to(closed)
        return status

    monkeypatch.setattr(os, "lstat", replaced)
    share(private)
    replaced(kept)
    share(private)
    assert closed.stat().st_mode & 0o777 == 0o700
    assert private.stat().st_mode & 0o777 == 0o777
