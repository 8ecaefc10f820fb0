"""The session on the screen: journal lines go in, and snapshots come out, as often as the screen pulls them."""

import gc
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.monitor.reader import Source, decoded
from instui_engine.journal import events
from instui_engine.journal.events import Event

BUDGET = 0.02  # seconds that one pull may take, so that keys still work while a long journal is read
KEPT = 20_000  # events in the log; older ones are in the journal only
_FREEZE_EVERY = 50_000  # events
_PROGRESS = (
    events.FetchProgress,
    events.UnpackProgress,
    events.StageProgress,
    events.CommitProgress,
    events.LoadSampled,
    events.SpanStarted,  # its end says how long it took
    events.Caption,
)


class Log:
    """The latest events, numbered from the first of the session; what only says that something goes on is left out."""

    def __init__(self) -> None:
        self._entries: deque[tuple[float, Event]] = deque(maxlen=KEPT)
        self.total = 0

    @property
    def first(self) -> int:
        """The number of the oldest event that is still in the log."""
        return self.total - len(self._entries)

    def add(self, t: float, event: Event) -> None:
        """Append an event; the oldest one may be dropped."""
        self._entries.append((t, event))
        self.total += 1

    def __getitem__(self, number: int) -> tuple[float, Event]:
        return self._entries[number - self.first]

    def __iter__(self) -> Iterator[tuple[float, Event]]:
        return iter(self._entries)


class Watch:
    """A watched session: the fold of `source`. `clock` is CLOCK_MONOTONIC in seconds, or the clock of a replay."""

    def __init__(self, source: Source, clock: Callable[[], float]) -> None:
        self.log = Log()
        self.frozen = False
        self._source = source
        self._clock = clock
        self._fold = Fold(estimates=True)
        self._lines: deque[str] = deque()
        self._fed = 0
        self._shown: Snapshot = self._fold.snapshot(0.0)

    @property
    def behind(self) -> bool:
        """Whether there are lines that were read but not yet folded."""
        return bool(self._lines)

    @property
    def died(self) -> bool:
        """Whether the journal ended without the event that ends a session."""
        return self._source.ended and not self._lines and not self._fold.is_finished

    @property
    def over(self) -> bool:
        """Whether the session has ended, in whatever way."""
        return self._fold.is_finished or self.died

    @property
    def shown(self) -> Snapshot:
        """The session as it is on the screen."""
        return self._shown

    @property
    def latest(self) -> Snapshot:
        """The session as it is now."""
        return self._fold.snapshot(self._now())

    @property
    def lag(self) -> float:
        """The number of seconds that the screen is behind the session."""
        return max(0.0, self.latest.t - self._shown.t) if self.frozen else 0.0

    def read(self) -> bool:
        """Read and fold what is new, for at most BUDGET; the rest waits for the next pull. Return whether any was."""
        if not self._lines:
            self._lines.extend(self._source.poll(0))
        is_new = self.behind
        deadline = time.perf_counter() + BUDGET
        while self._lines:
            self._feed(self._lines.popleft() for _ in range(min(50, len(self._lines))))
            if time.perf_counter() > deadline:
                break
        if self._fed >= _FREEZE_EVERY:
            # A full garbage collection would visit all of these again: measured 94-152 ms with thousands of wheels.
            gc.freeze()
            self._fed = 0
        if self.died:
            self._fold.abandon()
        return is_new

    def advance(self) -> None:
        """Bring what is shown up to date, unless it is frozen."""
        if not self.frozen:
            self._shown = self.latest

    def close(self) -> None:
        """Give the source up: nothing more is read."""
        self._source.close()

    def _feed(self, lines: Iterable[str]) -> None:
        for t, event in decoded(lines):
            self._fold.feed(t, event)
            self._fed += 1
            if not isinstance(event, _PROGRESS):
                self.log.add(t, event)

    def _now(self) -> float:
        session = self._fold.session
        if session is None or self._source.ended:
            return self._fold.now
        return self._clock() - session.clock
