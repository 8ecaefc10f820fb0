"""The mutable records of wheels and locks behind a fold, and tables that track which ones changed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import exp
from typing import Generic, TypeVar

from instui_engine.journal.events import Holder, SessionStarted

from .model import Acquisition, Build, Hold, LockState, Phase, Span, Waiter, WaitFor, WheelState
from .names import is_foreign, same_holder
from .spans import CommitSteps

Record = TypeVar("Record")
State = TypeVar("State")


_SILENCE = 0.5  # seconds without a byte that are worth noting


@dataclass(slots=True)
class WheelRecord:
    """A wheel while its events come in: the fields of `WheelState`, and what is needed to compute them."""

    key: str
    since: float  # when the phase began
    measured: float  # time of the last progress
    named: float  # when the holders that it waits for were last named
    version: str = ""
    file: str = ""
    size: int = 0
    cached: bool = False
    fetch: bool = False  # it is to be downloaded
    order: int = -1
    phase: Phase = Phase.QUEUED
    done: int = 0
    total: int = 0
    rate: float = 0.0
    spans: list[Span] = field(default_factory=list)
    acquisitions: list[Acquisition] = field(default_factory=list)
    files: int = 0
    content: int = 0  # bytes of its files
    complete: int = 0  # of its files, in UNPACK
    exclusive: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    waits_for: WaitFor | None = None
    waited: float = 0.0
    blocked: float = 0.0
    replaces: str = ""
    overwrote: int = 0
    overwrote_same: int = 0
    retries: int = 0
    retry: str = ""
    silent: float = 0.0
    ahead: int = 0
    error: str = ""
    removal: bool = False
    added: bool = False  # announced by `wheel.added`
    held: tuple[str, ...] = ()  # the claims that were granted; the plan may change before their release
    requested: float | None = None  # when it asked for its claims; None after the first answer
    passed: int = 0  # the last milestone, see `instui.monitor.session`
    worker: int = 0
    steps: CommitSteps = field(default_factory=CommitSteps)
    copied: bool = False
    build: Build | None = None

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

    def state(self, t: float) -> WheelState:
        """The immutable state at time `t`. A rate decays if there was no progress for more than a second."""
        silence = t - self.measured - 1
        return WheelState(
            key=self.key,
            version=self.version,
            file=self.file,
            size=self.size,
            cached=self.cached,
            order=self.order,
            phase=self.phase,
            since=self.since,
            done=self.done,
            total=self.total,
            rate=self.rate if silence <= 0 else self.rate * exp(-silence),
            spans=tuple(self.spans),
            acquisitions=tuple(self.acquisitions),
            files=self.files,
            exclusive=self.exclusive,
            shared=self.shared,
            worker=self.worker,
            steps=self.steps,
            waits_for=self.waits_for,
            waited=self.waited,
            blocked=self.blocked,
            replaces=self.replaces,
            overwrote=self.overwrote,
            overwrote_same=self.overwrote_same,
            retries=self.retries,
            retry=self.retry,
            silent=self.silent,
            error=self.error,
            removal=self.removal,
            copied=self.copied,
            build=self.build,
            ahead=self.ahead,
        )


@dataclass(slots=True)
class LockRecord:
    """A claimed path while events come in: the fields of `LockState`."""

    path: str
    is_directory: bool = False
    holders: dict[str, Hold] = field(default_factory=dict)  # by wheel
    waiters: dict[str, Waiter] = field(default_factory=dict)  # by wheel
    claims_x: int = 0
    claims_ix: int = 0
    collision: tuple[str, ...] = ()
    acquisitions: int = 0
    contended: int = 0
    longest: float = 0.0
    waited: float = 0.0

    def grant(self, wheel: str, mode: str, t: float) -> None:
        """Note that `wheel` holds the path from `t` on."""
        self.holders[wheel] = Hold(wheel, mode, t)
        self.acquisitions += 1

    def state(self, session: SessionStarted | None) -> LockState:
        """The immutable state; `session` distinguishes our own wheels from other holders."""
        holders = tuple(self.holders.values())
        foreign: dict[object, Holder] = {}
        for waiter in self.waiters.values():
            foreign.update((same_holder(holder), holder) for holder in waiter.holders if is_foreign(holder, session))
        return LockState(
            path=self.path,
            is_directory=self.is_directory,
            mode=holders[0].mode if holders else "",
            holders=holders,
            since=min((hold.since for hold in holders), default=None),
            waiters=tuple(self.waiters.values()),
            foreign=tuple(foreign.values()),
            claims_x=self.claims_x,
            claims_ix=self.claims_ix,
            collision=self.collision,
            acquisitions=self.acquisitions,
            contended=self.contended,
            longest=self.longest,
            waited=self.waited,
        )


class Table(Generic[Record, State]):
    """Records in order of appearance, found by key, and the states made of them."""

    def __init__(self, new: Callable[[str], Record]) -> None:
        """`new` makes the record for an unknown key."""
        self.index: dict[str, int] = {}
        self._new = new
        self._records: list[Record] = []
        self._states: list[State] = []
        self._tuple: tuple[State, ...] = ()
        self._changed: set[int] = set()

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def get(self, key: str) -> Record | None:
        """The record of that key, for reading only; None if there is none."""
        position = self.index.get(key)
        return None if position is None else self._records[position]

    def change(self, key: str) -> Record:
        """The record of that key, a new one if there was none; it counts as changed from now on."""
        position = self.index.get(key)
        if position is None:
            position = self.index[key] = len(self._records)
            self._records.append(self._new(key))
        self._changed.add(position)
        return self._records[position]

    def states(self, make: Callable[[Record], State]) -> tuple[State, ...]:
        """The states of all records; `make` is called for those that changed since the last call, and for new ones."""
        if self._changed:
            known = len(self._states)
            for position in self._changed:
                if position < known:
                    self._states[position] = make(self._records[position])
            self._states.extend(map(make, self._records[known:]))
            self._changed.clear()
            self._tuple = tuple(self._states)
        return self._tuple


class Busy:
    """The running or the waiting wheels, in the order in which they began, and the sum of their times."""

    def __init__(self) -> None:
        self.members: dict[str, None] = {}
        self.most = 0  # at once
        self._over = 0.0  # the seconds of those that have ended
        self._began = 0.0  # sum of the beginnings of the others, so that `total` needs no loop

    def add(self, wheel: str, t: float) -> None:
        """`wheel` begins at `t`."""
        self.members[wheel] = None
        self.most = max(self.most, len(self.members))
        self._began += t

    def remove(self, wheel: str, began: float, t: float) -> None:
        """`wheel`, which began at `began`, ends at `t`."""
        if wheel in self.members:
            del self.members[wheel]
            self._began -= began
            self._over += t - began

    def total(self, t: float) -> float:
        """The total in seconds, up to `t`."""
        return max(0.0, self._over + len(self.members) * t - self._began)
