"""The lines that stay in plain output: one for each milestone, conflict, long wait, warning and failure.

No input or output and no clock: events and times go in, lines come out.
"""

from dataclasses import dataclass
from typing import Any

from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot, Totals
from instui.monitor.names import holder_names, path_name
from instui.monitor.recoveries import told as recovery_told
from instui.monitor.units import age, count, seconds, size
from instui_engine.errors import printable
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder

WAIT_STEPS = (1.0, 5.0, 15.0, 60.0)  # seconds of waiting after which a line says so; then every minute
FEW_WHEELS = 20  # so many are named one by one as they are installed
CONFLICTS_EACH = 5  # conflicts shown for each pair of owners
WAITS_AT_ONCE = 5


@dataclass
class _Milestone:
    """Work of one kind on several wheels, told as one line when it is all done."""

    word: str
    begun: float | None = None
    ended: float = 0.0
    wheels: int = 0
    amount: int = 0

    def begin(self, t: float) -> None:
        if self.begun is None:
            self.begun = t

    def add(self, t: float, amount: int) -> None:
        self.begin(t)
        self.ended = t
        self.wheels += 1
        self.amount += amount

    def tell(self, unit: str) -> list[str]:
        """The line, once; nothing where nothing was done."""
        if not self.wheels or self.begun is None:
            return []
        amount = size(self.amount) if unit == "bytes" else count(self.amount, "file")
        line = f"{self.word} {count(self.wheels, 'wheel')}, {amount} in {seconds(self.ended - self.begun)}"
        self.begun, self.wheels, self.amount = None, 0, 0
        return [line]


