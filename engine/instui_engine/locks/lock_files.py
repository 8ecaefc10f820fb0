"""Claims between processes: lock files under `.instui/locks`, one for each bucket of paths (`names`).

X is an exclusive flock, and IX a shared one; a file is locked exclusively if the wheel claims any of its paths in X.
Files are locked in the order of their numbers, the top's first, so sessions cannot wait for each other in a circle.
flock would admit overlapping shared holders for ever, so everyone passes the gate of the file on the way to its lock:
while one waits for the lock, newcomers wait at the gate.

Two wheels whose paths share a file by chance exclude each other, within one session as well: each has descriptors of
its own. The wheels of one session take turns, as the timeout is not meant for them. Such a wait is as short as a
commit; it is reported only when it is long, and then as what it is.

A directory that is never claimed as a subtree needs no lock file, since IX on it conflicts with nothing. The top is the
exception: a wheel with very many claims locks it instead of all of them (`claims.lock_set`). Such a wheel locks nothing
else, so there is still no circle.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from threading import Condition

from instui_engine.errors import Interrupted, printable
from instui_engine.fs.flock import (
    is_awaited,
    leave_gate,
    open_lock,
    take_exclusive,
    take_gate,
    take_gate_shared,
    take_shared,
    try_gate,
    try_lock,
)
from instui_engine.fs.paths import TOP
from instui_engine.journal.events import Holder

from .claims import Claims, Mode, lock_set
from .names import lock_name
from .protocol import OnClaimWait

_LONG = 1.0  # seconds after which a wheel reports that it waits for one of its own session, which is by chance


class ClaimFiles:
    """The claim lock files of one environment, for all wheels of a session. Thread-safe."""

    def __init__(self, private: Path, neutral: Collection[str], timeout: float, session: str = "") -> None:
        """`private` is the environment's `.instui`. `timeout` is in seconds, for the wait for one claim.

        `neutral` are the directories that are never claimed as a subtree. `session` is the id of our own session, or
        "".
        """
        self._private = private
        self._locks = private / "locks"
        self._neutral = neutral
        self._timeout = timeout
        self._session = session
        self._turns = _Turns()
        self._files: dict[int, tuple[str, bool]] = {}  # descriptor -> name, and whether it is shared
        self._locks.mkdir(parents=True, exist_ok=True)

    def acquire(self, claims: Claims, on_wait: OnClaimWait, cancelled: Callable[[], bool]) -> list[int]:
        """Take every claim; return the descriptors that hold them. See `ClaimLocks`."""
        files: dict[str, list[tuple[str, Mode]]] = {}
        for path, mode in lock_set(claims):
            if mode == "X" or path == TOP or path not in self._neutral:
                files.setdefault(lock_name(path), []).append((path, mode))
        held: list[int] = []
        try:
            for name, wants in files.items():
                held.append(self._in_turn(name, wants, on_wait, cancelled))
        except BaseException:
            self.release(held)
            raise
        return held

    def release(self, held: list[int]) -> None:
        """Release what `acquire` returned, last first."""
        for descriptor in reversed(held):
            file = self._files.pop(descriptor)  # before another thread gets the same number
            os.close(descriptor)
            self._turns.leave(*file)

    def try_whole(self) -> int | None:
        """A descriptor that holds all claims of the environment at once; None if that is not free now.

        None as well where nobody could see who waits for it. The wheels of this session must hold nothing, and take
        nothing until it is released by `release_whole`.
        """
        descriptor = open_lock(f"{self._locks}/{lock_name(TOP)}")
        try:
            free = try_gate(descriptor, shared=False) and try_lock(descriptor, shared=False)
            leave_gate(descriptor)
            if free and not is_awaited(descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    @staticmethod
    def is_awaited(whole: int) -> bool:
        """Whether another session waits for any claim while `whole`, of `try_whole`, is held. This is one system call.

        Every claim begins at the top's lock file, so whoever waits stands in the gate of that one.
        """
        return is_awaited(whole)

    @staticmethod
    def release_whole(whole: int) -> None:
        """Release what `try_whole` returned."""
        os.close(whole)

    def _in_turn(
        self, name: str, wants: Sequence[tuple[str, Mode]], on_wait: OnClaimWait, cancelled: Callable[[], bool]
    ) -> int:
        """A descriptor of a lock file that holds all of `wants`, after the wheels of this session that hold it."""
        file, shared = f"{self._locks}/{name}", all(mode == "IX" for _, mode in wants)

        def report() -> None:
            from .holders import contest

            found = contest(self._private, file, wants, self._session)
            on_wait(found.path, found.mode, found.holders)

        self._turns.enter(name, shared, report, cancelled)
        try:
            descriptor = self._take(file, wants, on_wait, cancelled)
        except BaseException:
            self._turns.leave(name, shared)
            raise
        self._files[descriptor] = name, shared
        return descriptor

    def _take(
        self, file: str, wants: Sequence[tuple[str, Mode]], on_wait: OnClaimWait, cancelled: Callable[[], bool]
    ) -> int:
        """A descriptor of a lock file that holds all of `wants`."""
        shared = all(mode == "IX" for _, mode in wants)
        descriptor = open_lock(file)
        try:
            free = try_gate(descriptor, shared=shared) and try_lock(descriptor, shared=shared)
        except BaseException:
            os.close(descriptor)
            raise
        if not free:
            self._wait(descriptor, file, wants, on_wait, cancelled)
        leave_gate(descriptor)
        return descriptor

    def _wait(
        self,
        descriptor: int,
        file: str,
        wants: Sequence[tuple[str, Mode]],
        on_wait: OnClaimWait,
        cancelled: Callable[[], bool],
    ) -> None:
        """The slow path: wait for the gate (harmless if we already stand in it), then for the lock."""
        from .holders import Contest, contest
        from .wait import LockWait

        found = Contest(*wants[0], [])

        def holders() -> list[Holder]:
            nonlocal found
            found = contest(self._private, file, wants, self._session)
            wait.path, wait.what = found.path, f"the claim on {printable(found.path)}"
            return found.holders

        wait = LockWait(
            f"the claim on {printable(found.path)}",
            found.path,
            self._timeout,
            holders=holders,
            on_wait=lambda holders: on_wait(found.path, found.mode, list(holders)),
            cancelled=cancelled,
        )
        shared = all(mode == "IX" for _, mode in wants)
        for take in (take_gate_shared, take_shared) if shared else (take_gate, take_exclusive):
            wait.take(descriptor, take)


class _Turns:
    """Which lock files the wheels of this session hold. They are entered in the order of the files, so in no circle."""

    def __init__(self) -> None:
        self._change = Condition()
        self._sharers: Counter[str] = Counter()
        self._alone: set[str] = set()

    def enter(self, name: str, shared: bool, report: Callable[[], None], cancelled: Callable[[], bool]) -> None:
        """Wait until no other wheel is in the way. `report` is called once if that takes long. Raises Interrupted."""
        begun, reported = time.monotonic(), False
        with self._change:
            while not self._change.wait_for(lambda: self._is_free(name, shared), 0.1):
                if cancelled():
                    raise Interrupted("interrupted while waiting for a lock")
                if not reported and time.monotonic() - begun > _LONG:
                    reported = True
                    report()
            if shared:
                self._sharers[name] += 1
            else:
                self._alone.add(name)

    def _is_free(self, name: str, shared: bool) -> bool:
        return name not in self._alone and (shared or not self._sharers[name])

    def leave(self, name: str, shared: bool) -> None:
        """Let the next ones have the file."""
        with self._change:
            if shared:
                self._sharers[name] -= 1
            else:
                self._alone.remove(name)
            self._change.notify_all()
