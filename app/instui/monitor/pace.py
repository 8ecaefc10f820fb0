"""How much longer work takes than usual, measured while it is done, and how far that may be wrong."""

from copy import copy
from math import exp, hypot, log

_LONG, _SHORT = 3.0, 0.7  # seconds of which the two averages are
_CERTAIN = 0.4  # seconds of measuring that count as much as what was expected
_MOMENT = 0.02  # seconds: so little work, done in as much time, goes without saying
_LEARNED = 0.7  # seconds of measuring after which half of the doubt is gone
_FAST = 0.4  # of `_CERTAIN`, if it is faster than usual
_LASTS = 0.9  # of how far it is slower than usual: much of what slows it down is over before the end
_STRANGE = 0.4  # of the square of how far it is from the usual one: something else takes the machine for a while
_SETTLED = 5.0  # seconds of measuring after which half of that is gone
_CHANGE = 0.6  # of how far the shorter average is from the longer one


class Average:
    """Work and the seconds that it took, of which what is long ago counts for less."""

    def __init__(self, memory: float) -> None:
        """`memory`: seconds."""
        self._memory = memory
        self._done = self._seconds = 0.0

    def add(self, done: float, seconds: float, elapsed: float) -> None:
        """In `elapsed` seconds that was done in so many `seconds` of workers."""
        kept = exp(-elapsed / self._memory)
        self._done = self._done * kept + done
        self._seconds = self._seconds * kept + seconds

    @property
    def factor(self) -> float:
        """How many times as long as usual it took."""
        return (self._seconds + _MOMENT) / (self._done + _MOMENT)


class Pace:
    """How many times as long as usual some kind of work takes: what was expected, and more and more what was measured.

    Both are weighed by their logarithms, as twice as long is as far from usual as half as long. The pace is in doubt as
    far as it is only expected, as far as it has just changed, as far as it is not the usual one, and always a little.
    """

    def __init__(self, restless: float) -> None:
        """Nothing is measured yet. `restless`: the share by which the pace of what is left always differs."""
        self._restless = restless
        self._long, self._short = Average(_LONG), Average(_SHORT)
        self._all = 0.0  # seconds of measuring

    def copy(self) -> "Pace":
        """A copy, which changes by itself from now on."""
        other = copy(self)
        other._long, other._short = copy(self._long), copy(self._short)
        return other

    def measure(self, done: float, seconds: float, elapsed: float, weight: float = 1.0) -> None:
        """In `elapsed` seconds that was `done`, in usual seconds; it took so many `seconds` of workers.

        Both count by `weight`.
        """
        done, seconds = weight * max(done, 0.0), weight * max(seconds, 0.0)
        self._all += seconds
        for average in (self._long, self._short):
            average.add(done, seconds, elapsed)

    @property
    def known(self) -> float:
        """How far what was measured counts, from 0.0 to 1.0. To be fast is no accident, as a slow start may be."""
        certain, lasts = (_CERTAIN * _FAST, 1.0) if self._long.factor < 1 else (_CERTAIN, _LASTS)
        return lasts * self._all / (self._all + certain)

    def factor(self, expected: float = 1.0) -> float:
        """How many times as long as usual it takes."""
        return float(expected ** (1 - self.known) * self._long.factor**self.known)

    def doubt(self, unsure: float) -> float:
        """The share by which that may be wrong; `unsure`: that of what was expected."""
        return hypot(
            self._restless,
            unsure / (1 + self._all / _LEARNED) ** 0.5,
            _CHANGE * abs(log(self._short.factor / self._long.factor)) * self.known,
            _STRANGE * (log(self._long.factor) * self.known) ** 2 / (1 + self._all / _SETTLED),
        )
