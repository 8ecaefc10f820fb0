"""Isolation, determinism and completeness (G1 to G4) against serial oracles, on random overlapping wheels."""

import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from instui_engine.commit import commit, executor, preparation, transaction
from instui_engine.journal.events import CommitFinished, WheelFailed
from support import trees
from support.environments import Venv, examples, jitter
from support.wheelsmith import build_wheel, escaped

# PY stands for the directory of the Python version. No name is a file here and a directory there.
PACKAGE = [
    "README.md",
    "top.py",
    "zz.pth",
    "alpha/__init__.py",
    "alpha/one.py",
    "alpha/sub/deep/er.py",
    "google/__init__.py",
    "google/cloud/a/x.py",
    "google/cloud/a/y.py",
    "google/cloud/b/x.py",
]
DATA = [
    "etc/shared.conf",
    "etc/app/one.conf",
    "etc/app/two/three.conf",
    "share/doc/only.txt",
    "readme.txt",
    "bin/tool",
    "lib/extra.txt",
    "lib/PY/site-packages/README.md",
    "lib/PY/site-packages/alpha/one.py",
    "lib/PY/site-packages/google/cloud/a/x.py",
    "lib64/PY/site-packages/alpha/two.py",
    "include/site/PY/w0/x.h",
]
HEADERS = ["x.h", "sub/y.h"]
SCRIPTS = ["tool", "run.sh"]
COMMANDS = ["go", "tool"]


@dataclass(frozen=True)
class Plan:
    """What one wheel ships; content by path as in the archive."""

    name: str
    version: str = "1.0"
    platlib: bool = False
    files: Mapping[str, bytes] = field(default_factory=dict)
    data: Mapping[str, bytes] = field(default_factory=dict)
    commands: tuple[str, ...] = ()

    def build(self, directory: Path, python: str) -> Path:
        points = "[console_scripts]\n" + "".join(f"{name} = alpha:one\n" for name in self.commands)
        directory.mkdir(parents=True, exist_ok=True)
        return build_wheel(
            directory,
            self.name,
            self.version,
            self.files,
            data={path.replace("PY", python): content for path, content in self.data.items()},
            entry_points=points if self.commands else None,
            root_is_purelib=not self.platlib,
        )

    def destinations(self) -> dict[str, bytes]:
        """Where the files go, and what lies there then: our own reading of the specification. PY as above."""
        site = "lib/PY/site-packages"
        roots = {"data": "", "scripts": "bin/", "headers": f"include/site/PY/{self.name}/"}
        roots |= {"purelib": f"{site}/", "platlib": f"{site}/"}
        found = {f"{site}/{path}": content for path, content in self.files.items()}
        for path, content in self.data.items():
            scheme, _, rest = path.partition("/")
            if not (scheme == "scripts" and rest in self.commands):
                found[f"{roots[scheme]}{rest}".replace("lib64/", "lib/")] = content
        found |= {f"bin/{name}": b"launcher" for name in self.commands}
        return found


@st.composite
def plans(draw: st.DrawFn, names: Sequence[str] = tuple(f"w{n}" for n in range(6)), version: str = "1.0") -> list[Plan]:
    chosen = draw(st.lists(st.sampled_from(names), min_size=2, max_size=len(names), unique=True))
    return [draw(wheel(name, version)) for name in chosen]


