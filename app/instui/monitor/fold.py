"""The fold of journal events into snapshots: live, attached and replayed sessions all go through here.

`feed` changes small mutable records (`SessionRecord` and its parts). `snapshot` makes immutable states of those that
changed, so a snapshot of thousands of wheels costs only about as much as the changes since the last one. A journal may
lack its beginning, its end or anything in between: an event of an unknown wheel makes the wheel known.
"""

from collections.abc import Sequence
from copy import copy
from typing import assert_never

from instui_engine.fs.paths import TOP
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder, SessionStarted

from .joined import together
from .model import (
    Acquisition,
    Build,
    Conflict,
    EnvironmentLock,
    Finished,
    Phase,
    Recovery,
    ReplacedFile,
    RestoredFile,
    Satisfied,
    Snapshot,
    Totals,
    Waiter,
    WaitFor,
)
from .names import same_holder
from .rates import USUAL, Measured, Rates
from .records import WheelRecord
from .session import COMMITTED, FETCHED, STAGED, UNPACKED, SessionRecord
from .spans import CommitSteps, Doing, LoadSample, Stall

_NAMES_SPANS = 2  # the first schema of the journal with `span.started`

# The events in three groups, each with a function of its own. The type checker finds an event that is in none of them.
_SessionEvent = (
    events.SessionStarted
    | events.Caption
    | events.SessionPaused
    | events.SessionResumed
    | events.SessionHalted
    | events.CancelRequested
    | events.WorkersChanged
    | events.SpanStarted
    | events.SpanFinished
    | events.LoadSampled
    | events.CleanProgress
    | events.WaitStarted
    | events.WaitFinished
    | events.ResolveStarted
    | events.ResolveProgress
    | events.ResolveFinished
    | events.RequirementSatisfied
    | events.CompileStarted
    | events.CompileProgress
    | events.CompileFailed
    | events.CompileFinished
    | events.PlanCollision
    | events.PlanConflict
    | events.PlanFinished
    | events.SyncStarted
    | events.SyncFinished
    | events.EnvironmentWaiting
    | events.EnvironmentGranted
    | events.EnvironmentReleased
    | events.RecoveryStarted
    | events.RecoveryFinished
    | events.GroupFinished
    | events.Warned
    | events.SessionFinished
)
_PreparationEvent = (
    events.FetchProgress
    | events.UnpackProgress
    | events.StageProgress
    | events.WheelAdded
    | events.FetchStarted
    | events.FetchStalled
    | events.FetchRetried
    | events.FetchFinished
    | events.BuildStarted
    | events.BuildProgress
    | events.BuildFinished
    | events.UnpackStarted
    | events.UnpackFinished
    | events.PlanWheel
    | events.StageStarted
    | events.StageFinished
)
_CommitEvent = (
    events.LockRequested
    | events.LockWaiting
    | events.LockGranted
    | events.LockReleased
    | events.CommitStarted
    | events.CommitProgress
    | events.Overwrite
    | events.Restored
    | events.DistributionRemoved
    | events.CommitFinished
    | events.WheelFailed
    | events.WheelCancelled
    | events.WheelDropped
)


