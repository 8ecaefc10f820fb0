"""What the session as a whole did and waited for, and when: the mutable record behind a fold."""

from collections.abc import Sequence
from copy import copy
from typing import get_args

from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder, SpanFinished, SpanName, WaitKind

from .names import same_holder
from .spans import CommitSteps, Doing, Halt, LoadSample, Pause, SessionSpan, SessionWait, Stall, Sync

_HOLDERS = 20  # kept of one wait, the first of which may be long gone
_GAP = 2.0  # seconds without a sample of the load, which else comes about twice a second
_SHORT = 0.2  # seconds of processors, of which nobody can tell who used them
_ORDER = get_args(SpanName)
_INFERRED: dict[type[Event], SpanName] = {
    events.ResolveStarted: "resolve",
    events.WheelAdded: "acquire",
    events.FetchStarted: "acquire",
    events.PlanWheel: "plan",
    events.StageStarted: "stage",
    events.EnvironmentWaiting: "commit",
    events.EnvironmentGranted: "commit",
    events.LockGranted: "commit",
}


class Overlap:
    """The time in which at least one of several things went on."""

    def __init__(self) -> None:
        self._going = 0
        self._since = self._free = self._over = 0.0

    def begin(self, t: float) -> None:
        """One more of them begins."""
        if not self._going:
            self._since = max(t, self._since)
        self._going += 1

    def end(self, t: float, begun: float) -> None:
        """One of them ends, which had begun then: that may be earlier than was known."""
        self._going -= 1
        self._since = max(min(begun, self._since), self._free)
        if not self._going:
            self._over += max(t - self._since, 0.0)
            self._since = self._free = max(t, self._since)

    def total(self, t: float) -> float:
        """The seconds up to `t`."""
        return self._over + (max(t - self._since, 0.0) if self._going else 0.0)


