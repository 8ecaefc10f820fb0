"""The end of a screen: whether somebody is there, and the countdown after which it leaves."""

import math
import time
from collections.abc import Callable
from typing import Literal

from instui_engine.values import NamedTuple

SECONDS = 3.0
_END_OF_INPUT = frozenset({"ctrl+d", "ctrl+@"})  # what `script` types when its own input ends: that is nobody


class Ending(NamedTuple):
    """The end of a session, as far as it matters to whether its screen leaves."""

    failed: bool
    seconds: float  # that the session took
    did_nothing: bool  # there was nothing to do
    touched: bool  # a key or a mouse button was pressed while the screen was open


Leaving = Literal["now", "countdown", "stay"]


class Departure:
    """Decides when a screen whose session is over leaves. `rule` says how; `clock` is in seconds."""

    def __init__(self, rule: Callable[[Ending], Leaving], clock: Callable[[], float] = time.monotonic) -> None:
        self.touched = False  # a key or a mouse button was pressed, ever
        self._rule = rule
        self._clock = clock
        self._leaving: Leaving | None = None
        self._deadline = 0.0

    def touch(self, key: str = "") -> None:
        """Somebody is there, as `key` or the mouse shows: a countdown stops for good."""
        if key in _END_OF_INPUT and not self.touched:
            return
        self.touched = True
        if self._leaving == "countdown":
            self._leaving = "stay"

    def is_due(self, ending: Callable[[], Ending]) -> bool:
        """Whether to leave now. The session is over, in the way that `ending` tells."""
        if self._leaving is None:
            self._leaving = self._rule(ending())
            self._deadline = self._clock() + SECONDS
        return self._leaving == "now" or (self._leaving == "countdown" and self._clock() >= self._deadline)

    @property
    def seconds_left(self) -> int | None:
        """The whole seconds until the screen leaves by itself; None if it does not."""
        if self._leaving != "countdown":
            return None
        return max(1, math.ceil(self._deadline - self._clock()))
