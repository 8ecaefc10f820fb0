"""How a commit takes claims against other processes, whatever keeps them: lock files, or one coarse lock."""

from collections.abc import Callable
from typing import Protocol

from instui_engine.journal.events import Holder

from .claims import Claims, Mode

OnClaimWait = Callable[[str, Mode, list[Holder]], None]
"""Called when a claim is not free, with its path, its mode and those who are in the way."""


class ClaimLocks(Protocol):
    """Claims between processes, in one of several ways. Thread-safe."""

    def acquire(self, claims: Claims, on_wait: OnClaimWait, cancelled: Callable[[], bool]) -> list[int]:
        """Take every claim; returns what `release` wants back.

        `on_wait` is called once for each claim that is not free. Raises LockTimeoutError or Interrupted; nothing is
        held then.
        """

    def release(self, held: list[int]) -> None:
        """Let go of what `acquire` returned."""
