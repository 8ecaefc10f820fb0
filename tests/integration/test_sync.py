"""`instui sync`: removals and installs as one plan, and nothing removed before all is known."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.commands.install import Pipeline
from instui_engine.commands.sync import sync
from instui_engine.errors import TargetError
from instui_engine.journal.events import StageStarted
from instui_engine.resolve import exact
from instui_engine.resolve.request import Request
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.target.installed import scan
from support import trees
from support.cli import error_line, everything, installed, ok
from support.environments import Venv
from support.wheelsmith import build_wheel

PLAIN = ("--no-fsync", "--ui", "plain")


def _listing(place: Path, *wheels: Path) -> Path:
    file = place / "listed.txt"
    file.write_text("".join(f"{wheel}\n" for wheel in wheels))
    return file


def _sync(run: Run, target: Venv, file: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return run("sync", *PLAIN, "--no-index", "--python", target.top, file, *words)


def test_nothing_is_removed_if_one_wheel_is_bad(venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> None:
    old = build_wheel(tmp_path, "old", "1", {"old.py": b""})
    good = build_wheel(tmp_path, "good", "1", {"good.py": b""})
    bad = build_wheel(tmp_path, "bad", "1", {"bad.py": b"x" * 1000})
    data = bytearray(bad.read_bytes())
    place = data.index(b"bad.py") + 60
    data[place : place + 4] = b"\0\0\0\0"
    bad.write_bytes(bytes(data))
    target = venv()
    target.put(old)
    before = trees.tree(target.top)
    done = _sync(run_instui, target, _listing(tmp_path, good, bad))
    assert "bad" in error_line(done, 1)
    assert trees.differences(trees.tree(target.top), before) == []


def test_a_file_of_what_goes_is_no_conflict_and_leaves_no_backup(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    old = build_wheel(tmp_path, "old", "1", {"shared/a.py": b"old", "shared/b.py": b"old", "single.py": b"old"})
    new = build_wheel(tmp_path, "new", "1", {"shared/a.py": b"new", "single.py": b"new"})
    target = venv()
    target.put(old)
    said = ok(_sync(run_instui, target, _listing(tmp_path, new), "--fail-on-conflict"))
    assert "conflict" not in said and "overwrote" not in said
    assert trees.wrong_rows(target.site, "new-1") == []
    assert trees.unlisted(target.site) == []
    assert not os.listdir(target.top / ".instui" / "kept") if (target.top / ".instui" / "kept").exists() else True


def test_what_goes_only_after_the_wheel_has_come_is_in_its_way(venv: Callable[[], Venv], tmp_path: Path) -> None:
    target = venv()
    target.put(build_wheel(tmp_path, "later", "1", {"shared/a.py": b"old", "later.py": b""}))
    first = build_wheel(tmp_path, "first", "1", {"shared": b"a file"})
    outcome = target.install(first, build_wheel(tmp_path, "later", "2", {"later.py": b"2"}))
    assert "shared is a file of first 1 and a directory of later 1" in outcome.error
    assert target.lines.of(StageStarted) == []


@pytest.mark.parametrize("first", ["goes", "stays"])
def test_what_stays_is_whole_whoever_had_overwritten_whom(
    first: str, venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    wheels = {
        name: build_wheel(tmp_path, name, "1", {"shared/a.py": name.encode(), f"{name}.py": b""})
        for name in ("goes", "stays")
    }
    new = build_wheel(tmp_path, "new", "1", {"shared/c.py": b"new"})
    target = venv()
    for name in sorted(wheels, key=lambda name: name != first):
        target.put(wheels[name])
    ok(_sync(run_instui, target, _listing(tmp_path, wheels["stays"], new)))
    assert installed(target.site) == {"stays": "1", "new": "1"}
    assert trees.wrong_rows(target.site, "stays-1") == []
    assert trees.unlisted(target.site) == []


def test_a_file_that_goes_with_two_distributions_is_no_conflict(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    """Its other owner is upgraded in the same session, so there is nobody whose file it replaces."""
    goes = build_wheel(tmp_path, "goes", "1", {"shared/a.py": b"same"})
    stays = {v: build_wheel(tmp_path, "stays", v, {"shared/a.py": b"same" if v == "1" else b"new"}) for v in "12"}
    target = venv()
    target.put(goes, stays["1"])
    (target.site / "shared" / "mine.txt").write_text("so that the directory does not go as a whole")
    said = ok(_sync(run_instui, target, _listing(tmp_path, stays["2"]), "--fail-on-conflict"))
    assert "conflict" not in said
    assert trees.wrong_rows(target.site, "stays-2") == []
    assert trees.unlisted(target.site) == ["shared/mine.txt"]


@pytest.mark.parametrize(
    ("old", "new"), [({"thing/a.py": b""}, {"thing": b"a file"}), ({"thing": b"a file"}, {"thing/a.py": b""})]
)
def test_a_directory_may_come_where_a_file_goes_and_the_reverse(
    old: dict[str, bytes], new: dict[str, bytes], venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    goes, comes = build_wheel(tmp_path, "goes", "1", old), build_wheel(tmp_path, "comes", "1", new)
    target = venv()
    target.put(goes)
    refused = run_instui("install", *PLAIN, "--no-deps", "--python", target.top, comes)
    assert "cannot be installed together" in error_line(refused, 1)
    ok(_sync(run_instui, target, _listing(tmp_path, comes)))
    assert trees.wrong_rows(target.site, "comes-1") == []


def test_a_dry_run_says_what_comes_and_what_goes_and_writes_nothing(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    old = build_wheel(tmp_path, "old", "1", {"old.py": b""})
    alpha = {version: build_wheel(tmp_path, "alpha", version, {"alpha.py": version.encode()}) for version in "12"}
    target = venv()
    target.put(old, alpha["1"])
    before = everything(target.top)
    file = _listing(tmp_path, alpha["2"])
    said = ok(_sync(run_instui, target, file, "--dry-run")).splitlines()
    assert any(line.startswith("would install 1 wheel, and remove 1 distribution, 7 files (pl") for line in said), said
    assert "  old 1 (to be removed, 7 files)" in said
    assert "  alpha 2 (replaces 1)" in said
    assert everything(target.top) == before
    lines = ok(_sync(run_instui, target, file, "--ui", "json")).splitlines()
    events = [json.loads(line) for line in lines]
    plan = {event["wheel"]: event["replaces"] for event in events if event["event"] == "plan.wheel"}
    assert plan == {"old": "1", "alpha": "1"}
    done = [event["wheel"] for event in events if event["event"] in ("distribution.removed", "commit.finished")]
    assert done == ["old", "alpha", "alpha"]
    page = tmp_path / "report.html"
    ok(run_instui("report", "-o", page, "--python", target.top))
    assert "1 installed; 1 removed" in page.read_text()


def test_a_distribution_that_another_session_upgrades_meanwhile_goes_all_the_same(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = {version: build_wheel(tmp_path, "old", version, {f"old/v{version}.py": b""}) for version in "12"}
    new = build_wheel(tmp_path, "new", "1", {"new.py": b""})
    target = venv()
    target.put(old["1"])
    file = _listing(tmp_path, new)
    stage = Pipeline._stage

    def upgrade_first(self: Pipeline, *arguments: object) -> None:
        monkeypatch.setattr(Pipeline, "_stage", stage)
        target.put(old["2"])
        stage(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Pipeline, "_stage", upgrade_first)
    options = Options(cache=target.cache, fsync=False)
    outcome = sync(Request(requirement_files=(str(file),), no_index=True), target.environment, options)
    assert (outcome.error, sorted(outcome.installed)) == ("", ["new", "old"])
    assert installed(target.site) == {"new": "1"}
    assert trees.unlisted(target.site) == []


def test_it_does_not_remove_itself(venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = venv()
    target.put(build_wheel(tmp_path, "instui", "0", {"instui/__init__.py": b""}))
    there = scan(target.environment)
    assert exact.extraneous(target.environment, there, ()) == ("instui",)
    monkeypatch.syspath_prepend(str(target.site))
    with pytest.raises(TargetError, match="would remove itself"):
        exact.extraneous(target.environment, there, ())
    assert exact.extraneous(target.environment, there, ("instui",)) == ()


def test_it_does_not_remove_what_it_runs_with(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync follows no dependencies, so a file with nothing but this program lists none of them."""
    target = venv()
    requires = {
        "instui": ["screen>=1", "uv", "web; extra == 'web'"],
        "screen": ["marks[links]"],
        "marks": ["links-of-marks; extra == 'links'", "instui"],
    }
    names = ("instui", "screen", "marks", "links-of-marks", "uv", "web", "other")
    target.put(*(build_wheel(tmp_path, name, "1", {}, requires=requires.get(name, ())) for name in names))
    there = scan(target.environment)
    needed = {"instui", "links-of-marks", "marks", "screen", "uv"}
    monkeypatch.setattr(exact, "keeps_seeds", lambda _: False)
    assert exact.extraneous(target.environment, there, ("instui",)) == tuple(sorted({*names} - {"instui"}))
    monkeypatch.syspath_prepend(str(target.site))
    with pytest.raises(TargetError, match=r"requires what is not listed \(links-of-marks, marks, screen, uv\)"):
        exact.extraneous(target.environment, there, ("instui",))
    for name in needed - {"instui"}:
        with pytest.raises(TargetError, match=rf"not listed \({name}\)"):
            exact.extraneous(target.environment, there, needed - {name})
    assert exact.extraneous(target.environment, there, needed) == ("other", "web")