@st.composite
def wheel(draw: st.DrawFn, name: str, version: str) -> Plan:
    def pick(paths: Sequence[str], prefix: str = "", most: int = 4) -> dict[str, bytes]:
        picked = draw(st.lists(st.sampled_from(paths), max_size=most, unique=True))
        return {f"{prefix}{path}": content(path) for path in picked}

    def content(path: str) -> bytes:
        return draw(st.sampled_from([b"equal\n", f"{name} {version} {path}\n".encode()]))

    data = {
        **pick(DATA, "data/"),
        **pick(HEADERS, "headers/", 1),
        **pick(SCRIPTS, "scripts/", 1),
        **pick(PACKAGE, "platlib/", 1),
        **pick(PACKAGE, "purelib/", 1),
    }
    commands = tuple(draw(st.lists(st.sampled_from(COMMANDS), max_size=1)))
    plan = Plan(name, version, draw(st.booleans()), pick(PACKAGE), data, commands)
    # two files of one wheel for one place are refused, and that is tested elsewhere
    scripts = sum(path.startswith("scripts/") and path[8:] in commands for path in data)
    assume(len(plan.destinations()) == len(plan.files) + len(data) + len(commands) - scripts)
    return plan


@pytest.fixture
def workshop(tmp_path: Path, make_venv: Callable[[Path], Venv]) -> Callable[[], "Workshop"]:
    # a function-scoped fixture serves all examples, so each takes a directory of its own
    return lambda: Workshop(Path(tempfile.mkdtemp(dir=tmp_path)), make_venv)


class Workshop:
    """A directory with the wheels of one example, and environments that are made at one path, one after the other."""

    def __init__(self, directory: Path, make_venv: Callable[[Path], Venv]) -> None:
        self.directory = directory
        self._make_venv = make_venv
        self.venv = make_venv(directory / "venv")
        self.python = Path(self.venv.environment.roots["purelib"]).parts[1]

    def fresh(self) -> Venv:
        """Launchers name the environment's path, so trees can be compared only if they were made at the same one."""
        self.venv.move_away()
        self.venv = self._make_venv(self.directory / "venv")
        return self.venv

    def build(self, plans: Sequence[Plan], place: str = "wheels") -> list[Path]:
        return [plan.build(self.directory / place, self.python) for plan in plans]

    def expected(self, plans: Sequence[Plan]) -> dict[str, bytes]:
        """What an unzipper would leave that takes the wheels one by one."""
        found: dict[str, bytes] = {}
        for plan in plans:
            found |= plan.destinations()
        return {path.replace("PY", self.python): content for path, content in found.items()}


def present(target: Venv) -> dict[str, bytes]:
    """The files that wheels have put there, launchers by that word, without any `.dist-info`."""
    found = {}
    for path, place in trees.entries(target.top):
        if place.is_file() and not place.is_symlink() and ".dist-info/" not in path and path != "pyvenv.cfg":
            if path.startswith("bin/") and path.partition("/")[2].startswith(("activate", "Activate")):
                continue
            content = place.read_bytes()
            found[path] = b"launcher" if path.startswith("bin/") and b"import" in content else content
    return found


def one_by_one(target: Venv, wheels: Sequence[Path]) -> dict[str, str]:
    for path in wheels:
        target.put(path)
    return trees.tree(target.top)


def same(one: Mapping[str, str], other: Mapping[str, str]) -> None:
    assert trees.differences(one, other) == []


COMMON: dict[str, Any] = {
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]
}


@pytest.mark.sweep
@settings(max_examples=examples(15, 300), **COMMON)
@given(chosen=plans(), jobs=st.integers(1, 16), seed=st.integers(0, 999))
def test_any_timing_and_any_number_of_workers_give_what_one_by_one_gives(
    workshop: Callable[[], Workshop], chosen: list[Plan], jobs: int, seed: int
) -> None:
    shop = workshop()
    wheels = shop.build(chosen)
    target = shop.venv
    with pytest.MonkeyPatch.context() as patch:
        jitter(patch, seed, longest=0.001)
        target.put(*wheels, jobs=jobs)
    found = trees.tree(target.top)
    assert present(target) == shop.expected(chosen)
    last = chosen[-1]
    assert trees.wrong_rows(target.site, f"{last.name}-{last.version}") == []
    assert trees.unlisted(target.site) == []
    same(found, one_by_one(shop.fresh(), wheels))


