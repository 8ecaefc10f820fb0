"""What the window says of the session: the title of the terminal, and its progress."""

from instui.monitor import units
from instui.monitor.model import SETTLED, Phase, Snapshot, WheelState
from instui.window import Said, State

from .rows.frame import Facts, badge

_COUNTED = 2000  # wheels that are looked at one by one
# how much of a wheel is done in a phase
_DONE = {
    Phase.QUEUED: 0.0,
    Phase.FETCH: 0.1,
    Phase.BUILD: 0.2,
    Phase.UNPACK: 0.3,
    Phase.READY: 0.5,
    Phase.STAGE: 0.5,
    Phase.STAGED: 0.8,
    Phase.WAIT: 0.8,
    Phase.COMMIT: 0.9,
}


def said(snapshot: Snapshot, facts: Facts) -> Said:
    """The title and the progress of a session."""
    if facts.stand is not None and facts.stand.recorded:
        return Said("instui replay")
    if snapshot.over:
        state: State = "none" if snapshot.finished is not None and snapshot.finished.exit == 0 else "failed"
        return Said(f"instui {badge(snapshot, facts._replace(stand=None)).text.lower()}", state, 100)
    percent = _percent(snapshot)
    words = [] if percent is None else [f"{percent} %"]
    if snapshot.cancelling:
        words.append("cancelling")
    elif snapshot.paused:
        words.append("paused")
    elif snapshot.resolving:
        words.append("resolving")
    if snapshot.totals.waiting:
        words.append(f"{units.number(snapshot.totals.waiting)} wait")
    state = "failed" if snapshot.totals.failed else "paused" if snapshot.paused else "running"
    return Said(f"instui {', '.join(words)}".strip(), state, percent)


def _percent(snapshot: Snapshot) -> int | None:
    """How much of the wheels is done; None before they are known. A guess: phases count as what they usually take."""
    totals, wheels = snapshot.totals, snapshot.wheels
    if snapshot.removes:
        return 100 * totals.removed // totals.removing if totals.removing else None
    if not wheels or snapshot.resolving:
        return None
    settled = totals.committed + totals.removed + totals.failed
    if len(wheels) > _COUNTED:
        return min(99, 100 * settled // len(wheels))
    return min(99, int(100 * sum(map(_done, wheels)) / len(wheels)))


def _done(wheel: WheelState) -> float:
    """How much of a wheel is done. It may be queued again, after its download or build: then no less than before."""
    if wheel.phase in SETTLED:
        return 1.0
    return max(_DONE.get(phase, 0.0) for phase in (wheel.phase, *(span.phase for span in wheel.spans)))
