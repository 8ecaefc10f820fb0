"""The environment's own lock, `<top>/.lock`: uv takes it exclusively, a session shares it with other sessions.

flock admits sharers as long as there is another sharer, so overlapping sessions would keep uv out for ever, and uv has
no gate. Hence a session that holds the lock *makes room* between two commits: as soon as some process is blocked on the
exclusive lock (/proc/locks shows it), and after 10 seconds in any case, since a waiter in another container is not
shown. To make room it lets the lock go, closes the turnstile (an exclusive flock on `.instui/locks/%environment`),
waits until all others have let the lock go, leaves it alone for a moment, and opens the turnstile.

Every session passes the turnstile, shared, on the way to the lock, so no newcomer gets in. Every session that holds the
lock checks the turnstile each second between commits, so all leave soon. When the last one has left, the kernel wakes
the blocked process.

The turnstile is only for fairness: no guarantee rests on it. So no session waits at it, or for the others to leave,
longer than some seconds. A session that was stopped while it held the lock delays others but does not lock them out.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Condition
from typing import TYPE_CHECKING

from instui_engine.errors import Interrupted, printable
from instui_engine.fs.flock import is_at, lacks_locks, open_and_try, open_lock, take_shared, try_lock
from instui_engine.journal.events import EnvironmentGranted, EnvironmentReleased, EnvironmentWaiting, Holder
from instui_engine.session.context import Context
from instui_engine.target.environment import PRIVATE

from .names import TURNSTILE
from .proc_locks import exclusive_waiter

if TYPE_CHECKING:
    from .wait import LockWait

_LONGEST = 10.0  # the most seconds for which the lock is kept, unless a single commit takes longer
_LOOK = 1.0  # seconds between checks for waiters, while the lock is held: reading /proc/locks takes milliseconds
_SOON = 0.2  # the same while wheels are committed as a group
_REST = 0.02  # seconds for which the lock is left to others; they wait in the kernel, so they are quick
_ROOM = 5.0  # the most seconds to wait for others to let it go, and half of those to wait at the turnstile
_POLL = 0.01


class EnvironmentLock:
    """One process's share in the lock; any number of its threads may be inside `shared` at once."""

    def __init__(self, path: Path, context: Context) -> None:
        """`path`: the lock file, in the top of the environment."""
        self._path = path
        self._turnstile = path.parent / PRIVATE / "locks" / TURNSTILE
        self._turnstile.parent.mkdir(parents=True, exist_ok=True)
        self._context = context
        self._mutex = Condition()
        self._descriptor = -1
        self._since = 0.0
        self.taken = 0  # how often the lock was taken; between two of these, others may have had it
        self._looked = 0.0
        self._wanted = False  # somebody else's turn is due
        self._inside = 0
        self._is_missing = lacks_locks(path.parent)  # then soft locks were chosen, and nothing keeps uv out

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the lock in the block; take it if this process lacks it. Raises LockTimeoutError and Interrupted."""
        if self._is_missing:
            yield
            return
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
        """Leave the lock to others, unless one of our wheels is committing; it is taken again when needed."""
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

    def is_due(self) -> bool:
        """Whether others are to have the lock as soon as no wheel is in hand. A waiter is seen within a moment."""
        with self._mutex:
            return self._due(_SOON)

    def _due(self, look: float = _LOOK) -> bool:
        """Whether to leave the lock to others between two commits."""
        if self._descriptor < 0:
            return False
        now = time.monotonic()
        if now - self._looked > look:
            self._looked = now
            self._wanted = self._wanted or exclusive_waiter(self._path) or not self._turnstile_is_open()
        return self._wanted or now - self._since > _LONGEST

    def _turnstile_is_open(self) -> bool:
        descriptor, is_open = open_and_try(self._turnstile, shared=True)
        os.close(descriptor)
        return is_open

    def _acquire(self, make_room: bool) -> None:
        begun = time.monotonic()
        descriptor = -1 if make_room else self._at_once()
        if descriptor < 0:
            descriptor = self._wait(make_room)
        while not is_at(descriptor, self._path):  # it was removed by somebody, so it excludes nobody
            os.close(descriptor)
            descriptor = self._wait(make_room=False)
        self._descriptor = descriptor
        self.taken += 1
        self._since = self._looked = time.monotonic()
        self._wanted = False
        self._context.emit(EnvironmentGranted(self._path.name, round(self._since - begun, 6)))

    def _at_once(self) -> int:
        """A descriptor that shares the lock; -1 if another process has it alone, waits for that, or makes room."""
        turnstile = open_lock(self._turnstile)
        try:
            if self._is_wanted() or not try_lock(turnstile, shared=True):
                return -1
            descriptor, free = open_and_try(self._path, shared=True)
            if free:
                return descriptor
            os.close(descriptor)
            return -1
        finally:
            os.close(turnstile)

    def _is_wanted(self) -> bool:
        """Whether a process is blocked on the exclusive lock. If the lock is free, which is quick to see, none is."""
        descriptor, free = open_and_try(self._path, shared=False)
        try:
            return not free and exclusive_waiter(self._path)
        finally:
            os.close(descriptor)

    def _wait(self, make_room: bool) -> int:
        """Wait for one that shares the lock, after those whose turn it is. Raises LockTimeoutError and Interrupted."""
        from .wait import LockWait

        wait = LockWait(
            f"the environment's lock {printable(str(self._path))}",
            self._path,
            self._context.options.lock_timeout,
            holders=self._holders,
            on_wait=self._tell,
            cancelled=self._context.stopping,
        )
        turnstile = open_lock(self._turnstile)
        try:
            if (make_room or self._is_wanted()) and try_lock(turnstile, shared=False):
                self._make_room(wait)
            else:
                wait.poll(lambda: try_lock(turnstile, shared=True), _POLL, at_most=2 * _ROOM)
            descriptor, free = open_and_try(self._path, shared=True)
            if not free:
                wait.take(descriptor, take_shared)
            return descriptor
        except Interrupted:
            self._context.check()  # it carries the reason and the exit code
            raise
        finally:
            os.close(turnstile)

    def _tell(self, holders: Sequence[Holder]) -> None:
        """Say who is in the way. There may be nobody any more, if the lock was granted meanwhile."""
        if others := [holder for holder in holders if holder.pid != os.getpid()]:
            self._context.emit(EnvironmentWaiting(self._path.name, others))

    def _make_room(self, wait: "LockWait") -> None:
        """Let every process that waits for the lock have it. The caller holds the turnstile."""
        descriptor = open_lock(self._path)
        try:
            wait.poll(lambda: try_lock(descriptor, shared=False), _POLL, at_most=_ROOM)
        finally:
            os.close(descriptor)
        time.sleep(_REST)

    def _holders(self) -> list[Holder]:
        """Who is in the way: the exclusive holder, else those whose turn is next, else the sharers."""
        from .holders import blockers, holders_of, next_in_line

        private, name, session = self._path.parent / PRIVATE, self._path.name, self._context.session
        alone = holders_of(self._path, "X") and blockers(private, self._path, name, "IX", session)
        return alone or next_in_line(self._path) or blockers(private, self._path, name, "X", session)

    def _release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._context.emit(EnvironmentReleased(self._path.name, round(time.monotonic() - self._since, 6)))
