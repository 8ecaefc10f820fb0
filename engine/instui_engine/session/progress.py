"""How far a session is, for whoever asks from outside (`control`).

It is told of every event by the thread that emits it, so there is no lock: each note is one operation on a dict or a
set, which threads cannot tear. What is asked for is computed when it is asked for.
"""

from collections import Counter
from collections.abc import Callable, Container, Mapping
from typing import Any, Literal

from instui_engine.journal import events
from instui_engine.journal.events import Event, SpanName
from instui_engine.values import NamedTuple

Part = SpanName | Literal["start", "fetch", "unpack", "sync"]
"""The part of its work in which a session is: a span of the journal or, more exactly, what it does in it."""
_PATHS = 5  # that are named among those waited for


class Position(NamedTuple):
    """How far a session is. `share` of `part` is done, None where that cannot be said.

    `wheels` is the number of distributions to install or remove, `done` of those that are complete. `waits`: how many
    wait for which path; ".lock" stands for the environment's own lock.
    """

    part: Part
    share: float | None
    wheels: int
    done: int
    waits: tuple[tuple[str, int], ...]


class Progress:
    """The events of a session as far as they say how far it is."""

    def __init__(self) -> None:
        self._part: Part = "start"
        self._sizes: dict[str, int] = {}  # wheel -> bytes of its file
        self._to_fetch: dict[str, int] = {}  # wheel -> bytes of its file as they were announced, 0 if unknown
        self._fetched: dict[str, int] = {}  # wheel -> bytes so far
        self._here: dict[str, None] = {}
        self._to_build: dict[str, None] = {}
        self._built: dict[str, None] = {}
        self._to_unpack: dict[str, None] = {}
        self._unpacked: dict[str, int] = {}
        self._contents: dict[str, int] = {}  # wheel -> bytes when it is unpacked
        self._planned: dict[str, events.PlanWheel] = {}
        self._compiled = 0.0  # the share of the modules that are to be compiled
        self._staging: dict[str, int] = {}  # wheel -> files so far
        self._staged: dict[str, None] = {}
        self._committing: dict[str, float] = {}  # wheel -> the share of its renames so far
        self._done: dict[str, None] = {}
        self._waits: dict[str, str] = {}  # wheel, or "" for the session -> path
        self._syncs = False
        self._takers: dict[type[Any], Callable[[Any], object]] = {
            events.SpanStarted: self._span,
            events.SyncStarted: lambda event: self._sync(True),
            events.SyncFinished: lambda event: self._sync(False),
            events.WheelAdded: self._added,
            events.FetchStarted: lambda event: self._fetched.__setitem__(event.wheel, event.done),
            events.FetchProgress: lambda event: self._fetched.__setitem__(event.wheel, event.done),
            events.FetchFinished: self._arrived,
            events.BuildFinished: lambda event: self._built.__setitem__(event.wheel, None),
            events.UnpackStarted: self._unpacks,
            events.UnpackProgress: lambda event: self._unpacked.__setitem__(event.wheel, event.done),
            events.UnpackFinished: lambda event: self._unpacked.__setitem__(event.wheel, event.size),
            events.CompileStarted: lambda event: self._compile(0, event.files),
            events.CompileProgress: lambda event: self._compile(event.done, event.files),
            events.PlanWheel: lambda event: self._planned.__setitem__(event.wheel, event),
            events.StageProgress: lambda event: self._staging.__setitem__(event.wheel, event.done),
            events.StageFinished: lambda event: self._staged.__setitem__(event.wheel, None),
            events.EnvironmentWaiting: lambda event: self._waits.__setitem__("", ".lock"),
            events.EnvironmentGranted: lambda event: self._waits.pop("", None),
            events.WaitStarted: lambda event: self._waits.__setitem__(event.wheel, event.path),
            events.WaitFinished: lambda event: self._waits.pop(event.wheel, None),
            events.LockWaiting: lambda event: self._waits.__setitem__(event.wheel, event.path),
            events.LockGranted: lambda event: self._waits.pop(event.wheel, None),
            events.WheelFailed: self._left_out,
            events.WheelCancelled: self._left_out,
            events.WheelDropped: self._left_out,
            events.CommitProgress: lambda event: self._committing.__setitem__(
                event.wheel, event.done / max(event.renames, 1)
            ),
            events.CommitFinished: lambda event: self._done.__setitem__(event.wheel, None),
            events.DistributionRemoved: self._removed,
        }

    def take(self, event: Event) -> None:
        """Note what an event says."""
        if (taker := self._takers.get(type(event))) is not None:
            taker(event)

    def position(self) -> Position:
        """How far the session is now."""
        waits = Counter(list(self._waits.values())).most_common(_PATHS)
        wheels = {*self._sizes, *self._planned}
        part, share = self._part_and_share()
        return Position(part, None if share is None else round(share, 3), len(wheels), len(self._done), tuple(waits))

    def _part_and_share(self) -> tuple[Part, float | None]:
        part, planned = self._part, dict(self._planned)
        if self._syncs and part != "acquire":
            return "sync", None
        match part:
            case "build":
                to_build = list(self._to_build)  # what is kept from before counts as not built: there is no event of it
                return part, sum(name in self._built for name in to_build) / len(to_build) if to_build else None
            case "acquire":
                to_fetch = dict(self._to_fetch)
                here = sum(name in self._here for name in to_fetch)
                if here == len(to_fetch):
                    return "unpack", self._unpacked_share()
                if all(to_fetch.values()):
                    return "fetch", _share(self._fetched, to_fetch)
                return "fetch", here / len(to_fetch)  # sizes that are learnt on the way would let it go back
            case "compile":
                return part, self._compiled
            case "stage" if planned:
                sizes = dict(self._sizes)  # what is only removed has none, and is not staged
                files = {name: max(wheel.files, 1) for name, wheel in planned.items() if name in sizes}
                return part, _share(self._staging, files, self._staged)
            case "commit" if planned:
                # a commit finds out how many renames it takes: the plan does not know all, but the weights
                renames = {name: max(wheel.renames, 1) for name, wheel in planned.items()}
                so_far = {name: share * renames.get(name, 0) for name, share in dict(self._committing).items()}
                return part, _share(so_far, renames, self._done)
            case _:
                return part, None

    def _unpacked_share(self) -> float | None:
        """By the bytes of the wheel files, as the contents of those that are not begun are not known."""
        done = total = 0.0
        for name in list(self._to_unpack):
            size, content = self._sizes.get(name, 0) or 1, self._contents.get(name, 0)
            total += size
            done += size * min(1.0, self._unpacked.get(name, 0) / content) if content else 0
        return done / total if total else None

    def _span(self, event: events.SpanStarted) -> None:
        self._part = event.name
        self._syncs = False

    def _compile(self, done: int, files: int) -> None:
        self._compiled = min(1.0, done / files) if files else 1.0

    def _sync(self, syncs: bool) -> None:
        self._syncs = syncs

    def _added(self, event: events.WheelAdded) -> None:
        self._sizes[event.wheel] = event.size
        if event.source:
            self._to_build[event.wheel] = None
        if event.cached:
            self._to_fetch.pop(event.wheel, None)
            self._to_unpack.pop(event.wheel, None)
        else:
            self._to_unpack[event.wheel] = None
            if event.fetch:
                self._to_fetch.setdefault(event.wheel, event.size)

    def _arrived(self, event: events.FetchFinished) -> None:
        self._sizes[event.wheel] = self._fetched[event.wheel] = event.size
        self._here[event.wheel] = None

    def _unpacks(self, event: events.UnpackStarted) -> None:
        self._contents[event.wheel] = event.size
        self._here[event.wheel] = None

    def _left_out(self, event: events.WheelFailed | events.WheelCancelled | events.WheelDropped) -> None:
        for known in (self._sizes, self._to_fetch, self._to_build, self._to_unpack, self._planned, self._waits):
            known.pop(event.wheel, None)

    def _removed(self, event: events.DistributionRemoved) -> None:
        if event.wheel not in self._sizes:  # else it is the old version of a wheel
            self._done[event.wheel] = None


def _share(done: Mapping[str, float], totals: Mapping[str, int], whole: Container[str] = ()) -> float | None:
    """The share of all that is done; of the `whole` ones that is all of them."""
    total = sum(totals.values())
    so_far = sum(size if name in whole else min(done.get(name, 0), size) for name, size in totals.items())
    return min(1.0, so_far / total) if total else None
