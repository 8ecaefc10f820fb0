"""How a commit takes claims against other processes, whatever keeps them: lock files, or one coarse lock."""

from collections.abc import Callable
from typing import Protocol

from instui_engine.journal.events import Holder

from .claims import Claims, Mode

Waiting = Callable[[str, Mode, list[Holder]], None]
"""Told the path, the mode and the holders of what is not free."""


class ClaimLocks(Protocol):
    """Claims between processes, in one of several ways. Thread-safe."""

    def acquire(self, claims: Claims, waiting: Waiting, cancelled: Callable[[], bool]) -> list[int]:
        """Take every claim; returns what `release` wants back.

        `waiting` is called when a claim is not free, with its holders. Raises LockTimeoutError or Interrupted, holding
        nothing then.
        """

    def release(self, held: list[int]) -> None:
        """Let go of what `acquire` returned."""
