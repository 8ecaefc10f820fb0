"""What is predicted of a session with other workers, or with everything cached."""

import pytest

from instui.explain import parallel
from instui.explain.explanation import explain, kept
from instui.explain.explanation import predicted as words_of
from instui.explain.schedule import Machine, Task, schedule, unshared
from instui.explain.simulation import WhatIf
from instui.lines.explained import report
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder
from instui_engine.stage import team
from instui_engine.store import unpackers
from support.explained import FLOCK, START, added, ended, in_order, predicted, snapshot_of, unpack, unpacked
from support.made_up import span


def test_a_prediction_says_what_it_keeps_of_uv_and_of_servers() -> None:
    steps = in_order(
        added("a"),
        [(0.0, events.ResolveStarted(["a"])), (0.1, events.ResolveProgress("reading"))],
        span("resolve", 0.0, 2.0, 0.2),
        span("acquire", 2.0, 6.0),
        [(2.0, events.FetchStarted("a", 0, 100)), (5.0, events.FetchFinished("a", 100))],
        [(5.0, events.UnpackStarted("a", 1, 100)), (6.0, events.UnpackFinished("a", 1, 100))],
        [(6.0, events.EnvironmentWaiting(".lock", [FLOCK])), (8.0, events.EnvironmentGranted(".lock", 2.0))],
    )
    explanation = explain(snapshot_of(*steps, ended(8.0)))
    keeps = {one.change: one.keeps for one in explanation.what_if}
    assert keeps["jobs 4"] == keeps["no lock held by others"] == pytest.approx(5.0)
    assert keeps["everything cached"] == 0.0  # nothing is fetched then, and what uv takes is in the range
    same = "5.0 s of uv and servers as in this run"
    assert kept(explanation.what_if, explanation.wall) == f"{same}, except for everything cached"
    assert kept([one for one in explanation.what_if if one.keeps], explanation.wall) == same
    doubtful = [one._replace(uncertain=one.change == "jobs 4") for one in explanation.what_if]
    assert kept(doubtful, explanation.wall) == f"{same}, except for jobs 4 and everything cached"
    assert kept([one._replace(uncertain=True) for one in explanation.what_if], explanation.wall) == ""
    same_again = [one for one in explanation.what_if if one.change != "no lock held by others"]
    assert kept(same_again, explanation.wall) == ""  # "no change" keeps all of the run anyway


def test_nothing_is_predicted_of_a_session_that_did_not_end_well() -> None:
    waits = [*added("a"), *unpack("a", 0.0, 0.4), (0.5, events.EnvironmentWaiting(".lock", [FLOCK]))]
    assert explain(snapshot_of(*waits, ended(7.5))).what_if
    for code in (130, 1):  # what it had left to do after the wait is not known
        assert explain(snapshot_of(*waits, (7.5, events.SessionFinished(code, "cancelled", 0, 7.5)))).what_if == ()


def test_two_workers_on_two_processors_take_half_as_long_and_four_no_less() -> None:
    explanation = unpacked(unpack("a", 0.0, 3.0), unpack("b", 3.0, 6.0), jobs=1, cpu=6.0)
    assert predicted(explanation)["jobs 2"] == pytest.approx(3.315)  # with the start of the helper
    assert predicted(explanation)["jobs 4"] == pytest.approx(3.315)
    assert not any(one.uncertain for one in explanation.what_if)


def test_how_long_helpers_take_to_start_is_not_known_and_counts_where_the_work_is_short() -> None:
    def jobs_8(each: float) -> tuple[float, bool]:
        """What eight workers take longer than two, which have unpacked four wheels each, the helper a little later."""
        began = [
            (f"{number}{worker}", number * each + late)
            for number in range(4)
            for worker, late in (("a", 0.0), ("b", 0.05))
        ]
        found = unpacked(*[unpack(name, t, t + each) for name, t in began], cpu=8 * each + 0.05, idle=0.0)
        return next((one.predicted - found.wall, one.uncertain) for one in found.what_if if one.change == "jobs 8")

    assert jobs_8(1.0) == (pytest.approx(0.18, abs=0.03), False)
    assert jobs_8(0.05)[1]