@pytest.mark.sweep
@settings(max_examples=examples(12, 250), **COMMON)
@given(before=plans(version="0.9"), chosen=plans(), jobs=st.integers(1, 16), seed=st.integers(0, 999))
def test_upgrades_give_what_one_by_one_gives(
    workshop: Callable[[], Workshop], before: list[Plan], chosen: list[Plan], jobs: int, seed: int
) -> None:
    shop = workshop()
    old, wheels = shop.build(before, "old"), shop.build(chosen)
    target = shop.venv
    target.put(*old)
    with pytest.MonkeyPatch.context() as patch:
        jitter(patch, seed, longest=0.001)
        target.put(*wheels, jobs=jobs)
    found = trees.tree(target.top)
    last = chosen[-1]
    assert trees.wrong_rows(target.site, f"{last.name}-{last.version}") == []
    assert trees.unlisted(target.site) == []
    other = shop.fresh()
    other.put(*old)
    same(found, one_by_one(other, wheels))


def test_what_two_old_versions_share_stays_until_the_first_is_gone(
    tmp_path: Path, venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one removes it; it must not come before the first one, which may fail yet."""
    old = [build_wheel(tmp_path, name, "0.9", {"shared/gone.py": b"", f"{name}.py": b""}) for name in ("one", "two")]
    new = [build_wheel(tmp_path, name, "1.0", {f"{name}.py": b"new"}) for name in ("one", "two")]
    target = venv()
    target.put(*old)
    run = transaction.run

    def failing(tree: Any, what: transaction.Transaction, *rest: Any) -> None:
        if what.name == "one":
            time.sleep(0.3)  # what does not have to wait is done by then
            raise OSError("as if the disk were full")
        run(tree, what, *rest)

    monkeypatch.setattr(executor, "run", failing)
    assert target.install(*new, jobs=2).exit_code == 1
    for name in trees.distributions(target.site):
        assert trees.complete(target.site, name), name


def test_directories_that_two_old_versions_share_go_with_the_second(tmp_path: Path, venv: Callable[[], Venv]) -> None:
    files: dict[str, dict[str, bytes]] = {"one": {"ns/__init__.py": b""}, "two": {"ns/deep/er/a.py": b""}}
    old = {name: build_wheel(tmp_path, name, "0.9", files[name]) for name in files}
    new = {name: build_wheel(tmp_path, name, "1.0", {f"{name}.py": b""}) for name in files}
    for order in (("one", "two"), ("two", "one")):
        target = venv()
        target.put(*old.values())
        target.put(*(new[name] for name in order), jobs=2)
        assert trees.unlisted(target.site) == []


def test_a_file_of_two_old_versions_goes_with_the_second(tmp_path: Path, venv: Callable[[], Venv]) -> None:
    old = [build_wheel(tmp_path, name, "0.9", {"shared/gone.py": b"", f"{name}.py": b""}) for name in ("one", "two")]
    new = [build_wheel(tmp_path, name, "1.0", {f"{name}.py": b""}) for name in ("one", "two")]
    target = venv()
    target.put(*old)
    target.put(*new)
    assert trees.unlisted(target.site) == []


@pytest.mark.sweep
@settings(max_examples=examples(10, 200), **COMMON)
@given(chosen=plans(names=("w0", "w1", "w2", "w3")), parts=st.lists(st.integers(0, 2), min_size=4, max_size=4))
def test_sessions_at_once_give_what_some_serial_order_gives(
    workshop: Callable[[], Workshop], chosen: list[Plan], parts: list[int]
) -> None:
    shop = workshop()
    wheels = shop.build(chosen)
    groups = [[path for path, part in zip(wheels, parts, strict=False) if part == number] for number in range(3)]
    target = shop.venv
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(3) as pool:
        jitter(patch, sum(parts), longest=0.001)
        outcomes = list(
            pool.map(lambda group: Venv(target.top, target.cache).install(*group, jobs=4), filter(None, groups))
        )
    assert [(o.exit_code, o.error) for o in outcomes] == [(0, "")] * len(outcomes)
    found = present(target)
    assert any(found == shop.expected(order) for order in itertools.permutations(chosen)), found
    assert trees.unlisted(target.site) == []
    assert len(trees.distributions(target.site)) == len(chosen)


def test_two_sessions_that_install_the_same_wheels_both_succeed(
    tmp_path: Path, venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = [build_wheel(tmp_path, f"w{n}", "1.0", {"same/a.py": b"%d" % n, f"w{n}.py": b""}) for n in range(6)]
    target = venv()
    jitter(monkeypatch, 1)
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda _: Venv(target.top, target.cache).install(*wheels, jobs=4), range(3)))
    assert [(o.exit_code, o.error) for o in outcomes] == [(0, "")] * 3
    assert len(trees.distributions(target.site)) == 6
    assert trees.unlisted(target.site) == []
    assert any(trees.complete(target.site, f"w{n}-1.0") for n in range(6))


def test_two_runs_from_the_same_start_are_byte_identical(tmp_path: Path, make_venv: Callable[[Path], Venv]) -> None:
    wheels = [
        build_wheel(
            tmp_path,
            f"w{n}",
            "1.0",
            {"same/a.py": b"%d" % n, f"w{n}/a.py": b""},
            entry_points=f"[console_scripts]\nc{n}=a:b\n",
        )
        for n in range(12)
    ]
    found = set()
    for jobs in (1, 2, 8, 16):
        target = make_venv(tmp_path / "venv")
        target.put(*wheels, jobs=jobs)
        found.add(trees.digest(target.top))
        target.move_away()
    assert len(found) == 1


def test_a_target_inside_an_environment_is_part_of_its_tree(tmp_path: Path, venv: Callable[[], Venv]) -> None:
    from instui_engine.target.environment import discover

    wheels = [build_wheel(tmp_path, f"w{n}", "1.0", {"same/a.py": b"%d" % n}) for n in range(8)]
    outer = venv()
    inner = Venv(outer.top, outer.cache)
    inner.environment = discover(outer.cache, python=str(outer.top), target=str(outer.site))
    assert inner.environment.top == outer.environment.top
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(outer.install, *wheels[:4], jobs=4)
        second = pool.submit(inner.install, *wheels[4:], jobs=4)
        assert [first.result().error, second.result().error] == ["", ""]
    assert trees.complete(outer.site, "w3-1.0") or trees.complete(outer.site, "w7-1.0")


# --- plans that go stale


@pytest.fixture
def between_plan_and_commit(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Lets something happen once, after a session has planned and before it commits."""

    def set_up(happen: Callable[[], object]) -> None:
        original = commit.Commit.__init__

        def late(self: commit.Commit, *arguments: Any) -> None:
            monkeypatch.setattr(commit.Commit, "__init__", original)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(happen).result()
            original(self, *arguments)

        monkeypatch.setattr(commit.Commit, "__init__", late)

    return set_up


def test_a_wheel_whose_plan_went_stale_keeps_its_place_in_the_order(
    tmp_path: Path, venv: Callable[[], Venv], between_plan_and_commit: Callable[[Callable[[], object]], None]
) -> None:
    first, last = (build_wheel(tmp_path, name, "1.0", {"same/a.py": name.encode()}) for name in ("first", "last"))
    older = build_wheel(tmp_path, "first", "0.9", {"other.py": b""})
    target = venv()
    between_plan_and_commit(lambda: Venv(target.top, target.cache).put(older))
    target.put(first, last, jobs=4)
    assert set(trees.distributions(target.site)) == {"first-1.0", "last-1.0"}
    assert trees.wrong_rows(target.site, "last-1.0") == []
    assert trees.unlisted(target.site) == []


def test_an_upgrade_leaves_a_file_that_somebody_else_has_installed_since_the_plan(
    tmp_path: Path, venv: Callable[[], Venv], between_plan_and_commit: Callable[[Callable[[], object]], None]
) -> None:
    old = build_wheel(tmp_path, "mover", "0.9", {"same/moved.py": b"old", "same/gone.py": b"old"})
    new = build_wheel(tmp_path, "mover", "1.0", {"mover.py": b"new"})
    co_owner = build_wheel(tmp_path, "other", "1.0", {"same/moved.py": b"other"})
    target = venv()
    target.put(old)
    between_plan_and_commit(lambda: Venv(target.top, target.cache).put(co_owner))
    target.put(new)
    assert trees.wrong_rows(target.site, "other-1.0") == []
    assert trees.wrong_rows(target.site, "mover-1.0") == []
    assert trees.unlisted(target.site) == []


def test_a_file_where_a_directory_must_go_is_found_under_the_claims(
    tmp_path: Path, venv: Callable[[], Venv], between_plan_and_commit: Callable[[Callable[[], object]], None]
) -> None:
    package = build_wheel(tmp_path, "package", "1.0", {"thing/a.py": b""})
    in_the_way = build_wheel(tmp_path, "in_the_way", "1.0", {"thing": b"a file"})
    target = venv()
    between_plan_and_commit(lambda: Venv(target.top, target.cache).put(in_the_way))
    outcome = target.install(package)
    assert outcome.exit_code == 1
    assert "thing is a file" in outcome.error
    assert set(trees.distributions(target.site)) == {"in_the_way-1.0"}
    assert trees.complete(target.site, "in_the_way-1.0")


@pytest.mark.parametrize("installed", [False, True])
def test_a_clash_of_kinds_is_found_in_the_plan_and_names_both(
    installed: bool, tmp_path: Path, venv: Callable[[], Venv]
) -> None:
    package = build_wheel(tmp_path, "package", "1.0", {"thing/a.py": b""})
    file = build_wheel(tmp_path, "file", "1.0", {"thing": b"a file"})
    for first, second in ((package, file), (file, package)):
        target = venv()
        if installed:
            target.put(first)
        before = trees.tree(target.top)
        outcome = target.install(second) if installed else target.install(first, second)
        assert outcome.exit_code == 1
        assert "package 1.0" in outcome.error
        assert "file 1.0" in outcome.error
        same(before, trees.tree(target.top))


# --- a directory that somebody empties just now


def test_a_shared_directory_that_vanishes_is_made_again(
    tmp_path: Path, venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = build_wheel(tmp_path, "one", "1.0", {"ns/one/deep/er/a.py": b""})
    target = venv()
    (target.site / "ns").mkdir()
    prepare = preparation.prepare

    def vanishing(*arguments: Any) -> Any:
        steps = prepare(*arguments)
        (target.site / "ns").rmdir()  # as the undo of another session's failed wheel does
        return steps

    monkeypatch.setattr(executor, "prepare", vanishing)
    target.put(one)
    assert trees.complete(target.site, "one-1.0")


# --- a commit that fails


@pytest.fixture
def scene(tmp_path: Path) -> dict[str, Path]:
    """Wheels for a commit in which every kind of step happens."""
    return {
        "neighbour": build_wheel(
            tmp_path, "neighbour", "1.0", {"pkg/a.py": b"neighbour", "README.md": b"n"}, data={"data/etc/n.conf": b"n"}
        ),
        "old": build_wheel(
            tmp_path,
            "victim",
            "0.9",
            {"pkg/b.py": b"old", "pkg/gone/c.py": b"old", "gone.py": b"old", "away/x/y.py": b"old"},
            data={"data/share/old/x": b"old"},
        ),
        "new": build_wheel(
            tmp_path,
            "victim",
            "1.0",
            {"pkg/a.py": b"new", "pkg/b.py": b"new", "pkg/deep/er/d.py": b"new", "README.md": b"new", "ns/x/e.py": b""},
            data={
                "data/etc/n.conf": b"new",
                "data/etc/v/v.conf": b"v",
                "headers/v.h": b"v",
                "scripts/v": b"#!python\n",
            },
            entry_points="[console_scripts]\nvictim = pkg:a\n",
        ),
        "earlier": build_wheel(tmp_path, "earlier", "1.0", {"earlier/a.py": b"", "README.md": b"earlier"}),
    }


@pytest.mark.parametrize("upgrade", [False, True])
@pytest.mark.parametrize("call", ["rename", "mkdir", "rmdir", "link"])
def test_a_commit_that_fails_at_any_step_leaves_no_trace(
    call: str, upgrade: bool, scene: dict[str, Path], venv: Callable[[], Venv]
) -> None:
    target = venv()
    target.put(scene["neighbour"], *([scene["old"]] if upgrade else []), scene["earlier"])
    before = trees.tree(target.top)
    for step in itertools.count():
        outcome, failed = install_with_failure(target, call, step, scene["new"])
        if not failed or outcome.exit_code == 0:
            # a link falls back to a copy, a directory that cannot be removed stays
            assert outcome.error == ""
            if not failed:
                break
            assert call in ("link", "rmdir")
            target = venv()
            target.put(scene["neighbour"], *([scene["old"]] if upgrade else []), scene["earlier"])
            before = trees.tree(target.top)
            continue
        assert outcome.exit_code == 1
        assert "\n" not in outcome.error
        assert "No space left" in outcome.error
        assert "victim 1.0" in outcome.error
        assert [event.wheel for event in target.lines.of(WheelFailed)] == ["victim"]
        same(before, trees.tree(target.top))
        assert target.stages() == []
        assert outcome.installed == ()
    assert step > (5 if call == "rename" else 0) or (call == "rmdir" and not upgrade)
    assert trees.complete(target.site, "victim-1.0")
    assert trees.unlisted(target.site) == []


def install_with_failure(target: Venv, call: str, step: int, *wheels: Path) -> tuple[Any, bool]:
    """Install; the `step`-th call within the transaction (of the environment's own paths) fails with ENOSPC."""
    import errno
    import os

    original = getattr(os, call)
    seen = 0
    failed = False

    def failing(*arguments: Any, **options: Any) -> Any:
        nonlocal seen, failed
        if committing:
            seen += 1
            if seen == step + 1:
                failed = True
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[-1]))
        return original(*arguments, **options)

    committing = False
    run = transaction.run

    def watched(*arguments: Any) -> None:
        nonlocal committing
        committing = True
        try:
            run(*arguments)
        finally:
            committing = False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, call, failing)
        patch.setattr(executor, "run", watched)
        return target.install(*wheels), failed


