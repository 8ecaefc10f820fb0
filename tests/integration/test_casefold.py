"""Where the file system takes `Foo` and `foo` for one name, claims, conflicts and clashes do so too; elsewhere not.

Such a file system is rarely at hand, so the answer of the probe is made up here.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from instui_engine.commands import command
from instui_engine.commit.backups import Backups
from instui_engine.commit.preparation import prepare
from instui_engine.errors import BadWheelError
from instui_engine.fs import casefold
from instui_engine.fs.casefold import fold, folds
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.journal.events import PlanCollision, PlanConflict, PlanWheel
from instui_engine.locks.claims import Claims
from instui_engine.plan.plan import WheelPlan
from instui_engine.plan.planner import plan_wheel
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed, scan
from instui_engine.target.owners import OwnerIndex
from support.environments import Venv, entry, planned_environment
from support.wheelsmith import build_wheel

SITE = "lib/python3.11/site-packages"


def planned(environment: Environment, name: str, *files: str, data: tuple[str, ...] = ()) -> WheelPlan:
    return plan_wheel(environment, Installed(environment, {}), *entry(name, files, data), 0)


def exclude_each_other(one: Claims, other: Claims) -> bool:
    mine, theirs = set(one.exclusive), set(other.exclusive)
    return bool(mine & theirs or mine & set(other.shared) or theirs & set(one.shared))


@pytest.fixture(params=[False, True], ids=["exact", "folding"])
def folding(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(command, "folds", lambda *_, **__: request.param)
    return bool(request.param)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Foo/x.py", "foo/x.py"), ("README.md", "readme.md"), ("ns/A/x.py", "NS/__init__.py"), ("é/x.py", "E\u0301/y.py")],
)
def test_two_spellings_of_one_path_exclude_each_other(one: str, other: str) -> None:
    exact = planned_environment(Path("/nowhere"))
    for environment, expected in ((exact, False), (exact.folding(), True)):
        mine, theirs = planned(environment, "mine", one), planned(environment, "theirs", other)
        assert exclude_each_other(mine.claims, theirs.claims) == expected


def test_another_spelling_of_a_scheme_root_is_no_subtree_claim() -> None:
    environment = planned_environment(Path("/nowhere")).folding()
    data = ("data/LIB/Python3.11/Site-Packages/pkg/x.txt", "data/LIB/notes.txt")
    intruder = planned(environment, "intruder", "intruder.py", data=data)
    assert "lib" not in intruder.claims.exclusive
    assert f"{SITE}/pkg" in intruder.claims.exclusive
    assert exclude_each_other(intruder.claims, planned(environment, "pkg", "pkg/__init__.py").claims)


@pytest.mark.parametrize("path", ["PyVenv.cfg", ".INSTUI/x", "BIN/Python", f"{SITE}/Other-1.0.DIST-INFO/RECORD"])
def test_another_spelling_of_what_is_vital_is_refused(path: str) -> None:
    environment = planned_environment(Path("/nowhere"))
    planned(environment, "bad", "bad.py", data=(f"data/{path}",))
    with pytest.raises(BadWheelError, match="would replace"):
        planned(environment.folding(), "bad", "bad.py", data=(f"data/{path}",))


@pytest.mark.parametrize("files", [("A.py", "a.py"), ("pkg/A.py", "pkg/a.py"), ("Pkg/x.py", "pkg/x.py")])
def test_a_wheel_with_two_spellings_of_one_file_is_refused(files: tuple[str, str]) -> None:
    environment = planned_environment(Path("/nowhere"))
    planned(environment, "both", *files)
    with pytest.raises(BadWheelError, match="two files for"):
        planned(environment.folding(), "both", *files)


def test_a_conflict_between_two_spellings_is_seen_before_the_first_write(
    tmp_path: Path, venv: Callable[[], Venv], folding: bool
) -> None:
    one = build_wheel(tmp_path, "one", "1.0", {"Pkg/Mod.py": b"one", "Pkg/same.py": b""})
    two = build_wheel(tmp_path, "two", "1.0", {"pkg/MOD.py": b"two", "pkg/Same.py": b""})
    target = venv()
    outcome = target.install(one, two, fail_on_conflict=True)
    assert outcome.exit_code == (3 if folding else 0)
    site = target.environment.roots["purelib"]
    assert bool(target.lines.of(PlanCollision)) == folding
    assert [(found.path, found.first, found.last) for found in target.lines.of(PlanConflict)] == (
        [(f"{site}/pkg/MOD.py", "one 1.0", "two 1.0")] if folding else []
    )
    assert all(f"{site}/pkg/" in plan.exclusive for plan in target.lines.of(PlanWheel)) == folding


def test_a_file_where_another_spelling_is_a_directory_is_a_clash(
    tmp_path: Path, venv: Callable[[], Venv], folding: bool
) -> None:
    one = build_wheel(tmp_path, "one", "1.0", {"etc/Conf": b"a file"})
    two = build_wheel(tmp_path, "two", "1.0", {"ETC/conf/x": b"in a directory"})
    outcome = venv().install(one, two)
    assert outcome.exit_code == (1 if folding else 0)
    if folding:
        assert "is a file of one 1.0 and a directory of two 1.0" in outcome.error


def test_a_file_that_is_there_in_another_spelling_makes_way(tmp_path: Path) -> None:
    top = tmp_path / "venv"
    (top / SITE / "pkg").mkdir(parents=True)
    (top / SITE / "pkg" / "Mod.py").write_text("old")
    for environment in (planned_environment(top), planned_environment(top).folding()):
        plan = planned(environment, "pkg", "pkg/MOD.py")
        with DirfdTree(top) as tree:
            index = OwnerIndex(environment, scan(environment), lambda: None)
            steps = prepare(
                environment, tree, plan, "session", {}, index, Backups(environment, lambda: None)
            ).transaction.steps
        found = [(step.action, step.path) for step in steps]
        assert ("place", f"{SITE}/pkg/MOD.py") in found
        assert (("retire", f"{SITE}/pkg/Mod.py") in found) == environment.folds


def test_what_a_wheel_installed_under_another_spelling_is_its_own_still(
    tmp_path: Path, venv: Callable[[], Venv], folding: bool
) -> None:
    """An upgrade that only changes the case of a name must not remove the file that it has just installed."""
    target = venv()
    old = build_wheel(tmp_path, "pkg", "1.0", {"pkg/Mod.py": b"old", "pkg/x.py": b""})
    new = build_wheel(tmp_path, "pkg", "2.0", {"pkg/mod.py": b"new", "pkg/x.py": b""})
    target.put(old)
    target.put(new)
    assert (target.site / "pkg" / "mod.py").read_bytes() == b"new"
    assert not (target.site / "pkg" / "Mod.py").exists()
    environment = target.environment.folding() if folding else target.environment
    plan = plan_wheel(environment, scan(environment), *entry("pkg", ["pkg/Mod.py"], version="3.0"), 0)
    site = environment.roots["purelib"]
    assert (f"{site}/pkg/mod.py" in plan.stale) != folding


def test_the_probe_finds_out_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = (tmp_path / "probe").write_text("") == 0 and (tmp_path / "PROBE").exists()
    (tmp_path / "probe").unlink()
    assert folds(tmp_path, tmp_path, writable=True) == real
    asked: list[tuple[Path, Path]] = []
    monkeypatch.setattr(casefold, "_is_one", lambda *paths: bool(asked.append(paths)) or paths[0].exists())
    assert folds(tmp_path, tmp_path, writable=True)
    assert not folds(tmp_path, tmp_path, writable=False)  # nothing there to look up
    assert all(one != other and one.name.lower() == other.name.lower() for one, other in asked)
    assert os.listdir(tmp_path) == []
    assert not folds(tmp_path, tmp_path / "nowhere", writable=True)


def test_folding_is_without_case_and_form_and_done_once() -> None:
    for one, other in (("FOO/Bar", "foo/bar"), ("É", "e\u0301"), ("Straße", "STRASSE"), ("Ω", "ω")):
        assert fold(one) == fold(other)
        assert fold(fold(one)) == fold(one)
    assert fold("a/b") != fold("a/c")
