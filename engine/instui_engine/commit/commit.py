"""The commit phase: each staged wheel is renamed into place by a transaction of its own, under its claims.

The session's lock table grants claims in plan order; a wheel holds nothing while it waits for them (`schedule`). A
session that is alone in its environment commits the granted wheels in groups (`group`). Otherwise workers take them,
the first in plan order first, lock the same claims against other processes, in sorted order, and keep all of the locks
until the commit is complete.
"""

import resource
import time
from collections.abc import Sequence
from contextlib import suppress

from instui_engine.errors import (
    ENVIRONMENT,
    FULL,
    InstuiError,
    Interrupted,
    LockTimeoutError,
    printable,
    reason,
    remedy,
)
from instui_engine.journal.events import Holder, LockGranted, LockWaiting
from instui_engine.locks import layout
from instui_engine.locks.backend import claim_locks
from instui_engine.locks.claims import MOST, Mode
from instui_engine.locks.environment import EnvironmentLock
from instui_engine.locks.lock_files import ClaimFiles
from instui_engine.plan.conflicts import Overlaps
from instui_engine.plan.plan import Plan, RemovalPlan, WheelPlan
from instui_engine.session.context import Context
from instui_engine.session.session import Session
from instui_engine.session.workers import Crew
from instui_engine.target.environment import Environment
from instui_engine.target.file_owners import FileOwners
from instui_engine.target.installed import Installed

from .alone import Alone
from .executor import Executor
from .group import Groups, released
from .preparation import StalePlan
from .recovery import Unsettled, check_settled, enter_layout, settle
from .schedule import Schedule
from .steps import Steps
from .writeahead import RECORDS

