"""The time that is left of an install, estimated from what is left to do and how fast this session did it so far.

Fetching is counted in bytes, against the rate of the last seconds. Unpacking and staging are counted in `Work`, times
factors that are measured (`Pace`). A wheel says how many files it has as soon as its own file is here. The downloads
under way share their rate; the workers unpack wheels as they come in. Planning, committing and cleaning up take longer
where wheels replace installed ones; no speed of theirs is measured.

Each look predicts the end. The end that is told follows the predictions. It is told from when they have agreed for a
while, as long as little of what is left is in doubt, and until they differ widely. The constants were found with
recorded installs on a quiet machine and on a busy one.
"""

from collections import deque
from collections.abc import Sequence
from heapq import heapify, heappop, heapreplace
from math import exp, inf

from instui_engine.values import NamedTuple

from .pace import Pace
from .standing import FILE, Standing, Work

MOST = 500  # wheels: to look at more four times a second would cost too much
PATIENCE = 1.0  # seconds of waiting for others or the disk, or of planning too long, after which nobody can tell

_LINKED = 0.27  # to link a file into the stage, in the time to make one
_COPIED = 1.2  # to copy it there, in the time to make one; the bytes are on top of that
_PLANNED, _CLEANED = 1.5, 2.2  # for each file that is replaced, in the time to link one
_COMMIT, _COMMITTED, _REPLACED = 0.05, 0.5e-3, 5e-3  # to commit at all, for each wheel, and if it replaces one
_SYNCED = 0.05  # to sync what was copied, of the time to copy it
_SLOWER = 1.05  # what is left takes longer than what was done

# seconds of memory, seconds that what is usual counts for, and seconds of measuring until it counts for half of that
_UNPACKING, _STAGING = (6.0, 2.0, 2.0), (4.0, 0.5, inf)
_SHARED = 0.5  # how much a second counts in which downloads take the processors, too
_WINDOW = 2.5  # seconds of which the rate of the downloads is the average
_UNKNOWN = 0.3  # of the bytes to fetch: most that may be those of wheels of unknown size

_WARM_UP = 0.3  # seconds of work before there is any prediction
_QUICK, _SLOWNESS, _FOLLOW = 0.25, 0.3, 8.0  # seconds in which the end follows predictions: before it is told, and then
_STEADY, _SHORTEST, _LONGEST = 0.5, 1.0, 6.0  # predictions have to agree for this share of what is left, in seconds
_AGREED, _DIFFERENT = 0.35, 0.45  # of what is left: by how much they differ to be told, and no longer to be
_GUESSED = 0.8  # of the time to unpack what is still to come: nobody knows its files yet
_INSIDE = 0.35  # of the time that one wheel takes longer than all others: its files may be hard or easy to unpack
_STRANGE = 4.0  # times as slow as usual: something else takes the machine, and nobody knows until when
_DOUBTFUL = 0.25  # of what is left: the most that may be in doubt
_LEAST = 1.25  # seconds: of less that is left, differences are no sign
_OVERDUE = 1.0  # seconds that an end may be late

_AFTER_PLAN, _AFTER_STAGE = ("stage", "commit", "clean"), ("commit", "clean")  # parts of the session


class How(NamedTuple):
    """How a session works, and at what it is: the `part` that began at `since`, "" if unknown.

    `jobs` workers have a processor each. `copies`: it stages by copies. `replaces`: all wheels are taken to replace
    installed ones, as long as there is no plan.
    """

    jobs: int
    part: str = ""
    since: float = 0.0
    copies: bool = False
    replaces: bool = False


