"""The time that is left of an install: how much work is left, how fast this session does it, and how sure both are.

The model, step by step:

1. What is left is counted (`standing`): bytes to fetch, files and bytes to unpack and to stage, wheels to commit, files
   of old versions to remove. What is unknown of a wheel is guessed from its size and its name.
2. A usual machine needs so many microseconds for each file and so many nanoseconds for each byte (`rates`). If several
   installs have run here before, these numbers come from them.
3. While the install runs, its speed is compared with that: "unpacking takes 1.4 times as long as usual" is a `Pace`.
   Unpacking, staging, replacing and removing have one each. Work that has not begun is expected to be as slow as the
   work before it, and what was slow a little faster: some of what slows it down ends.
4. Downloads go on at the rate of the last seconds. When each wheel will be here, and when the workers will have
   unpacked the last one, is simulated (`pipeline`). Staging, committing and removing come after that, so their times
   are added.
5. Each of these times has a doubt: the seconds by which it may be wrong. It is large if the pace was measured for a
   moment only, has just changed, or is far from usual because something else uses the machine; if much of the work is
   one wheel, as some of its files are unpacked several times as fast as others (on ext4, files are made slowly for
   minutes after many were removed); and if old versions are to be removed. Doubts are taken to be independent, so their
   squares are added.
6. The time is shown only while the doubt is small: about a fifth of what is left, or half a second. What is shown
   follows the prediction smoothly.

The constants were found with recorded installs, on quiet machines and on busy ones. `tests/support/time_left.py` prints
how well the time is told for each of them: a rule without which that table is no worse should go. Only `_UNEVEN` has no
effect there, as the servers of these recordings send evenly.
"""

from collections import deque
from collections.abc import Mapping
from copy import copy
from math import exp, hypot, log

from instui_engine.values import NamedTuple

from .pace import Pace
from .pipeline import acquired, arrivals
from .rates import USUAL, Measured, Rates, Took, measured
from .standing import Content, Standing

MOST = 500  # wheels: of more, looks are as rare as their cost grows
PATIENCE = 1.0  # seconds of waiting for others or the disk, or of planning too long, after which nobody can tell

_COMMIT, _COMMITTED = 0.08, 0.7e-3  # seconds to commit at all, and for each wheel
_BUSY = 4.0  # times what the small steps of a session take longer on a busy machine: so far they may be wrong
_SYNCED = 0.05  # to sync what was copied, of the time to copy it

# the share by which the pace of what is left always differs: of work on the new files, of work on those they replace,
# and of their removal, where caches and the disk decide it, and some trees have many times as many files as others
_RESTLESS, _RESTLESS_OLD, _RESTLESS_CLEAN = 0.1, 0.3, 1.2
_SHARED = 0.1  # of a second of unpacking while wheels are fetched: workers wait for wheels, and share processors
_IDLE = 0.6  # of the time to unpack a wheel for which a worker waits: it has the machine almost for itself
_WINDOW = 3.0  # seconds of which the rate of the downloads is the average

# shares that are in doubt
_UNSURE = 0.5  # of a pace that is only what is usual, here or anywhere: other programs may take the machine
_UNLIKE = 0.4  # of a pace that is taken from another kind of work; on a strange machine, more
_UNEVEN = 0.5  # of how much the rate of the downloads has changed
_INSIDE = 0.2  # of the time that one wheel takes longer than all others: its files may be hard or easy to unpack

_TELL, _TELL_LEAST = 0.22, 0.5  # the most doubt to be told: of what is left, or seconds
_HIDE, _HIDE_LEAST = 0.35, 0.7  # and to be told any longer
# the end that is told follows predictions in so many seconds, or in what is left by so much, if that is shorter
_SLOWNESS, _FOLLOW = 0.3, 5.0
_OVERDUE = 1.0  # seconds that an end may be late

_AFTER_PLAN, _AFTER_STAGE = ("stage", "commit", "clean"), ("commit", "clean")  # parts of the session


class How(NamedTuple):
    """How a session works, and at what it is: the `part` that began at `since`, "" if unknown.

    `jobs` workers have a processor each. `copies`: it stages by copies. `replaces`: all wheels are taken to replace
    installed ones, as long as there is no plan. `cleaned`: the share of what is to be removed in the end that is gone.
    """

    jobs: int
    part: str = ""
    since: float = 0.0
    copies: bool = False
    replaces: bool = False
    cleaned: float = 0.0


class Left(NamedTuple):
    """Seconds that are left, and by how many of them that may be wrong."""

    seconds: float
    doubt: float