def test_a_prediction_of_so_little_that_any_two_runs_differ_by_it_is_no_promise_unless_much_is_saved() -> None:
    start = START._replace(ran=0.1)

    def left(*steps: tuple[float, Event], change: str) -> tuple[float, bool, float]:
        explanation = explain(snapshot_of(*steps, ended(steps[-1][0]), start=start))
        found = next(one for one in explanation.what_if if one.change == change)
        words = words_of(found, explanation.wall)
        assert words.startswith("cannot tell" if found.uncertain else "about "), words
        return found.predicted, found.uncertain, found.within

    def cached(took: float) -> tuple[float, bool, float]:
        return left(*added("a"), *unpack("a", 0.0, took), change="everything cached")

    assert cached(0.4) == (pytest.approx(0.1), True, 0.0)
    assert cached(2.0) == (pytest.approx(0.1), False, pytest.approx(0.05))  # by half, but of 2 s that are known
    waits = [(0.0, events.EnvironmentWaiting(".lock", [FLOCK])), (2.0, events.EnvironmentGranted(".lock", 2.0))]
    alone = left(*added("a"), *waits, change="no lock held by others")
    assert alone == (pytest.approx(0.1), False, pytest.approx(0.05))


def test_a_wait_began_before_it_was_told_as_it_takes_a_while_to_find_out_who_is_in_the_way() -> None:
    waits = [(1.5, events.EnvironmentWaiting(".lock", [FLOCK])), (3.0, events.EnvironmentGranted(".lock", 2.0))]
    assert predicted(explain(snapshot_of(*added("a"), *waits, ended(3.0))))["no lock held by others"] == 1.25
    other = Holder("b", "other", 7)
    claims = [(1.5, events.LockWaiting("a", "lib/a", "X", [other])), (3.0, events.LockGranted("a", 2.0))]
    assert predicted(explain(snapshot_of(*added("a"), *claims, ended(3.0))))["no lock held by others"] == 1.25


def test_wheels_for_which_no_helper_is_started_take_turns_whatever_the_workers() -> None:
    parts = [unpack("a", 0.0, 3.0), unpack("b", 3.0, 6.0)]
    assert predicted(unpacked(*parts, jobs=1, cpu=6.0, size=100_000))["jobs 4"] == pytest.approx(6.25)


def test_the_rules_of_the_engine_for_helpers_are_known() -> None:
    assert (parallel.WORTHWHILE, parallel.EACH) == (unpackers.WORTHWHILE, unpackers.EACH)
    assert parallel.FILES_EACH == team.FILES_EACH


def jobs_2(cpu: float = 6.0, system: float = 0.0, idle: float = 6.0) -> tuple[float, bool]:
    """What is predicted of two workers, after one that took 6 s, for work that this is known of."""
    parts = unpack("a", 0.0, 3.0), unpack("b", 3.0, 6.0)
    found = unpacked(*parts, jobs=1, cpu=cpu, system=system, idle=idle).what_if
    return next((one.predicted, one.uncertain) for one in found if one.change == "jobs 2")


def test_what_the_operating_system_takes_is_not_promised() -> None:
    assert jobs_2(system=1.0) == (pytest.approx(3.39), False)  # two that ask it at a time may have to wait
    assert jobs_2(system=5.0)[1]
    assert jobs_2(system=-1.0)[1]  # an earlier journal, which does not know


def test_what_other_programs_leave_of_the_processors_is_not_promised() -> None:
    assert jobs_2(idle=6.0) == (pytest.approx(3.315), False)
    predicted, uncertain = jobs_2(idle=0.0)  # one worker had one processor, and the other one was in use
    assert predicted == pytest.approx(0.25 + 6.065 * 3 / 4, abs=0.1)  # three share two processors
    assert uncertain


def test_what_processors_did_not_do_is_not_promised() -> None:
    assert jobs_2(cpu=1.0, idle=11.0)[1]  # nobody else was at work: so it was the disk
    assert not jobs_2(cpu=4.4, idle=7.6)[1]  # little of it
    assert jobs_2(cpu=4.4, idle=6.0)[1]  # others were at work, who may be gone, and the wait with them


