"""The periods of a session in which several workers may be at work, and how long they take with another number.

Workers are threads, some with a helper process each, as the engine's rules have it. A helper has to be started, and
threads of one process take turns: they do together what one of them does. More workers than processors share these. So
the measured times of work are first divided by how much of a processor each worker had.

What work would take is known only as far as the journal knows what it was:

* what programs do takes as long again, whoever does it, and is shared by processors;
* what the operating system does for them (files, memory) may take longer where several ask for it at once;
* the rest are waits. If processors were idle, for a disk, which may serve several at a time, or one after the other. If
  other programs used the processors, for these. They will share them fairly if they are there again, which nobody
  knows.

So a period has a range. Where the journal says nothing of what it was, all of it may be waits.
"""

from collections.abc import Callable, Iterable, Sequence

from instui.monitor.model import Phase, WheelState
from instui.monitor.names import is_foreign
from instui.monitor.spans import SessionSpan
from instui_engine.values import NamedTuple

from .findings import Case
from .schedule import QUIET, Machine, Task, Team, schedule, unshared

FILES_EACH = 1500  # files of hard links for which the engine starts one more process
WORTHWHILE = 4 << 20  # bytes of wheel files for which it starts one more to unpack
EACH = 64 << 10  # bytes that each wheel counts for besides its own
_CROWD = 300  # wheels that take turns; to schedule more of them again takes too long, so they stay as they were
_BESIDE = 0.15, 0.6  # the share by which the system takes longer beside other work: likely, and at most


class Range(NamedTuple):
    """Seconds, at least and at most, and `likely` if nothing else changes."""

    least: float
    likely: float
    most: float

    @property
    def spread(self) -> float:
        """By how much it may be more or less than is likely."""
        return max(self.most - self.likely, self.likely - self.least)


# of a processor, to start a helper process that unpacks
_HELPER = Range(0.04, 0.065, 0.1)


class Mixture(NamedTuple):
    """What the work of a period was: shares of its seconds, which are one in all, and on what machine it was done.

    `crowded`: of the `waiting`, what other programs may be the reason for.
    """

    system: float = 0.0
    waiting: float = 1.0
    crowded: float = 0.0
    machine: Machine = QUIET


class Period(NamedTuple):
    """A period of a session in which several workers may be at work; times of tasks begin at its beginning."""

    name: str
    seconds: float
    tasks: tuple[Task, ...]
    team: Callable[[int], Team]  # for a value of --jobs
    latest: float = 0.0  # it lasts at least until then, whatever the workers do: downloads
    mixture: Mixture = Mixture()

    def scheduled(
        self, team: Team, share: float = 1.0, start: float = _HELPER.likely, machine: Machine = QUIET
    ) -> float:
        """The seconds that it takes with that team, if of all work that share is left, and a helper takes `start`."""
        starts = (Task(0.0, start, float("-inf")),) * team.helpers
        tasks = self.tasks if share == 1.0 else [task._replace(seconds=share * task.seconds) for task in self.tasks]
        return max(self.latest, schedule((*starts, *tasks), team.workers, team.cpus, machine))

    def again(self, present: Team, team: Team) -> Range:
        """The seconds that it takes if the work is done again, by that team instead of the present one."""
        if team == present:
            took = self.scheduled(team)
            return Range(took, took, took)
        system, waiting, crowded, machine = self.mixture
        work, disk = 1.0 - crowded, waiting - crowded
        # else work was beside other work in this run, too
        beside, most = (share * system if present.processes == 1 else 0.0 for share in _BESIDE)
        machines = [one._replace(beside=most) for one in (machine, QUIET)]
        found = [
            self.scheduled(team, work, _HELPER.least),  # they wait for a disk as they do now, side by side
            *(self.scheduled(team, work, _HELPER.most, one) for one in machines),
        ]
        likely = self.scheduled(team, work, _HELPER.likely, machine._replace(beside=beside))
        if disk:  # it may serve one after the other
            serial = self.scheduled(team, work - disk, _HELPER.most, machines[0]) + disk * self.seconds
            found.append(serial)
            likely = (likely + serial) / 2
        return Range(min(likely, *found), likely, max(likely, *found))


