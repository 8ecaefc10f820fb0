"""Several real processes at once install, upgrade and uninstall what overlaps: judged by journals and the tree.

The journals must be a serialisable history (`instui_engine.history`), and the serial order that is read off them, taken
one distribution after the other in a fresh environment, must leave the same tree, byte for byte.
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

from conftest import Start
from instui_engine.commit import commit
from instui_engine.journal.events import DistributionRemoved, EnvironmentWaiting, LockWaiting, SessionStarted, Warned
from support import trees
from support.environments import Session, Venv, one_by_one
from support.history import Report, check
from support.wheelsmith import build_wheel

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

# Runs before each of the processes: every rename takes a random while, and if it is asked to, no claim is taken.
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
    from instui_engine.locks.lock_files import ClaimFiles
    ClaimFiles.acquire = lambda self, *arguments, **options: []
"""


Group = Sequence[Path | str]
"""What one process does: it installs wheels, or it uninstalls what has these names."""


class Case(NamedTuple):
    """What is there before (the user's own files by their content), and what each process does."""

    user: dict[str, bytes]
    before: list[Path]
    groups: list[Group]

    def lay(self, target: Venv) -> None:
        """Put there what is there before."""
        for path, content in self.user.items():
            place = target.site / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        target.put(*self.before)


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


def case(directory: Path, chance: Random, removals: bool = False) -> Case:
    """Three or four groups; about half of the wheels are upgrades, and one distribution may be in several groups.

    With `removals`, about half of the groups uninstall, at least one of them.
    """
    names = chance.sample(NAMES, 4)
    before = [wheel(directory / "old", name, "0.9", chance) for name in names]
    user = dict.fromkeys(chance.sample(PACKAGES, chance.randint(0, 2)), b"of the user\n") if removals else {}
    count = chance.randint(3, 4)
    removing = {0, *chance.sample(range(count), chance.randint(0, 2))} if removals else set()
    groups: list[Group] = []
    for number in range(count):
        if number in removing:
            groups.append(chance.sample(names, chance.randint(1, 3)))
            continue
        chosen = chance.sample(NAMES, chance.randint(1, 3))
        groups.append([wheel(directory / f"new{number}", name, f"1.{number}", chance) for name in chosen])
    return Case(user, before, groups)


@contextmanager
def held_back(venv: Venv) -> Iterator[None]:
    """Nobody commits meanwhile: the environment's lock is taken, as uv takes it."""
    with venv.environment.lock_path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def start_all(
    start: Start, target: Venv, groups: Sequence[Group], env: Mapping[str, str], *options: object
) -> list[Session]:
    """A process for every group; returns when all are about to commit, which somebody has to hold back."""
    sessions = []
    for number, group in enumerate(groups):
        command = "install" if isinstance(group[0], Path) else "uninstall"
        variables = {**env, "HISTORY_SEED": str(number)}
        sessions.append(start(target, "--jobs", 3, *options, *group, command=command, env=variables))
    for session in sessions:
        session.wait_for(EnvironmentWaiting)
    return sessions


def run_together(start: Start, target: Venv, groups: Sequence[Group], env: Mapping[str, str]) -> list[Session]:
    """Do every group in a process of its own; all begin to commit at the same moment."""
    with held_back(target):
        return start_all(start, target, groups, env)


def variables(site: Path, delay: float) -> dict[str, str]:
    paths = [str(site), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "HISTORY_DELAY": str(delay)}


def judge(sessions: Sequence[Session]) -> Report:
    return check([session.lines.events for session in sessions])


def in_order(report: Report, sessions: Sequence[Session], groups: Sequence[Group]) -> dict[str, Path | str]:
    """The wheels and the names to uninstall in the serial order that was found, by "session/wheel"."""
    found: dict[str, Path | str] = {}
    for session, group in zip(sessions, groups, strict=True):
        (started,) = session.lines.of(SessionStarted)
        for one in group:
            name = one if isinstance(one, str) else one.name.partition("-")[0]
            found[f"{started.session}/{name}"] = one
    return {name: found[name] for name in report.order}


def do(target: Venv, one: Path | str) -> None:
    """Do one of them alone."""
    if isinstance(one, str):
        target.remove(one)
    else:
        target.put(one)


