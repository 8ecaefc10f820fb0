"""Slow motion: an install slowed down so that the eye can follow it (`--slow`, demonstrations)."""

import time
from collections.abc import Callable

STEP = 0.004  # seconds for one file or rename at factor 1


class SlowMotion:
    """A pause for each small step of work. At factor 0, the default, there is none."""

    def __init__(self, factor: float = 0.0) -> None:
        self.factor = factor

    def step(self, cancelled: Callable[[], bool], weight: float = 1.0) -> None:
        """Pause for one step; return early if `cancelled()`."""
        end = time.monotonic() + STEP * self.factor * weight
        while (left := end - time.monotonic()) > 0 and not cancelled():
            time.sleep(min(left, 0.05))
