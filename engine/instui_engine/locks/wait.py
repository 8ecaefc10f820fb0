"""Waiting for a lock that is not free, in the same way for all locks.

A caller that finds a lock taken makes a `LockWait`. It reports who is in the way, waits until a deadline or until the
session is to stop, and ends in one kind of error, which names the holders. The module is imported only when there
is something to wait for.
"""

import os
import time
from collections.abc import Callable, Sequence

from instui_engine.errors import Interrupted, LockTimeoutError
from instui_engine.fs.flock import LockWaitTimeout, Take, wait_lock
from instui_engine.journal.events import Holder

from .phrases import describe

OnWait = Callable[[Sequence[Holder]], None]
"""Called with those who are in the way, once the wait is more than a moment and whenever they or the path change."""
_LOOK = 1.0  # seconds between two looks at who is in the way: a look takes milliseconds


def _identity(holder: Holder) -> tuple[object, ...]:
    """What makes a holder another one. A process falls asleep and wakes all the time, which is no news."""
    return holder.wheel, holder.session, holder.pid, holder.command, "stopped" in holder.state


class LockWait:
    """One wait for one lock. It may take several steps (a gate, then the lock), which share the deadline."""

    def __init__(
        self,
        what: str,
        path: str | os.PathLike[str],
        timeout: float,
        *,
        holders: Callable[[], Sequence[Holder]],
        on_wait: OnWait,
        cancelled: Callable[[], bool],
        advice: str = "",
    ) -> None:
        """`what` is the lock in the line of an error; `path` is the error's field. `holders` may change both.

        `timeout` is in seconds. `advice` says what else may be done when the time is up.
        """
        self.what = what
        self.path = os.fspath(path)
        self._timeout = timeout
        self._holders = holders
        self._on_wait = on_wait
        self._told: tuple[object, ...] | None = None
        self._named_before = False
        self._next_look = 0.0
        self._cancelled = cancelled
        self._advice = advice
        self._deadline = time.monotonic() + timeout

    def take(self, descriptor: int, take: Take) -> None:
        """Wait in the kernel until `take` has its lock. Raises LockTimeoutError and Interrupted.

        Whatever is raised, the descriptor is closed, now or as soon as the kernel grants the lock.
        """
        try:
            wait_lock(descriptor, take, deadline=self._deadline, cancelled=self._cancelled, on_wait=self._announce)
        except LockWaitTimeout:
            raise self._error() from None

    def poll(self, succeeded: Callable[[], bool], pause: float, at_most: float | None = None) -> bool:
        """Try every `pause` seconds until it succeeds, for a lock that no system call can wait for.

        Returns False after `at_most` seconds; without `at_most`, raises LockTimeoutError at the deadline. Raises
        Interrupted.
        """
        end = self._deadline if at_most is None else min(self._deadline, time.monotonic() + at_most)
        while not succeeded():
            if self._cancelled():
                raise Interrupted("interrupted while waiting for a lock")
            if time.monotonic() >= end:
                if at_most is None:
                    raise self._error()
                return False
            time.sleep(pause)
            self._announce()
        return True

    def _announce(self) -> None:
        """Report who is in the way, unless that was said already."""
        if time.monotonic() < self._next_look:
            return
        holders = self._holders()
        self._next_look = time.monotonic() + _LOOK
        named = any(holder.pid or holder.session for holder in holders)
        if self._named_before and not named:  # who had it may have let it go this moment: the next look tells
            self._named_before = False
            return
        self._named_before = named
        found = (self.path, *map(_identity, holders))  # `holders` may have found another path
        if found != self._told:
            self._told = found
            self._on_wait(holders)

    def _error(self) -> LockTimeoutError:
        holders = tuple(self._holders())
        advice = f"; {self._advice}" if self._advice else ""
        return LockTimeoutError(
            f"waited {self._timeout:g} s for {self.what}, held by {describe(holders)}; run again, or raise "
            f"--lock-timeout{advice}",
            path=self.path,
            holders=holders,
            seconds=self._timeout,
        )
