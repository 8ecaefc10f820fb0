"""A cold install that is killed while helpers unpack, or loses a helper: the store has only whole entries."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from instui_engine.fs.files import digest_of
from instui_engine.store.prune import prune
from instui_engine.store.store import Store
from support.crash.bench import bench
from support.crash.injector import KILL, LOSE, Call, Fault
from support.crash.lane import Lane, Setting
from support.crash.sweep import Sweep, after_fault, sample

pytestmark = [pytest.mark.sweep, pytest.mark.timeout(7200), pytest.mark.xdist_group("crash-unpack")]
# a helper process is worth its start for the smallest wheel
_HURRIED = """
from instui_engine.store import unpackers

unpackers.WORTHWHILE = 1
"""
_WIDE = 100  # calls, since those of several threads and processes are not numbered alike each time
_IN_PIECES = f"""{_HURRIED}
import os

from instui_engine.store.store import Store


def appear(self, digest, directory, final):
    final.mkdir()
    (directory / "manifest").rename(final / "manifest")
    for _ in range({_WIDE}):
        os.utime(final)
    (directory / "files").rename(final / "files")
    directory.rmdir()
    return True


Store._appear = appear
"""


@pytest.fixture
def sweep() -> Callable[[str], Sweep]:
    def make(program: str) -> Sweep:
        place = bench().place / f"unpack-{len(program)}"
        place.mkdir(exist_ok=True)
        (place / "sitecustomize.py").write_text(program)
        return bench().sweep("fresh", Setting(jobs=2, cold=True, path=(place,)))

    return make


def by_helpers(calls: Sequence[Call]) -> list[Call]:
    return [call for call in calls if call.pid != calls[0].pid]


def unpacking(calls: Sequence[Call]) -> list[int]:
    """Places in `calls` from the first change of the store until all entries are there."""
    found = [place for place, call in enumerate(calls) if "/store-" in call.path]
    return list(range(found[0], found[-1] + 2))


def torn(cache: Path) -> list[str]:
    """What is wrong with the entries of the store; what has no name of an entry yet counts for nobody."""
    problems = []
    store = Store(cache, None)
    for place in cache.glob("store-*/??/*"):
        entry = store.load(place.name)
        if entry is None:
            problems.append(f"{place.name} has no manifest")
            continue
        for path, row in entry.manifest.all_files().items():
            file = Path(entry.files, path)
            if not file.is_file():
                problems.append(f"{path} of {entry.manifest.name} is not in the store")
                continue
            with file.open("rb") as opened:
                is_right = digest_of(opened.fileno(), row.algorithm) == row.digest
                is_sealed = os.fstat(opened.fileno()).st_mtime_ns == entry.manifest.sealed
            if not (is_right and is_sealed):
                problems.append(f"{path} of {entry.manifest.name} is torn in the store")
    return problems


def unfinished(cache: Path) -> list[Path]:
    return list(cache.glob("store-*/new/*"))


def tried_at(lane: Lane, at: int, fault: Fault) -> tuple[bool, list[str]]:
    """Whether the fault came, and what is wrong after it."""
    lane.reset()
    run = lane.run(at, fault)  # waits for the helpers to end
    problems = after_fault(lane, run, at, fault, lane.state()) + torn(lane.cache)
    if fault is LOSE:
        problems += [f"exit {run.code} without a helper"] if run.code else []
        problems += [f"{path} is left" for path in unfinished(lane.cache)]
    problems += lane.again(thorough=False) + torn(lane.cache)
    prune(lane.cache, 10, lambda: False, lambda holders: None)
    problems += [f"{path} is left after a prune" for path in unfinished(lane.cache)]
    return run.fired, [f"{fault.name} at {at}: {problem}" for problem in problems]


def tried(sweep: Sweep, points: Iterable[int], fault: Fault) -> list[str]:
    with sweep.lane() as lane:
        found = [tried_at(lane, at, fault) for at in points]
    assert any(fired for fired, _ in found)  # a helper may have less to do than it had in the trace
    return [problem for _, problems in found for problem in problems]


def test_a_session_killed_while_helpers_unpack_leaves_whole_entries_only(
    sweep: Callable[[str], Sweep], sweeping: bool
) -> None:
    hurried = sweep(_HURRIED)
    calls = hurried.trace()
    places = unpacking(calls)
    assert by_helpers([calls[place] for place in places])
    assert tried(hurried, [place + 1 for place in (iter if sweeping else sample(3, 11))(places)], KILL) == []


def test_an_install_that_loses_a_helper_anywhere_is_as_one_that_does_not(
    sweep: Callable[[str], Sweep], sweeping: bool
) -> None:
    hurried = sweep(_HURRIED)
    places = unpacking(by_helpers(hurried.trace()))[:-1]
    assert tried(hurried, [place + 1 for place in (iter if sweeping else sample(3, 12))(places)], LOSE) == []


def test_a_store_whose_entries_do_not_appear_at_once_is_found_out(sweep: Callable[[str], Sweep]) -> None:
    """The proof that the sweep can fail: the same engine, with the manifest in place before the files."""
    mutated = sweep(_IN_PIECES)
    points = [call.number for call in mutated.trace() if call.path.endswith("/files") and "/store-" in call.target]
    assert points
    point = points[0] - _WIDE // 2
    assert any("not in the store" in problem for problem in tried(mutated, [point], KILL))
