"""What happened in a session, in the order of time: what lanes and curves of the timeline are made of."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, groupby
from math import inf

from instui.monitor.model import Phase, Prefix, Snapshot, Wait, WheelState
from instui_engine.values import NamedTuple

from .attribution import KIND_OF, WAITS, Attribution, Kind, Piece, attribute

_LEAST_SHARE = 0.005  # of the whole time that a gap has
_SHORTEST = 0.01  # seconds: a shorter one could only be called 0.00 s
_HANDED_ON = 0.02  # seconds in which a wheel is handed on: the critical path counts them as work on it, still


class Concurrency:
    """How many things were going on at each moment."""

    def __init__(self, spans: Iterable[tuple[float, float]]) -> None:
        changes: dict[float, int] = {}
        for begin, end in spans:
            if end > begin:
                changes[begin] = changes.get(begin, 0) + 1
                changes[end] = changes.get(end, 0) - 1
        self._times = sorted(changes)
        self._counts = list(accumulate(changes[t] for t in self._times))
        lengths = (b - a for a, b in zip(self._times, self._times[1:], strict=False))
        self._sums = [0.0, *accumulate(n * length for n, length in zip(self._counts, lengths, strict=False))]

    @property
    def most(self) -> int:
        """The highest count."""
        return max(self._counts, default=0)

    def at(self, t: float) -> int:
        """The count at `t`."""
        place = bisect_right(self._times, t) - 1
        return self._counts[place] if place >= 0 else 0

    def seconds(self, begin: float, end: float) -> float:
        """The seconds of all things between two times."""
        return self._until(end) - self._until(begin)

    def idle(self, begin: float, end: float) -> list[tuple[float, float]]:
        """The stretches between two times in which nothing was going on."""
        found, since = [], begin
        for t, count in zip(self._times, self._counts, strict=True):
            if count and since < min(t, end):
                found.append((since, min(t, end)))
            since = end if count else max(t, begin)
        return [*found, *([(since, end)] if since < end else [])]

    def _until(self, t: float) -> float:
        place = bisect_right(self._times, t) - 1
        return self._sums[place] + self._counts[place] * (t - self._times[place]) if place >= 0 else 0.0


class Activity(NamedTuple):
    """What happened in a session so far. Times are sorted."""

    attribution: Attribution
    starts: Sequence[float]  # of the pieces of the attribution
    path: Mapping[str, float]  # seconds on the critical path, by wheel
    work: Sequence[Piece]
    busy: Concurrency  # wheels at work
    waiting: Concurrency  # wheels, for claims
    waits: Mapping[str, Sequence[Wait]]  # by wheel
    gaps: Sequence[tuple[float, float]]  # nothing was at work, or the session waited
    done: Sequence[float]  # when wheels were done

    def held_up(self, t: float) -> Piece | None:
        """What held the session up at `t`."""
        place = bisect_right(self.starts, t) - 1
        piece = self.attribution.pieces[place] if place >= 0 else None
        return piece if piece is not None and t <= piece.end else None

    def mostly(self, begin: float, end: float) -> tuple[Kind | None, float]:
        """What held the session up longest between two times, and for which part of them; None if nothing is known."""
        seconds: dict[Kind, float] = {}
        for place in range(max(bisect_right(self.starts, begin) - 1, 0), bisect_left(self.starts, end)):
            piece = self.attribution.pieces[place]
            within = min(piece.end, end) - max(piece.begin, begin)
            seconds[piece.kind] = seconds.get(piece.kind, 0.0) + max(within, 0.0)
        kind = max(seconds, key=lambda one: seconds[one], default=None)
        return (kind, seconds[kind] / (end - begin)) if kind is not None and end > begin else (None, 0.0)


def activity(snapshot: Snapshot) -> Activity:
    """What happened so far. This goes through all wheels: not to be made for every frame."""
    found = attribute(snapshot)
    path: dict[str, float] = {}
    for piece in found.pieces:
        if piece.wheel:
            path[piece.wheel] = path.get(piece.wheel, 0.0) + piece.seconds
    work = [piece for wheel in snapshot.wheels for piece in work_of(wheel, snapshot.t)]
    waits: dict[str, list[Wait]] = {}
    for wait in snapshot.waits:
        waits.setdefault(wait.wheel, []).append(wait)
    for key in snapshot.waiting:
        if (wheel := snapshot.wheel(key)) is not None and (now := wheel.waits_for) is not None:
            waits.setdefault(key, []).append(Wait(key, now.path, now.mode, now.holders, now.behind, snapshot.t))
    busy = Concurrency(_of_wheels(work))
    waiting = Concurrency((wait.begin, wait.end) for one in waits.values() for wait in one)
    done = sorted(wheel.since for wheel in snapshot.wheels if wheel.phase is Phase.DONE)
    starts = [piece.begin for piece in found.pieces]
    return Activity(found, starts, path, work, busy, waiting, waits, _gaps(found, busy), done)


def _of_wheels(work: Iterable[Piece]) -> Iterator[tuple[float, float]]:
    """When each wheel was at work: once, also while it was in two phases. The pieces of a wheel stand together."""
    for _, pieces in groupby(work, key=lambda piece: piece.wheel):
        begun, until = 0.0, -inf
        for piece in sorted(pieces, key=lambda piece: piece.begin):
            if piece.begin > until:
                if until > begun:
                    yield begun, until
                begun = piece.begin
            until = max(until, piece.end)
        if until > begun:
            yield begun, until


def without_wheels(snapshot: Snapshot) -> Snapshot:
    """The session without its wheels: what it did as a whole, which is known at once."""
    return snapshot._replace(wheels=(), running=(), waiting=(), waits=Prefix([]))


def _gaps(found: Attribution, busy: Concurrency) -> list[tuple[float, float]]:
    """The stretches in which nothing was at work, or the session waited; those that touch are one."""
    waits = [(piece.begin, piece.end) for piece in found.pieces if piece.kind in WAITS]
    merged: list[tuple[float, float]] = []
    for begin, end in sorted([*waits, *busy.idle(found.begin, found.end)]):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    starts = [piece.begin for piece in found.pieces]
    gaps = [(_after_work(found.pieces, starts, begin), end) for begin, end in merged]
    least = max(_LEAST_SHARE * found.wall, _SHORTEST)
    return [(begin, end) for begin, end in gaps if end - begin >= least]


def _after_work(pieces: Sequence[Piece], starts: Sequence[float], begin: float) -> float:
    """Where a gap begins for who sees the critical path, too: when the wheel before it has been handed on."""
    place = bisect_right(starts, begin) - 1
    if place < 0 or not pieces[place].wheel or pieces[place].kind in WAITS:
        return begin
    end = pieces[place].end
    return end if begin < end <= begin + _HANDED_ON else begin


def work_of(wheel: WheelState, now: float) -> list[Piece]:
    """The work on a wheel."""
    pieces = [
        Piece(kind, span.begin, span.end, wheel.key, span.worker)
        for span in wheel.spans
        if (kind := KIND_OF.get(span.phase)) is not None
    ]
    if (kind := KIND_OF.get(wheel.phase)) is not None and now > wheel.since:
        pieces.append(Piece(kind, wheel.since, now, wheel.key, wheel.worker))
    return pieces


def waits_of(wheel: WheelState, found: Activity, now: float) -> list[Piece]:
    """The waits of a wheel for its claims."""
    pieces = [Piece("claim", w.begin, w.end, w.wheel, 0, w.path, w.holders) for w in found.waits.get(wheel.key, ())]
    if wheel.waits_for is not None and pieces:  # it still waits, since this was made
        pieces[-1] = pieces[-1]._replace(end=max(pieces[-1].end, now))
    return pieces
