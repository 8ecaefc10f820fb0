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
        self._change = threading.Condition()
        self._granted: list[int] = []  # heap of plan orders
        self._asked: dict[int, float] = {}  # order -> monotonic time at which it began to wait

    def request_all(self) -> None:
        """Request the claims of all wheels."""
        for plan in self.plans:
            if self._table.request(plan.order, plan.claims):
                heapq.heappush(self._granted, plan.order)
            else:
                self._tell_waiting(plan)

    def next(self, look: Callable[[], bool], *, on_pause: Callable[[], None]) -> Plan | None:
        """Wait for the next wheel whose claims are granted; None when all is done or the session stops.

        None as well when `look` says so, which is asked now and then. `on_pause` is called again and again in a pause.
        """
        with self._change:
            while not self._context.stopping() and self.left:
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
            return [self.plans[heapq.heappop(self._granted)] for _ in range(min(most, len(self._granted)))]

    def put_back(self, plans: Sequence[Plan]) -> None:
        """Keep wheels for later that were taken; their claims stay granted."""
        with self._change:
            for plan in plans:
                heapq.heappush(self._granted, plan.order)
            self._change.notify_all()

    def over(self, plan: Plan) -> None:
        """A wheel is committed or has failed: the next ones may have its claims."""
        with self._change:
            self.left -= 1
            for order in self._table.release(plan.order):
                heapq.heappush(self._granted, order)
            self._change.notify_all()

    def replace(self, plan: Plan) -> None:
        """A wheel was planned again: it lets its claims go, and requests the new ones."""
        with self._change:
            self.plans[plan.order] = plan
            for order in self._table.exchange(plan.order, plan.claims):
                heapq.heappush(self._granted, order)
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
