"""The wheels of a session that are still to be committed, and which of them may be now, by the session's lock table."""

import heapq
import os
import threading
import time
from collections.abc import Callable, Sequence

from instui_engine.journal.events import Holder, LockRequested, LockWaiting
from instui_engine.locks.table import LockTable
from instui_engine.plan.plan import Plan
from instui_engine.session.context import Context

_LOOK = 0.1  # seconds between two looks at what may have come from outside


class Schedule:
    """Grants wheels in plan order. A wheel that was taken is then `over`, `put_back` or `replace`d. Thread-safe."""

    def __init__(self, context: Context, plans: Sequence[Plan], session: str) -> None:
        """`session` is the id of this session."""
        self._context = context
        self._session = session
        self.plans = list(plans)
        self.left = len(plans)  # neither committed nor failed
        self._table = LockTable()
        self._change = threading.Condition()  # guards all that follows
        self._granted: list[int] = []  # heap of plan orders
        self._waiting: set[int] = set()  # orders of those that are neither granted, taken nor over
        self._cancelled = 0  # how many cancelled wheels of the session were seen
        self.on_cancelled: Callable[[Plan], None] = lambda plan: None  # called for each that is withdrawn
        self._asked: dict[int, float] = {}  # order -> monotonic time at which it began to wait

    def request_all(self) -> None:
        """Request the claims of all wheels."""
        for plan in self.plans:
            if self._table.request(plan.order, plan.claims):
                heapq.heappush(self._granted, plan.order)
            else:
                self._waiting.add(plan.order)
                self._tell_waiting(plan)

    def next(self, look: Callable[[], bool], *, on_pause: Callable[[], None]) -> Plan | None:
        """Wait for the next wheel whose claims are granted; None when all is done or the session stops.

        None as well when `look` says so, which is asked now and then. `on_pause` is called again and again in a pause.
        """
        with self._change:
            while not self._context.stopping() and self.left:
                self._withdraw()
                if self._context.control.paused:
                    on_pause()
                elif look():
                    return None
                elif self._granted:
                    return self.plans[heapq.heappop(self._granted)]
                self._change.wait(_LOOK)
        return None

    def granted(self, most: int) -> list[Plan]:
        """The first wheels in plan order whose claims are granted, without waiting for any."""
        with self._change:
            self._withdraw()
            return [self.plans[heapq.heappop(self._granted)] for _ in range(min(most, len(self._granted)))]

    def put_back(self, plans: Sequence[Plan]) -> None:
        """Keep wheels for later that were taken; their claims stay granted."""
        with self._change:
            for plan in plans:
                heapq.heappush(self._granted, plan.order)
            self._cancelled = 0  # look again: one of these may have been cancelled while it was taken
            self._change.notify_all()

    def over(self, plan: Plan) -> None:
        """A wheel is committed or has failed: the next ones may have its claims."""
        with self._change:
            self._end(plan)
            self._change.notify_all()

    def _end(self, plan: Plan) -> None:
        self.left -= 1
        self._grant(self._table.release(plan.order))

    def _grant(self, orders: Sequence[int]) -> None:
        for order in orders:
            heapq.heappush(self._granted, order)
            self._waiting.discard(order)

    def _withdraw(self) -> None:
        """Take out the wheels that were cancelled, unless somebody has just taken them, who finds out by himself."""
        cancelled = self._context.control.wheels
        if len(cancelled) == self._cancelled:
            return
        self._cancelled = len(cancelled)
        for order in sorted({*self._waiting, *self._granted}):
            plan = self.plans[order]
            if plan.name in cancelled:
                self._waiting.discard(order)
                if order in self._granted:
                    self._granted.remove(order)
                    heapq.heapify(self._granted)
                self._asked.pop(order, None)
                self.on_cancelled(plan)
                self._end(plan)
        self._change.notify_all()

    def replace(self, plan: Plan) -> None:
        """A wheel was planned again: it lets its claims go, and requests the new ones."""
        with self._change:
            self.plans[plan.order] = plan
            self._cancelled = 0
            self._waiting.add(plan.order)
            self._grant(self._table.exchange(plan.order, plan.claims))
            if not self._table.holds(plan.order):
                self._tell_waiting(plan)
            self._change.notify_all()

    def asked(self, plan: Plan) -> float | None:
        """The monotonic time at which a wheel began to wait for its claims; None if it has not. It is forgotten."""
        return self._asked.pop(plan.order, None)

    def _tell_waiting(self, plan: Plan) -> None:
        blocker = self._table.blocker(plan.order)
        if blocker is None:
            return
        self._asked[plan.order] = time.monotonic()
        holders = [Holder(self.plans[order].name, self._session, os.getpid()) for order in blocker.owners[:5]]
        self._context.emit(LockRequested(plan.name))
        self._context.emit(LockWaiting(plan.name, blocker.path, blocker.mode, holders))
