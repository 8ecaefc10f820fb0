"""The mutable record of a session while its events come in, and the snapshots made of it."""

from copy import copy
from types import MappingProxyType

from instui_engine.journal.events import SessionStarted

from . import eta
from .model import (
    CANCELLED,
    DROPPED,
    RUNNING,
    SETTLED,
    WORK,
    Conflict,
    EnvironmentLock,
    Finished,
    OverwritePair,
    Peaks,
    Phase,
    Prefix,
    Recovery,
    ReplacedFile,
    RestoredFile,
    Sample,
    Satisfied,
    Snapshot,
    Span,
    Totals,
    Wait,
    WaitFor,
)
from .names import is_own
from .periods import Periods
from .rates import USUAL, Measured, Rates
from .records import Busy, LockRecord, Table, WheelRecord
from .spans import Compiling
from .standing import standing

SAMPLE_SECONDS = 0.25
MOST_SAMPLES = 4096  # of a longer session every other one is kept
FETCHED, UNPACKED, STAGED, COMMITTED = 1, 2, 3, 4  # milestones that a wheel passes, for the counters


class SessionRecord:
    """Everything known of a session while its events come in. Wheels are found by key, locks by path."""

    def __init__(self, estimates: bool = False, rates: Rates = USUAL) -> None:
        """`estimates` and `rates`: see `Fold`."""
        self.t = 0.0  # of the latest event
        self.session: SessionStarted | None = None
        self.sessions: list[SessionStarted] = []  # if several are shown as one
        self.requirements: tuple[str, ...] = ()
        self.resolving = self.planned = self.paused = self.cancelling = False
        self.caption = ""
        self.periods = Periods()
        self.cleaned = 0.0  # the share of the stage that is removed
        self.finished: Finished | None = None
        self.over = False
        self.environment: EnvironmentLock | None = None
        self.wheels = Table(WheelRecord)
        self.locks = Table(LockRecord)
        self.contended: list[str] = []  # paths, each once
        self.collisions: list[str] = []  # the same
        self._running, self.waiting = Busy(), Busy()
        self._busy = {**dict.fromkeys(RUNNING, self._running), Phase.WAIT: self.waiting}
        self.failed: dict[str, None] = {}  # an ordered set
        self.cancelled: set[str] = set()
        self.waits: list[Wait] = []
        self.overwrites: list[ReplacedFile] = []
        self._pairs: dict[tuple[str, str], OverwritePair] = {}  # by old and new owner
        self._pair_states: tuple[OverwritePair, ...] | None = ()  # None: to be made anew
        self.restored: list[RestoredFile] = []
        self._recoveries: list[Recovery] = []
        self._recovery_states: tuple[Recovery, ...] | None = ()  # None: to be made anew
        self.conflicts: list[Conflict] = []
        self.satisfied: list[Satisfied] = []
        self.compiling = Compiling()
        self.samples: list[Sample] = []  # on a grid of time, and one at the end
        self._sample_seconds = SAMPLE_SECONDS
        self._next_sample = self._next_look = 0.0
        self._fastest = (0.0, 0.0, 0.0)  # bytes fetched and unpacked, and files staged, a second
        self._most_waiting = 0  # in a sample
        self._estimator = eta.Estimator(rates) if estimates else None
        self._looks: dict[float, eta.Estimator] | None = None  # what it made of each time, for copies of this
        # what is counted
        self._passed = [0, 0, 0, 0, 0]  # the number of wheels past each milestone
        self.resolved = self.satisfied_count = 0
        self.downloads = self.fetched_bytes = self.unpacked_bytes = self.staged_files = self.files = self.overwrote = 0
        self.unsettled = self.dropped = 0
        self.cached = self.reinstalled = self.replaced = self.removing = self.removed = self.removed_files = 0

    def wheel(self, key: str) -> WheelRecord:
        """The wheel of that name, to be changed; one that is not known yet begins now."""
        known = len(self.wheels)
        wheel = self.wheels.change(key)
        if len(self.wheels) > known:
            wheel.since = wheel.measured = wheel.named = self.t
        return wheel

    def copy(self) -> "SessionRecord":
        """A copy, which changes by itself from now on. It is meant for the same events: see `Table`.

        There is no reference cycle in it, so it is gone with its last user: no garbage collection finds it after
        `gc.freeze`.
        """
        if self._looks is None:
            self._looks = {}
        other = copy(self)
        other.wheels, other.locks = self.wheels.copy(), self.locks.copy()
        other.periods = self.periods.copy()
        other._running, other.waiting = self._running.copy(), self.waiting.copy()
        other._busy = {**dict.fromkeys(RUNNING, other._running), Phase.WAIT: other.waiting}
        for name, value in vars(self).items():
            if name != "_looks" and isinstance(value, list | set | dict) and name != "_busy":
                setattr(other, name, value.copy())
        return other

    # -- changes that several events have in common

    def enter(self, wheel: WheelRecord, phase: Phase, t: float) -> None:
        """Note that `wheel` is in `phase` from `t` on, unless it already is."""
        if phase is wheel.phase:
            return
        if old := self._busy.get(wheel.phase):
            old.remove(wheel.key, wheel.since, t)
        if new := self._busy.get(phase):
            new.add(wheel.key, t)
        if wheel.phase is Phase.WAIT:
            self.periods.held_up.end(t, wheel.since)
        elif phase is Phase.WAIT:
            self.periods.held_up.begin(t)
        if t > wheel.since:
            wheel.spans += (Span(wheel.phase, wheel.since, t, wheel.worker),)
        wheel.phase, wheel.since, wheel.worker = phase, t, 0
        wheel.done = wheel.total = 0
        wheel.rate, wheel.measured = 0.0, t

    def rest(self, wheel: WheelRecord, t: float) -> None:
        """Note that `wheel` neither waits nor commits any longer: it is as ready as before."""
        self.enter(wheel, Phase.READY if wheel.removal else Phase.STAGED, t)

    def reach(self, wheel: WheelRecord, station: int) -> None:
        """Note that `wheel` has passed this milestone, and so all before it."""
        for passed in range(wheel.passed + 1, station + 1):
            self._passed[passed] += 1
        wheel.passed = max(wheel.passed, station)

    def set_removal(self, wheel: WheelRecord, removal: bool) -> None:
        """Note whether `wheel` is a distribution that is to be uninstalled."""
        if wheel.removal is not removal:
            wheel.removal = removal
            self.removing += 1 if removal else -1

    def halt(self, seconds: float, slept: float, t: float) -> None:
        """Note that the process has not run for so long, in which nothing can have come of any wheel."""
        self.periods.halt(seconds, slept, t)
        for key in self._running.members:
            wheel = self.wheels.change(key)
            wheel.measured = min(wheel.measured + max(seconds, 0.0), t)

    def charge_holders(self, wheel: WheelRecord, t: float) -> None:
        """Charge the wait of `wheel`, since its holders were last named, to those that are wheels of this session."""
        if wheel.waits_for is not None:
            for holder in wheel.waits_for.holders:
                if is_own(holder, self.session) and self.wheels.get(holder.wheel) is not None:
                    self.wheels.change(holder.wheel).blocked += t - wheel.named
        wheel.named = t

    def end_wait(self, wheel: WheelRecord, t: float) -> None:
        """Note that `wheel` no longer waits, if it did."""
        wait = wheel.waits_for
        if wait is None:
            return
        self.charge_holders(wheel, t)
        wheel.waits_for = None
        seconds = t - wait.since
        self.locks.change(wait.path).go_on(wheel.key, seconds, self.session)
        wheel.waited += seconds
        self.part_of_wait(wheel, wait, t)

    def began_to_wait(self, wheel: WheelRecord, since: float) -> None:
        """Note that `wheel` has waited from then on, when nothing was known of that yet."""
        if wheel.waits_for is not None:
            wheel.waits_for = wheel.waits_for._replace(since=since, behind=since)
            wheel.acquire(wheel.acquisitions[-1]._replace(requested=since))
        last = wheel.spans[-1] if wheel.spans else None
        if wheel.phase is Phase.WAIT and last and last.phase not in self._busy and last.begin < since < wheel.since:
            wheel.spans = (*wheel.spans[:-1], last._replace(end=since))
            self.waiting.sooner(wheel.since - since)
            wheel.since = since

    def part_of_wait(self, wheel: WheelRecord, wait: WaitFor, t: float) -> float:
        """Note that `wheel` has waited for these holders until `t`; return that."""
        self.waits.append(Wait(wheel.key, wait.path, wait.mode, wait.holders, wait.behind, t))
        return t

    def release(self, wheel: WheelRecord, t: float) -> None:
        """Note that `wheel` releases all that it holds."""
        for path in wheel.held:
            self.locks.change(path).release(wheel.key)
        wheel.held = ()
        if wheel.acquisitions and wheel.acquisitions[-1].released is None:
            wheel.acquire(wheel.acquisitions[-1]._replace(released=t))

    def cancel(self, wheel: WheelRecord, t: float) -> None:
        """Note that nothing more comes of `wheel`, as somebody asked to leave it out."""
        self.end_wait(wheel, t)
        self.release(wheel, t)
        self.enter(wheel, Phase.STOPPED, t)
        wheel.error = CANCELLED
        self.cancelled.add(wheel.key)
        self.unsettled += 1

    def drop(self, wheel: WheelRecord, t: float) -> None:
        """Note that `wheel` is not to be installed any more. It is not counted, as if it had never been of the set."""
        if wheel.error == DROPPED:
            return
        self.enter(wheel, Phase.STOPPED, t)
        wheel.error = DROPPED
        self.dropped += 1
        for passed in range(1, wheel.passed + 1):
            self._passed[passed] -= 1
        self.cached -= wheel.cached
        wheel.passed, wheel.cached = 0, False

    def take_back(self, wheel: WheelRecord, t: float) -> None:
        """Note that `wheel` is to be installed, if it had been dropped."""
        if wheel.error == DROPPED:
            self.enter(wheel, Phase.QUEUED, t)
            wheel.error = ""
            self.dropped -= 1

    def settle(self, t: float) -> None:
        """Note that nothing more comes: nothing is held or waited for any longer, and no wheel goes on."""
        for key in list(self.wheels.index):
            wheel = self.wheels.get(key)
            if wheel is not None and (wheel.waits_for is not None or wheel.held or wheel.phase not in SETTLED):
                wheel = self.wheels.change(key)
                self.end_wait(wheel, t)
                self.release(wheel, t)
                if wheel.phase not in SETTLED and not self.planned_only:
                    begun = any(span.phase in WORK for span in wheel.spans) or wheel.phase in WORK
                    self.enter(wheel, Phase.STOPPED if begun else Phase.UNBEGUN, t)
                    self.unsettled += 1
                elif wheel.phase is Phase.WAIT:
                    self.rest(wheel, t)
        lock = self.environment
        if lock is not None and lock.state != "free":
            waited, held = (t - lock.since, 0.0) if lock.state == "waiting" else (0.0, t - lock.since)
            self.environment = EnvironmentLock(lock.path, "free", t, (), lock.waited + waited, lock.held + held)
        self.resolving = self.paused = False
        self.over = True
        self.periods.end_all(t)

    @property
    def planned_only(self) -> bool:
        """Whether the session went well without doing what it had planned: a dry run."""
        command = self.session.command if self.session else []
        dry_list = command[1:2] == ["install-many"] and "--dry-run" in command
        well = self.finished is not None and (self.finished.exit == 0 or dry_list)
        return well and not self._passed[COMMITTED] and not self.removed

    def overwrite(self, file: ReplacedFile) -> None:
        """Note a file that was replaced."""
        self.overwrites.append(file)
        self.overwrote += not file.same
        owners = file.old, file.new
        pair = self._pairs.get(owners) or OverwritePair(*owners, 0, 0)
        self._pairs[owners] = (
            pair._replace(same=pair.same + 1) if file.same else pair._replace(different=pair.different + 1)
        )
        self._pair_states = None

    def recover(self, recovery: Recovery) -> None:
        """Note that a recovery began, or the outcome of that wheel's running one."""
        running = (recovery.wheel, recovery.session, "running")
        for position in range(len(self._recoveries) - 1, -1, -1):
            old = self._recoveries[position]
            if (old.wheel, old.session, old.outcome) == running:
                self._recoveries[position] = recovery._replace(t=old.t)
                break
        else:
            self._recoveries.append(recovery)
        self._recovery_states = None

    def sample(self, t: float) -> None:
        """Fill the grid of samples up to `t`: nothing has changed since the last of them."""
        if not self._next_sample <= t:
            return
        while t - self._next_sample > MOST_SAMPLES * self._sample_seconds:
            self._thin_samples()
        while self._next_sample <= t:
            if len(self.samples) >= MOST_SAMPLES:
                self._thin_samples()
            self._sample(self._next_sample)
            self._next_sample += self._sample_seconds
        if self._estimator is not None and t >= self._next_look:
            self._next_look = t + max(len(self.wheels) / eta.MOST - 1, 0.0) * SAMPLE_SECONDS  # each wheel costs time
            self._estimator = self._look(t, self._estimator)

    def _look(self, t: float, before: eta.Estimator) -> eta.Estimator:
        """The estimator that has looked at how things stand; of many wheels, copies of this need not look again."""
        looks = self._looks if len(self.wheels) > eta.MOST else None
        if looks is not None and (known := looks.get(t)):
            return known
        how, estimator = self._how(), before.copy()
        estimator.look(t, standing(self.wheels, how.replaces), how)
        if looks is not None:
            looks[t] = estimator
        return estimator

    def _how(self) -> eta.How:
        """How the session works, as its command says, and at what it is."""
        if self.session is None:
            return eta.How(1)
        command, jobs = self.session.command, self.session.jobs
        copies = "--link-mode=copy" in command or ("--link-mode" in command and "copy" in command)
        replaces = not {"--reinstall", "-U", "--upgrade"}.isdisjoint(command)
        part = self.periods.spans[-1] if self.periods.spans else None
        how = eta.How(
            max(min(jobs, self.session.cpus or jobs), 1),
            copies=copies,
            replaces=replaces,
            cleaned=self.cleaned,
            taken=self.periods.taken(self.session.cpus),
            named=len(self.wheels) >= self.resolved,
        )
        return how if part is None else how._replace(part=part.name, since=part.begin)

    def measured(self) -> Measured | None:
        """What an install that went well has shown of this machine; None if it did not, or was held up on purpose."""
        estimator, well = self._estimator, self.finished is not None and self.finished.exit == 0
        if estimator is None or not well or self._is_slowed or self.periods.pauses or self.periods.halts:
            return None
        how, took = self._how(), dict[str, float]()
        for span in self.periods.spans:
            if span.end is not None:
                took[span.name] = took.get(span.name, 0.0) + span.end - span.begin
        return estimator.measured(standing(self.wheels, how.replaces), how, took)

    @property
    def _is_slowed(self) -> bool:
        """Whether it is a demonstration, or in slow motion."""
        command = self.session.command[1:] if self.session else []
        return command[:1] == ["demo"] or any(one == "--slow" or one.startswith("--slow=") for one in command)

    def _sample(self, t: float) -> None:
        running, waiting = len(self._running.members), self._waiting_now
        self._most_waiting = max(self._most_waiting, waiting)
        counted = self.fetched_bytes, self.staged_files, self.unpacked_bytes
        before = self.samples[-1] if self.samples else Sample(0.0, 0, 0, 0, 0)
        sample = Sample(t, running, waiting, *counted)
        self.samples.append(sample)
        # the last sample lies off the grid, and a short time after another one nothing is fast
        seconds = max(t - before.t, min(t, SAMPLE_SECONDS))
        if seconds > 0:
            grown = (
                sample.fetched_bytes - before.fetched_bytes,
                sample.unpacked_bytes - before.unpacked_bytes,
                sample.staged_files - before.staged_files,
            )
            fetched, unpacked, staged = (max(most, n / seconds) for most, n in zip(self._fastest, grown, strict=True))
            self._fastest = fetched, unpacked, staged

    def _thin_samples(self) -> None:
        """Keep every other sample. Snapshots keep the list that they have."""
        self.samples = self.samples[::2]
        self._sample_seconds *= 2
        if self.samples:
            self._next_sample = self.samples[-1].t + self._sample_seconds

    def _left(self, t: float) -> float | None:
        """Seconds that are left at `t`, as far as that can be said."""
        if self.finished or self.resolving or self.paused or self.cancelling or self.removing or self._is_slowed:
            return None
        if self.periods.spans and self.periods.spans[-1].name in ("build", "compile"):
            return None  # nobody knows how long a build takes, or how hard modules are to compile
        if len(self.sessions) > 1:
            return None  # the parts of several sessions lie across each other
        if self.periods.holds_up(t, eta.PATIENCE):
            return None
        return self._estimator.left(t) if self._estimator is not None else None

    def end_samples(self, t: float) -> None:
        """Note how busy the session was at its end."""
        self.sample(t)
        if not self.samples or self.samples[-1].t < t:
            self._sample(t)

    # -- what is seen

    def totals(self, t: float) -> Totals:
        """The counters at time `t`."""
        known = len(self.wheels) - self.dropped
        return Totals(
            resolved=max(self.resolved - self.dropped, known - self.removing or known),
            satisfied=max(self.satisfied_count, len(self.satisfied)),
            fetched=self._passed[FETCHED],
            unpacked=self._passed[UNPACKED],
            staged=self._passed[STAGED],
            waiting=self._waiting_now,
            committed=self._passed[COMMITTED],
            failed=len(self.failed),
            unsettled=self.unsettled,
            cached=self.cached,
            downloads=self.downloads,
            reinstalled=self.reinstalled,
            replaced=self.replaced,
            removing=self.removing,
            removed=self.removed,
            removed_files=self.removed_files,
            files=self.files,
            running=len(self._running.members),
            lock_wait=self.waiting.total(t),
            held_up=self.periods.held_up.total(t),
            busy=self._running.total(t),
            overwrote=self.overwrote,
            dropped=self.dropped,
        )

    @property
    def _waiting_now(self) -> int:
        """How many wheels wait, for a claim or for something else; not single ones of several sessions as a whole."""
        members = self.waiting.members
        others = self.periods.waiting_wheels
        return len(members) + sum(wheel in self.wheels and wheel not in members for wheel in others)

    @property
    def pairs(self) -> tuple[OverwritePair, ...]:
        """The overwritten files, counted by pair of owners; the same tuple as before if nothing changed."""
        if self._pair_states is None:
            self._pair_states = tuple(self._pairs.values())
        return self._pair_states

    @property
    def recoveries(self) -> tuple[Recovery, ...]:
        """All recoveries; the same tuple as before if nothing changed."""
        if self._recovery_states is None:
            self._recovery_states = tuple(self._recoveries)
        return self._recovery_states

    def snapshot(self, t: float) -> Snapshot:
        """The session at time `t`, or at its latest event if that is later; a finished session no longer changes."""
        t = self.finished.t if self.finished else max(t, self.t)
        totals = self.totals(t)
        most_waiting = max(self.waiting.most, self._most_waiting, totals.waiting)
        return Snapshot(
            t=t,
            session=self.session,
            requirements=self.requirements,
            resolving=self.resolving,
            syncing=self.periods.syncing,
            wheels=self._wheels(t),
            running=tuple(self._running.members),
            waiting=tuple(self.waiting.members),
            failed=tuple(self.failed),
            locks=self.locks.seen(),
            contended=Prefix(self.contended),
            collisions=Prefix(self.collisions),
            environment=self.environment,
            waits=Prefix(self.waits),
            overwrites=Prefix(self.overwrites),
            pairs=self.pairs,
            restored=Prefix(self.restored),
            recoveries=self.recoveries,
            conflicts=Prefix(self.conflicts),
            satisfied=Prefix(self.satisfied),
            samples=Prefix(self.samples),
            totals=totals,
            spans=tuple(self.periods.spans),
            syncs=tuple(self.periods.syncs),
            pauses=tuple(self.periods.pauses),
            doings=tuple(self.periods.doings),
            session_waits=tuple(self.periods.waits),
            groups=self.periods.groups,
            loads=Prefix(self.periods.loads),
            left=self._left(t),
            planned=self.planned,
            caption=self.caption,
            paused=self.paused,
            cancelling=self.cancelling,
            finished=self.finished,
            over=self.over,
            wheel_index=MappingProxyType(self.wheels.index),
            lock_index=MappingProxyType(self.locks.index),
            stalls=Prefix(self.periods.stalls),
            compiling=self.compiling,
            halts=tuple(self.periods.halts),
            sessions=tuple(self.sessions),
            peaks=Peaks(self._running.most, most_waiting, *self._fastest, self.periods.most_stalled),
        )

    def _wheels(self, t: float) -> tuple[WheelRecord, ...]:
        """The wheels as they are shown: no event comes for a stalled transfer, yet its rate must decay."""
        seen = self.wheels.seen()
        running = (self.wheels.get(key) for key in self._running.members)
        stalled = {self.wheels.index[wheel.key]: wheel.stalled(t) for wheel in running if wheel and wheel.is_stalled(t)}
        if not stalled:
            return seen
        shown = list(seen)
        for place, wheel in stalled.items():
            shown[place] = wheel
        return tuple(shown)
