"""Directories that are renamed away as a whole: only those of one distribution alone; nothing of anybody is lost."""

import errno
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from instui_engine import helper
from instui_engine.commit import transaction, whole
from instui_engine.commit.transaction import Step
from instui_engine.fs import rmtree
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.journal.events import CommitStarted, Warned
from instui_engine.plan.planner import plan_wheels
from instui_engine.plan.removal import plan_removals
from instui_engine.target.installed import scan
from support import trees
from support.cli import installed, ok
from support.environments import Venv, entry, install_old_record, planned_environment
from support.killing import run_killed
from support.wheelsmith import build_wheel

KINDS = ("upgrade", "reinstall", "uninstall")


def wheel(place: Path, version: str, files: int = 3) -> Path:
    place.mkdir(exist_ok=True)
    content = {f"pkg/m{number}.py": f"{version}\n".encode() for number in range(files)}
    return build_wheel(place, "pkg", version, {**content, "pkg/deep/er/a.py": b"", f"pkg/only{version}.py": b""})


@pytest.fixture
def versions(tmp_path: Path) -> dict[str, Path]:
    return {version: wheel(tmp_path, version) for version in ("1.0", "2.0")}


def change(target: Venv, kind: str, versions: dict[str, Path]) -> None:
    """Upgrade, reinstall or uninstall pkg, of which 1.0 is there."""
    if kind == "uninstall":
        target.remove("pkg")
    else:
        target.put(versions["2.0" if kind == "upgrade" else "1.0"], reinstall=kind == "reinstall")


