"""The time that is left of an install, estimated from what is left to do and how fast this session did it so far.

Fetching is counted in bytes, against the rate of the last seconds. Unpacking and staging are counted in `Work`, times
factors that are measured (`Pace`). A wheel says how many files it has as soon as its own file is here. The downloads
under way share their rate; the workers unpack wheels as they come in. Planning, committing and cleaning up take longer
where wheels replace installed ones; no speed of theirs is measured. What all that usually takes, the last sessions on
this machine have shown (`Rates`).

Each look predicts the end. The end that is told follows the predictions. It is told from when they have agreed for a
while, as long as little of what is left is in doubt, and until they differ widely. The constants were found with
recorded installs on a quiet machine and on a busy one.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from math import exp, inf

from instui_engine.values import NamedTuple

from .pace import Pace
from .rates import COMPARED, USUAL, Measured, Rates, Took, measured
from .standing import Standing, Work

MOST = 500  # wheels: to look at more four times a second would cost too much
PATIENCE = 1.0  # seconds of waiting for others or the disk, or of planning too long, after which nobody can tell

_COMMIT, _COMMITTED = 0.05, 0.5e-3  # to commit at all, and for each wheel
_SYNCED = 0.05  # to sync what was copied, of the time to copy it
_SLOWER = 1.05  # what is left takes longer than what was done

# seconds of memory, seconds that what is usual counts for, and seconds of measuring until it counts for half of that
_STAGING = (4.0, 0.5, inf)
_WINDOW = 2.5  # seconds of which the rate of the downloads is the average
_UNKNOWN = 0.3  # of the bytes to fetch: most that may be those of wheels of unknown size

_WARM_UP = 0.3  # seconds of work before there is any prediction
_QUICK, _SLOWNESS, _FOLLOW = 0.25, 0.3, 8.0  # seconds in which the end follows predictions: before it is told, and then
_STEADY, _LONGEST = 0.5, 6.0  # predictions have to agree for this share of what is left, at most for so long
_DIFFERENT = 0.45  # of what is left: by how much they differ to be told no longer
_GUESSED = 0.8  # of the time to unpack what is still to come: nobody knows its files yet
_INSIDE = 0.35  # of the time that one wheel takes longer than all others: its files may be hard or easy to unpack
_STRANGE = 4.0  # times as slow as usual: something else takes the machine, and nobody knows until when
_DOUBTFUL = 0.25  # of what is left: the most that may be in doubt
_SPREAD = 1.2  # of the spread of earlier sessions: how far this one may be from them
_LEAST = 1.25  # seconds: of less that is left, differences are no sign
_OVERDUE = 1.0  # seconds that an end may be late

_AFTER_PLAN, _AFTER_STAGE = ("stage", "commit", "clean"), ("commit", "clean")  # parts of the session


class _Manner(NamedTuple):
    """How much is made of what this session shows: `unpacking` as `_STAGING`, and `shared`, which is how much a second
    counts in which downloads take the processors, too. To be told, predictions have to agree for `shortest` seconds,
    and differ at most by the share `agreed` of what is left.
    """

    unpacking: tuple[float, float, float]
    shared: float
    shortest: float
    agreed: float


_UNKNOWN_MACHINE = _Manner((6.0, 2.0, 2.0), 0.5, 1.0, 0.35)
_KNOWN_MACHINE = _Manner((12.0, 6.0, 20.0), 0.2, 0.5, 0.25)  # what disturbs it for a moment is soon over


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

    def __init__(self, rates: Rates = USUAL) -> None:
        """`rates`: what is known of the machine."""
        self.rates = rates
        self._manner = _KNOWN_MACHINE if rates.known else _UNKNOWN_MACHINE
        self._late_work = self._late_seconds = 0.0  # of the later half of unpacking: in COMPARED, and as it was
        self._begun: float | None = None
        self._before: tuple[float, Standing] | None = None
        self._fetched: deque[tuple[float, float]] = deque()  # time, and bytes by then, while wheels are fetched
        self._unpacking, self._staging = Pace(*self._manner.unpacking, _SLOWER), Pace(*_STAGING)
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
            weight = self._manner.shared if now.fetching else 1.0
            others, rate = workers + now.starting - 1, self._rate() if now.fetching or before.fetching else 0.0
            seconds = elapsed * workers
            alone = seconds / (1 + self.rates.crowd * others + self.rates.fetch * rate)
            self._unpacking.measure(before.unpacked, now.unpacked, alone, elapsed, weight)
            # of the first half nothing is kept: while wheels come in and helpers start, it goes more slowly
            if not rate and sum(now.unpacked) >= sum(now.to_acquire):
                done = self._compared(now.unpacked, COMPARED) - self._compared(before.unpacked, COMPARED)
                self._late_work += max(done, 0.0)
                self._late_seconds += seconds / (1 + COMPARED.crowd * others)
        elif now.staged.files and now.to_stage.files:
            staged = [self._staging_of(one.staged, how, self.rates) for one in (before, now)]
            self._staging.measure(staged[0], staged[1], elapsed * how.jobs, elapsed)

    def measured(self, now: Standing, how: How, took: Mapping[str, float]) -> Measured:
        """What the session has shown of the machine, when it is over; `took`: the seconds of its parts."""
        plan, stage, commit, clean = (took.get(name, 0.0) for name in ("plan", "stage", "commit", "clean"))
        staged = sum(self._staging_of(now.staged, how, COMPARED))
        return measured(
            Took(
                unpacked=self._late_work,
                unpacking=self._late_seconds,
                staged=staged,
                staging=stage * how.jobs,
                copies=how.copies,
                replaced=now.replaced,
                plan=plan,
                clean=clean,
                commit=commit - _COMMIT - _COMMITTED * now.wheels,
            )
        )

    def _compared(self, work: Work, rates: Rates) -> float:
        """The seconds of that work of unpacking at other rates."""
        return work.files * rates.file / self.rates.file + work.content * rates.byte / self.rates.byte

    def _staging_of(self, work: Work, how: How, rates: Rates) -> Work:
        """The work of bringing so many files into the stage, at these rates."""
        files, content = work.files / self.rates.file, work.content / self.rates.byte
        return Work(rates.copy * files, rates.copy_byte * content) if how.copies else Work(rates.link * files, 0.0)

    def _predict(self, t: float, now: Standing, how: How) -> tuple[float, float] | None:
        """Seconds to the end, and how many of them are in doubt; None if there is no telling."""
        rate = self._rate()
        left = sum(one.left for one in (*now.fetching, *now.to_fetch))
        if (now.fetching or now.to_fetch) and (rate <= 0 or now.guessed > _UNKNOWN * left):
            return None
        factor, elapsed = self._unpacking.factor(), t - how.since
        stage = self._staging.factor(1.0 if self.rates.known else factor)
        plan, clean = self.rates.plan * factor * now.replaced, self.rates.clean * factor * now.replaced
        if how.part == "plan" and elapsed > plan + PATIENCE:
            return None
        came = arrivals(now, rate)
        seconds = acquired(now, came, factor, how.jobs, self.rates.crowd, self.rates.fetch * rate)
        if seconds and factor > _STRANGE:
            return None
        doubt = self._doubt(now, came, seconds, factor, how.jobs)
        doubt += _SPREAD * self.rates.spread * min(seconds, factor * sum(now.to_acquire))  # not of waits for downloads
        to_stage = self._staging_of(now.to_stage, how, self.rates)
        staged = stage * sum(to_stage) / how.jobs
        doubt += self._staging.doubt(to_stage, stage) / how.jobs
        spread = self.rates.copy_spread if how.copies else self.rates.link_spread
        doubt += _SPREAD * spread * self._staging.taken_for_usual() * staged
        replaced = self.rates.replace * now.to_replace
        if how.part not in _AFTER_PLAN:
            replaced += max(plan - elapsed, 0.0) if how.part == "plan" else plan
        cleaned = max(clean - elapsed, 0.0) if how.part == "clean" else clean
        doubt += _SPREAD * self.rates.replace_spread * (replaced + cleaned)
        seconds += staged + _COMMIT + _COMMITTED * now.to_commit + replaced + cleaned
        if how.copies and how.part not in _AFTER_STAGE:
            seconds += _SYNCED * (staged + stage * sum(self._staging_of(now.staged, how, self.rates)) / how.jobs)
        return seconds, doubt

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
        since = t - min(max(_STEADY * left, self._manner.shortest), _LONGEST)
        while len(self._ends) > 1 and self._ends[1][0] <= since:
            self._ends.popleft()
        ends = [self._end, *(one for _, one in self._ends)]
        difference = (max(ends) - min(ends)) / left
        if difference > _DIFFERENT or doubt > _DOUBTFUL * left:
            self._is_told = False
        elif difference < self._manner.agreed and self._ends[0][0] <= since:
            self._is_told = True


def acquired(
    now: Standing, came: Sequence[tuple[float, Work]], factor: float, jobs: int, crowd: float = 0.0, fetch: float = 0.0
) -> float:
    """Seconds until all is unpacked: wheels come in like that, a worker takes `factor` seconds for a usual one.

    Each takes longer by `crowd` for each other worker, and by `fetch` while wheels are fetched.
    """
    jobs = max(min(jobs, 1 + len(now.unpacking) + len(now.to_unpack) + len(came)), 1)
    begun = sorted((sum(one) for one in now.unpacking), reverse=True)
    waiting = deque([*begun[jobs:], *sorted((sum(one) for one in now.to_unpack), reverse=True)])
    busy = begun[:jobs]
    heapify(busy)  # how much will have been done, by each worker that was always busy, when each of them is free
    t = done = 0.0
    coming, fetched = deque(came), came[-1][0] if came else 0.0
    while busy or waiting or coming:
        while coming and coming[0][0] <= t:
            waiting.append(sum(coming.popleft()[1]))
        while waiting and len(busy) < jobs:
            heappush(busy, done + waiting.popleft())
        if not busy:
            t = coming[0][0]
            continue
        each = factor * (1 + crowd * (len(busy) - 1) + (fetch if t < fetched else 0.0))  # seconds
        until = t + (busy[0] - done) * each
        if coming and until > coming[0][0]:
            done, t = done + (coming[0][0] - t) / each, coming[0][0]
        else:
            t, done = until, heappop(busy)
    return t


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
