"""How fast wheels are fetched, how far that changes, and what limits it: the link all of them, or the server each.

If the link does, the last download has it alone, and gets as much as all together before. If the server does, it gets
no more than it had. Nobody can tell in the beginning. But whenever there are more or fewer downloads at a time, either
all of them together go on as fast, or each of them does: a line through the logarithms of rate and number, of which
the slope is 0 or 1, with 0.5 as what is expected (a regression with a prior).
"""

from collections import deque
from copy import copy
from math import log, sqrt

from instui_engine.values import NamedTuple

_WINDOW = 3.0  # seconds of which the rate is the average
_UNKNOWN = 3.0  # the share by which the rate may be less as long as nothing has come
_UNEVEN = 0.5  # of how much the rate has changed, by so much it may change again
_SETTLED = 0.15  # of a rate that was seen for a second, in doubt
_SLOPE = 0.5  # what is expected of the slope, and how far that is in doubt
_NOISE = 0.18  # the logarithm of the rate of one second


class _Come(NamedTuple):
    """At that time: bytes that have come, and seconds of downloads that went on side by side, added up."""

    t: float = 0.0
    size: float = 0.0
    connected: float = 0.0


class Downloads:
    """The downloads of one session, as they are looked at from time to time."""

    def __init__(self) -> None:
        self._come: deque[_Come] = deque()
        # of all moments, weighed by their seconds: the logarithms of the number of downloads, and of the rate
        self._weight = self._number = self._rate = self._number_squared = self._both = 0.0

    def copy(self) -> "Downloads":
        """A copy, which looks by itself from now on."""
        other = copy(self)
        other._come = self._come.copy()
        return other

    def look(self, t: float, elapsed: float, size: float, before: int, now: int) -> None:
        """By `t`, so many bytes have come; `elapsed` seconds ago there were `before` downloads at a time."""
        last = self._come[-1] if self._come else _Come()
        at_once = (before + now) / 2
        if self._come and before == now and elapsed > 0 and size > last.size:
            self._learn(elapsed, log(now), log((size - last.size) / elapsed))
        self._come.append(_Come(t, size, last.connected + at_once * elapsed))
        while len(self._come) > 2 and self._come[1].t <= t - _WINDOW:
            self._come.popleft()

    def _learn(self, weight: float, number: float, rate: float) -> None:
        self._weight += weight
        self._number += weight * number
        self._rate += weight * rate
        self._number_squared += weight * number**2
        self._both += weight * number * rate

    @property
    def rate(self) -> float:
        """Bytes that are fetched in a second; 0.0 if that is not known."""
        return _slope(self._come[0], self._come[-1]) if self._come else 0.0

    @property
    def rate_of_each(self) -> float:
        """Bytes that one download fetches in a second; 0.0 if that is not known."""
        if not self._come:
            return 0.0
        connected = self._come[-1].connected - self._come[0].connected
        return max(self._come[-1].size - self._come[0].size, 0.0) / connected if connected > 0 else 0.0

    @property
    def since(self) -> float:
        """Since when it is looked at, at most some seconds ago."""
        return self._come[0].t if self._come else 0.0

    @property
    def limited(self) -> tuple[float, float]:
        """From 0, if the link limits them all, to 1, if the server limits each; and how far that is in doubt."""
        prior = (_NOISE / _SLOPE) ** 2
        weight = self._weight or 1.0
        varies = max(self._number_squared - self._number**2 / weight, 0.0) + prior
        slope = (self._both - self._number * self._rate / weight + prior * _SLOPE) / varies
        return min(max(slope, 0.0), 1.0), _NOISE / sqrt(varies)

    @property
    def uneven(self) -> float:
        """The share by which the rate may change: about as much as it did."""
        if self.rate <= 0:
            return _UNKNOWN
        first, middle, last = self._come[0], self._come[len(self._come) // 2], self._come[-1]
        before, after = _slope(first, middle), _slope(middle, last)
        changed = _UNEVEN * abs(log(after / before)) if before > 0 and after > 0 else 1.0
        return changed + _SETTLED / (last.t - first.t)


def _slope(first: _Come, last: _Come) -> float:
    return (last.size - first.size) / (last.t - first.t) if last.t > first.t else 0.0
