"""The environment's own lock, `<top>/.lock`: uv takes it exclusively, a session shares it with other sessions.

It is held while wheels are committed and let go between commits after at most 10 seconds, so that neither uv nor
anybody else is kept out for a whole install.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .context import Context
from .errors import Interrupted, LockTimeoutError, printable
from .events import EnvironmentGranted, EnvironmentReleased, EnvironmentWaiting
from .flock import LockWaitTimeout, describe, holders_of, open_lock, take_shared, try_lock, wait_lock

_LONGEST = 10.0  # seconds for which the lock is kept at most, as long as no single commit takes longer
_REST = 0.02  # seconds for which it is left to others then; they wait in the kernel, so they are quick


class EnvironmentLock:
    """One process's share in the lock; any number of its threads may be inside `shared` at once."""

    def __init__(self, path: Path, context: Context) -> None:
        self._path = path
        self._context = context
        self._mutex = threading.Condition()
        self._descriptor = -1
        self._since = 0.0
        self._inside = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the lock, taking it if this process does not hold it yet. Raises LockTimeoutError or Interrupted."""
        self._enter()
        try:
            yield
        finally:
            with self._mutex:
                self._inside -= 1
                self._mutex.notify_all()

    def close(self) -> None:
        """Let the lock go."""
        with self._mutex:
            self._release()

    def let_go(self) -> None:
        """Leave the lock to others, unless one of our wheels is being committed; it is taken again when needed."""
        with self._mutex:
            if not self._inside:
                self._release()

    def _enter(self) -> None:
        with self._mutex:
            while self._overdue() and self._inside:
                self._mutex.wait(0.1)
            if self._overdue():
                self._release()
                time.sleep(_REST)
            if self._descriptor < 0:
                self._acquire()
            self._inside += 1

    def _overdue(self) -> bool:
        return self._descriptor >= 0 and time.monotonic() - self._since > _LONGEST

    def _acquire(self) -> None:
        timeout = self._context.options.lock_timeout
        begun = time.monotonic()
        descriptor = open_lock(self._path)
        if not try_lock(descriptor, shared=True):
            try:
                wait_lock(
                    descriptor,
                    take_shared,
                    deadline=begun + timeout,
                    cancelled=self._context.stopping,
                    told=lambda: self._context.emit(EnvironmentWaiting(".lock", holders_of(self._path))),
                )
            except LockWaitTimeout:
                raise LockTimeoutError(
                    f"waited {timeout:g} s for the environment's lock {printable(str(self._path))}, held by "
                    f"{describe(holders_of(self._path))}; run again, or raise --lock-timeout"
                ) from None
            except Interrupted:
                self._context.check()
                raise
        self._descriptor = descriptor
        self._since = time.monotonic()
        self._context.emit(EnvironmentGranted(".lock", round(self._since - begun, 6)))

    def _release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._context.emit(EnvironmentReleased(".lock", round(time.monotonic() - self._since, 6)))
