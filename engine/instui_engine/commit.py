"""Putting all staged wheels into place: claims granted in plan order, taken across processes, then a transaction each.

Workers take granted wheels, the first in plan order first. A wheel holds nothing while it waits for its claims in this
process; then it takes the same claims as lock files, in sorted order, and keeps all until its commit is complete.
"""

import heapq
import os
import threading
import time
from collections.abc import Mapping, Sequence

from .claimfiles import ClaimFiles
from .claims import Mode
from .conflicts import Meetings, find, same_file
from .context import Context, Throttle
from .environment import Environment
from .environmentlock import EnvironmentLock
from .errors import InstuiError, Interrupted, LockTimeoutError, printable, reason
from .events import (
    CommitFinished,
    CommitProgress,
    CommitStarted,
    DistributionRemoved,
    Holder,
    LockGranted,
    LockReleased,
    LockRequested,
    LockWaiting,
    Overwrite,
    WheelFailed,
)
from .installed import Installed, recorded_files, scan
from .installed import find as find_installed
from .locktable import LockTable
from .plan import WheelPlan, make_wheel
from .session import Session
from .transaction import Step, Transaction, prepare
from .workers import run_workers


class StalePlan(Exception):
    """Under its claims a wheel found another installed version than its plan knew."""


class Commit:
    """The commit phase of one session."""

    def __init__(
        self,
        context: Context,
        environment: Environment,
        session: Session,
        plans: Sequence[WheelPlan],
        meetings: Meetings,
        installed: Installed,
    ) -> None:
        """`installed`: what the environment listed when `plans` were made."""
        self._context = context
        self._environment = environment
        self._session = session
        self._plans = list(plans)
        self._previous: dict[int, Mapping[str, str]] = dict(meetings.previous)
        self._known = dict(installed)
        self._table = LockTable()
        self._change = threading.Condition()
        self._granted: list[int] = []  # heap of plan orders
        self._left = len(plans)  # neither committed nor failed
        self._asked: dict[int, float] = {}  # order -> monotonic time since when it has been waiting
        self._files = ClaimFiles(environment.private, environment.unlocked, context.options.lock_timeout)
        self._lock = EnvironmentLock(environment.lock_path, context)
        self.installed: list[str] = []

    def run(self) -> None:
        """Commit all wheels. Raises the first failure; `installed` names those that are complete."""
        if not self._plans:
            return
        self._request_all()
        workers = min(self._context.options.jobs, len(self._plans))
        try:
            run_workers(self._context, [self._work] * workers)
        finally:
            self._lock.close()

    def _request_all(self) -> None:
        for plan in self._plans:
            if self._table.request(plan.order, plan.claims):
                heapq.heappush(self._granted, plan.order)
            else:
                self._tell_waiting(plan)

    def _tell_waiting(self, plan: WheelPlan) -> None:
        blocker = self._table.blocker(plan.order)
        if blocker is None:
            return
        self._asked[plan.order] = time.monotonic()
        holders = [Holder(self._plans[order].name, self._session.identity, os.getpid()) for order in blocker.owners[:5]]
        self._context.emit(LockRequested(plan.name))
        self._context.emit(LockWaiting(plan.name, blocker.path, blocker.mode, holders))

    def _work(self) -> None:
        while (plan := self._next()) is not None:
            done = True
            try:
                with self._lock.shared():
                    self._commit(plan)
            except StalePlan:
                done = False
                self._replan(plan)
            except BaseException as error:
                self._context.fail(self._explain(plan, error))
            with self._change:
                if done:
                    self._left -= 1
                    for order in self._table.release(plan.order):
                        heapq.heappush(self._granted, order)
                self._change.notify_all()

    def _next(self) -> WheelPlan | None:
        """The next granted wheel; waits for one. None when there is nothing left to do or the session stops."""
        with self._change:
            while not self._context.stopping() and self._left:
                if self._context.control.paused:
                    self._lock.let_go()
                elif self._granted:
                    return self._plans[heapq.heappop(self._granted)]
                if not self._change.wait(0.1):
                    continue
        return None

    def _commit(self, plan: WheelPlan) -> None:
        context = self._context
        asked = self._asked.pop(plan.order, None)
        begun = time.monotonic() if asked is None else asked
        told = asked is not None

        def waiting(path: str, mode: Mode, holders: list[Holder]) -> None:
            nonlocal told
            told = True
            context.emit(LockWaiting(plan.name, path, mode, holders))

        held = self._files.acquire(plan.claims, waiting, context.stopping)
        granted = time.monotonic()
        context.emit(LockGranted(plan.name, round(granted - begun, 6) if told else 0.0))
        try:
            self._transact(plan)
        finally:
            # before it is so: no two journals ever show two holders at one time
            context.emit(LockReleased(plan.name, round(time.monotonic() - granted, 6)))
            self._files.release(held)

    def _transact(self, plan: WheelPlan) -> None:
        context = self._context
        if find_installed(self._environment, plan.name) != plan.replaces or self._is_inherited(plan):
            raise StalePlan
        stage = str(self._session.stage)
        steps = prepare(self._environment, plan, stage)
        context.emit(CommitStarted(plan.name, len(steps)))
        overwrites: list[Overwrite] = []
        previous = self._previous.get(plan.order, {})
        throttle = Throttle(lambda done: context.emit(CommitProgress(plan.name, done, len(steps))))

        def before(step: Step) -> None:
            if step.action == "replace" and (plan.replaces is None or step.path in previous):
                same = same_file(f"{self._environment.top}/{step.path}", step.staged)
                overwrites.append(Overwrite(plan.name, step.path, previous.get(step.path, ""), plan.owner, same))
            throttle.add(1)
            if context.control.aborted:
                context.control.check()
            if context.pace.factor:
                context.pace.step(lambda: context.control.aborted, weight=_weight(step))

        Transaction(self._environment, stage, plan.order).run(steps, before)
        self.installed.append(plan.name)
        for overwrite in overwrites:
            context.emit(overwrite)
        if plan.replaces is not None:
            context.emit(DistributionRemoved(plan.name, plan.replaces.version, len(plan.stale)))
        context.emit(CommitFinished(plan.name, plan.entry.manifest.files))

    def _is_inherited(self, plan: WheelPlan) -> bool:
        """Whether somebody else has installed, since the plan, a file that the wheel is about to remove."""
        if not plan.stale:
            return False
        stale, ours = frozenset(plan.stale), frozenset(self.installed)
        return any(
            not stale.isdisjoint(recorded_files(self._environment, other))
            for other in scan(self._environment).values()
            if other.name not in ours and other.name != plan.name and other != self._known.get(other.name)
        )

    def _replan(self, old: WheelPlan) -> None:
        """Plan a wheel again after the environment changed under it, and ask for its new claims."""
        installed: Installed = scan(self._environment)
        try:
            others = {
                path
                for plan in self._plans
                if plan.order != old.order
                for unit in plan.units
                for path, _ in unit.files()
            }
            plan = make_wheel(self._environment, installed, old.wheel, old.entry, old.order, others)
            meetings = find(self._environment, installed, [plan])
        except InstuiError as error:
            self._context.fail(self._explain(old, error))
            return
        self._previous[plan.order] = {**meetings.previous.get(plan.order, {}), **self._previous.get(plan.order, {})}
        self._context.emit(plan.event())
        with self._change:
            self._plans[plan.order] = plan
            for order in self._table.exchange(plan.order, plan.claims):
                heapq.heappush(self._granted, order)
            if not self._table.holds(plan.order):
                self._tell_waiting(plan)

    def _explain(self, plan: WheelPlan, error: BaseException) -> BaseException:
        """The error for the user, and in the journal the failure of the wheel."""
        if isinstance(error, OSError):
            error = InstuiError(f"cannot install {printable(plan.owner)}: {reason(error)}; what was begun is undone")
        if isinstance(error, InstuiError) and not isinstance(error, Interrupted | LockTimeoutError):
            self._context.emit(WheelFailed(plan.name, str(error)))
        return error


def _weight(step: Step) -> float:
    """How long a step lasts under `--slow`: a directory as long as its files would, so that there is time to look."""
    if step.action == "place" and os.path.isdir(step.staged):
        return 8.0 + 4 * len(os.listdir(step.staged))
    return 8.0
