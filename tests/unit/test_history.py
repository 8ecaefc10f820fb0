"""The judge of recorded histories: every kind of fault is found, and nothing is found where nothing is wrong."""

from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instui_engine.journal.events import (
    SCHEMA,
    CommitFinished,
    CommitProgress,
    CommitStarted,
    Event,
    LockGranted,
    LockReleased,
    Overwrite,
    PlanWheel,
    RecoveryFinished,
    RecoveryStarted,
    Restored,
    SessionFinished,
    SessionStarted,
)
from instui_engine.locks.claims import derive
from instui_engine.locks.table import LockTable
from support.counting import lines_run
from support.environments import examples
from support.history import Report, TimedEvents, check


class Held(NamedTuple):
    """A wheel that held its claims once. Times are on the clock that all sessions share."""

    wheel: str
    order: int
    paths: Sequence[str]
    start: float
    end: float


def started(session: str, clock: float = 0.0, wall: float = 1000.0) -> tuple[float, Event]:
    """`wall` is that at clock 0, so it is the same for all sessions of one boot."""
    return 0.0, SessionStarted(SCHEMA, session, 1, wall + clock, clock, "0", [], "/top", "3.11", {}, 1)


def plan(wheel: str, order: int, paths: Sequence[str]) -> tuple[float, Event]:
    claims = derive([path.rstrip("/") for path in paths], wheel)
    directories = {path.rstrip("/") for path in paths if path.endswith("/")}
    exclusive = [f"{path}/" if path in directories else path for path in claims.exclusive]
    return 0.0, PlanWheel(wheel, order, 1, 1, exclusive, list(claims.shared), "")


def journal(session: str, *held: Held, clock: float = 0.0, wall: float = 1000.0) -> TimedEvents:
    """Of a session that began at `clock` and held these."""
    events = [started(session, clock, wall), *(plan(one.wheel, one.order, one.paths) for one in held)]
    steps: list[tuple[float, Event]] = []
    for one in held:
        steps += [
            (one.start - clock, LockGranted(one.wheel, 0.0)),
            (one.start - clock, CommitStarted(one.wheel, 1)),
            (one.end - clock, LockReleased(one.wheel, one.end - one.start)),
        ]
    return [*events, *sorted(steps, key=lambda step: step[0]), (1e6, SessionFinished(0, "", len(held), 1.0))]


def good(*journals: TimedEvents) -> Report:
    report = check(journals)
    assert report.violations == report.unknown == ()
    return report


def bad(*journals: TimedEvents) -> str:
    (sentence,) = check(journals).violations
    return sentence


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["lib/p/"], ["lib/p/"]),
        (["lib/p/"], ["lib/p/q/a.py"]),
        (["lib/p/q/r/"], ["lib/p/"]),
        (["lib/x.py", "lib/p/a.py"], ["lib/y.py", "lib/p/a.py"]),
    ],
)
def test_conflicting_claims_that_overlap_are_found(one: list[str], other: list[str]) -> None:
    found = bad(journal("s1", Held("a", 0, one, 1, 3)), journal("s2", Held("b", 0, other, 2, 4)))
    assert found.startswith("s1/a and s2/b held lib/")
    assert "for 1.000000 s from 2.000000 s on" in found


def test_the_clocks_of_the_sessions_are_aligned() -> None:
    first = journal("s1", Held("a", 0, ["p/"], 101, 103), clock=100)
    assert "for 0.500000 s" in bad(first, journal("s2", Held("b", 0, ["p/"], 102.5, 103), clock=102))
    good(first, journal("s2", Held("b", 0, ["p/"], 103, 104), clock=102))


def test_claims_that_do_not_conflict_may_overlap() -> None:
    paths = (["lib/p/a/"], ["lib/p/b/"], ["lib/pp/"], ["bin/x"])
    good(*(journal(f"s{n}", Held(f"w{n}", 0, path, 1, 9)) for n, path in enumerate(paths)))


def test_claims_are_compared_by_what_they_contain_not_by_what_was_told_as_shared() -> None:
    silent = [(t, e._replace(shared=[]) if isinstance(e, PlanWheel) else e) for t, e in _one("s1", "a", "p/q/x.py")]
    assert "held p at once" in bad(silent, _one("s2", "b", "p/"))


def _one(session: str, wheel: str, path: str) -> TimedEvents:
    return journal(session, Held(wheel, 0, [path], 1, 3))


def test_two_versions_of_one_distribution_exclude_each_other() -> None:
    assert "held @a at once" in bad(_one("s1", "a", "p/"), _one("s2", "a", "q/"))


