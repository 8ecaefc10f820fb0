"""The commit of one distribution under its claims: what is there is checked, steps are taken, and all is reported."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from instui_engine.errors import ConflictError, printable, reason
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.fs.files import same_file
from instui_engine.journal.events import (
    CommitFinished,
    CommitProgress,
    CommitStarted,
    DistributionRemoved,
    Event,
    Warned,
)
from instui_engine.plan.conflicts import Overlaps, find
from instui_engine.plan.newcomers import is_newcomer, replaced
from instui_engine.plan.plan import Plan, RemovalPlan, WheelPlan, removed_files
from instui_engine.plan.planner import plan_wheel
from instui_engine.plan.removal import empties_more, plan_removal
from instui_engine.session.context import Context, Throttle
from instui_engine.session.session import Session
from instui_engine.target.bytecode import is_generated
from instui_engine.target.environment import Environment
from instui_engine.target.file_owners import FileOwners
from instui_engine.target.installed import Distribution, Installed, scan
from instui_engine.target.owners import OwnerIndex, Undisturbed

from .backups import Backups
from .ordering import Ordering
from .over import Over
from .preparation import Prepared, StalePlan, prepare
from .settlement import put_back
from .steps import Steps
from .transaction import Step, UndoError, run
from .whole import give_back, kept_beside
from .writeahead import Written, decide, write


class Executor:
    """Carries out the plans of one session; what is true for all of them is kept here. Thread-safe."""

    def __init__(
        self,
        context: Context,
        environment: Environment,
        session: Session,
        overlaps: Overlaps,
        installed: Installed,
        undisturbed: Undisturbed,
        files: FileOwners | None,
    ) -> None:
        """`installed` is what the environment listed when the plans were made. The last two: see `OwnerIndex`."""
        self._context = context
        self._environment = environment
        self._session = session
        self._replaced_owners: dict[int, Mapping[str, str]] = dict(overlaps.replaced_owners)
        self._index = OwnerIndex(environment, installed, undisturbed, files)
        self._backups = Backups(environment, undisturbed)
        # order -> mark in the index, and how many of `installed` were done, for wheels that were planned again
        self._marks: dict[int, tuple[int, int]] = {}
        self._again: set[int] = set()  # orders of those to be planned again, as a wheel before them was cancelled
        self.gone: set[str] = set()  # names of those to be removed that somebody else has removed
        self.installed: list[str] = []
        self.over = Over()

    def left_out(self, plan: Plan, plans: Sequence[Plan]) -> None:
        """Note that a wheel was cancelled: the plans of those after it that meet it somewhere counted on its commit."""
        exclusive, shared = set(plan.claims.exclusive), set(plan.claims.shared)
        for other in plans[plan.order + 1 :]:
            claims = other.claims
            if not exclusive.isdisjoint((*claims.exclusive, *claims.shared)) or not shared.isdisjoint(claims.exclusive):
                self._again.add(other.order)

    def tree(self) -> AbstractContextManager[DirfdTree]:
        """The environment's directories, open for a commit or a group of them."""
        return DirfdTree(self._environment.top, self._context.options.fsync, self._environment.volumes.links)

    def ready(self, plan: Plan, tree: DirfdTree) -> Prepared | None:
        """What is to be done, for the environment as it is now; None if somebody else has done it.

        The caller holds the claims of `plan`. Raises StalePlan, and whatever says that it cannot be done.
        """
        if plan.order in self._again:
            self._again.discard(plan.order)
            self._replaced_owners.pop(plan.order, None)
            raise StalePlan
        present = self._index.find(plan.name)
        if present is None and isinstance(plan, RemovalPlan):
            self.gone.add(plan.name)
            self._context.emit(Warned(plan.name, "was removed by somebody else just now"))
            return None
        if present != plan.replaces or self._is_outdated(plan):
            raise StalePlan
        return self._prepare(plan, tree)

    def write(self, plans: Sequence[Plan], ready: Sequence[Prepared], tree: DirfdTree) -> list[Written]:
        """Write one record of all of them. Raises OSError, with nothing changed."""
        transactions = [prepared.transaction for prepared in ready]

        def put() -> Path:
            return write(self._environment.top, tree, transactions, self._context.options.fsync)

        record = self._session.with_room(put) if isinstance(plans[0], RemovalPlan) else put()
        orders = tuple(transaction.order for transaction in transactions)
        return [Written(record, transaction, orders) for transaction in transactions]

    def carry_out(
        self,
        plan: Plan,
        prepared: Prepared,
        written: Written,
        tree: DirfdTree,
        measured: Steps,
        worker: int,
        *begun: Event,
    ) -> Ordering:
        """Take all steps, by that worker; return what syncs them before the record goes.

        The journal gets `begun` first.

        If that fails, all is undone and the record is gone, that of a group as well: nothing else of it may be in hand.
        """
        context, steps = self._context, prepared.transaction.steps
        context.emit(*begun, CommitStarted(plan.name, len(steps), worker))
        throttle = Throttle(lambda done: context.emit(CommitProgress(plan.name, done, len(steps))))
        ordering = Ordering(self._environment, prepared.transaction, context.options.fsync, measured)

        def before(step: Step) -> None:
            throttle.add(1)
            if context.control.aborted:
                context.control.check()
            if context.slow_motion.factor:
                context.slow_motion.step(lambda: context.control.aborted, weight=_weight(self._environment.top, step))
            ordering.before(step)

        def back() -> None:
            nonlocal written
            written = decide(written, "undo", is_last=True)

        taking_out = put_back(context, self._environment, tree, prepared.transaction)
        try:
            with measured.measure("rename"), self._index.changing(plan.name):
                run(tree, prepared.transaction, before, back, taking_out)
                self._backups.committed(steps)
                self._index.committed(plan.name, plan.info)
        except UndoError:
            raise  # the record stays for recovery
        except BaseException:
            with suppress(OSError):  # it is tried again later; what stopped the wheel is what counts
                self.over.remove(written.record, [plan.claims])
            raise
        self.installed.append(plan.name)
        try:
            listed = {directory.path: directory.files for directory in plan.whole}
            for path in give_back(self._environment, tree, prepared.transaction, listed, prepared.seen):
                context.emit(Warned(plan.name, kept_beside(path)))
        except OSError as error:
            raise UndoError(
                f"{printable(plan.owner)} is done, but what somebody has just put into a directory of the old version "
                f"cannot be put back ({reason(error)}); the next command does that"
            ) from error
        return ordering

    def events(self, plan: Plan, prepared: Prepared) -> list[Event]:
        """What the journal says of a commit that is done."""
        told: list[Event] = [*prepared.overwrites, *prepared.restored]
        if plan.replaces is not None:
            told.append(DistributionRemoved(plan.name, plan.replaces.version, plan.old_files))
        if isinstance(plan, WheelPlan):
            told.append(CommitFinished(plan.name, plan.files))
        return told

    def plan_again(self, old: Plan) -> Plan:
        """Plan a wheel for the environment as it is now. Raises InstuiError."""
        mark = self._index.mark(), len(self.installed)
        installed = scan(self._environment)
        plan = self._planned_again(old, installed)
        overlaps = find(self._environment, installed, [plan] if isinstance(plan, WheelPlan) else [])
        self._replaced_owners[plan.order] = {
            **overlaps.replaced_owners.get(plan.order, {}),
            **self._replaced_owners.get(plan.order, {}),
        }
        self._context.emit(plan.event())
        if isinstance(plan, WheelPlan) and plan.replaces and is_newcomer(old.replaces, plan.replaces, plan.wheel):
            self._context.emit(Warned(plan.name, replaced(plan.replaces, plan.version)))
        self._marks[plan.order] = mark
        return plan

    def _planned_again(self, old: Plan, installed: Installed) -> Plan:
        if isinstance(old, WheelPlan):
            return plan_wheel(self._environment, installed, old.wheel, old.entry, old.order)
        if old.name not in installed:
            return old  # removed by somebody else; that is certain only under its claims
        return plan_removal(self._environment, installed, installed[old.name], old.order)

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
        mark, _ = self._marks.get(plan.order, (0, 0))
        newcomers = self._index.newcomers(mark)
        return [other for other in newcomers if other != plan.replaces]

    def _own_newcomers(self, plan: Plan) -> list[Distribution]:
        """What this session itself has installed since the wheel was planned again; the first plans know each other."""
        if plan.order not in self._marks:
            return []
        _, done = self._marks[plan.order]
        return [own for own in map(self._index.own, self.installed[done:]) if own is not None]

    def _meet_newcomers(self, plan: Plan, steps: Sequence[Step]) -> bool:
        """Find the owners of files that others have installed since the plan; return whether there are any."""
        known = self._replaced_owners.get(plan.order, {})
        replacing = [step for step in steps if step.action == "replace" and not is_generated(step.path)]
        unknown = {step.path: step for step in replacing if step.path not in known}
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
        """Whether others, or other wheels since it was planned again, have made the plan's removals wrong.

        They may have installed a file that the plan removes, given up a file that the plan leaves to them, or removed
        the last other file of a directory.
        """
        if not plan.stale and not plan.whole and not plan.shared_files:
            return False
        newcomers = [*self._newcomers(plan), *self._own_newcomers(plan)]
        if newcomers or plan.shared_files:
            self._index.look()
        if any(self._index.lists(other, path) for other in newcomers for path in removed_files(plan)):
            return True
        if not all(self._index.is_owned(path, plan.name) for path in plan.shared_files):
            return True
        return empties_more(self._environment, plan)


def _weight(top: Path, step: Step) -> float:
    """The weight of a step under `--slow`: a directory pauses as long as all its files would."""
    if step.action == "place" and os.path.isdir(top / step.staged):
        return 8.0 + 4 * len(os.listdir(top / step.staged))
    return 8.0