class Estimator:
    """Looks at the wheels from time to time, and says how long it will take."""

    def __init__(self, rates: Rates = USUAL) -> None:
        """`rates`: what is known of the machine."""
        self.rates = rates
        self._late_work = self._late_seconds = 0.0  # of the later half of unpacking: as is usual, and as it was
        self._before: tuple[float, Standing, How] | None = None
        self._fetched: deque[tuple[float, float]] = deque()  # time, and bytes by then, while wheels are fetched
        self._unpacking, self._staging = Pace(_RESTLESS), Pace(_RESTLESS)
        self._replacing, self._cleaning = Pace(_RESTLESS_OLD), Pace(_RESTLESS_CLEAN)
        self._end = 0.0  # as it is told
        self._was_sure = self._is_told = False

    def copy(self) -> "Estimator":
        """A copy, which looks by itself from now on."""
        other = copy(self)
        other._fetched = self._fetched.copy()
        other._unpacking, other._staging = self._unpacking.copy(), self._staging.copy()
        other._replacing, other._cleaning = self._replacing.copy(), self._cleaning.copy()
        return other

    def left(self, t: float) -> float | None:
        """Seconds that are left at `t`; None if that is not known."""
        if not self._is_told or t - self._end > _OVERDUE:
            return None
        return max(self._end - t, 0.0)

    def look(self, t: float, now: Standing, how: How) -> None:
        """Predict the end from how things stand at `t`, later than the last time."""
        elapsed = 0.0
        if self._before is not None:
            t0, before, was = self._before
            elapsed = t - t0
            self._measure(t, elapsed, before, now, how)
            self._measure_replacing(elapsed, before, was, now, how)
        self._before = t, now, how
        left = self._predict(t, now, how) if now.begun else None
        if left is None:
            self._was_sure = self._is_told = False
        else:
            self._follow(t, elapsed, left)
            self._decide(left)

    def _measure(self, t: float, elapsed: float, before: Standing, now: Standing, how: How) -> None:
        is_fetching = bool(now.fetching or before.fetching)
        if is_fetching:
            self._fetched.append((t, now.fetched))
            while len(self._fetched) > 2 and self._fetched[1][0] <= t - _WINDOW:
                self._fetched.popleft()
        workers = min(how.jobs, max(len(one.unpacking) + len(one.to_unpack) for one in (before, now)))
        # who has just begun with a wheel reads it, and makes its directories: that is no progress yet
        seconds = elapsed * workers - sum(min(t - since, elapsed) for since in now.starting)
        if seconds > 0 and how.part != "build":
            others, rate = workers - 1, self._rate() if is_fetching else 0.0
            alone = seconds / (1 + self.rates.crowd * others + self.rates.fetch * rate)
            weight = _SHARED if now.fetching else 1.0
            self._unpacking.measure(now.unpacked - before.unpacked, alone, elapsed, weight)
            # of the first half nothing is kept: while wheels come in and helpers start, it goes more slowly
            if not rate and now.unpacked >= now.to_acquire:
                self._late_work += max(now.unpacked - before.unpacked, 0.0) * USUAL.file / self.rates.file
                self._late_seconds += seconds / (1 + USUAL.crowd * others)
        elif how.part == "stage" and before.staged.files and now.to_stage.files:
            done = _staging(now.staged, how, self.rates) - _staging(before.staged, how, self.rates)
            self._staging.measure(done, elapsed * how.jobs, elapsed)

    def _measure_replacing(self, elapsed: float, before: Standing, was: How, now: Standing, how: How) -> None:
        """How long it took to plan, and takes to commit and to clean up, where wheels replace installed ones."""
        if now.replaced and was.part == "plan" and how.part != "plan":
            self._replacing.measure(self.rates.plan * now.replaced, how.since - was.since, 0.0)
        elif how.part == "commit" and before.to_replace > now.to_replace:
            done = self.rates.replace * (before.to_replace - now.to_replace)
            self._replacing.measure(done, elapsed, elapsed)
        elif how.cleaned > was.cleaned:
            done = self.rates.clean * now.replaced * (how.cleaned - was.cleaned)
            self._cleaning.measure(done, elapsed, elapsed)

    def measured(self, now: Standing, how: How, took: Mapping[str, float]) -> Measured:
        """What the session has shown of the machine, when it is over; `took`: the seconds of its parts."""
        plan, stage, commit, clean = (took.get(name, 0.0) for name in ("plan", "stage", "commit", "clean"))
        return measured(
            Took(
                unpacked=self._late_work,
                unpacking=self._late_seconds,
                staged=_staging(now.staged, how, USUAL),
                staging=stage * how.jobs,
                copies=how.copies,
                replaced=now.replaced,
                plan=plan,
                clean=clean,
                commit=commit - _COMMIT - _COMMITTED * now.wheels,
            )
        )

    def _predict(self, t: float, now: Standing, how: How) -> Left | None:
        """How long it will take; None if there is no telling."""
        rate = self._rate()
        if (now.fetching or now.to_fetch) and rate <= 0:
            return None
        factor = self._unpacking.factor()
        doubt = self._unpacking.doubt(_UNSURE)
        replacing = self._left_to_replace(t, now, how)
        if replacing is None:
            return None
        usual = _COMMIT + _COMMITTED * now.to_commit
        steps = usual * max(factor, 1.0)
        acquiring = self._left_to_acquire(now, rate, factor, doubt, how.jobs)
        staging = self._left_to_stage(now, factor, doubt, how)
        parts = acquiring, staging, replacing, Left(steps, _BUSY * (steps - usual))
        return Left(sum(part.seconds for part in parts), hypot(*(part.doubt for part in parts)))

    def _left_to_acquire(self, now: Standing, rate: float, factor: float, doubt: float, jobs: int) -> Left:
        """Until all is fetched and unpacked."""
        crowd, fetch = self.rates.crowd, self.rates.fetch * rate
        came = arrivals(now, rate)
        if came and not now.to_unpack:
            factor *= _IDLE
        seconds = acquired(now, came, factor, jobs, crowd, fetch)
        doubts = [acquired(now, came, factor * (1 + doubt), jobs, crowd, fetch) - seconds]
        longest = factor * max(now.unpacking, default=0.0)
        doubts.append(_INSIDE * max(2 * longest - seconds, 0.0))
        if came:
            slower = arrivals(now, rate / (1 + self._uneven()))
            doubts.append(acquired(now, slower, factor, jobs, crowd, fetch) - seconds)
        return Left(seconds, hypot(*doubts))

    def _left_to_stage(self, now: Standing, factor: float, doubt: float, how: How) -> Left:
        """Until all is staged, and synced if it is copied; `factor` and `doubt` are those of unpacking."""
        stage = self._staging.factor(factor)
        seconds = stage * _staging(now.to_stage, how, self.rates) / how.jobs
        wrong = seconds * self._staging.doubt(hypot(doubt, _UNLIKE * (1 + abs(log(factor)))))
        if how.copies and how.part not in _AFTER_STAGE:
            seconds += _SYNCED * (seconds + stage * _staging(now.staged, how, self.rates) / how.jobs)
        return Left(seconds, wrong)

    def _left_to_replace(self, t: float, now: Standing, how: How) -> Left | None:
        """To plan, commit and remove what is replaced; None if it is planned for too long."""
        pace, elapsed = self._replacing.factor(), t - how.since
        plan, commit = pace * self.rates.plan * now.replaced, pace * self.rates.replace * now.to_replace
        if how.part == "plan" and elapsed > plan + PATIENCE:
            return None
        if how.part not in _AFTER_PLAN:
            commit += max(plan - elapsed, 0.0) if how.part == "plan" else plan
        clean = self._cleaning.factor(pace) * self.rates.clean * now.replaced
        if how.part == "clean":
            clean = clean * (1 - how.cleaned) if how.cleaned else max(clean - elapsed, 0.0)
        doubt = self._replacing.doubt(_UNLIKE)
        return Left(commit + clean, commit * doubt + clean * self._cleaning.doubt(doubt))

    def _rate(self) -> float:
        """Bytes that are fetched in a second."""
        return _slope(self._fetched[0], self._fetched[-1]) if self._fetched else 0.0

    def _uneven(self) -> float:
        """The share by which the rate of the downloads may change: about as much as it did."""
        middle = self._fetched[len(self._fetched) // 2]
        before, after = _slope(self._fetched[0], middle), _slope(middle, self._fetched[-1])
        return _UNEVEN * abs(log(after / before)) if before > 0 and after > 0 else 1.0

    def _follow(self, t: float, elapsed: float, left: Left) -> None:
        """Let the end that is told follow what is predicted: the less is left, the faster."""
        end = t + left.seconds
        if not self._is_told:
            self._end = end
        slowness = min(_SLOWNESS, max(self._end - t, 0.5) / _FOLLOW)
        self._end += (1 - exp(-elapsed / slowness)) * (end - self._end)

    def _decide(self, left: Left) -> None:
        """Whether to tell it: from when, at two looks, little is in doubt until much more is."""
        is_sure = left.doubt <= max(_TELL * left.seconds, _TELL_LEAST)
        may_stay = self._is_told and left.doubt <= max(_HIDE * left.seconds, _HIDE_LEAST)
        self._is_told = may_stay or (is_sure and self._was_sure)
        self._was_sure = is_sure


def _slope(first: tuple[float, float], last: tuple[float, float]) -> float:
    return (last[1] - first[1]) / (last[0] - first[0]) if last[0] > first[0] else 0.0


def _staging(content: Content, how: How, rates: Rates) -> float:
    """The seconds of a processor to bring that into the stage, at these rates."""
    if how.copies:
        return rates.copy * content.files + rates.copy_byte * content.size
    return rates.link * content.files
