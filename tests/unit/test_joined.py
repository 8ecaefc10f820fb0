"""Several sessions of one environment as one: one clock, names that are told apart, both ends of a wait."""

from collections.abc import Sequence

import pytest

from instui.monitor.fold import Fold
from instui.monitor.joined import Joined, Newcomers, member, number_of, plain_name, wheel_name
from instui.monitor.model import Phase, Snapshot
from instui.monitor.reader import decoded
from instui.monitor.remote import JoinedRemote, Remote
from instui_engine.errors import InstuiError
from instui_engine.journal import events
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Event, Holder, SessionStarted
from support.environments import until

CLAIMS = ["lib/common/"]


def started(session: str, pid: int, clock: float, *command: str) -> SessionStarted:
    return SessionStarted(2, session, pid, 1e9, clock, "0", ["instui", *command], "/env", "3.11", {"purelib": "lib"}, 2)


DONE = events.SessionFinished(0, "", 2, 2.0)
FIRST, SECOND = started("s1", 11, 100.0, "install", "a"), started("s2", 22, 103.0, "install", "a", "b")


class Given:
    """A source that gives what it is told to, a part for each poll."""

    def __init__(self, *parts: Sequence[tuple[float, Event]], ends: bool = True) -> None:
        self._parts = list(parts)
        self._ends = ends

    @property
    def ended(self) -> bool:
        return self._ends and not self._parts

    def poll(self, wait: float = 0.0) -> list[str]:
        return [encode(t, event) for t, event in self._parts.pop(0)] if self._parts else []

    def close(self) -> None:
        self._parts.clear()

    finish = close


def wheel(name: str, t: float = 0.1) -> list[tuple[float, Event]]:
    return [
        (t, events.WheelAdded(name, "1", f"{name}.whl", 9, True)),
        (t, events.PlanWheel(name, 0, 1, 1, CLAIMS, ["lib"], "")),
    ]


def said(joined: Joined) -> list[tuple[float, Event]]:
    found: list[tuple[float, Event]] = []
    for _ in range(20):
        found += decoded(joined.poll())
        if joined.ended:
            break
    return found


def snapshot(happened: Sequence[tuple[float, Event]], t: float = 0.0) -> Snapshot:
    fold = Fold()
    for when, event in happened:
        fold.feed(when, event)
    return fold.snapshot(t)


def test_paths_at_which_the_plans_of_two_sessions_meet_are_collisions_and_shared_ones_are_none() -> None:
    planned = events.PlanFinished(1, 1, 0, 0)
    own = [(0.1, events.PlanWheel("c", 1, 1, 1, ["lib/own/"], ["lib"], ""))]
    joined = Joined(
        [
            Given([(0.0, FIRST), *wheel("a"), *own, (0.2, planned)], ends=False),
            Given([(0.0, SECOND), *wheel("b"), (0.2, planned)], ends=False),
        ],
        [FIRST, SECOND],
    )
    shown = snapshot(said(joined), 5.0)
    assert list(shown.collisions) == ["lib/common"]
    found = shown.lock("lib/common")
    assert found is not None and found.collision == ("a", "b@2")


def test_names_are_told_apart_and_the_first_session_keeps_its_own() -> None:
    assert [wheel_name("a", 1), wheel_name("a", 2), wheel_name("", 2)] == ["a", "a@2", ""]
    assert [number_of("a"), number_of("a@12"), plain_name("a@12"), plain_name("a")] == [1, 12, "a", "a"]


def test_no_name_that_a_journal_makes_up_is_taken_for_another_wheel() -> None:
    wheels = [(name, number) for name in ("a", "a@b", "a@2", "a@1", "a@99", "@") for number in (1, 2, 12)]
    shown = [wheel_name(*wheel) for wheel in wheels]
    assert len(set(shown)) == len(wheels)
    assert [(plain_name(name), number_of(name)) for name in shown] == wheels
    assert [number_of(name) for name in ("a@", "a@b", "a@\u0663", f"a@{'9' * 5000}")] == [0, 0, 0, 0]


