"""What if: the measured work of a session is scheduled again, under other conditions.

Three periods are scheduled: a wheel is unpacked by one of N workers when it has been fetched, the largest first; wheels
are staged by N workers; and wheels are committed in plan order, each when its claims are free. All else (the start,
the resolution, the plan, syncs) is as it was. Downloads are as they were, too, as their number does not follow --jobs.

Workers are threads, some with a helper process each, as the engine's rules have it. A helper has to be started, and
threads of one process take turns: they do together what one of them does. More workers than processors share these. So
the measured times of work are first divided by how much of a processor each worker had. Before anything is predicted,
the present run is scheduled as well; by how much that misses what was measured is the noise, and no prediction is
better. Nor is anything promised where the work is not that of processors, but of memory or of the file system.
"""

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush

from instui.monitor.model import Phase, WheelState
from instui.monitor.names import is_foreign
from instui.monitor.spans import SessionSpan
from instui_engine.values import NamedTuple

from .findings import Case
from .work import union

LEAST_NOISE = 0.03  # of the wall clock, and in seconds: two runs of one command differ by that, too
_CERTAIN = 0.5  # the share of work that processors did, as far as it is known how more workers divide it
_UNSURE = 0.35  # of a prediction, by which it may be too high or, as much again, too low
_LONG = 0.1  # of the wall clock: a period that has to be understood
FILES_EACH = 1500  # files of hard links for which the engine starts one more process
WORTHWHILE = 4 << 20  # bytes of wheel files for which it starts one more to unpack
EACH = 64 << 10  # bytes that each wheel counts for besides its own
_HELPER = 0.1  # seconds of a processor to start a helper process that unpacks
_COPIED = 150e6  # bytes of wheel files in a second of a processor, above which memory or the disk sets the pace
_CREATED = 8000  # files in a second of a processor, above which the file system does
_WARM = (0.45, 0.75)  # of what uv needs processors for with an empty cache of its own, it needs with a full one
_CROWD = 300  # wheels that take turns; to schedule more of them again takes too long, so they stay as they were
JOBS = (2, 4, 8)


class WhatIf(NamedTuple):
    """How long the session would have taken with that change; `uncertain` if the difference may be noise."""

    change: str
    predicted: float
    uncertain: bool


class Task(NamedTuple):
    """Work on one wheel, which may begin at `ready`; `order` decides who is first.

    No other task that has a path of `exclusive` among its claims runs at the same time.
    """

    ready: float
    seconds: float
    order: float
    exclusive: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()

    @property
    def claims(self) -> bool:
        """Whether anybody may have to wait for it, or it for others."""
        return bool(self.exclusive or self.shared)

    def excludes(self, other: "Task") -> bool:
        """Whether the two have to take turns."""
        return bool(self.exclusive & other.exclusive or self.exclusive & other.shared or self.shared & other.exclusive)


class Team(NamedTuple):
    """Who is at work: workers, of whom `cpus` do not slow each other down; first, `helpers` of them have to start."""

    workers: int
    cpus: float = float("inf")
    helpers: int = 0


class Period(NamedTuple):
    """A period of a session in which several workers may be at work; times of tasks begin at its beginning."""

    name: str
    seconds: float
    tasks: tuple[Task, ...]
    team: Callable[[int], Team]  # for a value of --jobs
    latest: float = 0.0  # it lasts at least until then, whatever the workers do: downloads

    def scheduled(self, team: Team) -> float:
        """The seconds that it takes with that team."""
        starts = (Task(0.0, _HELPER, float("-inf")),) * team.helpers
        return max(self.latest, schedule((*starts, *self.tasks), team.workers, team.cpus))


