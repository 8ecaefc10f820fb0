"""The tracks of the session as a whole: stages, the disk, waits, pauses, standstills, groups, recoveries."""

from collections.abc import Iterable, Iterator, Sequence

from instui.monitor.joined import member
from instui.monitor.model import Snapshot
from instui.monitor.names import SPANS, on_disk, wait_target
from instui_engine.errors import printable
from instui_engine.journal import events
from instui_engine.journal.events import Event
from instui_engine.values import NamedTuple

from .tracks import Group, Instant, LockWait, Slice, Track, Value

Timed = tuple[float, Event]
KEPT = (
    events.GroupFinished,
    events.EnvironmentGranted,
    events.EnvironmentReleased,
    events.RecoveryStarted,
    events.RecoveryFinished,
    events.Warned,
    events.FetchRetried,
    events.CancelRequested,
)
"""The events that a trace needs besides a snapshot, which does not keep all times."""


class SessionTracks(NamedTuple):
    """The tracks of a session, and its waits for other processes."""

    group: Group
    waits: Sequence[LockWait]


def session_tracks(snapshot: Snapshot, kept: Sequence[Timed]) -> SessionTracks:
    """The tracks of a session; `kept` are its events of the kinds in KEPT."""
    waits = list(_waits(snapshot))
    syncs = [Slice(one.begin, _end(one.end, snapshot), f"syncs {on_disk(one.what)}", "sync") for one in snapshot.syncs]
    pauses = [Slice(pause.begin, _end(pause.end, snapshot), "paused", "pause") for pause in snapshot.pauses]
    halts = [Slice(halt.begin, _end(halt.end, snapshot), "stood still", "pause") for halt in snapshot.halts]
    tracks = [
        Track("stages", list(_stages(snapshot)), list(_instants(snapshot, kept))),
        Track("disk", syncs),
        *_by_waiter(waits, snapshot),
        Track("pauses", pauses),
        Track("standstills", halts),
        Track("groups of commits", list(_groups(kept))),
        Track("recovery", list(_recoveries(kept, snapshot.t))),
    ]
    used = [track for track in tracks if track.slices or track.instants]
    return SessionTracks(Group("session", used), waits)


def _waits(snapshot: Snapshot) -> Iterator[LockWait]:
    """What the session waited for as a whole; of several that are shown as one, what each of them waited for."""
    waits = [wait for wait in snapshot.session_waits if not wait.wheel or member(wait.wheel, snapshot.sessions)]
    failed = snapshot.finished is not None and snapshot.finished.exit
    gave_up = list({wait.wheel: wait for wait in waits}.values()) if failed else []  # the last wait of each
    for wait in waits:
        name, facts = f"waits for {wait_target(wait.what)}", {"path": printable(wait.path)}
        shown = Slice(wait.begin, _end(wait.end, snapshot), name, "wait", facts, wait.holders)
        is_over = shown.end < snapshot.t and not any(wait is one for one in gave_up)
        yield LockWait(shown, wait.path, is_over, wait.wheel)


def _by_waiter(waits: Sequence[LockWait], snapshot: Snapshot) -> Iterator[Track]:
    """A track for each of several sessions: no wait may lie within that of another one, or no flow leads to it."""
    for waiter in dict.fromkeys(wait.wheel for wait in waits):
        number = member(waiter, snapshot.sessions)
        name = f"waits of pid {snapshot.sessions[number - 1].pid}" if number else "waits"
        yield Track(name, [wait.shown for wait in waits if wait.wheel == waiter])


def _end(end: float | None, snapshot: Snapshot) -> float:
    return snapshot.t if end is None else end


def _stages(snapshot: Snapshot) -> Iterator[Slice]:
    ran = snapshot.session.ran if snapshot.session else 0.0
    first = min((span.begin for span in snapshot.spans), default=0.0)
    if first > -ran:
        yield Slice(-ran, first, "start", "stage", {"about": "from the start of the program to the first stage"})
    for span in snapshot.spans:
        facts: dict[str, Value] = {"about": SPANS[span.name]}
        if span.cpu:
            facts["cpu_seconds"] = span.cpu
        if span.stalled > 0:
            facts["disk_stalled_seconds"] = span.stalled
        end = _end(span.end, snapshot)
        yield Slice(span.begin, end, span.name, "stage", facts)
        if span.name == "resolve":
            steps = [one for one in snapshot.doings if span.begin <= one.begin < end]
            ends = [*(one.begin for one in steps[1:]), end]
            for one, until in zip(steps, ends, strict=False):
                yield Slice(one.begin, until, printable(one.doing), "resolve")


def _instants(snapshot: Snapshot, kept: Iterable[Timed]) -> Iterator[Instant]:
    for t, event in kept:
        match event:
            case events.CancelRequested():
                yield Instant(t, "asked to stop", "request")
            case events.Warned(wheel="", text=text):
                yield Instant(t, "warning", "warning", {"text": printable(text)})
    end = snapshot.finished
    if end is not None and end.exit:
        yield Instant(end.t, "the session failed", "failure", {"error": printable(end.error), "exit": end.exit})
    elif snapshot.over and end is None:
        yield Instant(snapshot.t, "the session was killed", "failure")


def _groups(kept: Iterable[Timed]) -> Iterator[Slice]:
    for t, event in kept:
        if isinstance(event, events.GroupFinished):
            begin = t - event.seconds
            facts: dict[str, Value] = {"wheels": event.wheels, "left": event.left, "why_it_ended": event.why}
            yield Slice(begin, t, f"group of {event.wheels}", "group", facts)
            yield Slice(begin, begin + event.check, "check", "step")
            yield Slice(begin + event.check, begin + event.check + event.record, "record", "step")


def _recoveries(kept: Iterable[Timed], now: float) -> Iterator[Slice]:
    begun: dict[tuple[str, str], float] = {}
    for t, event in kept:
        if isinstance(event, events.RecoveryStarted):
            begun[event.wheel, event.session] = t
        elif isinstance(event, events.RecoveryFinished):
            begin = begun.pop((event.wheel, event.session), t)
            name = printable(f"{event.wheel} {event.version}".rstrip())
            facts: dict[str, Value] = {"outcome": event.outcome, "of_session": printable(event.session)}
            if event.left:
                facts["left_alone"] = len(event.left)
            yield Slice(begin, t, name, "recovery", facts)
    for (wheel, session), begin in begun.items():
        yield Slice(begin, now, printable(wheel), "recovery", {"outcome": "none", "of_session": printable(session)})