def test_wheels_before_and_after_a_failed_one_are_whole_or_absent(
    tmp_path: Path, scene: dict[str, Path], venv: Callable[[], Venv]
) -> None:
    later = [
        build_wheel(tmp_path, f"later{n}", "1.0", {f"later{n}/a.py": b"", "pkg/a.py": b"%d" % n}) for n in range(4)
    ]
    for step in range(0, 40, 3):
        target = venv()
        outcome, failed = install_with_failure(target, "rename", step, scene["neighbour"], scene["new"], *later)
        names = {path.rpartition("-")[0] for path in trees.distributions(target.site)}
        assert names == set(map(escaped, outcome.installed)) == {e.wheel for e in target.lines.of(CommitFinished)}
        assert trees.unlisted(target.site) == []
        if failed:
            assert outcome.exit_code == 1
            assert len(outcome.installed) < 6
        if outcome.installed:
            assert trees.complete(target.site, f"{outcome.installed[-1]}-1.0")
        assert target.stages() == []
        target.put(scene["neighbour"], scene["new"], *later)
        assert trees.complete(target.site, "later3-1.0")


def test_the_metadata_directory_comes_last_and_the_old_one_goes_first(
    scene: dict[str, Path], venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No reader ever sees a distribution that is listed and torn: looked at before every step."""
    target = venv()
    target.put(scene["neighbour"], scene["old"])
    seen: list[tuple[str, ...]] = []
    take = transaction.take

    def watched(tree: Any, step: transaction.Step) -> None:
        take(tree, step)
        listed = [name for name in trees.distributions(target.site) if name.startswith("victim")]
        for name in listed:
            assert trees.complete(target.site, name), f"{name} is listed and torn after {step}"
        seen.append(tuple(listed))

    monkeypatch.setattr(transaction, "take", watched)
    target.put(scene["new"])
    assert len(seen) > 10
    assert set(seen[:-1]) == {()}
    assert seen[-1] == ("victim-1.0",)


def test_a_reader_always_finds_one_version_of_an_overridden_file(
    tmp_path: Path, venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is replaced by a rename: it is never absent, empty or half-written."""
    versions = [b"%d" % n * 5000 for n in range(3)]
    wheels = [build_wheel(tmp_path, f"w{n}", "1.0", {"same/a.py": versions[n]}) for n in range(3)]
    target = venv()
    target.put(wheels[0])
    import os

    checks = 0

    def checking(call: Callable[..., Any]) -> Callable[..., Any]:
        def checked(*arguments: Any, **options: Any) -> Any:
            nonlocal checks
            assert (target.site / "same" / "a.py").read_bytes() in versions
            result = call(*arguments, **options)
            assert (target.site / "same" / "a.py").read_bytes() in versions
            checks += 1
            return result

        return checked

    inode = (target.site / "same" / "a.py").stat().st_ino
    with monkeypatch.context() as patch:
        for name in ("rename", "link", "unlink", "open"):
            patch.setattr(os, name, checking(getattr(os, name)))
        target.put(wheels[1], wheels[2], jobs=4)
    assert checks > 10
    assert (target.site / "same" / "a.py").stat().st_ino != inode
    assert (target.site / "same" / "a.py").read_bytes() == versions[2]


def test_the_store_is_never_written_through_a_link(tmp_path: Path, venv: Callable[[], Venv]) -> None:
    """The files of an environment are hard links into the store; replacing one leaves the store's file as it was."""
    one, two = (build_wheel(tmp_path, name, "1.0", {"same/a.py": name.encode()}) for name in ("one", "two"))
    target, other = venv(), venv()
    target.put(one, two)
    target.put(one, reinstall=True)
    other.put(one)
    assert trees.complete(other.site, "one-1.0")
    assert trees.complete(target.site, "one-1.0")


@pytest.fixture(autouse=True)
def _forget_examples(tmp_path: Path) -> Iterator[None]:
    yield
    for path in tmp_path.glob("tmp*"):  # what Hypothesis has tried: hundreds of environments
        shutil.rmtree(path, ignore_errors=True)


def test_a_file_that_somebody_else_has_installed_since_the_plan_is_no_silent_overwrite(
    tmp_path: Path, venv: Callable[[], Venv], between_plan_and_commit: Callable[[Callable[[], object]], None]
) -> None:
    mine, theirs = (build_wheel(tmp_path, name, "1.0", {"same/a.py": name.encode()}) for name in ("mine", "theirs"))
    target = venv()
    between_plan_and_commit(lambda: Venv(target.top, target.cache).put(theirs))
    target.put(mine)
    lines = "".join(journal.read_text() for journal in target.journals())
    assert '"old":"theirs 1.0","new":"mine 1.0","same":false' in lines
    refused = venv()
    between_plan_and_commit(lambda: Venv(refused.top, refused.cache).put(theirs))
    outcome = refused.install(mine, fail_on_conflict=True)
    assert outcome.exit_code == 3 and "theirs 1.0" in outcome.error
    assert (refused.site / "same" / "a.py").read_bytes() == b"theirs"
