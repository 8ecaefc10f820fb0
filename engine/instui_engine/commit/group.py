"""Groups: a session that is alone in its environment commits many wheels under one claim and one record.

While it is alone, the session holds the whole environment by the lock file of the top, and opens no other. The wheels
that the lock table grants at the same time exclude each other nowhere, so all of them are prepared before the first
rename. They are written down together, each in a section of its own, and then committed one by one in plan order, as
transactions like any other. Then come those that had to wait for them.

Nobody waits for more than the wheel in hand. Between two wheels the session looks whether somebody stands in the gate
of the top's lock file, whether another session has appeared, whether it is the turn of others at `.lock`, and whether
it is to pause or to stop; also whether somebody who takes no lock, pip for one, has changed what the next wheel was
prepared for. Each of these ends the group: what is finished stays, and what was not begun is committed later, one by
one under its own claims or in another group.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Literal, Protocol

from instui_engine.fs.dirfd import DirfdTree
from instui_engine.fs.paths import above
from instui_engine.journal.events import Event, GroupFinished, LockGranted, LockReleased
from instui_engine.locks import layout
from instui_engine.locks.environment import EnvironmentLock
from instui_engine.locks.lock_files import ClaimFiles
from instui_engine.plan.plan import Plan
from instui_engine.session.context import Context
from instui_engine.session.session import Session, stage_of
from instui_engine.target.environment import Environment
from instui_engine.values import NamedTuple

from .alone import Alone
from .executor import Executor
from .preparation import Prepared, StalePlan
from .schedule import Schedule
from .steps import Steps
from .transaction import UndoError, is_as_found
from .writeahead import Written, pending

_MOST = 128  # wheels in one group
_PREPARING = 0.1  # seconds after which no more wheels are added to a group
_LOOK = 0.002  # seconds from one look at who waits to the next one, while wheels are prepared
_AGAIN = 0.2  # seconds from the end of a group to the next one

GroupEnd = Literal["complete", "waiter", "session", "turn", "pause", "stop", "cancel", "change", "failure"]
"""See `GroupFinished`."""
EndNow = Callable[[], GroupEnd | None]
"""Says why no other wheel may begin now, None if one may."""


class Wheels(Protocol):
    """What becomes of wheels that cannot be committed as planned."""

    def replan(self, old: Plan) -> None:
        """Plan a wheel again."""

    def failed(self, plan: Plan, error: BaseException) -> None:
        """Stop the session because of a wheel."""


class _Member(NamedTuple):
    plan: Plan
    prepared: Prepared


class Groups:
    """The groups of one session."""

    def __init__(
        self,
        context: Context,
        environment: Environment,
        session: Session,
        lock: EnvironmentLock,
        schedule: Schedule,
        executor: Executor,
        wheels: Wheels,
    ) -> None:
        self._context = context
        self._environment = environment
        self._session = session
        self._lock = lock
        self._alone = Alone(session.journal)
        self._schedule = schedule
        self._executor = executor
        self._wheels = wheels
        self._is_off = False  # a group's record cannot be written here, or records of others are in the way
        self._next = 0.0  # monotonic time from which workers may look again whether there can be groups
        stage = stage_of("", session.identity)
        self._lasting = {*environment.neutral, stage, *above(stage)}  # directories that nobody moves
        self.whole = ""  # while the whole environment is held: a name for that time

    def may_begin(self) -> bool:
        """Whether there can be groups again, as far as can be told without a lock; for workers, who ask often."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + _AGAIN
        return self._is_wanted() and self._alone.at_present() is not None

    def _is_wanted(self) -> bool:
        is_watched = bool(self._context.slow_motion.factor)
        return not (self._is_off or is_watched or self._context.control.paused) and self._schedule.left > 1

    def run(self, files: ClaimFiles) -> None:
        """Commit wheels as long as the session is alone, and no longer than that. Raises LockTimeoutError, OSError."""
        alone = self._alone.at_present() if self._is_wanted() else None
        if alone is None:
            return
        try:
            with self._lock.shared():
                self._hold(files, alone)
        finally:
            self.whole = ""
            self._next = time.monotonic() + _AGAIN

    def _hold(self, files: ClaimFiles, alone: int) -> None:
        whole = files.try_whole()
        if whole is None:
            return
        try:
            layout.check(self._environment.private, under_claims=True)
            # those that are in the way of a wheel are settled under its claims; others may have to stay
            self._is_off = bool(pending(self._environment.top, but=self._session.identity))
            self.whole = f"whole {time.monotonic()}"

            def end() -> GroupEnd | None:
                if self._context.stopping():
                    return "stop"
                if self._context.control.paused:
                    return "pause"
                if files.is_awaited(whole):
                    return "waiter"
                if not self._alone.is_still(alone):
                    return "session"
                return "turn" if self._lock.is_due() else None

            with self._executor.tree() as tree:
                while not self._is_off and self._group(tree, end):
                    pass
        finally:
            files.release_whole(whole)

    def _group(self, tree: DirfdTree, end: EndNow) -> bool:
        """Commit one group; return whether there may be another one. `end` says why no other wheel may begin."""
        began = time.monotonic()
        steps = Steps()
        self._executor.over.try_again()
        with steps.measure("check"):
            members, failing = self._ready(tree, end)
        done = 0
        if members and not end():
            try:
                with steps.measure("record"):
                    written = self._executor.write([plan for plan, _ in members], [ready for _, ready in members], tree)
            except OSError:  # where there is no room for it, there may be for smaller ones
                self._is_off = True
            else:
                done, why = self._commit(members, written, tree, end, steps)
                if len(members) > 1:
                    seconds = round(time.monotonic() - began, 6)
                    event = GroupFinished(done, len(members) - done, why, seconds, steps["check"], steps["record"])
                    self._context.emit(event)
        self._schedule.put_back([plan for plan, _ in members[done:]])
        if failing is not None and done == len(members):
            self._wheels.failed(*failing)
        elif failing is not None:
            self._schedule.put_back([failing[0]])
        return done == len(members) and done > 0

    def _ready(self, tree: DirfdTree, end: EndNow) -> tuple[list[_Member], tuple[Plan, BaseException] | None]:
        """The wheels of the next group, and the first one that cannot be prepared: it fails after those before it."""
        until = time.monotonic() + _PREPARING
        plans = self._schedule.granted(_MOST)
        members: list[_Member] = []
        look = 0.0
        for number, plan in enumerate(plans):
            now = time.monotonic()
            if now > until or (now >= look and end()):
                self._schedule.put_back(plans[number:])
                break
            look = now + _LOOK if now >= look else look
            try:
                prepared = self._executor.ready(plan, tree)
            except StalePlan:
                self._wheels.replan(plan)
            except Exception as error:  # ctrl+c is none of a wheel's: nothing more is committed
                self._schedule.put_back(plans[number + 1 :])
                return members, (plan, error)
            else:
                if prepared is None:
                    self._schedule.over(plan)
                else:
                    members.append(_Member(plan, prepared))
        return members, None

    def _commit(
        self, members: Sequence[_Member], written: Sequence[Written], tree: DirfdTree, end: EndNow, steps: Steps
    ) -> tuple[int, GroupEnd]:
        """Commit the wheels of a group one by one; return how many are committed, and why it ended.

        `steps` are those of the group.
        """
        done = 0
        why: GroupEnd | None = None
        try:
            for member, section in zip(members, written, strict=True):
                why = end() if done else None
                if why is None:
                    tree.look_again(but=self._lasting)
                    why = None if is_as_found(tree, section.transaction) else "change"
                if why is None and not self._context.control.wheels.begin(member.plan.name):
                    why = "cancel"
                if why is not None:
                    break
                self._commit_one(member, section, tree, steps if len(members) == 1 else Steps())
                self._schedule.over(member.plan)
                done += 1
            try:
                with steps.measure("record"):
                    self._remove(written)
            except OSError:
                if done < len(members):  # otherwise all is finished, and recovery would have nothing to do
                    raise
        except BaseException as error:
            if not isinstance(error, UndoError):  # else it stays for recovery
                with suppress(OSError):
                    self._remove(written)
            self._wheels.failed(members[min(done, len(members) - 1)].plan, error)
            why = "failure"
        return done, why or "complete"

    def _remove(self, written: Sequence[Written]) -> None:
        """Remove the record of a group that is over. Raises OSError."""
        self._executor.over.remove(written[0].record, [section.transaction.claims for section in written])

    def _commit_one(self, member: _Member, section: Written, tree: DirfdTree, steps: Steps) -> None:
        plan, context = member.plan, self._context
        granted = time.monotonic()
        asked = self._schedule.asked(plan)
        waited = 0.0 if asked is None else round(granted - asked, 6)
        done: Sequence[Event] = ()
        try:
            begun = LockGranted(plan.name, waited, whole=True)
            self._executor.carry_out(plan, member.prepared, section, tree, steps, 1, begun)
            done = self._executor.events(plan, member.prepared)
        finally:
            context.emit(*done, released(plan.name, granted, steps))


def released(wheel: str, granted: float, steps: Steps) -> LockReleased:
    """The event of a wheel that releases now what it was granted at that monotonic time."""
    held = round(time.monotonic() - granted, 6)
    return LockReleased(wheel, held, steps["check"], steps["record"], steps["rename"], steps["sync"])
