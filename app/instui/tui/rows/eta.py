"""The estimated time until all wheels are unpacked."""

from instui.monitor.model import Phase, Snapshot, Span, WheelState
from instui_engine.journal.events import SessionStarted

_COUNTED = 2000  # the sizes of more wheels are not added up at every pull
_UNPACKING = 0.25  # the share of the download in a wheel's work


def remaining(snapshot: Snapshot) -> float | None:
    """Seconds until all wheels are unpacked, at the present rate; None if that cannot be estimated.

    Stages and commits are not counted: they take moments, or depend on who holds the locks. A session that is slowed
    down on purpose has no ETA.
    """
    wheels = [wheel for wheel in snapshot.wheels if not wheel.cached] if len(snapshot.wheels) <= _COUNTED else []
    if snapshot.finished or snapshot.resolving or snapshot.planned or _slowed(snapshot.session):
        return None
    if not wheels or not all(wheel.size for wheel in wheels):
        return None
    begun = min(
        (span.begin for wheel in wheels for span in (*wheel.spans, _now(wheel)) if span.phase in _SIZED),
        default=snapshot.t,
    )
    downloads = snapshot.totals.downloads or any(wheel.phase is Phase.FETCH for wheel in wheels)
    through = sum(wheel.size * _through(wheel, _UNPACKING if downloads else 1.0) for wheel in wheels)
    share, elapsed = through / sum(wheel.size for wheel in wheels), snapshot.t - begun
    if not 0.08 <= share < 1 or elapsed < 1.5:
        return None  # too early: it would be a guess
    return elapsed * (1 - share) / share


_SIZED = (Phase.FETCH, Phase.UNPACK)


def _now(wheel: WheelState) -> Span:
    return Span(wheel.phase, wheel.since, wheel.since)


def _through(wheel: WheelState, unpacking: float) -> float:
    """The share of a wheel's download and unpacking that is done."""
    part = wheel.done / wheel.total if wheel.total else 0.0
    if wheel.phase is Phase.FETCH:
        return (1 - unpacking) * part
    if wheel.phase is Phase.QUEUED:
        return 1 - unpacking if any(span.phase is Phase.FETCH for span in wheel.spans) else 0.0
    return 1 - unpacking + unpacking * part if wheel.phase is Phase.UNPACK else 1.0


def _slowed(session: SessionStarted | None) -> bool:
    arguments = session.command[1:] if session else ()
    return arguments[:1] == ["demo"] or any(one == "--slow" or one.startswith("--slow=") for one in arguments)