def waiting() -> list[tuple[float, Event]]:
    """`a` of the first session holds what `a` of the second, which began three seconds later, waits for."""
    first = [
        (0.0, FIRST),
        *wheel("a"),
        (1.0, events.EnvironmentGranted(".lock", 0.0)),
        (2.0, events.LockGranted("a", 0)),
    ]
    second = [
        (0.0, SECOND),
        *wheel("a"),
        (1.0, events.LockWaiting("a", "lib/common", "X", [Holder("a", "s1", 11, "instui"), Holder("", "", 9, "uv")])),
    ]
    return said(Joined([Given(first, ends=False), Given(second, ends=False)], [FIRST, SECOND]))


def test_both_ends_of_a_wait_are_rows_at_one_lock_on_one_clock() -> None:
    happened = waiting()
    assert [t for t, _ in happened] == sorted(t for t, _ in happened)
    shot = snapshot(happened, 10.0)
    assert [(one.key, one.phase, one.since) for one in shot.wheels] == [
        ("a", Phase.COMMIT, 2.0),
        ("a@2", Phase.WAIT, 4.0),
    ]
    lock = shot.lock("lib/common")
    assert lock is not None
    assert [hold.wheel for hold in lock.holders] == ["a"]
    assert [waiter.wheel for waiter in lock.waiters] == ["a@2"]
    assert [holder.pid for holder in lock.foreign] == [9]  # who is in none of the sessions
    assert (lock.claims_x, lock.contended) == (2, 1)
    waits = shot.wheels[1].waits_for
    assert waits is not None
    assert [(holder.wheel, holder.session) for holder in shot.blocking(waits)] == [("a", "s1")]
    assert [one.pid for one in shot.sessions] == [11, 22]
    assert shot.session is not None
    assert (shot.session.session, shot.session.jobs) == ("s1", 4)
    assert shot.session.command[1] == "2 sessions: install a; install a b"


def test_the_part_of_the_work_is_that_of_who_is_furthest_behind_and_a_pause_lasts_for_all() -> None:
    first = [
        (0.0, FIRST),
        (1.0, events.SpanStarted("stage")),
        (5.0, events.SpanFinished("stage", 4.0, 1.0, 0.0)),
        (5.0, events.SpanStarted("commit")),
        (8.0, events.SessionPaused()),
        (9.0, events.SessionResumed()),
    ]
    second = [
        (0.0, SECOND),
        (0.5, events.SpanStarted("stage")),
        (4.0, events.SpanFinished("stage", 3.5, 1.5, 0.0)),
        (4.0, events.SpanStarted("commit")),
        (5.5, events.SessionPaused()),
        (7.0, events.SessionResumed()),
    ]
    shot = snapshot(said(Joined([Given(first, ends=False), Given(second, ends=False)], [FIRST, SECOND])))
    assert [(span.name, span.begin, span.end, span.cpu) for span in shot.spans] == [
        ("stage", 1.0, 7.0, 2.5),
        ("commit", 7.0, None, 0.0),
    ]
    assert [(pause.begin, pause.end) for pause in shot.pauses] == [(8.0, 10.0)]


def test_it_is_over_with_the_last_session_and_says_which_failure_came_first() -> None:
    first = [(0.0, FIRST), *wheel("a"), *wheel("b"), (1.0, events.CommitFinished("b", 1))]
    second = [(0.0, SECOND), *wheel("a"), (1.0, events.CommitFinished("a", 1))]
    ends = (events.SessionFinished(4, "waited too long", 1, 3.0), events.SessionFinished(0, "", 1, 4.0))
    sources = [Given([*first, (3.0, ends[0])]), Given(second, [(4.0, ends[1])])]
    happened = said(Joined(sources, [FIRST, SECOND]))
    assert [event for _, event in happened if isinstance(event, events.SessionFinished)] == [
        events.SessionFinished(4, "waited too long", 2, 7.0)
    ]
    assert happened[-1][0] == 7.0
    shot = snapshot(happened)
    assert {one.key: one.phase for one in shot.wheels} == {"a": Phase.FAILED, "b": Phase.DONE, "a@2": Phase.DONE}
    assert shot.wheels[0].error == "its session ended with exit code 4"


