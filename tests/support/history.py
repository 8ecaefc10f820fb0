"""Whether what the sessions of one environment did is what some serial order of their wheels would have done.

A wheel is what is done to one distribution: it may as well be removed.

A pure function of their journals. Every `lock.granted` and the `lock.released` after it are a *hold* of the claims that
`plan.wheel` states; CLOCK_MONOTONIC, shared by all processes of a machine, puts the holds of all sessions on one axis.
Two holds conflict where one claims exclusively what the other claims at, above or below: an exclusive claim implies
an intention on every directory above it, so it is enough to look at each path alone, and nobody compares all pairs.

Wheels whose holds conflict are ordered by the first come; if holds of conflicting claims never overlap and these
precedences have no circle, every topological order of them is a serial order with the same result.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from instui_engine.fs.paths import TOP, ancestors
from instui_engine.journal.events import (
    CommitStarted,
    Event,
    LockGranted,
    LockReleased,
    Overwrite,
    PlanWheel,
    RecoveryFinished,
    Restored,
    SessionStarted,
)

TimedEvents = Iterable[tuple[float, Event]]

_ROUNDING = 2e-6  # seconds; `clock` and `t` are both rounded to a microsecond
_SAME_BOOT = 5.0  # seconds by which wall clock and CLOCK_MONOTONIC may drift apart between two sessions of one boot


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` found. `order` names each wheel that held its claims as "session/wheel"; () if there is no order.

    `violations` and `unknown` (what could not be judged) are sentences.
    """

    violations: tuple[str, ...]
    order: tuple[str, ...]
    unknown: tuple[str, ...]
    sessions: int
    holds: int


@dataclass(frozen=True, slots=True)
class _Plan:
    order: int
    exclusive: frozenset[str]
    shared: frozenset[str]

    def covers(self, path: str) -> bool:
        return path in self.exclusive or not self.exclusive.isdisjoint(_above(path))


@dataclass(slots=True, eq=False)
class _Wheel:
    """One wheel of one session."""

    session: str
    name: str
    plans: list[_Plan] = field(default_factory=list)
    holds: "list[_Hold]" = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.session}/{self.name}"

    def is_late(self, path: str, plan: _Plan) -> bool:
        """Whether the wheel asked for `path` only when it was planned again; its place in the order came too late."""
        first = self.plans[0]
        return path not in first.exclusive and (path in plan.exclusive or path not in first.shared)


@dataclass(slots=True, eq=False)
class _Hold:
    """Claims held from `start` to `end`, in seconds on the axis of `boot`."""

    wheel: _Wheel
    plan: _Plan
    boot: int
    start: float
    end: float
    committed: bool = False

    def claimed(self) -> Iterator[tuple[str, bool]]:
        """Every path of the claims, and whether it is exclusive."""
        for path in self.plan.exclusive:
            yield path, True
        for path in self.plan.shared:
            yield path, False


def check(journals: Iterable[TimedEvents]) -> Report:
    """Judge the journals of one environment; each is its events with their times, in order, maybe cut off at the end.

    A hold of a session that died lasts until somebody has settled it: nobody else may have come in between. Where
    nobody has, it lasts to the session's last event at least, and no more is assumed. A wheel that was planned again
    holds twice; its first hold, in which it changed nothing, is no part of the serial order.
    """
    violations: list[str] = []
    unknown: list[str] = []
    sessions: dict[str, _Reader] = {}
    for number, journal in enumerate(journals):
        reader = _Reader(violations, unknown)
        reader.read(journal)
        if reader.started is None:
            unknown.append(f"journal {number} does not begin with session.started, so its times are unknown")
        elif reader.started.session in sessions:
            unknown.append(f"session {reader.started.session} has two journals; the second was left out")
        else:
            sessions[reader.started.session] = reader
    readers = list(sessions.values())
    _align(readers)
    _inherit(readers, unknown)
    holds = sorted((hold for reader in readers for hold in reader.holds), key=lambda hold: (hold.boot, hold.start))
    precedences = _compare(holds, violations)
    order = _serial_order(holds, precedences, violations)
    return Report(tuple(violations), order, tuple(unknown), len(readers), len(holds))


