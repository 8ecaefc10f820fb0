"""The bars of wheels: their phases in slots of one size, or where they lie in time."""

from collections.abc import Sequence
from itertools import accumulate
from math import ceil

from instui.monitor.model import Phase, Snapshot, WheelState
from instui.tui.text.glyphs import Glyphs, bar
from instui.tui.text.pieces import Line, Piece
from instui.tui.text.scale import Span, horizon, lane
from instui.tui.text.styles import PHASE_STYLES

WORKING = (Phase.FETCH, Phase.BUILD, Phase.UNPACK, Phase.STAGE, Phase.WAIT, Phase.COMMIT)
"""The phases that take time."""
SLOTS = (Phase.FETCH, Phase.UNPACK, Phase.STAGE, Phase.WAIT, Phase.COMMIT)
_SLOT_WEIGHTS = (6, 7, 6, 5, 7)  # the width of the headings above them
_PASSED = {Phase.READY: 2, Phase.STAGED: 3, Phase.DONE: 5, Phase.BUILD: 0} | {
    phase: i for i, phase in enumerate(SLOTS)
}  # a build is in the place of a download


def scale_end(t: float, finished: bool) -> float:
    """The end of the scale of the bars, which begins with the session."""
    return t if finished else horizon(t, 12)


def seconds_in(wheel: WheelState, phase: Phase | None, t: float) -> float:
    """Seconds that the wheel was in that phase, by `t`; without a phase, in all except the queues."""
    phases = WORKING if phase is None else (phase,)
    present = t - wheel.since if wheel.phase in phases else 0.0
    return sum(span.end - span.begin for span in wheel.spans if span.phase in phases) + present


def scaled_bar(wheel: WheelState, snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line:
    """The phases of a wheel where they lie in time; what is still to come is left blank."""
    t = snapshot.t
    spans = [(span.begin, span.end, PHASE_STYLES[span.phase]) for span in wheel.spans if span.phase in WORKING]
    if wheel.phase in (*WORKING, Phase.FAILED):
        spans.append((wheel.since, t if wheel.phase in WORKING else wheel.since, PHASE_STYLES[wheel.phase]))
    return to_scale(spans, snapshot, width, glyphs)


def to_scale(spans: Sequence[Span], snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line:
    """Spans as a bar on the scale of the session."""
    end = scale_end(snapshot.t, snapshot.finished is not None)
    if width < 1 or end <= 0:
        return ()
    past = max(1, min(width, ceil(snapshot.t * width / end - 1e-6)))
    return lane(spans, 0.0, end * past / width, past, glyphs)


def phase_bar(wheel: WheelState, _: Snapshot, width: int, glyphs: Glyphs) -> Line:
    """The progress of a wheel through its phases, each in a slot of its own."""
    ends = [round(sum_ * width / sum(_SLOT_WEIGHTS)) for sum_ in accumulate(_SLOT_WEIGHTS)]
    been = {span.phase for span in wheel.spans}
    passed = _passed(wheel, been)
    is_built = Phase.BUILD in been or wheel.phase is Phase.BUILD
    pieces, begin = [], 0
    for slot, (phase, end) in enumerate(zip(SLOTS, ends, strict=True)):
        size, begin = end - begin, end
        if slot == 0 and is_built:
            phase = Phase.BUILD
        style = PHASE_STYLES[phase]
        if slot < passed:
            if phase in been or (phase is Phase.COMMIT and wheel.phase is Phase.DONE):
                pieces.append(Piece((glyphs.wait if phase is Phase.WAIT else glyphs.full) * size, style))
            else:  # it was in the store, or there was no wait
                pieces.append(Piece((glyphs.track if phase is Phase.WAIT else glyphs.skipped) * size, "faint"))
        elif phase is wheel.phase:
            share = wheel.done / wheel.total if wheel.total else 0.0
            done = size if phase is Phase.WAIT else bar(share, size)
            pieces.append(Piece((glyphs.wait if phase is Phase.WAIT else glyphs.full) * done, style))
            pieces.append(Piece(glyphs.track * (size - done), "faint"))
        else:
            pieces.append(Piece(glyphs.track * size, "failed" if wheel.phase is Phase.FAILED else "faint"))
    return tuple(pieces)


def _passed(wheel: WheelState, been: set[Phase]) -> int:
    """How many slots the wheel has passed."""
    if wheel.phase is Phase.QUEUED:
        return int(Phase.FETCH in been or Phase.BUILD in been)
    if wheel.phase is Phase.UNBEGUN:
        return _PASSED[Phase.READY] if wheel.cached else 0
    if wheel.phase in (Phase.FAILED, Phase.STOPPED):
        last = max((SLOTS.index(phase) for phase in been if phase in SLOTS), default=0)
        return last + wheel.reached.startswith("after")
    if wheel.removal and wheel.phase is Phase.READY:
        return SLOTS.index(Phase.WAIT)  # it is not fetched, unpacked or staged
    return _PASSED[wheel.phase]