def test_a_file_that_what_goes_shares_with_an_old_version_goes_with_both(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    """Neither leaves it to the other one, and that is planned so from the beginning."""
    goes = build_wheel(tmp_path, "goes", "1", {"shared/a.py": b"same", "goes.py": b""})
    stays = {v: build_wheel(tmp_path, "stays", v, {"shared/a.py" if v == "1" else "stays.py": b"same"}) for v in "12"}
    target = venv()
    target.put(goes, stays["1"])
    lines = ok(_sync(run_instui, target, _listing(tmp_path, stays["2"]), "--ui", "json")).splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["wheel"] for event in events if event["event"] == "plan.wheel"] == ["goes", "stays"]
    assert installed(target.site) == {"stays": "2"}
    assert trees.unlisted(target.site) == []


def test_what_goes_is_no_dependent_that_is_warned_of(venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> None:
    goes = build_wheel(tmp_path, "goes", "1", {"goes.py": b""}, requires=["alpha<2"])
    alpha = {version: build_wheel(tmp_path, "alpha", version, {"alpha.py": b""}) for version in "12"}
    target = venv()
    target.put(goes, alpha["1"])
    file = _listing(tmp_path, alpha["2"], goes)
    assert "goes 1 requires alpha<2" in ok(_sync(run_instui, target, file, "--dry-run"))
    assert "warning" not in ok(_sync(run_instui, target, _listing(tmp_path, alpha["2"])))


def test_what_cannot_be_removed_stops_all_before_anything_is_changed(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    torn = build_wheel(tmp_path, "torn", "1", {"torn.py": b""})
    new = build_wheel(tmp_path, "new", "1", {"new.py": b""})
    target = venv()
    target.put(torn)
    (target.site / "torn-1.dist-info" / "RECORD").unlink()
    before = trees.tree(target.top)
    said = error_line(_sync(run_instui, target, _listing(tmp_path, new)), 1)
    assert "torn 1 has no RECORD" in said
    assert trees.differences(trees.tree(target.top), before) == []


@pytest.mark.parametrize(("listed", "done_to"), [(True, "removed or installed"), (False, "removed")])
def test_what_is_interrupted_before_anything_is_changed_says_what_was_to_be_done(
    listed: bool, done_to: str, venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, control = venv(), Control()
    target.put(build_wheel(tmp_path, "old", "1", {"old.py": b""}))
    new = [build_wheel(tmp_path, "new", "1", {"new.py": b""})] if listed else []
    monkeypatch.setattr(Pipeline, "_stage", lambda self, *_: (control.cancel(130), self.context.check()))
    request = Request(requirement_files=(str(_listing(tmp_path, *new)),), no_index=True, allow_empty=True)
    outcome = sync(request, target.environment, Options(cache=target.cache, fsync=False), control)
    assert outcome.exit_code == 130
    number = 1 + len(new)
    assert outcome.error == (
        f"interrupted: 0 of {number} distributions are {done_to}; run the same command again to go on"
    )


def test_what_is_half_installed_goes_as_well(venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> None:
    """uv does not see it, since uv would fail on it."""
    torn = build_wheel(tmp_path, "torn", "1", {"torn.py": b""})
    new = build_wheel(tmp_path, "new", "1", {"new.py": b""})
    target = venv()
    target.put(torn)
    (target.site / "torn-1.dist-info" / "METADATA").unlink()
    ok(_sync(run_instui, target, _listing(tmp_path, new)))
    assert sorted(path.name for path in target.site.glob("*.dist-info")) == ["new-1.dist-info"]
    assert not (target.site / "torn.py").exists()


def test_without_a_file_the_one_that_is_there_is_named(tmp_path: Path, run_instui: Run) -> None:
    (tmp_path / "project").mkdir()
    assert "name a file of requirements" in error_line(run_instui("sync", cwd=tmp_path), 2)
    (tmp_path / "project" / "uv.lock").touch()
    named = "nothing to sync: name a file, as in `instui sync uv.lock`"
    assert named in error_line(run_instui("sync", cwd=tmp_path / "project"), 2)
    assert named in error_line(run_instui("sync", "--directory", "project", cwd=tmp_path), 2)