class Fold:
    """The fold of a session's events so far. Not thread-safe: one thread feeds it and takes the snapshots."""

    def __init__(self, *, estimates: bool = False, rates: Rates = USUAL) -> None:
        """`estimates`: snapshots say how much time is left, which costs as much as all the rest.

        `rates`: what is known of the machine.
        """
        self._record = SessionRecord(estimates, rates)
        self._abandoned = False
        self._infers = False  # the parts of the session, which journals of schema 1 do not name

    @property
    def now(self) -> float:
        """The time of the latest event."""
        return self._record.t

    @property
    def session(self) -> SessionStarted | None:
        """The facts of the session; None before its first event."""
        return self._record.session

    @property
    def is_finished(self) -> bool:
        """Whether the session has said that it is over."""
        return self._record.finished is not None

    @property
    def totals(self) -> Totals:
        """The counters at the time of the latest event."""
        return self._record.totals(self._record.t)

    def measured(self) -> Measured | None:
        """What the session, which is over, has shown of this machine; None if nothing. Only one that estimates can."""
        return self._record.measured()

    def label(self, key: str) -> str:
        """Name and version of a wheel; only the name if the wheel is unknown."""
        wheel = self._record.wheels.get(key)
        return key if wheel is None else f"{key} {wheel.version}".rstrip()

    def snapshot(self, t: float) -> Snapshot:
        """The session at time `t`, or at its latest event if that is later; a finished session no longer changes."""
        return self._record.snapshot(t)

    def copy(self) -> "Fold":
        """A copy, which goes on by itself. It is meant for the same events: what both come to know, they share."""
        other = copy(self)
        other._record = self._record.copy()
        return other

    def abandon(self) -> None:
        """Take note that no more events come, although the session has not said that it is over: it was killed."""
        if not self._abandoned and not self.is_finished:
            self._abandoned = True
            self._record.settle(self._record.t)

    def feed(self, t: float, event: Event) -> None:
        """Take in one event of time `t`; never raise because earlier events are missing."""
        self._record.t = max(self._record.t, t)
        self._record.sample(t)
        if self._infers:
            self._record.periods.infer(t, event)
        if isinstance(event, _PreparationEvent):
            self._prepare(t, event)
        elif isinstance(event, _CommitEvent):
            self._commit(t, event)
        else:
            self._of_session(t, event)

    # -- the session

    def _of_session(self, t: float, event: _SessionEvent) -> None:
        record = self._record
        match event:
            case events.SessionStarted():
                if record.session is None:
                    record.session = event._replace(ran=max(event.ran, 0.0))
                    self._infers = event.schema < _NAMES_SPANS
                else:  # of several that are shown as one
                    record.sessions.append(event)
                    if len(record.sessions) > 1:
                        jobs = record.session.jobs + event.jobs
                        record.session = together(record.sessions)._replace(jobs=jobs, ran=record.session.ran)
            case events.Caption():
                record.caption = event.text
            case events.SessionPaused() | events.SessionResumed():
                record.paused = isinstance(event, events.SessionPaused)
                if record.paused:
                    record.periods.pause(t)
                else:
                    record.periods.resume(t)
            case events.SessionHalted():
                record.halt(event.seconds, event.slept, t)
            case events.CancelRequested():
                record.cancelling = True
            case events.WorkersChanged():
                record.session = record.session._replace(jobs=event.workers) if record.session else None
            case events.ResolveStarted():
                record.requirements, record.resolving = tuple(event.requirements), True
            case events.ResolveFinished():
                record.resolving = False
                record.resolved += event.wheels  # the chunks of a long list are resolved one after the other
                record.satisfied_count += event.satisfied
            case events.RequirementSatisfied():
                record.satisfied.append(Satisfied(event.name, event.version))
            case events.CompileStarted():
                record.compiling = record.compiling.begun(event.files, event.cached)
            case events.CompileProgress():
                record.compiling = record.compiling.reached(event.done, event.failed)
            case events.CompileFinished():
                record.compiling = record.compiling.reached(event.files, event.failed)
            case events.CompileFailed():
                pass  # counted by the others
            case events.PlanCollision():
                lock = record.locks.change(event.path)
                if not lock.collision:
                    record.collisions.append(event.path)
                lock.collision = tuple(event.wheels)
            case events.PlanConflict():
                record.conflicts.append(Conflict(event.path, event.first, event.last))
            case events.PlanFinished():
                record.planned = True
            case events.SyncStarted():
                record.periods.begin_sync(event.what, t)
            case events.SyncFinished():
                record.periods.end_sync(t)
            case events.SpanStarted():
                record.periods.begin_span(event.name, t)
            case events.SpanFinished():
                record.periods.end_span(event, t)
            case events.LoadSampled():
                record.periods.load(LoadSample(t, *event))
            case events.CleanProgress():
                record.cleaned = 1 - event.left / event.trees if event.trees > event.left >= 0 else 0.0
            case events.WaitStarted():
                if event.what == "environment" and record.environment is None:
                    record.environment = EnvironmentLock(event.path, "free", t, (), 0.0, 0.0)
                record.periods.begin_wait(event.what, event.wheel, event.path, event.holders, t)
            case events.WaitFinished():
                record.periods.end_wait(event.what, event.wheel, t, event.waited)
            case events.GroupFinished():
                groups = record.periods.groups
                record.periods.groups = groups._replace(
                    check=groups.check + event.check, record=groups.record + event.record
                )
            case events.EnvironmentWaiting() | events.EnvironmentGranted() | events.EnvironmentReleased():
                record.environment = _environment(record.environment, t, event)
                if isinstance(event, events.EnvironmentWaiting):
                    record.periods.begin_wait("environment", "", event.path, event.holders, t)
                else:
                    waited = event.waited if isinstance(event, events.EnvironmentGranted) else 0.0
                    record.periods.end_wait("environment", "", t, waited)
            case events.RecoveryStarted():
                record.recover(Recovery(t, event.wheel, event.version, event.session, "running", ()))
            case events.RecoveryFinished():
                left = tuple(event.left)
                record.recover(Recovery(t, event.wheel, event.version, event.session, event.outcome, left))
            case events.ResolveProgress():
                record.periods.doings.append(Doing(t, event.doing))
            case events.Warned():
                pass  # shown as events, not as state
            case events.SessionFinished():
                self._session_finished(t, event)
            case _:
                assert_never(event)

    def _session_finished(self, t: float, event: events.SessionFinished) -> None:
        record = self._record
        record.end_samples(t)
        for recovery in [one for one in record.recoveries if one.outcome == "running"]:
            record.recover(recovery._replace(outcome="failed"))
        record.finished = Finished(t, *event)
        record.settle(t)

    # -- a wheel, up to the stage

    def _prepare(self, t: float, event: _PreparationEvent) -> None:
        record, wheel = self._record, self._record.wheel(event.wheel)
        if event.wheel in record.cancelled:
            return  # of a worker that has not noticed yet
        match event:
            case events.FetchProgress():
                record.enter(wheel, Phase.FETCH, t)
                wheel.hear(t)
                record.fetched_bytes += wheel.advance(t, event.done, event.size)
            case events.UnpackProgress():
                record.enter(wheel, Phase.UNPACK, t)
                record.unpacked_bytes += wheel.advance(t, event.done, event.size)
                wheel.complete = event.files
            case events.StageProgress():
                record.enter(wheel, Phase.STAGE, t)
                record.staged_files += wheel.advance(t, event.done, event.files)
            case events.WheelAdded():
                self._wheel_added(wheel, t, event)
            case events.FetchStarted():
                record.enter(wheel, Phase.FETCH, t)
                wheel.done, wheel.total, wheel.size = event.done, event.size, event.size or wheel.size
                wheel.worker, wheel.ahead = event.worker, event.ahead
                record.fetched_bytes += event.ahead
            case events.FetchStalled():
                record.periods.stalls.append(Stall(t, *event))
            case events.FetchRetried():
                wheel.retries += 1
                wheel.retry, wheel.due = event.reason, t + event.wait
                wheel.paused += event.wait
            case events.FetchFinished():
                wheel.hear(t)
                record.fetched_bytes += wheel.advance(t, event.size, event.size)
                record.downloads += 1
                record.enter(wheel, Phase.QUEUED, t)
                record.reach(wheel, FETCHED)
                wheel.size = event.size
                wheel.files, wheel.content = event.files or wheel.files, event.unpacked or wheel.content
            case events.BuildStarted():
                record.enter(wheel, Phase.BUILD, t)
                wheel.worker = event.worker
                wheel.build = Build(event.source, event.log, "", event.editable)
            case events.BuildProgress():
                record.enter(wheel, Phase.BUILD, t)
                wheel.build = (wheel.build or Build("", "", "", False))._replace(line=event.line)
            case events.BuildFinished():
                record.enter(wheel, Phase.QUEUED, t)
                record.reach(wheel, FETCHED)
                wheel.file, wheel.size = event.file, event.size
            case events.UnpackStarted():
                record.enter(wheel, Phase.UNPACK, t)
                record.reach(wheel, FETCHED)
                wheel.files, wheel.total, wheel.worker = event.files, event.size, event.worker
                wheel.content = event.size
            case events.UnpackFinished():
                if wheel.phase is Phase.UNPACK:
                    record.unpacked_bytes += wheel.advance(t, event.size, event.size)
                record.enter(wheel, Phase.READY, t)
                record.reach(wheel, UNPACKED)
                wheel.files, wheel.content = event.files, event.size
            case events.PlanWheel():
                self._plan_wheel(wheel, t, event)
            case events.StageStarted():
                record.set_removal(wheel, False)
                record.enter(wheel, Phase.STAGE, t)
                record.reach(wheel, UNPACKED)
                wheel.total, wheel.worker = event.files, event.worker
            case events.StageFinished():
                if wheel.phase is Phase.STAGE:
                    record.staged_files += max(wheel.total - wheel.done, 0)
                record.enter(wheel, Phase.STAGED, t)
                wheel.copied = event.copied
                record.reach(wheel, STAGED)
            case _:
                assert_never(event)

    def _wheel_added(self, wheel: WheelRecord, t: float, event: events.WheelAdded) -> None:
        record = self._record
        record.take_back(wheel, t)
        wheel.added = True
        record.set_removal(wheel, False)
        record.cached += event.cached - wheel.cached
        wheel.version, wheel.file, wheel.size, wheel.cached = event.version, event.file, event.size, event.cached
        wheel.fetch = event.fetch
        if event.source and wheel.build is None:
            wheel.build = Build(event.source, "", "", False)
        wheel.files, wheel.content = event.files or wheel.files, event.unpacked or wheel.content
        if event.cached and wheel.phase is Phase.QUEUED:
            record.enter(wheel, Phase.READY, t)
            record.reach(wheel, UNPACKED)

    def _plan_wheel(self, wheel: WheelRecord, t: float, event: events.PlanWheel) -> None:
        record, locks = self._record, self._record.locks
        for path in wheel.exclusive:
            locks.change(path).claims_x -= 1
        for path in wheel.shared:
            locks.change(path).claims_ix -= 1
        wheel.exclusive, wheel.shared = tuple(path.rstrip("/") for path in event.exclusive), tuple(event.shared)
        for path, named in zip(wheel.exclusive, event.exclusive, strict=True):
            lock = locks.change(path)
            lock.claims_x += 1
            lock.is_directory = lock.is_directory or path != named
        for path in wheel.shared:
            lock = locks.change(path)
            lock.claims_ix += 1
            lock.is_directory = True
        if wheel.order >= 0 and event.replaces != wheel.replaces:  # planned again, under its claims
            wheel.doubled = wheel.added and event.replaces == wheel.version
        wheel.order, wheel.files, wheel.replaces = event.order, event.files, event.replaces
        if event.replaces and not wheel.added and wheel.phase is Phase.QUEUED:
            record.set_removal(wheel, True)
            record.enter(wheel, Phase.READY, t)
        if wheel.removal:
            wheel.version = event.replaces

    # -- a wheel, from its claims to the end

    def _commit(self, t: float, event: _CommitEvent) -> None:
        record, wheel = self._record, self._record.wheel(event.wheel)
        if event.wheel in record.cancelled:
            return
        match event:
            case events.LockRequested():
                record.release(wheel, t)
                wheel.requested = t
                wheel.acquisitions += (Acquisition(t, None, None),)
            case events.LockWaiting():
                self._lock_waiting(wheel, t, event)
            case events.LockGranted():
                self._lock_granted(wheel, t, event)
            case events.LockReleased():
                record.release(wheel, t)
                wheel.steps = CommitSteps(event.check, event.record, event.rename, event.sync)
                if wheel.phase is Phase.COMMIT:  # released without a commit: its plan was stale, and it asks again
                    record.rest(wheel, t)
            case events.CommitStarted():
                record.enter(wheel, Phase.COMMIT, t)
                wheel.done, wheel.total, wheel.worker = 0, event.renames, event.worker
            case events.CommitProgress():
                record.enter(wheel, Phase.COMMIT, t)
                wheel.advance(t, event.done, event.renames)
            case events.Overwrite():
                wheel.overwrote += not event.same
                wheel.overwrote_same += event.same
                record.overwrite(ReplacedFile(t, *event))
            case events.Restored():
                version = wheel.replaces or wheel.version  # the old version had replaced it; the new one lacks it
                record.restored.append(RestoredFile(t, f"{wheel.key} {version}".rstrip(), event.path, event.owner))
            case events.DistributionRemoved():
                self._distribution_removed(wheel, t, event)
            case events.CommitFinished():
                self._commit_finished(wheel, t, event)
            case events.WheelFailed():
                record.end_wait(wheel, t)
                record.enter(wheel, Phase.FAILED, t)
                wheel.error = event.error
                record.failed[wheel.key] = None
            case events.WheelCancelled():
                record.cancel(wheel, t)
            case events.WheelDropped():
                record.drop(wheel, t)
            case _:
                assert_never(event)

    def _lock_waiting(self, wheel: WheelRecord, t: float, event: events.LockWaiting) -> None:
        record = self._record
        wait, holders = wheel.waits_for, tuple(event.holders)
        # The first wait of a request began when it asked; a further one began when the previous path was granted.
        since = t if wheel.requested is None else wheel.requested
        record.enter(wheel, Phase.WAIT, max(since, wheel.since))
        if wait is not None and wait.path == event.path:
            since = wait.since
            record.charge_holders(wheel, t)
            behind = wait.behind if _stays(wait.holders, holders) else record.part_of_wait(wheel, wait, t)
        else:
            record.end_wait(wheel, t)
            wheel.named = behind = since
        if wheel.requested is None and (not wheel.acquisitions or wheel.acquisitions[-1].granted is not None):
            wheel.acquisitions += (Acquisition(since, None, None),)  # it had asked only within its process
        wheel.requested = None
        wheel.waits_for = WaitFor(event.path, event.mode, holders, since, behind)
        lock = record.locks.change(event.path)
        if not lock.contended:
            record.contended.append(event.path)
        lock.wait(Waiter(wheel.key, event.mode, since, holders), record.session)

    def _lock_granted(self, wheel: WheelRecord, t: float, event: events.LockGranted) -> None:
        record, wait = self._record, wheel.waits_for
        if wait is not None and wait.behind == wheel.acquisitions[-1].requested:
            # it began before it was told: to find out who is in the way takes a while
            record.began_to_wait(wheel, max(min(wait.since, t - event.waited), 0.0))
        record.end_wait(wheel, t)
        wheel.requested = None
        record.enter(wheel, Phase.COMMIT, t)
        if not wheel.acquisitions or wheel.acquisitions[-1].granted is not None:
            wheel.acquisitions += (Acquisition(t - event.waited, None, None),)
        wheel.acquire(wheel.acquisitions[-1]._replace(granted=t))
        for mode, paths in (("X", wheel.exclusive), ("IX", wheel.shared)):
            for path in paths:
                record.locks.change(path).grant(wheel.key, "X" if event.whole and path == TOP else mode, t)
        wheel.held = wheel.exclusive + wheel.shared

    def _distribution_removed(self, wheel: WheelRecord, t: float, event: events.DistributionRemoved) -> None:
        record = self._record
        if not wheel.added and not wheel.passed:
            record.set_removal(wheel, True)
            wheel.version = wheel.version or event.version
        if wheel.removal and wheel.phase is not Phase.DONE:
            record.end_wait(wheel, t)
            record.enter(wheel, Phase.DONE, t)
            wheel.files = event.files
            record.removed += 1
            record.removed_files += event.files
        elif wheel.added and event.version == wheel.version:
            record.reinstalled += 1
        elif not wheel.removal:
            record.replaced += 1

    def _commit_finished(self, wheel: WheelRecord, t: float, event: events.CommitFinished) -> None:
        record = self._record
        if wheel.removal:  # the journal lacks its beginning: only an old version was removed
            if wheel.phase is Phase.DONE:
                record.removed -= 1
                record.removed_files -= wheel.files
                record.replaced += 1
            record.set_removal(wheel, False)
        record.end_wait(wheel, t)
        record.enter(wheel, Phase.DONE, t)
        record.reach(wheel, COMMITTED)
        wheel.files = event.files or wheel.files
        record.files += event.files


def _stays(holders: Sequence[Holder], now: Sequence[Holder]) -> bool:
    """Whether the first of those that were in the way still is."""
    return not holders or same_holder(holders[0]) in map(same_holder, now)


def _environment(
    old: EnvironmentLock | None,
    t: float,
    event: events.EnvironmentWaiting | events.EnvironmentGranted | events.EnvironmentReleased,
) -> EnvironmentLock:
    """The environment's lock after `event`."""
    waited, held = (old.waited, old.held) if old else (0.0, 0.0)
    match event:
        case events.EnvironmentWaiting():
            since = old.since if old and old.state == "waiting" else t
            return EnvironmentLock(event.path, "waiting", since, tuple(event.holders), waited, held)
        case events.EnvironmentGranted():
            return EnvironmentLock(event.path, "held", t, (), waited + event.waited, held)
        case events.EnvironmentReleased():
            return EnvironmentLock(event.path, "free", t, (), waited, held + event.held)
