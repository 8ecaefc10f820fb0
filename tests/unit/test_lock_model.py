"""Every interleaving of small cases of the locks, with crashes: no deadlock, no two holders, order kept, all finish.

What runs is what is shipped: `derive` makes the claims, `LockTable` grants them, and what a wheel does to lock files is
the sequence of system calls that `ClaimFiles` makes, recorded once for each claim set (and once more with every attempt
refused at first, which must give the same sequence). Only the kernel is a model: a gate (byte-range lock) admits one
open file, a shared flock any number, an exclusive one nobody beside it; whoever may be served next, may be; and a
process that dies at any moment lets go of all.
"""

import copy
import errno
import fcntl
import os
import struct
import sys
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instui_engine.fs.paths import TOP
from instui_engine.locks import names
from instui_engine.locks import table as locktable
from instui_engine.locks.claims import MOST, Claims, derive
from instui_engine.locks.lock_files import ClaimFiles
from instui_engine.locks.table import LockTable
from support.environments import examples

PATHS = ("ns", "ns/a", "ns/b", "six.py")
WAITING, GRANTED, DONE, GONE = -1, -2, -3, -4
DEAD = -1


class Step(NamedTuple):
    """What a wheel does to one lock file: "gate" and "lock" (`shared` or not), "leave" (the gate), "close"."""

    what: str
    file: str
    shared: bool = False


class Program(NamedTuple):
    """What `ClaimFiles` does for one claim set, before and after the commit."""

    acquire: tuple[Step, ...]
    release: tuple[Step, ...]


Record = Callable[..., Program]
"""What `ClaimFiles` does for a claim set, and for one whose gates or locks ("gate", "lock") have to be waited for."""


# --- recording


