"""Two versions in one environment: recorded ones are settled, newer ones are refused, and they exclude each other."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run, Start
from instui_engine.commit import commit
from instui_engine.commit.commit import Commit
from instui_engine.journal.events import CommitFinished, LockGranted, WaitFinished, WaitStarted
from instui_engine.locks.layout import LAYOUT
from support import trees
from support.cli import error_line, installed, ok
from support.environments import Venv, one_by_one, read_journal, until
from support.layouts import restore
from support.wheelsmith import build_wheel

RECORDED = sorted((Path(__file__).parent / "layouts").glob("*.tar.gz"))


@pytest.fixture
def wheels(tmp_path: Path) -> list[Path]:
    return [build_wheel(tmp_path, name, "1.0", {f"{name}/m.py": name.encode()}) for name in ("one", "two", "three")]


def newer_record(top: Path, name: str) -> Path:
    """A record of a later format, of a session that is dead."""
    record = top / ".instui" / "records" / "20990101-000000-1-abcd.0.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    claims = [[f"@{name}", f"lib/{name}"], [".", "lib"]]
    head = {
        "format": 3,
        "session": "20990101-000000-1-abcd",
        "order": 0,
        "name": name,
        "version": "9",
        "claims": claims,
    }
    record.write_text(json.dumps({**head, "groups": [["something", "new"]]}))
    return record


@pytest.mark.parametrize("archive", RECORDED, ids=lambda path: path.name.partition(".")[0])
def test_what_a_killed_session_of_an_earlier_layout_left_is_completed(
    archive: Path, venv: Callable[[], Venv], tmp_path: Path, wheels: list[Path], run_instui: Run
) -> None:
    python, top = venv().top, tmp_path / "recorded"
    restore(archive, top)
    assert "pkg-1.0.dist-info" not in trees.distributions(top)
    place = ("--python", python, "--target", top)
    output = ok(run_instui("install", "--no-deps", "--ui", "plain", *place, wheels[0]))
    assert "pkg 2.0" in output
    assert installed(top) == {"other": "1.0", "pkg": "2.0", "one": "1.0"}
    assert trees.complete(top, "pkg-2.0")
    assert not (top / "pkg" / "old.py").exists()
    assert not any((top / ".instui" / "records").glob("*"))
    ok(run_instui("uninstall", "--ui", "plain", *place, "pkg"))
    assert (top / "shared" / "api.py").read_text() == "# shared of other\n"  # kept by the earlier version
    assert trees.complete(top, "other-1.0")


@pytest.mark.parametrize("archive", RECORDED, ids=lambda path: path.name.partition(".")[0])
def test_it_is_undone_where_it_cannot_be_completed(
    archive: Path, venv: Callable[[], Venv], tmp_path: Path, wheels: list[Path], run_instui: Run
) -> None:
    python, top = venv().top, tmp_path / "recorded"
    restore(archive, top)
    (top / "pkg" / "sub").mkdir()
    (top / "pkg" / "sub" / "new.py").write_text("somebody's")
    ok(run_instui("install", "--no-deps", "--ui", "plain", "--python", python, "--target", top, wheels[0]))
    assert installed(top) == {"other": "1.0", "pkg": "1.0", "one": "1.0"}
    assert trees.complete(top, "pkg-1.0")
    assert (top / "pkg" / "sub" / "new.py").read_text() == "somebody's"


def test_a_record_of_a_newer_version_stands_in_the_way_of_its_claims_alone(
    venv: Callable[[], Venv], wheels: list[Path], run_instui: Run
) -> None:
    target = venv()
    record = newer_record(target.top, "one")
    place = ("--ui", "plain", "--python", target.top)
    done = run_instui("install", "--no-deps", *place, wheels[1])
    assert done.returncode == 0
    assert "newer version of instui was killed while it changed one 9" in done.stdout
    assert "newer version" in error_line(run_instui("install", "--no-deps", *place, wheels[0]), 1)
    assert installed(target.site) == {"two": "1.0"}
    assert record.exists()
    shown = run_instui("doctor", "--python", target.top)
    assert shown.returncode == 1
    assert "one 9" in shown.stdout


@pytest.mark.parametrize("command", ["install", "uninstall", "repair"])
def test_an_environment_of_a_newer_layout_is_refused_in_one_line(
    command: str, venv: Callable[[], Venv], wheels: list[Path], run_instui: Run
) -> None:
    target = venv()
    target.put(wheels[0])
    newer_record(target.top, "one")
    (target.top / ".instui" / "layout").write_text(f"{LAYOUT + 1}\n")
    before = trees.tree(target.top)
    arguments = {
        "install": ("install", "--no-deps", wheels[1], "--ui", "plain"),
        "uninstall": ("uninstall", "one", "--ui", "plain"),
        "repair": ("doctor", "--repair"),
    }[command]
    done = run_instui(*arguments, "--python", target.top)
    assert done.returncode == 1
    assert f"newer version of instui (layout {LAYOUT + 1}, this one has {LAYOUT})" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert trees.differences(trees.tree(target.top), before) == []


def test_a_session_stops_between_two_wheels_when_a_newer_version_takes_over(
    venv: Callable[[], Venv], wheels: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = venv()
    one_by_one(monkeypatch)
    transact = Commit._transact

    def overtaken(self: Commit, *arguments: object) -> None:
        transact(self, *arguments)  # type: ignore[arg-type]
        (target.top / ".instui" / "layout").write_text(f"{LAYOUT + 1}\n")

    monkeypatch.setattr(Commit, "_transact", overtaken)
    outcome = target.install(*wheels, jobs=1)
    assert outcome.exit_code == 1
    assert "newer version" in outcome.error
    assert installed(target.site) == {"one": "1.0"}
    assert trees.complete(target.site, "one-1.0")


def test_a_group_begins_in_no_layout_but_its_own(
    venv: Callable[[], Venv], wheels: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer version has taken over just before it has the whole environment."""
    target, enter = venv(), commit.enter_layout

    def overtaken(*arguments: object) -> None:
        enter(*arguments)  # type: ignore[arg-type]
        (target.top / ".instui" / "layout").write_text(f"{LAYOUT + 1}\n")

    monkeypatch.setattr(commit, "enter_layout", overtaken)
    outcome = target.install(*wheels)
    assert outcome.exit_code == 1
    assert "newer version" in outcome.error
    assert installed(target.site) == {}
    assert trees.unlisted(target.site) == []