class Estimator:
    """Looks at the wheels from time to time, and says how long it will take."""

    def __init__(self) -> None:
        self._begun: float | None = None
        self._before: tuple[float, Standing] | None = None
        self._fetched: deque[tuple[float, float]] = deque()  # time, and bytes by then, while wheels are fetched
        self._unpacking, self._staging = Pace(*_UNPACKING, _SLOWER), Pace(*_STAGING)
        self._end: float | None = None  # as it is told
        self._ends: deque[tuple[float, float]] = deque()  # time, and the end that was predicted then
        self._is_told = False

    def left(self, t: float) -> float | None:
        """Seconds that are left at `t`; None if that is not known."""
        if self._end is None or not self._is_told or t - self._end > _OVERDUE:
            return None
        return max(self._end - t, 0.0)

    def look(self, t: float, now: Standing, how: How) -> None:
        """Predict the end from how things stand at `t`, later than the last time."""
        if self._begun is None and (now.unpacking or now.fetching or now.staged.files):
            self._begun = t
        if self._before is not None:
            self._measure(t - self._before[0], t, self._before[1], now, how)
        self._before = t, now
        predicted = self._predict(t, now, how)
        if predicted is None:
            self._end = None
            self._is_told = False
        elif self._begun is not None and t - self._begun >= _WARM_UP:
            seconds, doubt = predicted
            self._conclude(t, t + seconds, doubt)

    def _measure(self, elapsed: float, t: float, before: Standing, now: Standing, how: How) -> None:
        if now.fetching or before.fetching:
            self._fetched.append((t, now.fetched))
            while len(self._fetched) > 2 and self._fetched[1][0] <= t - _WINDOW:
                self._fetched.popleft()
        # who has just begun with a wheel reads it, and makes its directories: that is no progress yet
        workers = min(how.jobs, max(len(one.unpacking) + len(one.to_unpack) for one in (before, now))) - now.starting
        if workers > 0:
            weight = _SHARED if now.fetching else 1.0
            self._unpacking.measure(before.unpacked, now.unpacked, elapsed * workers, elapsed, weight)
        elif now.staged.files and now.to_stage.files:
            done = staging(before.staged, how), staging(now.staged, how)
            self._staging.measure(*done, elapsed * how.jobs, elapsed)

    def _predict(self, t: float, now: Standing, how: How) -> tuple[float, float] | None:
        """Seconds to the end, and how many of them are in doubt; None if there is no telling."""
        rate = self._rate()
        left = sum(one.left for one in (*now.fetching, *now.to_fetch))
        if (now.fetching or now.to_fetch) and (rate <= 0 or now.guessed > _UNKNOWN * left):
            return None
        factor, elapsed = self._unpacking.factor(), t - how.since
        stage = self._staging.factor(factor)
        link = _LINKED * FILE * factor
        plan, clean = _PLANNED * link * now.replaced, _CLEANED * link * now.replaced
        if how.part == "plan" and elapsed > plan + PATIENCE:
            return None
        came = arrivals(now, rate)
        seconds = acquired(now, came, factor, how.jobs)
        if seconds and factor > _STRANGE:
            return None
        doubt = self._doubt(now, came, seconds, factor, how.jobs)
        to_stage = staging(now.to_stage, how)
        staged = stage * sum(to_stage) / how.jobs
        doubt += self._staging.doubt(to_stage, stage) / how.jobs
        seconds += staged + _COMMIT + _COMMITTED * now.to_commit + _REPLACED * now.to_replace
        if how.part not in _AFTER_PLAN:
            seconds += max(plan - elapsed, 0.0) if how.part == "plan" else plan
        if how.copies and how.part not in _AFTER_STAGE:
            seconds += _SYNCED * (staged + stage * sum(staging(now.staged, how)) / how.jobs)
        return seconds + (max(clean - elapsed, 0.0) if how.part == "clean" else clean), doubt

    def _doubt(
        self, now: Standing, came: Sequence[tuple[float, Work]], seconds: float, factor: float, jobs: int
    ) -> float:
        """How many of these `seconds` of fetching and unpacking are in doubt."""
        longest = factor * max(map(sum, now.unpacking), default=0.0)
        doubt = self._unpacking.doubt(now.to_acquire, factor) / jobs + _INSIDE * max(2 * longest - seconds, 0.0)
        if came:  # how many files they have is not known yet
            doubt += _GUESSED * min(seconds - came[-1][0], factor * sum(sum(work) for _, work in came))
        return doubt

    def _rate(self) -> float:
        """Bytes that are fetched in a second."""
        if not self._fetched:
            return 0.0
        (t0, bytes0), (t1, bytes1) = self._fetched[0], self._fetched[-1]
        return (bytes1 - bytes0) / (t1 - t0) if t1 > t0 else 0.0

    def _conclude(self, t: float, end: float, doubt: float) -> None:
        """Follow the prediction; decide whether to tell it."""
        if self._end is None:
            self._end = end
            self._ends.clear()
        else:  # the less is left, the faster it follows
            slowness = min(_SLOWNESS, max(self._end - t, 0.5) / _FOLLOW) if self._is_told else _QUICK
            self._end += (1 - exp(-(t - self._ends[-1][0]) / slowness)) * (end - self._end)
        self._ends.append((t, end))
        left = max(self._end - t, end - t, _LEAST)
        since = t - min(max(_STEADY * left, _SHORTEST), _LONGEST)
        while len(self._ends) > 1 and self._ends[1][0] <= since:
            self._ends.popleft()
        ends = [self._end, *(one for _, one in self._ends)]
        difference = (max(ends) - min(ends)) / left
        if difference > _DIFFERENT or doubt > _DOUBTFUL * left:
            self._is_told = False
        elif difference < _AGREED and self._ends[0][0] <= since:
            self._is_told = True


def staging(work: Work, how: How) -> Work:
    """The work of bringing so many files into the stage."""
    return Work(_COPIED * work.files, work.content) if how.copies else Work(_LINKED * work.files, 0.0)


def acquired(now: Standing, came: Sequence[tuple[float, Work]], factor: float, jobs: int) -> float:
    """Seconds until all is unpacked: wheels come in like that, a worker takes `factor` seconds for a usual one."""
    jobs = min(jobs, 1 + len(now.unpacking) + len(now.to_unpack) + len(came))
    begun = sorted((factor * sum(one) for one in now.unpacking), reverse=True)
    to_unpack = sorted((factor * sum(one) for one in now.to_unpack), reverse=True)
    workers = begun[:jobs] + [0.0] * (jobs - len(begun))  # when each of them is free
    heapify(workers)
    for seconds in (*begun[jobs:], *to_unpack):
        heapreplace(workers, workers[0] + seconds)
    for t, one in came:
        heapreplace(workers, max(workers[0], t) + factor * sum(one))
    return max(workers)


def arrivals(now: Standing, rate: float) -> list[tuple[float, Work]]:
    """In how many seconds each wheel will have been fetched, and the work of unpacking it.

    The downloads share the rate equally; when one is done, the next begins.
    """
    wheels = [*now.fetching, *now.to_fetch]
    begun = len(now.fetching) or 1
    under_way = [(one.left, number) for number, one in enumerate(wheels[:begun])]
    heapify(under_way)
    t = share = 0.0  # bytes that each download has got by then; one that begins later is counted as if it had them
    found = []
    while under_way:
        most, first = under_way[0]
        t += (most - share) * len(under_way) / rate
        share = most
        found.append((t, wheels[first].work))
        if begun < len(wheels):
            heapreplace(under_way, (share + wheels[begun].left, begun))
            begun += 1
        else:
            heappop(under_way)
    return found
