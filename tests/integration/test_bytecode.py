"""Byte code: compiled by the target's Python before the plan, kept in the store, in RECORD, gone with its module."""

import json
import os
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.commit import transaction
from instui_engine.doctor.diagnosis import diagnose
from instui_engine.errors import InstuiError
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.fs.durability import boot
from instui_engine.journal.events import (
    CommitFinished,
    CompileFailed,
    CompileFinished,
    CompileStarted,
    Overwrite,
    PlanConflict,
    SpanStarted,
)
from instui_engine.store import unpack
from instui_engine.store.prune import prune
from instui_engine.store.store import Store
from instui_engine.wheel import manifest as manifests
from support.cli import other_interpreters, uv
from support.environments import Venv
from support.trees import rows
from support.wheelsmith import build_wheel

TAG = sys.implementation.cache_tag
FILES = {
    "single.py": b"def fail():\n    raise ValueError\n",
    "many/__init__.py": b"",
    "many/inner/deep.py": b"import os\n",
    "many/data.txt": b"text",
    "space/inside/mod.py": b"x = 1\n",
}
COMPILED = {
    f"__pycache__/single.{TAG}.pyc",
    f"many/__pycache__/__init__.{TAG}.pyc",
    f"many/inner/__pycache__/deep.{TAG}.pyc",
    f"space/inside/__pycache__/mod.{TAG}.pyc",
}


def compiled_in(site: Path) -> set[str]:
    return {path.relative_to(site).as_posix() for path in site.rglob("*.pyc")}


def caches_in(site: Path) -> list[Path]:
    return list(site.rglob("__pycache__"))


def recorded(site: Path, info: str) -> dict[str, tuple[str, str]]:
    return {path: (value, size) for path, value, size in rows(site / info / "RECORD") if path.endswith(".pyc")}


def used(venv: Venv, *modules: str, python: Path | None = None) -> list[str]:
    """Import modules; return the paths, below site-packages, of the byte code that Python takes for current."""
    code = "; ".join(f"import {module}" for module in modules)
    command = [python or venv.top / "bin" / "python", "-B", "-v", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    lines = [line for line in done.stderr.splitlines() if line.startswith("# code object from '")]
    paths = [Path(line.partition("'")[2].rpartition("'")[0]) for line in lines]
    return [path.relative_to(venv.site).as_posix() for path in paths if path.is_relative_to(venv.site)]


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return build_wheel(tmp_path, "tool", "1.0", FILES, data={"scripts/run.py": b"#!python\nprint(1)\n"})


def test_every_module_has_its_byte_code_and_record_lists_it_as_pip_does(venv: Callable[[], Venv], wheel: Path) -> None:
    ours, theirs = venv(), venv()
    ours.put(wheel, compile_bytecode=True)
    pip = [sys.executable, "-m", "pip", "--python", str(theirs.top), "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--compile", str(wheel)], check=True, timeout=100)
    assert compiled_in(ours.site) == compiled_in(theirs.site) == COMPILED
    theirs_recorded = recorded(theirs.site, "tool-1.0.dist-info")
    del theirs_recorded[f"../../../bin/__pycache__/run.{TAG}.pyc"]  # from there nobody imports; uv leaves it out, too
    assert recorded(ours.site, "tool-1.0.dist-info") == theirs_recorded
    assert set(recorded(ours.site, "tool-1.0.dist-info").values()) == {("", "")}
    (finished,) = ours.lines.of(CommitFinished)
    assert finished.files == len(rows(ours.site / "tool-1.0.dist-info" / "RECORD"))
    assert not diagnose(ours.environment).findings


