"""The time that is left of an install, estimated from what is left to do and how fast this session did it so far.

Fetching is counted in bytes, against the rate of the last seconds. Unpacking is counted in *work*: the seconds that a
worker usually takes for so many files and bytes, times a factor that is measured (`Pace`). A wheel says how many files
it has as soon as its own file is here. The downloads under way share their rate; the workers unpack wheels as they come
in. Staging is counted in files. Planning, committing and cleaning up take longer where wheels replace installed ones;
no speed of theirs is measured.

Each look predicts the end. The end that is told follows the predictions. It is told from when they have agreed for a
while, and until they differ widely. The constants were found with the journals of 45 installs, on a quiet machine and
on a busy one; half of them were kept for judging.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heapreplace
from math import exp

from instui_engine.values import NamedTuple

from .model import Phase
from .records import WheelRecord

MOST = 500  # wheels: to look at more four times a second would cost too much
PATIENCE = 1.0  # seconds of waiting for others or the disk, or of planning too long, after which nobody can tell

# Usual seconds of a worker
_FILE = 150e-6  # to make a file
_BYTE = 6e-9  # to unpack and write a byte
_EACH = 25.0  # files that take as long as what there is to do for each wheel, however small
_LINKED = 0.27  # to link a file into the stage, in the time to make one
_COPIED = 1.2  # to copy it there, in the time to make one; the bytes are on top of that
_PLANNED, _CLEANED = 1.5, 2.2  # for each file that is replaced, in the time to link one
_COMMIT, _COMMITTED, _REPLACED = 0.05, 0.5e-3, 5e-3  # to commit at all, for each wheel, and if it replaces one
_SYNCED = 0.05  # to sync what was copied, of the time to copy it
_SLOWER = 1.05  # what is left takes longer than what was done

_CONTENT = 3.3  # bytes of a wheel's files for each of its own
_MEMORY = 6.0  # seconds; the pace is an average of about so long
_STAGE_MEMORY = 4.0  # seconds, while files are staged
_DOUBT, _CERTAIN = 2.0, 2.0  # seconds that what is usual counts for, and of measuring until it counts for half of that
_STAGE_DOUBT = 1.5  # seconds that the usual cost of staging counts for
_SHARED = 0.5  # how much a second counts in which downloads take the processors, too
_WINDOW = 2.5  # seconds of which the rate of the downloads is the average
_UNKNOWN = 0.3  # of the bytes to fetch: most that may be those of wheels of unknown size

_WARM_UP = 0.3  # seconds of work before there is any prediction
_QUICK, _SLOWNESS, _FOLLOW = 0.5, 0.3, 8.0  # seconds in which the end follows predictions: before it is told, and then
_STEADY, _SHORTEST, _LONGEST = 0.5, 1.0, 6.0  # predictions have to agree for this share of what is left, in seconds
_AGREED, _DIFFERENT = 0.35, 0.6  # of what is left: by how much they differ to be told, and no longer to be
_LEAST = 1.5  # seconds: of less that is left, differences are no sign
_OVERDUE = 1.0  # seconds that an end may be late

_AFTER_PLAN, _AFTER_STAGE = ("stage", "commit", "clean"), ("commit", "clean")  # parts of the session


class Download(NamedTuple):
    """A wheel to fetch: bytes that are left, and the work of unpacking it."""

    left: float
    work: float


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


class Standing(NamedTuple):
    """How things stand: what is left, and what was done. Work is in usual seconds of a worker."""

    fetching: Sequence[Download] = ()
    to_fetch: Sequence[Download] = ()
    guessed: float = 0.0  # bytes of `to_fetch` of wheels whose size is unknown
    unpacking: Sequence[float] = ()
    starting: int = 0  # of `unpacking`, those that have no file yet
    to_unpack: Sequence[float] = ()
    to_stage: float = 0.0  # files
    average: float = 0.0  # bytes of a file
    to_commit: int = 0
    to_replace: int = 0  # of `to_commit`, those that replace installed ones
    replaced: float = 0.0  # files of all that do
    fetched: float = 0.0
    unpacked: float = 0.0
    staged: float = 0.0


class Pace:
    """How much longer the work takes than usual: at first as long as usual, and more and more what was measured."""

    def __init__(self) -> None:
        self._all = self._usual = self._seconds = 0.0

    def measure(self, work: float, seconds: float, elapsed: float, weight: float) -> None:
        """In `elapsed` seconds that work was done in so many `seconds` of workers, which count by `weight`."""
        kept = exp(-elapsed / _MEMORY)
        self._all += seconds
        self._usual = self._usual * kept + weight * max(work, 0.0)
        self._seconds = self._seconds * kept + weight * seconds

    @property
    def factor(self) -> float:
        """The seconds that a usual one takes."""
        doubt = _DOUBT / (1 + self._all / _CERTAIN)
        return _SLOWER * (self._seconds + doubt) / (self._usual + doubt)


class Estimator:
    """Looks at the wheels from time to time, and says how long it will take."""

    def __init__(self) -> None:
        self._begun: float | None = None
        self._before: tuple[float, Standing] | None = None
        self._fetched: deque[tuple[float, float]] = deque()  # time, and bytes by then, while wheels are fetched
        self._pace = Pace()
        self._staging = self._staged = 0.0  # seconds, and files, while wheels are staged
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
        if self._begun is None and (now.unpacking or now.fetching or now.staged):
            self._begun = t
        if self._before is not None:
            self._measure(t - self._before[0], t, self._before[1], now, how.jobs)
        self._before = t, now
        seconds = self._predict(t, now, how)
        if seconds is None:
            self._end = None
            self._is_told = False
        elif self._begun is not None and t - self._begun >= _WARM_UP:
            self._conclude(t, t + seconds)

    def _measure(self, elapsed: float, t: float, before: Standing, now: Standing, jobs: int) -> None:
        if now.fetching or before.fetching:
            self._fetched.append((t, now.fetched))
            while len(self._fetched) > 2 and self._fetched[1][0] <= t - _WINDOW:
                self._fetched.popleft()
        # who has just begun with a wheel reads it, and makes its directories: that is no progress yet
        workers = min(jobs, max(len(one.unpacking) + len(one.to_unpack) for one in (before, now))) - now.starting
        if workers > 0:
            weight = _SHARED if now.fetching else 1.0
            self._pace.measure(now.unpacked - before.unpacked, elapsed * workers, elapsed, weight)
        elif now.staged and now.to_stage:
            kept = exp(-elapsed / _STAGE_MEMORY)
            self._staging = self._staging * kept + elapsed * jobs
            self._staged = self._staged * kept + max(now.staged - before.staged, 0.0)

    def _predict(self, t: float, now: Standing, how: How) -> float | None:
        """Seconds to the end; None if there is no telling."""
        rate = self._rate()
        left = sum(one.left for one in (*now.fetching, *now.to_fetch))
        if (now.fetching or now.to_fetch) and (rate <= 0 or now.guessed > _UNKNOWN * left):
            return None
        factor = self._pace.factor
        link, elapsed = _LINKED * _FILE * factor, t - how.since
        plan, clean = _PLANNED * link * now.replaced, _CLEANED * link * now.replaced
        if how.part == "plan" and elapsed > plan + PATIENCE:
            return None
        stage = (_COPIED * _FILE + _BYTE * now.average) * factor if how.copies else link
        stage = (self._staging + _STAGE_DOUBT) / (self._staged + _STAGE_DOUBT / stage) / how.jobs
        seconds = acquired(now, rate, factor, how.jobs) + stage * now.to_stage
        seconds += _COMMIT + _COMMITTED * now.to_commit + _REPLACED * now.to_replace
        if how.part not in _AFTER_PLAN:
            seconds += max(plan - elapsed, 0.0) if how.part == "plan" else plan
        if how.copies and how.part not in _AFTER_STAGE:
            seconds += _SYNCED * stage * (now.staged + now.to_stage)
        return seconds + (max(clean - elapsed, 0.0) if how.part == "clean" else clean)

    def _rate(self) -> float:
        """Bytes that are fetched in a second."""
        if not self._fetched:
            return 0.0
        (t0, bytes0), (t1, bytes1) = self._fetched[0], self._fetched[-1]
        return (bytes1 - bytes0) / (t1 - t0) if t1 > t0 else 0.0

    def _conclude(self, t: float, end: float) -> None:
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
        if difference > _DIFFERENT:
            self._is_told = False
        elif difference < _AGREED and self._ends[0][0] <= since:
            self._is_told = True


def acquired(now: Standing, rate: float, factor: float, jobs: int) -> float:
    """Seconds until all is unpacked: bytes come at `rate`, a worker takes `factor` seconds for a usual one."""
    jobs = min(jobs, 1 + len(now.unpacking) + len(now.to_unpack) + len(now.fetching) + len(now.to_fetch))
    begun = sorted(now.unpacking, reverse=True)
    workers = [work * factor for work in begun[:jobs]]  # when each of them is free
    workers += [0.0] * (jobs - len(workers))
    heapify(workers)
    ready = [(0.0, work) for work in (*begun[jobs:], *sorted(now.to_unpack, reverse=True))]
    for t, work in (*ready, *arrivals(now, rate)):
        heapreplace(workers, max(workers[0], t) + work * factor)
    return max(workers)


def arrivals(now: Standing, rate: float) -> list[tuple[float, float]]:
    """In how many seconds each wheel will have been fetched, and the work of unpacking it.

    The downloads share the rate equally; when one is done, the next begins.
    """
    under_way, queue = list(now.fetching or now.to_fetch[:1]), deque(now.to_fetch if now.fetching else now.to_fetch[1:])
    heapify(under_way)
    t = share = 0.0  # bytes that each download has got by then; one that begins later is counted as if it had them
    found = []
    while under_way:
        first = under_way[0]
        t += (first.left - share) * len(under_way) / rate
        share = first.left
        found.append((t, first.work))
        if queue:
            following = queue.popleft()
            heapreplace(under_way, following._replace(left=share + following.left))
        else:
            heappop(under_way)
    return found


def standing(wheels: Iterable[WheelRecord], replaces: bool = False) -> Standing:
    """How things stand. What is not known yet of a wheel is guessed from the others, or from its name."""
    fetching, to_fetch, unpacking, to_unpack = [], [], [], []
    starting = to_commit = to_replace = 0
    guessed = files_of_all = bytes_of_all = replaced = fetched = unpacked = staged = 0.0
    sizes = [known for wheel in wheels if (known := _size(wheel))]
    usual = sum(sizes) / len(sizes) if sizes else 0.0
    for wheel in wheels:
        if wheel.removal or wheel.phase is Phase.FAILED:
            continue
        size = _size(wheel) or usual
        files, content = float(wheel.files or _files(wheel.file, size)), wheel.content or _CONTENT * size
        work = _work(files + _EACH, content)
        share = min(wheel.done / wheel.total, 1.0) if wheel.total else 0.0
        files_of_all += files
        bytes_of_all += content
        does_replace = bool(wheel.replaces) or (replaces and wheel.order < 0)
        replaced += files * does_replace
        if wheel.phase is not Phase.DONE:
            to_commit += 1
            to_replace += does_replace
        has_come = any(span.phase is Phase.FETCH for span in wheel.spans)
        fetched += size if has_come else wheel.done if wheel.phase is Phase.FETCH else 0.0
        if wheel.phase is Phase.FETCH:
            fetching.append(Download(max(size - wheel.done, 0.0), work))
        elif wheel.phase is Phase.QUEUED and (has_come or not wheel.fetch):
            to_unpack.append(work)
        elif wheel.phase is Phase.QUEUED:
            to_fetch.append(Download(size, work))
            guessed += 0.0 if _size(wheel) else size
        elif wheel.phase is Phase.UNPACK:
            complete = min(wheel.complete + _EACH * share, files + _EACH) if wheel.complete else (files + _EACH) * share
            done = _work(complete, content * share)
            unpacked += done
            unpacking.append(work - done)
            starting += not wheel.done
        else:
            unpacked += work if any(span.phase is Phase.UNPACK for span in wheel.spans) else 0.0
            staged += files * {Phase.STAGE: share, Phase.READY: 0.0}.get(wheel.phase, 1.0)
    left, average = max(files_of_all - staged, 0.0), bytes_of_all / files_of_all if files_of_all else 0.0
    return Standing(
        fetching,
        to_fetch,
        guessed,
        unpacking,
        starting,
        to_unpack,
        left,
        average,
        to_commit,
        to_replace,
        replaced,
        fetched,
        unpacked,
        staged,
    )


def _work(files: float, size: float) -> float:
    return _FILE * files + _BYTE * size


def _size(wheel: WheelRecord) -> int:
    return max(wheel.size or (wheel.total if wheel.phase is Phase.FETCH else 0), 0)


def _files(name: str, size: float) -> float:
    """About how many files a wheel of that size has: those of pure Python have many small ones."""
    if name.endswith("-none-any.whl"):
        return 11 * float((size / 20e3) ** 0.85)
    return 5 + 22e-6 * size
