"""The model of a session at one moment, for user interfaces: values made by `instui.monitor.fold.Fold`.

Nothing that is in a snapshot changes any more: the fold copies a wheel or a lock before it changes one that was seen.

Times are seconds since the session began, sizes are bytes, and paths are those of the journal (relative to the
environment's top). Everything here may be kept, compared by identity to see what changed, and passed between threads.
Names are unchanged from wheels and journals: pass them through `printable` before they reach a terminal.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeVar, overload

from instui_engine.journal.events import Holder, SessionStarted
from instui_engine.values import NamedTuple

from .spans import CommitSteps, Compiling, Doing, Halt, LoadSample, Pause, SessionSpan, SessionWait, Stall, Sync

T = TypeVar("T")
NO_STEPS = CommitSteps()


class Phase(Enum):
    """The phase of a wheel; the value is the word to show."""

    QUEUED = "queued"  # waits for its download, or to be unpacked
    FETCH = "fetch"
    BUILD = "build"  # from its source
    UNPACK = "unpack"
    READY = "unpacked"  # it is in the cache
    STAGE = "stage"
    STAGED = "staged"
    WAIT = "wait"  # for its claims
    COMMIT = "commit"  # holds its claims
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"  # the session ended before it was installed, or it was left out; spans say how far it had come
    UNBEGUN = "not begun"  # the session ended before any work was done on it

    __hash__ = object.__hash__  # that of Enum is written in Python, and phases are looked up for every event


RUNNING = frozenset({Phase.FETCH, Phase.BUILD, Phase.UNPACK, Phase.STAGE, Phase.COMMIT})
WORK = RUNNING | {Phase.WAIT}  # what takes time; a wheel rests in the other phases
SETTLED = frozenset({Phase.DONE, Phase.FAILED, Phase.STOPPED, Phase.UNBEGUN})  # nothing more comes

CANCELLED = "cancelled"  # the `error` of a wheel that was stopped because somebody asked to leave it out

DROPPED = "unneeded"  # the same of one in whose place others have installed what satisfies

REMOVALS: Mapping[Phase, str] = {Phase.READY: "queued", Phase.COMMIT: "remove", Phase.DONE: "removed"}


class Prefix(Sequence[T]):
    """The first `len` items of a list that only grows: a snapshot of it without a copy."""

    __slots__ = ("_count", "_items")

    def __init__(self, items: list[T]) -> None:
        self._items = items
        self._count = len(items)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self._items[i] for i in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        return self._items[index if index >= 0 else index + self._count]

    def __iter__(self) -> Iterator[T]:
        items = self._items
        return (items[i] for i in range(self._count))

    def __repr__(self) -> str:
        return f"Prefix({list(self)!r})"


class Span(NamedTuple):
    """A finished period in one phase. `worker` did the work; 0 if that is unknown, or if nobody worked."""

    phase: Phase
    begin: float
    end: float
    worker: int = 0


class Acquisition(NamedTuple):
    """A wheel's request for its claims, their grant and their release; `granted` and `released` are None until then."""

    requested: float
    granted: float | None
    released: float | None


class WaitFor(NamedTuple):
    """What a wheel waits for now: `path` in `mode`, held by `holders`, since `since`.

    `behind` is since when it waits for the first of these holders: the part before that is a wait of its own, for
    others.
    """

    path: str
    mode: str
    holders: tuple[Holder, ...]
    since: float
    behind: float


class Build(NamedTuple):
    """The build of a wheel: what it is built from, the file with its output, and the last line of that so far.

    Without a `log`, nothing has been built (yet): it was kept from before, or the session only planned.
    """

    source: str
    log: str
    line: str
    editable: bool