def is_as_it_should_be(target: Venv, kind: str) -> bool:
    left = {"upgrade": "2.0", "reinstall": "1.0"}.get(kind, "")
    return installed(target.site) == ({"pkg": left} if left else {}) and (
        not left or trees.complete(target.site, f"pkg-{left}")
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_steps_of_a_commit_do_not_grow_with_the_files(kind: str, venv: Callable[[], Venv], tmp_path: Path) -> None:
    steps = []
    for count in (3, 30):
        versions = {version: wheel(tmp_path / str(count), version, count) for version in ("1.0", "2.0")}
        target = venv()
        target.put(versions["1.0"])
        change(target, kind, versions)
        assert is_as_it_should_be(target, kind)
        assert trees.unlisted(target.site) == []
        steps.append(target.lines.of(CommitStarted)[0].renames)
    assert steps[0] == steps[1] <= 4


def before_each(monkeypatch: pytest.MonkeyPatch, action: Callable[[DirfdTree, Step], None]) -> None:
    take = transaction.take

    def watched(tree: DirfdTree, step: Step) -> None:
        action(tree, step)
        take(tree, step)

    monkeypatch.setattr(transaction, "take", watched)


def age(target: Venv) -> None:
    """Let all directories be as if they had not been changed for a long time."""
    for directory in (target.site / "pkg", *(target.site / "pkg").rglob("*/")):
        os.utime(directory, (1e9 + 0.5, 1e9 + 0.5))
    time.sleep(0.2)  # their ctime is that of now


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_old", [True, False])
@pytest.mark.parametrize("place", ["pkg/mine.txt", "pkg/deep/er/mine.txt", "pkg/new/mine.txt", "pkg/m0.py/mine.txt"])
def test_a_file_that_comes_between_the_check_and_the_rename_comes_back(
    kind: str,
    place: str,
    is_old: bool,
    venv: Callable[[], Venv],
    versions: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = venv()
    target.put(versions["1.0"])
    if is_old:
        age(target)
    mine = target.site / place

    def put(tree: DirfdTree, step: Step) -> None:
        if step.action == "retire" and step.path.endswith("/pkg"):
            if mine.parent.is_file():
                mine.parent.unlink()
            mine.parent.mkdir(parents=True, exist_ok=True)
            mine.write_text("of the user")

    before_each(monkeypatch, put)
    change(target, kind, versions)
    warned = [event.text for event in target.lines.of(Warned)]
    assert is_as_it_should_be(target, kind)
    if "m0.py" in place and kind != "uninstall":  # the new version has a file there
        beside = target.site / "pkg" / "m0.py.saved1" / "mine.txt"
        assert beside.read_text() == "of the user"
        assert any("kept as" in text and "m0.py.saved1" in text for text in warned)
    else:
        assert mine.read_text() == "of the user"
        assert warned == []


@pytest.mark.parametrize("place", ["pkg", "pkg/deep", "pkg/deep/er"])
def test_a_file_comes_back_from_a_directory_whose_mtime_was_set_back(
    place: str, venv: Callable[[], Venv], versions: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As rsync and tar do that."""
    target = venv()
    target.put(versions["1.0"])
    age(target)
    directory = target.site / place

    def put(tree: DirfdTree, step: Step) -> None:
        if step.action == "retire" and step.path.endswith("/pkg"):
            before = directory.stat()
            (directory / "mine.txt").write_text("of the user")
            os.utime(directory, ns=(before.st_atime_ns, before.st_mtime_ns))

    before_each(monkeypatch, put)
    change(target, "uninstall", versions)
    assert (directory / "mine.txt").read_text() == "of the user"


@pytest.mark.parametrize("is_old", [True, False])
def test_only_what_was_changed_since_the_check_is_listed_again(
    is_old: bool, venv: Callable[[], Venv], versions: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = venv()
    target.put(versions["1.0"])
    if is_old:
        age(target)
    else:  # on a busy machine they are old enough by then
        monkeypatch.setattr(whole, "is_settled", lambda changed: False)
    listed: list[str] = []
    scan = DirfdTree.scan

    def counted(tree: DirfdTree, directory: str) -> object:
        listed.append(directory)
        return scan(tree, directory)

    monkeypatch.setattr(DirfdTree, "scan", counted)
    change(target, "uninstall", versions)
    assert len(listed) == (4 if is_old else 6)  # `pkg`, `pkg/deep` and `pkg/deep/er`; then `pkg`, or all of them


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_comes_between_the_plan_and_the_commit_stays_where_it_is(
    kind: str, venv: Callable[[], Venv], versions: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from instui_engine.commit.commit import Commit

    target = venv()
    target.put(versions["1.0"])
    run = Commit.run

    def late(self: Commit) -> None:
        (target.site / "pkg" / "mine.txt").write_text("of the user")
        run(self)

    monkeypatch.setattr(Commit, "run", late)
    inode = (target.site / "pkg").stat().st_ino
    change(target, kind, versions)
    assert (target.site / "pkg" / "mine.txt").read_text() == "of the user"
    assert (target.site / "pkg").stat().st_ino == inode  # file by file
    assert is_as_it_should_be(target, kind)
    assert trees.unlisted(target.site) == ["pkg/mine.txt"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_an_error_at_any_step_leaves_everything_as_it_was(
    kind: str, code: int, venv: Callable[[], Venv], versions: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = venv()
    target.put(versions["1.0"])
    before = trees.tree(target.top)
    for point in range(20):
        count = 0

        def failing(tree: DirfdTree, step: Step, point: int = point) -> None:
            nonlocal count
            count += 1
            if count == point + 1:
                raise OSError(code, os.strerror(code), step.path)

        with monkeypatch.context() as patched:
            before_each(patched, failing)
            try:
                change(target, kind, versions)
            except AssertionError:
                assert trees.differences(trees.tree(target.top), before) == []
                continue
        assert point >= 2
        break
    assert is_as_it_should_be(target, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_where_a_directory_cannot_be_renamed_its_files_are(
    kind: str, venv: Callable[[], Venv], versions: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a lower layer of overlayfs."""
    target = venv()
    target.put(versions["1.0"])
    inode = (target.site / "pkg").stat().st_ino
    rename = os.rename
    refused = []

    def refusing(source: Any, to: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
        if src_dir_fd is not None and os.stat(source, dir_fd=src_dir_fd, follow_symlinks=False).st_ino == inode:
            refused.append(source)
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(source, to, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "rename", refusing)
    change(target, kind, versions)
    assert refused
    assert is_as_it_should_be(target, kind)
    assert trees.unlisted(target.site) == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_before_a_kill_or_after_it_is_still_there_after_recovery(
    kind: str,
    venv: Callable[[], Venv],
    versions: dict[str, Path],
    clean_environ: dict[str, str],
    run_instui: Run,
    tmp_path: Path,
) -> None:
    """Killed before, between and after the steps: what is in the directory by then comes back, wherever that lies."""
    arguments = ("uninstall", "pkg") if kind == "uninstall" else (
        "install", "--no-deps", *(["--reinstall"] if kind == "reinstall" else []),
        versions["2.0" if kind == "upgrade" else "1.0"],
    )  # fmt: skip
    other = build_wheel(tmp_path, "other", "1.0", {"other.py": b""})
    for point in range(10):
        target = venv()
        target.put(versions["1.0"])
        if run_killed(clean_environ, "pkg", point, *arguments, "--python", target.top) == 0:
            assert point >= 2
            return
        away = [path for path in (target.top / ".instui" / "stage").glob("*/*/old*") if (path / "m0.py").exists()]
        places = [place for place in (target.site / "pkg", *away) if place.is_dir()]
        for number, place in enumerate(places):
            (place / f"mine{number}.txt").write_text("of the user")
        ok(run_instui("install", "--no-deps", other, "--no-fsync", "--ui", "none", "--python", target.top))
        for number in range(len(places)):
            assert (target.site / "pkg" / f"mine{number}.txt").read_text() == "of the user", point
        for name in trees.distributions(target.site):
            assert trees.complete(target.site, name), point
        found = [path for path in trees.unlisted(target.site) if "mine" not in path]
        assert found == [], point
    raise AssertionError("it never came to its end")


def test_files_of_others_in_a_directory_that_comes_back_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "saved" / "deep").mkdir(parents=True)
    for name in ("a.py", "b.py", "deep/c.py"):
        (tmp_path / "saved" / name).write_text("ours")
    (tmp_path / "pkg" / "deep").mkdir(parents=True)
    (tmp_path / "pkg" / "a.py").write_text("of the user")
    with DirfdTree(tmp_path) as tree:
        old = tree.fingerprint("saved")
        step = Step("retire", "pkg", saved="saved", old=old)
        changed = transaction._bring_back(tree, step, tree.fingerprint("pkg"), True, frozenset())
    assert changed == ["pkg/a.py"]
    assert (tmp_path / "pkg" / "a.py").read_text() == "of the user"
    assert (tmp_path / "pkg" / "deep" / "c.py").read_text() == "ours"


def counted(calls: Counter[Any], name: object, call: Callable[..., Any]) -> Callable[..., Any]:
    def counting(*words: Any, **named: Any) -> Any:
        calls[name] += 1
        return call(*words, **named)

    return counting


@pytest.mark.parametrize("kind", ["apart", "one directory"])
def test_listings_of_a_plan_grow_with_the_number_of_wheels_alone(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where all of them have files in one directory."""
    calls: Counter[tuple[str, int]] = Counter()
    sizes = (10, 40)
    for size in sizes:
        environment = planned_environment(tmp_path / str(size))
        site = environment.top / environment.site_packages[0]
        site.mkdir(parents=True)
        names = [f"dist{number:03}" for number in range(size)]
        for name in names:
            own = [f"{name}/m{number}.py" for number in range(5)]
            install_old_record(site, name, "0.9", [*own, *([f"shared/{name}.py"] if kind != "apart" else [])])
        with monkeypatch.context() as patched:
            for module, call in ((os, "scandir"), (os, "listdir"), (os, "stat"), (os, "lstat"), (os.path, "realpath")):
                patched.setattr(module, call, counted(calls, (call, size), getattr(module, call)))
            installed_now = scan(environment)
            removals = plan_removals(environment, installed_now, names)
            ready = [entry(name, [f"{name}/m0.py"], version="1.0") for name in names]
            upgrades = plan_wheels(environment, scan(environment), ready)
        assert all(plan.whole for plan in (*removals, *upgrades))
        if kind != "apart":
            assert any(path.endswith("/shared") for path in (*removals[-1].emptied, removals[-1].whole[-1].path))
    assert calls["scandir", sizes[1]]
    for (call, size), count in calls.items():
        if size == sizes[1]:
            assert count <= 4 * calls[call, sizes[0]] + 8, call


def test_the_session_counts_as_alive_as_long_as_anything_removes_its_files(
    venv: Callable[[], Venv], versions: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = venv()
    target.put(versions["1.0"])
    start = helper.start
    kept: list[tuple[str, str]] = []

    def watched(module: str, inherited: Sequence[int] = ()) -> helper.Helper | None:
        kept.extend((module, os.readlink(f"/proc/self/fd/{number}")) for number in inherited)
        return start(module, inherited)

    monkeypatch.setattr(helper, "start", watched)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(rmtree, "_MANY", 1)
    target.remove("pkg", jobs=2)
    newest = max(target.journals(), key=lambda path: path.stat().st_mtime_ns)  # ids of one second are in any order
    assert kept == [(rmtree.__name__, str(newest))]
