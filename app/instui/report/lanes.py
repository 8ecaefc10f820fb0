"""What the timeline shows, before it is drawn: the axis, and which wheels have a lane with what in it."""

from collections.abc import Sequence
from heapq import nlargest
from math import floor, log10

from instui.explain.activity import Activity, waits_of, work_of
from instui.explain.attribution import WAITS, Piece
from instui.monitor.model import Phase, Snapshot, WheelState
from instui_engine.values import NamedTuple

from .palette import of_kind

MOST = 60  # lanes of wheels
FEW = 20  # as many are shown even if little happened in them
LITTLE = 0.01  # of the whole time: a lane in which less happened is left out
_BARS = 200  # in one lane
_SHORTEST = 0.001  # of the whole time: what is shorter joins its neighbour
_TICKS = 7


class Axis(NamedTuple):
    """The time that all lanes show."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How much time that is."""
        return self.end - self.begin

    def share(self, t: float) -> float:
        """The place of `t`, from 0.0 to 1.0."""
        return min(max((t - self.begin) / self.seconds, 0.0), 1.0)

    def ticks(self) -> list[float]:
        """Round times, a few of them."""
        unit = 10.0 ** floor(log10(self.seconds / _TICKS))
        step = next(factor * unit for factor in (1, 2, 5, 10) if self.seconds / (factor * unit) <= _TICKS)
        return [number * step for number in range(floor(self.begin / step) + 1, floor(self.end / step + 1e-9) + 1)]


class Lane(NamedTuple):
    """The lane of a wheel: what is in it, in the order of time, and the seconds of work and waiting.

    `path` are the pieces of the critical path that are work on this wheel.
    """

    wheel: WheelState
    pieces: Sequence[Piece]
    seconds: float
    path: Sequence[Piece]

    @property
    def on_path(self) -> float:
        """The seconds on the critical path; a piece of that may begin with the step before."""
        return min(sum(piece.seconds for piece in self.path), self.seconds)


def axis_of(activity: Activity) -> Axis:
    """The whole time of the session, from the start of the program."""
    found = activity.attribution
    return Axis(found.begin, max(found.end, found.begin + 0.001))


def lane_of(wheel: WheelState, snapshot: Snapshot, activity: Activity) -> Lane:
    """The lane of a wheel, without what is critical in it."""
    pieces = sorted(
        [*work_of(wheel, snapshot.t), *waits_of(wheel, activity, snapshot.t)], key=lambda piece: piece.begin
    )
    return Lane(wheel, pieces, sum(piece.seconds for piece in pieces), ())


def lanes(snapshot: Snapshot, activity: Activity) -> list[Lane]:
    """The lanes of the wheels that took the most time, and of those that failed, by their beginning."""
    found = [lane_of(wheel, snapshot, activity) for wheel in snapshot.wheels]
    heaviest = nlargest(MOST, found, key=lambda lane: lane.seconds)
    least = LITTLE * activity.attribution.wall
    shown = [lane for place, lane in enumerate(heaviest) if lane.seconds and (place < FEW or lane.seconds >= least)]
    known = {lane.wheel.key for lane in shown}
    failed = [lane for lane in found if lane.wheel.phase is Phase.FAILED and lane.wheel.key not in known]
    paths: dict[str, list[Piece]] = {}
    for piece in activity.attribution.pieces:
        paths.setdefault(piece.wheel, []).append(piece)
    shown = [
        lane._replace(
            pieces=sorted(nlargest(_BARS, lane.pieces, key=lambda piece: piece.seconds), key=lambda piece: piece.begin),
            path=paths.get(lane.wheel.key, ()),
        )
        for lane in [*shown, *failed[:MOST]]
    ]
    return sorted(shown, key=lambda lane: lane.pieces[0].begin if lane.pieces else lane.wheel.since)


def merged(pieces: Sequence[Piece], axis: Axis) -> list[Piece]:
    """Pieces without gaps in as few bars as can be told apart: what is too short joins the one before. Waits do not."""
    found: list[Piece] = []
    least = _SHORTEST * axis.seconds
    for piece in pieces:
        is_short = piece.seconds < least and piece.kind not in WAITS
        if found and (is_short or of_kind(found[-1].kind) == of_kind(piece.kind) != "other" or same(found[-1], piece)):
            found[-1] = found[-1]._replace(end=piece.end)
        else:
            found.append(piece)
    return found


def same(one: Piece, other: Piece) -> bool:
    """Whether two pieces are of one kind."""
    return one.kind == other.kind