def test_a_number_of_workers_that_changes_nothing_is_told_whatever_the_work_was() -> None:
    explanation = unpacked(unpack("a", 0.0, 6.0), jobs=2, cpu=1.0, system=1.0, idle=0.0)
    assert {one.predicted for one in explanation.what_if if one.change.startswith("jobs")} == {explanation.wall}
    assert not any(one.uncertain for one in explanation.what_if)


def test_builds_that_follow_the_number_of_workers_are_not_promised() -> None:
    def built(*wheels: str) -> list[bool]:
        steps = [(0.0, events.SpanStarted("build")), *added(*wheels)]
        for wheel in wheels:
            steps += [
                (0.0, events.BuildStarted(wheel, "/src", "", False)),
                (6.0, events.BuildFinished(wheel, f"{wheel}.whl", 1)),
            ]
        return [one.uncertain for one in explain(snapshot_of(*in_order(steps), ended(6.0))).what_if][:2]

    assert built("a", "b") == [True, True]
    assert built("a") == [False, False]


def test_workers_share_processors_and_claims_exclude_each_other() -> None:
    assert schedule([Task(0.0, 3.0, 0.0)] * 4, 4, 2.0) == pytest.approx(6.0)
    assert schedule([Task(0.0, 3.0, 0.0)] * 4, 1, 2.0) == pytest.approx(12.0)
    shared = Machine(2, others=1.0)  # three share two processors, two need not share
    assert schedule([Task(0.0, 3.0, 0.0)] * 2, 2, 2.0, shared) == pytest.approx(4.5)
    assert schedule([Task(0.0, 3.0, 0.0)] * 2, 1, 2.0, shared) == pytest.approx(6.0)
    meeting = Machine(2, beside=0.5)  # the last second of the longer one is without the other
    assert schedule([Task(0.0, 3.0, 0.0), Task(0.0, 2.0, 0.0)], 2, 2.0, meeting) == pytest.approx(4.0)
    assert schedule([Task(5.0, 1.0, 0.0), Task(1.0, 2.0, 1.0)], 2, 2.0) == pytest.approx(6.0)
    one = frozenset({"lib/x"})
    turns = [Task(0.0, 2.0, 0.0, one), Task(0.0, 2.0, 1.0, frozenset(), one), Task(0.0, 2.0, 2.0, frozenset(), one)]
    assert schedule(turns, 4, 4.0) == pytest.approx(4.0)  # the last two only pass through
    assert unshared([(0.0, 4.0)] * 4, 2.0) == [2.0] * 4


def test_everything_cached_takes_away_what_is_fetched_and_unpacked() -> None:
    assert predicted(unpacked(unpack("a", 0.0, 3.0)))["everything cached"] == pytest.approx(0.25)


def test_with_everything_cached_no_file_is_read_before_it_is_unpacked() -> None:
    steps = in_order(span("acquire", 0.0, 3.0), added("a"), unpack("a", 1.0, 3.0))
    assert predicted(explain(snapshot_of(*steps, ended(3.0))))["everything cached"] == pytest.approx(0.25)
    steps = in_order(span("acquire", 0.0, 5.0), added("a"), unpack("a", 1.0, 3.0))
    assert predicted(explain(snapshot_of(*steps, ended(5.0))))["everything cached"] == pytest.approx(2.25)
    cached = in_order(span("acquire", 0.0, 4.0), added("a", cached=True))
    assert predicted(explain(snapshot_of(*cached, ended(4.0))))["everything cached"] == pytest.approx(4.25)