@pytest.mark.sweep
@pytest.mark.parametrize("removals", [False, True], ids=["installs", "removals"])
def test_what_processes_do_at_once_some_serial_order_does_as_well(
    removals: bool,
    tmp_path: Path,
    make_venv: Callable[[Path], Venv],
    start_instui: Start,
    site: Path,
    rounds: Callable[[int, int], range],
) -> None:
    for seed in rounds(3, 80):
        chance = Random(seed)
        place = tmp_path / str(seed)
        place.mkdir()
        before = case(place, chance, removals)
        groups = before.groups
        target = make_venv(place / "venv")
        before.lay(target)
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
        order = list(in_order(report, sessions, groups).values())
        assert len(order) == sum(map(len, groups)), seed
        found = aftermath(target)
        target.move_away()
        serial = make_venv(target.top)
        before.lay(serial)
        for one in order:
            do(serial, one)
        for one, other in zip(found, aftermath(serial), strict=True):
            assert trees.differences(one, other) == [], (seed, order)


def aftermath(target: Venv) -> list[dict[str, str]]:
    """The tree, and what becomes of it while all is uninstalled: what is kept to come back belongs to the result."""
    found = [trees.tree(target.top)]
    for name in sorted({distribution.partition("-")[0] for distribution in trees.distributions(target.site)}):
        target.remove(name)
        found.append(trees.tree(target.top))
    return found


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
        one_by_one(monkeypatch)
        original, mine = commit.Commit._next, []
        numbers = iter(range(1_000_000))

        def late(self: commit.Commit, worker: int) -> Any:
            mine[:] = mine or [self]
            if mine == [self] and next(numbers) == number:
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(happen).result()
            return original(self, worker)

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


# --- uninstalls whose distribution another session has changed since they were planned


def test_an_uninstall_that_finds_its_distribution_removed_by_somebody_else_says_so_and_goes_on(
    tmp_path: Path, venv: Callable[[], Venv], before_commit: Happening
) -> None:
    target = venv()
    target.put(*(simple(tmp_path, name, "1.0", "p/a.py") for name in ("one", "two", "three")))
    before_commit(0, lambda: Venv(target.top, target.cache).remove("one", "two"))
    outcome = target.remove("one", "two", "three")
    assert outcome.installed == ("three",)
    text = "was removed by somebody else just now"
    assert [(warned.wheel, warned.text) for warned in target.lines.of(Warned)] == [("one", text), ("two", text)]
    assert trees.distributions(target.site) == {}
    assert trees.unlisted(target.site) == []


def test_an_uninstall_removes_the_version_that_is_there_when_its_turn_comes(
    tmp_path: Path, venv: Callable[[], Venv], before_commit: Happening
) -> None:
    target = venv()
    target.put(simple(tmp_path, "one", "1.0", "p/a.py"), simple(tmp_path, "two", "1.0", "q/a.py"))
    newer = simple(tmp_path, "one", "2.0", "q/a.py", "r/a.py")
    before_commit(0, lambda: Venv(target.top, target.cache).put(newer))
    target.remove("one")
    (removed,) = target.lines.of(DistributionRemoved)
    assert removed.version == "2.0"
    assert set(trees.distributions(target.site)) == {"two-1.0"}
    is_clean(target)


def test_an_uninstall_brings_back_what_it_only_finds_replaced_when_its_turn_comes(
    tmp_path: Path, venv: Callable[[], Venv], before_commit: Happening
) -> None:
    """And leaves what somebody else has put over its own files since the plan was made."""
    target = venv()
    target.put(*(simple(tmp_path, name, "1.0", "p/a.py", "p/b.py") for name in ("one", "two")))
    three = simple(tmp_path, "three", "1.0", "p/a.py")
    before_commit(0, lambda: Venv(target.top, target.cache).put(three))
    target.remove("two")
    assert (target.site / "p/a.py").read_bytes() == b"three"
    assert (target.site / "p/b.py").read_bytes() == b"one"
    target.remove("three")
    is_clean(target)
    assert set(trees.distributions(target.site)) == {"one-1.0"}


def test_a_file_of_the_user_that_somebody_else_has_brought_back_since_the_plan_comes_back_again(
    tmp_path: Path, venv: Callable[[], Venv], before_commit: Happening
) -> None:
    """What is replaced belongs to nobody any more, whatever the plan said."""
    target = venv()
    (target.site / "p").mkdir()
    (target.site / "p/a.py").write_bytes(b"of the user")
    target.put(simple(tmp_path, "one", "1.0", "p/a.py"))
    before_commit(0, lambda: Venv(target.top, target.cache).remove("one"))
    target.put(simple(tmp_path, "two", "1.0", "p/a.py"))
    target.remove("two")
    assert (target.site / "p/a.py").read_bytes() == b"of the user"
