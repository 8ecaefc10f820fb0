"""A coarse lock: the wheels of a session share it, and other sessions take turns with all of them together."""

import threading
import time
from collections.abc import Callable

_TURN = 2.0  # seconds after which the lock is left to others between two commits


class CoarseLock:
    """The sharing of one lock. How it is taken and released is the caller's business. Thread-safe."""

    def __init__(self, rest: float) -> None:
        """`rest`: seconds for which the lock is left to others, who may poll it."""
        self._rest = rest
        self._change = threading.Condition()
        self._users = 0
        self._since = 0.0  # when the present turn began

    def enter(self, take: Callable[[], None]) -> None:
        """Share the lock; the first one calls `take`, whose exceptions pass."""
        with self._change:
            while self._users and self._is_over():
                self._change.wait(0.1)
            if not self._users:
                over = self._is_over()
                if over and self._since:
                    time.sleep(self._rest)
                take()
                self._since = time.monotonic() if over else self._since
            self._users += 1

    def leave(self, release: Callable[[], None]) -> None:
        """Give up a share; the last one calls `release`."""
        with self._change:
            self._users -= 1
            if not self._users:
                release()
            self._change.notify_all()

    def _is_over(self) -> bool:
        return time.monotonic() - self._since > _TURN
