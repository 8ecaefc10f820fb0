"""How much longer work takes than usual, measured while it is done."""

from math import exp

from .standing import Work

_APART = 1.5  # how far the factors of files and of bytes may be apart, of the square of how far theirs is from 1


class Pace:
    """How much longer work takes than usual: at first as long as usual, and more and more what was measured."""

    def __init__(self, memory: float, doubt: float, certain: float, slower: float = 1.0) -> None:
        """It is an average of about `memory` seconds.

        `doubt`: seconds that what is usual counts for, half of it after `certain` seconds of measuring. `slower`: what
        is left takes so much longer than what was done.
        """
        self._memory, self._doubt, self._certain, self._slower = memory, doubt, certain, slower
        self._all = self._seconds = self._files = self._content = 0.0

    def measure(self, before: Work, now: Work, seconds: float, elapsed: float, weight: float = 1.0) -> None:
        """In `elapsed` seconds that work was done in so many `seconds` of workers, which count by `weight`."""
        kept = exp(-elapsed / self._memory)
        self._all += seconds
        self._seconds = self._seconds * kept + weight * seconds
        self._files = self._files * kept + weight * max(now.files - before.files, 0.0)
        self._content = self._content * kept + weight * max(now.content - before.content, 0.0)

    def factor(self, known: float = 1.0) -> float:
        """The seconds that a usual one takes; `known`: as far as is known before."""
        doubt = self._counts()
        return self._slower * (self._seconds + doubt) / (self._files + self._content + doubt / known)

    def taken_for_usual(self) -> float:
        """How much of the factor is what is usual, and not measured: from 1.0 downwards."""
        doubt = self._counts()
        return doubt / (self._seconds + doubt)

    def _counts(self) -> float:
        """The seconds that what is usual counts for by now."""
        return self._doubt / (1 + self._all / self._certain)

    def doubt(self, left: Work, factor: float) -> float:
        """By how many seconds what is left may take longer or shorter than by that factor.

        Where work takes longer than usual, it may be the files that do, or their bytes. That says how long work of the
        same mixture takes; but where the large files are done, the small ones that are left may go much faster.
        """
        done = self._files + self._content
        if done <= 0:
            return 0.0
        return _APART * abs(factor - 1) ** 2 * abs(left.files * self._content - left.content * self._files) / done
