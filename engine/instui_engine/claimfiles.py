"""The same claims between processes: one lock file for each claimed path, under `.instui/locks`.

X is an exclusive and IX a shared flock; files are taken in sorted path order, so sessions cannot wait for each other in
a circle. flock prefers overlapping shared holders for ever, so everyone passes through the file's gate on the way to
the claim: while somebody waits for it, newcomers wait at the gate. Directories that are never claimed as a subtree need
no lock file, since IX on them conflicts with nothing.
"""

import os
import time
from collections.abc import Callable, Collection
from hashlib import sha256
from pathlib import Path

from .claims import Claims, Mode
from .errors import LockTimeoutError, printable
from .events import Holder
from .flock import (
    LockWaitTimeout,
    Take,
    describe,
    holders_of,
    leave_gate,
    open_lock,
    take_exclusive,
    take_gate,
    take_shared,
    try_gate,
    try_lock,
    wait_lock,
)

Waiting = Callable[[str, Mode, list[Holder]], None]


class ClaimFiles:
    """The claim lock files of one environment. Thread-safe: it keeps no state between calls."""

    def __init__(self, private: Path, neutral: Collection[str], timeout: float) -> None:
        """`private`: the environment's `.instui`. `timeout`: seconds that one claim may be waited for."""
        self._locks = private / "locks"
        self._neutral = neutral
        self._timeout = timeout
        self._locks.mkdir(parents=True, exist_ok=True)

    def acquire(self, claims: Claims, waiting: Waiting, cancelled: Callable[[], bool]) -> list[int]:
        """Take every claim; returns descriptors for `release`.

        `waiting` is called when a claim is not free, with its holders. Raises LockTimeoutError or Interrupted, holding
        nothing then.
        """
        wanted: list[tuple[str, Mode]] = [(path, "X") for path in claims.exclusive]
        wanted += [(path, "IX") for path in claims.shared if path not in self._neutral]
        wanted.sort()
        held: list[int] = []
        try:
            for path, mode in wanted:
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
        name = file_name(path)
        deadline = time.monotonic() + self._timeout
        lock_file = f"{self._locks}/{name}"
        told = False

        def tell() -> None:
            nonlocal told
            if not told:
                told = True
                waiting(path, mode, holders_of(lock_file))

        def wait(take: Take) -> None:
            try:
                wait_lock(descriptor, take, deadline=deadline, cancelled=cancelled, told=tell)
            except LockWaitTimeout:
                raise LockTimeoutError(
                    f"waited {self._timeout:g} s for the claim on {printable(path)}, held by "
                    f"{describe(holders_of(lock_file))}; run again, or raise --lock-timeout"
                ) from None

        descriptor = open_lock(lock_file)
        if not try_gate(descriptor):
            wait(take_gate)
        if not try_lock(descriptor, shared=mode == "IX"):
            wait(take_shared if mode == "IX" else take_exclusive)
        leave_gate(descriptor)
        return descriptor


def file_name(path: str) -> str:
    """The lock file's name for a claimed path: readable where it fits into 255 bytes, else a hash."""
    name = path.replace("%", "%25").replace("/", "%2F")
    if len(os.fsencode(name)) <= 200:
        return name
    return f"%{sha256(os.fsencode(path)).hexdigest()}"
