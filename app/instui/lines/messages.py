"""The lines that stay in plain output: one for each milestone, big wheel, conflict, long wait, warning and failure.

There is no I/O and no clock here: events and times go in, lines come out.
"""

from typing import assert_never

from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.monitor.names import holder_names, mode_in_words, path_name, standstill, wait_target
from instui.monitor.recoveries import recovery_lines
from instui.monitor.units import age, count, seconds
from instui_engine.errors import ROOM, printable
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder
from instui_engine.locks.phrases import waited_for

from .milestones import Milestones
from .preparation import Preparation
from .slowness import Slowness

WAIT_STEPS = (1.0, 5.0, 15.0, 60.0)  # seconds of waiting after which there is a line; after the last, every minute
FEW_WHEELS = 20  # up to this many are named one by one as they are installed
CONFLICTS_EACH = 5  # conflicts shown for each pair of owners
WAITS_AT_ONCE = 5


class Messages:
    """The messages of a session.

    `live`: a block on the terminal shows progress and present waits, so only what is over gets a line. `quiet`: only
    warnings, conflicts, recoveries and failures. `verbose`: also every wheel, removal and predicted collision, and what
    uv does. `progress`: now and then a line says how far it is.
    """

    def __init__(
        self, fold: Fold, *, live: bool = False, quiet: bool = False, verbose: bool = False, progress: bool = True
    ) -> None:
        self._fold = fold
        self._quiet = quiet
        self._verbose = verbose and not quiet
        self._tells_progress = progress
        self._shown = not live and not quiet
        self._milestones = Milestones(fold, self._shown)
        self._prepare = Preparation(fold, self._milestones, shown=self._shown, verbose=self._verbose, quiet=quiet)
        self._progress = self._prepare.progress
        self._slowness = Slowness()
        self._added: set[str] = set()
        self._staging: dict[str, int] = {}  # wheel -> files
        self._conflicts: dict[tuple[str, str, bool], int] = {}
        self._waits: dict[str, events.LockWaiting] = {}
        self._environment: list[Holder] = []
        self._failures: list[tuple[str, str]] = []  # line and error of those that may be the session's own
        self._told: dict[tuple[str, str], list[int]] = {}  # wait (what, wheel) -> pids of the holders in its line
        self._steps: dict[tuple[str, str, float], int] = {}  # wait (wheel, path, since) -> number of steps reported

    def lines_for(self, t: float, event: Event) -> list[str]:
        """The lines for `event`, which must have been fed to the fold before."""
        match event:
            case events.SessionStarted():
                start = f"instui {printable(event.version)}, environment {printable(event.top)}"
                return [start] if self._verbose else []
            case events.Caption():
                return [] if self._quiet else [f"» {printable(event.text)}"]
            case events.ResolveStarted():
                return self._prepare.resolve_started(t)
            case events.ResolveProgress():
                return self._prepare.resolve_progress(t, event)
            case events.ResolveFinished():
                return self._prepare.resolve_finished(t, event)
            case events.WheelAdded():
                self._added.add(event.wheel)
                return [*self._prepare.added(event), *self._complete(t)]
            case events.FetchStarted():
                return self._prepare.fetch_started(t, event)
            case events.FetchProgress():
                return self._prepare.fetch_progress(t, event)
            case events.FetchStalled():
                return self._prepare.fetch_stalled(t, event)
            case events.FetchRetried():
                return self._prepare.fetch_retried(t, event)
            case events.FetchFinished():
                return [*self._prepare.fetch_finished(t, event), *self._complete(t)]
            case events.BuildStarted():
                return self._prepare.build_started(t, event)
            case events.BuildProgress():
                return self._prepare.build_progress(event)
            case events.BuildFinished():
                return self._prepare.build_finished(t, event)
            case events.UnpackStarted():
                return self._prepare.unpack_started(t, event)
            case events.UnpackFinished():
                return [*self._prepare.unpack_finished(t, event), *self._complete(t)]
            case events.CompileStarted():
                return self._prepare.compile_started(t)
            case events.CompileFailed():
                return self._prepare.compile_failed(event)
            case events.CompileFinished():
                return self._prepare.compile_finished(t, event)
            case events.PlanCollision():
                wheels = ", ".join(map(self._label, event.wheels))
                turns = f"{wheels} take turns at {path_name(event.path, self._fold.session)}"
                return [turns] if self._verbose else []
            case events.PlanConflict():
                return self._conflict(event)
            case events.PlanFinished():
                return [*self._more_conflicts(), *self._take(t, stage=False)]
            case events.StageStarted():
                self._milestones.stage.begin(t)
                self._staging[event.wheel] = event.files
            case events.StageFinished():
                self._milestones.stage.end(t, self._staging.pop(event.wheel, 0))
                return self._complete(t)
            case events.SyncStarted():
                self._progress.sync(t)
            case events.EnvironmentWaiting():
                self._environment = event.holders
            case events.EnvironmentGranted():
                return self._environment_granted(event)
            case events.LockWaiting():
                first = self._waits.get(event.wheel)
                if first is None or first.path != event.path:  # else only the holders are others
                    self._waits[event.wheel] = event
            case events.LockGranted():
                return self._lock_granted(event)
            case events.CommitStarted():
                return self._take(t)
            case events.DistributionRemoved():
                return self._distribution_removed(event)
            case events.CommitFinished():
                return self._commit_finished(event)
            case events.RecoveryStarted():
                label = printable(f"{event.wheel} {event.version}".rstrip())
                start = f"recovering {label}, which a session that was killed had in hand"
                return [start] if self._shown else []
            case events.RecoveryFinished():
                return recovery_lines(event, self._fold.session)
            case events.WheelFailed():
                return self._failed(event)
            case events.WheelCancelled():
                return [f"cancelled: {self._label(event.wheel)}; it is left as it was before"]
            case events.WorkersChanged():
                return [f"{count(event.workers, 'worker')} from now on"] if self._shown else []
            case events.WaitStarted():
                return self._wait_started(event)
            case events.SessionHalted():
                return [] if self._quiet else [f"the session goes on; {standstill(event)}"]
            case events.Warned():
                wheel = f"{self._label(event.wheel)}: " if event.wheel else ""
                return [f"warning: {wheel}{printable(event.text)}"]
            case (  # the summary, the progress block or the line of another event covers these
                events.SpanStarted()
                | events.SpanFinished()
                | events.LoadSampled()
                | events.CleanProgress()
                | events.WaitFinished()
                | events.SessionPaused()
                | events.SessionResumed()
                | events.CancelRequested()
                | events.RequirementSatisfied()
                | events.UnpackProgress()
                | events.CompileProgress()
                | events.PlanWheel()
                | events.StageProgress()
                | events.SyncFinished()
                | events.EnvironmentReleased()
                | events.LockRequested()
                | events.LockReleased()
                | events.CommitProgress()
                | events.GroupFinished()
                | events.Overwrite()
                | events.Restored()
                | events.WheelDropped()
            ):
                pass
            case events.SessionFinished():
                return self._other_failures(event.error)
            case _:
                assert_never(event)
        return []

    def now(self, snapshot: Snapshot) -> list[str]:
        """The lines that are due because time has passed: waits, and how far the session is."""
        if not self._shown:
            return []
        progress = self._progress.due(snapshot) if self._tells_progress else []
        return [*self._waiting(snapshot), *progress, *self._slowness.due(snapshot)]

    def _waiting(self, snapshot: Snapshot) -> list[str]:
        """A line for each wait that has reached another step since the last call."""
        if snapshot.finished:
            return []
        due = []
        environment = snapshot.environment
        if environment and environment.state == "waiting":
            waited = snapshot.t - environment.since
            if self._passed_step(("", environment.path, environment.since), waited):
                holders = self._holders(environment.holders)
                due.append(f"waiting for the environment's lock{holders}, for {age(waited)}")
        for other in snapshot.session_waits:
            waited = snapshot.t - other.begin
            if other.end is not None or other.what == "environment" or waited < WAIT_STEPS[1]:
                continue  # its beginning has a line
            if self._passed_step((other.wheel, other.path, other.begin), waited):
                who = f"{self._label(other.wheel)} waits" if other.wheel else "waiting"
                due.append(f"{who} for {wait_target(other.what)}{self._holders(other.holders)}, for {age(waited)}")
        for key in snapshot.waiting:
            wheel = snapshot.wheel(key)
            if wheel is None or wheel.waits_for is None:
                continue
            wait = wheel.waits_for
            waited = snapshot.t - wait.since
            if self._passed_step((key, wait.path, wait.since), waited):
                text = f"{printable(wheel.label)} waits for {self._lock(wait.path, wait.mode)}"
                due.append(f"{text}{self._holders(snapshot.blocking(wait))}, for {age(waited)}")
        if len(due) > WAITS_AT_ONCE + 1:
            due[WAITS_AT_ONCE:] = [f"{len(due) - WAITS_AT_ONCE} more wheels wait"]
        return due

    def rest(self) -> list[str]:
        """The lines held back until the end of a session."""
        downloads = self._prepare.downloads.wheels
        milestones = self._milestones.take(True, True, True, downloads)
        return [*self._prepare.rest(), *self._other_failures(""), *milestones, *self._more_conflicts()]

    def _failed(self, event: events.WheelFailed) -> list[str]:
        """A line for a failure. That of a list is no error of the session; any other may be, and then has its line.

        A disk that is full may stop all of a list, which the summary says in one line.
        """
        line = f"failed: {self._label(event.wheel)}: {printable(event.error)}"
        session = self._fold.session
        if session and session.command[1:2] == ["install-many"]:
            return [] if ROOM in event.error else [line]
        self._failures.append((line, event.error))
        return []

    def _other_failures(self, error: str) -> list[str]:
        """The failures that were held back, without that of the session, which the command prints as its error.

        A disk that is full stops every wheel that is at work; that is one failure.
        """
        is_full = ROOM in error
        left = [line for line, text in self._failures if text not in error and not (is_full and ROOM in text)]
        self._failures.clear()
        return left

    # -- names

    def _label(self, key: str) -> str:
        return printable(self._fold.label(key))

    def _lock(self, path: str, mode: str) -> str:
        return f"{path_name(path, self._fold.session)} ({mode_in_words(mode)})"

    def _holders(self, holders: tuple[Holder, ...] | list[Holder], when: str = "") -> str:
        names = holder_names(holders, self._fold.session, self._fold.label)
        return f", {when}held by {names}" if names else ""

    def _passed_step(self, wait: tuple[str, str, float], waited: float) -> bool:
        steps = sum(waited >= step for step in WAIT_STEPS) + max(0, int(waited // 60) - 1)
        if steps <= self._steps.get(wait, 0):
            return False
        self._steps[wait] = steps
        return True

    # -- milestones

    def _complete(self, t: float) -> list[str]:
        """The lines of milestones that all wheels have reached by now."""
        return self._noted(t, self._milestones.complete())

    def _take(self, t: float, stage: bool = True) -> list[str]:
        """The lines of milestones that must have been reached by now."""
        return self._noted(t, self._milestones.take(True, True, stage))

    def _noted(self, t: float, lines: list[str]) -> list[str]:
        if lines:
            self._progress.said(t)
        return lines

    def _more_conflicts(self) -> list[str]:
        lines = [
            f"conflict: and {count(number - CONFLICTS_EACH, 'more file', 'more files')} of "
            f"{_owner(first)} {'would be ' if refused else ''}replaced by {_owner(last)}"
            for (first, last, refused), number in self._conflicts.items()
            if number > CONFLICTS_EACH
        ]
        self._conflicts.clear()
        return lines

    # -- events that need more than a line

    def _conflict(self, event: events.PlanConflict) -> list[str]:
        key = event.first, event.last, event.refused
        number = self._conflicts[key] = self._conflicts.get(key, 0) + 1
        if number > CONFLICTS_EACH:
            return []
        path = path_name(event.path, self._fold.session)
        verb = "would be replaced by" if event.refused else "is replaced by"
        return [f"conflict: {path} of {_owner(event.first)} {verb} {_owner(event.last)}"]

    def _environment_granted(self, event: events.EnvironmentGranted) -> list[str]:
        if event.waited < WAIT_STEPS[0] or self._quiet:
            return []
        return [f"waited {seconds(event.waited)} for the environment's lock{self._holders(self._environment)}"]

    def _lock_granted(self, event: events.LockGranted) -> list[str]:
        wait = self._waits.pop(event.wheel, None)
        if event.waited < WAIT_STEPS[0] or self._quiet:
            return []
        what = f"{self._lock(wait.path, wait.mode)}{self._holders(wait.holders, 'at first ')}" if wait else "its locks"
        return [f"{self._label(event.wheel)} waited {seconds(event.waited)} for {what}"]

    def _wait_started(self, event: events.WaitStarted) -> list[str]:
        """A line for each set of processes: which of their wheels they are at is not worth one."""
        key, pids = (event.what, event.wheel), [holder.pid for holder in event.holders]
        if self._told.get(key) == pids:
            return []
        self._told[key] = pids
        wheel = f"{self._label(event.wheel)}: " if event.wheel else ""
        who = "recovery " if event.what == "recovery" else ""
        return [f"warning: {wheel}{who}waits for {waited_for(event)}"]

    def _distribution_removed(self, event: events.DistributionRemoved) -> list[str]:
        few = event.wheel not in self._added and self._fold.totals.removing <= FEW_WHEELS
        if self._quiet or not (few or self._verbose):
            return []
        return [f"removed {printable(event.wheel)} {printable(event.version)}, {count(event.files, 'file')}"]

    def _commit_finished(self, event: events.CommitFinished) -> list[str]:
        few = self._shown and self._fold.totals.resolved <= FEW_WHEELS
        shown = event.wheel in self._added and (self._verbose or few)
        return [f"installed {self._label(event.wheel)}"] if shown else []


def _owner(owner: str) -> str:
    return printable(owner) or "no distribution"
