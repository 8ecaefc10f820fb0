"""The table of wheels: what each took, in numbers. It has every wheel of the timeline."""

from heapq import nlargest

from instui.monitor.model import Phase, WheelState
from instui.monitor.units import number as grouped
from instui.monitor.units import size

from . import names
from .html import Html, element, name
from .lanes import Lane, lane_of, lanes
from .names import took
from .session import Recorded
from .tables import Cell, Column, Row, left_out, table

MOST = 500  # rows
_KINDS = ("fetch", "build", "unpack", "stage", "claim", "commit")
_STYLES = {Phase.DONE: "commit", Phase.FAILED: "failed", Phase.STOPPED: "failed", Phase.UNBEGUN: "dim"}
_COLUMNS = (
    Column("wheel"),
    Column("state"),
    *(Column(word, is_number=True) for word in ("fetch", "build", "unpack", "stage", "wait", "commit", "in all")),
    *(Column(word, is_number=True) for word in ("from", "to", "files", "size")),
)


def wheels(recorded: Recorded) -> Html:
    """The section."""
    snapshot = recorded.snapshot
    if not snapshot.wheels:
        return Html("")
    drawn = [lane.wheel.key for lane in lanes(snapshot, recorded.activity)]
    every = [lane_of(wheel, snapshot, recorded.activity) for wheel in snapshot.wheels]
    first = set(drawn)
    shown = nlargest(MOST, every, key=lambda lane: (lane.wheel.key in first, lane.seconds))
    shown.sort(key=lambda lane: (lane.wheel.phase is not Phase.FAILED, -lane.seconds))
    caption = "Seconds of each wheel, those that failed first, then those that took longest"
    return element(
        "section",
        element("h2", "Wheels", id="wheels"),
        table(caption, _COLUMNS, map(_row, shown), level=0, sortable=True),
        left_out(len(every) - len(shown), "more wheel", why=", with less work: the journal in this page has them"),
        aria_labelledby="wheels",
    )


def _row(lane: Lane) -> Row:
    wheel = lane.wheel
    times = [sum(piece.seconds for piece in lane.pieces if piece.kind == kind) for kind in _KINDS]
    spent = [
        Cell(took(value) if value else "", "wait" if kind == "claim" else "", value)
        for kind, value in zip(_KINDS, times, strict=True)
    ]
    begin = lane.pieces[0].begin if lane.pieces else None
    end = max(piece.end for piece in lane.pieces) if lane.pieces else None
    return [
        Cell(name(wheel.label)),
        Cell(_state(wheel), _STYLES.get(wheel.phase, "")),
        *spent,
        Cell(took(lane.seconds) if lane.seconds else "", "", lane.seconds),
        *(Cell("" if t is None else names.at(t), "", t) for t in (begin, end)),
        Cell(grouped(wheel.files) if wheel.files else "", "", wheel.files),
        Cell(size(wheel.size) if wheel.size else "", "", wheel.size),
    ]


def _state(wheel: WheelState) -> str:
    word = names.state(wheel)
    return f"{word}, from cache" if wheel.cached and wheel.phase is Phase.DONE else word
