"""A tape of events, a way through it whose clock goes on by being told, and what a session there has to look like."""

from collections.abc import Sequence

from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.tui.tape import Tape
from instui.tui.transport import Transport
from instui_engine.journal.events import Event


class Clock:
    """A clock that goes on by being told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def tape_of(timed: Sequence[tuple[float, Event]]) -> Tape:
    """A tape of these events."""
    tape = Tape()
    for t, event in timed:
        tape.add(t, event)
    return tape


def come(transport: Transport) -> Snapshot:
    """The session where the transport stands, however many slices it takes to come there."""
    transport.advance()
    while transport.behind:
        transport.advance()
    shown = transport.snapshot()
    assert shown is not None
    return shown


def folded(tape: Tape, place: int, t: float) -> Snapshot:
    """The session at a place, folded from its start."""
    fold = Fold(estimates=True)
    for at, event in tape.events[:place]:
        fold.feed(at, event)
    if place == len(tape):
        fold.abandon()
    return fold.snapshot(t)


def told(shown: Snapshot) -> str:
    """All that a snapshot says. Its indices are shared, and what lies beyond its end counts for nothing."""
    wheels, locks = shown.wheel_index, shown.lock_index
    assert all(wheels[wheel.key] == place for place, wheel in enumerate(shown.wheels))
    assert all(locks[lock.path] == place for place, lock in enumerate(shown.locks))
    return repr(shown._replace(wheel_index={}, lock_index={}))