def test_with_everything_cached_uv_takes_as_long_as_it_computes_where_that_is_known() -> None:
    def cached(resolving: float, cpu: float, *, asked: bool = True) -> tuple[float, bool]:
        steps = in_order(
            span("resolve", 0.0, resolving, cpu),
            [(0.0, events.ResolveProgress("deciding"))] if asked else [],
            [(resolving, events.WheelAdded("a", "1.0", "a.whl", 100, False))],
            [(resolving, events.FetchStarted("a", 0, 100)), (resolving + 2, events.FetchFinished("a", 100))],
            span("acquire", resolving, resolving + 2),
        )
        what_if = explain(snapshot_of(*steps, ended(resolving + 2))).what_if
        return next((one.predicted, one.uncertain) for one in what_if if one.change == "everything cached")

    assert cached(4.0, 0.5) == (pytest.approx(0.25 + 0.3), False)  # it waited for the index
    assert cached(4.0, 0.0)[1]  # an earlier journal
    assert cached(4.0, 5.0)[1]  # it computed, and who knows for what
    assert cached(4.0, 0.0, asked=False)[1]  # a lock file needs no uv, but was it read before?
    assert cached(0.05, 0.05, asked=False) == (pytest.approx(0.2575), False)


def test_an_uncertain_prediction_says_so_first_and_why_if_that_is_known() -> None:
    steps = in_order(
        span("resolve", 0.0, 8.0, 5.0),
        [(0.0, events.ResolveProgress("deciding")), (8.0, events.WheelAdded("a", "1.0", "a.whl", 100, False))],
        [(8.0, events.FetchStarted("a", 0, 100)), (10.0, events.FetchFinished("a", 100))],
        span("acquire", 8.0, 10.0),
        [(10.0, events.EnvironmentWaiting(".lock", [FLOCK])), (10.4, events.EnvironmentGranted(".lock", 0.4))],
    )
    snapshot = snapshot_of(*steps, ended(10.4))
    lines = report(explain(snapshot), snapshot, [], 2000.0, 0)
    what_if = next(line for line in lines if line.startswith("what if:"))
    assert "   everything cached: cannot tell; perhaps 3.7 s" in what_if
    assert any(line.strip().endswith(", except for everything cached)") for line in lines)
    assert "          (everything cached: how long uv takes with a full cache is not known)" in lines


def test_of_a_resolution_beside_busy_programs_nobody_can_tell_how_long_it_takes_again() -> None:
    def cached(idle: float, *, fetched: bool = True) -> bool:
        steps = in_order(
            span("resolve", 0.0, 4.0, 1.0, 0.0, 0.2, idle),
            [(0.0, events.ResolveProgress("deciding")), (4.0, events.WheelAdded("a", "1.0", "a.whl", 1, not fetched))],
            [(4.0, events.FetchStarted("a", 0, 100)), (4.5, events.FetchFinished("a", 100))] if fetched else [],
            span("acquire", 4.0, 4.5, 0.5, 0.0, 0.1, 0.5),
        )
        what_if = explain(snapshot_of(*steps, ended(4.5))).what_if
        return next(one.uncertain for one in what_if if one.change == "everything cached")

    assert not cached(idle=7.0)  # it waited for an index
    assert cached(idle=0.0)
    assert not cached(idle=0.0, fetched=False)  # it was cached, so that changes nothing


def test_with_everything_cached_links_to_files_that_are_not_new_may_cost_the_system_less() -> None:
    def cached(system: float, *, made: bool = True) -> tuple[float, bool]:
        steps = in_order(
            span("acquire", 0.0, 2.0),
            added("a", cached=not made),
            unpack("a", 0.0, 2.0) if made else [],
            span("stage", 2.0, 4.0, 2.0, 0.0, system, 2.0),
            [(2.0, events.StageStarted("a", 10, 1)), (4.0, events.StageFinished("a"))],
        )
        what_if = explain(snapshot_of(*steps, ended(4.0))).what_if
        return next((one.predicted, one.uncertain) for one in what_if if one.change == "everything cached")

    assert cached(0.0) == (pytest.approx(2.25), False)
    assert cached(0.8) == (pytest.approx(2.25), False)  # it may be less, but as a rule it is not
    assert cached(2.0) == (pytest.approx(2.25), True)
    assert cached(2.0, made=False) == (pytest.approx(4.25), False)


def test_a_guess_is_told_where_it_would_have_been_faster_only() -> None:
    assert words_of(WhatIf("jobs 4", 8.0, uncertain=True), 10.0) == "cannot tell; perhaps 8.0 s"
    assert words_of(WhatIf("jobs 4", 12.0, uncertain=True), 10.0) == "cannot tell"
