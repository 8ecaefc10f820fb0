"""How much longer work takes than usual, measured while it is done, and how far that may be wrong."""

from math import exp, hypot, log

from instui_engine.values import NamedTuple

from .standing import Work

_SHORT = 0.7  # seconds of the shorter average
_MOMENT = 0.02  # seconds: so little work, done in as much time, goes without saying
_LEARNED = 0.7  # seconds of measuring after which half of the doubt is gone
_FAST = 0.4  # of `certain`, if it is faster than usual
_STRANGE = 0.4  # of the square of how far it is from the usual one: something else takes the machine for a while
_SETTLED = 5.0  # seconds of measuring after which half of that is gone
_CHANGE = 0.6  # of how far the shorter average is from the longer one
_APART = 0.5  # of how much longer it takes: by so much more the files may be to blame than their bytes, or less


class Steadiness(NamedTuple):
    """How far a kind of work can be relied on to go on as it does.

    What was measured is an average of about `memory` seconds; `certain` seconds of a worker count for half.
    `restless`: the share by which the pace of what is left always differs. `strange`: how much it is in doubt because
    it is not the usual one.
    """

    memory: float
    certain: float
    restless: float
    strange: float = _STRANGE


class Average:
    """Work and the seconds that it took, of which what is long ago counts for less."""

    def __init__(self, memory: float) -> None:
        """`memory`: seconds."""
        self._memory = memory
        self.seconds = self.files = self.content = 0.0

    def add(self, files: float, content: float, seconds: float, elapsed: float) -> None:
        """In `elapsed` seconds that was done in so many `seconds` of workers."""
        kept = exp(-elapsed / self._memory)
        self.seconds = self.seconds * kept + seconds
        self.files = self.files * kept + files
        self.content = self.content * kept + content

    @property
    def factor(self) -> float:
        """How many times as long as usual it took."""
        return (self.seconds + _MOMENT) / (self.files + self.content + _MOMENT)


class Pace:
    """How many times as long as usual some kind of work takes: what was expected, and more and more what was measured.

    Both are weighed by their logarithms, as twice as long is as far from usual as half as long. The pace is in doubt as
    far as it is only expected, as far as it has just changed, as far as it is not the usual one, and always a little.
    """

    def __init__(self, steadiness: Steadiness) -> None:
        """Nothing is measured yet."""
        self._steadiness = steadiness
        self._long, self._short = Average(steadiness.memory), Average(_SHORT)
        self._all = 0.0  # seconds of measuring

    def measure(self, before: Work, now: Work, seconds: float, elapsed: float, weight: float = 1.0) -> None:
        """In `elapsed` seconds that work was done in so many `seconds` of workers, which count by `weight`."""
        files, content = (weight * max(new - old, 0.0) for old, new in zip(before, now, strict=True))
        self._all += weight * seconds
        self._long.add(files, content, weight * seconds, elapsed)
        self._short.add(files, content, weight * seconds, elapsed)

    @property
    def known(self) -> float:
        """How far it was measured, from 0.0 to 1.0. To be fast is no accident, as a slow start may be."""
        certain = self._steadiness.certain * (_FAST if self._long.factor < 1 else 1)
        return self._all / (self._all + certain)

    def factor(self, expected: float = 1.0) -> float:
        """How many times as long as usual it takes."""
        return float(expected ** (1 - self.known) * self._long.factor**self.known)

    def doubt(self, unsure: float, left: Work) -> float:
        """The share by which that may be wrong; `unsure`: that of what was expected.

        Where the files took long, or their bytes, but what is `left` is of another mixture, that is in doubt, too.
        """
        far = abs(log(self._long.factor)) * self.known
        change = _CHANGE * abs(log(self._short.factor / self._long.factor)) * self.known
        mixture, done = 0.0, self._long.files + self._long.content
        if done > 0 and sum(left) > 0:
            mixture = abs(left.files / sum(left) - self._long.files / done)
        doubts = (
            unsure / (1 + self._all / _LEARNED) ** 0.5,
            change,
            _APART * far * mixture,
            self._steadiness.strange * far**2 / (1 + self._all / _SETTLED),
        )
        return hypot(self._steadiness.restless, *doubts)
