"""Claims between processes: one lock file for each claimed path, under `.instui/locks`.

X is an exclusive flock, and IX a shared one. Files are locked in sorted path order, so sessions cannot wait for each
other in a circle. flock would admit overlapping shared holders for ever, so everyone passes the gate of the file on the
way to its lock: while one waits for the lock, newcomers wait at the gate.

A directory that is never claimed as a subtree needs no lock file, since IX on it conflicts with nothing. The top is the
exception: a wheel with very many claims locks it instead of all of them (`claims.lock_set`). Such a wheel locks nothing
else, so there is still no circle.
"""

import os
from collections.abc import Callable, Collection
from pathlib import Path

from instui_engine.errors import printable
from instui_engine.fs.flock import (
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

from .claims import Claims, Mode, lock_set
from .names import file_name
from .protocol import OnClaimWait


class ClaimFiles:
    """The claim lock files of one environment. Thread-safe: it keeps no state between calls."""

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
        self._locks.mkdir(parents=True, exist_ok=True)

    def acquire(self, claims: Claims, on_wait: OnClaimWait, cancelled: Callable[[], bool]) -> list[int]:
        """Take every claim; return the descriptors that hold them. See `ClaimLocks`."""
        held: list[int] = []
        try:
            for path, mode in lock_set(claims):
                if mode == "X" or path == TOP or path not in self._neutral:
                    held.append(self._take(path, mode, on_wait, cancelled))
        except BaseException:
            self.release(held)
            raise
        return held

    def release(self, held: list[int]) -> None:
        """Release what `acquire` returned, last first."""
        for descriptor in reversed(held):
            os.close(descriptor)

    def _take(self, path: str, mode: Mode, on_wait: OnClaimWait, cancelled: Callable[[], bool]) -> int:
        shared = mode == "IX"
        descriptor = open_lock(self._lock_file(path))
        try:
            free = try_gate(descriptor, shared=shared) and try_lock(descriptor, shared=shared)
        except BaseException:
            os.close(descriptor)
            raise
        if not free:
            self._wait(descriptor, path, mode, on_wait, cancelled)
        leave_gate(descriptor)
        return descriptor

    def _wait(
        self, descriptor: int, path: str, mode: Mode, on_wait: OnClaimWait, cancelled: Callable[[], bool]
    ) -> None:
        """The slow path: wait for the gate (harmless if we already stand in it), then for the lock."""
        from .holders import blockers
        from .wait import LockWait

        wait = LockWait(
            f"the claim on {printable(path)}",
            path,
            self._timeout,
            holders=lambda: blockers(self._private, self._lock_file(path), path, mode, self._session),
            on_wait=lambda holders: on_wait(path, mode, list(holders)),
            cancelled=cancelled,
        )
        for take in (take_gate_shared, take_shared) if mode == "IX" else (take_gate, take_exclusive):
            wait.take(descriptor, take)

    def _lock_file(self, path: str) -> str:
        return f"{self._locks}/{file_name(path)}"
