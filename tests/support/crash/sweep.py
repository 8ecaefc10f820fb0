"""Faults at every point of a command, or at some of them: what came of it."""

import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

from support.crash.injector import KILL, Call, Fault, Run
from support.crash.judge import leftovers, said
from support.crash.lane import Lane, Setting
from support.crash.scenarios import Scenario

_RECOVERED = '"plan.finished"'  # what comes next
LANES = 2  # environments that are worked on at the same time


@dataclass(frozen=True)
class Verdict:
    """What came of a fault at point `at` (and, in a nested sweep, at point `inner` of the run after it).

    "clean": nothing had changed, or all. "repaired": the command, run again, had something to mend and did.
    "torn": a promise was broken at once, before anything else ran. "unmended": only later was one.
    """

    at: int
    inner: int
    outcome: str
    problems: tuple[str, ...] = ()
    where: str = ""

    def __str__(self) -> str:
        place = f"{self.at}.{self.inner}" if self.inner else str(self.at)
        return f"{place} ({self.where}): {'; '.join(self.problems) or self.outcome}"


@dataclass(frozen=True)
class Result:
    """A whole sweep. `points`: how many there are, of which those of `verdicts` were tried."""

    kind: str
    fault: str
    setting: Setting
    points: int
    verdicts: tuple[Verdict, ...]

    def counts(self) -> Counter[str]:
        """Outcome -> how often."""
        return Counter(verdict.outcome for verdict in self.verdicts)

    @property
    def violations(self) -> list[str]:
        """One line for each point at which a promise was broken; what a failed test should show."""
        return [f"{self.kind}, {self.fault} at {verdict}" for verdict in self.verdicts if verdict.problems]


def after_fault(lane: Lane, run: Run, at: int, fault: Fault) -> list[str]:
    """What is wrong right after a run with a fault, before anything else has run."""
    top, judge = lane.top, lane.judge
    problems = judge.readers_view(top)
    if run.hung:
        return [*problems, "it hung"]
    if fault.action in ("kill", "tear"):
        if run.fired and run.code != -9:
            problems.append(f"exit {run.code}, though it was killed")
        return problems + ([] if run.fired else judge.finished(top))
    problems += said(run.code, run.stderr)
    if fault.action == "signal":  # an error may also keep it from tidying up
        problems += leftovers(top)
    if run.code == 0:
        return problems + judge.finished(top)
    allowed = {1: 143, 2: 130, 15: 143}.get(fault.number) if fault.action == "signal" else 1
    if run.code != allowed:
        problems.append(f"exit {run.code}: {run.stderr.strip()[:300]}")
    # what fails for ever, once the first file is in place, may also keep it from taking that back
    if fault.action == "signal" or not fault.second or not _begun(lane, run, at):
        problems += judge.orderly(top)
    return problems


def _begun(lane: Lane, run: Run, at: int) -> bool:
    """Whether anything but the engine's own files had changed before point `at`."""
    own = (f"{lane.top}/.instui/", f"{lane.top}/.lock")
    earlier = [path for call in run.trace if call.number < at for path in (call.path, call.target)]
    return any(path.startswith(f"{lane.top}/") and not path.startswith(own) for path in earlier)


def try_point(lane: Lane, at: int, fault: Fault, thorough: bool = True) -> Verdict:
    """A fault at one point, and the same command again."""
    lane.reset()
    return _tried(lane, at, 0, fault, thorough)


def _tried(lane: Lane, at: int, inner: int, fault: Fault, thorough: bool) -> Verdict:
    point = inner or at
    run = lane.run(point, fault, trace=True)
    torn = after_fault(lane, run, point, fault)
    clean = lane.judge.untouched(lane.top)
    unmended = lane.again(thorough)
    where = next((str(call) for call in run.trace if call.number == point), "not reached")
    outcome = "torn" if torn else "unmended" if unmended else "clean" if clean else "repaired"
    return Verdict(at, inner, outcome, (*torn, *unmended), where.replace(f"{lane.top}/", ""))