class Narrator:
    """Tells a session in lines.

    `live`: a block on the terminal shows progress and present waits, so only finished facts become lines.
    `quiet`: only warnings, conflicts, recoveries and failures. `verbose`: every wheel, retry, removal and predicted
    collision too.
    """

    def __init__(self, fold: Fold, *, live: bool = False, quiet: bool = False, verbose: bool = False) -> None:
        self._fold = fold
        self._quiet = quiet
        self._verbose = verbose and not quiet
        self._milestones = not live and not quiet
        self._fetch, self._unpack, self._stage = _Milestone("fetched"), _Milestone("unpacked"), _Milestone("staged")
        self._resolved = False
        self._added: set[str] = set()
        self._conflicts: dict[tuple[str, str], int] = {}
        self._waits: dict[str, events.LockWaiting] = {}
        self._environment: list[Holder] = []
        self._steps: dict[tuple[str, str, float], int] = {}  # wait (wheel, path, since) -> steps that were told

    def lines_for(self, t: float, event: Event) -> list[str]:
        """The lines that `event` is worth, the fold having been fed with it before."""
        teller = _TELLERS.get(type(event))
        lines: list[str] = teller(self, t, event) if teller else []
        return lines

    def waits(self, snapshot: Snapshot) -> list[str]:
        """A line for each wait that has passed another step since the last call."""
        if not self._milestones or snapshot.finished:
            return []
        due = []
        environment = snapshot.environment
        if environment and environment.state == "waiting":
            waited = snapshot.t - environment.since
            if self._passed_step(("", environment.path, environment.since), waited):
                holders = self._holders(environment.holders)
                due.append(f"waiting for the environment's lock{holders}, for {age(waited)}")
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
        """What has been held back and would be lost with the end of the session."""
        return [*self._milestone_lines(True, True, True), *self._more_conflicts()]

    # -- words

    def _label(self, key: str) -> str:
        return printable(self._fold.label(key))

    def _lock(self, path: str, mode: str) -> str:
        return f"{path_name(path, self._fold.session)} ({printable(mode)})"

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

    def _totals(self) -> Totals:
        return self._fold.totals

    def _milestone_lines(self, fetch: bool, unpack: bool, stage: bool) -> list[str]:
        if not self._milestones:
            return []
        lines = self._fetch.tell("bytes") if fetch else []
        lines += self._unpack.tell("bytes") if unpack else []
        return lines + (self._stage.tell("files") if stage else [])

    def _complete(self) -> list[str]:
        """The milestones that are reached; before the resolution nobody knows how many wheels there are."""
        if not self._milestones or not self._resolved:
            return []
        totals = self._totals()
        return self._milestone_lines(
            totals.fetched >= totals.resolved, totals.unpacked >= totals.resolved, totals.staged >= totals.resolved
        )

    def _more_conflicts(self) -> list[str]:
        lines = [
            f"conflict: and {count(number - CONFLICTS_EACH, 'more file', 'more files')} of "
            f"{_owner(first)} replaced by {_owner(last)}"
            for (first, last), number in self._conflicts.items()
            if number > CONFLICTS_EACH
        ]
        self._conflicts.clear()
        return lines

    # -- events

    def _session_started(self, _t: float, event: events.SessionStarted) -> list[str]:
        return [f"instui {printable(event.version)}, environment {printable(event.top)}"] if self._verbose else []

    def _caption(self, _t: float, event: events.Caption) -> list[str]:
        return [] if self._quiet else [f"» {printable(event.text)}"]

    def _resolve_finished(self, _t: float, event: events.ResolveFinished) -> list[str]:
        self._resolved = True
        if not self._milestones:
            return []
        if not event.wheels:
            return []  # the summary says it
        satisfied = f" ({event.satisfied} already installed)" if event.satisfied else ""
        return [f"resolved {count(event.wheels, 'wheel')}{satisfied}"]

    def _wheel_added(self, _t: float, event: events.WheelAdded) -> list[str]:
        self._added.add(event.wheel)
        return []

    def _fetch_started(self, t: float, _event: events.FetchStarted) -> list[str]:
        self._fetch.begin(t)
        return []

    def _fetch_retried(self, _t: float, event: events.FetchRetried) -> list[str]:
        text = f"retry {event.attempt} for {self._label(event.wheel)}: {printable(event.reason)}"
        return [text] if self._verbose else []

    def _fetch_finished(self, t: float, event: events.FetchFinished) -> list[str]:
        self._fetch.add(t, event.size)
        return self._complete()

    def _unpack_started(self, t: float, _event: events.UnpackStarted) -> list[str]:
        self._unpack.begin(t)
        return []

    def _unpack_finished(self, t: float, event: events.UnpackFinished) -> list[str]:
        self._unpack.add(t, event.size)
        return self._complete()

    def _plan_collision(self, _t: float, event: events.PlanCollision) -> list[str]:
        wheels = ", ".join(self._label(wheel) for wheel in event.wheels)
        return [f"{wheels} take turns at {path_name(event.path, self._fold.session)}"] if self._verbose else []

    def _plan_conflict(self, _t: float, event: events.PlanConflict) -> list[str]:
        number = self._conflicts[event.first, event.last] = self._conflicts.get((event.first, event.last), 0) + 1
        if number > CONFLICTS_EACH:
            return []
        path = path_name(event.path, self._fold.session)
        return [f"conflict: {path} of {_owner(event.first)} is replaced by {_owner(event.last)}"]

    def _plan_finished(self, _t: float, _event: events.PlanFinished) -> list[str]:
        return [*self._more_conflicts(), *self._milestone_lines(True, True, False)]

    def _stage_started(self, t: float, event: events.StageStarted) -> list[str]:
        self._stage.begin(t)
        self._stage.amount += event.files
        return []

    def _stage_finished(self, t: float, _event: events.StageFinished) -> list[str]:
        self._stage.add(t, 0)
        return self._complete()

    def _environment_waiting(self, _t: float, event: events.EnvironmentWaiting) -> list[str]:
        self._environment = event.holders
        return []

    def _environment_granted(self, _t: float, event: events.EnvironmentGranted) -> list[str]:
        if event.waited < WAIT_STEPS[0] or self._quiet:
            return []
        return [f"waited {seconds(event.waited)} for the environment's lock{self._holders(self._environment)}"]

    def _lock_waiting(self, _t: float, event: events.LockWaiting) -> list[str]:
        self._waits[event.wheel] = event
        return []

    def _lock_granted(self, _t: float, event: events.LockGranted) -> list[str]:
        wait = self._waits.pop(event.wheel, None)
        if event.waited < WAIT_STEPS[0] or self._quiet:
            return []
        what = f"{self._lock(wait.path, wait.mode)}{self._holders(wait.holders, 'at first ')}" if wait else "its locks"
        return [f"{self._label(event.wheel)} waited {seconds(event.waited)} for {what}"]

    def _commit_started(self, _t: float, _event: events.CommitStarted) -> list[str]:
        return self._milestone_lines(True, True, True)

    def _distribution_removed(self, _t: float, event: events.DistributionRemoved) -> list[str]:
        few = event.wheel not in self._added and self._totals().removing <= FEW_WHEELS
        if self._quiet or not (few or self._verbose):
            return []
        return [f"removed {printable(event.wheel)} {printable(event.version)}, {count(event.files, 'file')}"]

    def _commit_finished(self, _t: float, event: events.CommitFinished) -> list[str]:
        few = self._milestones and self._totals().resolved <= FEW_WHEELS
        told = event.wheel in self._added and (self._verbose or few)
        return [f"installed {self._label(event.wheel)}"] if told else []

    def _recovery_started(self, _t: float, event: events.RecoveryStarted) -> list[str]:
        label = printable(f"{event.wheel} {event.version}".rstrip())
        return [f"recovering {label}, which a session that was killed had in hand"] if self._milestones else []

    def _recovery_finished(self, _t: float, event: events.RecoveryFinished) -> list[str]:
        return recovery_told(event.wheel, event.version, event.outcome, event.left, self._fold.session)

    def _wheel_failed(self, _t: float, event: events.WheelFailed) -> list[str]:
        return [f"failed: {self._label(event.wheel)}: {printable(event.error)}"]

    def _warned(self, _t: float, event: events.Warned) -> list[str]:
        wheel = f"{self._label(event.wheel)}: " if event.wheel else ""
        return [f"warning: {wheel}{printable(event.text)}"]


def _owner(owner: str) -> str:
    return printable(owner) or "no distribution"


_TELLERS: dict[type[Any], Any] = {
    cls: getattr(Narrator, "_" + kind.replace(".", "_"))
    for kind, cls in events.KINDS.items()
    if hasattr(Narrator, "_" + kind.replace(".", "_"))
}
