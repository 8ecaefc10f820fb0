"""Several real processes at once, random overlapping wheels, upgrades among them: judged by journals and the tree.

The journals must be a serialisable history (`instui_engine.history`), and the serial order that is read off them, taken
one wheel after the other in a fresh environment, must leave the same tree, byte for byte.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

import trees
from conftest import Start
from environments import Session, Venv
from instui_engine import commit
from instui_engine.events import EnvironmentWaiting, LockWaiting, SessionStarted
from instui_engine.history import Report, check
from wheelsmith import build_wheel

PROC_LOCKS = Path("/proc/locks").exists()
NAMES = tuple(f"w{number}" for number in range(7))
PACKAGES = (
    "README.md",
    "ns/__init__.py",
    "ns/a/x.py",
    "ns/a/y.py",
    "ns/a/deep/er/z.py",
    "ns/b/x.py",
    "other/x.py",
    "other/y.py",
)
DATA = ("data/etc/app/one.conf", "data/etc/app/two.conf", "data/etc/top.conf", "scripts/tool")

# Runs before each of the processes: every rename takes a random while, and where it is told so, no claim is taken.
SITE = """
import os, random, time

def slowed(call, chance=random.Random(os.environ["HISTORY_SEED"])):
    def slow(*arguments, **options):
        if chance.random() < 0.5:
            time.sleep(chance.random() * float(os.environ["HISTORY_DELAY"]))
        return call(*arguments, **options)
    return slow

os.rename, os.mkdir = slowed(os.rename), slowed(os.mkdir)
if os.environ.get("HISTORY_UNLOCKED"):
    from instui_engine.claimfiles import ClaimFiles
    ClaimFiles.acquire = lambda self, *arguments, **options: []
"""


class Case(NamedTuple):
    """What is there before, and what each process installs."""

    before: list[Path]
    groups: list[list[Path]]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    directory = tmp_path / "site"
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(SITE)
    return directory


def wheel(directory: Path, name: str, version: str, chance: Random) -> Path:
    """Files that others ship as well, and one of its own."""

    def content(path: str) -> bytes:
        return b"equal\n" if chance.random() < 0.2 else f"{name} {version} {path}\n".encode()

    files = {path: content(path) for path in chance.sample(PACKAGES, chance.randint(1, 4))}
    data = {path: content(path) for path in chance.sample(DATA, chance.randint(0, 2))}
    points = f"[console_scripts]\n{chance.choice(['go', name])} = {name}:main\n" if chance.random() < 0.5 else None
    directory.mkdir(exist_ok=True)
    return build_wheel(directory, name, version, {**files, f"{name}.py": b""}, data=data, entry_points=points)


def case(directory: Path, chance: Random) -> Case:
    """Three or four groups; about half of the wheels are upgrades, and one distribution may be in several groups."""
    before = [wheel(directory / "old", name, "0.9", chance) for name in chance.sample(NAMES, 4)]
    groups = []
    for number in range(chance.randint(3, 4)):
        names = chance.sample(NAMES, chance.randint(1, 3))
        groups.append([wheel(directory / f"new{number}", name, f"1.{number}", chance) for name in names])
    return Case(before, groups)


@contextmanager
def held_back(venv: Venv) -> Iterator[None]:
    """Nobody commits meanwhile: the environment's lock is taken, as uv takes it."""
    with venv.environment.lock_path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run_together(start: Start, target: Venv, groups: Sequence[Sequence[Path]], env: Mapping[str, str]) -> list[Session]:
    """Install every group by a process of its own; all begin to commit at the same moment."""
    with held_back(target):
        sessions = [
            start(target, "--jobs", 3, *group, env={**env, "HISTORY_SEED": str(number)})
            for number, group in enumerate(groups)
        ]
        for session in sessions:
            session.wait_for(EnvironmentWaiting)
    return sessions


def variables(site: Path, delay: float) -> dict[str, str]:
    paths = [str(site), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "HISTORY_DELAY": str(delay)}


def judge(sessions: Sequence[Session]) -> Report:
    return check([session.lines.events for session in sessions])


def in_order(report: Report, sessions: Sequence[Session], groups: Sequence[Sequence[Path]]) -> list[Path]:
    """The wheels in the serial order that was found."""
    wheels = {}
    for session, group in zip(sessions, groups, strict=True):
        (started,) = session.lines.of(SessionStarted)
        wheels.update({f"{started.session}/{path.name.partition('-')[0]}": path for path in group})
    assert sorted(report.order) == sorted(wheels)
    return [wheels[name] for name in report.order]


