"""The same claims between processes: one lock file for each claimed path, under `.instui/locks`.

X is an exclusive and IX a shared flock; files are taken in sorted path order, so sessions cannot wait for each other in
a circle. flock prefers overlapping shared holders for ever, so everyone passes through the file's gate on the way to
the claim: while somebody waits for it, newcomers wait at the gate. Directories that are never claimed as a subtree need
no lock file, since IX on them conflicts with nothing; but for the top, which a wheel with very many claims takes
instead of them (`claims.lock_set`); it has nothing else to wait for then, so the order still has no circle.
"""

import os
import time
from collections.abc import Callable, Collection
from pathlib import Path

from instui_engine.errors import LockTimeoutError, printable
from instui_engine.fs.flock import (
    LockWaitTimeout,
    Take,
    leave_gate,
    open_lock,
    take_exclusive,
    take_gate,
    take_gate_shared,
    take_shared,
    try_gate,
    try_lock,
    wait_lock,
)
from instui_engine.fs.paths import TOP

from .claims import Claims, Mode, lock_set
from .names import file_name
from .protocol import Waiting


class ClaimFiles:
    """The claim lock files of one environment. Thread-safe: it keeps no state between calls."""

    def __init__(self, private: Path, neutral: Collection[str], timeout: float) -> None:
        """`private`: the environment's `.instui`. `timeout`: seconds that one claim may be waited for."""
        self._private = private
        self._locks = private / "locks"
        self._neutral = neutral
        self._timeout = timeout
        self._locks.mkdir(parents=True, exist_ok=True)

    def acquire(self, claims: Claims, waiting: Waiting, cancelled: Callable[[], bool]) -> list[int]:
        """Take every claim; returns descriptors for `release`.

        `waiting` is called when a claim is not free, with its holders. Raises LockTimeoutError or Interrupted, holding
        nothing then.
        """
        held: list[int] = []
        try:
            for path, mode in lock_set(claims):
                if mode == "X" or path == TOP or path not in self._neutral:
                    held.append(self._take(path, mode, waiting, cancelled))
        except BaseException:
            self.release(held)
            raise
        return held

    def release(self, held: list[int]) -> None:
        """Let go of what `acquire` returned, the last first."""
        for descriptor in reversed(held):
            os.close(descriptor)

    def _take(self, path: str, mode: Mode, waiting: Waiting, cancelled: Callable[[], bool]) -> int:
        shared = mode == "IX"
        lock_file = f"{self._locks}/{file_name(path)}"
        descriptor = open_lock(lock_file)
        try:
            free = try_gate(descriptor, shared=shared) and try_lock(descriptor, shared=shared)
        except BaseException:
            os.close(descriptor)
            raise
        if not free:
            self._wait(descriptor, lock_file, path, mode, waiting, cancelled)
        leave_gate(descriptor)
        return descriptor

    def _wait(
        self, descriptor: int, lock_file: str, path: str, mode: Mode, waiting: Waiting, cancelled: Callable[[], bool]
    ) -> None:
        """The slow way: through the gate (maybe we stand in it already, which is no harm) to the lock."""
        from .holders import blockers
        from .phrases import describe

        deadline = time.monotonic() + self._timeout
        told = False

        def tell() -> None:
            nonlocal told
            if not told:
                told = True
                waiting(path, mode, blockers(self._private, lock_file, path, mode))

        takes: tuple[Take, Take] = (take_gate_shared, take_shared) if mode == "IX" else (take_gate, take_exclusive)
        try:
            for take in takes:
                wait_lock(descriptor, take, deadline=deadline, cancelled=cancelled, told=tell)
        except LockWaitTimeout:
            holders = blockers(self._private, lock_file, path, mode)
            raise LockTimeoutError(
                f"waited {self._timeout:g} s for the claim on {printable(path)}, held by "
                f"{describe(holders)}; run again, or raise --lock-timeout",
                path=path,
                holders=tuple(holders),
                seconds=self._timeout,
            ) from None
