"""The time that is left of an install: how much work is left, how fast this session does it, and how sure both are.

The model, step by step:

1. What is left is counted (`standing`): bytes to fetch, files and bytes to unpack and to stage, wheels to commit, files
   of old versions to remove. What is unknown of a wheel is guessed from its size and its name.
2. A usual machine needs so many microseconds for each file and so many nanoseconds for each byte (`rates`). If several
   installs have run here before, these numbers come from them.
3. While the install runs, its speed is compared with that. Of unpacking, by far the longest part, two factors are
   learned, one of files and one of bytes (`speed`). Staging, replacing and removing have a `Pace` each: "takes 1.4
   times as long as usual". Work that has not begun is expected to be as slow as the work before it.
4. Downloads go on at the rate of the last seconds. When each wheel will be here, and when the workers will have
   unpacked the last one, is simulated (`pipeline`): once as if one link limited all downloads, so that the last has it
   alone, and once as if the server limited each of them; `downloads` says how far it is the one or the other. Staging,
   committing and removing come after that, so their times are added. What was fetched while uv decided says nothing of
   the rate.
5. Each of these times has a doubt: the seconds by which it may be wrong, in two of three cases less. It is large if
   little of what is left was measured so far, has just changed, or is far from usual because something else uses the
   machine; if much of the work is one wheel, as some of its files are unpacked several times as fast as others (on
   ext4, files are made slowly for minutes after many were removed); and if old versions are to be removed. Doubts are
   taken to be independent, so their squares are added.
6. Where others took more than half of the processors while uv decided, that says how slow all will be, better than
   what is measured (`speed`), and the small steps, too. The prediction is in doubt as far as it has moved of late.
7. The time is shown only while the doubt is small: about a fifth of what is left, or half a second. What is shown
   follows the prediction smoothly.

The constants were found with recorded installs, on quiet machines and on busy ones. `tests/support/time_left.py` prints
how well the time is told for each of them: a rule without which that table is no worse should go. Only `_UNEVEN` of
`downloads` has no effect there, as the servers of these recordings send evenly.
"""

from collections.abc import Iterable, Mapping
from copy import copy
from math import exp, hypot, inf, log

from instui_engine.values import NamedTuple

from .downloads import Downloads
from .pace import Pace
from .pipeline import acquired, arrivals
from .rates import USUAL, Measured, Rates, Took, measured
from .speed import Speed, Work
from .standing import Content, Standing

MOST = 500  # wheels: of more, looks are as rare as their cost grows
PATIENCE = 1.0  # seconds of waiting for others or the disk, or of planning too long, after which nobody can tell

_COMMIT, _COMMITTED = 0.08, 0.7e-3  # seconds to commit at all, and for each wheel
_BUSY = 4.0  # times what the small steps of a session take longer on a busy machine: so far they may be wrong
_BUSY_SEEN = 0.5  # of their time, if it was seen how busy the machine is
_BEGIN_STAGE = 0.04  # seconds more of these, until a busy machine begins to stage
_SYNCED = 0.05  # to sync what was copied, of the time to copy it

# the share by which the pace of what is left always differs: of work on the new files, of work on those they replace,
# and of their removal, where caches and the disk decide it, and some trees have many times as many files as others
_RESTLESS, _RESTLESS_OLD, _RESTLESS_CLEAN = 0.1, 0.3, 1.2
_SHARED = 0.1  # of a second of unpacking while wheels are fetched: workers wait for wheels, and share processors
_LINKING = 0.8  # by so much more than unpacking, others slow staging down if they take all processors
_IDLE = 0.75  # of the time to unpack a wheel for which a worker waits: it has the machine almost for itself
_RATE = 10e6  # bytes in a second, as long as nothing has come

# shares that are in doubt
_UNLIKE = 0.4  # of a pace that is taken from another kind of work; on a strange machine, more
_INSIDE = 0.2  # of the time that one wheel takes longer than all others: its files may be hard or easy to unpack

_TELL, _TELL_LEAST = 0.22, 0.45  # the most doubt to be told: of what is left, or seconds
_HIDE, _HIDE_LEAST = 0.35, 0.7  # and to be told any longer
# where others have the processors, these limits but the first are stricter: divided by 1 + this times the logarithm of
# how much slower everything is
_STRICT = 0.3
_LATER, _EARLIER = 0.8, 0.3  # of how far the predicted end has moved of late: so far it may move again
# the end that is told follows predictions in so many seconds, or in what is left by so much, if that is shorter
_SLOWNESS, _FOLLOW = 0.3, 5.0
_OVERDUE = 1.0  # seconds that an end may be late

_AFTER_RESOLVE = ("acquire", "plan", "stage", "commit", "clean")
_AFTER_PLAN, _AFTER_STAGE = ("stage", "commit", "clean"), ("commit", "clean")  # parts of the session


