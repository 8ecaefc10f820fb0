"""A session that stood still, as if it had not."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate

from instui.monitor.model import Prefix, Snapshot

from .attribution import Attribution, Piece


def without(snapshot: Snapshot, attribution: Attribution) -> Snapshot:
    """The session as if its clock had not gone on while a standstill held it up; one that cost nothing stays."""
    halts = [piece for piece in attribution.pieces if piece.kind == "halt"]
    moved = _clock(halts)

    def ended(end: float | None) -> float | None:
        return None if end is None else moved(end)

    return snapshot._replace(
        t=moved(snapshot.t),
        halts=(),
        spans=tuple(one._replace(begin=moved(one.begin), end=ended(one.end)) for one in snapshot.spans),
        syncs=tuple(one._replace(begin=moved(one.begin), end=ended(one.end)) for one in snapshot.syncs),
        pauses=tuple(one._replace(begin=moved(one.begin), end=ended(one.end)) for one in snapshot.pauses),
        session_waits=tuple(one._replace(begin=moved(one.begin), end=ended(one.end)) for one in snapshot.session_waits),
        doings=tuple(one._replace(begin=moved(one.begin)) for one in snapshot.doings),
        waits=Prefix([one._replace(begin=moved(one.begin), end=moved(one.end)) for one in snapshot.waits]),
        wheels=tuple(
            replace(
                wheel,
                since=moved(wheel.since),
                spans=tuple(one._replace(begin=moved(one.begin), end=moved(one.end)) for one in wheel.spans),
            )
            for wheel in snapshot.wheels
        ),
    )


def _clock(halts: Sequence[Piece]) -> Callable[[float], float]:
    """From the times of a session to those of a clock that stops meanwhile."""
    begins = [halt.begin for halt in halts]
    before = [0.0, *accumulate(halt.seconds for halt in halts)]  # of each of them: the seconds of those before it

    def moved(t: float) -> float:
        place = bisect_right(begins, t)
        return t - before[place] + (max(halts[place - 1].end - t, 0.0) if place else 0.0)

    return moved
