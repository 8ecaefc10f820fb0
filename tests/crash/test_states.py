"""Why the sweeps may judge a state of the disk once, and may run the command as a fork: what both rest on."""

import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.crash.bench import bench
from support.crash.injector import KILL, Injector, Run, failing
from support.crash.lane import Lane
from support.crash.recipe import Recipe
from support.crash.sweep import try_nested, try_point

pytestmark = pytest.mark.xdist_group("crash-uninstall")
Change = Callable[[Lane], object]


@pytest.fixture(scope="module")
def lane() -> Iterator[Lane]:
    with bench().sweep("uninstall").lane() as found:
        yield found


@pytest.fixture
def renames(lane: Lane) -> list[int]:
    lane.reset()
    return [call.number for call in lane.run(trace=True).trace if call.name.startswith("rename")]


@pytest.fixture
def first(renames: list[int]) -> int:
    """A point before a commit; to recover from that takes few calls."""
    return renames[0]


@pytest.fixture
def middle(renames: list[int]) -> int:
    """A point in the middle of a commit: a record is there, and some of its steps are done."""
    return renames[len(renames) // 3]


def calls(run: Run) -> list[str]:
    """The calls of a run without ids, and without what the journal tells: some of that depends on the clock."""
    found = [call for call in run.trace if not (call.name == "write" and call.path.endswith(".jsonl"))]
    return [neutral(f"{call.name} {call.path} {call.target}") for call in found]


def neutral(text: str) -> str:
    return re.sub(r"\d+(-\d+-\d+-[0-9a-f]{4})?", "0", text)


def killed(lane: Lane, at: int) -> str:
    lane.reset()
    lane.run(at, KILL)
    return lane.digest()


def record(lane: Lane) -> Path:
    (path,) = (lane.top / ".instui" / "records").glob("*.json")
    return path


def recorded(lane: Lane) -> Path:
    """A file that is still where it was, and of which the record says what it is."""
    fields = json.loads(record(lane).read_text())
    steps = [step for section in fields.get("sections", [fields]) for step in section["steps"]]
    there = [lane.top / path for _, path, _, _, old, _ in steps if old and old[1] >= 0]
    return next(path for path in there if path.exists())


def copied(path: Path) -> None:
    """The same content, but another file."""
    shutil.copy2(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


def test_a_fork_makes_the_calls_of_a_process_of_its_own(lane: Lane) -> None:
    alone = Injector(bench().library, lane.top.parent / "alone", [lane.top], lane.environ)
    lane.reset()
    forked = lane.run(trace=True)
    lane.reset()
    started = alone.run(lane.setting.arguments(lane.scenario.command, lane.top), trace=True)
    assert (forked.code, started.code) == (0, 0)
    assert calls(forked) == calls(started)
    lane.reset()
    refused = failing("EROFS", from_there_on=True)
    forked = lane.run(1, refused)
    lane.reset()
    started = alone.run(lane.setting.arguments(lane.scenario.command, lane.top), 1, refused)
    assert (started.code, neutral(started.stderr)) == (forked.code, neutral(forked.stderr))


def test_a_watched_run_passes_the_states_that_kills_leave(lane: Lane) -> None:
    passed: list[str] = []

    def see(number: int) -> bool:
        passed.append(lane.digest())
        return False

    lane.reset()
    assert lane.run(watch=see).code == 0
    found = [killed(lane, at) for at in (1, 40, 80, 120, 160)]  # the journal may have told more than elsewhere
    assert found == sorted(found, key=passed.index)
    assert len(set(passed)) > len(passed) // 2


def test_a_watched_run_dies_where_it_is_told_to(lane: Lane) -> None:
    lane.reset()
    run = lane.run(watch=lambda number: number > 50)
    assert (run.code, run.fired) == (-signal.SIGKILL, True)
    assert 50 < run.count < 100


def test_a_watch_that_fails_leaves_no_run_behind(lane: Lane) -> None:
    def fail(number: int) -> bool:
        raise FileNotFoundError

    lane.reset()
    with pytest.raises(FileNotFoundError):
        lane.run(watch=fail)
    lane.reset()
    assert lane.run().code == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda lane: (lane.top / lane.site / "acme" / "own.py").write_bytes(b"another"),
        lambda lane: (lane.top / lane.site / "acme" / "own.py").chmod(0o600),
        lambda lane: (lane.top / lane.site / "acme" / "own.py").unlink(),
        lambda lane: copied(lane.top / lane.site / "beta" / "core.py"),  # no longer a link of the store's
        lambda lane: record(lane).unlink(),
        lambda lane: record(lane).rename(record(lane).with_suffix(".undo.json")),
        lambda lane: record(lane).write_text(record(lane).read_text().replace("retire", "place", 1)),
        lambda lane: copied(recorded(lane)),  # another inode than the record has
        lambda lane: os.utime(recorded(lane)),  # another time than the record has
        lambda lane: next((lane.top / ".instui" / "sessions").iterdir()).unlink(),
        lambda lane: next((lane.top / ".instui" / "sessions").iterdir()).write_bytes(b""),
        lambda lane: (lane.top / ".instui" / "stage" / "another").mkdir(),
    ],
)
def test_what_a_later_session_may_tell_apart_is_another_state(lane: Lane, middle: int, change: Change) -> None:
    before = killed(lane, middle)
    change(lane)
    assert lane.digest() != before


