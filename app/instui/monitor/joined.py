"""Several sessions of one environment as one: their journals become one stream of events, which is folded as any other.

Times are moved to one clock, that of the session that began first. A wheel of the second session is called `torch@2`,
of the third `torch@3`. No wheel has such a name; one that has it in the journal of the first session gets `@1` as well.
A holder that belongs to one of the sessions becomes that wheel, so both ends of a wait are rows, and a path that two
sessions claim is one lock. What one of them waits for as a whole is a wait of `@2`, as the others go on. Of the parts
of their work (`span.*`) the one counts that is furthest behind; other things that they do as a whole are done as long
as one of them does them. Where their plans meet, no session knows it: these collisions are found here.

Sessions that begin later may come in, as long as one of those that are here is not over.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

from instui_engine.journal import events
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Event, Holder, SessionStarted, SpanName, WaitKind
from instui_engine.values import NamedTuple

from .command_words import subject_first
from .reader import Source, decoded
from .units import count

_ENDS: dict[type[Any], type[Any]] = {
    events.SyncFinished: events.SyncStarted,
    events.SessionResumed: events.SessionPaused,
    events.EnvironmentReleased: events.EnvironmentGranted,
}
"""What ends what: of several sessions, the first beginning and the last end count."""
_PARTS = get_args(SpanName)  # in the order of the work
_ORDERS = 1_000_000  # places in the plan of one session: those of the next one come after them
_LOOK = 0.5  # seconds between two looks for sessions that have begun
_KILLED = "its session was killed"
_DONE = (events.CommitFinished, events.WheelFailed, events.WheelCancelled, events.WheelDropped)


Newcomers = Callable[[], Sequence[tuple[Source, SessionStarted]]]
"""The sources and first events of sessions that have begun since the last call, in the order in which they began."""


def together(sessions: Sequence[SessionStarted]) -> SessionStarted:
    """What stands for all of these sessions: the first one, with the commands of all."""
    commands = [" ".join(subject_first(one.command[1:])) for one in sessions]
    text = f"{len(commands)} sessions: {'; '.join(commands)}"
    return sessions[0]._replace(command=["instui", text], control="")


def wheel_name(name: str, number: int) -> str:
    """How a wheel of the session of that number, from 1, is called: as no other one is. "" stays that."""
    return f"{name}@{number}" if name and (number > 1 or "@" in name) else name


def number_of(wheel: str) -> int:
    """The number of the session that a wheel belongs to; 0 if it is called as none of several sessions is."""
    _, mark, number = wheel.rpartition("@")
    return int(number if number.isascii() and number.isdecimal() and len(number) < 7 else 0) if mark else 1


def plain_name(wheel: str) -> str:
    """How a wheel is called in its own session; "" for the whole session."""
    return wheel.rpartition("@")[0] if "@" in wheel else wheel


def member(name: str, sessions: Sequence[SessionStarted]) -> int:
    """The number of the one of `sessions`, shown as one, that waits as a whole under that name; 0 if it is a wheel."""
    number = number_of(name) if name.startswith("@") and not plain_name(name) else 0
    return number if number <= len(sessions) else 0


class _Wait(NamedTuple):
    """A wait of a whole session: under which name it was told, "" for all of them, and what of it is to be told."""

    name: str
    path: str
    holders: list[Holder]


class _Member:
    """One of the sessions: what is known of it while its events come in."""

    def __init__(self, source: Source, started: SessionStarted, number: int, shift: float) -> None:
        self.source = source
        self.number = number
        self.shift = shift  # seconds from the clock of all to its own
        self.jobs = started.jobs
        self.events: list[tuple[float, Event]] = []  # that wait for those of the others
        self.last = 0.0  # time of its latest event
        self.bound: float | None = None  # there may be more, none of it earlier than this
        self.left: dict[str, None] = {}  # wheels of which nothing has come yet, by their own names
        self.has_end = False  # it has come, and may wait in `events`
        self.is_over = self.is_cancelled = self.was_killed = False
        self.active: dict[type[Any], Event] = {}  # what has begun and goes on, with the event that ends it
        self.waits: dict[WaitKind, _Wait] = {}  # of the whole session


class Joined:
    """A source of the sessions' events as one session, in order of time. See `Source`."""

    def __init__(
        self, sources: Sequence[Source], started: Sequence[SessionStarted], newcomers: Newcomers | None = None
    ) -> None:
        """`started` are the first events of `sources`, the session that began first being the first.

        `newcomers` is asked twice a second, and once more before all are over; None: there are none.
        """
        self._members: list[_Member] = []
        self._started: list[SessionStarted] = []
        self._numbers: dict[str, int] = {}
        self._newcomers = newcomers
        self._looked = time.monotonic()
        for one in zip(sources, started, strict=True):
            self._join(*one)
        self._parts: dict[int, SpanName] = {}  # of each session
        self._part: SpanName | None = None  # of all
        self._part_began = self._cpu = 0.0
        self._loads: dict[int, events.LoadSampled] = {}
        self._claims: dict[str, dict[str, bool]] = {}  # path -> wheels that claim it, and whether exclusively
        self._installed = 0
        self._failures: list[tuple[int, str]] = []

    @property
    def sessions(self) -> list[str]:
        """The ids of the sessions, by number."""
        return list(self._numbers)

    @property
    def ended(self) -> bool:
        """Whether no more lines will come."""
        return all(member.source.ended and not member.events for member in self._members)

    def _join(self, source: Source, started: SessionStarted) -> None:
        number = len(self._members) + 1
        self._started.append(started)
        self._numbers[started.session] = number
        self._members.append(_Member(source, started, number, started.clock - self._started[0].clock))

    def _look(self) -> None:
        """Let those in that have begun."""
        now = time.monotonic()
        if self._newcomers is not None and (now - self._looked >= _LOOK or all(one.has_end for one in self._members)):
            self._looked = now
            for one in self._newcomers():
                self._join(*one)

    def finish(self) -> None:
        """Declare that the sessions are over."""
        self._newcomers = None
        for member in self._members:
            member.source.finish()

    def close(self) -> None:
        """Give all of them up."""
        self._newcomers = None
        for member in self._members:
            member.source.close()
            member.events.clear()
            member.has_end = True

    def poll(self, wait: float = 0.0) -> list[str]:
        """The lines since the last call, of all sessions in order of time."""
        for member in self._members:
            lines = [] if member.source.ended else member.source.poll(wait if member.number == 1 else 0.0)
            found = [(t + member.shift, event) for t, event in decoded(lines)]
            member.events += found
            # what has just given lines may have more; what has not is at the present
            member.bound = found[-1][0] if found and not member.source.ended else None
            member.last = found[-1][0] if found else member.last
            member.has_end |= any(isinstance(event, events.SessionFinished) for _, event in found)
            if member.source.ended and not member.has_end:
                member.has_end = member.was_killed = True
                member.events.append((member.last, events.SessionFinished(1, _KILLED, 0, member.last)))
        self._look()
        until = min((member.bound for member in self._members if member.bound is not None), default=float("inf"))
        ready = []
        for member in self._members:
            number = next((n for n, (t, _) in enumerate(member.events) if t > until), len(member.events))
            ready += [(t, member, event) for t, event in member.events[:number]]
            del member.events[:number]
        ready.sort(key=lambda one: one[0])  # events of one moment stay in the order of the sessions
        return [encode(t, said) for t, member, event in ready for said in self._say(t, member, event)]

    # -- one event

    def _say(self, t: float, member: _Member, event: Event) -> Iterator[Event]:
        match event:
            case SessionStarted():
                if member.number == 2:
                    yield self._started[0]  # as one of several
                    yield from self._only_the_first_waits()
                yield event
            case events.SessionFinished():
                yield from self._finished(t, member, event)
            case events.LoadSampled():
                self._loads[member.number] = event
                yield events.LoadSampled(
                    sum(load.cpu for load in self._loads.values()), max(load.stalled for load in self._loads.values())
                )
            case events.SessionHalted():
                if len(self._members) == 1:  # else the others went on
                    yield event
            case events.WorkersChanged():
                member.jobs = event.workers
                yield event._replace(workers=sum(one.jobs for one in self._members if not one.is_over))
            case events.CancelRequested():
                member.is_cancelled = True
                if all(one.is_cancelled or one.is_over for one in self._members):
                    yield event
            case events.SpanStarted():
                self._parts[member.number] = event.name
                yield from self._next_part(t)
            case events.SpanFinished():
                self._cpu += event.cpu  # until it begins with another one, that is where it is
            case events.PlanFinished():
                yield from self._meetings(member)
                yield event
            case events.WaitStarted(wheel=""):
                yield from self._waits(member, event.what, event.path, event.holders)
            case events.EnvironmentWaiting():
                yield from self._waits(member, "environment", event.path, event.holders)
            case events.WaitFinished(wheel=""):
                yield from self._goes_on(member, event.what, event.waited)
            case events.EnvironmentGranted():
                yield from self._goes_on(member, "environment", event.waited)
                if self._counts(member, event):
                    yield event
            case _ if self._counts(member, event):
                if isinstance(event, events.PlanWheel):
                    self._claim(wheel_name(event.wheel, member.number), event)
                yield self._renamed(member, event)

    def _waits(self, member: _Member, what: WaitKind, path: str, holders: Sequence[Holder]) -> Iterator[Event]:
        """A session waits as a whole. If it is alone, it is said in its own words."""
        named = [self._holder(member, holder) for holder in holders]
        known = member.waits.get(what)
        name = known.name if known else f"@{member.number}" if len(self._members) > 1 else ""
        member.waits[what] = _Wait(name, path, named)
        if what == "environment" and not name:
            yield events.EnvironmentWaiting(path, named)
        else:
            yield events.WaitStarted(name, what, path, named)

    def _goes_on(self, member: _Member, what: WaitKind, waited: float) -> Iterator[Event]:
        """It waits no longer."""
        wait = member.waits.pop(what, None)
        if wait is not None and (wait.name or what != "environment"):
            yield events.WaitFinished(wait.name, what, wait.path, waited)

    def _only_the_first_waits(self) -> Iterator[Event]:
        """What the first session waited for, while it was alone, is from now on a wait of it alone."""
        for what, wait in list(self._members[0].waits.items()):
            if what == "environment":
                yield events.EnvironmentReleased(wait.path, 0.0)
            yield from self._goes_on(self._members[0], what, 0.0)
            yield from self._waits(self._members[0], what, wait.path, wait.holders)

    def _claim(self, wheel: str, plan: events.PlanWheel) -> None:
        for path in plan.shared:
            self._claims.setdefault(path, {})[wheel] = False
        for path in plan.exclusive:
            self._claims.setdefault(path.rstrip("/"), {})[wheel] = True

    def _meetings(self, member: _Member) -> Iterator[Event]:
        """The paths at which wheels of a session that has planned will take turns with those of others."""
        for path, claims in self._claims.items():
            numbers = set(map(number_of, claims))
            if len(numbers) > 1 and member.number in numbers and any(claims.values()):
                yield events.PlanCollision(path, list(claims))

    def _next_part(self, t: float) -> Iterator[Event]:
        """Go over to another part of the work, if the session that is furthest behind does."""
        part = min(self._parts.values(), key=_PARTS.index, default=None)
        if part == self._part:
            return
        if self._part is not None:
            yield events.SpanFinished(self._part, round(t - self._part_began, 6), round(self._cpu, 6), -1.0)
        if part is not None:
            yield events.SpanStarted(part)
        self._part, self._part_began, self._cpu = part, t, 0.0

    def _finished(self, t: float, member: _Member, event: events.SessionFinished) -> Iterator[Event]:
        """Each wheel that is left has failed with its session; the last session ends all."""
        member.is_over = True
        if event.exit:
            self._failures.append((event.exit, event.error))
            why = _KILLED if member.was_killed else f"its session ended with exit code {event.exit}"
            for name in member.left:
                yield events.WheelFailed(wheel_name(name, member.number), why)
        self._installed += event.installed
        self._parts.pop(member.number, None)
        for what in list(member.waits):
            yield from self._goes_on(member, what, 0.0)
        for end in list(member.active.values()):  # it was killed meanwhile
            if self._counts(member, end):
                yield end
        yield from self._next_part(t)
        if all(one.is_over for one in self._members):
            code, error = self._failures[0] if self._failures else (0, "")
            more = f" (and {count(len(self._failures) - 1, 'other session')} failed)" if len(self._failures) > 1 else ""
            yield events.SessionFinished(code, f"{error}{more}", self._installed, t)

    def _counts(self, member: _Member, event: Event) -> bool:
        """Whether an event of a whole session is one of all: the first beginning, or the last end."""
        kind = type(event)
        if begins := _ENDS.get(kind):
            return member.active.pop(begins, None) is not None and not self._is_active(begins)
        if (end := _end_of(event)) is not None:  # some events are empty tuples
            was_active = self._is_active(kind)
            member.active[kind] = end
            return not was_active
        name = getattr(event, "wheel", "")
        if name and isinstance(event, events.WheelAdded | events.PlanWheel):
            member.left[name] = None
        elif name and isinstance(event, _DONE):
            member.left.pop(name, None)
        return True

    def _is_active(self, kind: type[Any]) -> bool:
        return any(kind in member.active for member in self._members)

    def _renamed(self, member: _Member, event: Event) -> Event:
        """The event with the names that its wheels have here."""
        changes: dict[str, Any] = {}
        if name := getattr(event, "wheel", ""):
            changes["wheel"] = wheel_name(name, member.number)
        if holders := getattr(event, "holders", None):
            changes["holders"] = [self._holder(member, holder) for holder in holders]
        if isinstance(event, events.PlanWheel):
            changes["order"] = event.order + (member.number - 1) * _ORDERS
        if isinstance(event, events.PlanCollision):
            changes["wheels"] = [wheel_name(name, member.number) for name in event.wheels]
        return event._replace(**changes) if changes else event

    def _holder(self, member: _Member, holder: Holder) -> Holder:
        """A wheel of one of the sessions is one of ours; any other holder stays what it is."""
        number = self._numbers.get(holder.session, 0) if holder.session else member.number
        if not number or not holder.wheel:
            return holder
        return Holder(wheel_name(holder.wheel, number), "", holder.pid)


def _end_of(event: Event) -> Event | None:
    """What ends something of a session that the session itself does not live to end; None for what needs no end."""
    match event:
        case events.SessionPaused():
            return events.SessionResumed()
        case events.SyncStarted(what=what):
            return events.SyncFinished(what, 0.0)
        case events.EnvironmentGranted(path=path):
            return events.EnvironmentReleased(path, 0.0)
        case _:
            return None
