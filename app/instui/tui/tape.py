"""The events of a session in the order of its journal, as far as they were read, and what of them the log shows."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from instui.monitor.landmarks import Landmarks, is_news, next_in, previous_in
from instui_engine.journal import events
from instui_engine.journal.events import Event

KEPT = 20_000  # events in the log; older ones are in the journal only
GAP = 0.02  # of the whole time: a stretch without an event that is a gap
_SHORTEST_GAP = 0.1  # seconds
_PROGRESS = (
    events.FetchProgress,
    events.UnpackProgress,
    events.StageProgress,
    events.CommitProgress,
    events.LoadSampled,
    events.CleanProgress,
    events.SpanStarted,  # its end says how long it took
    events.Caption,
)


class Tape:
    """All events that were read. A *place* in it is the number of events before it."""

    def __init__(self) -> None:
        self.events: list[tuple[float, Event]] = []
        self.landmarks = Landmarks()
        self.told = array("q")  # the places of the events that the log shows: no progress
        self._times = array("d")  # of the events, as the session sees them: they never fall
        self._news = array("q")  # the places of events that are news
        self._pauses: list[tuple[int, float]] = []  # place and length of each stretch without events

    def __len__(self) -> int:
        return len(self.events)

    def add(self, t: float, event: Event) -> None:
        """Append an event."""
        place, now = len(self.events), max(t, self._times[-1]) if self._times else t
        if place and now - self._times[-1] >= _SHORTEST_GAP:
            self._pauses.append((place, now - self._times[-1]))
        self.events.append((t, event))
        self._times.append(now)
        self.landmarks.add(now, event)
        if not isinstance(event, _PROGRESS):
            self.told.append(place)
            if is_news(event):
                self._news.append(place)

    @property
    def begin(self) -> float:
        """The time at which the session began, or of an event before that."""
        return min(self._times[0], 0.0) if self._times else 0.0

    @property
    def end(self) -> float:
        """The time of the last event; 0 before there is any."""
        return self._times[-1] if self._times else 0.0

    def place(self, t: float) -> int:
        """The place after all events up to the time `t`."""
        return bisect_right(self._times, t)

    def time(self, place: int) -> float:
        """The time of the last event before a place."""
        return self._times[place - 1] if place else self.begin

    # -- from a place to another one; None if there is none

    def after_next(self, place: int) -> int | None:
        """The place after the next event that the log shows."""
        found = next_in(self.told, place - 1)
        return None if found is None else found + 1

    def before_last(self, place: int) -> int | None:
        """The place before the last event that the log shows."""
        return previous_in(self.told, place)

    def after_next_news(self, place: int) -> int | None:
        """The place after the next event that is news."""
        found = next_in(self._news, place - 1)
        return None if found is None else found + 1

    def after_last_news(self, place: int) -> int | None:
        """The place after the event that was news before the one that this place is after."""
        found = previous_in(self._news, place - 1)
        return None if found is None else found + 1

    def number(self, place: int) -> int:
        """The number in the log of the event before a place, which is one that the log shows."""
        return bisect_left(self.told, place - 1)

    def gap(self, place: int, step: int) -> tuple[int, float] | None:
        """The place at which the next gap begins (`step` 1), or the one before (-1), and how long it is."""
        least = max(GAP * (self.end - self.begin), _SHORTEST_GAP)
        gaps = [pause for pause in self._pauses if pause[1] >= least]
        found = (
            bisect_right(gaps, place, key=lambda gap: gap[0])
            if step > 0
            else (bisect_left(gaps, place, key=lambda gap: gap[0]) - 1)
        )
        return gaps[found] if 0 <= found < len(gaps) else None


class Log:
    """The latest events up to a place, numbered from the first of the session; progress is left out."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self.place: int | None = None  # None: all that was read

    @property
    def total(self) -> int:
        """The number of events up to that place."""
        return len(self._tape.told) if self.place is None else bisect_left(self._tape.told, self.place)

    @property
    def first(self) -> int:
        """The number of the oldest event that is still in the log."""
        return max(0, self.total - KEPT)

    def __getitem__(self, number: int) -> tuple[float, Event]:
        if not self.first <= number < self.total:
            raise IndexError(number)
        return self._tape.events[self._tape.told[number]]

    def __iter__(self) -> Iterator[tuple[float, Event]]:
        return (self[number] for number in range(self.first, self.total))
