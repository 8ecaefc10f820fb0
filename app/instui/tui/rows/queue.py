"""Who is before a wheel that waits: those that wait themselves, and at the end who holds what they all wait for."""

from collections.abc import Sequence

from instui.monitor.model import Phase, Snapshot
from instui.monitor.names import is_own, started
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

from .labels import blockers, holder_label, lock_label, wheel_label


class Before(NamedTuple):
    """What is before a wheel.

    `waiting` are wheels of this session that wait themselves, the next one first. `holders` hold the `path` that the
    last of them waits for (or the wheel itself, if there are none); () if nobody is named.
    """

    waiting: tuple[str, ...]
    path: str
    holders: tuple[Holder, ...]


def before(snapshot: Snapshot, key: str) -> Before:
    """Who is before the wheel. A circle, which no engine makes, ends where it closes."""
    waiting: list[str] = []
    path, holders = _next(snapshot, key)
    while holders and (ahead := _waits(snapshot, holders)) and ahead != key and ahead not in waiting:
        waiting.append(ahead)
        path, holders = _next(snapshot, ahead)
    return Before(tuple(waiting), path, holders)


def _next(snapshot: Snapshot, key: str) -> tuple[str, tuple[Holder, ...]]:
    wheel = snapshot.wheel(key)
    wait = wheel.waits_for if wheel else None
    return (wait.path, blockers(snapshot, key, wait.path, wait.holders)) if wait else ("", ())


def _waits(snapshot: Snapshot, holders: Sequence[Holder]) -> str:
    """The first of the named holders, if it waits itself: then it holds nothing yet."""
    first = holders[0]
    wheel = snapshot.wheel(first.wheel) if is_own(first, snapshot.session) else None
    return wheel.key if wheel is not None and wheel.waits_for is not None else ""


def told(snapshot: Snapshot, key: str) -> str:
    """Who is before the wheel: `held by jwt 1.0, which commits`, or `behind square 1.0, which waits for pid 5120`."""
    waiting, path, holders = before(snapshot, key)
    who = holder_told(snapshot, holders)
    if not waiting:
        return f"held by {who}" if holders else "until it is its turn"
    wheel = snapshot.wheel(key)
    other = wheel is not None and wheel.waits_for is not None and wheel.waits_for.path != path
    at = f" at {lock_label(snapshot, path)}" if other else ""
    names = [wheel_label(snapshot, one) for one in waiting]
    steps = ", which waits for ".join(names if len(names) <= 3 else [*names[:2], f"{len(names) - 2} more"])
    return f"behind {steps}, which waits{at} for {who if holders else 'its turn'}"


def holder_told(snapshot: Snapshot, holders: Sequence[Holder]) -> str:
    """Holders, with what the first one does, and since when a process has been running."""
    if not holders:
        return "somebody who is not known"
    text = holder_label(snapshot, holders[0])
    wheel = snapshot.wheel(holders[0].wheel) if is_own(holders[0], snapshot.session) else None
    if wheel is not None and wheel.phase is Phase.COMMIT:
        text += ", which commits"
    elif began := started(holders[0], snapshot.session):
        text += f", {began}"
    more = len(holders) - 1
    return f"{text}, and {more} more" if more else text