@dataclass(slots=True)
class WheelState:
    """A wheel. `done` of `total` are bytes in FETCH and UNPACK, files in STAGE, and renames in COMMIT.

    `build`: None for a wheel that has no source to be built from.
    """

    key: str
    since: float = 0.0  # when the phase began
    version: str = ""
    file: str = ""
    size: int = 0
    cached: bool = False
    order: int = -1  # position in the plan, -1 before there is one
    phase: Phase = Phase.QUEUED
    done: int = 0
    total: int = 0
    rate: float = 0.0  # units of `done` per second, smoothed over about a second
    spans: tuple[Span, ...] = ()  # the phases before this one
    acquisitions: tuple[Acquisition, ...] = ()
    files: int = 0
    exclusive: tuple[str, ...] = ()  # claims in mode X
    shared: tuple[str, ...] = ()  # claims in mode IX
    worker: int = 0  # who is at work on it in this phase, 0 if that is unknown or nobody is
    steps: CommitSteps = NO_STEPS  # of its commit
    waits_for: WaitFor | None = None
    waited: float = 0.0  # seconds that it waited for claims, without the present wait
    blocked: float = 0.0  # seconds that others waited for a claim of this wheel
    replaces: str = ""
    doubled: bool = False  # others have installed the same version of it since it was planned
    overwrote: int = 0  # files of others that it replaced by different content
    overwrote_same: int = 0
    retries: int = 0
    error: str = ""
    removal: bool = False  # it is to be uninstalled; `version` is the installed one
    copied: bool = False  # its files were copied from the store, not linked
    build: Build | None = None
    ahead: int = 0  # bytes that were fetched while uv decided
    silent: float = 0.0  # seconds in which nothing came of it, in silences that were worth noting
    retry: str = ""  # why its download was last tried again
    due: float = 0.0  # when that was, or will be
    paused: float = 0.0  # seconds of waits before such attempts

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.key} {self.version}".rstrip()

    @property
    def is_dropped(self) -> bool:
        """Whether it is not to be installed any more, as others have installed what satisfies."""
        return self.phase is Phase.STOPPED and self.error == DROPPED

    @property
    def is_unbuilt(self) -> bool:
        """Whether there is no wheel file of it, and maybe never was: `file` is the name of its source."""
        return self.build is not None and not self.file.endswith(".whl")

    @property
    def word(self) -> str:
        """The word to show for the phase."""
        if self.phase is Phase.READY and self.cached:
            return "in cache"
        if self.phase is Phase.STOPPED and self.error:
            return self.error
        return REMOVALS.get(self.phase, self.phase.value) if self.removal else self.phase.value

    @property
    def reached(self) -> str:
        """How far it had come when the session ended: "in unpack", "after stage"; "" if it is not stopped."""
        if self.phase is not Phase.STOPPED:
            return ""
        was = self.spans[-1].phase if self.spans else Phase.QUEUED
        if was in WORK:
            return f"in {was.value}"
        done = next((span.phase for span in reversed(self.spans) if span.phase in RUNNING), None)
        return f"after {done.value}" if done else ""


class Hold(NamedTuple):
    """A wheel that holds a lock."""

    wheel: str
    mode: str
    since: float


class Waiter(NamedTuple):
    """A wheel that waits for a lock."""

    wheel: str
    mode: str
    since: float
    holders: tuple[Holder, ...]


@dataclass(slots=True)
class LockState:
    """A claimed path. `foreign` are holders outside this session that a present waiter named."""

    path: str
    is_directory: bool = False
    holders: tuple[Hold, ...] = ()
    waiters: tuple[Waiter, ...] = ()
    foreign: tuple[Holder, ...] = ()
    claims_x: int = 0  # wheels whose plan claims it
    claims_ix: int = 0
    collision: tuple[str, ...] = ()  # wheels that will take turns here, according to the plan
    acquisitions: int = 0
    contended: int = 0  # acquisitions that had to wait here
    longest: float = 0.0  # longest finished wait, in seconds
    waited: float = 0.0  # sum of the finished waits, in seconds

    @property
    def mode(self) -> str:
        """In which it is held: "X", "IX" or ""."""
        return self.holders[0].mode if self.holders else ""

    @property
    def since(self) -> float | None:
        """When the oldest present hold began."""
        return min((hold.since for hold in self.holders), default=None)


class EnvironmentLock(NamedTuple):
    """The lock that keeps other installers out; `since` is when the present state began."""

    path: str
    state: Literal["waiting", "held", "free"]
    since: float
    holders: tuple[Holder, ...]
    waited: float  # sum of the finished waits, in seconds
    held: float

    def waited_until(self, t: float) -> float:
        """Seconds of all waits, with the present one: a session that is killed while it waits never finishes it."""
        return self.waited + (max(t - self.since, 0.0) if self.state == "waiting" else 0.0)


