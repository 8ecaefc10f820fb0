"""Who waited for whom: all waits of a session, whatever they were for."""

from collections.abc import Mapping, Sequence
from math import inf

from instui.monitor.model import Snapshot
from instui.monitor.names import is_own, wait_target
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

from . import names

SHORTEST = 0.005  # seconds of a wait that is told
MOST = 200  # waits, the longest, of which it is said who had the lock later


class WaitedFor(NamedTuple):
    """Who waited for whom, for what, and how long; `end` is None while it lasts.

    `holders` are in the order in which they had it.
    """

    waiter: str
    what: str
    mode: str
    holders: tuple[Holder, ...]
    begin: float
    end: float | None
    seconds: float
    path: str = ""  # of a claim


class _Holding(NamedTuple):
    """A wheel of the session had a lock; `until` is infinite while it has it."""

    since: float
    until: float
    wheel: str
    mode: str


def waits(snapshot: Snapshot) -> list[WaitedFor]:
    """All waits that are worth a word, the longest first."""
    found = []
    for past in snapshot.waits:
        found.append(
            WaitedFor(
                past.wheel,
                names.lock(snapshot, past.path),
                past.mode,
                past.holders,
                past.begin,
                past.end,
                past.seconds,
                past.path,
            )
        )
    for key in snapshot.waiting:
        wheel = snapshot.wheel(key)
        if wheel is not None and (now := wheel.waits_for) is not None:
            what, seconds = names.lock(snapshot, now.path), snapshot.t - now.behind
            found.append(WaitedFor(key, what, now.mode, now.holders, now.behind, None, seconds, now.path))
    for one in snapshot.session_waits:
        end = snapshot.t if one.end is None else one.end
        what = one.path if one.what == "environment" else wait_target(one.what)
        found.append(WaitedFor(one.wheel, what, "", one.holders, one.begin, one.end, end - one.begin))
    told = [one for one in found if one.seconds >= SHORTEST or one.end is None]
    told.sort(key=lambda one: -one.seconds)
    longest = told[:MOST]
    holdings = _holdings(snapshot, {one.path for one in longest})
    return [*(_in_order(snapshot, one, holdings.get(one.path, ())) for one in longest), *told[MOST:]]


def _holdings(snapshot: Snapshot, paths: set[str]) -> Mapping[str, Sequence[_Holding]]:
    """Which wheels of the session had the locks of these paths, by path, in the order in which they got them."""
    found: dict[str, list[_Holding]] = {}
    for wheel in snapshot.wheels:
        granted = [(one.granted, one.released) for one in wheel.acquisitions if one.granted is not None]
        for mode, claimed in (("X", wheel.exclusive), ("IX", wheel.shared)) if granted else ():
            for path in paths.intersection(claimed):
                held = found.setdefault(path, [])
                held += [_Holding(at, inf if end is None else end, wheel.key, mode) for at, end in granted]
    for holdings in found.values():
        holdings.sort()
    return found


def _in_order(snapshot: Snapshot, wait: WaitedFor, holdings: Sequence[_Holding]) -> WaitedFor:
    """The wait with all who stood before it. Its own event names only those who did when it began."""
    session = snapshot.session
    if session is None or not holdings:
        return wait
    end = snapshot.t if wait.end is None else wait.end
    later = {
        one.wheel: None
        for one in holdings
        if one.since < end and one.until > wait.begin and one.wheel != wait.waiter and "X" in (one.mode, wait.mode)
    }
    named = [one for one in wait.holders if not (is_own(one, session) and one.wheel in later)]
    own = [Holder(wheel, session.session, session.pid) for wheel in later]
    return wait._replace(holders=(*named, *own))