class _Reader:
    """Folds one journal into holds."""

    def __init__(self, violations: list[str], unknown: list[str]) -> None:
        self.started: SessionStarted | None = None
        self.holds: list[_Hold] = []
        self.left: list[_Hold] = []  # when the journal ended
        self.recoveries: list[tuple[float, RecoveryFinished]] = []
        self._wheels: dict[str, _Wheel] = {}
        self._open: dict[str, _Hold] = {}
        self._violations = violations
        self._unknown = unknown

    def read(self, journal: TimedEvents) -> None:
        """Take all events."""
        last = 0.0
        for last, event in journal:
            self._take(last, event)
        self.left = list(self._open.values())
        for hold in self.left:
            hold.end = last

    def _take(self, t: float, event: Event) -> None:
        if isinstance(event, SessionStarted):
            self.started = event
        elif isinstance(event, PlanWheel):
            wheel = self._wheels.setdefault(event.wheel, _Wheel(self._session(), event.wheel))
            wheel.plans.append(_plan(event))
        elif isinstance(event, LockGranted):
            self._granted(t, event.wheel)
        elif isinstance(event, LockReleased):
            if hold := self._open.pop(event.wheel, None):
                hold.end = t
        elif isinstance(event, CommitStarted):
            if hold := self._open.get(event.wheel):
                hold.committed = True
            elif event.wheel in self._wheels:
                self._violations.append(f"{self._session()}/{event.wheel} began its commit without its claims")
        elif isinstance(event, Overwrite | Restored):
            held = self._open.get(event.wheel)
            if held and not held.plan.covers(event.path):
                did = "replaced" if isinstance(event, Overwrite) else "brought back"
                self._violations.append(f"{held.wheel} {did} {event.path}, which it had not claimed")
        elif isinstance(event, RecoveryFinished):
            self.recoveries.append((t, event))

    def _granted(self, t: float, name: str) -> None:
        wheel = self._wheels.get(name)
        if wheel is None:
            self._unknown.append(f"{self._session()}/{name} held claims that no plan.wheel tells")
            return
        self._open[name] = hold = _Hold(wheel, wheel.plans[-1], 0, t, t)
        wheel.holds.append(hold)
        self.holds.append(hold)

    def _session(self) -> str:
        return self.started.session if self.started else "?"


def _plan(event: PlanWheel) -> _Plan:
    exclusive = frozenset(path.rstrip("/") for path in event.exclusive)
    implied = {above for path in exclusive if not path.startswith("@") for above in _above(path)}
    return _Plan(event.order, exclusive, frozenset(implied.union(event.shared)) - exclusive - {TOP})


@lru_cache(maxsize=100_000)
def _above(path: str) -> tuple[str, ...]:
    return tuple(ancestors(path))


def _align(readers: list[_Reader]) -> None:
    """Put the holds of all sessions on one axis for each boot: the clock that they share starts again with the machine.

    Also a suspended machine looks like another boot. Sessions of two boots are not compared in time.
    """

    def since(reader: _Reader) -> float:
        started = reader.started
        return started.wall - started.clock if started else 0.0

    boot, last = 0, None
    for reader in sorted(readers, key=since):
        if last is not None and since(reader) - last > _SAME_BOOT:
            boot += 1
        last = since(reader)
        assert reader.started is not None
        for hold in reader.holds:
            hold.boot = boot
            hold.start += reader.started.clock
            hold.end += reader.started.clock


def _inherit(readers: list[_Reader], unknown: list[str]) -> None:
    """Let the holds of dead sessions last until they were settled."""
    left = {(hold.wheel.session, hold.wheel.name): hold for reader in readers for hold in reader.left}
    for reader in readers:
        assert reader.started is not None
        for t, event in reader.recoveries:
            hold = left.pop((event.session, event.wheel), None)
            if hold is not None:
                hold.end = max(hold.end, t + reader.started.clock)
    for hold in left.values():
        unknown.append(f"until when {hold.wheel} held its claims, as its journal ends before")