def test_python_takes_the_byte_code_for_current_and_names_the_files_of_the_environment(
    venv: Callable[[], Venv], wheel: Path
) -> None:
    for mode in ("hardlink", "copy", "symlink"):
        target = venv()
        target.put(wheel, compile_bytecode=True, link_mode=mode)
        assert set(used(target, "single", "many.inner.deep", "space.inside.mod")) == COMPILED, mode
        command = [target.top / "bin" / "python", "-c", "import single; single.fail()"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert f'File "{target.site}/single.py", line 2, in fail' in done.stderr


@pytest.mark.parametrize("mode", ["copy", "clone"])
def test_a_copy_has_the_time_that_its_byte_code_names(
    mode: str, venv: Callable[[], Venv], wheel: Path, tmp_path: Path
) -> None:
    first, second = venv(), venv()
    first.cache = second.cache = tmp_path / "own"
    first.put(wheel, compile_bytecode=True)
    # as if the store were older than this second, which is all that Python compares
    for path in first.cache.glob("store-*/??/*/**/*"):
        if path.name == "manifest":
            manifest = manifests.load(path.read_bytes())
            path.write_bytes(manifests.dump(manifest._replace(sealed=10**18)))
        elif path.is_file():
            os.utime(path, ns=(10**18, 10**18))
    shutil.rmtree(next(first.cache.glob("store-*/??/*/bytecode")))
    second.put(wheel, compile_bytecode=True, link_mode=mode)
    assert (second.site / "single.py").stat().st_mtime_ns == 10**18
    assert set(used(second, "single", "many.inner.deep", "space.inside.mod")) == COMPILED


def test_where_files_have_no_seal_byte_code_has_the_hash_of_its_source(
    venv: Callable[[], Venv], wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "set_times", lambda *words: False)
    target = venv()
    target.cache = tmp_path / "own"
    target.put(wheel, compile_bytecode=True)
    assert compiled_in(target.site) == COMPILED
    assert (target.site / f"__pycache__/single.{TAG}.pyc").read_bytes()[4:8] == b"\3\0\0\0"
    assert set(used(target, "single", "many.inner.deep", "space.inside.mod")) == COMPILED


def test_the_store_keeps_it_and_compiles_once_for_each_kind(
    venv: Callable[[], Venv], wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third, fourth = venv(), venv(), venv(), venv()
    for target in (first, second, third):
        target.cache = tmp_path / "own"
        target.put(wheel, compile_bytecode=True)
    (begun,) = first.lines.of(CompileStarted)
    assert (begun.files, begun.cached) == (4, 0)
    assert third.lines.of(CompileStarted) == [CompileStarted(0, 0, 4, 0)]
    assert third.lines.of(CompileFinished) == [CompileFinished(0, 0, 4)]
    monkeypatch.setenv("PYC_INVALIDATION_MODE", "CHECKED_HASH")
    fourth.cache = tmp_path / "own"
    fourth.put(wheel, compile_bytecode=True)
    assert fourth.lines.of(CompileFinished) == [CompileFinished(4, 0, 0)]
    flags = (fourth.site / f"__pycache__/single.{TAG}.pyc").read_bytes()[4:8]
    assert flags == b"\3\0\0\0"  # a hash, which is checked
    assert compiled_in(first.site) == COMPILED


def test_a_module_that_is_no_program_is_installed_without(venv: Callable[[], Venv], tmp_path: Path) -> None:
    files = {
        "good.py": b"",
        "bad.py": b"def (:\n",
        "odd.py": b"\0",
        "coded.py": b"# coding: no-such-thing\n",
        f"{'n' * 240}.py": b"",
    }
    target = venv()
    target.put(build_wheel(tmp_path, "mixed", "1.0", files), compile_bytecode=True)
    assert compiled_in(target.site) == {f"__pycache__/good.{TAG}.pyc"}
    assert set(recorded(target.site, "mixed-1.0.dist-info")) == compiled_in(target.site)
    failed = {event.path: event.error for event in target.lines.of(CompileFailed)}
    assert failed.keys() == files.keys() - {"good.py"}
    assert failed["bad.py"].startswith("line 1: ")
    assert target.lines.of(CompileFinished) == [CompileFinished(5, 4, 0)]
    assert not diagnose(target.environment).findings
    target.remove("mixed")
    assert not caches_in(target.site)


def test_uninstall_leaves_nothing(venv: Callable[[], Venv], wheel: Path, tmp_path: Path) -> None:
    target = venv()
    before = sorted(target.site.rglob("*"))
    other = build_wheel(tmp_path, "other", "1.0", {"other.py": b""})
    target.put(wheel, other, compile_bytecode=True)
    target.remove("tool")
    assert compiled_in(target.site) == {f"__pycache__/other.{TAG}.pyc"}
    target.remove("other")
    assert sorted(target.site.rglob("*")) == before


@pytest.mark.parametrize(("old", "new"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_an_upgrade_brings_its_own_byte_code_or_none(
    venv: Callable[[], Venv], tmp_path: Path, wheel: Path, old: bool, new: bool, version: str
) -> None:
    """Also beside a file of the user's, so that the new version comes file by file."""
    kept = {**FILES, "single.py": b"def fail():\n    raise OSError(1)\n", "more.py": b""}
    del kept["space/inside/mod.py"]
    newer = wheel if version == "1.0" else build_wheel(tmp_path, "tool", "2.0", kept)
    for file in ("", "many/inner/mine.txt"):
        target = venv()
        target.put(wheel, compile_bytecode=old)
        if file:
            (target.site / file).write_text("mine")
        target.put(newer, compile_bytecode=new, reinstall=True)
        fresh = venv()
        fresh.put(newer, compile_bytecode=new)
        assert compiled_in(target.site) == compiled_in(fresh.site) == (compiled_in(fresh.site) if new else set())
        assert bool(caches_in(target.site)) == new
        assert set(recorded(target.site, f"tool-{version}.dist-info")) == compiled_in(target.site)
        if new:
            assert set(used(target, "single", "many.inner.deep")) <= compiled_in(target.site)
            assert len(used(target, "single", "many.inner.deep")) == 3
        assert not diagnose(target.environment).findings


def test_an_upgrade_that_is_undone_gives_the_old_byte_code_back(
    venv: Callable[[], Venv], tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = build_wheel(tmp_path, "tool", "2.0", {**FILES, "single.py": b"NEW = 1\n", "many/__init__.py": b"NEW = 1\n"})
    target = venv()
    target.put(wheel, compile_bytecode=True)
    for directory in ("many", "many/__pycache__"):
        (target.site / directory / "mine.txt").write_text("mine")  # so that it is replaced file by file
    take = transaction.take

    def fail_at_last(tree: DirfdTree, step: transaction.Step) -> None:
        if step.action == "place" and step.path.endswith(".dist-info"):
            raise OSError(5, "broken")
        take(tree, step)

    monkeypatch.setattr(transaction, "take", fail_at_last)
    assert target.install(newer, compile_bytecode=True).exit_code == 1
    assert compiled_in(target.site) == set(recorded(target.site, "tool-1.0.dist-info")) == COMPILED
    assert set(used(target, "single", "many.inner.deep", "space.inside.mod")) == COMPILED


def test_wheels_with_a_file_in_common_have_the_byte_code_of_the_winner(
    venv: Callable[[], Venv], tmp_path: Path
) -> None:
    first = build_wheel(tmp_path, "first", "1.0", {"both/m.py": b"x = 1\n", "both/same.py": b"", "one.py": b""})
    second = build_wheel(tmp_path, "second", "1.0", {"both/m.py": b"x = 2\n", "both/same.py": b"", "two.py": b""})
    for together in (True, False):
        target = venv()
        if together:
            target.put(first, second, compile_bytecode=True)
        else:
            target.put(first, compile_bytecode=True)
            target.put(second, compile_bytecode=True)
        conflicts = [event.path for event in target.lines.of(PlanConflict)]
        assert [path.rpartition("/")[2] for path in conflicts] == ["m.py"]
        assert not [event for event in target.lines.of(Overwrite) if event.path.endswith(".pyc")]
        assert len(used(target, "both.m", "both.same", "one", "two")) == 4
        assert [found.kind for found in diagnose(target.environment).findings] == ["clobbered"]  # m.py of the first one
        target.remove("second")
        assert (target.site / "both" / "m.py").read_bytes() == b"x = 1\n"
        assert "both/__pycache__/m.pyc" not in used(target, "both.m", "one")
        done = subprocess.run([target.top / "bin" / "python", "-c", "import both.m; print(both.m.x)"], **_TEXT)
        assert done.stdout == "1\n"
        assert not diagnose(target.environment).findings
        target.remove("first")
        assert not caches_in(target.site)


_TEXT = {"capture_output": True, "text": True, "check": True}


def test_single_modules_do_not_take_turns_at_pycache(venv: Callable[[], Venv], tmp_path: Path) -> None:
    """Each wheel claims its files in it."""
    wheels = [build_wheel(tmp_path, f"w{n}", "1.0", {f"w{n}.py": b""}) for n in range(4)]
    target = venv()
    target.put(*wheels, compile_bytecode=True, jobs=4)
    assert not target.lines.of(PlanConflict)
    assert [event for event in target.lines.events if type(event[1]).__name__ == "PlanCollision"] == []
    assert len(compiled_in(target.site)) == 4


def test_another_python_compiles_for_itself(tmp_path: Path, cache: Path, wheel: Path) -> None:
    for python in other_interpreters()[:1] + other_interpreters()[-1:]:
        top = tmp_path / python.version
        subprocess.run([python.path, "-m", "venv", "--without-pip", top], check=True, timeout=100)
        target = Venv(top, cache)
        target.put(wheel, compile_bytecode=True)
        tag = f"cpython-{python.version.replace('.', '')}"
        assert compiled_in(target.site) == {path.replace(TAG, tag) for path in COMPILED}
        assert set(used(target, "single", "many.inner.deep", "space.inside.mod")) == compiled_in(target.site)


def test_a_cache_that_may_only_be_read(
    venv: Callable[[], Venv], wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = venv(), venv(), venv()
    first.cache = second.cache = third.cache = tmp_path / "own"
    first.put(wheel)
    before = sorted((tmp_path / "own").rglob("*"))

    def refused(self: Store) -> Path:
        raise InstuiError("the cache is not writable")

    monkeypatch.setattr(Store, "new_directory", refused)
    second.put(wheel, compile_bytecode=True)
    assert set(used(second, "single", "many.inner.deep", "space.inside.mod")) == compiled_in(second.site) == COMPILED
    assert sorted((tmp_path / "own").rglob("*")) == before
    assert second.stages() == []
    third.put(wheel, compile_bytecode=True, link_mode="symlink")
    assert compiled_in(third.site) == set()


def test_damaged_files_are_made_again(venv: Callable[[], Venv], wheel: Path, tmp_path: Path) -> None:
    for damage in ("pyc", "source"):
        first, second = venv(), venv()
        first.cache = second.cache = tmp_path / damage
        first.put(wheel, compile_bytecode=True)
        if damage == "pyc":
            (first.site / f"__pycache__/single.{TAG}.pyc").write_bytes(b"edited")
        else:
            (first.site / "single.py").write_bytes(b"edited = 1")
        second.put(wheel, compile_bytecode=True)
        assert (second.site / "single.py").read_bytes() == FILES["single.py"]
        assert set(used(second, "single", "many.inner.deep", "space.inside.mod")) == COMPILED


@pytest.mark.skipif(not boot(), reason="the system does not name its boot")
def test_what_a_power_cut_may_have_torn_is_compiled_again(
    venv: Callable[[], Venv], wheel: Path, tmp_path: Path
) -> None:
    first, second, third = venv(), venv(), venv()
    first.cache = second.cache = third.cache = tmp_path / "own"
    first.put(wheel, compile_bytecode=True)
    (place,) = first.cache.glob("store-*/??/*/bytecode/*/manifest")
    manifest = manifests.load(place.read_bytes())
    assert manifest.unsynced == boot()
    place.write_bytes(manifests.dump(manifest._replace(unsynced="another boot")))
    torn = place.parent / "files" / f"__pycache__/single.{TAG}.pyc"
    status = torn.stat()
    os.truncate(torn, 0)
    os.utime(torn, ns=(status.st_atime_ns, status.st_mtime_ns))
    for target, files in ((second, 4), (third, 0)):
        target.put(wheel, compile_bytecode=True)
        assert target.lines.of(CompileStarted)[0].files == files
        assert set(used(target, "single", "many.inner.deep", "space.inside.mod")) == COMPILED


def test_prune_removes_it_with_its_wheel_only(venv: Callable[[], Venv], wheel: Path, tmp_path: Path) -> None:
    target = venv()
    target.cache = tmp_path / "own"
    target.put(wheel, compile_bytecode=True)
    assert prune(target.cache, 10, lambda: False, lambda holders: None).kept == 1
    target.remove("tool")
    (entry,) = target.cache.glob("store-*/??/*")
    found = [path.lstat() for path in entry.rglob("*") if path.is_file()]
    sizes = {status.st_ino: status.st_size for status in found}
    assert len(sizes) < len(found)
    freed = prune(target.cache, 10, lambda: False, lambda holders: None)
    assert (freed.entries, freed.kept) == (1, 0)
    assert freed.size == sum(sizes.values())  # a file with two names counts once
    assert not list(target.cache.glob("store-*/??/*"))


def test_only_what_this_session_installs_is_compiled(venv: Callable[[], Venv], wheel: Path, tmp_path: Path) -> None:
    target = venv()
    target.put(wheel)
    target.put(build_wheel(tmp_path, "other", "1.0", {"other.py": b""}), compile_bytecode=True)
    assert compiled_in(target.site) == {f"__pycache__/other.{TAG}.pyc"}
    parts = [event.name for event in target.lines.of(SpanStarted)]
    assert parts.index("acquire") < parts.index("compile") < parts.index("plan")


# -- the command


def test_a_list_is_compiled_too(venv: Callable[[], Venv], run_instui: Run, tmp_path: Path, wheel: Path) -> None:
    other = build_wheel(tmp_path, "bad", "1.0", {"bad.py": b"def (:\n"})
    (tmp_path / "list.txt").write_text(f"{wheel}\n{other}\n")
    target = venv()
    words = ("--compile-bytecode", "--ui", "plain", "-v", "--cache-dir", tmp_path / "own")
    done = run_instui("install-many", tmp_path / "list.txt", "--python", target.top, *words)
    assert done.returncode == 0, done.stderr
    assert compiled_in(target.site) == COMPILED
    lines = (done.stdout + done.stderr).splitlines()
    assert [line for line in lines if line.startswith("not compiled: bad.py of bad 1.0: line 1: ")]
    assert [line for line in lines if line.startswith("compiled 5 modules in ") and line.endswith("; 1 could not be")]
    done = run_instui("explain", "--json", "--python", target.top)
    assert "compile" in [stage["name"] for stage in json.loads(done.stdout)["stages"]]


def test_a_dry_run_compiles_nothing(venv: Callable[[], Venv], wheel: Path, tmp_path: Path) -> None:
    target = venv()
    target.cache = tmp_path / "own"
    target.put(wheel, compile_bytecode=True, dry_run=True)
    assert not target.lines.of(CompileStarted)
    assert compiled_in(tmp_path) == set()


def test_uv_removes_what_we_have_compiled(venv: Callable[[], Venv], wheel: Path) -> None:
    target = venv()
    target.put(wheel, compile_bytecode=True)
    uv("pip", "uninstall", "--python", target.top / "bin" / "python", "tool")
    assert compiled_in(target.site) == set()


def test_the_byte_code_is_what_the_compiler_of_python_makes(venv: Callable[[], Venv], wheel: Path) -> None:
    target = venv()
    target.put(wheel, compile_bytecode=True)
    source = target.site / "many" / "inner" / "deep.py"
    made = (target.site / f"many/inner/__pycache__/deep.{TAG}.pyc").read_bytes()
    own = source.with_suffix(".own")
    py_compile.compile(str(source), str(own), dfile="many/inner/deep.py", doraise=True)
    assert made == own.read_bytes()
