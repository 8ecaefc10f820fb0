"""What the timeline shows, before it is drawn: the axis, and which wheels have a lane with what in it."""

from collections.abc import Sequence
from heapq import nlargest
from itertools import groupby
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
_BARS_MOST = 1000  # side by side
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
    """Pieces without gaps as bars that can be told apart: neighbours that look the same are one bar.

    What is too short for a bar of its own is drawn as what took most of the time around it; a wait always has its own.
    """
    found: list[Piece] = []
    least = axis.seconds / _BARS_MOST
    for is_short, run in groupby(pieces, lambda one: one.seconds < least and one.kind not in WAITS):
        for bar in map(_together, _groups(list(run), least)) if is_short else run:
            _add(found, bar)
    return found


def _groups(pieces: Sequence[Piece], least: float) -> list[list[Piece]]:
    """Neighbours in groups that last at least so long; what is left at the end belongs to the last of them."""
    groups: list[list[Piece]] = [[]]
    for piece in pieces:
        if groups[-1] and groups[-1][-1].end - groups[-1][0].begin >= least:
            groups.append([])
        groups[-1].append(piece)
    last = groups[-1]
    if len(groups) > 1 and last[-1].end - last[0].begin < least:
        groups[-2:] = [groups[-2] + last]
    return groups


def _together(pieces: Sequence[Piece]) -> Piece:
    """Neighbours as one piece of the kind that took the most time."""
    seconds: dict[str, float] = {}
    for piece in pieces:
        style = of_kind(piece.kind)
        seconds[style] = seconds.get(style, 0.0) + piece.seconds
    first = next(one for one in pieces if of_kind(one.kind) == max(seconds, key=lambda style: seconds[style]))
    whole = first._replace(begin=pieces[0].begin, end=pieces[-1].end)
    return whole if len(pieces) == 1 else whole._replace(wheel="", worker=0)


def _add(found: list[Piece], piece: Piece) -> None:
    last = found[-1] if found else None
    if last is not None and last.kind == piece.kind and (last.path, last.what) == (piece.path, piece.what):
        same = last.wheel == piece.wheel
        worker = last.worker if last.worker == piece.worker else 0
        found[-1] = last._replace(end=piece.end, wheel=last.wheel if same else "", worker=worker)
    else:
        found.append(piece)
