"""The records of wheels and locks behind a fold, and tables of them that snapshots and copies of the fold share.

A record that was seen, in a snapshot or by a copy of the fold, no longer changes: `Table.change` makes another one.
"""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field, fields
from itertools import chain, count
from math import exp
from operator import attrgetter
from typing import Generic, Protocol, Self, TypeVar

from instui_engine.journal.events import SessionStarted

from .model import Acquisition, Hold, LockState, Phase, Waiter, WheelState
from .names import is_foreign, same_holder

_SILENCE = 0.5  # seconds without a byte that are worth noting
_PAGE = 128  # records that are copied together
_eras = count(1)


class Kept(Protocol):
    """A record of a table. `era`: in which it was made; in any other one it is shared, and so it does not change."""

    era: int

    def again(self) -> Self:
        """A copy."""


Record = TypeVar("Record", bound=Kept)


@dataclass(slots=True)
class WheelRecord(WheelState):
    """A wheel while its events come in: what snapshots show of it, and what is needed to compute that."""

    measured: float = 0.0  # time of the last progress
    named: float = 0.0  # when the holders that it waits for were last named
    fetch: bool = False  # it is to be downloaded
    content: int = 0  # bytes of its files
    complete: int = 0  # of its files, in UNPACK
    added: bool = False  # announced by `wheel.added`
    held: tuple[str, ...] = ()  # the claims that were granted; the plan may change before their release
    requested: float | None = None  # when it asked for its claims; None after the first answer
    passed: int = 0  # the last milestone, see `instui.monitor.session`
    era: int = field(default=0, repr=False, compare=False)

    def again(self) -> "WheelRecord":
        """A copy. What it refers to never changes."""
        return WheelRecord(*_of_wheel(self))

    def acquire(self, last: Acquisition) -> None:
        """Note what has come of its last request."""
        self.acquisitions = (*self.acquisitions[:-1], last)

    def hear(self, t: float) -> None:
        """Note that bytes have come, and whether that was after a silence."""
        if self.phase is Phase.FETCH and (silence := t - self.measured) >= _SILENCE:
            self.silent += silence

    def advance(self, t: float, done: int, total: int) -> int:
        """Note progress in a phase; return the amount. The rate is an average with a time constant of one second."""
        grown, elapsed = max(done - self.done, 0), t - self.measured
        if elapsed > 0:
            current = grown / elapsed
            self.rate = current if not self.rate else self.rate + (1 - exp(-elapsed)) * (current - self.rate)
            self.measured = t
        self.done, self.total = done, total or self.total
        return grown

    def is_stalled(self, t: float) -> bool:
        """Whether there was no progress for more than a second, so that its rate decays."""
        return bool(self.rate) and t - self.measured > 1

    def stalled(self, t: float) -> "WheelRecord":
        """As it is shown then."""
        shown = self.again()
        shown.rate = self.rate * exp(1 - (t - self.measured))
        return shown


@dataclass(slots=True)
class LockRecord(LockState):
    """A claimed path while events come in."""

    era: int = field(default=0, repr=False, compare=False)

    def again(self) -> "LockRecord":
        """A copy. What it refers to never changes."""
        return LockRecord(*_of_lock(self))

    def grant(self, wheel: str, mode: str, t: float) -> None:
        """Note that `wheel` holds the path from `t` on."""
        self.holders = _with(self.holders, Hold(wheel, mode, t))
        self.acquisitions += 1

    def release(self, wheel: str) -> None:
        """Note that `wheel` no longer holds it."""
        self.holders = tuple(hold for hold in self.holders if hold.wheel != wheel)

    def wait(self, waiter: Waiter, session: SessionStarted | None) -> None:
        """Note that a wheel waits, or who it waits for now; `session` distinguishes our own from other holders."""
        self.contended += all(other.wheel != waiter.wheel for other in self.waiters)
        self._queue(_with(self.waiters, waiter), session)

    def go_on(self, wheel: str, seconds: float, session: SessionStarted | None) -> None:
        """Note that `wheel` no longer waits, after so many seconds."""
        self.waited += seconds
        self.longest = max(self.longest, seconds)
        self._queue(tuple(waiter for waiter in self.waiters if waiter.wheel != wheel), session)

    def _queue(self, waiters: tuple[Waiter, ...], session: SessionStarted | None) -> None:
        self.waiters = waiters
        named = [holder for waiter in waiters for holder in waiter.holders if is_foreign(holder, session)]
        self.foreign = tuple({same_holder(holder): holder for holder in named}.values())