class Periods:
    """Everything of a session that lasts for a time and belongs to no wheel alone."""

    def __init__(self) -> None:
        self.spans: list[SessionSpan] = []
        self.syncs: list[Sync] = []
        self.pauses: list[Pause] = []
        self.halts: list[Halt] = []
        self.doings: list[Doing] = []
        self.waits: list[SessionWait] = []
        self.groups = CommitSteps()
        self.loads: list[LoadSample] = []
        self.most_stalled = 0.0  # the greatest share of the time between two of them, if they are close
        self.stalls: list[Stall] = []
        self.held_up = Overlap()  # by waits of the session and of its wheels
        self._open: dict[tuple[str, str], int] = {}  # what, wheel -> place in `waits` of those that last

    def copy(self) -> "Periods":
        """A copy, which changes by itself from now on."""
        other = copy(self)
        other.held_up = copy(self.held_up)
        for name, value in vars(self).items():
            if isinstance(value, list | dict):
                setattr(other, name, value.copy())
        return other

    @property
    def syncing(self) -> str:
        """What is being synced to disk now; "" if nothing is."""
        return self.syncs[-1].what if self.syncs and self.syncs[-1].end is None else ""

    @property
    def waiting_wheels(self) -> set[str]:
        """The wheels that wait for something that is no claim, as for another session that fetches the same one."""
        return {wheel for _, wheel in self._open if wheel}

    def holds_up(self, t: float, seconds: float) -> bool:
        """Whether the session waits for the disk or for others, for longer than that at `t`.

        So it does if one of its wheels is another session's to unpack.
        """
        since = [self.waits[place].begin for (what, wheel), place in self._open.items() if not wheel or what == "wheel"]
        since += [sync.begin for sync in self.syncs[-1:] if sync.end is None]
        return any(t - begin > seconds for begin in since)

    def begin_span(self, name: SpanName, t: float) -> None:
        """Note that this part of the session's work begins, and so the one before it is over."""
        self._end_span(t)
        self.spans.append(SessionSpan(name, t))

    def end_span(self, event: SpanFinished, t: float) -> None:
        """Note that this part of the session's work is over."""
        last = self.spans.pop() if self.spans else None
        begin = t - event.seconds
        if last is not None and last.end is None and last.name == event.name:
            begin = last.begin
        elif last is not None:  # the journal lacks its beginning
            self.spans.append(last)
        begin = min(begin, t)  # a damaged journal may say that it took less than no time
        self.spans.append(SessionSpan(event.name, begin, t, event.cpu, event.stalled, event.system, event.idle))

    def infer(self, t: float, event: Event) -> None:
        """Note the part of the session that `event` belongs to, in a journal that does not name them."""
        name = _INFERRED.get(type(event))
        last = self.spans[-1].name if self.spans else "open"
        if name is not None and _ORDER.index(name) > _ORDER.index(last):
            self.begin_span(name, t)

    def _end_span(self, t: float) -> None:
        if self.spans and self.spans[-1].end is None:
            self.spans[-1] = self.spans[-1]._replace(end=t)

    def begin_sync(self, what: str, t: float) -> None:
        """Note that the session waits for the disk."""
        self.end_sync(t)
        self.syncs.append(Sync(what, t))

    def end_sync(self, t: float) -> None:
        """Note that it no longer does."""
        if self.syncs and self.syncs[-1].end is None:
            self.syncs[-1] = self.syncs[-1]._replace(end=t)

    def taken(self, cpus: int) -> float:
        """The share of `cpus` processors that others took while uv decided; 0.0 if that is unknown."""
        for span in self.spans:
            seconds = (span.end - span.begin) * cpus if span.name == "resolve" and span.end is not None else 0.0
            if seconds > _SHORT and span.idle >= 0:
                return min(max(1 - (span.cpu + span.idle) / seconds, 0.0), 1.0)
        return 0.0

    def load(self, sample: LoadSample) -> None:
        """Note what was used so far."""
        before = self.loads[-1] if self.loads else LoadSample(0.0, 0.0, 0.0)
        added = 0.0
        if sample.t > before.t and not self._is_gap(before.t, sample.t):
            added = sample.stalled - before.stalled
            self.most_stalled = min(max(self.most_stalled, added / (sample.t - before.t)), 1.0)
        self.loads.append(sample._replace(sampled=before.sampled + added))

    def _is_gap(self, begin: float, end: float) -> bool:
        """Whether for a part of that time the load was not sampled though the session did not wait for the disk."""
        synced = 0.0
        for sync in reversed(self.syncs):
            until = end if sync.end is None else sync.end
            if until <= begin:
                break
            synced += until - max(sync.begin, begin)
        return end - begin - synced > _GAP

    def pause(self, t: float) -> None:
        """Note that the session is to rest."""
        if not self.pauses or self.pauses[-1].end is not None:
            self.pauses.append(Pause(t))

    def resume(self, t: float) -> None:
        """Note that it is to go on."""
        if self.pauses and self.pauses[-1].end is None:
            self.pauses[-1] = self.pauses[-1]._replace(end=t)

    def halt(self, seconds: float, slept: float, t: float) -> None:
        """Note that the process stood still for so long; not twice for the same time."""
        since = self.halts[-1].end if self.halts else None
        self.halts.append(Halt(min(max(t - max(seconds, 0.0), since or 0.0), t), t, max(slept, 0.0)))

    def begin_wait(self, what: WaitKind, wheel: str, path: str, holders: Sequence[Holder], t: float) -> None:
        """Note that the session or a wheel waits; once more, that the holders have changed."""
        place = self._open.get((what, wheel))
        if place is None:
            self._open[what, wheel] = len(self.waits)
            self.waits.append(SessionWait(what, wheel, path, tuple(holders[:_HOLDERS]), t))
            self.held_up.begin(t)
        else:
            old = self.waits[place]
            named = {same_holder(holder): holder for holder in (*old.holders, *holders)}
            # each as it was named last, and the latest ones
            self.waits[place] = old._replace(holders=tuple(named.values())[-_HOLDERS:])

    def end_wait(self, what: str, wheel: str, t: float, waited: float = 0.0) -> None:
        """Note that this wait is over, if there was one, after so many seconds.

        It began before it was told: to find out who is in the way takes some 20 ms.
        """
        place = self._open.pop((what, wheel), None)
        if place is not None:
            begin = max(min(self.waits[place].begin, t - waited), 0.0)
            self.waits[place] = self.waits[place]._replace(begin=begin, end=t)
            self.held_up.end(t, begin)

    def end_all(self, t: float) -> None:
        """Note that the session is over, and so is everything that lasts."""
        self._end_span(t)
        self.end_sync(t)
        self.resume(t)
        for what, wheel in list(self._open):
            self.end_wait(what, wheel, t)