def test_one_that_is_killed_ends_without_its_wheels_and_the_other_goes_on() -> None:
    first = [(0.0, FIRST), *wheel("a"), (1.0, events.LockGranted("a", 0.0))]
    second = [(0.0, SECOND), *wheel("a")]
    joined = Joined([Given(first), Given(second, ends=False)], [FIRST, SECOND])
    happened = said(joined)
    assert not joined.ended
    shot = snapshot(happened)
    assert shot.finished is None
    assert {one.key: one.phase for one in shot.wheels} == {"a": Phase.FAILED, "a@2": Phase.READY}
    assert shot.wheels[0].error == "its session was killed"


def test_what_a_killed_session_had_begun_ends_with_it_unless_others_do_it_too() -> None:
    def one(first: SessionStarted) -> list[tuple[float, Event]]:
        begun = [events.SessionPaused(), events.SyncStarted("stage"), events.EnvironmentGranted(".lock", 0.0)]
        return [(0.0, first), *((1.0, event) for event in begun)]

    alone = snapshot(said(Joined([Given(one(FIRST)), Given([(0.0, SECOND)], ends=False)], [FIRST, SECOND])), 9.0)
    assert not alone.paused
    assert not alone.syncing
    assert alone.environment is not None and alone.environment.state == "free"
    both = snapshot(said(Joined([Given(one(FIRST)), Given(one(SECOND), ends=False)], [FIRST, SECOND])), 9.0)
    assert both.paused
    assert both.syncing
    assert both.environment is not None and both.environment.state == "held"


def test_a_session_that_waits_as_a_whole_does_not_hold_up_the_others() -> None:
    uv = Holder("", "", 9, "uv sync", "running")
    first = [
        (0.0, FIRST),
        *wheel("a"),
        (1.0, events.EnvironmentGranted(".lock", 0.0)),
        (4.0, events.LockGranted("a", 0.0)),
    ]
    wait = events.EnvironmentWaiting(".lock", [Holder("", "s1", 11, "instui"), uv])
    second = [(0.0, SECOND), *wheel("a"), (2.0, wait), (2.0, events.WaitStarted("", "cache", "/cache", [uv]))]
    shot = snapshot(said(Joined([Given(first, ends=False), Given(second, ends=False)], [FIRST, SECOND])), 10.0)
    assert shot.environment is not None
    assert (shot.environment.state, shot.environment.since) == ("held", 1.0)
    waits = [(one.what, one.wheel, one.begin, one.end) for one in shot.session_waits]
    assert waits == [("environment", "@2", 5.0, None), ("cache", "@2", 5.0, None)]
    assert [member(name, shot.sessions) for name in ("@2", "@1", "@3", "a@2", "", "a")] == [2, 1, 0, 0, 0, 0]
    granted = [(3.0, events.WaitFinished("", "cache", "/cache", 1.0)), (4.0, events.EnvironmentGranted(".lock", 2.0))]
    gone_on = Joined([Given(first, ends=False), Given([*second, *granted], ends=False)], [FIRST, SECOND])
    shot = snapshot(said(gone_on), 10.0)
    assert [(one.what, one.end) for one in shot.session_waits] == [("environment", 7.0), ("cache", 6.0)]
    assert shot.environment is not None and shot.environment.since == 1.0  # the first has it all the time


def test_a_session_that_waits_alone_is_one_of_two_when_another_one_begins() -> None:
    wait = events.EnvironmentWaiting(".lock", [Holder("", "", 9, "uv")])
    first = Given([(0.0, FIRST), (1.0, wait)], [(5.0, events.EnvironmentGranted(".lock", 4.0))], ends=False)
    joined = Joined([first], [FIRST], later(started=[]))
    happened = list(decoded(joined.poll()))
    alone = snapshot(happened, 2.0)
    assert alone.environment is not None and alone.environment.state == "waiting"
    joined._join(Given([(0.0, SECOND), (0.0, wait)], [], ends=False), SECOND)
    happened += decoded(joined.poll())
    happened += decoded(joined.poll())
    shot = snapshot(happened, 9.0)
    assert shot.environment is not None and shot.environment.state == "held"
    assert [(one.wheel, one.end) for one in shot.session_waits] == [("", 3.0), ("@1", 5.0), ("@2", None)]