def periods(case: Case) -> Iterable[Period]:
    """All of them, of a session that is over."""
    for span in case.snapshot.spans:
        phases = WORK.get(span.name, ())
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
            yield _staging(case, span, [wheel for wheel, _ in done], times)
        else:
            yield _committing(case, span, [wheel for wheel, _ in done], times)


WORK = {"acquire": (Phase.UNPACK,), "stage": (Phase.STAGE,), "commit": (Phase.COMMIT,)}


def mixture(case: Case, span: SessionSpan, tasks: Sequence[Task], team: Team) -> Mixture:
    """What the work of a part of the session was, as far as the journal knows."""
    seconds, work = (span.end or span.begin) - span.begin, sum(task.seconds for task in tasks)
    if span.cpu <= 0 or span.system < 0 or seconds <= 0 or work <= 0:
        return Mixture()
    used = min(max(span.cpu - team.helpers * _HELPER.likely, 0.0) / work, 1.0)
    system, waiting = used * min(span.system / span.cpu, 1.0), 1.0 - used
    if span.idle < 0:
        return Mixture(system, waiting)
    seen = max(case.cpus * seconds - span.cpu - span.idle, 0.0)  # seconds that other programs used
    crowded = min(seen / work, waiting)
    # who had to share wanted more than that: as much as explains what was left for this work
    wanted = case.cpus * (used + crowded) / used - team.processes if crowded and used else 0.0
    return Mixture(system, waiting, crowded, Machine(case.cpus, max(wanted, seen / seconds)))


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
    total = sum((wheel.size if wheel.size > 0 else WORTHWHILE) + EACH for wheel in wheels)

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
    took = max(end for _, end in times) - begin
    return Period("acquire", took, tasks, team, latest, mixture(case, span, tasks, present))


def _with_gaps(times: Sequence[tuple[float, float]], ready: Sequence[float], team: Team) -> list[tuple[float, float]]:
    """The periods, each from when a worker was free and the wheel ready, as it is read before it is unpacked."""
    begin, workers = min(ready, default=0.0), team.workers
    free = [begin + _HELPER.likely] * team.helpers + [begin] * (workers - team.helpers)
    found = dict.fromkeys(range(len(times)), (0.0, 0.0))
    for place in sorted(found, key=lambda place: times[place]):
        begin, end = times[place]
        # the one that was free last; if more were at work than there are, the one that is free first
        worker = max(range(workers), key=lambda one: free[one] if free[one] <= begin else -free[one])
        found[place] = (min(max(free[worker], ready[place]), begin), end)
        free[worker] = max(end, free[worker])
    return list(found.values())


def _staging(
    case: Case, span: SessionSpan, wheels: Sequence[WheelState], times: Sequence[tuple[float, float]]
) -> Period:
    """Copies are made by N workers; links by as many processes as there are enough files for."""
    begin, cpus = min(begin for begin, _ in times), float(case.cpus)
    files = sum(wheel.files for wheel in wheels)
    copies = any(wheel.copied for wheel in wheels)

    def team(jobs: int) -> Team:
        return Team(jobs if copies else max(1, min(jobs, case.cpus, files // FILES_EACH)), cpus)

    tasks = tuple(Task(0.0, work, -wheel.files) for wheel, work in zip(wheels, unshared(times, cpus), strict=True))
    took = max(end for _, end in times) - begin
    return Period("stage", took, tasks, team, 0.0, mixture(case, span, tasks, team(max(case.jobs, 1))))


def _committing(
    case: Case, span: SessionSpan, wheels: Sequence[WheelState], times: Sequence[tuple[float, float]]
) -> Period:
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
    took = max(end for _, end in times) - begin
    if sum(task.claims for task in tasks) > _CROWD:
        return Period("commit", took, (), lambda jobs: Team(1), latest=took)
    is_shared = _at_once(times) > 1  # a session that is alone commits its wheels in groups, which one worker does

    def team(jobs: int) -> Team:
        return Team(jobs if is_shared else 1)

    return Period("commit", took, tasks, team, 0.0, mixture(case, span, tasks, team(max(case.jobs, 1))))


def _at_once(times: Sequence[tuple[float, float]]) -> int:
    """How many of the periods overlapped at most."""
    marks = sorted([(begin, 1) for begin, _ in times] + [(end, -1) for _, end in times])
    now = most = 0
    for _, change in marks:
        now += change
        most = max(most, now)
    return most
