"""How far a session says that it is, to whoever asks: it never goes back within a part, and names what goes on."""

import pytest

from instui_engine.journal.events import (
    BuildFinished,
    BuildStarted,
    CommitFinished,
    CommitProgress,
    CommitStarted,
    DistributionRemoved,
    Event,
    FetchFinished,
    FetchProgress,
    FetchStarted,
    PlanWheel,
    SpanStarted,
    StageFinished,
    StageProgress,
    StageStarted,
    UnpackFinished,
    UnpackStarted,
    WheelAdded,
    WheelCancelled,
    WheelDropped,
    WheelFailed,
)
from instui_engine.session.progress import Progress


def told(*happened: Event) -> list[tuple[str, float | None]]:
    """The part and the share of it after each event."""
    progress, found = Progress(), []
    for event in happened:
        progress.take(event)
        found.append(progress.position()[:2])
    return found


def source(name: str) -> WheelAdded:
    return WheelAdded(name, "", name, 0, False, source=f"/src/{name}")


def test_builds_count_among_all_sources_not_among_those_that_were_begun() -> None:
    builds = [(BuildStarted(name, "", "", False), BuildFinished(name, f"{name}.whl", 9)) for name in "abcd"]
    (a, b, c, d) = builds
    ordinary = WheelAdded("e", "1", "e.whl", 5, False, True)
    added = [*map(source, "abcd"), ordinary]
    shares = told(SpanStarted("build"), *added, *a, *b, c[0], WheelFailed("c", "no"), d[0], WheelCancelled("d"))
    assert shares[-8:] == [("build", share) for share in (0, 0.25, 0.25, 0.5, 0.5, 0.667, 0.667, 1)]


def test_what_is_dropped_does_not_count() -> None:
    added = [WheelAdded(name, "1", f"{name}.whl", 9, False) for name in "ab"]
    progress = Progress()
    for event in (*added, WheelDropped("b"), CommitFinished("a", 1)):
        progress.take(event)
    assert progress.position()[2:4] == (1, 1)


@pytest.mark.parametrize(("size", "shares"), [(100, [0, 0.2, 0.5, 0.5, 0.75]), (0, [0, 0, 0.5, 0.5, 0.5])])
def test_a_wheel_of_unknown_size_is_fetched_until_it_is_here(size: int, shares: list[float]) -> None:
    added = [WheelAdded(name, "1", f"{name}.whl", size, False, True) for name in "ab"]
    a = [FetchStarted("a", 0, 100), FetchProgress("a", 40, 100), FetchFinished("a", 100)]
    b = [FetchStarted("b", 0, 100), FetchProgress("b", 50, 100), FetchFinished("b", 100)]
    found = told(SpanStarted("acquire"), *added, *a, *b)
    assert found[3:8] == [("fetch", share) for share in shares]
    assert found[8] == ("unpack", 0)


def test_a_wheel_that_turns_out_to_be_here_is_not_waited_for() -> None:
    added = [WheelAdded(name, "1", f"{name}.whl", 9, False, True) for name in "ab"]
    again = added[0]._replace(cached=True)
    found = told(SpanStarted("acquire"), *added, again, UnpackStarted("b", 1, 20), UnpackFinished("b", 1, 20))
    assert found[-3:] == [("fetch", 0), ("unpack", 0), ("unpack", 1)]


def test_staging_and_committing_are_told_by_files_and_renames_not_by_whole_wheels() -> None:
    planned: list[Event] = []
    for name, files in (("a", 300), ("b", 100)):
        planned += [WheelAdded(name, "1", f"{name}.whl", 9, True), PlanWheel(name, 0, files, files // 10, [], [], "")]
    stage = [StageStarted("a", 300), StageProgress("a", 156, 300), StageFinished("a"), StageFinished("b")]
    commit = [CommitStarted("a", 30), CommitProgress("a", 10, 30), CommitFinished("a", 300), CommitFinished("b", 100)]
    found = told(*planned, SpanStarted("stage"), *stage, SpanStarted("commit"), *commit)
    assert found[4:9] == [("stage", share) for share in (0, 0, 0.39, 0.75, 1)]
    assert found[9:] == [("commit", share) for share in (0, 0, 0.25, 0.75, 1)]


def test_what_is_removed_is_not_staged_and_a_commit_knows_its_renames_better_than_the_plan() -> None:
    found = told(
        WheelAdded("new", "2", "new.whl", 9, True),
        PlanWheel("old", 0, 900, 9, [], [], "1"),
        PlanWheel("new", 1, 10, 1, [], [], "1"),
        SpanStarted("stage"),
        StageFinished("new"),
        SpanStarted("commit"),
        DistributionRemoved("old", "1", 900),
        CommitProgress("new", 20, 40),
    )
    assert found[4] == ("stage", 1)
    assert found[6:] == [("commit", 0.9), ("commit", 0.95)]
