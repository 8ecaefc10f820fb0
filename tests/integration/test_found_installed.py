"""Installed distributions that others made, or that cannot be read: told as they are, never replaced in silence."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.journal.events import DistributionRemoved, Warned
from support.cli import as_anybody, error_line, everything, ok
from support.environments import Venv
from support.wheelsmith import build_wheel

FLAGS = ("--no-fsync", "--ui", "plain")


@pytest.fixture
def target(venv: Callable[[], Venv], tmp_path: Path) -> Venv:
    found = venv()
    found.put(build_wheel(tmp_path, "foo", "1.0", {"foo/__init__.py": b"1", "foo/old.py": b"1"}))
    return found


def _without_record(target: Venv, installer: str) -> Path:
    info = target.site / "foo-1.0.dist-info"
    (info / "RECORD").unlink()
    (info / "INSTALLER").write_text(f"{installer}\n")
    return info


@pytest.mark.parametrize("installer", ["debian", "conda", "rpm"])
def test_what_another_manager_keeps_without_a_record_is_neither_replaced_nor_removed(
    target: Venv, tmp_path: Path, run_instui: Run, installer: str
) -> None:
    _without_record(target, installer)
    before = everything(target.site)
    new = build_wheel(tmp_path, "foo", "2.0", {"bar.py": b"2"})
    for words in (["install", "--no-deps", str(new)], ["uninstall", "foo"]):
        line = error_line(run_instui(*words, *FLAGS, "--python", target.top), 1)
        assert line.startswith(f"foo 1.0 was installed by {installer}, which keeps no RECORD of its files")
        assert f"change it with {installer}" in line
        assert everything(target.site) == before
    same = ("--no-index", "--find-links", tmp_path, "foo==1.0")
    assert "nothing to do" in ok(run_instui("install", *same, *FLAGS, "--python", target.top))


@pytest.mark.parametrize("installer", ["uv", ""])
def test_an_interrupted_install_without_a_record_is_replaced_with_a_word_about_what_stays(
    target: Venv, tmp_path: Path, installer: str
) -> None:
    _without_record(target, installer)
    target.put(build_wheel(tmp_path, "foo", "2.0", {"foo/__init__.py": b"2"}))
    assert "foo 1.0 has no RECORD" in "".join(warned.text for warned in target.lines.of(Warned))
    assert (target.site / "foo/old.py").exists()


def test_an_empty_dist_info_is_replaced_without_a_word(target: Venv, tmp_path: Path) -> None:
    info = target.site / "foo-1.0.dist-info"
    shutil.rmtree(info)
    info.mkdir()
    target.put(build_wheel(tmp_path, "foo", "2.0", {"foo/__init__.py": b"2"}))
    assert target.lines.of(Warned) == []
    assert not info.exists()


def test_files_outside_of_the_environment_stay_and_are_named_and_what_stays_does_not_count(
    target: Venv, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.txt"
    outside.touch()
    (target.site / "dir").mkdir()
    record = target.site / "foo-1.0.dist-info/RECORD"
    text = record.read_text()
    listed = len(text.splitlines())
    record.write_text(f"{text}{outside},,\n{tmp_path}/gone,,\n../../../pyvenv.cfg,,\ndir,,\n")
    target.remove("foo")
    assert [warned.text for warned in target.lines.of(Warned)] == [
        f"foo 1.0 lists files outside of the environment, which stay: {outside}"
    ]
    assert [event.files for event in target.lines.of(DistributionRemoved)] == [listed]
    assert outside.exists()
    assert (target.top / "pyvenv.cfg").exists()


@pytest.mark.parametrize("closed", ["RECORD", "METADATA", "INSTALLER", "", "../foo", ".."])
def test_what_cannot_be_read_is_one_line_and_never_a_wrong_claim(
    target: Venv, tmp_path: Path, clean_environ: dict[str, str], closed: str
) -> None:
    program = as_anybody()
    if program is None:
        pytest.skip("root cannot give up its capabilities here")
    place = Path(os.path.normpath(target.site / "foo-1.0.dist-info" / closed))
    new = build_wheel(tmp_path, "foo", "2.0", {"foo/__init__.py": b"2"})
    mode = place.stat().st_mode

    def run(*words: object) -> "subprocess.CompletedProcess[str]":
        command = [*program, "-m", "instui", *map(str, words), "--python", str(target.top)]
        return subprocess.run(command, env=clean_environ, capture_output=True, text=True, check=False)

    place.chmod(0)
    try:
        done = run("doctor")
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        assert not [word for word in ("empty", "missing", "modified", "ghost", "unowned") if word in said], said
        if closed != "INSTALLER":
            assert "no permission" in said.lower() or "Permission denied" in said
        if closed in ("RECORD", ""):
            assert "1 not known, the others whole" in said
        assert run("locks").returncode == 0
        for words in (["install", "--no-deps", new, *FLAGS], ["uninstall", "foo", *FLAGS]):
            dry = run(*words, "--dry-run")
            assert "Traceback" not in dry.stdout + dry.stderr
            if closed not in ("METADATA", "INSTALLER"):
                line = error_line(run(*words), 1)
                assert "ermission" in line
                assert "internal" not in line
    finally:
        place.chmod(mode & 0o777)
    assert (target.site / "foo/old.py").exists()


@pytest.mark.parametrize("command", ["uninstall", "install"])
def test_an_egg_info_with_a_list_of_its_files_is_removed_whole(
    venv: Callable[[], Venv], tmp_path: Path, command: str
) -> None:
    target = venv()
    before = everything(target.site)
    info = target.site / "old_one-1.0-py3.11.egg-info"
    info.mkdir()
    (target.site / "old").mkdir()
    outside = tmp_path / "outside"
    for path in (target.site / "old/__init__.py", target.top / "bin/old", info / "top_level.txt", outside):
        path.touch()
    (info / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: old-one\nVersion: 1.0\n")
    files = ["../old/__init__.py", "../../../../bin/old", "PKG-INFO", "top_level.txt", str(outside)]
    (info / "installed-files.txt").write_text("\n".join(files) + "\n")
    if command == "install":
        target.put(build_wheel(tmp_path, "old-one", "2.0", {"new.py": b""}))
        assert not info.exists()
    target.remove("old-one")
    assert everything(target.site) == before
    assert not (target.top / "bin/old").exists()
    assert outside.exists()


def test_an_egg_is_told_and_nothing_is_put_beside_it(target: Venv, tmp_path: Path, run_instui: Run) -> None:
    egg = target.site / "lay_er-1.0-py3.11.egg"
    (egg / "layer").mkdir(parents=True)
    wheel = build_wheel(tmp_path, "lay-er", "2.0", {"layer/__init__.py": b""})
    for words in (["install", "--no-deps", wheel], ["uninstall", "lay.er"]):
        line = error_line(run_instui(*words, *FLAGS, "--python", target.top), 1)
        assert line.startswith(f"lay-er is an egg of easy_install ({egg}), which would stay in the way")
        assert "`pip uninstall lay-er`" in line


def test_a_version_that_is_none_does_not_stop_an_install_by_name(target: Venv, tmp_path: Path, run_instui: Run) -> None:
    (target.site / "distro_info-0.23ubuntu1.egg-info").write_text("Name: distro-info\nVersion: 0.23ubuntu1\n")
    build_wheel(tmp_path, "bar", "1.0", {"bar.py": b""})
    ok(run_instui("install", "--no-index", "--find-links", tmp_path, "bar", *FLAGS, "--python", target.top))