def test_an_event_waits_for_those_of_the_others_that_came_before_it() -> None:
    """One journal is read in parts, and the parts of the other come later."""
    late = [(20.0, events.Caption("late"))]
    first = [[(0.0, FIRST), *late], [(21.0, events.Caption("later"))]]
    second = [[(0.0, SECOND)], [(1.0, events.Caption("early"))]]
    happened = said(Joined([Given(*first, ends=False), Given(*second, ends=False)], [FIRST, SECOND]))
    texts = [event.text for _, event in happened if isinstance(event, events.Caption)]
    assert texts == ["early", "late", "later"]


def later(*sources: Given, started: Sequence[SessionStarted]) -> Newcomers:
    """Sessions that begin when the first ones are over."""
    left = [list(zip(sources, started, strict=True)), []]
    return lambda: left.pop(0) if left else []


def test_one_that_begins_before_the_last_one_ends_comes_in_and_all_are_over_with_it() -> None:
    first = Given([(0.0, FIRST), *wheel("a"), (3.5, events.SessionFinished(0, "", 1, 3.5))])
    second = Given([(0.0, SECOND), *wheel("a"), (1.0, events.WorkersChanged(5))], [(2.0, DONE)])
    joined = Joined([first], [FIRST], later(second, started=[SECOND]))
    happened = said(joined)
    assert joined.ended
    assert joined.sessions == ["s1", "s2"]
    assert [(t, event) for t, event in happened if isinstance(event, events.SessionFinished)] == [
        (5.0, events.SessionFinished(0, "", 3, 5.0))
    ]
    shot = snapshot(happened)
    assert [one.pid for one in shot.sessions] == [11, 22]
    assert [one.key for one in shot.wheels] == ["a", "a@2"]
    assert shot.session is not None
    assert shot.session.command[1] == "2 sessions: install a; install a b"
    assert shot.session.jobs == 5  # those of the second: the first is over


def test_one_alone_is_shown_as_any_session_and_those_that_are_given_up_are_not_asked_for_more() -> None:
    joined = Joined([Given([(0.0, FIRST), *wheel("a")], ends=False)], [FIRST], list)
    shot = snapshot(said(joined))
    assert shot.sessions == ()
    assert shot.session == FIRST

    def never() -> list[tuple[Given, SessionStarted]]:
        raise AssertionError

    over = Joined([Given([(0.0, FIRST)])], [FIRST], never)
    over.finish()
    assert isinstance(said(over)[-1][1], events.SessionFinished)


@pytest.mark.parametrize(("wheel", "asked"), [("a", ["s1 cancel a"]), ("a@2", ["s2 cancel a"])])
def test_a_request_about_a_wheel_goes_to_its_session_and_others_to_all(wheel: str, asked: list[str]) -> None:
    heard: list[str] = []

    class Heard(Remote):
        def _ask(self, request: str) -> None:
            heard.append(f"{self._socket} {request}")

    remotes = [Heard("", socket, lambda: True, may_control=True) for socket in ("s1", "s2")]
    remote = JoinedRemote(remotes)
    remote.cancel_wheel(wheel)
    assert heard == asked
    heard.clear()
    for unknown in ("a@b", "a@99", "a@0"):
        remote.cancel_wheel(unknown)
        assert remote.refusal() == f"cannot cancel {unknown}: it is a wheel of none of these sessions"
    assert heard == []
    remote.pause()
    remote.change_workers(5)
    assert heard == ["s1 pause", "s2 pause", "s1 workers 3", "s2 workers 2"]
    assert remote.can_control
    assert remote.alive()


def test_only_sessions_that_still_run_are_asked_and_one_that_ends_meanwhile_is_no_problem() -> None:
    heard: list[str] = []
    live = {"s1", "s2", "s3"}

    def send(socket: str, request: str) -> str:
        heard.append(f"{socket} {request}")
        if socket == "s1":
            live.discard(socket)
            raise InstuiError("gone")
        raise InstuiError("no")

    def remote(name: str) -> Remote:
        return Remote("", name, lambda: name in live, may_control=True, send=send)

    joined = JoinedRemote([remote("s1"), remote("s2"), remote("s3")])
    live.discard("s3")
    joined.pause()
    assert until(joined.refusal) == "cannot pause the install: no"
    until(lambda: "s1" not in live)
    joined.change_workers(1)
    assert until(joined.refusal) == "cannot change the number of workers to 1: no"
    assert sorted(heard) == ["s1 pause", "s2 pause", "s2 workers 1"]
