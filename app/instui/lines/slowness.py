"""The lines about one thing that lasts, where no other line says it. There is no clock here."""

from instui.explain.slow_now import slow_now
from instui.monitor.model import Snapshot

from .progress import interval

FIRST, LATER = 10.0, 60.0  # seconds of one thing after which there is a line; after the second, every five minutes
_AGAIN = 300.0
_CROWD = 3  # wheels behind another one: fewer are named by the lines about their waits


class Slowness:
    """What holds a session up. `due` gives its line when that has lasted for long, then sparsely."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, float], int] = {}  # what, since when -> how often it was said
        self._next = 0.0

    def due(self, snapshot: Snapshot) -> list[str]:
        """The line that is due now, if any is."""
        if snapshot.t < max(self._next, FIRST):
            return []
        slow = slow_now(snapshot)
        if slow is None or not (slow.kind.startswith("wait-") or slow.kind in ("turns", "clean", "halt")):
            return []  # progress, and the lines about waits for locks, say the rest
        if slow.kind == "turns" and len(slow.wheels) <= _CROWD:
            return []
        lasts, key = snapshot.t - slow.since, (slow.kind, slow.since)
        steps = (lasts >= FIRST) + (lasts >= LATER) + int(lasts // _AGAIN)
        if steps <= self._told.get(key, 0):
            return []
        self._told[key] = steps
        self._next = snapshot.t + interval(snapshot.t)
        return [slow.text]