def test_ids_inodes_and_the_text_of_journals_make_no_other_state(lane: Lane, middle: int) -> None:
    before = killed(lane, middle)
    path = record(lane)
    assert killed(lane, middle) == before
    assert record(lane) != path
    for journal in (lane.top / ".instui" / "sessions").glob("*.jsonl"):
        journal.write_bytes(b"{")
    assert lane.digest() == before


def test_what_recovers_looks_at_no_text_of_a_dead_sessions_journal(lane: Lane, middle: int) -> None:
    killed(lane, middle)
    first = lane.run(trace=True)
    killed(lane, middle)
    for journal in (lane.top / ".instui" / "sessions").glob("*.jsonl"):
        journal.write_bytes(b"{")
    assert calls(lane.run(trace=True)) == calls(first)


@pytest.fixture
def runs(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The runs of a lane that knows no state yet, and checks none again."""
    found: list[object] = []
    run = Lane.run
    monkeypatch.setattr(Lane, "is_checked", lambda self: False)
    monkeypatch.setattr(Lane, "run", lambda self, *rest, **options: found.append(rest) or run(self, *rest, **options))
    monkeypatch.setattr(lane, "states", {})
    return found


def test_a_state_that_went_on_well_is_not_tried_again(lane: Lane, middle: int, runs: list[object]) -> None:
    assert try_point(lane, middle, KILL, thorough=False).outcome == "repaired"
    assert len(runs) == 2
    assert try_point(lane, middle, KILL, thorough=False).outcome == "repaired"
    assert len(runs) == 3


def test_of_a_recovery_each_state_is_tried_once(lane: Lane, first: int, runs: list[object]) -> None:
    found = try_nested(lane, first, iter)
    assert {verdict.outcome for verdict in found} <= {"clean", "repaired"}
    assert len(lane.states) < len(found)
    assert len(runs) >= 2 + 3 * len(lane.states)
    runs.clear()
    again = try_nested(lane, first, iter)
    assert len(again) > len(lane.states)
    assert len(runs) < 20


def test_a_state_that_did_not_go_on_is_a_violation_each_time(lane: Lane, middle: int) -> None:
    killed(lane, middle)
    state = lane.state()
    state.recovered = {False: ("it was torn",), True: ("it was torn",)}
    try:
        assert try_point(lane, middle, KILL, thorough=False).problems == ("it was torn",)
    finally:
        lane.states.clear()


def test_a_tree_is_made_again_with_its_modes_times_and_links(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "inner" / "empty").mkdir(parents=True)
    (source / "program").write_bytes(b"#!")
    (source / "program").chmod(0o751)
    os.utime(source / "program", ns=(5, 10**18 + 7))
    (source / "inner" / "link").symlink_to("../program")
    (source / "one").write_bytes(b"")
    (tmp_path / "other").hardlink_to(source / "one")
    (source / "inner").chmod(0o700)
    Recipe(source).follow(tmp_path / "target")

    def described(top: Path) -> dict[str, tuple[object, ...]]:
        found = {path.relative_to(top).as_posix(): (path, path.lstat()) for path in [top, *top.rglob("*")]}
        return {
            name: (status.st_mode, status.st_mtime_ns if not path.is_symlink() else os.readlink(path), status.st_size)
            for name, (path, status) in found.items()
        }

    assert described(tmp_path / "target") == described(source)
    assert (tmp_path / "target" / "one").samefile(source / "one")
    assert not (tmp_path / "target" / "program").samefile(source / "program")
