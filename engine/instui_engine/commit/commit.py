"""The commit phase: each staged wheel is renamed into place by a transaction of its own, under its claims.

The lock table grants claims in plan order; a wheel holds nothing while it waits for them. Workers take the granted
wheels, the first in plan order first, lock the same claims against other processes, in sorted order, and keep all of
the locks until the commit is complete.
"""

import heapq
import os
import resource
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from instui_engine.errors import (
    ENVIRONMENT,
    FULL,
    ConflictError,
    InstuiError,
    Interrupted,
    LockTimeoutError,
    printable,
    reason,
    remedy,
)
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.fs.files import same_file
from instui_engine.journal.events import (
    CommitFinished,
    CommitProgress,
    CommitStarted,
    DistributionRemoved,
    Holder,
    LockGranted,
    LockReleased,
    LockRequested,
    LockWaiting,
    Warned,
    WheelFailed,
)
from instui_engine.locks import layout
from instui_engine.locks.backend import claim_locks, without_volumes
from instui_engine.locks.claims import MOST, Mode
from instui_engine.locks.environment import EnvironmentLock
from instui_engine.locks.lock_files import ClaimFiles
from instui_engine.locks.table import LockTable
from instui_engine.plan.conflicts import Overlaps, find
from instui_engine.plan.plan import Plan, RemovalPlan, WheelPlan
from instui_engine.plan.planner import plan_wheel
from instui_engine.plan.removal import empties_more, plan_removal
from instui_engine.session.context import Context, Throttle
from instui_engine.session.session import Session
from instui_engine.session.workers import run_workers
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Distribution, Installed, scan
from instui_engine.target.owners import OwnerIndex

from .alone import Alone
from .backups import Backups
from .ordering import Ordering
from .preparation import Prepared, prepare
from .recovery import Unsettled, check_settled, on_older, put_back, settle
from .transaction import Step, UndoError, run
from .writeahead import RECORDS, decide
from .writeahead import remove as remove_record
from .writeahead import write as write_record

_USUAL_LIMIT = 1024  # open files of a process
_OTHER_FILES = 64  # that a session has open besides its claims


class StalePlan(Exception):
    """The environment, checked under the wheel's claims, is no longer as it was when the wheel was planned."""