def schedule(tasks: Sequence[Task], workers: int, cpus: float) -> float:
    """When all `tasks` are done: by order among those that are ready, on `workers`, which share `cpus` processors.

    As all that run are equally fast, they are compared by `work`, which is what a task would have done that had run
    from the beginning.
    """
    coming = sorted(tasks, key=lambda task: -task.ready)
    waiting: list[tuple[float, int, Task]] = []  # heap: those that are ready, by order
    running: list[tuple[float, int, Task]] = []  # heap: by what `work` will be when they are done
    now = work = 0.0
    number = 0
    while coming or waiting or running:
        while coming and coming[-1].ready <= now:
            number += 1
            heappush(waiting, (coming[-1].order, number, coming.pop()))
        blocked = []
        while waiting and len(running) < max(workers, 1):
            entry = heappop(waiting)
            if entry[2].claims and any(entry[2].excludes(other) for _, _, other in running):
                blocked.append(entry)
            else:
                number += 1
                heappush(running, (work + entry[2].seconds, number, entry[2]))
        for entry in blocked:
            heappush(waiting, entry)
        speed = min(1.0, cpus / len(running)) if running else 1.0
        ends = (running[0][0] - work) / speed if running else float("inf")
        arrives = coming[-1].ready - now if coming else float("inf")
        now, work = now + min(ends, arrives), work + min(ends, arrives) * speed
        if ends <= arrives:
            work = max(work, heappop(running)[0])  # not by the sum, which is a little off
    return now


def unshared(periods: Sequence[tuple[float, float]], cpus: float) -> list[float]:
    """The seconds that each of `periods` would have taken alone, if those that overlapped shared `cpus` processors."""
    changes = sorted([(begin, 1) for begin, _ in periods] + [(end, -1) for _, end in periods])
    done: dict[float, float] = {}  # by time: what one would have done alone that had run from the beginning
    last, running, alone = 0.0, 0, 0.0
    for t, change in changes:
        alone += (t - last) * (min(1.0, cpus / running) if running else 0.0)
        done[t], last, running = alone, t, running + change
    return [done[end] - done[begin] for begin, end in periods]


