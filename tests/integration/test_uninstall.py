"""`instui uninstall`: by RECORD, inside the schemes, never another's file; what was overwritten comes back."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from instui_engine.commit import transaction
from support import trees
from support.cli import error_line, installed, ok, uv
from support.environments import Venv
from support.wheelsmith import build_wheel


def _removed(run: Run, target: Venv, *names: str) -> str:
    return ok(run("uninstall", *names, "--no-fsync", "--ui", "plain", "--python", target.top))


def test_nothing_is_left_of_a_distribution_but_what_is_not_its_own(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    wheel = build_wheel(
        tmp_path,
        "pkg",
        "1.0",
        {"pkg/__init__.py": b"", "pkg/deep/er/a.py": b"", "ns/pkg/b.py": b"", "single.py": b""},
        data={"scripts/tool": b"#!python\n", "data/etc/pkg/a.conf": b""},
        entry_points="[console_scripts]\nrun = pkg:run\n",
    )
    target = venv()
    before = trees.tree(target.top)
    target.put(wheel)
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", str(target.site)], check=True, env={"PATH": os.environ["PATH"]}
    )
    output = _removed(run_instui, target, "pkg")
    assert "removed pkg 1.0" in output
    assert trees.differences(trees.tree(target.top), before) == []
    assert list(target.site.rglob("*.pyc")) == []
    target.put(wheel)
    (target.site / "pkg" / "mine.txt").write_text("mine")
    _removed(run_instui, target, "pkg")
    assert trees.unlisted(target.site) == ["pkg/mine.txt"]


def test_as_many_files_are_removed_as_were_installed(venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> None:
    """Those that RECORD lists: with launcher and metadata, without byte code."""
    wheel = build_wheel(
        tmp_path,
        "pkg",
        "1.0",
        {"pkg/__init__.py": b"", "pkg/a.py": b""},
        data={"scripts/tool": b"#!python\n", "scripts/run-script.py": b""},
        entry_points="[console_scripts]\nrun = pkg:run\n",
    )
    target = venv()
    said = ok(run_instui("install", "--no-deps", "--no-fsync", "--ui", "plain", "--python", target.top, wheel))
    rows = (target.site / "pkg-1.0.dist-info" / "RECORD").read_text().count("\n")
    assert f"staged 1 wheel, {rows} files" in said
    assert f"installed 1 wheel, {rows} files" in said
    compiled = target.site / "pkg" / "__pycache__"
    compiled.mkdir()
    (compiled / f"a.{sys.implementation.cache_tag}.pyc").write_bytes(b"")
    said = _removed(run_instui, target, "pkg")
    assert f"removed pkg 1.0, {rows} files" in said
    assert not compiled.exists()


def test_whatever_the_order_the_loser_of_a_conflict_is_whole_again_when_the_winner_goes(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    names = ("aaa", "bbb", "ccc")
    wheels = {
        name: build_wheel(tmp_path, name, "1.0", {"same/a.py": name.encode(), f"{name}.py": b""}) for name in names
    }
    for order in permutations(names):
        target = venv()
        (target.site / "same").mkdir()
        (target.site / "same" / "a.py").write_text("of the user")
        target.put(*wheels.values())
        left = list(names)
        for name in order:
            _removed(run_instui, target, name)
            left.remove(name)
            assert (target.site / "same" / "a.py").read_text() == (left[-1] if left else "of the user"), order
        assert os.listdir(target.top / ".instui" / "kept") == []


def test_an_upgrade_that_gives_a_file_up_brings_the_losers_back(venv: Callable[[], Venv], tmp_path: Path) -> None:
    loser = build_wheel(tmp_path, "loser", "1.0", {"same/a.py": b"loser"})
    winner = [build_wheel(tmp_path, "winner", v, {p: b"winner"}) for v, p in (("1.0", "same/a.py"), ("2.0", "w.py"))]
    target = venv()
    target.put(loser, winner[0])
    assert not trees.complete(target.site, "loser-1.0")
    target.put(winner[1])
    assert trees.complete(target.site, "loser-1.0") and trees.complete(target.site, "winner-2.0")


def test_an_upgraded_loser_is_the_winner_and_the_old_winner_comes_back_after_it(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    one, two = (build_wheel(tmp_path, "one", v, {"same/a.py": f"one {v}".encode()}) for v in ("1.0", "2.0"))
    other = build_wheel(tmp_path, "other", "1.0", {"same/a.py": b"other"})
    target = venv()
    target.put(one, other)
    target.put(two)
    assert (target.site / "same" / "a.py").read_text() == "one 2.0"
    _removed(run_instui, target, "one")
    assert trees.complete(target.site, "other-1.0")
    assert trees.unlisted(target.site) == []


def test_a_failed_removal_leaves_everything_as_it_was(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from instui_engine.commands.uninstall import uninstall
    from instui_engine.session.control import Control
    from instui_engine.session.options import Options

    loser, winner = (
        build_wheel(tmp_path, n, "1.0", {"same/a.py": n.encode(), f"{n}/b.py": b""}) for n in ("one", "two")
    )
    target = venv()
    target.put(loser, winner)
    before = trees.tree(target.top)
    take = transaction.take
    for point in range(20):
        count = 0

        def failing(tree: Any, step: transaction.Step, point: int = point) -> None:
            nonlocal count
            count += 1
            if count == point + 1:
                raise OSError(28, "No space left on device", step.path)
            take(tree, step)

        monkeypatch.setattr(transaction, "take", failing)
        outcome = uninstall(["two"], target.environment, Options(target.cache, 1, fsync=False), Control())
        if not outcome.error:
            assert point > 2
            break
        assert "cannot uninstall two 1.0" in outcome.error
        assert trees.differences(trees.tree(target.top), before) == []
    assert trees.complete(target.site, "one-1.0")


def test_what_cannot_be_removed_is_refused_with_a_hint(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    target.put(build_wheel(tmp_path, "pkg", "1.0", {"pkg.py": b""}))
    (target.site / "pkg-1.0.dist-info" / "RECORD").unlink()
    (target.site / "old-1.0.egg-info").write_text("Metadata-Version: 1.0\nName: old\nVersion: 1.0\n")
    (target.site / "dev.egg-link").write_text("/somewhere/dev\n.")
    before = trees.tree(target.top)
    for name, hint in (("pkg", "has no RECORD"), ("old", "without a RECORD"), ("dev", "pip uninstall dev")):
        done = run_instui("uninstall", name, "--ui", "plain", "--python", target.top)
        assert hint in error_line(done, 1)
        assert trees.tree(target.top) == before
    dev = build_wheel(tmp_path, "dev", "1.0", {"dev.py": b""})
    done = run_instui("install", "--no-deps", dev, "--ui", "plain", "--python", target.top)
    assert "pip uninstall dev" in error_line(done, 1)
    done = run_instui("uninstall", "nothing-here", "--ui", "plain", "--python", target.top)
    assert (done.returncode, done.stderr) == (0, "") and "is not installed" in done.stdout


def test_a_distribution_that_uv_installed_is_removed_and_uv_sees_it(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    wheel = build_wheel(tmp_path, "pkg", "1.0", {"pkg/a.py": b""}, entry_points="[console_scripts]\nrun = pkg:run\n")
    before = trees.tree(target.top)
    uv("pip", "install", "--offline", "--no-deps", "--python", target.top / "bin" / "python", wheel)
    _removed(run_instui, target, "pkg")
    assert trees.differences(trees.tree(target.top), before) == []
    assert json.loads(uv("pip", "list", "--format", "json", "--python", target.top / "bin" / "python")) == []


def test_a_row_that_leaves_the_schemes_removes_nothing(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    target.put(build_wheel(tmp_path, "pkg", "1.0", {"pkg.py": b""}))
    outside = tmp_path / "outside"
    outside.write_text("mine")
    record = target.site / "pkg-1.0.dist-info" / "RECORD"
    rows = f"{outside},,\n../../../../outside,,\n../../../pyvenv.cfg,,\n../../../bin/python,,\n../../../.lock,,\n"
    record.write_text(record.read_text() + rows)
    _removed(run_instui, target, "pkg")
    assert outside.exists() and (target.top / "pyvenv.cfg").exists() and (target.top / "bin" / "python").exists()
    assert installed(target.site) == {}


@pytest.mark.parametrize("swapped", ["pkg", "", "pkg/deep"])
@pytest.mark.parametrize("point", [0, 1, 3])
def test_a_directory_that_is_swapped_for_a_link_during_the_run_is_not_followed(
    swapped: str, point: int, venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (
        build_wheel(tmp_path, "pkg", v, {f"pkg/{n}.py": v.encode() for n in "abc"} | {"pkg/deep/x.py": v.encode()})
        for v in ("1.0", "2.0")
    )
    target = venv()
    target.put(one)
    outside = tmp_path / "outside"
    take, count = transaction.take, 0

    def swapping(tree: Any, step: transaction.Step) -> None:
        nonlocal count
        if count == point:
            place = target.site / swapped if swapped else target.site
            place.rename(tmp_path / "away")
            outside.mkdir()
            (outside / "a.py").write_text("precious")
            (outside / "pkg").mkdir()
            (outside / "pkg" / "a.py").write_text("precious")
            place.symlink_to(outside)
        count += 1
        take(tree, step)

    monkeypatch.setattr(transaction, "take", swapping)
    target.install(two)
    found = {path.relative_to(outside).as_posix(): path.read_text() for path in outside.rglob("*") if path.is_file()}
    assert found == {"a.py": "precious", "pkg/a.py": "precious"}


def test_the_right_one_comes_back_where_several_have_equal_content(tmp_path: Path, venv: Callable[[], Venv]) -> None:
    """Two of them lie below a third one, another above it: which is which must not be forgotten when one goes."""
    content = {"one": b"equal", "two": b"equal", "three": b"other", "four": b"equal"}
    wheels = {name: build_wheel(tmp_path, name, "1.0", {"same/a.py": content[name]}) for name in content}
    for order in permutations(content):
        target = venv()
        target.put(*wheels.values())
        left = list(content)
        for name in order:
            target.remove(name)
            left.remove(name)
            if left:
                assert (target.site / "same" / "a.py").read_bytes() == content[left[-1]], (order, name)
        assert os.listdir(target.top / ".instui" / "kept") == []
        assert trees.unlisted(target.site) == []
