"""Several processes link the files of a session: each job is done once, and a dead helper loses nothing."""

import errno
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from instui_engine import helper
from instui_engine.commands import planning
from instui_engine.errors import InstuiError
from instui_engine.fs.flock import try_lock
from instui_engine.journal.events import StageFinished, StageProgress, StageStarted
from instui_engine.plan import conflicts
from instui_engine.session.control import Control
from instui_engine.session.life import alive
from instui_engine.stage import parts, together
from instui_engine.stage.linking import Job, link_job, run_job
from instui_engine.stage.queue import BEGUN, DONE, FAILED, FilledQueue
from instui_engine.stage.team import Team
from support import trees
from support.environments import Venv, until
from support.processes import state
from support.wheelsmith import build_wheel

FILES = 4000  # enough for a helper


@pytest.fixture
def source(tmp_path: Path) -> Path:
    place = tmp_path / "source"
    place.mkdir()
    (place / "file").write_bytes(b"content")
    return place


def jobs_for(source: Path, target: Path, count: int) -> list[Job]:
    """Jobs that can be done only once each: a directory with one file."""
    target.mkdir()
    sealed = (source / "file").stat().st_mtime_ns
    return [((), ((str(source), f"{target}/{number}", (("", ("file",)),), ()),), (), sealed) for number in range(count)]


@pytest.fixture
def three() -> Iterator[Team]:
    made = Team(3)
    yield made
    made.close()


def test_each_job_is_done_once_by_somebody(source: Path, tmp_path: Path, three: Team) -> None:
    jobs = jobs_for(source, tmp_path / "target", 2000)
    three.share(jobs)
    mine = []
    news = []
    while (number := three.take()) is not None:
        link_job(jobs[number])
        mine.append(number)
        news += three.news()
    while three.helping:
        news += three.news(wait=True)
    theirs = [number for number, what, _ in news if what == DONE]
    assert sorted(mine + theirs) == list(range(2000))
    assert not [number for number, what, _ in news if what == FAILED]
    assert len(os.listdir(tmp_path / "target")) == 2000


def test_of_a_killed_member_only_the_job_in_hand_is_lost(source: Path, tmp_path: Path, three: Team) -> None:
    jobs = jobs_for(source, tmp_path / "target", 4_000)
    three.share(jobs)
    news = until(three.news)
    victim, *_ = three._helpers.values()
    os.kill(victim.pid, signal.SIGKILL)
    while three.helping:
        news += three.news(wait=True)
    done = [number for number, what, _ in news if what == DONE]
    assert len(done) == len(set(done))
    assert not [number for number, what, _ in news if what == FAILED]
    assert len(set(range(4_000)) - set(done)) <= 1


def test_a_paused_helper_takes_no_job(source: Path, tmp_path: Path, three: Team) -> None:
    three.share(jobs_for(source, tmp_path / "target", 4_000))
    news = until(three.news)
    three.pause(True)
    for _ in range(20):  # what they have in hand is done
        news += three.news(wait=True)
    assert not three.news(wait=True)
    assert three.helping
    assert sum(what == BEGUN for _, what, _ in news) == sum(what == DONE for _, what, _ in news) < 4_000
    three.pause(False)
    while three.helping:
        news += three.news(wait=True)
    assert sum(what == DONE for _, what, _ in news) == 4_000


def test_a_helper_begins_no_job_that_was_dropped(source: Path, tmp_path: Path, three: Team) -> None:
    helpers = [started.pid for started in three._helpers.values()]
    for pid in helpers:
        os.kill(pid, signal.SIGSTOP)
    until(lambda: all(state(pid) == "T" for pid in helpers))
    three.share(jobs_for(source, tmp_path / "target", 200))
    for number in range(0, 200, 2):
        three.drop(number)
    for pid in helpers:
        os.kill(pid, signal.SIGCONT)
    news = []
    while three.helping:
        news += three.news(wait=True)
    for said in (BEGUN, DONE):
        assert sorted(number for number, what, _ in news if what == said) == list(range(1, 200, 2))