class _Path:
    """One claimed path while the holds go by in the order of their start."""

    def __init__(self) -> None:
        self.boot = -1
        self.longest: dict[bool, _Hold] = {}  # of the exclusive holds and of the others, the one that ends last
        self.writer: _Wheel | None = None  # the last exclusive one
        self.readers: list[_Wheel] = []  # the others since then
        self.latest: dict[tuple[str, bool], _Wheel] = {}  # session, exclusive -> the last in plan order so far

    def rival(self, hold: _Hold, exclusive: bool) -> _Hold | None:
        """An incompatible hold that had not ended when `hold` began."""
        if hold.boot != self.boot:
            self.boot, self.longest = hold.boot, {}
        rivals = [self.longest.get(True), self.longest.get(False) if exclusive else None]
        before = self.longest.get(exclusive)
        if before is None or hold.end > before.end:
            self.longest[exclusive] = hold
        return next((rival for rival in rivals if rival and rival.end - hold.start > _ROUNDING), None)

    def before(self, wheel: _Wheel, exclusive: bool) -> list[_Wheel]:
        """The wheels that precede `wheel` here, those left out that precede one of them."""
        found = [self.writer] if self.writer else []
        if exclusive:
            found += self.readers
            self.writer, self.readers = wheel, []
        else:
            self.readers.append(wheel)
        return [other for other in found if other is not wheel]

    def overtaker(self, hold: _Hold, path: str, exclusive: bool) -> _Wheel | None:
        """A wheel of the same session that comes later in plan order and yet was here before."""
        wheel, order = hold.wheel, hold.plan.order
        found = None
        for kind in (True, False) if exclusive else (True,):
            other = self.latest.get((wheel.session, kind))
            if other and other.plans[0].order > order and not wheel.is_late(path, hold.plan):
                found = other
        known = self.latest.get((wheel.session, exclusive))
        if known is None or order > known.plans[0].order:
            self.latest[wheel.session, exclusive] = wheel
        return found


def _compare(holds: list[_Hold], violations: list[str]) -> dict[_Wheel, set[_Wheel]]:
    """Compare the holds path by path; returns for each wheel those that it precedes directly."""
    contended = {path for hold in holds for path in hold.plan.exclusive}
    paths: dict[str, _Path] = {}
    precedences: dict[_Wheel, set[_Wheel]] = {}
    reported: set[tuple[_Wheel, _Wheel]] = set()
    for hold in holds:
        wheel = hold.wheel
        for path, exclusive in hold.claimed():
            if path not in contended:
                continue
            state = paths.setdefault(path, _Path())
            rival = state.rival(hold, exclusive)
            if rival and (rival.wheel, wheel) not in reported:
                reported.add((rival.wheel, wheel))
                both = min(rival.end, hold.end) - hold.start
                violations.append(
                    f"{rival.wheel} and {wheel} held {path} at once, for {both:.6f} s from {hold.start:.6f} s on"
                )
            if not hold.committed and hold is not wheel.holds[-1]:
                continue  # it looked, planned again and asked again
            for other in state.before(wheel, exclusive):
                precedences.setdefault(other, set()).add(wheel)
            overtaker = state.overtaker(hold, path, exclusive)
            if overtaker and (overtaker, wheel) not in reported:
                reported.add((overtaker, wheel))
                violations.append(f"{overtaker} held {path} before {wheel}, which comes before it in plan order")
    return precedences


def _serial_order(holds: list[_Hold], precedences: dict[_Wheel, set[_Wheel]], violations: list[str]) -> tuple[str, ...]:
    """The wheels in an order that keeps all precedences, the first come first; () with a violation for a circle."""
    place = {wheel: number for number, wheel in enumerate(dict.fromkeys(hold.wheel for hold in holds))}
    wheels = list(place)
    open_before = dict.fromkeys(wheels, 0)
    for later in precedences.values():
        for wheel in later:
            open_before[wheel] += 1
    ready = [place[wheel] for wheel in wheels if not open_before[wheel]]
    order: list[_Wheel] = []
    while ready:
        wheel = wheels[heapq.heappop(ready)]
        order.append(wheel)
        for other in precedences.get(wheel, ()):
            open_before[other] -= 1
            if not open_before[other]:
                heapq.heappush(ready, place[other])
    if len(order) < len(wheels):
        circle = _circle({wheel for wheel in wheels if open_before[wheel]}, precedences)
        names = ", ".join(str(wheel) for wheel in circle)
        violations.append(
            f"no serial order: each of these wrote before the next one, the last before the first: {names}"
        )
        return ()
    return tuple(str(wheel) for wheel in order)


def _circle(left: set[_Wheel], precedences: dict[_Wheel, set[_Wheel]]) -> list[_Wheel]:
    """Some circle among the wheels that no order could place; each of them has one of them before it."""
    before = {other: wheel for wheel in left for other in precedences.get(wheel, ()) if other in left}
    wheel = min(left, key=str)
    seen: dict[_Wheel, int] = {}
    while wheel not in seen:
        seen[wheel] = len(seen)
        wheel = before[wheel]
    return [other for other in seen if seen[other] >= seen[wheel]][::-1]
