"""Sessions made up of events, without a journal and without an install."""

from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui_engine.journal import events
from instui_engine.journal.events import Event

Timed = tuple[float, Event]


def snapshot_of(start: events.SessionStarted, *timed: Timed, at: float) -> Snapshot:
    """The session that begins with `start`, after these events, at time `at` or at its last event if that is later."""
    fold = Fold()
    fold.feed(0.0, start)
    for t, event in timed:
        fold.feed(t, event)
    return fold.snapshot(at)


def span(
    name: events.SpanName,
    begin: float,
    end: float,
    cpu: float = 0.0,
    stalled: float = -1.0,
    system: float = -1.0,
    idle: float = -1.0,
) -> list[Timed]:
    """A part of a session."""
    finished = events.SpanFinished(name, end - begin, cpu, stalled, system, idle)
    return [(begin, events.SpanStarted(name)), (end, finished)]
