"""The seconds that the steps of a commit, or of a group of them, take: for the journal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

Step = Literal["check", "record", "rename", "sync"]
"""See `LockReleased`."""


class Steps:
    """What each step has taken so far. Not thread-safe."""

    def __init__(self) -> None:
        self._seconds: dict[Step, float] = {}
        self._inside = 0.0  # seconds of steps within the one that is being measured

    @contextmanager
    def measure(self, step: Step) -> Iterator[None]:
        """Add the time of the block to `step`, without that of steps within it."""
        begun, outside = time.monotonic(), self._inside
        self._inside = 0.0
        try:
            yield
        finally:
            took = time.monotonic() - begun
            self._seconds[step] = self._seconds.get(step, 0.0) + took - self._inside
            self._inside = outside + took

    def __getitem__(self, step: Step) -> float:
        """The seconds of a step, rounded as in the journal."""
        return round(self._seconds.get(step, 0.0), 6)