class ReplacedFile(NamedTuple):
    """A file that was replaced; `old` and `new` are owners ("name version")."""

    t: float
    wheel: str
    path: str
    old: str
    new: str
    same: bool
    kept: str = ""  # where the old content is; "" if it was not kept


class RestoredFile(NamedTuple):
    """A file of `owner` that is back, because `wheel` ("name version"), which had replaced it, gave up its own."""

    t: float
    wheel: str
    path: str
    owner: str


class Recovery(NamedTuple):
    """What a dead session left half-done, and how this session settled it. `t` is when it began to do so.

    `outcome` is "running", "completed", "undone", "withdrawn", or "failed" if the session ended before it was settled.
    """

    t: float
    wheel: str
    version: str
    session: str  # the dead session
    outcome: str
    left: tuple[str, ...]  # paths that others have changed since, which were not touched

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.wheel} {self.version}".rstrip()


class OverwritePair(NamedTuple):
    """How many files of `old` were replaced by `new`."""

    old: str
    new: str
    different: int
    same: int


class Conflict(NamedTuple):
    """A conflict that the plan found: `last` will replace `first` at `path`."""

    path: str
    first: str
    last: str


class Satisfied(NamedTuple):
    """A requirement that an installed distribution serves."""

    name: str
    version: str


class Wait(NamedTuple):
    """A finished wait for one path; a part of one if another one was in the way before or after."""

    wheel: str
    path: str
    mode: str
    holders: tuple[Holder, ...]
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """The length of the wait."""
        return self.end - self.begin


class Sample(NamedTuple):
    """How busy the session was at `t`, for the curves on the dashboard."""

    t: float
    running: int
    waiting: int
    fetched_bytes: int
    staged_files: int
    unpacked_bytes: int = 0


class Peaks(NamedTuple):
    """The greatest number of wheels at work and waiting, and the greatest rates, so far. They never fall."""

    running: int = 0
    waiting: int = 0
    fetched: float = 0.0  # bytes a second
    unpacked: float = 0.0  # bytes a second
    staged: float = 0.0  # files a second
    stalled: float = 0.0  # share of the time


class Finished(NamedTuple):
    """How the session ended, at `t`."""

    t: float
    exit: int
    error: str
    installed: int
    seconds: float


class Totals(NamedTuple):
    """Counters. A wheel from the store counts as fetched and unpacked, but not as downloaded."""

    resolved: int = 0
    satisfied: int = 0
    fetched: int = 0
    unpacked: int = 0
    staged: int = 0
    waiting: int = 0
    committed: int = 0
    failed: int = 0
    unsettled: int = 0  # wheels that a session left undone at its end, without a failure of their own
    cached: int = 0  # wheels that were found in the store
    downloads: int = 0
    reinstalled: int = 0  # distributions that were there in the same version
    replaced: int = 0  # old versions that are gone
    removing: int = 0  # distributions to be uninstalled
    removed: int = 0  # those that are gone
    removed_files: int = 0
    files: int = 0  # installed
    running: int = 0  # wheels that a worker is working on
    lock_wait: float = 0.0  # seconds of all wheels, present waits included
    held_up: float = 0.0  # seconds of the clock in which a wheel, or the session, waited for others
    busy: float = 0.0  # seconds of fetch, unpack, stage and commit, present ones included
    overwrote: int = 0  # files with different content
    dropped: int = 0  # wheels that are not to be installed any more; no other number has them


