"""The fold of journal events into snapshots: live, attached and replayed sessions all go through here.

`feed` changes small mutable records and marks them; `snapshot` rebuilds only the marked ones and reuses every other
immutable state, so a snapshot of thousands of wheels costs about as much as what changed since the last one. A journal
may lack its beginning, its end or anything between: an event of an unknown wheel makes the wheel known.
"""

from collections.abc import Callable
from typing import Any

from instui_engine.journal import events
from instui_engine.journal.events import Event, SessionStarted

from .ledger import COMMITTED, FETCHED, STAGED, UNPACKED, Ledger
from .model import (
    ConflictRow,
    EnvironmentLock,
    Finished,
    OverwriteRow,
    Phase,
    RecoveryRow,
    RestoredRow,
    Satisfied,
    Turn,
    Waiter,
    WaitFor,
    WarningRow,
)


class Fold(Ledger):
    """All that a session's events say so far. Not thread-safe: one thread feeds it and takes the snapshots."""

    def feed(self, t: float, event: Event) -> None:
        """Take in one event of time `t`; never raises for what is missing before it."""
        if t > self._t:
            self._t = t
        if t >= self._next_sample:
            self._sample(t)
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, t, event)

    # -- events, in the order of a session

    def _session_started(self, _t: float, event: SessionStarted) -> None:
        self._session = event

    def _caption(self, _t: float, event: events.Caption) -> None:
        self._caption_text = event.text

    def _session_paused(self, _t: float, _event: events.SessionPaused) -> None:
        self._paused = True

    def _session_resumed(self, _t: float, _event: events.SessionResumed) -> None:
        self._paused = False

    def _cancel_requested(self, _t: float, _event: events.CancelRequested) -> None:
        self._cancelling = True

    def _resolve_started(self, _t: float, event: events.ResolveStarted) -> None:
        self._requirements, self._resolving = tuple(event.requirements), True

    def _resolve_finished(self, _t: float, event: events.ResolveFinished) -> None:
        self._resolving = False
        self._resolved += event.wheels  # chunks of a long list are resolved one after the other
        self._satisfied_count += event.satisfied

    def _requirement_satisfied(self, _t: float, event: events.RequirementSatisfied) -> None:
        self._satisfied.append(Satisfied(event.name, event.version))

    def _wheel_added(self, t: float, event: events.WheelAdded) -> None:
        wheel = self._wheel(event.wheel)
        wheel.added = True
        self._set_removal(wheel, False)
        wheel.version, wheel.file, wheel.size, wheel.cached = event.version, event.file, event.size, event.cached
        if event.cached and wheel.phase is Phase.QUEUED:
            self._enter(wheel, Phase.READY, t)
            self._pass(wheel, UNPACKED)

    def _fetch_started(self, t: float, event: events.FetchStarted) -> None:
        wheel = self._wheel(event.wheel)
        self._enter(wheel, Phase.FETCH, t)
        wheel.done, wheel.total, wheel.size = event.done, event.size, event.size or wheel.size

    def _fetch_progress(self, t: float, event: events.FetchProgress) -> None:
        wheel = self._wheel(event.wheel)
        self._enter(wheel, Phase.FETCH, t)
        self._advance(wheel, t, event.done, event.size, "fetch")

    def _fetch_retried(self, _t: float, event: events.FetchRetried) -> None:
        self._wheel(event.wheel).retries += 1

    def _fetch_finished(self, t: float, event: events.FetchFinished) -> None:
        wheel = self._wheel(event.wheel)
        self._advance(wheel, t, event.size, event.size, "fetch")
        self._enter(wheel, Phase.QUEUED, t)
        wheel.size = event.size
        self._pass(wheel, FETCHED)
        self._counts["downloads"] += 1

    def _unpack_started(self, t: float, event: events.UnpackStarted) -> None:
        wheel = self._wheel(event.wheel)
        self._enter(wheel, Phase.UNPACK, t)
        self._pass(wheel, FETCHED)
        wheel.files, wheel.total = event.files, event.size

    def _unpack_progress(self, t: float, event: events.UnpackProgress) -> None:
        wheel = self._wheel(event.wheel)
        self._enter(wheel, Phase.UNPACK, t)
        self._advance(wheel, t, event.done, event.size, "unpack")

    def _unpack_finished(self, t: float, event: events.UnpackFinished) -> None:
        wheel = self._wheel(event.wheel)
        self._advance(wheel, t, event.size, event.size, "unpack")
        self._enter(wheel, Phase.READY, t)
        wheel.files = event.files
        self._pass(wheel, UNPACKED)
        self._counts["unpacks"] += 1

    def _plan_wheel(self, t: float, event: events.PlanWheel) -> None:
        wheel = self._wheel(event.wheel)
        for path in wheel.exclusive:
            self._lock(path).claims_x -= 1
        for path in wheel.shared:
            self._lock(path).claims_ix -= 1
        wheel.exclusive, wheel.shared = tuple(path.rstrip("/") for path in event.exclusive), tuple(event.shared)
        for path, named in zip(wheel.exclusive, event.exclusive, strict=True):
            lock = self._lock(path)
            lock.claims_x += 1
            lock.is_directory = lock.is_directory or path != named
        for path in wheel.shared:
            lock = self._lock(path)
            lock.claims_ix += 1
            lock.is_directory = True
        wheel.order, wheel.files, wheel.replaces = event.order, event.files, event.replaces
        if event.replaces and not wheel.added and wheel.phase is Phase.QUEUED:
            self._set_removal(wheel, True)
            self._enter(wheel, Phase.READY, t)
        if wheel.removal:
            wheel.version = event.replaces

    def _plan_collision(self, _t: float, event: events.PlanCollision) -> None:
        self._lock(event.path).collision = tuple(event.wheels)

    def _plan_conflict(self, _t: float, event: events.PlanConflict) -> None:
        self._conflicts.append(ConflictRow(event.path, event.first, event.last))

    def _plan_finished(self, _t: float, _event: events.PlanFinished) -> None:
        self._planned = True

    def _stage_started(self, t: float, event: events.StageStarted) -> None:
        wheel = self._wheel(event.wheel)
        self._set_removal(wheel, False)
        self._enter(wheel, Phase.STAGE, t)
        self._pass(wheel, UNPACKED)
        wheel.total = event.files

    def _stage_progress(self, t: float, event: events.StageProgress) -> None:
        wheel = self._wheel(event.wheel)
        self._enter(wheel, Phase.STAGE, t)
        self._advance(wheel, t, event.done, event.files, "stage")

    def _stage_finished(self, t: float, event: events.StageFinished) -> None:
        wheel = self._wheel(event.wheel)
        self._counts["stage"] += max(wheel.total - wheel.done, 0) if wheel.phase is Phase.STAGE else 0
        self._enter(wheel, Phase.STAGED, t)
        self._pass(wheel, STAGED)

    def _sync_started(self, _t: float, event: events.SyncStarted) -> None:
        self._syncing = event.what

    def _sync_finished(self, _t: float, _event: events.SyncFinished) -> None:
        self._syncing = ""

    def _environment_waiting(self, t: float, event: events.EnvironmentWaiting) -> None:
        old = self._environment
        since = old.since if old and old.state == "waiting" else t
        waited, held = (old.waited, old.held) if old else (0.0, 0.0)
        self._environment = EnvironmentLock(event.path, "waiting", since, tuple(event.holders), waited, held)

    def _environment_granted(self, t: float, event: events.EnvironmentGranted) -> None:
        waited, held = (self._environment.waited, self._environment.held) if self._environment else (0.0, 0.0)
        self._environment = EnvironmentLock(event.path, "held", t, (), waited + event.waited, held)

    def _environment_released(self, t: float, event: events.EnvironmentReleased) -> None:
        waited, held = (self._environment.waited, self._environment.held) if self._environment else (0.0, 0.0)
        self._environment = EnvironmentLock(event.path, "free", t, (), waited, held + event.held)

    def _lock_requested(self, t: float, event: events.LockRequested) -> None:
        wheel = self._wheel(event.wheel)
        self._release(wheel, t)
        wheel.requested = t
        wheel.turns.append(Turn(t, None, None))

    def _lock_waiting(self, t: float, event: events.LockWaiting) -> None:
        wheel = self._wheel(event.wheel)
        wait, holders = wheel.waits_for, tuple(event.holders)
        # The first wait of a request began when it asked; a further one began when the path before it was free.
        since = t if wheel.requested is None else wheel.requested
        self._enter(wheel, Phase.WAIT, max(since, wheel.since))
        if wait is not None and wait.path == event.path:
            since = wait.since
            self._blame(wheel, t)
        else:
            self._end_wait(wheel, t)
            wheel.named = since
        if wheel.requested is None and (not wheel.turns or wheel.turns[-1].granted is not None):
            wheel.turns.append(Turn(since, None, None))  # it had asked within its process only
        wheel.requested = None
        wheel.waits_for = WaitFor(event.path, event.mode, holders, since)
        lock = self._lock(event.path)
        if event.wheel not in lock.waiters:
            lock.contended += 1
        lock.waiters[event.wheel] = Waiter(event.wheel, event.mode, since, holders)

    def _lock_granted(self, t: float, event: events.LockGranted) -> None:
        wheel = self._wheel(event.wheel)
        self._end_wait(wheel, t)
        wheel.requested = None
        self._enter(wheel, Phase.COMMIT, t)
        if not wheel.turns or wheel.turns[-1].granted is not None:
            wheel.turns.append(Turn(t - event.waited, None, None))
        wheel.turns[-1] = wheel.turns[-1]._replace(granted=t)
        for mode, paths in (("X", wheel.exclusive), ("IX", wheel.shared)):
            for path in paths:
                self._lock(path).grant(wheel.key, mode, t)
        wheel.held = wheel.exclusive + wheel.shared

    def _lock_released(self, t: float, event: events.LockReleased) -> None:
        wheel = self._wheel(event.wheel)
        self._release(wheel, t)
        if wheel.phase is Phase.COMMIT:  # let go without a commit: the plan had grown stale, it will ask again
            self._rest(wheel, t)

    def _commit_started(self, t: float, event: events.CommitStarted) -> None:
        wheel = self._wheel(event.wheel)
        self._enter(wheel, Phase.COMMIT, t)
        wheel.done, wheel.total = 0, event.renames

    def _commit_progress(self, t: float, event: events.CommitProgress) -> None:
        wheel = self._wheel(event.wheel)
        self._enter(wheel, Phase.COMMIT, t)
        self._advance(wheel, t, event.done, event.renames, "")

    def _overwrite(self, t: float, event: events.Overwrite) -> None:
        wheel = self._wheel(event.wheel)
        wheel.overwrote += not event.same
        wheel.overwrote_same += event.same
        self._same[bool(event.same)] += 1
        self._overwrites.append(OverwriteRow(t, *event))
        self._pairs.setdefault((event.old, event.new), [0, 0])[bool(event.same)] += 1
        self._pair_tuple = None

    def _restored(self, t: float, event: events.Restored) -> None:
        wheel = self._wheel(event.wheel)
        version = wheel.replaces or wheel.version  # the old version had replaced it, and the new one does not
        self._given_back.append(RestoredRow(t, f"{event.wheel} {version}".rstrip(), event.path, event.owner))

    def _distribution_removed(self, t: float, event: events.DistributionRemoved) -> None:
        wheel = self._wheel(event.wheel)
        wheel.removed = event.version
        if not wheel.added and not wheel.passed:
            self._set_removal(wheel, True)
            wheel.version = wheel.version or event.version
        if wheel.removal and wheel.phase is not Phase.DONE:
            self._end_wait(wheel, t)
            self._enter(wheel, Phase.DONE, t)
            wheel.files = event.files
            self._counts["removed"] += 1
            self._counts["removed_files"] += event.files
        elif not wheel.removal:
            self._counts["replaced"] += 1

    def _commit_finished(self, t: float, event: events.CommitFinished) -> None:
        wheel = self._wheel(event.wheel)
        if wheel.removal:  # the journal lacks its beginning: it was not the end, but an old version
            self._counts["removed"] -= wheel.phase is Phase.DONE
            self._counts["replaced"] += wheel.phase is Phase.DONE
            self._counts["removed_files"] -= wheel.files if wheel.phase is Phase.DONE else 0
            self._set_removal(wheel, False)
        self._end_wait(wheel, t)
        self._enter(wheel, Phase.DONE, t)
        self._pass(wheel, COMMITTED)
        wheel.files = event.files or wheel.files
        self._counts["files"] += event.files

    def _recovery_started(self, t: float, event: events.RecoveryStarted) -> None:
        self._recovery(RecoveryRow(t, event.wheel, event.version, event.session, "running", ()))

    def _recovery_finished(self, t: float, event: events.RecoveryFinished) -> None:
        self._recovery(RecoveryRow(t, event.wheel, event.version, event.session, event.outcome, tuple(event.left)))

    def _wheel_failed(self, t: float, event: events.WheelFailed) -> None:
        wheel = self._wheel(event.wheel)
        self._end_wait(wheel, t)
        self._enter(wheel, Phase.FAILED, t)
        wheel.error = event.error
        self._failed[event.wheel] = None

    def _warned(self, t: float, event: events.Warned) -> None:
        self._warnings.append(WarningRow(t, event.wheel, event.text))

    def _session_finished(self, t: float, event: events.SessionFinished) -> None:
        self._sample(t)
        for key in list(self._waiting.members):  # whoever still waits, waits no more
            wheel = self._wheel(key)
            self._end_wait(wheel, t)
            self._rest(wheel, t)
        for recovery in [row for row in self._recoveries if row.outcome == "running"]:
            self._recovery(recovery._replace(outcome="failed"))
        if self._environment is not None and self._environment.state == "waiting":
            lock = self._environment
            self._environment = lock._replace(state="free", since=t, waited=lock.waited + t - lock.since)
        self._finished = Finished(t, *event)
        self._resolving = self._paused = False
        self._syncing = ""


_HANDLERS: dict[type[Any], Callable[[Fold, float, Any], None]] = {
    cls: getattr(Fold, "_" + kind.replace(".", "_"))
    for kind, cls in events.KINDS.items()
    if hasattr(Fold, "_" + kind.replace(".", "_"))
}