def try_nested(lane: Lane, at: int, inner: Callable[[range], Iterable[int]], thorough: bool = False) -> list[Verdict]:
    """A kill at `at`, then at points of the run that recovers (`inner` chooses), then the command once more.

    The points of that run are those up to where it plans, and so has recovered, or all if nothing is left to plan.
    """
    lane.reset()
    lane.run(at, KILL)
    recovery = lane.run(mark=_RECOVERED)
    verdicts = []
    for place in inner(range(1, (recovery.marked or recovery.count) + 1)):
        lane.reset()
        lane.run(at, KILL)
        verdicts.append(_tried(lane, at, place, KILL, thorough))
    return verdicts


class Sweep:
    """A scenario under a setting, with its lanes. `place`: a directory of its own, best in memory."""

    def __init__(self, place: Path, scenario: Scenario, setting: Setting, library: Path, lanes: int = LANES) -> None:
        self.scenario = scenario
        self.setting = setting
        cache, skeleton = place / "cache", place / "skeleton"
        if not skeleton.exists():
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(skeleton)], check=True)
        number = next(_numbers)

        def lane(index: int) -> Lane:
            return Lane(place / f"lane{number}-{index}", skeleton, scenario, setting, cache, library)

        self.lanes = [lane(0)]  # alone, so that it fills the cache for the others
        self._lanes = lanes
        self._lock = threading.Lock()
        self._idle = list(self.lanes)
        self._make = lane
        self._points: dict[str, int] = {}  # by the calls that count

    @contextmanager
    def lane(self) -> Iterator[Lane]:
        """A lane that nobody else uses meanwhile."""
        with self._lock:  # no more lanes than threads are ever made
            if not self._idle:
                self.lanes.append(self._make(len(self.lanes)))
                self._idle.append(self.lanes[-1])
            found = self._idle.pop()
        try:
            yield found
        finally:
            with self._lock:
                self._idle.append(found)

    def points(self, fault: Fault) -> int:
        """How many points there are for `fault`."""
        if fault.calls not in self._points:
            with self.lane() as lane:
                lane.reset()
                command = self.setting.arguments(self.scenario.command, lane.top)
                self._points[fault.calls] = lane.injector.count(command, fault.calls)
        return self._points[fault.calls]

    def trace(self) -> tuple[Call, ...]:
        """The points of a kill, from an undisturbed run."""
        with self.lane() as lane:
            lane.reset()
            return lane.run(trace=True).trace

    def sweep(self, fault: Fault, choose: Callable[[range], Iterable[int]] = iter, thorough: bool = True) -> Result:
        """`fault` at the points that `choose` picks."""
        total = self.points(fault)

        def one(at: int) -> list[Verdict]:
            with self.lane() as lane:
                return [try_point(lane, at, fault, thorough)]

        return self._result(fault.name, total, one, choose)

    def nested(self, choose: Callable[[range], Iterable[int]], inner: Callable[[range], Iterable[int]]) -> Result:
        """A kill at the points that `choose` picks, and at those that `inner` picks of the run after it."""
        total = self.points(KILL)

        def one(at: int) -> list[Verdict]:
            with self.lane() as lane:
                return try_nested(lane, at, inner)

        return self._result("kill, kill", total, one, choose)

    def _result(
        self, name: str, total: int, one: Callable[[int], list[Verdict]], choose: Callable[[range], Iterable[int]]
    ) -> Result:
        with ThreadPoolExecutor(self._lanes) as pool:
            found = list(pool.map(one, choose(range(1, total + 1))))
        verdicts = [verdict for verdicts in found for verdict in verdicts]
        for lane in self.lanes:
            if not lane.intact():
                verdicts.append(Verdict(0, 0, "torn", ("a fault reached the start through a hard link",)))
        return Result(self.scenario.kind, name, self.setting, total, tuple(verdicts))


_numbers = count()


def sample(size: int, seed: int) -> Callable[[range], list[int]]:
    """Chooses `size` points by chance, one from each stretch of equal length, and always the first and the last."""

    def choose(points: range) -> list[int]:
        if len(points) <= size:
            return list(points)
        generator = random.Random(seed)
        edges = [round(index * len(points) / size) for index in range(size + 1)]
        chosen = {points[generator.randrange(low, high)] for low, high in pairwise(edges)}
        return sorted(chosen)

    return choose


def memory() -> str | None:
    """A directory in memory for what sweeps make and remove, where there is one; None for the usual place."""
    shared = Path("/dev/shm")
    return str(shared) if shared.is_dir() and os.access(shared, os.W_OK) else None
