"""The books of a session behind `instui.monitor.fold`: records by name, what was counted, and the snapshot of it all.

Only records that changed since the last snapshot are made into states again; everything else is reused.
"""

from math import exp
from types import MappingProxyType

from instui_engine.journal.events import SessionStarted

from .foldstate import Busy, LockRecord, WheelRecord
from .model import (
    RUNNING,
    ConflictRow,
    EnvironmentLock,
    Finished,
    LockState,
    OverwritePair,
    OverwriteRow,
    Phase,
    RecoveryRow,
    RestoredRow,
    Rows,
    Sample,
    Satisfied,
    Snapshot,
    Span,
    Totals,
    Wait,
    WarningRow,
    WheelState,
    is_own,
)

SAMPLE_SECONDS = 0.25
_COUNTED = (
    "downloads",
    "unpacks",
    "replaced",
    "removing",
    "removed",
    "removed_files",
    "files",
    "fetch",
    "unpack",
    "stage",
)
FETCHED, UNPACKED, STAGED, COMMITTED = 1, 2, 3, 4  # stations that a wheel has passed, for the counters


class Ledger:
    """What is known of a session: records that change, the states made of them, and the counters."""

    def __init__(self) -> None:
        self._t = 0.0
        self._session: SessionStarted | None = None
        self._requirements: tuple[str, ...] = ()
        self._resolving = False
        self._syncing = ""
        self._resolved = 0
        self._satisfied_count = 0
        self._planned = False
        self._caption_text = ""
        self._paused = self._cancelling = False
        self._finished: Finished | None = None
        self._environment: EnvironmentLock | None = None
        self._wheels: list[WheelRecord] = []
        self._wheel_index: dict[str, int] = {}
        self._wheel_states: list[WheelState] = []
        self._dirty_wheels: set[int] = set()
        self._wheel_tuple: tuple[WheelState, ...] = ()
        self._locks: list[LockRecord] = []
        self._lock_index: dict[str, int] = {}
        self._lock_states: list[LockState] = []
        self._dirty_locks: set[int] = set()
        self._lock_tuple: tuple[LockState, ...] = ()
        self._running = Busy()
        self._waiting = Busy()
        self._groups = {**dict.fromkeys(RUNNING, self._running), Phase.WAIT: self._waiting}
        self._failed: dict[str, None] = {}  # an ordered set
        self._passed = [0] * 5
        self._counts = dict.fromkeys(_COUNTED, 0)
        self._waits: list[Wait] = []
        self._overwrites: list[OverwriteRow] = []
        self._pairs: dict[tuple[str, str], list[int]] = {}
        self._pair_tuple: tuple[OverwritePair, ...] | None = ()
        self._given_back: list[RestoredRow] = []
        self._recoveries: list[RecoveryRow] = []
        self._recovery_tuple: tuple[RecoveryRow, ...] | None = ()
        self._same = [0, 0]  # overwritten files by whether the content was equal
        self._conflicts: list[ConflictRow] = []
        self._warnings: list[WarningRow] = []
        self._satisfied: list[Satisfied] = []
        self._samples: list[Sample] = []
        self._next_sample = 0.0

    @property
    def now(self) -> float:
        """The time of the latest event."""
        return self._t

    @property
    def session(self) -> SessionStarted | None:
        """The facts of the session, None before its first event."""
        return self._session

    @property
    def totals(self) -> Totals:
        """The counters at the time of the latest event."""
        return self._totals(self._t)

    def label(self, key: str) -> str:
        """Name and version of a wheel, the bare name where it is unknown."""
        position = self._wheel_index.get(key)
        return key if position is None else f"{key} {self._wheels[position].version}".rstrip()

    def snapshot(self, t: float) -> Snapshot:
        """The session at time `t`, or at its latest event where that is later; a finished one stands still."""
        t = self._finished.t if self._finished else max(t, self._t)
        self._rebuild(t)
        if self._pair_tuple is None:
            self._pair_tuple = tuple(OverwritePair(*owners, *counts) for owners, counts in self._pairs.items())
        if self._recovery_tuple is None:
            self._recovery_tuple = tuple(self._recoveries)
        return Snapshot(
            t=t,
            session=self._session,
            requirements=self._requirements,
            resolving=self._resolving,
            syncing=self._syncing,
            wheels=self._wheel_tuple,
            running=tuple(self._running.members),
            waiting=tuple(self._waiting.members),
            failed=tuple(self._failed),
            locks=self._lock_tuple,
            environment=self._environment,
            waits=Rows(self._waits),
            overwrites=Rows(self._overwrites),
            pairs=self._pair_tuple,
            restored=Rows(self._given_back),
            recoveries=self._recovery_tuple,
            conflicts=Rows(self._conflicts),
            warnings=Rows(self._warnings),
            satisfied=Rows(self._satisfied),
            samples=Rows(self._samples),
            totals=self._totals(t),
            planned=self._planned,
            caption=self._caption_text,
            paused=self._paused,
            cancelling=self._cancelling,
            finished=self._finished,
            wheel_index=MappingProxyType(self._wheel_index),
            lock_index=MappingProxyType(self._lock_index),
        )

    def _rebuild(self, t: float) -> None:
        for key in self._running.members:  # a stalled transfer has no events, yet its rate must sink
            position = self._wheel_index[key]
            if self._wheels[position].rate and t - self._wheels[position].measured > 1:
                self._dirty_wheels.add(position)
        if self._dirty_wheels:
            for position in self._dirty_wheels:
                self._wheel_states[position] = self._wheels[position].state(t)
            self._dirty_wheels.clear()
            self._wheel_tuple = tuple(self._wheel_states)
        if self._dirty_locks:
            for position in self._dirty_locks:
                self._lock_states[position] = self._locks[position].state(self._session)
            self._dirty_locks.clear()
            self._lock_tuple = tuple(self._lock_states)

    def _totals(self, t: float) -> Totals:
        counts = self._counts
        return Totals(
            resolved=max(self._resolved, len(self._wheels)),
            satisfied=max(self._satisfied_count, len(self._satisfied)),
            fetched=self._passed[FETCHED],
            unpacked=self._passed[UNPACKED],
            staged=self._passed[STAGED],
            waiting=len(self._waiting.members),
            committed=self._passed[COMMITTED],
            failed=len(self._failed),
            downloads=counts["downloads"],
            unpacks=counts["unpacks"],
            replaced=counts["replaced"],
            removing=counts["removing"],
            removed=counts["removed"],
            removed_files=counts["removed_files"],
            fetched_bytes=counts["fetch"],
            unpacked_bytes=counts["unpack"],
            staged_files=counts["stage"],
            files=counts["files"],
            running=len(self._running.members),
            lock_wait=self._waiting.total(t),
            busy=self._running.total(t),
            overwrote=self._same[False],
            overwrote_same=self._same[True],
        )

    def _sample(self, t: float) -> None:
        counts = self._counts
        self._samples.append(
            Sample(
                t,
                len(self._running.members),
                len(self._waiting.members),
                counts["fetch"],
                counts["unpack"],
                counts["stage"],
            )
        )
        self._next_sample = t + SAMPLE_SECONDS

    # -- wheels

    def _wheel(self, key: str) -> WheelRecord:
        """The record of a wheel, which is about to change."""
        position = self._wheel_index.get(key)
        if position is None:
            position = self._wheel_index[key] = len(self._wheels)
            record = WheelRecord(key, self._t)
            self._wheels.append(record)
            self._wheel_states.append(record.state(self._t))
        self._dirty_wheels.add(position)
        return self._wheels[position]

    def _enter(self, wheel: WheelRecord, phase: Phase, t: float) -> None:
        if phase is wheel.phase:
            return
        if old := self._groups.get(wheel.phase):
            old.remove(wheel.key, wheel.since, t)
        if new := self._groups.get(phase):
            new.add(wheel.key, t)
        if t > wheel.since:
            wheel.spans.append(Span(wheel.phase, wheel.since, t))
        wheel.phase, wheel.since = phase, t
        wheel.done = wheel.total = 0
        wheel.rate, wheel.measured = 0.0, t

    def _rest(self, wheel: WheelRecord, t: float) -> None:
        """It neither waits nor commits any longer: it is as ready as before."""
        self._enter(wheel, Phase.READY if wheel.removal else Phase.STAGED, t)

    def _set_removal(self, wheel: WheelRecord, removal: bool) -> None:
        """Whether it is to be uninstalled: known by a plan for something that was never announced as a wheel."""
        if wheel.removal is not removal:
            wheel.removal = removal
            self._counts["removing"] += 1 if removal else -1

    def _recovery(self, row: RecoveryRow) -> None:
        """A recovery begins, or its row changes."""
        for position in range(len(self._recoveries) - 1, -1, -1):
            old = self._recoveries[position]
            if (old.wheel, old.session, old.outcome) == (row.wheel, row.session, "running"):
                self._recoveries[position] = row._replace(t=old.t)
                break
        else:
            self._recoveries.append(row)
        self._recovery_tuple = None

    def _pass(self, wheel: WheelRecord, station: int) -> None:
        for passed in range(wheel.passed + 1, station + 1):
            self._passed[passed] += 1
        wheel.passed = max(wheel.passed, station)

    def _advance(self, wheel: WheelRecord, t: float, done: int, total: int, unit: str) -> None:
        """Progress within a phase, with its rate: an average that forgets with a time constant of one second."""
        grown, elapsed = done - wheel.done, t - wheel.measured
        if unit and grown > 0:
            self._counts[unit] += grown
        if elapsed > 0:
            current = max(grown, 0) / elapsed
            wheel.rate = current if not wheel.rate else wheel.rate + (1 - exp(-elapsed)) * (current - wheel.rate)
            wheel.measured = t
        wheel.done, wheel.total = done, total or wheel.total

    # -- locks

    def _lock(self, path: str) -> LockRecord:
        position = self._lock_index.get(path)
        if position is None:
            position = self._lock_index[path] = len(self._locks)
            record = LockRecord(path)
            self._locks.append(record)
            self._lock_states.append(record.state(None))
        self._dirty_locks.add(position)
        return self._locks[position]

    def _blame(self, wheel: WheelRecord, t: float) -> None:
        """Charge the present wait, since its holders were last named, to those of them that are wheels of ours."""
        if wheel.waits_for is not None:
            for holder in wheel.waits_for.holders:
                if is_own(holder, self._session) and holder.wheel in self._wheel_index:
                    self._wheel(holder.wheel).blocked += t - wheel.named
        wheel.named = t

    def _end_wait(self, wheel: WheelRecord, t: float) -> None:
        wait = wheel.waits_for
        if wait is None:
            return
        self._blame(wheel, t)
        wheel.waits_for = None
        lock, seconds = self._lock(wait.path), t - wait.since
        lock.waiters.pop(wheel.key, None)
        lock.waited += seconds
        lock.longest = max(lock.longest, seconds)
        wheel.waited += seconds
        self._waits.append(Wait(wheel.key, wait.path, wait.mode, wait.holders, wait.since, t))

    def _release(self, wheel: WheelRecord, t: float) -> None:
        for path in wheel.held:
            self._lock(path).holders.pop(wheel.key, None)
        wheel.held = ()
        if wheel.turns and wheel.turns[-1].released is None:
            wheel.turns[-1] = wheel.turns[-1]._replace(released=t)
