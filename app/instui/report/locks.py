"""Locks: at which of them time was lost, who waited for whom, and who will take turns."""

from collections.abc import Sequence
from heapq import nlargest

from instui.monitor.model import Snapshot
from instui.monitor.names import mode_in_words
from instui.monitor.units import count

from . import names
from .chains import chains
from .html import Html, element, joined, name
from .names import took
from .session import Recorded
from .tables import Cell, Column, left_out, table
from .waits import MOST, SHORTEST, WaitedFor, waits


def locks(recorded: Recorded) -> Html:
    """The section."""
    snapshot, found = recorded.snapshot, waits(recorded.snapshot)
    waited = [chains(snapshot, found), _who_waited(snapshot, found)]
    parts = [_environment(snapshot), *waited, _where(snapshot), _turns(snapshot)]
    if not any(parts):
        parts = [element("p", "Nobody waited, and no two wheels wanted one path.")]
    return element("section", element("h2", "Locks", id="locks"), parts, aria_labelledby="locks")


def _environment(snapshot: Snapshot) -> Html:
    lock = snapshot.environment
    if lock is None:
        return Html("")
    waited = lock.waited + (snapshot.t - lock.since if lock.state == "waiting" else 0.0)
    held = lock.held + (snapshot.t - lock.since if lock.state == "held" else 0.0)
    text = f", which keeps other installers out: waited {took(waited)} for it, held {took(held)}"
    return element("p", element("code", name(lock.path)), text)


def _who_waited(snapshot: Snapshot, found: Sequence[WaitedFor]) -> Html:
    if not found:
        return Html("")
    columns = [
        Column("who waited"),
        Column("for"),
        Column("seconds", is_number=True),
        Column("held by, in this order", is_long=True),
        Column("from", is_number=True),
        Column("to", is_number=True),
    ]
    rows = [
        [
            Cell(name(names.label(snapshot, one.waiter))),
            Cell(element("code", name(f"{one.what}{f' ({mode_in_words(one.mode)})' if one.mode else ''}"))),
            Cell(took(one.seconds), "wait"),
            Cell(name(names.in_turn(snapshot, one.holders, lasts=one.end is None))),
            Cell(names.at(one.begin)),
            Cell("still waits" if one.end is None else names.at(one.end)),
        ]
        for one in found[:MOST]
    ]
    whole = table("Who waited for whom, the longest first", columns, rows)
    return joined([whole, left_out(len(found) - MOST, "shorter wait")])


def _where(snapshot: Snapshot) -> Html:
    known = [lock for path in snapshot.contended if (lock := snapshot.lock(path)) is not None]
    lost = {lock.path: lock.waited + sum(snapshot.t - one.since for one in lock.waiters) for lock in known}
    known = [lock for lock in known if lost[lock.path] >= SHORTEST]
    if not known:
        return Html("")
    columns = [
        Column("path"),
        Column("waited in all", is_number=True),
        Column("longest", is_number=True),
        Column("taken", is_number=True),
        Column("had to wait", is_number=True),
        Column("waiting now", is_number=True),
    ]
    rows = [
        [
            Cell(element("code", name(names.lock(snapshot, lock.path)))),
            Cell(took(lost[lock.path]), "wait"),
            Cell(took(max([lock.longest, *(snapshot.t - one.since for one in lock.waiters)]))),
            Cell(str(lock.acquisitions)),
            Cell(str(lock.contended)),
            Cell(str(len(lock.waiters) or "")),
        ]
        for lock in nlargest(MOST, known, key=lambda lock: lost[lock.path])
    ]
    whole = table("Where time was lost, the most first", columns, rows)
    return joined([whole, left_out(len(known) - MOST, "more path")])


def _turns(snapshot: Snapshot) -> Html:
    shared = [lock for path in snapshot.collisions if (lock := snapshot.lock(path)) is not None and lock.collision]
    if not shared:
        return Html("")
    rows = [
        [
            Cell(element("code", name(names.lock(snapshot, lock.path)))),
            Cell(name(" → ".join(names.label(snapshot, key) for key in lock.collision))),
        ]
        for lock in shared[:MOST]
    ]
    title = f"{count(len(shared), 'path')} that several wheels write"
    whole = table(title, [Column("path"), Column("they take turns, in this order", is_long=True)], rows)
    return joined([whole, left_out(len(shared) - MOST, "more path")])