# Layout 1, as far as locks go: one file for each claimed path, and no number.
_OLDER = """
import sys
from instui_engine.locks import claims, layout, lock_files, names

layout.LAYOUT = 1
lock_files.lock_name = lambda path: names.TOP_FILE if path == "." else names.file_name(path)
claims.bucket_of = lambda path: 0
from instui.cli.main import run
sys.exit(run())
"""

# A version to come: it has the next layout, and its locks are still those of this one.
_NEWER = """
import sys
from instui_engine.locks import layout
from instui.cli.main import run

layout.LAYOUT += 1
sys.exit(run())
"""


def command(code: str, target: Venv, *arguments: object) -> list[str]:
    where = ["--no-deps", "--ui", "plain", "--python", target.top, "--cache-dir", target.cache]
    return [sys.executable, "-c", code, "install", *map(str, (*where, *arguments))]


def test_a_newer_version_waits_for_the_commits_of_an_older_one_and_then_keeps_it_out(
    venv: Callable[[], Venv], wheels: list[Path], start_instui: Start, clean_environ: dict[str, str]
) -> None:
    target = venv()
    target.put(wheels[2])
    older = start_instui(target, "--slow", 80, "--jobs", 1, *wheels[:2])
    older.wait_for(LockGranted, "one")
    journals = set(target.journals())
    arguments = command(_NEWER, target, "--reinstall", wheels[2])
    newer = subprocess.run(arguments, env=clean_environ, capture_output=True, text=True, timeout=60, check=False)
    assert (newer.returncode, newer.stderr) == (0, "")
    code, errors = older.finish()
    assert code == 1
    assert "newer version of instui" in errors
    assert older.lines.of(CommitFinished, "one") and not older.lines.of(CommitFinished, "two")
    (journal,) = set(target.journals()) - journals
    assert "older" in {wait.what for wait in read_journal(journal).of(WaitStarted)}
    assert ("", "older", ".") in {over[:3] for over in read_journal(journal).of(WaitFinished)}
    assert (target.top / ".instui" / "layout").read_text() == f"{LAYOUT + 1}\n"
    assert installed(target.site) == {"one": "1.0", "three": "1.0"}


def test_layout_1_is_entered_when_its_commits_are_over_and_its_lock_files_go(
    venv: Callable[[], Venv], wheels: list[Path], clean_environ: dict[str, str], run_instui: Run
) -> None:
    target = venv()
    arguments = command(_OLDER, target, "--slow", 80, "--jobs", 1, *wheels[:2])
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, env=clean_environ, stdout=pipe, stderr=pipe, text=True) as older:
        (journal,) = until(target.journals, older)
        until(lambda: read_journal(journal).of(LockGranted, "one"), older)
        locks = target.top / ".instui" / "locks"
        assert (locks / "@one").exists()
        assert not (target.top / ".instui" / "layout").exists()
        here = ("--python", target.top)
        ok(run_instui("install", "--no-deps", "--ui", "plain", *here, wheels[2]))
        _, errors = older.communicate(timeout=60)
    assert older.returncode == 1
    assert f"newer version of instui (layout {LAYOUT}, this one has 1)" in errors
    lines = read_journal(journal)
    assert lines.of(CommitFinished, "one") and not lines.of(CommitFinished, "two")
    assert installed(target.site) == {"one": "1.0", "three": "1.0"}
    assert (target.top / ".instui" / "layout").read_text() == f"{LAYOUT}\n"
    ok(run_instui("install", "--no-deps", "--reinstall", "--ui", "plain", *here, wheels[2]))
    assert not [name for name in os.listdir(locks) if name.endswith("one")]


def test_a_number_that_a_power_cut_has_emptied_is_written_again(venv: Callable[[], Venv], wheels: list[Path]) -> None:
    target = venv()
    target.put(wheels[0])
    (target.top / ".instui" / "layout").write_text("")
    target.put(wheels[1])
    assert (target.top / ".instui" / "layout").read_text() == f"{LAYOUT}\n"
