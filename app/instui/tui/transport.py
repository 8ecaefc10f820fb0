"""The place in a session at which the display stands, and how it goes on from there: held, or played at a speed.

To go back, the events are folded again from the checkpoint before; what takes longer is done in slices, so that keys
still work.
"""

import time
from collections.abc import Callable

from instui.monitor.model import Snapshot
from instui.monitor.rates import USUAL, Rates

from .checkpoints import AT_ONCE, Checkpoints
from .tape import Tape

BUDGET = 0.02  # seconds that one slice may take
_SPARE = 0.005  # the same of one that makes checkpoints, as a key may wait for it
SLOWEST, FASTEST = 0.125, 128.0


class Transport:
    """A way through a tape. `clock` is in seconds; `speed` is how many of the session go by in one of them.

    `rates`: see `Fold`.
    """

    def __init__(
        self,
        tape: Tape,
        clock: Callable[[], float],
        *,
        speed: float = 1.0,
        held: bool = False,
        rates: Rates = USUAL,
    ) -> None:
        self.complete = False  # whether the tape has its end: no more events come
        self.moved = False  # whether anybody has gone to another place
        self._tape = tape
        self._clock = clock
        self._speed = speed
        self._held = held
        self._t, self._since = tape.begin, clock()  # it stood at that time of the session when the clock said that
        self._place = 0
        self._checkpoints = Checkpoints(tape, rates)
        self._fold = self._checkpoints.fold(0)
        self._fed = 0
        self._rewinds = False  # whether the fold went back, and has not come to the place yet

    # -- where it stands

    @property
    def held(self) -> bool:
        """Whether it stands still because somebody wants that."""
        return self._held

    @property
    def speed(self) -> float:
        """How fast it plays."""
        return self._speed

    @property
    def t(self) -> float:
        """The time of the session."""
        if self._held or self.behind:
            return self._t
        return max(self._t, min(self._t + (self._clock() - self._since) * self._speed, self._tape.end))

    @property
    def ended(self) -> bool:
        """Whether it has come to the end of the session."""
        return self.complete and self._place == len(self._tape) and self.t >= self._tape.end

    @property
    def at_head(self) -> bool:
        """Whether it stands after all that was read."""
        return self._place == len(self._tape)

    @property
    def behind(self) -> bool:
        """Whether it has not yet come to the place at which it should stand."""
        return self._fed != self._place

    @property
    def moves(self) -> bool:
        """Whether it goes on by itself."""
        return not self._held and not self.ended

    # -- where it should stand

    def hold(self) -> None:
        """Stand still, at the place of this moment."""
        self._keep_up()
        self._held = True

    def play(self) -> None:
        """Go on; from the beginning, if this is the end."""
        if self.ended:
            self.seek(self._tape.begin)
        self._anchor(self._t)
        self._held = False

    def set_speed(self, speed: float) -> None:
        """Play faster or slower from here on."""
        self._anchor(self.t)
        self._speed = min(max(speed, SLOWEST), FASTEST)

    def seek(self, t: float) -> None:
        """Go to a time."""
        t = min(max(t, self._tape.begin), self._tape.end)
        self._go(self._tape.place(t), t)

    def go(self, place: int) -> None:
        """Go to a place, and stand still there."""
        self._held = True
        self._go(place, self._tape.time(place))

    def go_to_end(self) -> None:
        """Go to the end of what was read."""
        self._go(len(self._tape), self._tape.end)

    def stay(self, t: float) -> None:
        """Stand at the end of what was read, at that time of the session."""
        self._place, self._rewinds = len(self._tape), True
        self._anchor(t)

    @property
    def reached(self) -> int:
        """The place to which events were folded."""
        return self._fed

    @property
    def place(self) -> int:
        """The place at which it stands, or to which it is on its way."""
        if self._held or self.behind:
            return self._place
        return max(self._place, self._tape.place(self.t))

    def _go(self, place: int, t: float) -> None:
        self.moved = True
        self._place = place
        self._anchor(t)
        near = self._checkpoints.before(place)
        if not near <= self._fed <= place:
            self._rewinds = self._rewinds or place < self._fed
            self._fold, self._fed = self._checkpoints.fold(place), near

    def _anchor(self, t: float) -> None:
        self._t, self._since = t, self._clock()

    # -- going there

    def _keep_up(self) -> None:
        """Go on to this moment, if it plays."""
        t, self._place = self.t, self.place
        self._anchor(t)

    def advance(self) -> None:
        """Go on to where it should stand, for at most BUDGET. Meanwhile its time stands still."""
        self._keep_up()
        deadline = time.perf_counter() + BUDGET
        while self._fed < self._place:
            events = self._tape.events[self._fed : min(self._fed + AT_ONCE, self._place)]
            for t, event in events:
                self._fold.feed(t, event)
            self._fed += len(events)
            self._checkpoints.pass_by(self._fed, self._fold)
            if time.perf_counter() > deadline:
                break
        self._rewinds = self._rewinds and self.behind
        if self.complete and self._fed == len(self._tape):
            self._fold.abandon()

    def prepare(self) -> bool:
        """Make checkpoints of what was read, for a moment; whether that is to be gone on with."""
        if not self.behind:
            self._checkpoints.prepare(_SPARE)
        return self._checkpoints.due

    def snapshot(self) -> Snapshot | None:
        """The session at the place; None while it is on its way back."""
        if self._rewinds:
            return None
        return self._fold.snapshot(self._fold.now if self.behind else self.t)