class Commit:
    """The commit phase of one session."""

    def __init__(
        self,
        context: Context,
        environment: Environment,
        session: Session,
        plans: Sequence[Plan],
        overlaps: Overlaps,
        installed: Installed,
    ) -> None:
        """`installed` is what the environment listed when `plans` were made."""
        self._context = context
        self._environment = environment
        self._session = session
        self._plans = list(plans)
        self._replaced_owners: dict[int, Mapping[str, str]] = dict(overlaps.replaced_owners)
        self._table = LockTable()
        self._change = threading.Condition()
        self._granted: list[int] = []  # heap of plan orders
        self._left = len(plans)  # neither committed nor failed
        self._asked: dict[int, float] = {}  # order -> monotonic time at which it began to wait
        self._files = claim_locks(context, environment)
        # then locks on other journals prove nothing, and every check lists the environment again
        # sessions of other machines, or of another environment with the same volume, are not seen by their journals
        self._has_unseen_others = not isinstance(self._files, ClaimFiles)
        (environment.top / RECORDS).mkdir(parents=True, exist_ok=True)
        self._lock = EnvironmentLock(environment.lock_path, context)
        self._index = OwnerIndex(environment, installed, self._undisturbed)
        self._backups = Backups(environment, self._undisturbed)
        self._marks: dict[int, int] = {}  # order -> mark in the index, for wheels that were planned again
        self._alone = Alone(session.journal)
        self._settled = 0  # transactions of dead sessions that this one has settled in between
        self._gone: set[str] = set()  # names of those to be removed that somebody else has removed
        self.installed: list[str] = []

    def run(self) -> None:
        """Commit all wheels. Raises the first failure; `installed` names those that are complete."""
        if not self._plans:
            return
        layout.enter(
            self._environment.private,
            lambda number: without_volumes(self._files),
            on_older(self._context),
            self._context.stopping,
        )
        self._request_all()
        workers = min(self._context.options.jobs, len(self._plans), _most_workers())
        try:
            run_workers(self._context, [self._work] * workers)
        except Interrupted as error:
            if len(self.installed) + len(self._gone) < len(self._plans):
                raise self._say_what_is_left(error) from None
        finally:
            self._lock.close()
            problem = self._sync()
        if problem:
            raise InstuiError(problem)

    def _sync(self) -> str:
        """Sync what is in place; return the error line if that fails, else ""."""
        if not self.installed:
            return ""
        try:
            self._context.sync("environment", self._environment.top, *self._session.stages())
        except OSError as error:
            word = "installed" if isinstance(self._plans[0], WheelPlan) else "removed"
            return (
                f"{len(self.installed)} of {len(self._plans)} distributions are {word}, but the system cannot say that "
                f"this is on the disk ({reason(error)}); check the disk, then `instui doctor`"
            )
        return ""

    def _say_what_is_left(self, error: Interrupted) -> Interrupted:
        done = set(self.installed)
        left = [plan.name for plan in self._plans if plan.name not in done | self._gone]
        word = "installed" if isinstance(self._plans[0], WheelPlan) else "removed"
        return Interrupted(
            f"interrupted: {len(done)} of {len(self._plans)} distributions are {word}, each whole; "
            f"not {word}: {_some(left)}; run the same command again to go on",
            self._context.control.exit_code or error.exit_code,
        )

    def _request_all(self) -> None:
        for plan in self._plans:
            if self._table.request(plan.order, plan.claims):
                heapq.heappush(self._granted, plan.order)
            else:
                self._tell_waiting(plan)

    def _tell_waiting(self, plan: Plan) -> None:
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

    def _next(self) -> Plan | None:
        """Wait for the next wheel whose claims are granted; None when all is done or the session stops."""
        with self._change:
            while not self._context.stopping() and self._left:
                if self._context.control.paused:
                    self._lock.let_go()
                elif self._granted:
                    return self._plans[heapq.heappop(self._granted)]
                if not self._change.wait(0.1):
                    continue
        return None

    def _commit(self, plan: Plan) -> None:
        context = self._context
        asked = self._asked.pop(plan.order, None)
        begun = time.monotonic() if asked is None else asked
        has_waited = asked is not None

        def on_wait(path: str, mode: Mode, holders: list[Holder]) -> None:
            nonlocal has_waited
            has_waited = True
            context.emit(LockWaiting(plan.name, path, mode, holders))

        while True:
            held = self._files.acquire(plan.claims, on_wait, context.stopping)
            try:
                layout.check(self._environment.private, under_claims=True)
                check_settled(self._environment, plan.claims, self._session.identity)
                break
            except Unsettled as inherited:
                self._files.release(held)  # `settle` takes the record's claims, so all are taken again, in order
                settle(context, self._environment, self._files, inherited.record)
                self._settled += 1
            except BaseException:
                self._files.release(held)
                raise
        try:
            granted = time.monotonic()
            context.emit(LockGranted(plan.name, round(granted - begun, 6) if has_waited else 0.0))
            try:
                self._transact(plan)
            finally:
                # written before the release, so that no two journals ever show two holders at once
                context.emit(LockReleased(plan.name, round(time.monotonic() - granted, 6)))
        finally:
            self._files.release(held)

    def _transact(self, plan: Plan) -> None:
        context, top = self._context, self._environment.top
        present = self._index.find(plan.name)
        if present is None and isinstance(plan, RemovalPlan):
            self._gone.add(plan.name)
            context.emit(Warned(plan.name, "was removed by somebody else just now"))
            return
        if present != plan.replaces or self._is_outdated(plan):
            raise StalePlan
        with DirfdTree(top, context.options.fsync, self._environment.volumes.links) as tree:
            transaction, overwrites, restored = self._prepare(plan, tree)
            steps = transaction.steps
            throttle = Throttle(lambda done: context.emit(CommitProgress(plan.name, done, len(steps))))

            def before(step: Step) -> None:
                throttle.add(1)
                if context.control.aborted:
                    context.control.check()
                if context.slow_motion.factor:
                    context.slow_motion.step(lambda: context.control.aborted, weight=_weight(top, step))
                ordering.before(step)

            def write() -> Path:
                return write_record(top, tree, transaction, context.options.fsync)

            record = self._session.with_room(write) if isinstance(plan, RemovalPlan) else write()
            ordering = Ordering(self._environment, transaction, context.options.fsync)

            def back() -> None:
                nonlocal record
                record = decide(record, "undo")

            context.emit(CommitStarted(plan.name, len(steps)))
            try:
                with self._index.changing():
                    run(tree, transaction, before, back, put_back(context, self._environment, tree, transaction))
                    self._backups.committed(steps)
                    self._index.committed(plan.name, plan.info)
            except UndoError:
                raise  # the record stays for recovery
            except BaseException:
                remove_record(record)
                raise
            self.installed.append(plan.name)
            with suppress(OSError):  # all steps are taken, so recovery would have nothing to do
                ordering.finish()
                remove_record(record)
        for overwrite in overwrites:
            context.emit(overwrite)
        for one in restored:
            context.emit(one)
        if plan.replaces is not None:
            context.emit(DistributionRemoved(plan.name, plan.replaces.version, plan.old_files))
        if isinstance(plan, WheelPlan):
            context.emit(CommitFinished(plan.name, plan.files))

    def _prepare(self, plan: Plan, tree: DirfdTree) -> Prepared:
        """The transaction for the environment as it is now, with the owners of all files that it replaces."""
        session = self._session.identity
        known = self._replaced_owners.get(plan.order, {})
        prepared = prepare(self._environment, tree, plan, session, known, self._index, self._backups)
        if self._meet_newcomers(plan, prepared.transaction.steps):
            known = self._replaced_owners[plan.order]
            prepared = prepare(self._environment, tree, plan, session, known, self._index, self._backups)
        return prepared

    def _newcomers(self, plan: Plan) -> list[Distribution]:
        """The distributions that others have installed since the wheel was planned."""
        newcomers = self._index.newcomers(self._marks.get(plan.order, 0))
        return [other for other in newcomers if other != plan.replaces]

    def _undisturbed(self) -> object:
        """A token that holds while no other session, uv or recovery can have changed the environment; else None."""
        alone = None if self._has_unseen_others else self._alone()
        return None if alone is None else (alone, self._lock.taken, self._settled)

    def _meet_newcomers(self, plan: Plan, steps: Sequence[Step]) -> bool:
        """Find the owners of files that others have installed since the plan; return whether there are any."""
        known = self._replaced_owners.get(plan.order, {})
        unknown = {step.path: step for step in steps if step.action == "replace" and step.path not in known}
        if not unknown or not isinstance(plan, WheelPlan):
            return False
        found: dict[str, str] = {}
        newcomers = self._newcomers(plan)
        if newcomers:
            self._index.look()
        for other in newcomers:
            for path in (path for path in unknown if self._index.lists(other, path)):
                found[path] = other.owner
                same = same_file(f"{self._environment.top}/{path}", f"{self._environment.top}/{unknown[path].staged}")
                if self._context.options.fail_on_conflict and not same:
                    raise ConflictError(
                        f"{printable(path)} of {printable(other.owner)}, installed by somebody else just now, would be "
                        f"replaced by {printable(plan.owner)}; it was not, because of --fail-on-conflict",
                        path=path,
                        first=other.owner,
                        last=plan.owner,
                    )
        self._replaced_owners[plan.order] = {**found, **known}
        return bool(found)

    def _is_outdated(self, plan: Plan) -> bool:
        """Whether others have changed the environment such that the plan's removals are no longer right.

        They may have installed a file that the plan removes, given up a file that the plan leaves to them, or removed
        the last other file of a directory.
        """
        if not plan.stale and not plan.shared_files:
            return False
        newcomers = self._newcomers(plan)
        if newcomers or plan.shared_files:
            self._index.look()
        if any(self._index.lists(other, path) for other in newcomers for path in plan.stale):
            return True
        if not all(self._index.is_owned(path, plan.name) for path in plan.shared_files):
            return True
        return empties_more(self._environment, plan)

    def _replan(self, old: Plan) -> None:
        """Plan a wheel again after the environment changed under it, and ask for its new claims."""
        mark = self._index.mark()
        installed = scan(self._environment)
        try:
            plan = self._planned_again(old, installed)
            overlaps = find(self._environment, installed, [plan] if isinstance(plan, WheelPlan) else [])
        except InstuiError as error:
            self._context.fail(self._explain(old, error))
            return
        self._replaced_owners[plan.order] = {
            **overlaps.replaced_owners.get(plan.order, {}),
            **self._replaced_owners.get(plan.order, {}),
        }
        self._context.emit(plan.event())
        self._marks[plan.order] = mark
        with self._change:
            self._plans[plan.order] = plan
            for order in self._table.exchange(plan.order, plan.claims):
                heapq.heappush(self._granted, order)
            if not self._table.holds(plan.order):
                self._tell_waiting(plan)

    def _planned_again(self, old: Plan, installed: Installed) -> Plan:
        if isinstance(old, WheelPlan):
            return plan_wheel(self._environment, installed, old.wheel, old.entry, old.order)
        if old.name not in installed:
            return old  # removed by somebody else; that is certain only under its claims
        return plan_removal(self._environment, installed, installed[old.name], old.order)

    def _explain(self, plan: Plan, error: BaseException) -> BaseException:
        """Write the wheel's failure to the journal; return the error as the user sees it."""
        if isinstance(error, OSError):
            verb = "install" if isinstance(plan, WheelPlan) else "uninstall"
            problem = f"cannot {verb} {printable(plan.owner)} ({reason(error, self._environment.top)})"
            what_helps = remedy(error, ENVIRONMENT)
            if error.errno in FULL and isinstance(plan, RemovalPlan):
                what_helps = "a removal needs a few kB there, too: remove a `__pycache__` directory, and run again"
            error = InstuiError(f"{problem}; what was begun is undone; {what_helps}")
        if isinstance(error, InstuiError) and not isinstance(error, Interrupted | LockTimeoutError):
            self._context.emit(WheelFailed(plan.name, str(error)))
        return error


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _most_workers() -> int:
    """How many wheels may commit in parallel, at least one: each of them has lock files open."""
    try:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    except OSError:  # seccomp may refuse it
        limit = _USUAL_LIMIT
    return 256 if limit == resource.RLIM_INFINITY else max(1, (limit - _OTHER_FILES) // MOST)


def _weight(top: Path, step: Step) -> float:
    """The weight of a step under `--slow`: a directory pauses as long as all its files would."""
    if step.action == "place" and os.path.isdir(top / step.staged):
        return 8.0 + 4 * len(os.listdir(top / step.staged))
    return 8.0
