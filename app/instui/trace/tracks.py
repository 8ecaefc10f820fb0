"""What a trace consists of, in whatever format it is written. Times are seconds since the session began."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

Value = str | int | float | bool
NO_FACTS: Mapping[str, Value] = {}


class Slice(NamedTuple):
    """A period in which one thing was done. A slice within another one, on the same track, is a part of it."""

    begin: float
    end: float
    name: str
    kind: str
    facts: Mapping[str, Value] = NO_FACTS
    holders: tuple[Holder, ...] = ()  # of a wait: who was in the way


class Instant(NamedTuple):
    """Something that happened at one time."""

    t: float
    name: str
    kind: Literal["overwrite", "failure", "warning", "retry", "stall", "request"]
    facts: Mapping[str, Value] = NO_FACTS


class Track(NamedTuple):
    """What is done by, or to, one thing: a worker, a wheel, the session."""

    name: str
    slices: Sequence[Slice]
    instants: Sequence[Instant] = ()


class Group(NamedTuple):
    """Tracks of one kind."""

    name: str
    tracks: Sequence[Track]


class Counter(NamedTuple):
    """Numbers over time; each holds until the next one."""

    name: str
    samples: Sequence[tuple[float, Mapping[str, float]]]


class LockWait(NamedTuple):
    """A wait for the lock of `path`, and the slice that shows it. `granted`: it has ended because somebody let go."""

    shown: Slice
    path: str
    granted: bool
    wheel: str = ""  # "" if the session waits
    mode: str = ""


class Flow(NamedTuple):
    """The end of a wait: the slice of the hold that ended then, and that of the wait. Nothing lies within the two."""

    hold: Slice
    wait: Slice


class Trace(NamedTuple):
    """A session. `begin`, at most 0.0, is when the program was started, and `end` when the session ended, or now."""

    begin: float
    end: float
    session: Group
    wheels: Group
    workers: Group
    locks: Group
    counters: Sequence[Counter]
    flows: Sequence[Flow]
    facts: Mapping[str, Value]

    @property
    def groups(self) -> Sequence[Group]:
        """The group of the session, and all others that have a track."""
        return [self.session, *(group for group in (self.wheels, self.workers, self.locks) if group.tracks)]


def nested(slices: Sequence[Slice]) -> Iterator[tuple[Slice, Slice | None, int]]:
    """Each slice, by begin, with the one that it is a part of, and its lane.

    What overlaps another slice without being a part of it, or containing it, is in the next lane.
    """
    lanes: list[list[Slice]] = []  # in each lane those within which the present one may be
    for one in sorted(slices, key=lambda one: (one.begin, -one.end)):
        lane = 0
        while lane < len(lanes):
            around = lanes[lane]
            while around and around[-1].end <= one.begin:
                around.pop()
            if not around or one.end <= around[-1].end:
                break
            lane += 1
        else:
            lanes.append([])
        yield one, lanes[lane][-1] if lanes[lane] else None, lane
        lanes[lane].append(one)