_of_wheel = attrgetter(*(one.name for one in fields(WheelRecord)))
_of_lock = attrgetter(*(one.name for one in fields(LockRecord)))
Of = TypeVar("Of", Hold, Waiter)


def _with(rows: tuple[Of, ...], row: Of) -> tuple[Of, ...]:
    """The rows with that of its wheel in the place of the one before, or at the end."""
    if any(other.wheel == row.wheel for other in rows):
        return tuple(row if other.wheel == row.wheel else other for other in rows)
    return rows + (row,)  # noqa: RUF005 - the type checker knows what this is


class Table(Generic[Record]):
    """Records in order of appearance, found by key.

    Copies share what has not changed since: pages of records, and the index. The order in which keys appear follows
    from the events, so copies that get the same events never disagree about it, and ignore what lies beyond their end.
    """

    def __init__(self, new: Callable[[str], Record]) -> None:
        """`new` makes the record for an unknown key."""
        self.index: dict[str, int] = {}
        self._new = new
        self._pages: list[list[Record]] = []
        self._own: set[int] = set()  # the pages that no copy has
        self._length = 0
        self._tuple: tuple[Record, ...] | None = ()  # None: to be made anew
        self._era = next(_eras)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Record]:
        return chain.from_iterable(self._pages)

    def __contains__(self, key: str) -> bool:
        return self.index.get(key, self._length) < self._length

    def copy(self) -> "Table[Record]":
        """A copy, which changes by itself from now on."""
        other = copy(self)
        other._pages = self._pages.copy()
        self._own, other._own = set(), set()
        self._era, other._era = next(_eras), next(_eras)
        return other

    def get(self, key: str) -> Record | None:
        """The record of that key, for reading only; None if there is none."""
        position = self.index.get(key, self._length)
        return self._pages[position // _PAGE][position % _PAGE] if position < self._length else None

    def change(self, key: str) -> Record:
        """The record of that key, a new one if there was none, to be changed before the next snapshot."""
        self._tuple = None
        position = self.index.get(key, self._length)
        number, place = divmod(position, _PAGE)
        if position >= self._length:
            return self._append(key, number)
        record = self._pages[number][place]
        if record.era != self._era:
            record = record.again()
            record.era = self._era
            self._page(number)[place] = record
        return record

    def _append(self, key: str, number: int) -> Record:
        self.index[key] = self._length
        self._length += 1
        record = self._new(key)
        record.era = self._era
        if number == len(self._pages):
            self._pages.append([])
            self._own.add(number)
        self._page(number).append(record)
        return record

    def _page(self, number: int) -> list[Record]:
        """A page, to be changed."""
        if number not in self._own:
            self._own.add(number)
            self._pages[number] = self._pages[number].copy()
        return self._pages[number]

    def seen(self) -> tuple[Record, ...]:
        """All records, which no longer change; the same tuple as before if nothing changed."""
        if self._tuple is None:
            self._tuple = tuple(self)
            self._era = next(_eras)
        return self._tuple


class Busy:
    """The running or the waiting wheels, in the order in which they began, and the sum of their times."""

    def __init__(self) -> None:
        self.members: dict[str, None] = {}
        self.most = 0  # at once
        self._over = 0.0  # the seconds of those that have ended
        self._began = 0.0  # sum of the beginnings of the others, so that `total` needs no loop

    def copy(self) -> "Busy":
        """A copy, which changes by itself from now on."""
        other = copy(self)
        other.members = self.members.copy()
        return other

    def add(self, wheel: str, t: float) -> None:
        """`wheel` begins at `t`."""
        self.members[wheel] = None
        self.most = max(self.most, len(self.members))
        self._began += t

    def sooner(self, seconds: float) -> None:
        """One of them began by so much earlier than was known."""
        self._began -= seconds

    def remove(self, wheel: str, began: float, t: float) -> None:
        """`wheel`, which began at `began`, ends at `t`."""
        if wheel in self.members:
            del self.members[wheel]
            self._began -= began
            self._over += t - began

    def total(self, t: float) -> float:
        """The total in seconds, up to `t`."""
        return max(0.0, self._over + len(self.members) * t - self._began)
