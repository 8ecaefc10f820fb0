"""Where the wall clock of a session went: every instant belongs to exactly one piece, along the critical path.

The walk starts at the end and goes back in time. At each point it asks what the next step had to wait for, and takes
what ended there: the previous step of the same wheel, else the step that kept the worker busy, else whatever ended
last. If nothing ended there, it takes what was running. Where nothing was at work, the time belongs to the part of the
session around it; where there is no such part, it is `unexplained`.

A wait for a claim that a wheel of the same session holds is not a piece: the work of that wheel is. What was going on
while the process stood still is cut in two, and the standstill is a piece.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import Literal

from instui.monitor.joined import member
from instui.monitor.model import Phase, Snapshot
from instui.monitor.names import is_foreign
from instui.monitor.spans import Halt, SessionSpan
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

_WENT_ON = 1.0  # seconds for which a wait for others goes on after a standstill, which then has cost nothing
HANDOVER = 0.01  # seconds between the end of a step and the beginning of the one that had to wait for it, at most

Kind = Literal[
    "start",  # from the start of the program to the first part of the session
    "open",
    "resolve",
    "acquire",  # finding wheels in the store, and what lies between fetching and unpacking
    "fetch",
    "build",
    "unpack",
    "compile",
    "plan",
    "stage",
    "commit",
    "sync",
    "clean",
    "environment",  # a wait for the environment's lock
    "claim",  # a wait for a claim that another session or process holds
    "wait",  # any other wait for other processes
    "pause",
    "halt",  # the process did not run
    "unexplained",
]
WAITS: frozenset[Kind] = frozenset({"environment", "claim", "wait"})
KIND_OF: Mapping[Phase, Kind] = {
    Phase.FETCH: "fetch",
    Phase.BUILD: "build",
    Phase.UNPACK: "unpack",
    Phase.STAGE: "stage",
    Phase.COMMIT: "commit",
}


class Piece(NamedTuple):
    """A period in which one thing held the session up. `wheel`, `worker`, `path` and `holders` where they apply."""

    kind: Kind
    begin: float
    end: float
    wheel: str = ""
    worker: int = 0
    path: str = ""
    holders: tuple[Holder, ...] = ()
    what: str = ""  # what was synced or waited for

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.end - self.begin


class Attribution(NamedTuple):
    """The pieces of a session in the order of time, without gap or overlap, from `begin` (at most 0.0) to `end`.

    `activities` are those that they were chosen from.
    """

    begin: float
    end: float
    pieces: tuple[Piece, ...]
    activities: tuple[Piece, ...]

    @property
    def wall(self) -> float:
        """Seconds from the start of the program to now, or to the end of the session."""
        return self.end - self.begin

    def seconds(self, *kinds: Kind) -> float:
        """The seconds of all pieces of these kinds."""
        return sum(piece.seconds for piece in self.pieces if piece.kind in kinds)

    @property
    def unexplained(self) -> float:
        """Seconds of which the journal does not say what happened."""
        return self.seconds("unexplained")

    @property
    def critical(self) -> frozenset[str]:
        """The wheels on the critical path."""
        return frozenset(piece.wheel for piece in self.pieces if piece.wheel)


def attribute(snapshot: Snapshot) -> Attribution:
    """The attribution of a session so far."""
    begin = -snapshot.session.ran if snapshot.session is not None else 0.0
    end = max(_end(snapshot), begin)
    first = min((span.begin for span in snapshot.spans), default=0.0)
    around = [SessionSpan("open", begin, first), *snapshot.spans]  # "open" stands for the start, which is no span
    pieces: list[Piece] = []
    work = tuple(_activities(snapshot))
    for piece in _walk(work, begin, end):
        if piece.kind == "unexplained":
            pieces += reversed(list(_fallback(piece, around, first)))
        else:
            pieces.append(piece)
    pieces.reverse()
    if snapshot.halts:
        pieces, work = list(_cut(pieces, snapshot.halts, end)), tuple(_cut(work, snapshot.halts, end))
    return Attribution(begin, end, tuple(pieces), work)


def _end(snapshot: Snapshot) -> float:
    """The time now or, of a session that is over, of its end: a demonstration says that it is over some time later."""
    finished = snapshot.finished
    if finished is None:
        return snapshot.t
    last = max((snapshot.t if span.end is None else span.end for span in snapshot.spans), default=0.0)
    return min(max(finished.seconds, last), snapshot.t)


def _cut(pieces: Iterable[Piece], halts: Sequence[Halt], now: float) -> Iterator[Piece]:
    """The pieces, with others in the place of what was a standstill of the process."""
    begins = [halt.begin for halt in halts]
    for piece in pieces:
        begin = piece.begin
        first = max(bisect_right(begins, begin) - 1, 0)  # as they do not overlap, none before it reaches into the piece
        for halt in halts[first : bisect_right(begins, piece.end)]:
            since, until = max(halt.begin, begin), min(now if halt.end is None else halt.end, piece.end)
            if until <= since or (piece.kind in WAITS and piece.end - until > _WENT_ON):
                continue
            if since > begin:
                yield piece._replace(begin=begin, end=since)
            yield Piece("halt", since, until)
            begin = until
        if begin < piece.end:
            yield piece._replace(begin=begin)


def _activities(snapshot: Snapshot) -> list[Piece]:
    """All work and all waits of a session with their times, in any order; they overlap."""
    found = [
        Piece(KIND_OF[span.phase], span.begin, span.end, wheel.key, span.worker)
        for wheel in snapshot.wheels
        for span in wheel.spans
        if span.phase in KIND_OF
    ]
    for key in snapshot.running:
        wheel = snapshot.wheel(key)
        if wheel is not None and wheel.phase in KIND_OF:
            found.append(Piece(KIND_OF[wheel.phase], wheel.since, snapshot.t, key, wheel.worker))
    for past in snapshot.waits:
        found += _claim(snapshot, past.wheel, past.path, past.holders, past.begin, past.end)
    for key in snapshot.waiting:
        wheel = snapshot.wheel(key)
        if wheel is not None and (present := wheel.waits_for) is not None:
            found += _claim(snapshot, key, present.path, present.holders, present.behind, snapshot.t)
    for wait in snapshot.session_waits:
        kind: Kind = "environment" if wait.what == "environment" else "wait"
        until = snapshot.t if wait.end is None else wait.end
        who = "" if member(wait.wheel, snapshot.sessions) else wait.wheel
        found.append(Piece(kind, wait.begin, until, who, 0, wait.path, wait.holders, wait.what))
    found += [
        Piece("sync", sync.begin, snapshot.t if sync.end is None else sync.end, what=sync.what)
        for sync in snapshot.syncs
    ]
    found += [Piece("pause", pause.begin, snapshot.t if pause.end is None else pause.end) for pause in snapshot.pauses]
    return found


def _claim(
    snapshot: Snapshot, wheel: str, path: str, holders: Sequence[Holder], begin: float, end: float
) -> Iterator[Piece]:
    """A wait for a claim, unless only wheels of the same session were in the way."""
    others = tuple(holder for holder in holders if is_foreign(holder, snapshot.session))
    if others or not holders:
        yield Piece("claim", begin, end, wheel, 0, path, others)


def _walk(work: Sequence[Piece], begin: float, end: float) -> Iterator[Piece]:
    """Pieces from `end` back to `begin` without gap; those in which nothing was at work are `unexplained`."""
    by_end = sorted((one for one in work if one.end > one.begin and one.begin < end), key=lambda one: one.end)
    running: list[tuple[float, int, Piece]] = []  # heap of what ended later than now, the last to begin first
    ended: deque[Piece] = deque()  # what ended about now
    now, after = end, None
    while now > begin:
        while by_end and by_end[-1].end >= now - HANDOVER:
            one = by_end.pop()
            ended.append(one)
            heappush(running, (-one.begin, len(by_end), one))
        while ended and ended[0].end > now + HANDOVER:
            ended.popleft()
        while running and running[0][2].begin >= now:
            heappop(running)
        step = _before(after, [one for one in ended if one.begin < now])
        if step is None and running:
            step = running[0][2]
        if step is not None:
            after = step._replace(begin=max(step.begin, begin), end=now)
            yield after
        else:
            until = max(by_end[-1].end if by_end else begin, begin)
            yield Piece("unexplained", until, now)
            now = until
            continue
        now = after.begin


def _before(after: Piece | None, ended: Sequence[Piece]) -> Piece | None:
    """What `after` had to wait for, of those that ended when it began."""
    if not ended:
        return None
    if after is None:
        return max(ended, key=lambda one: one.end)
    return max(
        ended,
        key=lambda one: (
            bool(after.wheel) and one.wheel == after.wheel,
            one.kind in WAITS,
            (one.kind, one.worker) == (after.kind, after.worker),
            one.kind == after.kind,
            one.end - one.begin,
        ),
    )


def _fallback(gap: Piece, around: Sequence[SessionSpan], first: float) -> Iterator[Piece]:
    """The pieces of a gap, by the parts of the session that it lies in, in the order of time."""
    now = gap.begin
    # spans follow each other, so only the one before the first that begins later can reach into the gap
    first_one = max(bisect_right(around, now, key=lambda span: span.begin) - 1, 0)
    for place in range(first_one, len(around)):
        span = around[place]
        if span.begin >= gap.end:
            break
        until = gap.end if span.end is None else min(span.end, gap.end)
        begin = max(span.begin, now)
        if until <= begin:
            continue
        if begin > now:
            yield Piece("unexplained", now, begin)
        yield Piece("start" if until <= first else span.name, begin, until)
        now = until
    if now < gap.end:
        yield Piece("unexplained", now, gap.end)