def test_rounded_times_are_no_overlap() -> None:
    good(journal("s1", Held("a", 0, ["p"], 1, 2.000001)), journal("s2", Held("b", 0, ["p"], 2, 3)))


def test_sessions_of_another_boot_are_not_compared_in_time() -> None:
    report = good(_one("s1", "a", "p/"), journal("s2", Held("b", 0, ["p/"], 1, 3), wall=90.0))
    assert report.order == ("s2/b", "s1/a")


def test_the_serial_order_keeps_every_precedence() -> None:
    report = good(
        journal("s1", Held("a", 0, ["p/"], 1, 2), Held("d", 1, ["q/x"], 7, 8)),
        journal("s2", Held("b", 0, ["p/q"], 3, 4), Held("c", 1, ["q/"], 5, 6)),
    )
    assert report.order == ("s1/a", "s2/b", "s2/c", "s1/d")
    assert (report.sessions, report.holds) == (2, 4)


def test_a_wheel_that_lets_go_in_the_middle_of_its_work_may_have_no_place_in_any_order() -> None:
    first = journal("s1", Held("a", 0, ["p/"], 1, 2), Held("a", 0, ["p/"], 5, 6))
    found = check([first, journal("s2", Held("b", 0, ["p/"], 3, 4))])
    assert found.order == ()
    (sentence,) = found.violations
    assert sentence.startswith("no serial order")
    assert {"s1/a", "s2/b"} <= set(sentence.replace(",", "").split())


def test_a_session_that_ignores_its_plan_order_is_found() -> None:
    found = bad(journal("s1", Held("late", 1, ["p/"], 1, 2), Held("early", 0, ["p/q"], 3, 4)))
    assert found == "s1/late held p before s1/early, which comes before it in plan order"
    # seen also where another session was between the two
    assert "s1/late held p before s1/early" in bad(
        journal("s1", Held("late", 1, ["p/"], 1, 2), Held("early", 0, ["p/"], 5, 6)),
        journal("s2", Held("other", 0, ["p/"], 3, 4)),
    )
    good(journal("s1", Held("late", 1, ["p/"], 1, 2), Held("early", 0, ["q/"], 3, 4)))


def replanned(later: Sequence[str]) -> TimedEvents:
    """`a` found its plan stale, planned `later`, and asked again after `b` had been there."""
    return [
        started("s1"),
        plan("a", 0, ["p/"]),
        plan("b", 1, ["q/"]),
        (1, LockGranted("a", 0)),
        (2, LockReleased("a", 1)),
        plan("a", 0, later),
        (3, LockGranted("b", 0)),
        (3, CommitStarted("b", 1)),
        (4, LockReleased("b", 1)),
        (5, LockGranted("a", 0)),
        (5, CommitStarted("a", 1)),
        (5, Overwrite("a", "q/x.py", "b 1", "a 1", False)),
        (6, LockReleased("a", 1)),
    ]


def test_a_wheel_that_was_planned_again_is_late_only_where_it_asked_late() -> None:
    report = good(replanned(["p/", "q/"]), journal("s2", Held("c", 0, ["p/"], 2.5, 3.5)))
    assert report.order == ("s2/c", "s1/b", "s1/a") or report.order.index("s1/b") < report.order.index("s1/a")


def test_an_overwritten_file_must_be_claimed() -> None:
    assert bad(replanned(["p/"])) == "s1/a replaced q/x.py, which it had not claimed"


def test_a_file_that_comes_back_must_be_claimed() -> None:
    events = list(journal("s1", Held("a", 0, ["p/"], 1.0, 2.0)))
    for path in ("p/x.py", "q/x.py"):
        place = next(number for number, event in enumerate(events) if isinstance(event[1], LockReleased))
        events.insert(place, (1.5, Restored("a", path, "b 1.0")))
    assert bad(events) == "s1/a brought back q/x.py, which it had not claimed"


def test_a_commit_without_its_claims_is_found() -> None:
    events = [event for event in _one("s1", "a", "p/") if not isinstance(event[1], LockGranted | LockReleased)]
    assert bad(events) == "s1/a began its commit without its claims"


def test_a_dead_session_held_its_claims_to_its_last_event_at_least() -> None:
    dead = [e for e in _one("s1", "a", "p/") if not isinstance(e[1], LockReleased | SessionFinished)]
    report = check([[*dead, (2.0, CommitFinished("x", 1))], journal("s2", Held("b", 0, ["p/"], 2.5, 3))])
    assert report.violations == ()
    assert report.unknown == ("until when s1/a held its claims, as its journal ends before",)
    assert check([[*dead, (2.0, CommitFinished("x", 1))], journal("s2", Held("b", 0, ["p/"], 1.5, 3))]).violations