@pytest.mark.sweep
def test_what_processes_do_at_once_some_serial_order_does_as_well(
    tmp_path: Path,
    make_venv: Callable[[Path], Venv],
    start_instui: Start,
    site: Path,
    rounds: Callable[[int, int], range],
) -> None:
    for seed in rounds(5, 80):
        chance = Random(seed)
        place = tmp_path / str(seed)
        place.mkdir()
        before, groups = case(place, chance)
        target = make_venv(place / "venv")
        target.put(*before)
        sessions = run_together(start_instui, target, groups, variables(site, chance.choice([0.0, 0.002, 0.02])))
        assert [session.finish() for session in sessions] == [(0, "")] * len(sessions), seed
        report = judge(sessions)
        assert report.violations == report.unknown == (), seed
        if PROC_LOCKS:
            waits = [
                wait
                for session in sessions
                for kind in (LockWaiting, EnvironmentWaiting)
                for wait in session.lines.of(kind)
            ]
            assert [wait for wait in waits if not wait.holders] == [], seed
        order = in_order(report, sessions, groups)
        found = trees.tree(target.top)
        target.move_away()
        serial = make_venv(target.top)
        serial.put(*before)
        for path in order:
            serial.put(path)
        assert trees.differences(found, trees.tree(serial.top)) == [], (seed, [path.name for path in order])


def test_processes_that_take_no_claims_are_found_out(
    tmp_path: Path, venv: Callable[[], Venv], start_instui: Start, site: Path
) -> None:
    """So the judge would notice if the locks did not hold."""
    files = [f"shared/m{number:02}.py" for number in range(40)]
    base = build_wheel(tmp_path, "base", "1.0", dict.fromkeys(files, b"base"))
    groups = [[build_wheel(tmp_path, name, "1.0", dict.fromkeys(files, name.encode()))] for name in ("one", "other")]
    for _ in range(5):
        target = venv()
        target.put(base)
        sessions = run_together(start_instui, target, groups, {**variables(site, 0.05), "HISTORY_UNLOCKED": "1"})
        for session in sessions:  # how they end is anybody's guess: each may take the other one for dead
            session.finish()
        if any("/shared at once, for " in sentence for sentence in judge(sessions).violations):
            return
    raise AssertionError("nobody noticed")


# --- removals that another session has made wrong since they were planned

Happening = Callable[[int, Callable[[], object]], None]


@pytest.fixture
def before_commit(monkeypatch: pytest.MonkeyPatch) -> Happening:
    """`before_commit(number, happen)`: something happens before the session's commit of that number, under no claim."""

    def set_up(number: int, happen: Callable[[], object]) -> None:
        original, mine = commit.Commit._next, []
        numbers = iter(range(1_000_000))

        def late(self: commit.Commit) -> Any:
            mine[:] = mine or [self]
            if mine == [self] and next(numbers) == number:
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(happen).result()
            return original(self)

        monkeypatch.setattr(commit.Commit, "_next", late)

    return set_up


def simple(directory: Path, name: str, version: str, *paths: str) -> Path:
    """A wheel of these files and a module of its own."""
    return build_wheel(directory, name, version, {path: name.encode() for path in (*paths, f"{name}.py")})


def is_clean(target: Venv) -> None:
    assert trees.unlisted(target.site) == []
    for name in trees.distributions(target.site):
        assert trees.complete(target.site, name), name


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [("p/a.py", "p/a.py"), ("p/a.py", "p/b.py"), ("p/q/a.py", "p/b.py"), ("p/q/r/a.py", "p/q/s/b.py")],
)
def test_what_two_sessions_give_up_at_once_is_gone(
    mine: str, theirs: str, tmp_path: Path, venv: Callable[[], Venv], before_commit: Happening
) -> None:
    target = venv()
    target.put(simple(tmp_path, "one", "0.9", mine), simple(tmp_path, "two", "0.9", theirs))
    one, two = (simple(tmp_path, name, "1.0") for name in ("one", "two"))
    before_commit(0, lambda: Venv(target.top, target.cache).put(two))
    target.put(one)
    is_clean(target)
    assert not (target.site / "p").exists()


def test_a_file_that_a_wheel_of_this_session_was_to_own_is_gone_when_that_was_replaced(
    tmp_path: Path, venv: Callable[[], Venv], before_commit: Happening
) -> None:
    target = venv()
    target.put(simple(tmp_path, "two", "0.9", "p/a.py"))
    wheels = [simple(tmp_path, "one", "1.0", "p/a.py"), simple(tmp_path, "two", "1.0")]
    other = simple(tmp_path, "one", "1.1")
    before_commit(1, lambda: Venv(target.top, target.cache).put(other))
    target.put(*wheels)
    is_clean(target)


def test_a_file_of_a_wheel_that_another_session_has_replaced_stays(
    tmp_path: Path, venv: Callable[[], Venv], before_commit: Happening
) -> None:
    target = venv()
    target.put(simple(tmp_path, "two", "0.9", "p/a.py"))
    wheels = [simple(tmp_path, "one", "1.0"), simple(tmp_path, "two", "1.0")]
    other = simple(tmp_path, "one", "1.1", "p/a.py")
    before_commit(1, lambda: Venv(target.top, target.cache).put(other))
    target.put(*wheels)
    is_clean(target)
