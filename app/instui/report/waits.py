"""Who waited for whom: all waits of a session, whatever they were for."""

from instui.monitor.model import Snapshot
from instui.monitor.names import wait_target
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

from . import names

SHORTEST = 0.005  # seconds of a wait that is told


class WaitedFor(NamedTuple):
    """Who waited for whom, for what, and how long; `end` is None while it lasts."""

    waiter: str
    what: str
    mode: str
    holders: tuple[Holder, ...]
    begin: float
    end: float | None
    seconds: float


def waits(snapshot: Snapshot) -> list[WaitedFor]:
    """All waits that are worth a word, the longest first."""
    found = []
    for past in snapshot.waits:
        found.append(
            WaitedFor(
                past.wheel, names.lock(snapshot, past.path), past.mode, past.holders, past.begin, past.end, past.seconds
            )
        )
    for key in snapshot.waiting:
        wheel = snapshot.wheel(key)
        if wheel is not None and (now := wheel.waits_for) is not None:
            what, holders = names.lock(snapshot, now.path), snapshot.blocking(now)
            found.append(WaitedFor(key, what, now.mode, holders, now.since, None, snapshot.t - now.since))
    for one in snapshot.session_waits:
        end = snapshot.t if one.end is None else one.end
        what = one.path if one.what == "environment" else wait_target(one.what)
        found.append(WaitedFor(one.wheel, what, "", one.holders[::-1], one.begin, one.end, end - one.begin))
    return sorted((one for one in found if one.seconds >= SHORTEST or one.end is None), key=lambda one: -one.seconds)