def _dead(session: str) -> list[tuple[float, Event]]:
    """It held p/ from 1.0 on and was killed at 1.5."""
    whole = _one(session, "a", "p/")
    return [
        *(e for e in whole if not isinstance(e[1], LockReleased | SessionFinished)),
        (1.5, CommitProgress("a", 1, 2)),
    ]


def _settling(outcome: str, start: float) -> list[tuple[float, Event]]:
    """A session that settled it from 3.0 to 3.5, and held p/ from `start` on."""
    begun, finished = RecoveryStarted("a", "1", "s1"), RecoveryFinished("a", "1", "s1", outcome, [])
    events = [*journal("s2", Held("b", 0, ["p/"], start, 5.0)), (3.0, begun), (3.5, finished)]
    return sorted(events, key=lambda event: event[0])


@pytest.mark.parametrize("outcome", ["completed", "undone"])
def test_a_dead_session_held_its_claims_until_they_were_settled(outcome: str) -> None:
    assert good(_dead("s1"), _settling(outcome, 4.0)).order == ("s1/a", "s2/b")
    assert bad(_dead("s1"), _settling(outcome, 2.0)).startswith("s1/a and s2/b held p at once, for 1.500000 s")


def test_what_is_incomplete_is_said_and_not_judged() -> None:
    whole = list(_one("s1", "a", "p/"))
    assert check([whole[1:]]).unknown == ("journal 0 does not begin with session.started, so its times are unknown",)
    assert check([whole[:1] + whole[2:]]).unknown == ("s1/a held claims that no plan.wheel tells",)
    assert check([whole, whole]).unknown == ("session s1 has two journals; the second was left out",)
    assert check([]) == Report((), (), (), 0, 0)
    for length in range(len(whole)):
        assert check([whole[:length]]).violations == ()


paths = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map("/".join)


@settings(max_examples=examples(200))
@given(st.lists(st.sets(paths, min_size=1, max_size=3), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_what_the_lock_table_grants_is_a_good_history(sets: list[set[str]], chance: "object") -> None:
    table = LockTable()
    claims = [derive(wanted, f"w{order}") for order, wanted in enumerate(sets)]
    since = {order: 0.0 for order, claim in enumerate(claims) if table.request(order, claim)}
    holding, held = list(since), []
    for now in range(1, len(sets) + 1):
        order = holding.pop(chance.randrange(len(holding)))  # type: ignore[attr-defined]
        held.append(Held(f"w{order}", order, sorted(sets[order]), since[order], float(now)))
        for other in table.release(order):
            since[other] = float(now)
            holding.append(other)
    report = good(journal("s", *held))
    assert len(report.order) == len(sets)


@settings(max_examples=examples(200))
@given(
    st.lists(
        st.tuples(st.sets(paths, min_size=1, max_size=2), st.integers(0, 9), st.integers(1, 5)), min_size=2, max_size=6
    )
)
def test_whether_anything_overlaps_is_what_comparing_all_pairs_says(wheels: list[tuple[set[str], int, int]]) -> None:
    held = [Held(f"w{n}", 0, sorted(paths), t, t + more) for n, (paths, t, more) in enumerate(wheels)]

    def meet(one: Held, other: Held) -> bool:
        nested = any(f"{a}/".startswith(f"{b}/") or f"{b}/".startswith(f"{a}/") for a in one.paths for b in other.paths)
        return nested and one.start < other.end and other.start < one.end

    expected = any(meet(one, other) for place, one in enumerate(held) for other in held[place + 1 :])
    assert bool(check([journal(one.wheel, one) for one in held]).violations) == expected


def ten_sessions(wheels: int, crowded: bool) -> list[TimedEvents]:
    """So many wheels in all; crowded: each conflicts with every other one."""
    journals = []
    for number in range(10):
        held = []
        for order in range(wheels // 10):
            start = (order * 10 + number) * 0.001
            name = f"w{number}-{order}"
            own = [
                f"lib/python3/site-packages/{name}/",
                f"lib/python3/site-packages/{name}-1.dist-info/",
                f"bin/{name}",
            ]
            held.append(Held(name, order, [*own, "lib/shared/"] if crowded else own, start, start + 0.0005))
        journals.append(journal(f"s{number}", *held))
    return journals


@pytest.mark.parametrize("crowded", [False, True])
def test_work_grows_with_the_number_of_wheels_and_not_with_that_of_their_pairs(crowded: bool) -> None:
    few, many = ten_sessions(300, crowded), ten_sessions(900, crowded)
    assert len(good(*many).order) == 900
    assert lines_run(lambda: good(*many)) < 3.3 * lines_run(
        lambda: good(*few)
    )  # of all pairs there are nine times more
