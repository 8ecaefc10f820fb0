"""How fast files and bytes are unpacked, compared with what is usual, and how far that may be wrong.

A file costs time, and so does each byte in it. On a busy disk files take several times as long, while bytes do not, and
some installs begin with large files and end with small ones. So two factors are learned: whatever took too long is put
down to both, to each by its share of the work and by how far it is in doubt (a Kalman filter of their logarithms). What
was not measured yet stays in doubt: after a wheel with few large files, that many small ones are left says little.

Where others have most of the processors, how slow all will be is known before anything is measured, from what they left
to uv; and what was measured says less, as it changes. So the factors return to what was expected.
"""

from copy import copy
from math import exp, log, sqrt

from instui_engine.values import NamedTuple

_FILES, _SIZE = 1.0, 0.4  # how far the factors are in doubt in the beginning: deviations of their logarithms
_COMMON = 0.7  # how far they go together: the correlation of these doubts
_FILES_BUSY = 0.6  # of files, where others have so much of the processors that it is known how slow they will be
_ALONE = 0.4  # the share of the processors that uv uses while it decides, where nobody else wants them
_LEAST = 0.02  # a share of the processors that is left by others, however many they are
_DRIFT = 0.15  # how far each may change in a second
_DRIFT_BUSY, _RETURN = 0.05, 0.25  # there, as they go that share of the way back to what was expected
_NOISE = 0.25  # how far a second of work is off: no two files are alike, and progress is told in steps
_MOMENT = 0.02  # seconds: so little work, done in as much time, goes without saying
_FAR = 5.0  # a logarithm: not even what stands still for hours is taken to be slower than that, 150 times


class Work(NamedTuple):
    """What there is to do, in usual seconds: with files, and with the bytes in them."""

    files: float = 0.0
    size: float = 0.0


class Speed:
    """How many times as long as usual files take, and bytes."""

    def __init__(self) -> None:
        self._log_files = self._log_size = self._expected = 0.0
        # what is in doubt: the variances, and the covariance
        self._of_files, self._of_size, self._of_both = _FILES**2, _SIZE**2, _COMMON * _FILES * _SIZE

    def expect(self, taken: float) -> None:
        """Nothing is measured yet, but others were seen to take that share of the processors while uv decided."""
        self._expected = max(log(_ALONE / max(1 - taken, _LEAST)), 0.0)
        self._log_files = self._log_size = self._expected
        files = _FILES_BUSY if self._expected else _FILES
        self._of_files, self._of_both = files**2, _COMMON * files * _SIZE

    @property
    def expected(self) -> float:
        """How many times as long as usual all was expected to take, as others have the processors: 1.0, or more."""
        return exp(self._expected)

    def copy(self) -> "Speed":
        """A copy, which changes by itself from now on."""
        return copy(self)

    def measure(self, done: Work, seconds: float, elapsed: float, weight: float = 1.0) -> None:
        """In `elapsed` seconds that was done, and took so many `seconds` of workers; it counts by `weight`."""
        # what was measured long ago says little of now, but nothing is more in doubt than in the beginning
        if self._expected:
            kept = exp(-_RETURN * elapsed)
            self._log_files = self._expected + kept * (self._log_files - self._expected)
            self._log_size = self._expected + kept * (self._log_size - self._expected)
        each = _DRIFT_BUSY if self._expected else _DRIFT
        drift = min(each**2 * elapsed, max(_FILES**2 - self._of_files, 0.0))
        self._of_files += drift
        self._of_size += drift
        self._of_both += _COMMON * drift
        expected, moment = self.seconds(done) + _MOMENT, _MOMENT / 2
        # their parts of the expected time: if a factor is wrong by a hundredth, so is that part
        files, size = (done.files * self.files + moment) / expected, (done.size * self.size + moment) / expected
        # how the doubt of the expected time goes with those of the two, and with the noise, how much there is of it
        with_files = files * self._of_files + size * self._of_both
        with_size = files * self._of_both + size * self._of_size
        # a second in which others have most of the processors says as much as the work that is done in it
        shown = min(done.files + done.size + _MOMENT, expected) if self._expected else expected
        total = files * with_files + size * with_size + _NOISE**2 / (weight * shown)
        # not the logarithm of the quotient: it makes too much of moments in which no progress was told
        wrong = max(1 - expected / (seconds + _MOMENT), -1.0) / total
        self._log_files = _near(self._log_files + with_files * wrong)
        self._log_size = _near(self._log_size + with_size * wrong)
        self._of_files -= with_files**2 / total
        self._of_size -= with_size**2 / total
        self._of_both -= with_files * with_size / total

    @property
    def files(self) -> float:
        """The factor of files."""
        return exp(self._log_files)

    @property
    def size(self) -> float:
        """The factor of bytes."""
        return exp(self._log_size)

    def seconds(self, work: Work) -> float:
        """How long that takes a worker."""
        return work.files * self.files + work.size * self.size

    def factor(self, work: Work) -> float:
        """How many times as long as usual that takes."""
        return self.seconds(work) / (work.files + work.size)

    def doubt(self, work: Work) -> float:
        """The share by which that may be wrong."""
        share = work.files * self.files / self.seconds(work)
        files, both, size = (
            share**2 * self._of_files,
            share * (1 - share) * self._of_both,
            (1 - share) ** 2 * self._of_size,
        )
        return sqrt(max(files + 2 * both + size, 0.0))


def _near(logarithm: float) -> float:
    return max(-_FAR, min(logarithm, _FAR))