_USUAL_LIMIT = 1024  # open files of a process
_OTHER_FILES = 64  # that a session has open besides its claims


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
        files: FileOwners | None = None,
    ) -> None:
        """`installed` is what the environment listed when `plans` were made; `files`: see `OwnerIndex`."""
        self._context = context
        self._environment = environment
        self._session = session
        self._plans = plans
        self._schedule = Schedule(context, plans, session.identity)
        self._files = claim_locks(context, environment)
        (environment.top / RECORDS).mkdir(parents=True, exist_ok=True)
        self._lock = EnvironmentLock(environment.lock_path, context)
        self._alone = Alone(session.journal)
        self._schedule.on_cancelled = self._cancelled
        self._settled = 0  # transactions of dead sessions that this one has settled in between
        self._executor = Executor(context, environment, session, overlaps, installed, self._undisturbed, files)
        self._groups = Groups(context, environment, session, self._lock, self._schedule, self._executor, self)
        self._crew: Crew | None = None

    @property
    def installed(self) -> list[str]:
        """The names of those that are complete."""
        return self._executor.installed

    def run(self) -> None:
        """Commit all wheels. Raises the first failure; `installed` names those that are complete."""
        if not self._plans:
            return
        enter_layout(self._context, self._environment, self._files)
        self._schedule.request_all()
        control = self._context.control
        control.resize = self._resize
        try:
            while self._schedule.left and not self._context.stopping():
                if isinstance(self._files, ClaimFiles):
                    self._groups.run(self._files)
                if self._schedule.left and not self._context.stopping():
                    self._crew = Crew(self._context, self._work, min(len(self._plans), _most_workers()))
                    self._crew.run()
            self._context.check()
        except Interrupted as error:
            if self._left():
                raise self._say_what_is_left(error) from None
        finally:
            control.resize = None
            self._executor.over.finish(self._files)
            self._lock.close()
            problem = self._sync()
        if problem:
            raise InstuiError(problem)

    def _resize(self, number: int) -> str:
        """What a change to that number of workers does."""
        if self._crew is not None and (why := self._crew.fill()):
            return why
        if self._groups.whole:
            return "alone in the environment, it commits one wheel after the other; beside others, so many at a time"
        return "so many commit at a time, as soon as the others are done with what they have in hand"

    def _sync(self) -> str:
        """Sync what is in place; return the error line if that fails, else ""."""
        if not self.installed:
            return ""
        try:
            self._context.sync("environment", self._environment.top, *self._session.stages())
        except OSError as error:
            return (
                f"{len(self.installed)} of {len(self._plans)} distributions are {self._done_to}, but the system cannot "
                f"say that this is on the disk ({reason(error)}); check the disk, then `instui doctor`"
            )
        return ""

    @property
    def _done_to(self) -> str:
        """What is done to the distributions, in words."""
        words = ("removed" if isinstance(plan, RemovalPlan) else "installed" for plan in self._plans)
        return " or ".join(dict.fromkeys(words))

    def _left(self) -> list[str]:
        """The names of those that are to be committed still; nothing of them was begun, or it was undone."""
        done = {*self.installed, *self._executor.gone, *self._context.control.wheels.names}
        return [plan.name for plan in self._plans if plan.name not in done]

    def _say_what_is_left(self, error: Interrupted) -> Interrupted:
        done, left, word = self.installed, self._left(), self._done_to
        return Interrupted(
            f"interrupted: {len(done)} of {len(self._plans)} distributions are {word}{', each whole' if done else ''}; "
            f"not {word}: {_some(left)}; run the same command again to go on",
            self._context.control.exit_code or error.exit_code,
        )

    def _work(self, worker: int) -> None:
        while (plan := self._next(worker)) is not None:
            try:
                with self._lock.shared():
                    self._commit(plan, worker)
            except StalePlan:
                self.replan(plan)
                continue
            except BaseException as error:
                if not isinstance(error, Interrupted) or plan.name not in self._context.control.wheels:
                    self.failed(plan, error)
            if plan.name in self._context.control.wheels:
                self._cancelled(plan)
            self._schedule.over(plan)

    def _cancelled(self, plan: Plan) -> None:
        self._executor.left_out(plan, self._schedule.plans)

    def _next(self, worker: int) -> Plan | None:
        crew = self._crew

        def look() -> bool:
            return (crew is not None and crew.is_dismissed(worker)) or self._groups.may_begin()

        return self._schedule.next(look, on_pause=self._lock.let_go)

    def _commit(self, plan: Plan, worker: int) -> None:
        context, steps = self._context, Steps()
        asked = self._schedule.asked(plan)
        begun = time.monotonic() if asked is None else asked
        has_waited = asked is not None

        def on_wait(path: str, mode: Mode, holders: list[Holder]) -> None:
            nonlocal has_waited
            has_waited = True
            context.emit(LockWaiting(plan.name, path, mode, holders))

        while True:
            held = self._files.acquire(plan.claims, on_wait, lambda: context.gives_up(plan.name))
            try:
                layout.check(self._environment.private, under_claims=True)
                check_settled(self._environment, plan.claims, self._session.identity)
                break
            except Unsettled as inherited:
                self._files.release(held)  # `settle` takes the record's claims, so all are taken again, in order
                settle(context, self._environment, self._files, inherited.written)
                self._settled += 1
            except BaseException:
                self._files.release(held)
                raise
        try:
            granted = time.monotonic()
            context.emit(LockGranted(plan.name, round(granted - begun, 6) if has_waited else 0.0))
            self._executor.over.try_again(plan.claims)
            try:
                self._transact(plan, steps, worker)
            finally:
                # written before the release, so that no two journals ever show two holders at once
                context.emit(released(plan.name, granted, steps))
        finally:
            self._files.release(held)

    def _transact(self, plan: Plan, steps: Steps, worker: int) -> None:
        with self._executor.tree() as tree:
            with steps.measure("check"):
                prepared = self._executor.ready(plan, tree)
            if prepared is None or not self._context.control.wheels.begin(plan.name):
                return
            with steps.measure("record"):
                (written,) = self._executor.write([plan], [prepared], tree)
            ordering = self._executor.carry_out(plan, prepared, written, tree, steps, worker)
            # all steps are taken, so recovery would have nothing to do
            with steps.measure("record"), suppress(OSError):
                ordering.finish()
                self._executor.over.remove(written.record, [plan.claims])
        self._context.emit(*self._executor.events(plan, prepared))

    def _undisturbed(self) -> object:
        """A token that holds while no other session, uv or recovery can have changed the environment; else None."""
        # sessions of other machines, or of another environment with the same volume, are not seen by their journals
        sees_all = isinstance(self._files, ClaimFiles)
        alone = self._groups.whole or (self._alone() if sees_all else None)
        return None if alone is None else (alone, self._lock.taken, self._settled)

    def replan(self, old: Plan) -> None:
        """Plan a wheel again after the environment changed under it, and ask for its new claims."""
        try:
            plan = self._executor.plan_again(old)
        except InstuiError as error:
            self.failed(old, error)
            self._schedule.over(old)
            return
        self._schedule.replace(plan)

    def failed(self, plan: Plan, error: BaseException) -> None:
        """Stop the session because of a wheel."""
        self._context.fail(self._explain(plan, error))

    def _explain(self, plan: Plan, error: BaseException) -> BaseException:
        """Write the wheel's failure to the journal; return the error as the user sees it."""
        if isinstance(error, OSError):
            verb = "install" if isinstance(plan, WheelPlan) else "uninstall"
            problem = f"cannot {verb} {printable(plan.owner)} ({reason(error, self._environment.top)})"
            what_helps = remedy(error, ENVIRONMENT)
            if error.errno in FULL and isinstance(plan, RemovalPlan):
                what_helps = "a removal needs a few kB there, too: remove a `__pycache__` directory, and run again"
            error = InstuiError(f"{problem}; what was begun is undone; {what_helps}")
        is_of_all = isinstance(error, LockTimeoutError) and error.path == str(self._environment.lock_path)
        if isinstance(error, InstuiError) and not is_of_all:
            self._context.wheel_failed(plan.name, error)
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
