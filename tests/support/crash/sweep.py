"""Faults at every point of a command, or at some of them: what came of it."""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

from support.crash.injector import KILL, Call, Fault, Run
from support.crash.judge import said
from support.crash.lane import Lane, Setting
from support.crash.scenarios import Scenario
from support.crash.states import State

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
    """A whole sweep. `points`: how many there are, of which those of `verdicts` were tried.

    `states`: how many states of the disk were judged, in this sweep and those before it in the same environment.
    """

    kind: str
    fault: str
    setting: Setting
    points: int
    verdicts: tuple[Verdict, ...]
    states: int = 0

    def __str__(self) -> str:
        said = f"{self.kind}, {self.fault}, {self.setting}: {self.points} points, {len(self.verdicts)} tried"
        return f"{said}, {self.states} states so far"

    def counts(self) -> Counter[str]:
        """Outcome -> how often."""
        return Counter(verdict.outcome for verdict in self.verdicts)

    @property
    def violations(self) -> list[str]:
        """One line for each point at which a promise was broken; what a failed test should show."""
        return [f"{self.kind}, {self.fault} at {verdict}" for verdict in self.verdicts if verdict.problems]


def after_fault(lane: Lane, run: Run, at: int, fault: Fault, state: State) -> list[str]:
    """What is wrong right after a run with a fault, before anything else has run. `state`: what it left."""
    problems = [*state.readers_view]
    if run.hung:
        return [*problems, "it hung"]
    if fault.action in ("kill", "tear"):
        if run.fired and run.code != -9:
            problems.append(f"exit {run.code}, though it was killed")
        return problems if run.fired else [*problems, *state.finished]
    problems += said(run.code, run.stderr)
    if fault.action == "signal":  # an error may also keep it from tidying up
        problems += state.leftovers
    if run.code == 0:
        return [*problems, *state.finished]
    allowed = {1: 143, 2: 130, 15: 143}.get(fault.number) if fault.action == "signal" else 1
    if run.code != allowed:
        problems.append(f"exit {run.code}: {run.stderr.strip()[:300]}")
    # what fails for ever, once the first file is in place, may also keep it from taking that back
    if fault.action == "signal" or not fault.second or not _begun(lane, run, at):
        problems += state.orderly
    return problems


def _begun(lane: Lane, run: Run, at: int) -> bool:
    """Whether anything but the engine's own files had changed before point `at`."""
    own = (f"{lane.top}/.instui/", f"{lane.top}/.lock")
    earlier = [path for call in run.trace if call.number < at for path in (call.path, call.target)]
    return any(path.startswith(f"{lane.top}/") and not path.startswith(own) for path in earlier)


def try_point(lane: Lane, at: int, fault: Fault, thorough: bool = True) -> Verdict:
    """A fault at one point, and the same command again."""
    lane.reset()
    run = lane.run(at, fault, trace=True)
    return _judged(lane, run, at, 0, fault, thorough)


def _judged(lane: Lane, run: Run, at: int, inner: int, fault: Fault, thorough: bool) -> Verdict:
    point = inner or at
    state = lane.state()
    torn = after_fault(lane, run, point, fault, state)
    clean = state.untouched
    unmended = lane.again(thorough, state)
    number = run.count if inner else at
    where = next((str(call) for call in run.trace if call.number == number), "not reached")
    outcome = "torn" if torn else "unmended" if unmended else "clean" if clean else "repaired"
    return Verdict(at, inner, outcome, (*torn, *unmended), where.replace(f"{lane.top}/", ""))


def try_nested(lane: Lane, at: int, inner: Callable[[range], Iterable[int]], thorough: bool = False) -> list[Verdict]:
    """A kill at `at`, then at points of the run that recovers (`inner` chooses), then the command once more.

    The points of that run are those up to where it plans, and so has recovered, or all if nothing is left to plan.
    """
    if inner is iter and lane.watchable:
        return _try_all(lane, at, thorough)
    lane.reset()
    lane.run(at, KILL)
    recovery = lane.run(mark=_RECOVERED)
    verdicts = []
    for place in inner(range(1, (recovery.marked or recovery.count) + 1)):
        lane.reset()
        lane.run(at, KILL)
        run = lane.run(place, KILL, trace=True)
        verdicts.append(_judged(lane, run, at, place, KILL, thorough))
    return verdicts


def _try_all(lane: Lane, at: int, thorough: bool) -> list[Verdict]:
    """All points of the run that recovers from a kill at `at`.

    It is watched at each point, and killed where the disk is in a state from which the command is not known to go on.
    So each state is left once, and to be killed at another point would leave one of them.
    """
    verdicts: list[Verdict] = []
    while True:
        lane.reset()
        lane.run(at, KILL)
        run = _run_into_the_unknown(lane, at, verdicts, thorough)
        if not run.fired:
            return verdicts
        verdicts.append(_judged(lane, run, at, len(verdicts) + 1, KILL, thorough))


def _run_into_the_unknown(lane: Lane, at: int, verdicts: list[Verdict], thorough: bool) -> Run:
    """Run until a point after those of `verdicts` that has to be tried; what is known of those before it is added."""
    places = count(1)

    def is_to_be_tried(number: int) -> bool:
        place = next(places)
        if place <= len(verdicts):  # tried, or known, the last time
            return False
        state = lane.states.get(lane.digest())
        if state is None or not state.went_on(thorough) or lane.is_checked():
            return True
        verdicts.append(Verdict(at, place, "clean" if state.untouched else "repaired"))
        return False

    return lane.run(mark=_RECOVERED, watch=is_to_be_tried, trace=True)


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
        began = time.monotonic()
        with ThreadPoolExecutor(self._lanes) as pool:
            found = list(pool.map(one, choose(range(1, total + 1))))
        verdicts = [verdict for verdicts in found for verdict in verdicts]
        for lane in self.lanes:
            if not lane.intact():
                verdicts.append(Verdict(0, 0, "torn", ("a fault reached the start through a hard link",)))
        states = sum(len(lane.states) for lane in self.lanes)
        result = Result(self.scenario.kind, name, self.setting, total, tuple(verdicts), states)
        print(f"{result}: {dict(result.counts())}, {time.monotonic() - began:.0f} s")  # shown by -rP
        return result


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