class How(NamedTuple):
    """How a session works, and at what it is: the `part` that began at `since`, "" if unknown.

    `jobs` workers have a processor each. `copies`: it stages by copies. `replaces`: all wheels are taken to replace
    installed ones, as long as there is no plan. `cleaned`: the share of what is to be removed in the end that is gone.
    `taken`: the share of the processors that others took while uv decided, 0.0 if that is unknown. `named`: all wheels
    that uv chose are known.
    """

    jobs: int
    part: str = ""
    since: float = 0.0
    copies: bool = False
    replaces: bool = False
    cleaned: float = 0.0
    taken: float = 0.0
    named: bool = True


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
        self._downloads = Downloads()
        self._unpacking, self._staging = Speed(), Pace(_RESTLESS)
        self._replacing, self._cleaning = Pace(_RESTLESS_OLD), Pace(_RESTLESS_CLEAN)
        self._ends: tuple[tuple[float, float], ...] = ()  # as predicted at the last times, where others have processors
        self._end = 0.0  # as it is told
        self._is_told = False

    def copy(self) -> "Estimator":
        """A copy, which looks by itself from now on."""
        other = copy(self)
        other._downloads = self._downloads.copy()
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
        if self._before is None or not self._before[1].begun:
            self._unpacking.expect(how.taken)
        if self._before is not None:
            t0, before, was = self._before
            elapsed = t - t0
            self._measure(t, elapsed, before, now, how)
            self._measure_replacing(elapsed, before, was, now, how)
        self._before = t, now, how
        has_begun = how.named and (now.begun or (now.wheels > 0 and how.part in _AFTER_RESOLVE))
        left = self._predict(t, now, how) if has_begun else None
        if left is None:
            self._is_told = False
        else:
            self._follow(t, elapsed, left)
            self._decide(left if self._unpacking.expected == 1 else self._moved(t, left))

    def _measure(self, t: float, elapsed: float, before: Standing, now: Standing, how: How) -> None:
        is_fetching = bool(now.fetching or before.fetching)
        if is_fetching:
            self._downloads.look(t, elapsed, now.fetched, len(before.fetching), len(now.fetching))
        workers = min(how.jobs, max(len(one.unpacking) + len(one.to_unpack) for one in (before, now)))
        # who has just begun with a wheel reads it, and makes its directories: that is no progress yet
        seconds = elapsed * workers - sum(min(t - since, elapsed) for since in now.starting)
        if seconds > 0 and how.part != "build":
            others, rate = workers - 1, self._downloads.rate if is_fetching else 0.0
            alone = seconds / (1 + self.rates.crowd * others + self.rates.fetch * rate)
            weight = _SHARED if is_fetching else 1.0
            done = _between(before.unpacked, now.unpacked)
            self._unpacking.measure(_unpacking(done, self.rates), alone, elapsed, weight)
            # of the first half nothing is kept: while wheels come in and helpers start, it goes more slowly
            if not rate and sum(_unpacking(now.unpacked)) >= sum(_unpacking(now.to_acquire)):
                self._late_work += sum(_unpacking(done))
                self._late_seconds += seconds / (1 + USUAL.crowd * others)
        elif how.part == "stage" and before.staged.files and now.to_stage.files:
            staged = _staging(now.staged, how, self.rates) - _staging(before.staged, how, self.rates)
            self._staging.measure(staged, elapsed * how.jobs, elapsed)

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
        slower = self._unpacking.expected  # others have done that, which is no property of the machine
        plan, stage, commit, clean = (took.get(name, 0.0) / slower for name in ("plan", "stage", "commit", "clean"))
        return measured(
            Took(
                unpacked=self._late_work,
                unpacking=self._late_seconds / slower,
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
        rate = self._downloads.rate
        if 2 * now.unknown > len(now.fetching) + len(now.to_fetch):
            return None
        if now.fetching and rate <= 0 and t - self._downloads.since >= PATIENCE:
            return None
        replacing = self._left_to_replace(t, now, how)
        if replacing is None:
            return None
        acquiring = self._left_to_acquire(now, rate, how.jobs)
        staging = self._left_to_stage(now, how)
        parts = acquiring, staging, replacing, self._left_of_steps(now, how)
        return Left(sum(part.seconds for part in parts), hypot(*(part.doubt for part in parts)))

    def _left_of_steps(self, now: Standing, how: How) -> Left:
        """For the small steps of the session, each of which waits for a processor where others have them."""
        usual, slower = _COMMIT + _COMMITTED * now.to_commit, self._unpacking.expected
        if slower > 1:
            begin = 0.0 if how.part in _AFTER_STAGE else _BEGIN_STAGE
            return Left(slower * (usual + begin), _BUSY_SEEN * slower * (usual + begin))
        steps = usual * max(self._unpacking.files, 1.0)
        return Left(steps, _BUSY * (steps - usual))

    def _left_to_acquire(self, now: Standing, rate: float, jobs: int) -> Left:
        """Until all is fetched and unpacked."""
        speed, crowd, fetch = self._unpacking, self.rates.crowd, self.rates.fetch * rate
        file, byte = speed.files * self.rates.file, speed.size * self.rates.byte

        def each(wheels: Iterable[Content], slower: float) -> list[float]:
            return [slower * (file * content.files + byte * content.size) for content in wheels]

        def until(slower: float, rate: float, most: float = inf) -> float:
            times, coming = arrivals(now, rate, most)
            if coming and not now.to_unpack:
                slower *= _IDLE
            came = list(zip(times, each(coming, slower), strict=True))
            return acquired(each(now.unpacking, slower), each(now.to_unpack, slower), came, jobs, crowd, fetch)

        if not now.to_acquire.files:
            return Left(0.0, 0.0)
        rate = rate or _RATE
        shared = until(1.0, rate)
        limited = until(1.0, rate, self._downloads.rate_of_each or inf) if now.fetching else shared
        is_limited, perhaps = self._downloads.limited
        seconds = shared + is_limited * (limited - shared)
        alone, longest = max(zip(each(now.unpacking, 1.0), now.unpacking, strict=True), default=(0.0, Content()))
        most = longest if 2 * alone > seconds else now.to_acquire
        doubt = hypot(speed.doubt(_unpacking(most, self.rates)), _RESTLESS)
        doubts = [
            until(1 + doubt, rate) - shared,
            _INSIDE * max(2 * alone - seconds, 0.0),
            perhaps * (limited - shared),
        ]
        if now.fetching or now.to_fetch:
            # of what is unknown, all may be twice as much
            unsure = self._downloads.uneven + now.unknown / (len(now.fetching) + len(now.to_fetch))
            doubts.append(until(1.0, rate / (1 + unsure)) - shared)
        return Left(seconds, hypot(*doubts))

    def _left_to_stage(self, now: Standing, how: How) -> Left:
        """Until all is staged, and synced if it is copied."""
        if not now.to_stage.files:
            return Left(0.0, 0.0)
        alike = _unpacking(now.to_stage if how.copies else Content(1.0), self.rates)  # links have no bytes
        slowed = 1 + _LINKING * how.taken
        factor, doubt = slowed * self._unpacking.factor(alike), self._unpacking.doubt(alike)
        strange = abs(log(factor / (slowed * self._unpacking.expected)))
        stage = self._staging.factor(factor)
        seconds = stage * _staging(now.to_stage, how, self.rates) / how.jobs
        wrong = seconds * self._staging.doubt(hypot(doubt, _UNLIKE * (1 + strange)))
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
        unsure = clean  # as long as nobody knows how far it is, all of it
        if how.part == "clean":
            clean = clean * (1 - how.cleaned) if how.cleaned else max(clean - elapsed, 0.0)
            unsure = clean if how.cleaned else unsure
        doubt = self._replacing.doubt(_UNLIKE)
        return Left(commit + clean, commit * doubt + unsure * self._cleaning.doubt(doubt))

    def _moved(self, t: float, left: Left) -> Left:
        """As far as the predicted end has moved in as many seconds as are left, it is in doubt: others come and go."""
        begin, end = t - max(left.seconds, 1.0), t + left.seconds
        self._ends = (*(one for one in self._ends if one[0] >= begin), (t, end))
        earliest, latest = min(one for _, one in self._ends), max(one for _, one in self._ends)
        return left._replace(doubt=hypot(left.doubt, _LATER * (end - earliest) + _EARLIER * (latest - end)))

    def _follow(self, t: float, elapsed: float, left: Left) -> None:
        """Let the end that is told follow what is predicted: the less is left, the faster."""
        end = t + left.seconds
        if not self._is_told:
            self._end = end
        slowness = min(_SLOWNESS, max(self._end - t, 0.5) / _FOLLOW)
        self._end += (1 - exp(-elapsed / slowness)) * (end - self._end)

    def _decide(self, left: Left) -> None:
        """Whether to tell it: from when little is in doubt until much more is."""
        part = 1 / (1 + _STRICT * log(self._unpacking.expected))
        is_sure = left.doubt <= max(_TELL * left.seconds, part * _TELL_LEAST)
        may_stay = self._is_told and left.doubt <= part * max(_HIDE * left.seconds, _HIDE_LEAST)
        self._is_told = may_stay or is_sure


def _between(before: Content, now: Content) -> Content:
    """What was done meanwhile."""
    return Content(max(now.files - before.files, 0.0), max(now.size - before.size, 0.0))


def _unpacking(content: Content, rates: Rates = USUAL) -> Work:
    """The usual seconds of a worker to unpack that."""
    return Work(rates.file * content.files, rates.byte * content.size)


def _staging(content: Content, how: How, rates: Rates) -> float:
    """The seconds of a processor to bring that into the stage, at these rates."""
    if how.copies:
        return rates.copy * content.files + rates.copy_byte * content.size
    return rates.link * content.files