class Recorder:
    """Stands between `ClaimFiles` and the kernel, and writes down what succeeds.

    `refuse`: the steps ("gate", "lock") that do not succeed at once, so that they are waited for.
    """

    def __init__(self, refuse: Collection[str]) -> None:
        self.steps: list[Step] = []
        self._refuse = refuse
        self._names: dict[int, str] = {}
        self._real: dict[str, Callable[..., Any]] = {
            "flock": fcntl.flock,
            "fcntl": fcntl.fcntl,
            "open": os.open,
            "close": os.close,
        }

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(fcntl, "flock", self._flock)
        patch.setattr(fcntl, "fcntl", self._fcntl)
        patch.setattr(os, "open", self._open)
        patch.setattr(os, "close", self._close)

    def _open(self, path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        descriptor = int(self._real["open"](path, flags, *arguments, **options))
        if flags & os.O_CREAT:  # else it is only looked at, to name the holder in a wait that takes more than a moment
            self._names[descriptor] = os.path.basename(os.fspath(path))
        return descriptor

    def _close(self, descriptor: int) -> None:
        if name := self._names.pop(descriptor, ""):
            self.steps.append(Step("close", name))
        self._real["close"](descriptor)

    def _flock(self, descriptor: int, operation: int) -> None:
        assert not operation & fcntl.LOCK_UN, "the model knows no unlocking without closing"
        self._take(descriptor, "lock", bool(operation & fcntl.LOCK_SH), bool(operation & fcntl.LOCK_NB))
        self._real["flock"](descriptor, operation)

    def _fcntl(self, descriptor: int, command: int, argument: bytes) -> Any:
        kind = struct.unpack_from("h", argument)[0]
        if kind == fcntl.F_UNLCK:
            self.steps.append(Step("leave", self._names[descriptor]))
        else:
            self._take(descriptor, "gate", kind == fcntl.F_RDLCK, command == fcntl.F_OFD_SETLK)
        return self._real["fcntl"](descriptor, command, argument)

    def _take(self, descriptor: int, what: str, shared: bool, at_once: bool) -> None:
        if at_once and what in self._refuse:
            raise BlockingIOError(errno.EAGAIN, "refused by the test")
        step = Step(what, self._names[descriptor], shared)
        if step not in self.steps:  # what it has is granted again at once
            self.steps.append(step)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """What `ClaimFiles` does for a claim set."""
    return recording(ClaimFiles(tmp_path_factory.mktemp("private"), {TOP}, 5.0))


def recording(files: ClaimFiles) -> Record:
    """What these `ClaimFiles` do for a claim set."""

    @cache
    def one(claims: Claims, refuse: tuple[str, ...] = ()) -> Program:
        recorder = Recorder(refuse)
        with pytest.MonkeyPatch.context() as patch:
            recorder.patch(patch)
            held = files.acquire(claims, lambda *_: None, lambda: False)
            taken = tuple(recorder.steps)
            files.release(held)
        return Program(taken, tuple(recorder.steps[len(taken) :]))

    return one


# --- what runs


@dataclass(frozen=True)
class Wheel:
    """One wheel of a case. `later`: what it claims when it finds its plan stale, which it may."""

    process: int
    paths: tuple[str, ...]
    name: str = ""
    later: tuple[str, ...] = ()


class Place(NamedTuple):
    """Where a wheel is: how often it has planned, and the next step of its program or WAITING, GRANTED, DONE, GONE."""

    plan: int
    at: int


class State(NamedTuple):
    """`tables`: the number of each process's table; None before its start, DEAD after its death."""

    tables: tuple[int | None, ...]
    wheels: tuple[Place, ...]
    deaths: int


class Fault(Exception):
    """A state that must not be, with the way to it."""


class Model:
    """All runs of one case."""

    def __init__(
        self,
        wheels: Sequence[Wheel],
        record: Record,
        *,
        workers: int = 3,
        deaths: int = 1,
        table: Callable[[], LockTable] = LockTable,
        change: Callable[[int, Program], Program] = lambda _, program: program,
        repeating: Iterable[int] = (),
        quick_gates: bool = False,
    ) -> None:
        """`repeating`: wheels that begin again when they are done. `quick_gates`: who stands in a gate and can go on
        does so before anybody else does anything.
        """
        self.wheels = wheels
        self.quick_gates = quick_gates
        self.workers, self.deaths, self.repeating = workers, deaths, frozenset(repeating)
        self.processes = range(1 + max(wheel.process for wheel in wheels))
        self.members = [[n for n, wheel in enumerate(wheels) if wheel.process == p] for p in self.processes]
        self.claims = [
            [derive(paths, wheel.name or str(number)) for paths in (wheel.paths, wheel.later) if paths]
            for number, wheel in enumerate(wheels)
        ]
        programs = [[change(number, record(claims)) for claims in row] for number, row in enumerate(self.claims)]
        self.programs = _without_private_files(programs)
        self.steps = [[one.acquire + one.release for one in row] for row in self.programs]
        self.held = [[_held_after(steps) for steps in row] for row in self.steps]
        self._new_table = table
        self._tables: list[LockTable] = []
        self._known: dict[Hashable, int] = {}
        self._operations: dict[Hashable, tuple[int, tuple[int, ...]]] = {}
        self._conflicts: dict[tuple[Claims, Claims], bool] = {}

    def start(self) -> State:
        return State(tuple(None for _ in self.processes), tuple(Place(0, WAITING) for _ in self.wheels), 0)

    def successors(self, state: State) -> Iterator[tuple[str, State]]:
        """Whatever can happen next."""
        if self.quick_gates:
            for number, place in enumerate(state.wheels):
                if place.at > 0 and self.held[number][place.plan // 2][place.at][0]:
                    moves = list(self._advance(state, number, place))
                    if moves:
                        yield from moves
                        return
        for process in self.processes:
            members = self.members[process]
            if state.tables[process] == DEAD or all(state.wheels[n].at == DONE for n in members):
                continue
            if state.deaths < self.deaths:
                yield f"process {process} dies", self._die(state, process)
            if state.tables[process] is None:
                yield f"process {process} asks for all its claims", self._ask(state, process)
            elif (number := self._next(state, members)) is not None:
                yield f"a worker takes {number}", _moved(state, number, Place(state.wheels[number].plan, 0))
        for number, place in enumerate(state.wheels):
            if place.at >= 0:
                yield from self._advance(state, number, place)

    def is_enabled(self, state: State, number: int) -> bool:
        """Whether the wheel can take its next step; one that nobody has to wait for counts as well."""
        place = state.wheels[number]
        return place.at in (WAITING, GRANTED) or any(True for _ in self._advance(state, number, place))

    def _next(self, state: State, members: Sequence[int]) -> int | None:
        at = [state.wheels[number].at for number in members]
        if sum(place >= 0 for place in at) >= self.workers:
            return None
        return next((number for number, place in zip(members, at, strict=True) if place == GRANTED), None)

    def _ask(self, state: State, process: int) -> State:
        table, granted = self._operate(None, "request", self.members[process][0])
        for number in self.members[process][1:]:
            table, more = self._operate(table, "request", number)
            granted += more
        return self._with(state, process, table, granted)

    def _die(self, state: State, process: int) -> State:
        wheels = list(state.wheels)
        for number in self.members[process]:
            if wheels[number].at != DONE:
                wheels[number] = Place(0, GONE)
        return State(_replaced(state.tables, process, DEAD), tuple(wheels), state.deaths + 1)

    def _advance(self, state: State, number: int, place: Place) -> Iterator[tuple[str, State]]:
        process = self.wheels[number].process
        plan, at = place
        steps = self.steps[number][plan // 2]
        if at == len(steps):
            yield self._finish(state, number, place, process)
            return
        if at == len(self.programs[number][plan // 2].acquire):
            if plan == 0 and len(self.claims[number]) == 2:
                yield f"{number} finds its plan stale", _moved(state, number, Place(1, at + 1))
            yield f"{number} commits", _moved(state, number, Place(plan, at + 1))
            return
        step = steps[at]
        if self._free(state, number, step):
            yield f"{number}: {step.what} {step.file}", _moved(state, number, Place(plan, at + 1))

    def _finish(self, state: State, number: int, place: Place, process: int) -> tuple[str, State]:
        if place.plan == 1:
            table, granted = self._operate(state.tables[process], "exchange", number)
            moved = _moved(state, number, Place(2, WAITING))
            return f"{number} asks again", self._with(moved, process, table, granted)
        table, granted = self._operate(state.tables[process], "release", number)
        moved = _moved(state, number, Place(place.plan, DONE))
        if number in self.repeating:
            table, more = self._operate(table, "request", number)
            moved, granted = _moved(state, number, Place(0, WAITING)), granted + more
        return f"{number} is done", self._with(moved, process, table, granted)

    def _free(self, state: State, number: int, step: Step) -> bool:
        """The kernel: whether a gate or a lock is to be had."""
        if step.what not in ("gate", "lock"):
            return True
        for other, place in enumerate(state.wheels):
            if other == number or place.at <= 0:
                continue
            gates, locks = self.held[other][place.plan // 2][place.at]
            there = (gates if step.what == "gate" else locks).get(step.file)
            if there is not None and not (step.shared and there):
                return False
        return True

    # --- the table, whose states are numbered

    def _operate(self, table: int | None, what: str, number: int) -> tuple[int, tuple[int, ...]]:
        """A call of the real table, on a copy; who is granted by it."""
        known = self._operations.get((table, what, number))
        if known is None:
            real = self._new_table() if table is None else copy.deepcopy(self._tables[table])
            if what == "request":
                granted = [number] if real.request(number, self.claims[number][0]) else []
            elif what == "exchange":
                granted = real.exchange(number, self.claims[number][1])
            else:
                granted = real.release(number)
            key = frozen(real)
            if key not in self._known:
                self._known[key] = len(self._tables)
                self._tables.append(real)
            known = self._operations[table, what, number] = (self._known[key], tuple(granted))
        return known

    def _with(self, state: State, process: int, table: int | None, granted: Iterable[int]) -> State:
        wheels = list(state.wheels)
        for number in granted:
            if wheels[number].at != WAITING:
                raise Fault(f"wheel {number} is granted its claims, which it holds")
            wheels[number] = Place(wheels[number].plan, GRANTED)
        return State(_replaced(state.tables, process, table), tuple(wheels), state.deaths)

    # --- what must hold

    def check(self, state: State) -> None:
        """Raise Fault for a state that must not be."""
        committing = [n for n, place in enumerate(state.wheels) if self._is_committing(n, place)]
        for one, other in combinations(committing, 2):
            if self._conflict(self._now(state, one), self._now(state, other)):
                raise Fault(f"wheels {one} and {other} commit at once")
        for process, table in enumerate(state.tables):
            if table is not None and table != DEAD:
                holders = [n for n in self.members[process] if self._tables[table].holds(n)]
                for one, other in combinations(holders, 2):
                    if self._conflict(self._now(state, one), self._now(state, other)):
                        raise Fault(f"the table of process {process} lets {one} and {other} hold at once")
        for number in committing:
            for earlier in self.members[self.wheels[number].process]:
                if earlier == number:
                    break
                claims = self._now(state, number)
                asked_before = self._conflict(self.claims[earlier][0], claims) and state.wheels[number].plan < 2
                if (
                    asked_before
                    and self._conflict(self._now(state, earlier), claims)
                    and state.wheels[earlier].at != DONE
                ):
                    raise Fault(f"wheel {number} comes before {earlier}, on which it follows in plan order")

    def _is_committing(self, number: int, place: Place) -> bool:
        return place.at == len(self.programs[number][place.plan // 2].acquire)

    def _now(self, state: State, number: int) -> Claims:
        return self.claims[number][state.wheels[number].plan // 2]

    def _conflict(self, one: Claims, other: Claims) -> bool:
        known = self._conflicts.get((one, other))
        if known is None:
            known = self._conflicts[one, other] = conflict(one, other)
        return known

    def explore(self) -> int:
        """Visit every state; returns how many there are. Raises Fault with the shortest way to a fault."""
        start = self.start()
        came: dict[State, tuple[State, str] | None] = {start: None}
        layer = [start]
        while layer:
            following = []
            for state in layer:
                try:
                    self.check(state)
                    alone = True
                    for label, successor in self.successors(state):
                        alone = alone and label.endswith("dies")
                        if successor not in came:
                            came[successor] = (state, label)
                            following.append(successor)
                    if alone and any(place.at not in (DONE, GONE) for place in state.wheels):
                        raise Fault("deadlock: nobody can go on")
                except Fault as fault:
                    raise Fault(f"{fault}\n  {_way(came, state)}") from None
            layer = following
        return len(came)

    def starvation(self, number: int) -> bool:
        """Whether there is a run without end in which `number` is never able to go on, not even for a moment.

        A circle among the states in which it waits and cannot go on: no fairness of the scheduler would help it.
        """
        start = self.start()
        seen, stack = {start}, [start]
        edges: dict[State, list[State]] = {}
        while stack:
            state = stack.pop()
            followers = [successor for _, successor in self.successors(state)]
            if state.wheels[number].at >= 0 and not self.is_enabled(state, number):
                edges[state] = followers
            for successor in followers:
                if successor not in seen:
                    seen.add(successor)
                    stack.append(successor)
        return _has_circle(edges)


def conflict(one: Claims, other: Claims) -> bool:
    """By containment of what is claimed exclusively; intentions do not come in."""
    return any(
        f"{a}/".startswith(f"{b}/") or f"{b}/".startswith(f"{a}/") for a in one.exclusive for b in other.exclusive
    )


def frozen(thing: Any) -> Hashable:
    """A key of everything that is in an object, whatever its fields are called."""
    if isinstance(thing, dict):
        return tuple(sorted((frozen(key), frozen(value)) for key, value in thing.items()))
    if isinstance(thing, list | tuple):
        return tuple(frozen(value) for value in thing)
    if isinstance(thing, set | frozenset):
        return tuple(sorted(frozen(value) for value in thing))  # type: ignore[type-var]
    if isinstance(thing, str | int):
        return thing
    names = getattr(thing, "__slots__", None) or vars(thing)
    return tuple((name, frozen(getattr(thing, name))) for name in names)


def _without_private_files(programs: Sequence[Sequence[Program]]) -> list[list[Program]]:
    """Steps at files where nobody ever has to wait, and is seen by nobody, need no states of their own."""
    users: dict[str, set[int]] = {}
    exclusive = set()
    for number, row in enumerate(programs):
        for step in (step for program in row for step in program.acquire):
            users.setdefault(step.file, set()).add(number)
            if step.what in ("gate", "lock") and not step.shared:
                exclusive.add(step.file)
    contended = {file for file, numbers in users.items() if len(numbers) > 1 and file in exclusive}

    def kept(steps: Iterable[Step]) -> tuple[Step, ...]:
        return tuple(step for step in steps if step.file in contended)

    # one step more before each release: the commit
    return [
        [Program(kept(program.acquire), (Step("commit", ""), *kept(program.release))) for program in row]
        for row in programs
    ]


def _held_after(steps: Sequence[Step]) -> list[tuple[dict[str, bool], dict[str, bool]]]:
    """For each number of steps taken: the gates and the locks that are held then, and whether they are shared."""
    gates: dict[str, bool] = {}
    locks: dict[str, bool] = {}
    found: list[tuple[dict[str, bool], dict[str, bool]]] = [({}, {})]
    for step in steps:
        if step.what == "gate":
            gates[step.file] = step.shared
        elif step.what == "lock":
            locks[step.file] = step.shared
        else:
            gates.pop(step.file, None)
            if step.what == "close":
                locks.pop(step.file, None)
        found.append((dict(gates), dict(locks)))
    return found


def _moved(state: State, number: int, place: Place) -> State:
    return State(state.tables, _replaced(state.wheels, number, place), state.deaths)


def _replaced(row: tuple[Any, ...], place: int, value: Any) -> tuple[Any, ...]:
    return (*row[:place], value, *row[place + 1 :])


def _way(came: dict[State, tuple[State, str] | None], state: State) -> str:
    labels = []
    while (step := came[state]) is not None:
        state, label = step
        labels.append(label)
    return "\n  ".join(reversed(labels))


def _has_circle(edges: dict[State, list[State]]) -> bool:
    """Whether the graph has a circle: take away, again and again, what nobody leads to."""
    incoming = dict.fromkeys(edges, 0)
    for followers in edges.values():
        for state in followers:
            if state in incoming:
                incoming[state] += 1
    free = [state for state, count in incoming.items() if not count]
    left = len(edges)
    while free:
        left -= 1
        for state in edges[free.pop()]:
            if state in incoming:
                incoming[state] -= 1
                if not incoming[state]:
                    free.append(state)
    return left > 0


# --- all small cases

CLAIMED = tuple(
    paths
    for count in range(1, len(PATHS) + 1)
    for paths in combinations(PATHS, count)
    if not any(one != other and one.startswith(f"{other}/") for one in paths for other in paths)
)
MANY = tuple(f"ns/a/{number}" for number in range(MOST + 1))  # more than are locked one by one


def cases(processes: Sequence[int]) -> Iterator[tuple[Wheel, ...]]:
    """Wheels of these processes, with every choice of claims; which process is which does not matter."""
    for chosen in product(CLAIMED, repeat=len(processes)):
        rows = [
            [paths for paths, place in zip(chosen, processes, strict=True) if place == process]
            for process in range(max(processes) + 1)
        ]
        if all(one <= other for one, other in pairwise(rows) if len(one) == len(other)):
            yield tuple(Wheel(process, paths) for process, paths in zip(processes, chosen, strict=True))


def run(chosen: Iterable[tuple[Wheel, ...]], record: Record, **options: Any) -> int:
    """Explore all of them; how many states they have. Fails with the case and the shortest way to its fault."""
    states = 0
    for wheels in chosen:
        try:
            states += Model(wheels, record, **options).explore()
        except Fault as fault:
            raise AssertionError(f"{fault}\nin {wheels}") from None
    return states


@pytest.fixture(params=[1, 2, 3])
def crowded(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Like `record`, but all paths share so few lock files that many meet by chance, within one process as well."""
    monkeypatch.setattr(names, "BUCKETS", request.param)
    return recording(ClaimFiles(tmp_path / "private", {TOP}, 5.0))


@pytest.mark.parametrize("processes", [(0, 0, 1), (0, 1, 2)])
def test_lock_files_that_are_shared_by_chance_bring_no_deadlock(processes: Sequence[int], crowded: Record) -> None:
    print(run(list(cases(processes))[::7], crowded), "states")


@pytest.mark.parametrize("processes", [(0, 0, 0), (0, 0, 1), (0, 1, 2)])
def test_three_wheels(processes: Sequence[int], record: Record) -> None:
    print(run(cases(processes), record), "states")


def test_fewer_workers_than_wheels(record: Record) -> None:
    print(run(list(cases((0, 0, 1)))[::4], record, workers=1), "states")


@pytest.mark.sweep
def test_wheels_that_find_their_plans_stale_and_claim_anew(record: Record, sweeping: bool) -> None:
    chosen = [
        (Wheel(0, first, later=later), Wheel(0, second), Wheel(1, other))
        for first, later, second, other in product(CLAIMED, repeat=4)
        if first != later
    ]
    print(run(chosen if sweeping else chosen[::47], record), "states")


@pytest.mark.sweep
def test_one_distribution_in_two_processes(record: Record, sweeping: bool) -> None:
    chosen = [
        (Wheel(0, first, "same"), Wheel(0, second), Wheel(1, other, "same"))
        for first, second, other in product(CLAIMED, repeat=3)
    ]
    print(run(chosen if sweeping else chosen[::5], record), "states")


def test_a_wheel_with_very_many_claims(record: Record) -> None:
    few = CLAIMED if len(CLAIMED) < 9 else CLAIMED[::2]
    chosen = [(Wheel(0, MANY), Wheel(1, one), Wheel(1, other)) for one, other in product(few, repeat=2)]
    chosen += [(Wheel(0, MANY), Wheel(0, one), Wheel(1, MANY)) for one in few]
    print(run(chosen, record), "states")


@pytest.mark.sweep
def test_four_wheels(record: Record, sweeping: bool) -> None:
    chosen = list(cases((0, 0, 1, 1)))
    print(run(chosen if sweeping else chosen[::101], record, deaths=2), "states")


# --- nobody starves: an exclusive waiter, and processes that come again and again with intentions

CROWD = (Wheel(0, ("ns",)), Wheel(1, ("ns/a",)), Wheel(2, ("ns/b",)))


def ungated(_: int, program: Program) -> Program:
    return Program(tuple(step for step in program.acquire if step.what not in ("gate", "leave")), program.release)


@pytest.mark.skipif(sys.platform != "linux", reason="no gate here")
def test_nobody_is_kept_out_for_ever(record: Record) -> None:
    """Given that whoever passes a gate is quicker than another one's whole round of commits."""
    assert not Model(CROWD, record, deaths=0, repeating=(1, 2), quick_gates=True).starvation(0)


def test_without_the_gate_the_model_finds_starvation(record: Record) -> None:
    assert Model(CROWD, record, deaths=0, repeating=(1, 2), quick_gates=True, change=ungated).starvation(0)


# --- the model has teeth: each of these faults is found


def reversed_in_the_last(number: int, program: Program) -> Program:
    """One wheel takes its lock files in the opposite order."""
    if number != 2:
        return program
    files = list(dict.fromkeys(step.file for step in program.acquire))
    return Program(tuple(step for file in reversed(files) for step in program.acquire if step.file == file), ())


def all_shared(_: int, program: Program) -> Program:
    """Exclusive locks of files are taken as shared ones."""
    return Program(tuple(step._replace(shared=step.what == "lock" or step.shared) for step in program.acquire), ())


class Partial(LockTable):
    """Holds what is free while it waits for the rest; `greedy`: the last who asked gets what became free."""

    greedy = False

    def _try(self, owner: int) -> bool:
        claims = self._claims[owner]
        for path, mode in locktable._modes(claims):
            state = self._paths[path]
            if owner not in state.holders and self._may_have(state, owner, mode):
                self._unqueue(state, owner, mode)
                state.holders[owner] = mode
        if all(owner in self._paths[path].holders for path, _ in locktable._modes(claims)):
            self._held.add(owner)
        return owner in self._held

    def _may_have(self, state: Any, owner: int, mode: Any) -> bool:
        return bool(state.admits(owner, mode))

    def _grant(self, candidates: set[int]) -> list[int]:
        return [owner for owner in sorted(candidates, reverse=self.greedy) if self._try(owner)]


class Greedy(Partial):
    greedy = True

    def _may_have(self, state: Any, owner: int, mode: Any) -> bool:
        first = min if len(state.waiting) % 2 else max  # some wheels of the path's own choice
        held = next(iter(state.holders.values()), None)
        return (held is None or (held, mode) == ("IX", "IX")) and (mode == "IX" or first(state.waiting) == owner)


def fault(processes: Sequence[int], record: Record, **options: Any) -> str:
    """The first line of the first fault that is found."""
    for wheels in cases(processes):
        try:
            Model(wheels, record, **options).explore()
        except Fault as found:
            return str(found).partition("\n")[0]
    return ""


def test_unsorted_lock_files_are_found(record: Record) -> None:
    assert fault((0, 1, 2), record, change=reversed_in_the_last).startswith("deadlock")


def test_exclusive_file_locks_taken_as_shared_are_found(record: Record) -> None:
    assert "commit at once" in fault((0, 0, 1), record, change=all_shared)


def test_exclusive_claims_taken_as_shared_in_the_table_are_found(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(locktable.COMPATIBLE, ("X", "X"), True)
    assert "hold at once" in fault((0, 0, 1), record)


def test_a_table_without_the_plan_order_is_found(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    admits = locktable._Path.admits

    def careless(self: Any, owner: int, mode: Any) -> bool:
        kept = self.waiting, self.waiting_x
        self.waiting, self.waiting_x = [], []
        try:
            return admits(self, owner, mode)
        finally:
            self.waiting, self.waiting_x = kept

    monkeypatch.setattr(locktable._Path, "admits", careless)
    assert "in plan order" in fault((0, 0, 0), record)


def test_claims_granted_one_by_one_without_the_plan_order_are_found(record: Record) -> None:
    assert fault((0, 0, 0), record, table=Greedy).startswith("deadlock")


# --- what the model takes for granted about the recorded sequences

claim_sets = st.builds(
    derive,
    st.sets(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join), min_size=1, max_size=5)
    | st.just(set(MANY))
    | st.just({f"b/{number}" for number in range(2 * MOST)}),
    st.sampled_from(["one", "other"]),
)


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(claim_sets, min_size=2, max_size=5))
def test_conflicting_claims_meet_at_a_lock_file_and_all_files_have_one_order(
    record: Record, sets: list[Claims]
) -> None:
    locks = [{step.file: step.shared for step in record(claims).acquire if step.what == "lock"} for claims in sets]
    for (one, mine), (other, theirs) in combinations(zip(sets, locks, strict=True), 2):
        if conflict(one, other):
            assert any(not (mine[file] and theirs[file]) for file in mine.keys() & theirs.keys())
    edges: dict[Any, list[Any]] = {file: [] for row in locks for file in row}
    for row in locks:
        for before, after in pairwise(row):
            edges[before].append(after)
    assert not _has_circle(edges)


@settings(max_examples=examples(10), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(claim_sets, st.sampled_from([("gate",), ("lock",), ("gate", "lock")]))
def test_who_has_to_wait_takes_the_same_steps(record: Record, claims: Claims, refuse: tuple[str, ...]) -> None:
    assert record(claims, refuse) == record(claims)


def test_each_file_is_gated_locked_and_kept_to_the_end(record: Record) -> None:
    program = record(derive(["ns/a", "six.py"], "name"))
    files = list(dict.fromkeys(step.file for step in program.acquire))
    assert len(files) >= 4
    gates = ["gate", "lock", "leave"] if sys.platform == "linux" else ["lock"]
    assert [(step.file, step.what) for step in program.acquire] == list(product(files, gates))
    assert [(step.file, step.what) for step in program.release] == [(file, "close") for file in reversed(files)]
