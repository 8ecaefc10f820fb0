"""The mutable records behind a fold, which change with each event and are turned into immutable states."""

from math import exp

from instui_engine.journal.events import Holder, SessionStarted

from .model import Hold, LockState, Phase, Span, Turn, Waiter, WaitFor, WheelState, is_own


class Busy:
    """The wheels that run, or those that wait, in the order in which they began, and for how long in all."""

    def __init__(self) -> None:
        self.members: dict[str, None] = {}
        self._over = 0.0  # seconds of those that have ended
        self._began = 0.0  # sum of the beginnings of the others, so that `total` needs no loop

    def add(self, wheel: str, t: float) -> None:
        """`wheel` begins at `t`."""
        self.members[wheel] = None
        self._began += t

    def remove(self, wheel: str, began: float, t: float) -> None:
        """`wheel`, which began at `began`, ends at `t`."""
        if wheel in self.members:
            del self.members[wheel]
            self._began -= began
            self._over += t - began

    def total(self, t: float) -> float:
        """Seconds in all, up to `t`."""
        return max(0.0, self._over + len(self.members) * t - self._began)


class WheelRecord:
    """One wheel while its events come in; the fields are those of `WheelState`, and what leads to them."""

    __slots__ = (
        "added",
        "blocked",
        "cached",
        "done",
        "error",
        "exclusive",
        "file",
        "files",
        "held",
        "key",
        "measured",
        "named",
        "order",
        "overwrote",
        "overwrote_same",
        "passed",
        "phase",
        "rate",
        "removal",
        "removed",
        "replaces",
        "requested",
        "retries",
        "shared",
        "since",
        "size",
        "spans",
        "total",
        "turns",
        "version",
        "waited",
        "waits_for",
    )

    def __init__(self, key: str, t: float) -> None:
        self.key = key
        self.version = self.file = self.replaces = self.removed = self.error = ""
        self.size = self.done = self.total = self.files = 0
        self.overwrote = self.overwrote_same = self.retries = 0
        self.cached = self.added = self.removal = False
        self.order = -1
        self.phase = Phase.QUEUED
        self.since = self.measured = self.named = t  # of the phase, the last progress, the last naming of holders
        self.rate = self.waited = self.blocked = 0.0
        self.spans: list[Span] = []
        self.turns: list[Turn] = []
        self.exclusive: tuple[str, ...] = ()
        self.shared: tuple[str, ...] = ()
        self.held: tuple[str, ...] = ()  # the claims as they were granted; the plan may change before the release
        self.waits_for: WaitFor | None = None
        self.requested: float | None = None  # when it asked, until the first answer
        self.passed = 0

    def state(self, t: float) -> WheelState:
        """The immutable state at time `t`; a rate without news for more than a second sinks."""
        silence = t - self.measured - 1
        return WheelState(
            key=self.key,
            version=self.version,
            file=self.file,
            size=self.size,
            cached=self.cached,
            order=self.order,
            phase=self.phase,
            since=self.since,
            done=self.done,
            total=self.total,
            rate=self.rate if silence <= 0 else self.rate * exp(-silence),
            spans=tuple(self.spans),
            turns=tuple(self.turns),
            files=self.files,
            exclusive=self.exclusive,
            shared=self.shared,
            waits_for=self.waits_for,
            waited=self.waited,
            blocked=self.blocked,
            replaces=self.replaces,
            removed=self.removed,
            overwrote=self.overwrote,
            overwrote_same=self.overwrote_same,
            retries=self.retries,
            error=self.error,
            removal=self.removal,
        )


class LockRecord:
    """One claimed path while events come in."""

    __slots__ = (
        "acquisitions",
        "claims_ix",
        "claims_x",
        "collision",
        "contended",
        "holders",
        "is_directory",
        "longest",
        "path",
        "waited",
        "waiters",
    )

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_directory = False
        self.holders: dict[str, Hold] = {}
        self.waiters: dict[str, Waiter] = {}
        self.claims_x = self.claims_ix = self.acquisitions = self.contended = 0
        self.collision: tuple[str, ...] = ()
        self.longest = self.waited = 0.0

    def grant(self, wheel: str, mode: str, t: float) -> None:
        """`wheel` holds the path from `t` on."""
        self.holders[wheel] = Hold(wheel, mode, t)
        self.acquisitions += 1

    def state(self, session: SessionStarted | None) -> LockState:
        """The immutable state; `session` tells our own wheels from other holders."""
        holders = tuple(self.holders.values())
        foreign: dict[Holder, None] = {}
        for waiter in self.waiters.values():
            foreign.update(dict.fromkeys(h for h in waiter.holders if not is_own(h, session)))
        return LockState(
            path=self.path,
            is_directory=self.is_directory,
            mode=holders[0].mode if holders else "",
            holders=holders,
            since=min((hold.since for hold in holders), default=None),
            waiters=tuple(self.waiters.values()),
            foreign=tuple(foreign),
            claims_x=self.claims_x,
            claims_ix=self.claims_ix,
            collision=self.collision,
            acquisitions=self.acquisitions,
            contended=self.contended,
            longest=self.longest,
            waited=self.waited,
        )