class Snapshot(NamedTuple):
    """A session at time `t`."""

    t: float
    session: SessionStarted | None
    requirements: tuple[str, ...]
    resolving: bool
    syncing: str  # what is being synced to disk: "store", "stage", "environment", or ""
    wheels: tuple[WheelState, ...]  # in the order in which they were announced; their `order` is the plan's
    running: tuple[str, ...]  # keys, in the order in which they began
    waiting: tuple[str, ...]
    failed: tuple[str, ...]
    locks: tuple[LockState, ...]
    contended: Prefix[str]  # paths of locks for which a wheel has waited, in that order
    collisions: Prefix[str]  # paths at which wheels will take turns, according to the plan
    environment: EnvironmentLock | None
    waits: Prefix[Wait]
    overwrites: Prefix[ReplacedFile]
    pairs: tuple[OverwritePair, ...]
    restored: Prefix[RestoredFile]
    recoveries: tuple[Recovery, ...]
    conflicts: Prefix[Conflict]
    satisfied: Prefix[Satisfied]
    samples: Prefix[Sample]
    totals: Totals
    spans: tuple[SessionSpan, ...]  # by begin
    syncs: tuple[Sync, ...]  # by begin
    pauses: tuple[Pause, ...]  # by begin
    doings: tuple[Doing, ...]  # of the resolver
    session_waits: tuple[SessionWait, ...]  # by begin
    groups: CommitSteps  # sum of the groups
    loads: Prefix[LoadSample]
    left: float | None  # seconds to the end, estimated
    planned: bool
    caption: str
    paused: bool  # the session was asked to pause
    cancelling: bool  # it was asked to stop
    finished: Finished | None
    over: bool  # it has finished, or was killed
    wheel_index: Mapping[str, int]
    lock_index: Mapping[str, int]
    stalls: Prefix[Stall]
    peaks: Peaks = Peaks()
    compiling: Compiling = Compiling()
    halts: tuple[Halt, ...] = ()  # by begin
    sessions: tuple[SessionStarted, ...] = ()  # if several are shown as one, see `instui.monitor.joined`

    @property
    def standstill(self) -> Halt | None:
        """The one that has not ended: the process of the session is stopped, as seen from another one."""
        return self.halts[-1] if self.halts and self.halts[-1].end is None else None

    @property
    def wall(self) -> float:
        """Seconds that the user has waited: from the start of the program, before the session, to now or its end."""
        seconds = self.t if self.finished is None else self.finished.seconds
        return seconds + (self.session.ran if self.session is not None else 0.0)

    @property
    def removes(self) -> bool:
        """Whether the session uninstalls, and does nothing else."""
        command = self.session.command[1:2] if self.session else []
        return command == ["uninstall"] or 0 < self.totals.removing == len(self.wheels)

    @property
    def done(self) -> str:
        """What the session does to its distributions, as a word: "installed", "removed" or, if both, "changed"."""
        return "removed" if self.removes else "changed" if self.totals.removing else "installed"

    @property
    def is_list(self) -> bool:
        """Whether the session installs a list whose lines fail alone."""
        return self.session is not None and self.session.command[1:2] == ["install-many"]

    @property
    def is_compiling(self) -> bool:
        """Whether byte code is being made now."""
        return bool(self.spans) and self.spans[-1].name == "compile" and self.spans[-1].end is None

    @property
    def planned_only(self) -> bool:
        """Whether the session went well, except for lines of a list, without doing what it had planned: a dry run."""
        is_dry = self.is_list and self.session is not None and "--dry-run" in self.session.command
        well = self.finished is not None and (self.finished.exit == 0 or is_dry)
        done = self.totals.committed or self.totals.removed
        return (
            well and not done and any((wheel.version or wheel.build) and not wheel.is_dropped for wheel in self.wheels)
        )

    def wheel(self, key: str) -> WheelState | None:
        """The wheel of that name; None if this snapshot has none."""
        return _pick(self.wheels, self.wheel_index, key)

    def lock(self, path: str) -> LockState | None:
        """The lock of that path; None if nobody has claimed it yet."""
        return _pick(self.locks, self.lock_index, path)

    def blocking(self, wait: WaitFor) -> tuple[Holder, ...]:
        """The present holders in the way of `wait`. A waiting wheel names its holders once, but they may change."""
        lock = self.lock(wait.path)
        if lock is None or not lock.holders or self.session is None:
            return wait.holders
        session = self.session
        return tuple(Holder(hold.wheel, session.session, session.pid) for hold in lock.holders)

    def lock_history(self, path: str) -> list[tuple[WheelState, str, Acquisition]]:
        """Who acquired the lock of `path`, in which mode and when, by time of request. Present waiters are included."""
        history: list[tuple[WheelState, str, Acquisition]] = []
        for wheel in self.wheels:
            mode = "X" if path in wheel.exclusive else "IX" if path in wheel.shared else ""
            if mode:
                history += [(wheel, mode, one) for one in wheel.acquisitions]
        history.sort(key=lambda entry: entry[2].requested)
        return history


def _pick(items: tuple[T, ...], index: Mapping[str, int], key: str) -> T | None:
    # The index belongs to the fold and keeps growing: anything newer than this snapshot lies beyond its end.
    position = index.get(key, -1)
    return items[position] if 0 <= position < len(items) else None
