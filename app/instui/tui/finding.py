"""The line above the table: what takes most of the time now."""

from collections.abc import Callable

from instui.monitor.model import Snapshot

from .rows.explain import top_line
from .text.glyphs import Glyphs
from .text.pieces import Line

_EVERY = 1.0  # seconds of the session between two looks: to explain one costs more than to show it


class TopFinding:
    """The latest line. It is made again when the session has gone on, at most once a second."""

    def __init__(self, make: Callable[[Snapshot, int, Glyphs], Line | None] = top_line) -> None:
        self._make = make
        self._basis: tuple[object, ...] = ()
        self._snapshot: Snapshot | None = None
        self._line: Line | None = None

    def line(self, snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line | None:
        """The line for a screen of that width; None if there is nothing to say."""
        basis = (width, snapshot.finished is None, snapshot.standstill is None, snapshot.paused)  # as the title has it
        before = self._snapshot
        if before is None or basis != self._basis or abs(snapshot.t - before.t) >= _EVERY:
            self._basis, self._snapshot = basis, snapshot
            self._line = self._make(snapshot, width, glyphs)
        return self._line