class Simulation:
    """The session of one case, ready to be scheduled again."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self.wall = case.attribution.wall
        self._periods = list(_periods(case))
        self._scheduled: dict[tuple[int, Team], float] = {}  # by the place of a period
        self.noise = sum(abs(taken - self._periods[place].seconds) for place, taken in enumerate(self._all(case.jobs)))
        self._least = max(LEAST_NOISE, LEAST_NOISE * self.wall)

    def _all(self, jobs: int) -> list[float]:
        """The seconds of all periods with `jobs`."""
        found = []
        for place, period in enumerate(self._periods):
            key = place, period.team(max(jobs, 1))
            if key not in self._scheduled:
                self._scheduled[key] = period.scheduled(key[1])
            found.append(self._scheduled[key])
        return found

    def predictions(self) -> list[WhatIf]:
        """All changes that mean something for this session."""
        case = self._case
        if not case.snapshot.wheels:
            return []
        found = [self._jobs(jobs) for jobs in JOBS if case.jobs and jobs != case.jobs]
        return [*found, self._cached(), self._alone()]

    def _what_if(self, change: str, saving: float, uncertain: bool = False) -> WhatIf:
        """`saving` seconds; less than the noise are none that anybody can promise."""
        within = 0 < abs(saving) <= max(self.noise, self._least) and self.noise > self._least
        return WhatIf(change, max(self.wall - saving, 0.0), uncertain or within)

    def _jobs(self, jobs: int) -> WhatIf:
        saving = sum(self._all(self._case.jobs)) - sum(self._all(jobs))
        long = [
            period for period in self._periods if period.seconds - period.latest > max(_LONG * self.wall, self._least)
        ]
        unsure = not all(self._is_understood(period, abs(saving) > self._least) for period in long)
        if self._case.attribution.seconds("compile") > max(_LONG * self.wall, self._least):
            unsure = True  # more of it could be done at once, but nobody knows how much
        return self._what_if(f"jobs {jobs}", saving, unsure)

    def _is_understood(self, period: Period, changes: bool) -> bool:
        """Whether it is known what more workers would do: nothing with one task, else if processors did the work."""
        if len(period.tasks) < 2 or period.team(max(JOBS)) == period.team(1):
            return True
        wheels = self._case.snapshot.wheels
        cpu = sum(span.cpu for span in self._case.snapshot.spans if span.name == period.name)
        if period.name == "acquire" and changes:
            made = [wheel for wheel in wheels if not wheel.cached]
            rates = sum(wheel.size for wheel in made) / _COPIED, sum(wheel.files for wheel in made) / _CREATED
            if max(rates) > cpu:
                return False
        worked = union((s.begin, s.end) for w in wheels for s in w.spans if s.phase in _WORK[period.name])
        return cpu >= _CERTAIN * worked

    def _cached(self) -> WhatIf:
        """Nothing is fetched or unpacked, so nothing of it is synced, and after the last look-up all is here."""
        case = self._case
        spans = [span for wheel in case.snapshot.wheels for span in wheel.spans]
        made = any(span.phase in (Phase.FETCH, Phase.UNPACK) for span in spans)
        looked_up = max((wheel.spans[0].begin for wheel in case.snapshot.wheels if wheel.spans), default=self.wall)
        saving = case.attribution.seconds("fetch", "unpack", "compile")
        for piece in case.attribution.pieces:
            if piece.kind == "sync" and piece.what == "store":
                saving += piece.seconds
            elif made and piece.kind == "acquire":  # files are read and hashed, helpers started, wheels handed on
                saving += max(piece.end - max(piece.begin, looked_up), 0.0)
        least, most = self._resolution() if any(span.phase is Phase.FETCH for span in spans) else (0.0, 0.0)
        saving += (least + most) / 2
        unsure = most - least > max(_UNSURE * (self.wall - saving), self._least)
        return self._what_if("everything cached", saving, unsure)

    def _resolution(self) -> tuple[float, float]:
        """What uv saves, at least and at most, when it has in its own cache what it asked for."""
        snapshot = self._case.snapshot
        if not snapshot.doings:  # it was not asked
            return 0.0, 0.0
        took = self._case.attribution.seconds("resolve")
        cpu = sum(span.cpu for span in snapshot.spans if span.name == "resolve")
        least, most = (max(took - share * cpu, 0.0) for share in reversed(_WARM))
        return (least, most) if cpu else (0.0, took)

    def _alone(self) -> WhatIf:
        """No other process holds a lock. What it fetched or unpacked for this session would have to be done here."""
        attribution = self._case.attribution
        saving = attribution.seconds("environment", "claim")
        others = [piece for piece in attribution.pieces if piece.kind == "wait"]
        saving += sum(piece.seconds for piece in others)
        return self._what_if("no lock held by others", saving, any(piece.what == "wheel" for piece in others))


_WORK = {"acquire": (Phase.UNPACK,), "stage": (Phase.STAGE,), "commit": (Phase.COMMIT,)}


def _periods(case: Case) -> Iterable[Period]:
    if not case.over:
        return
    for span in case.snapshot.spans:
        phases = _WORK.get(span.name, ())
        done = [
            (wheel, one)
            for wheel in case.snapshot.wheels
            for one in wheel.spans
            if one.phase in phases and span.begin <= one.begin and (span.end is None or one.end <= span.end)
        ]
        if not done:
            continue
        times = [(one.begin, one.end) for _, one in done]
        if span.name == "acquire":
            yield _unpacking(case, span, [wheel for wheel, _ in done], times)
        elif span.name == "stage":
            yield _staging(case, [wheel for wheel, _ in done], times)
        else:
            yield _committing(case, [wheel for wheel, _ in done], times)


def _unpacking(
    case: Case, span: SessionSpan, wheels: Sequence[WheelState], times: Sequence[tuple[float, float]]
) -> Period:
    """From the first fetch or unpacking to the last: a wheel is ready when it is here."""
    fetches = {
        wheel.key: one
        for wheel in case.snapshot.wheels
        for one in wheel.spans
        if one.phase is Phase.FETCH and span.begin <= one.begin
    }
    begin = min((one.begin for one in fetches.values()), default=span.begin)
    ready = [fetches[wheel.key].end if wheel.key in fetches else begin for wheel in wheels]
    latest = max((one.end - begin for one in fetches.values()), default=0.0)
    total = sum((wheel.size or WORTHWHILE) + EACH for wheel in wheels)

    def team(jobs: int) -> Team:
        workers = min(jobs, len(wheels))
        helpers = min(workers if fetches else workers - 1, total // WORTHWHILE) if workers > 1 else 0
        processes = helpers + (workers > helpers)
        return Team(
            workers, float(min(case.cpus, processes)), 0 if fetches else helpers
        )  # who fetches starts them before

    present = team(max(case.jobs, 1))
    solo = unshared(_with_gaps(times, ready, present), present.cpus)
    tasks = tuple(Task(here - begin, work, -wheel.size) for wheel, here, work in zip(wheels, ready, solo, strict=True))
    return Period("acquire", max(end for _, end in times) - begin, tasks, team, latest)


def _with_gaps(times: Sequence[tuple[float, float]], ready: Sequence[float], team: Team) -> list[tuple[float, float]]:
    """The periods, each from when a worker was free and the wheel ready, as it is read before it is unpacked."""
    begin, workers = min(ready, default=0.0), team.workers
    free = [begin + _HELPER] * team.helpers + [begin] * (workers - team.helpers)
    found = dict.fromkeys(range(len(times)), (0.0, 0.0))
    for place in sorted(found, key=lambda place: times[place]):
        begin, end = times[place]
        # the one that was free last; if more were at work than there are, the one that is free first
        worker = max(range(workers), key=lambda one: free[one] if free[one] <= begin else -free[one])
        found[place] = (min(max(free[worker], ready[place]), begin), end)
        free[worker] = max(end, free[worker])
    return list(found.values())


def _staging(case: Case, wheels: Sequence[WheelState], times: Sequence[tuple[float, float]]) -> Period:
    """Copies are made by N workers; links by as many processes as there are enough files for."""
    begin, cpus = min(begin for begin, _ in times), float(case.cpus)
    files = sum(wheel.files for wheel in wheels)
    copies = any(wheel.copied for wheel in wheels)

    def team(jobs: int) -> Team:
        return Team(jobs if copies else max(1, min(jobs, case.cpus, files // FILES_EACH)), cpus)

    tasks = tuple(Task(0.0, work, -wheel.files) for wheel, work in zip(wheels, unshared(times, cpus), strict=True))
    return Period("stage", max(end for _, end in times) - begin, tasks, team)


def _committing(case: Case, wheels: Sequence[WheelState], times: Sequence[tuple[float, float]]) -> Period:
    """In plan order, each when its claims are free, and when no other process holds them; in a group one by one."""
    snapshot, begin = case.snapshot, min(begin for begin, _ in times)
    met = frozenset((*snapshot.contended, *snapshot.collisions))  # elsewhere nobody has to take turns
    waits: dict[str, float] = {}
    for wait in snapshot.waits:
        if any(is_foreign(holder, snapshot.session) for holder in wait.holders):
            waits[wait.wheel] = max(waits.get(wait.wheel, 0.0), wait.end - begin)
    tasks = tuple(
        Task(
            max(waits.get(wheel.key, 0.0), 0.0),
            end - start,
            wheel.order,
            met.intersection(wheel.exclusive),
            met.intersection(wheel.shared),
        )
        for wheel, (start, end) in zip(wheels, times, strict=True)
    )
    at_once = _at_once(times)
    # a session that is alone commits its wheels in groups, which one worker does
    took = max(end for _, end in times) - begin
    if sum(task.claims for task in tasks) > _CROWD:
        return Period("commit", took, (), lambda jobs: Team(1), latest=took)
    return Period("commit", took, tasks, lambda jobs: Team(jobs if at_once > 1 else 1))


def _at_once(times: Sequence[tuple[float, float]]) -> int:
    """How many of the periods overlapped at most."""
    marks = sorted([(begin, 1) for begin, _ in times] + [(end, -1) for _, end in times])
    now = most = 0
    for _, change in marks:
        now += change
        most = max(most, now)
    return most
