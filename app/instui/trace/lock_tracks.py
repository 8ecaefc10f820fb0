"""The tracks of locks for which somebody waited: who held them, and flows from the end of a hold to that of a wait."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from instui.explain.attribution import HANDOVER
from instui.monitor.model import Snapshot
from instui.monitor.names import holder_name, is_foreign, path_name, same_holder
from instui_engine.errors import printable
from instui_engine.journal import events
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

from .session_tracks import Timed
from .tracks import Flow, Group, LockWait, Slice, Track, Value


class LockTracks(NamedTuple):
    """The tracks of locks, and the flows from them."""

    group: Group
    flows: Sequence[Flow]


class _Hold(NamedTuple):
    """A claim of a wheel, from its grant to its release; `over`: it was released."""

    wheel: str
    mode: str
    shown: Slice
    over: bool


class _Period(NamedTuple):
    """Another process may have held a lock; `ends`: the wait that went on at the end of it."""

    begin: float
    end: float
    ends: Slice | None


def lock_tracks(snapshot: Snapshot, waits: Sequence[LockWait], kept: Sequence[Timed]) -> LockTracks:
    """The tracks of all locks that are waited for in `waits`."""
    by_path: dict[str, list[LockWait]] = {}
    for wait in waits:
        by_path.setdefault(wait.path, []).append(wait)
    holds = _holds(snapshot, by_path.keys())
    lock = snapshot.environment
    if lock is not None and lock.path in holds:
        holds[lock.path] += [_Hold("", "IX", shown, False) for shown in environment_holds(kept, snapshot.t)]
    tracks, flows = [], []
    for path, waited in by_path.items():
        own = holds[path]
        others, from_others = _foreign(snapshot, waited, own)
        released = list(_released(waited, own, {id(flow.wait) for flow in from_others}))
        by_own = {id(flow.wait) for flow in released}
        flows += [*released, *(flow for flow in from_others if id(flow.wait) not in by_own)]
        name = path_name(path, snapshot.session)
        tracks += [Track(name, apart) for apart in _apart([*(hold.shown for hold in own), *others])]
    return LockTracks(Group("locks that were waited for", tracks), flows)


def environment_holds(kept: Iterable[Timed], now: float) -> Iterator[Slice]:
    """When the session held the environment's lock; to the present if it still does."""
    since: float | None = None
    for t, event in kept:
        if isinstance(event, events.EnvironmentGranted):
            since = t
        elif isinstance(event, events.EnvironmentReleased) and since is not None:
            yield Slice(since, t, "this session", "lock")
            since = None
    if since is not None:
        yield Slice(since, now, "this session", "lock")


def _holds(snapshot: Snapshot, paths: Iterable[str]) -> Mapping[str, list[_Hold]]:
    """The claims of this session's wheels on these paths."""
    found: dict[str, list[_Hold]] = {path: [] for path in paths}
    for wheel in snapshot.wheels:
        for mode, claimed in (("X", wheel.exclusive), ("IX", wheel.shared)):
            for path in claimed:
                if path not in found:
                    continue
                for one in wheel.acquisitions:
                    if one.granted is not None:
                        end = snapshot.t if one.released is None else one.released
                        facts = {"mode": mode, "wheel": printable(wheel.key)}
                        shown = Slice(one.granted, end, printable(wheel.label), "lock", facts)
                        found[path].append(_Hold(wheel.key, mode, shown, one.released is not None))
    return found


def _released(waits: Iterable[LockWait], holds: Sequence[_Hold], by_others: Set[int]) -> Iterator[Flow]:
    """From the wheel that released a claim last to each wait for it that this has ended.

    A wait `by_others` that went on later than that was let go on by another process.
    """
    for wait in waits:
        begin, end = wait.shown.begin, wait.shown.end
        ended = [
            hold.shown
            for hold in holds
            if hold.over and hold.wheel != wait.wheel and "X" in (hold.mode, wait.mode)
            if wait.granted and hold.shown.begin < end and begin < hold.shown.end <= end + HANDOVER
        ]
        last = max(ended, key=lambda shown: shown.end, default=None)
        if last is not None and (last.end >= end - HANDOVER or id(wait.shown) not in by_others):
            yield Flow(last, wait.shown)


def _foreign(snapshot: Snapshot, waits: Sequence[LockWait], holds: Sequence[_Hold]) -> tuple[list[Slice], list[Flow]]:
    """Other processes that held a lock while it was waited for, and a flow from one of them to each wait that lasted.

    The one is that which was named last, as a wait names those who were in the way when it began, and newcomers.
    """
    held: dict[tuple[object, ...], tuple[Holder, list[_Period]]] = {}
    for wait in waits:
        others = [holder for holder in wait.shown.holders if is_foreign(holder, snapshot.session)]
        for holder in others:
            found = held.setdefault(same_holder(holder._replace(wheel="")), (holder, []))[1]
            found += _others(wait, holds, is_last=holder is others[-1])
    slices, flows = [], []
    for holder, periods in held.values():
        name = holder_name(holder._replace(wheel="", state=""), snapshot.session, str)
        for together in _joined(periods):
            end = max(period.end for period in together)
            hold = Slice(together[0].begin, end, name, "foreign", holder_facts(holder))
            slices.append(hold)
            flows += [Flow(hold, period.ends) for period in together if period.ends is not None]
    return slices, flows


def _others(wait: LockWait, holds: Sequence[_Hold], *, is_last: bool) -> Iterator[_Period]:
    """When it can have been another process that was waited for: no wheel of this session held the path alone."""
    begin, end = wait.shown.begin, wait.shown.end
    own = [hold.shown for hold in holds if hold.mode == "X" and hold.wheel != wait.wheel]
    is_cut = False
    for hold in sorted((one for one in own if one.begin < end and begin < one.end), key=lambda one: one.begin):
        if hold.begin - begin > HANDOVER:
            yield _Period(begin, hold.begin, None)
        begin, is_cut = max(begin, hold.end), True
    if end - begin > (HANDOVER if is_cut else 0.0):
        yield _Period(begin, end, wait.shown if wait.granted and is_last else None)


def _joined(periods: Iterable[_Period]) -> Iterator[list[_Period]]:
    """Periods that overlap, together."""
    together: list[_Period] = []
    end = 0.0
    for period in sorted(periods, key=lambda period: period.begin):
        if together and period.begin > end:
            yield together
            together = []
        together.append(period)
        end = max(end, period.end)
    if together:
        yield together


def holder_facts(holder: Holder) -> Mapping[str, Value]:
    """What is known of a holder."""
    known: dict[str, Value] = {
        "pid": holder.pid,
        "command": printable(holder.command),
        "state": printable(holder.state),
        "session": printable(holder.session),
        "wheel": printable(holder.wheel),
    }
    return {name: value for name, value in known.items() if value}


def _apart(slices: Iterable[Slice]) -> list[list[Slice]]:
    """The slices in as few lists as they need so that none overlap: readers bind a flow to the innermost slice."""
    rows: list[list[Slice]] = []
    for one in sorted(slices, key=lambda one: one.begin):
        row = next((row for row in rows if row[-1].end <= one.begin), None)
        if row is None:
            rows.append([one])
        else:
            row.append(one)
    return rows
