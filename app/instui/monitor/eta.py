"""The time that is left of an install, estimated from what is left to do and how fast this session did it so far.

Fetching is counted in bytes, against the rate of the last seconds. Unpacking and staging are counted in *work*: bytes,
and for each file as much as `FILE` or `STAGED_FILE` of them, against what a worker did in a second of this session. The
downloads under way share their rate; the workers unpack wheels as they come in, and stage when all are unpacked.

Each look predicts the end. The predictions are smoothed, and told only when they have agreed for about as long as is
left. The constants were found with the journals of two dozen installs, some of them also at a third of their speed.
Many installs get no estimate, as the number of a wheel's files is known only when it is unpacked.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heapreplace
from math import exp

from instui_engine.values import NamedTuple

from .model import Phase
from .records import WheelRecord

MOST = 500  # wheels: to look at more four times a second would cost too much
PATIENCE = 1.0  # seconds of waiting for others, the disk or the plan, after which nobody can tell
FILE = 60e3  # to make a file takes as long as to unpack so many bytes
STAGED_FILE = 13e3  # to link it into the stage; until that was measured
COMMIT = 0.15  # seconds, about

_UNPACKS = 100e6  # work of a worker in a second, until that was measured
_CONTENT = 3.3  # bytes of a wheel's files for each of its own
_PRIOR = 4.0  # seconds of measuring that what is usual counts for
_DOUBTS = 4.0  # seconds of measuring after which it counts for half of that
_WARM_UP = 1.0  # seconds of work before there is any estimate
_MEMORY = 4.0  # seconds; a speed is an average of about so long
_SHARED = 0.2  # how much a second counts in which downloads take the processors, too
_WINDOW = 3.0  # seconds of which the rate of the downloads is the average
_SLOWNESS = 1.5  # seconds in which the smoothed end follows the predictions, at most
_SHORTEST, _LONGEST = 1.5, 20.0  # seconds for which predictions have to agree, or as many as are left
_AGREED = 0.3  # of what is left: they agree if they differ by less


class Work(NamedTuple):
    """What is left of a wheel: bytes to fetch, and the work of unpacking it."""

    fetch: float
    unpack: float


class Standing(NamedTuple):
    """How things stand: what is left, and what was done in how many seconds of workers."""

    fetching: Sequence[Work]
    to_fetch: Sequence[Work]
    unpacking: Sequence[float]
    to_unpack: Sequence[float]
    to_stage: float  # files
    fetched: float
    unpacked: float
    unpack_seconds: float
    staged: float
    stage_seconds: float


class Speed:
    """What a worker does in a second: what is usual, and more and more what was measured."""

    def __init__(self, usual: float) -> None:
        self.usual = usual
        self._t = self._done = self._seconds = 0.0  # by the last time
        self._sum = self._weight = 0.0

    def measure(self, t: float, done: float, seconds: float, weight: float) -> None:
        """By `t`, so much was done in so many seconds of workers. `weight`: how much the latest of them count."""
        kept = exp(-(t - self._t) / _MEMORY)
        self._sum = self._sum * kept + weight * max(done - self._done, 0.0)
        self._weight = self._weight * kept + weight * max(seconds - self._seconds, 0.0)
        self._t, self._done, self._seconds = t, done, seconds

    @property
    def value(self) -> float:
        """The speed."""
        prior = _PRIOR / (1 + self._seconds / _DOUBTS)
        return (self._sum + self.usual * prior) / (self._weight + prior)


class Estimator:
    """Looks at the wheels from time to time, and says how long it will take."""

    def __init__(self) -> None:
        self._begun: float | None = None
        self._fetched: deque[tuple[float, float]] = deque()  # time, and bytes by then
        self._unpack, self._stage = Speed(_UNPACKS), Speed(_UNPACKS / STAGED_FILE)
        self._end: float | None = None  # smoothed
        self._ends: deque[tuple[float, float]] = deque()  # what it was when, of the last seconds

    def left(self, t: float) -> float | None:
        """Seconds that are left at `t`; None if that is not known yet, or less than one."""
        if self._end is None or self._end - t < 1:
            return None
        left = self._end - t
        since = t - min(max(left, _SHORTEST), _LONGEST)
        ends = [end for then, end in self._ends if then >= since]
        has_agreed = self._ends[0][0] <= since and max(ends) - min(ends) <= _AGREED * left
        return left if has_agreed else None

    def look(self, t: float, wheels: Iterable[WheelRecord], jobs: int) -> None:
        """Predict the end from how things stand at `t`, later than the last time."""
        now = standing(t, wheels)
        if self._begun is None and (now.fetching or now.unpacking or now.stage_seconds):
            self._begun = t
        self._measure(t, now)
        seconds = self._predict(now, max(jobs, 1))
        if seconds is None or self._begun is None or t - self._begun < _WARM_UP:
            self._ends.clear()
            self._end = None
        else:
            self._conclude(t, t + seconds)

    def _measure(self, t: float, now: Standing) -> None:
        self._fetched.append((t, now.fetched))
        while len(self._fetched) > 2 and self._fetched[1][0] <= t - _WINDOW:
            self._fetched.popleft()
        self._unpack.measure(t, now.unpacked, now.unpack_seconds, _SHARED if now.fetching else 1.0)
        self._stage.measure(t, now.staged, now.stage_seconds, 1.0)
        self._stage.usual = self._unpack.value / STAGED_FILE

    def _predict(self, now: Standing, jobs: int) -> float | None:
        """Seconds to the end; None if there is no telling."""
        (t0, bytes0), (t1, bytes1) = self._fetched[0], self._fetched[-1]
        rate = (bytes1 - bytes0) / (t1 - t0) if t1 > t0 else 0.0
        if (now.fetching or now.to_fetch) and rate <= 0:
            return None
        return acquired(now, rate, self._unpack.value, jobs) + now.to_stage / self._stage.value / jobs + COMMIT

    def _conclude(self, t: float, end: float) -> None:
        if self._end is None:
            self._end = end
        else:  # the less is left, the faster it follows
            slowness = min(_SLOWNESS, max(self._end - t, 0.5) / 3)
            self._end += (1 - exp(-(t - self._ends[-1][0]) / slowness)) * (end - self._end)
        self._ends.append((t, self._end))
        while self._ends[0][0] < t - 2 * _LONGEST:
            self._ends.popleft()


def acquired(now: Standing, rate: float, speed: float, jobs: int) -> float:
    """Seconds until all is unpacked: bytes come at `rate`, each of the workers does work at `speed`."""
    jobs = min(jobs, 1 + len(now.unpacking) + len(now.to_unpack) + len(now.fetching) + len(now.to_fetch))
    workers = [work / speed for work in sorted(now.unpacking, reverse=True)[:jobs]]  # when each of them is free
    workers += [0.0] * (jobs - len(workers))
    heapify(workers)
    ready = [(0.0, work) for work in sorted(now.to_unpack, reverse=True)]
    for t, work in (*ready, *arrivals(now, rate)):
        heapreplace(workers, max(workers[0], t) + work / speed)
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
        t += (first.fetch - share) * len(under_way) / rate
        share = first.fetch
        found.append((t, first.unpack))
        if queue:
            following = queue.popleft()
            heapreplace(under_way, following._replace(fetch=share + following.fetch))
        else:
            heappop(under_way)
    return found


def standing(t: float, wheels: Iterable[WheelRecord]) -> Standing:
    """How things stand at `t`. What is not known yet of a wheel is guessed from the others, or from its name."""
    fetching, to_fetch, unpacking, to_unpack = [], [], [], []
    to_stage = fetched = unpacked = unpack_seconds = staged = stage_seconds = 0.0
    sizes = [known for wheel in wheels if (known := _size(wheel))]
    usual = sum(sizes) / len(sizes) if sizes else 0.0
    for wheel in wheels:
        if wheel.removal or wheel.phase is Phase.FAILED:
            continue
        size = _size(wheel) or usual
        files = float(wheel.files or _files(wheel.file, size))
        work = (wheel.content or _CONTENT * size) + FILE * files
        share = wheel.done / wheel.total if wheel.total else 0.0
        times = {phase: _seconds(wheel, phase) for phase in _TIMED}
        if wheel.phase in _TIMED:
            times[wheel.phase] += t - wheel.since
        has_come = any(span.phase is Phase.FETCH for span in wheel.spans)
        fetched += size if has_come else wheel.done if wheel.phase is Phase.FETCH else 0.0
        unpack_seconds += times[Phase.UNPACK]
        stage_seconds += times[Phase.STAGE]
        to_stage += files
        if wheel.phase is Phase.FETCH:
            fetching.append(Work(max(size - wheel.done, 0.0), work))
        elif wheel.phase is Phase.QUEUED and (has_come or not wheel.fetch):
            to_unpack.append(work)
        elif wheel.phase is Phase.QUEUED:
            to_fetch.append(Work(size, work))
        elif wheel.phase is Phase.UNPACK:
            unpacked += work * share
            unpacking.append(work * (1 - share))
        else:
            unpacked += work if times[Phase.UNPACK] else 0.0
            staged += files * {Phase.STAGE: share, Phase.READY: 0.0}.get(wheel.phase, 1.0)
    done = fetched, unpacked, unpack_seconds, staged, stage_seconds
    return Standing(fetching, to_fetch, unpacking, to_unpack, max(to_stage - staged, 0.0), *done)


_TIMED = (Phase.UNPACK, Phase.STAGE)


def _seconds(wheel: WheelRecord, phase: Phase) -> float:
    return sum((span.end - span.begin for span in wheel.spans if span.phase is phase), 0.0)


def _size(wheel: WheelRecord) -> int:
    return max(wheel.size or (wheel.total if wheel.phase is Phase.FETCH else 0), 0)


def _files(name: str, size: float) -> float:
    """About how many files a wheel of that size has: those of pure Python have many small ones."""
    if name.endswith("-none-any.whl"):
        return 11 * float((size / 20e3) ** 0.85)
    return 5 + 22e-6 * size
