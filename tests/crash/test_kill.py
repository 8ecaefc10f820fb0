"""Killed at any change of any file, nothing is torn for a reader, and the same command again leaves what it should."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from support.crash.bench import bench, each_kind
from support.crash.injector import KILL, TEAR, Call
from support.crash.lane import Setting
from support.crash.scenarios import GROUPED, KINDS
from support.crash.sweep import Result, Sweep, sample
from support.needs import require

pytestmark = [pytest.mark.sweep, pytest.mark.timeout(7200)]
Choice = Callable[[Sequence[int]], Iterable[int]]
GROUP = re.compile(r"/records/[^/]*\.\d+-\d+\.json$")


@pytest.fixture
def some(sweeping: bool) -> Callable[..., Choice]:
    """`some(size)`: chooses so many points, the same each time; all of them under --sweep."""
    return lambda size, seed=1: iter if sweeping else sample(size, seed)


def unbroken(result: Result) -> None:
    """No promise was broken, and something was tried."""
    assert result.verdicts
    assert not result.violations, "\n".join(result.violations)


@each_kind(*KINDS)
def test_killed_at_any_point_it_is_whole_and_goes_on(kind: str, some: Callable[..., Choice], sweeping: bool) -> None:
    unbroken(bench().sweep(kind).sweep(KILL, some(8), thorough=sweeping))


@each_kind("fresh", "upgrade", "uninstall")
def test_killed_while_several_work_it_is_whole_and_goes_on(kind: str, some: Callable[..., Choice]) -> None:
    unbroken(bench().sweep(kind, Setting(jobs=4)).sweep(KILL, some(4), thorough=False))


@pytest.mark.xdist_group("crash-upgrade")
def test_killed_in_the_middle_of_a_write_it_is_whole_and_goes_on(some: Callable[..., Choice]) -> None:
    sweep = bench().sweep("upgrade")
    writes = [call.number for call in sweep.trace() if call.name == "write"]
    unbroken(sweep.sweep(TEAR, lambda points: [writes[place] for place in some(3)(range(len(writes)))]))


@pytest.mark.xdist_group("crash-upgrade")
def test_killed_with_syncs_it_is_whole_and_goes_on(some: Callable[..., Choice]) -> None:
    unbroken(bench().sweep("upgrade", Setting(fsync=True)).sweep(KILL, some(3), thorough=False))


@pytest.mark.xdist_group("crash-cold")
def test_killed_with_an_empty_cache_it_is_whole_and_goes_on(some: Callable[..., Choice]) -> None:
    unbroken(bench().sweep("fresh", Setting(cold=True)).sweep(KILL, some(5), thorough=False))


@each_kind(*KINDS)
def test_killed_with_byte_code_it_is_whole_and_goes_on(kind: str, some: Callable[..., Choice], sweeping: bool) -> None:
    unbroken(bench().sweep(kind, Setting(compiles=True)).sweep(KILL, some(6, 9), thorough=sweeping))


@each_kind("fresh", "upgrade")
def test_killed_while_the_cache_gets_byte_code_it_is_whole_and_goes_on(kind: str, some: Callable[..., Choice]) -> None:
    unbroken(bench().sweep(kind, Setting(cold=True, compiles=True)).sweep(KILL, some(4, 9), thorough=False))


@each_kind("fresh", "upgrade", "uninstall")
def test_killed_with_volumes_inside_it_is_whole_and_goes_on(kind: str, some: Callable[..., Choice]) -> None:
    """Site-packages, `bin` and `share` are file systems of their own: no rename leads there from the top's stage."""
    require("root")
    sweep = bench().sweep(kind, Setting(volumes=True, epilogue=True))
    unbroken(sweep.sweep(KILL, some(5, 5), thorough=False))
    commits = [call.number for call in sweep.trace() if call.name.startswith("rename")]
    unbroken(sweep.nested(lambda points: [commits[len(commits) // 2]], some(2, 6)))


@each_kind(*KINDS)
def test_recovery_killed_at_any_point_goes_on_too(kind: str, some: Callable[..., Choice]) -> None:
    sweep = bench().sweep(kind)
    commits = [call.number for call in sweep.trace() if call.name.startswith("rename")]
    outer = [commits[place] for place in some(2, 2)(range(len(commits)))]
    unbroken(sweep.nested(lambda points: outer, some(2, 3)))


def sections(sweep: Sweep) -> list[Call]:
    """The calls of a group's commit, from before its record is there until that is gone."""
    calls = sweep.trace()
    (begun,) = (number for number, call in enumerate(calls) if GROUP.search(call.target))
    (over,) = (
        number for number, call in enumerate(calls) if call.name.startswith("unlink") and GROUP.search(call.path)
    )
    return list(calls[begun - 1 : over + 2])


def edges(calls: list[Call]) -> list[int]:
    """Points before the record is there, before, inside and after each section, and after the record."""
    ends = [number for number, call in enumerate(calls) if ".dist-info" in call.path + call.target]
    near = {number + offset for number in ends for offset in (-1, 0, 1, 2)}
    return [calls[number].number for number in sorted({0, 1, 2, *near, len(calls) - 1}) if number < len(calls)]


@each_kind(*GROUPED)
def test_killed_before_inside_or_after_any_section_of_a_group_it_is_whole_and_goes_on(
    kind: str, some: Callable[..., Choice], sweeping: bool
) -> None:
    sweep = bench().sweep(kind)
    points = edges(sections(sweep))
    unbroken(sweep.sweep(KILL, iter if sweeping else lambda _: some(6)(points), thorough=sweeping))


@each_kind(*GROUPED)
def test_recovery_of_a_group_killed_at_any_point_goes_on_too(kind: str, some: Callable[..., Choice]) -> None:
    """Its sections are settled one by one: one may be settled, one being undone, and one not yet looked at."""
    sweep = bench().sweep(kind)
    points = edges(sections(sweep))
    unbroken(sweep.nested(lambda _: some(2, 8)(points), some(3, 9)))


@each_kind("upgrade", "uninstall")
def test_after_a_crash_the_opposite_leaves_what_it_leaves_without_one(kind: str, some: Callable[..., Choice]) -> None:
    """What recovery keeps for later, a loser's file above all, must be there when it is needed."""
    unbroken(bench().sweep(kind, Setting(epilogue=True)).sweep(KILL, some(3, 4), thorough=False))


@each_kind("upgrade", "reinstall", "uninstall")
def test_killed_around_the_rename_of_a_whole_directory_it_is_whole_and_goes_on(
    kind: str, some: Callable[..., Choice], sweeping: bool
) -> None:
    sweep = bench().sweep(kind)
    away = [
        call.number
        for call in sweep.trace()
        if call.name.startswith("rename") and call.path.endswith("/acme/gamma") and "/stage/" in call.target
    ]
    assert len(away) == 1  # that it is renamed as a whole at all
    points = [away[0] + offset for offset in (0, 1, 2)]
    unbroken(sweep.sweep(KILL, lambda total: points, thorough=sweeping))
    unbroken(sweep.nested(lambda total: points[1:2], some(3, 7)))


_METADATA_FIRST = """
from instui_engine.commit import transaction

run = transaction.run


def last_step_first(tree, changes, *rest):
    *steps, last = changes.steps
    run(tree, changes._replace(steps=(last, *steps)), *rest)


transaction.run = last_step_first
"""


def test_an_engine_that_lists_a_distribution_first_is_found_out(tmp_path: Path) -> None:
    """The proof that the sweep can fail: the same engine, with `.dist-info` in place before the files."""
    (tmp_path / "sitecustomize.py").write_text(_METADATA_FIRST)
    sweep = bench().sweep("fresh", Setting(path=(tmp_path,)))
    placed = [call.number for call in sweep.trace() if call.target.endswith(".dist-info")]
    assert placed
    result = sweep.sweep(KILL, lambda points: [at + offset for at in placed for offset in (1, 2, 4)], thorough=False)
    torn = [verdict for verdict in result.verdicts if verdict.outcome == "torn"]
    assert len(torn) >= len(placed), result.counts()
    assert all(" is missing" in "".join(verdict.problems) for verdict in torn)
