"""The wait-for graph: who waits for whom, now or in the past. The groupings by wheel and by chain use it."""

from collections.abc import Iterable, Sequence
from heapq import nlargest

from instui.monitor.model import Snapshot
from instui.monitor.names import is_own, same_holder
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

from . import session_waits
from .labels import blockers

SESSION = ""  # the waiter for the environment's lock: the whole session
_PAST = 300  # the most past waits that are shown, the longest ones
_SHORTEST = 0.005  # seconds; shorter waits are not counted


class Edge(NamedTuple):
    """`waiter` waits, or waited, for `path`, which `blocker` holds; `end` is None while it waits."""

    waiter: str
    path: str
    mode: str
    begin: float
    end: float | None
    blocker: Holder
    others: int  # how many more holders are in the way

    def seconds(self, t: float) -> float:
        """The length of the wait, in seconds."""
        return (t if self.end is None else self.end) - self.begin


def present(snapshot: Snapshot) -> list[Edge]:
    """The present waits, longest first, but the wait for the environment's lock before all others."""
    found = []
    environment = snapshot.environment
    if environment is not None and environment.state == "waiting":
        found.append(_edge(SESSION, environment.path, "SH", environment.since, None, environment.holders))
    for key in snapshot.waiting:
        wheel = snapshot.wheel(key)
        if wheel is not None and wheel.waits_for is not None:
            wait = wheel.waits_for
            holders = blockers(snapshot, key, wait.path, wait.holders)
            found.append(_edge(key, wait.path, wait.mode, wait.since, None, holders))
    return [*found, *_of_session(snapshot, over=False)]


def past(snapshot: Snapshot) -> list[Edge]:
    """The longest past waits. The blocker is the holder that was named when the wait began."""
    waits = (wait for wait in snapshot.waits if wait.seconds >= _SHORTEST)
    longest = nlargest(_PAST, waits, key=lambda wait: wait.seconds)
    edges = [_edge(wait.wheel, wait.path, wait.mode, wait.begin, wait.end, wait.holders) for wait in longest]
    return [*_of_session(snapshot, over=True), *edges]


def _of_session(snapshot: Snapshot, over: bool) -> list[Edge]:
    """The waits for what is no claim. The present one for the environment's lock is that of `environment`."""
    found = []
    for wait in snapshot.session_waits:
        of_environment = wait.what == "environment"
        if (wait.end is not None) is over and (over or not of_environment or wait.wheel):
            if over and session_waits.length(wait, snapshot.t) < session_waits.SHORTEST:
                continue
            path = wait.path if of_environment else session_waits.key_of(wait)
            mode = "SH" if of_environment else ""
            found.append(_edge(wait.wheel or SESSION, path, mode, wait.begin, wait.end, wait.holders[::-1]))
    return found


def _edge(waiter: str, path: str, mode: str, begin: float, end: float | None, holders: Sequence[Holder]) -> Edge:
    return Edge(waiter, path, mode, begin, end, holders[0] if holders else Holder(), max(len(holders) - 1, 0))


def own_blocker(edge: Edge, snapshot: Snapshot) -> str:
    """The wheel of this session that is in the way; "" for a holder outside."""
    return edge.blocker.wheel if is_ours(edge.blocker, snapshot) else ""


def is_ours(holder: Holder, snapshot: Snapshot) -> bool:
    """Whether the holder is a known wheel of this session."""
    return is_own(holder, snapshot.session) and snapshot.wheel(holder.wheel) is not None


def foreign(snapshot: Snapshot, edges: Iterable[Edge]) -> dict[Holder, list[Edge]]:
    """The waits for holders outside this session, by holder."""
    found: dict[object, tuple[Holder, list[Edge]]] = {}
    for edge in edges:
        if not own_blocker(edge, snapshot):
            found.setdefault(same_holder(edge.blocker), (edge.blocker, []))[1].append(edge)
    return dict(found.values())


def parents(snapshot: Snapshot, edges: Sequence[Edge]) -> list[int | None]:
    """For each wait, the position of the wait in which its blocker itself waited at that time, or None."""
    waits: dict[str, list[int]] = {}
    for position, edge in enumerate(edges):
        waits.setdefault(edge.waiter, []).append(position)
    found: list[int | None] = []
    for position, edge in enumerate(edges):
        above = [
            other
            for other in waits.get(own_blocker(edge, snapshot), ())
            if other != position and _overlap(edge, edges[other])
        ]
        found.append(max(above, key=lambda other: edges[other].begin) if above else None)
    return [None if parent is None or _circular(position, found) else parent for position, parent in enumerate(found)]


def _overlap(a: Edge, b: Edge) -> bool:
    return (b.end is None or a.begin < b.end) and (a.end is None or b.begin < a.end)


def _circular(position: int, parents: Sequence[int | None]) -> bool:
    """Whether a wait leads back to itself. No journal of the engine has that, but a journal is only a file."""
    seen = {position}
    above = parents[position]
    while above is not None and above not in seen:
        seen.add(above)
        above = parents[above]
    return above is not None
