"""A session that stood still, as if it had not."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace

from instui.monitor.model import Prefix, Snapshot
from instui.monitor.spans import Halt


def without(snapshot: Snapshot) -> Snapshot:
    """The session as if its clock had not gone on while it stood still."""
    if not snapshot.halts:
        return snapshot
    moved = _clock(snapshot.halts, snapshot.t)

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


def _clock(halts: Sequence[Halt], now: float) -> Callable[[float], float]:
    """From the times of a session to those of a clock that stops when it stands still."""
    begins = [halt.begin for halt in halts]
    ends = [now if halt.end is None else halt.end for halt in halts]
    before = [0.0]  # of each of them: the seconds of those before it
    for begin, end in zip(begins, ends, strict=True):
        before.append(before[-1] + end - begin)

    def moved(t: float) -> float:
        place = bisect_right(begins, t)
        return t - before[place] + (max(ends[place - 1] - t, 0.0) if place else 0.0)

    return moved
