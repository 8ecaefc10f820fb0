"""The environment's own lock, `<top>/.lock`: uv takes it exclusively, a session shares it with other sessions.

flock lets sharers in as long as any other sharer is there, so sessions that overlap would keep uv out for ever; and uv
knows no gate. Hence a session that holds the lock *makes room* between two commits, as soon as somebody is blocked on
the exclusive lock (/proc/locks shows it), and after 10 seconds in any case, since a waiter in another container is not
shown. Making room is: close the turnstile (an exclusive flock on `.instui/locks/%environment`), let the lock go, wait
until all others have let it go, leave it alone for a moment, and open the turnstile. Everybody passes the turnstile,
shared, on the way to the lock, so no newcomer gets in; and everybody who holds the lock looks at the turnstile every
second between commits, so all leave soon. When the last has gone, the kernel wakes who is blocked.

The turnstile is a matter of politeness: no promise rests on it. So nobody waits at it, or for the others to go, longer
than some seconds: a session that was stopped while it held the lock delays others, and does not lock them out.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition

from instui_engine.errors import Interrupted, LockTimeoutError, printable
from instui_engine.fs.flock import LockWaitTimeout, open_lock, take_shared, try_lock, wait_lock
from instui_engine.journal.events import EnvironmentGranted, EnvironmentReleased, EnvironmentWaiting, Holder
from instui_engine.session.context import Context
from instui_engine.target.environment import PRIVATE

from .kernel import exclusive_waiter
from .names import GATE

_LONGEST = 10.0  # seconds for which the lock is kept at most, as long as no single commit takes longer
_LOOK = 1.0  # seconds between looks at who waits, while the lock is held: reading /proc/locks takes milliseconds
_REST = 0.02  # seconds for which it is left to others; they wait in the kernel, so they are quick
_ROOM = 5.0  # seconds for which others may take to let it go; and half of those that somebody waits at the turnstile
_POLL = 0.01


class EnvironmentLock:
    """One process's share in the lock; any number of its threads may be inside `shared` at once."""

    def __init__(self, path: Path, context: Context) -> None:
        """`path`: the lock file, in the top of the environment."""
        self._path = path
        self._turnstile = path.parent / PRIVATE / "locks" / GATE
        self._turnstile.parent.mkdir(parents=True, exist_ok=True)
        self._context = context
        self._mutex = Condition()
        self._descriptor = -1
        self._since = 0.0
        self.taken = 0  # how often the lock was taken: others may have had it in between
        self._looked = 0.0
        self._wanted = False  # somebody else's state is due
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
            while self._due() and self._inside:
                self._mutex.wait(0.1)
            if self._due():
                self._release()
                self._acquire(make_room=True)
            elif self._descriptor < 0:
                self._acquire(make_room=False)
            self._inside += 1

    def _due(self) -> bool:
        """Whether the lock is to be left to others between two commits."""
        if self._descriptor < 0:
            return False
        now = time.monotonic()
        if now - self._looked > _LOOK:
            self._looked = now
            self._wanted = self._wanted or exclusive_waiter(self._path) or not self._open_turnstile()
        return self._wanted or now - self._since > _LONGEST

    def _open_turnstile(self) -> bool:
        descriptor = open_lock(self._turnstile)
        try:
            return try_lock(descriptor, shared=True)
        finally:
            os.close(descriptor)

    def _acquire(self, make_room: bool) -> None:
        begun = time.monotonic()
        deadline = begun + self._context.options.lock_timeout
        turnstile = open_lock(self._turnstile)
        try:
            told = _Once(self._tell_waiting)
            if (make_room or self._is_wanted()) and try_lock(turnstile, shared=False):
                self._make_room(deadline, told)
            else:
                self._poll(lambda: try_lock(turnstile, shared=True), min(deadline, begun + 2 * _ROOM), told)
            descriptor = self._take(deadline, told)
        finally:
            os.close(turnstile)
        self._descriptor = descriptor
        self.taken += 1
        self._since = self._looked = time.monotonic()
        self._wanted = False
        self._context.emit(EnvironmentGranted(self._path.name, round(self._since - begun, 6)))

    def _is_wanted(self) -> bool:
        """Whether somebody is blocked on the exclusive lock. Nobody is where nobody has it, which is quickly seen."""
        descriptor = open_lock(self._path)
        try:
            return not try_lock(descriptor, shared=False) and exclusive_waiter(self._path)
        finally:
            os.close(descriptor)

    def _make_room(self, deadline: float, told: "_Once") -> None:
        """Let everybody who waits for the lock have it, the turnstile being ours."""
        descriptor = open_lock(self._path)
        try:
            end = min(deadline, time.monotonic() + _ROOM)
            self._poll(lambda: try_lock(descriptor, shared=False), end, told)
        finally:
            os.close(descriptor)
        time.sleep(_REST)

    def _poll(self, succeeded: Callable[[], bool], end: float, told: "_Once") -> None:
        """Try until it succeeds, at most until `end`."""
        while not succeeded():
            self._context.check()
            if time.monotonic() > end:
                return
            time.sleep(_POLL)
            told()

    def _take(self, deadline: float, told: "_Once") -> int:
        descriptor = open_lock(self._path)
        if try_lock(descriptor, shared=True):
            return descriptor
        try:
            wait_lock(descriptor, take_shared, deadline=deadline, cancelled=self._context.stopping, told=told)
        except LockWaitTimeout:
            from .phrases import describe

            holders = self._holders()
            raise LockTimeoutError(
                f"waited {self._context.options.lock_timeout:g} s for the environment's lock "
                f"{printable(str(self._path))}, held by {describe(holders)}; run again, or raise --lock-timeout",
                path=str(self._path),
                holders=tuple(holders),
                seconds=self._context.options.lock_timeout,
            ) from None
        except Interrupted:
            self._context.check()
            raise
        return descriptor

    def _tell_waiting(self) -> None:
        self._context.emit(EnvironmentWaiting(self._path.name, self._holders()))

    def _holders(self) -> list[Holder]:
        """Who is in the way: who has it alone, else whose turn is next, else who shares it."""
        from .holders import blockers, holders_of, next_in_line

        private, name = self._path.parent / PRIVATE, self._path.name
        alone = holders_of(self._path, "X") and blockers(private, self._path, name, "IX")
        return alone or next_in_line(self._path) or blockers(private, self._path, name, "X")

    def _release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._context.emit(EnvironmentReleased(self._path.name, round(time.monotonic() - self._since, 6)))


class _Once:
    """Something to say once."""

    def __init__(self, say: Callable[[], None]) -> None:
        self._say: Callable[[], None] | None = say

    def __call__(self) -> None:
        say, self._say = self._say, None
        if say is not None:
            say()