def test_jobs_for_which_the_queue_has_no_memory_are_done_here(
    source: Path, tmp_path: Path, three: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    jobs = jobs_for(source, tmp_path / "target", 100)
    three.share(jobs[:50], more=True)
    monkeypatch.setattr(FilledQueue, "add", fails)
    three.share(jobs[50:])
    mine = []
    while (number := three.take()) is not None:
        link_job(jobs[number])
        mine.append(number)
    while three.helping:
        three.news(wait=True)
    assert set(range(50, 100)) <= set(mine)
    assert len(os.listdir(tmp_path / "target")) == 100


def test_a_queue_may_be_longer_than_a_pipe(three: Team) -> None:
    """And nobody waits for ever, whoever takes the last ones."""
    nothing: Job = ((), (), (), 0)
    three.share([nothing] * 100_000)
    mine = []
    news = []
    while (number := three.take()) is not None:
        mine.append(number)
        news += three.news()
    while three.helping:
        news += three.news(wait=True)
    theirs = [number for number, what, _ in news if what == DONE]
    assert sorted(mine + theirs) == list(range(100_000))


@pytest.mark.parametrize("seed", range(20))
def test_parts_make_the_same_as_the_whole_in_any_order(seed: int, source: Path, tmp_path: Path) -> None:
    chance = random.Random(seed)
    directories: dict[str, tuple[str, ...]] = {"": ()}
    for _ in range(chance.randrange(1, 40)):
        above = chance.choice(list(directories))
        name = chance.choice("abcdefgh")
        directories[f"{above}/{name}" if above else name] = ()
    for directory in directories:
        directories[directory] = tuple(f"{n}.py" for n in range(chance.choice((0, 1, 3, 200, 700))))
        (source / directory).mkdir(parents=True, exist_ok=True)
        for name in directories[directory]:
            (source / directory / name).symlink_to("/nowhere")
    listed = tuple(sorted(directories.items(), key=lambda item: item[0].replace("/", "\0")))
    singles = tuple((f"{source}/file", f"{tmp_path}/base/single{n}") for n in range(chance.choice((0, 2, 600))))
    tree = (str(source), f"{tmp_path}/base/0", listed, ())
    job: Job = ((f"{tmp_path}/base",), (tree, (*tree[:1], f"{tmp_path}/base/info", listed, ())), singles, 0)

    def link(old: str, new: str) -> None:
        Path(new).symlink_to(old)

    cut = parts.split(job)
    assert sum(part.files for part in cut) == len(singles) + 2 * sum(len(names) for _, names in listed)
    assert len(cut) == 1 or max(part.cost for part in cut) <= 1.5 * parts._COST
    chance.shuffle(cut)
    for part in cut:
        run_job(part.job, link)
    found = {str(path.relative_to(tmp_path / "base")) for path in (tmp_path / "base").rglob("*")}
    expected = {"0", "info", *(f"single{n}" for n in range(len(singles)))}
    for top in ("0", "info"):
        for directory, names in listed:
            below = f"{top}/{directory}" if directory else top
            expected |= {below, *(f"{below}/{name}" for name in names)}
    assert found == expected


@pytest.fixture
def target(venv: Callable[[], Venv], tmp_path: Path) -> Venv:
    return Venv(venv().top, tmp_path / "cache")


@pytest.fixture
def wheels(tmp_path: Path) -> list[Path]:
    """Two wheels in the cache."""
    return [
        build_wheel(tmp_path, name, "1.0", {f"{name}/{n % 7}/{n}.py": b"%d" % n for n in range(FILES // 2)})
        for name in ("aa", "bb")
    ]


def is_complete(target: Venv) -> bool:
    return all(trees.complete(target.site, name) for name in ("aa-1.0", "bb-1.0"))


@pytest.fixture
def lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process leaves all jobs to its helper, if it has one."""
    take = Team.take
    monkeypatch.setattr(Team, "take", lambda self: None if self.helping else take(self))
    monkeypatch.setattr("os.cpu_count", lambda: 2)


@pytest.mark.usefixtures("lazy")
def test_a_helper_links_whole_wheels_and_the_journal_shows_it(target: Venv, wheels: list[Path]) -> None:
    target.put(*wheels, jobs=2)
    assert is_complete(target)
    for name in ("aa", "bb"):
        assert len(target.lines.of(StageStarted, name)) == len(target.lines.of(StageFinished, name)) == 1
        assert len(target.lines.of(StageProgress, name)) < 100


@pytest.mark.usefixtures("lazy")
def test_what_a_killed_helper_leaves_is_done_here(
    target: Venv, wheels: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    news = Team.news

    def kill(self: Team, *, wait: bool = False) -> list[tuple[int, int, int]]:
        heard = news(self, wait=wait)
        for victim in self._helpers.values() if heard and not killed else ():
            os.kill(victim.pid, signal.SIGKILL)
            killed.append(victim.pid)
        return heard

    monkeypatch.setattr(Team, "news", kill)
    target.put(*wheels, jobs=2)
    assert killed
    assert is_complete(target)


def test_without_helpers_all_is_done_here(target: Venv, wheels: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    given: list[os.stat_result] = []

    def start(module: str, inherited: Sequence[int]) -> None:
        asked.append(module)
        given.extend(map(os.fstat, inherited))

    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(helper, "start", start)
    target.put(*wheels, jobs=2)
    assert asked == ["instui_engine.stage.linking"]
    assert is_complete(target)
    (journal,) = target.journals()
    assert any(os.path.samestat(status, journal.stat()) for status in given)  # the sign of life


def test_a_session_counts_as_alive_as_long_as_a_helper_may_write_into_its_stage(tmp_path: Path) -> None:
    journal = tmp_path / "session.jsonl"
    descriptor = os.open(journal, os.O_RDWR | os.O_CREAT)
    assert try_lock(descriptor, shared=False)
    team = Team(1, descriptor)
    try:
        os.close(descriptor)
        assert alive(journal)
    finally:
        team.close()
    assert not alive(journal)


@pytest.mark.usefixtures("lazy")
def test_damage_that_a_helper_finds_is_mended(target: Venv, wheels: list[Path], venv: Callable[[], Venv]) -> None:
    target.put(*wheels)
    stored = next((target.cache).rglob("files/bb/3/3.py"))
    stored.write_bytes(b"x")
    second = Venv(venv().top, target.cache)
    second.put(*wheels, jobs=2)
    assert is_complete(second)


def test_of_a_cancelled_wheel_no_further_part_is_begun(
    target: Venv, wheels: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    control = Control()
    linked: list[str] = []
    drops: list[int] = []

    def link(job: Job) -> None:
        linked.append(job[1][0][0])
        if "/aa" in linked[-1]:
            control.cancel_wheel("aa")
        link_job(job)

    monkeypatch.setattr(together, "link_job", link)
    monkeypatch.setattr(Team, "drop", lambda self, number: drops.append(number))
    target.install(*wheels, control=control)
    assert trees.complete(target.site, "bb-1.0")
    assert not list(target.site.glob("aa*"))
    assert sum("/aa" in path for path in linked) == 1
    assert len(drops) == sum("/bb" in path for path in linked) > 1  # the wheels are alike


@pytest.mark.usefixtures("lazy")
def test_a_cancelled_session_ends_its_helper(target: Venv, wheels: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    control = Control()
    pids: set[int] = set()
    share = Team.share

    def cancel(self: Team, jobs: list[Job], *, more: bool) -> None:
        pids.update(each.pid for each in self._helpers.values())
        share(self, jobs, more=more)
        control.cancel(130)

    monkeypatch.setattr(Team, "share", cancel)
    assert target.install(*wheels, jobs=2, control=control).exit_code == 130
    (pid,) = pids
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not list(target.site.glob("aa*"))


def linked(target: Venv) -> int:
    """The number of files in the stage."""
    return sum(path.is_file() for path in (target.top / ".instui" / "stage").rglob("*"))


@pytest.mark.usefixtures("lazy")
def test_a_helper_begins_while_wheels_are_still_planned(
    target: Venv, wheels: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = conflicts.find

    def when_linked(*arguments: Any) -> conflicts.Overlaps:
        until(lambda: linked(target) >= FILES)
        return find(*arguments)

    monkeypatch.setattr(conflicts, "find", when_linked)
    target.put(*wheels, jobs=2)
    assert is_complete(target)
    assert [len(target.lines.of(kind)) for kind in (StageStarted, StageFinished)] == [2, 2]


@pytest.mark.usefixtures("lazy")
def test_no_helper_begins_while_the_session_is_paused(
    target: Venv, wheels: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    control, seen = Control(), list[int]()
    order, find = planning.plan_order, conflicts.find

    def pause(*arguments: Any) -> list[int]:
        control.obey("pause")
        return order(*arguments)

    def resume(*arguments: Any) -> conflicts.Overlaps:
        time.sleep(0.3)
        seen.append(linked(target))
        control.obey("resume")
        return find(*arguments)

    monkeypatch.setattr(planning, "plan_order", pause)
    monkeypatch.setattr(conflicts, "find", resume)
    assert not target.install(*wheels, jobs=2, control=control).failure
    assert seen == [0]
    assert is_complete(target)


@pytest.mark.usefixtures("lazy")
def test_what_a_helper_has_begun_goes_where_the_plan_fails(
    target: Venv, wheels: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        until(lambda: linked(target) > 0)
        raise InstuiError("it fails")

    started: list[helper.Helper] = []
    start = helper.start

    def noted(*arguments: Any) -> helper.Helper | None:
        started.extend(filter(None, [found := start(*arguments)]))
        return found

    monkeypatch.setattr(conflicts, "find", fails)
    monkeypatch.setattr(helper, "start", noted)
    assert target.install(*wheels, jobs=2).error == "it fails"
    assert not target.stages()
    assert not [*target.site.glob("aa*"), *target.site.glob("bb*")]
    for one in started:
        with pytest.raises(ProcessLookupError):
            os.kill(one.pid, 0)
    assert started


def test_few_files_start_no_helper(target: Venv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper, "start", None)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    target.put(build_wheel(tmp_path, "aa", "1.0", {f"aa/{n}.py": b"" for n in range(1000)}), jobs=2)
