"""The protocol by which a commit takes claims against other processes: by lock files, or by one coarse lock."""

from collections.abc import Callable
from typing import Protocol

from instui_engine.journal.events import Holder

from .claims import Claims, Mode

OnClaimWait = Callable[[str, Mode, list[Holder]], None]
"""Called when a claim is not free, with its path, its mode and those who are in the way."""


class ClaimLocks(Protocol):
    """Locks for claims between processes. Thread-safe."""

    def acquire(self, claims: Claims, on_wait: OnClaimWait, cancelled: Callable[[], bool]) -> list[int]:
        """Take every claim; return what `release` needs.

        `on_wait` is called once for each claim that is not free. Raises LockTimeoutError or Interrupted, with nothing
        held.
        """

    def release(self, held: list[int]) -> None:
        """Release what `acquire` returned."""
