"""The rows of the Events view: the events there are, those that a filter finds, and the cells of each."""

from collections.abc import Mapping, Sequence
from typing import Any, overload

from instui.monitor import units
from instui.monitor.model import Snapshot
from instui.tui.tape import Log
from instui.tui.text.columns import Column
from instui.tui.text.pieces import Line, line, middle, tail
from instui_engine.journal.events import Event, kind_of

from .event_text import event_text, wheel_of
from .event_words import words
from .filter import NOTHING, Fields, Filter
from .session_waits import named

COLUMNS = (
    Column("t", "time", 8, right=True),
    Column("kind", "event", 13, weight=1, most=18),
    Column("wheel", "wheel", 14, weight=1, needs=70, most=28),
    Column("text", "", 10, weight=5),
)
_TEXTS = ("text", "error", "old", "new", "reason", "owner", "session", "outcome")
OLDER = "\0older"


class EventKeys(Sequence[str]):
    """The keys of all events in the log, without a list. The first key may stand for all older events."""

    def __init__(self, first: int, total: int) -> None:
        self._numbers = range(first - 1 if first else 0, total)
        self._older = bool(first)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = self._numbers[index]
        return OLDER if self._older and number == self._numbers[0] else str(number)

    def position(self, key: str) -> int | None:
        """The position of a key, without a search; None if it is not there."""
        if not key.isdigit():
            return 0 if self._older and key == OLDER else None
        position = int(key) - self._numbers.start
        return position if self._older <= position < len(self) else None


class MatchingEvents:
    """The events that match a filter. Each event is examined once."""

    def __init__(self) -> None:
        self._filter = NOTHING
        self._next = 0
        self._keys: list[str] = []

    def update(self, log: Log, filter_: Filter) -> Sequence[str]:
        """The keys of the rows to show; a new filter examines all events in the log."""
        if not filter_:
            return EventKeys(log.first, log.total)
        if filter_ != self._filter:
            self._filter, self._next, self._keys = filter_, 0, []
        fresh = [str(number) for number in range(max(self._next, log.first), log.total) if _keeps(filter_, log, number)]
        if log.total < self._next:  # the display has gone back
            self._keys = [key for key in self._keys if int(key) < log.total]
        self._next = log.total
        if self._keys and int(self._keys[0]) < log.first:
            self._keys = [key for key in self._keys if int(key) >= log.first]
        if fresh:
            self._keys = [*self._keys, *fresh]
        return self._keys


def _keeps(filter_: Filter, log: Log, number: int) -> bool:
    return keeps(filter_, log[number][1])


def keeps(filter_: Filter, event: Event) -> bool:
    """Whether a filter shows that event."""
    return filter_.keeps(lambda: fields(event))


def fields(event: Event) -> Fields:
    """The fields for a filter; `state:` is the kind, and what it is called here.

    The others are found by their names, so a new event needs no change here.
    """
    values: dict[str, Any] = event._asdict()
    paths = [*values.get("exclusive", ()), values.get("path", "")]
    texts = [*(values.get(name, "") for name in _TEXTS), *values.get("left", ())]
    return {
        "wheel": wheel_of(event),
        "lock": " ".join(map(str, paths)).casefold(),
        "state": f"{kind_of(event)} {words(event)}",
        "text": " ".join(map(str, texts)).casefold(),
    }


def cells(snapshot: Snapshot, log: Log, key: str, sizes: Mapping[str, int]) -> Mapping[str, Line]:
    """The cells of one event."""
    if key == OLDER:
        return {"": line((f"… {units.count(log.first, 'older event')} in the journal", "dim"))}
    number = int(key)
    if not log.first <= number < log.total:
        return {}
    t, event = log[number]
    wheel = named(snapshot, wheel_of(event))
    text, style, _ = event_text(snapshot, event)
    if "wheel" not in sizes and wheel:
        text = f"{wheel}  {text}"
    return {
        "t": line((f"{t:.2f} s", "dim")),
        "kind": line((tail(words(event), sizes["kind"]), style)),
        "wheel": line((middle(wheel, sizes.get("wheel", 0)), "text")),
        "text": line((tail(text, sizes["text"]), "text" if style != "dim" else "dim")),
    }
