"""Tasks for several workers, as the engine schedules them: who is first, who takes turns, who shares a processor."""

from collections.abc import Sequence
from heapq import heappop, heappush

from instui_engine.values import NamedTuple


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


class Machine(NamedTuple):
    """Where tasks run: so many `processors`, of which other programs would use `others`; the system shares them fairly.

    `beside`: the share by which a task takes longer while another one runs.
    """

    processors: float = float("inf")
    others: float = 0.0
    beside: float = 0.0

    def speed(self, busy: float) -> float:
        """How fast each task is, where so many are busy."""
        wanted = busy + self.others
        share = 1.0 if wanted <= self.processors else self.processors / wanted
        return share / (1.0 + self.beside) if busy > 1 else share


QUIET = Machine()


class Team(NamedTuple):
    """Who is at work: workers, of whom `cpus` do not slow each other down; first, `helpers` of them have to start."""

    workers: int
    cpus: float = float("inf")
    helpers: int = 0

    @property
    def processes(self) -> float:
        """How many of them can be at work at a time."""
        return min(self.workers, self.cpus)


def schedule(tasks: Sequence[Task], workers: int, cpus: float, machine: Machine = QUIET) -> float:
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
        busy = min(cpus, len(running))
        speed = busy / len(running) * machine.speed(busy) if running else 1.0
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
