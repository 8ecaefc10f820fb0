"""Copies of the fold along a tape. From the nearest one before it, any place is only a few events away.

The copies share all that has not changed between them, so one costs about as much as what changes until the next.
"""

import gc
import time
from bisect import bisect_right

from instui.monitor.fold import Fold
from instui.monitor.rates import USUAL, Rates

from .tape import Tape

EVERY = 500  # events between two copies: folded in about 3 ms
MOST = 256  # copies: of a longer tape every other one is kept
AT_ONCE = 50  # events between two looks at the clock
FREEZE_AFTER = 20  # copies; garbage of this moment is kept, too, so not after each one of a session that goes on


class Checkpoints:
    """The fold of a tape at places in it; the first one is its beginning. `rates`: see `Fold`."""

    def __init__(self, tape: Tape, rates: Rates = USUAL) -> None:
        self._tape = tape
        self._every = EVERY
        self._places = [0]
        self._folds = [Fold(estimates=True, rates=rates)]
        self._scout: Fold | None = None  # goes ahead of whoever looks at the tape, to make further copies
        self._scouted = 0  # where it is
        self._unfrozen = 0  # the number of copies that garbage collections still visit

    def __len__(self) -> int:
        return len(self._places)

    @property
    def due(self) -> bool:
        """Whether the tape is longer than the copies reach."""
        return len(self._tape) - self._places[-1] >= self._every

    def before(self, place: int) -> int:
        """The place of the last copy up to `place`."""
        return self._places[bisect_right(self._places, place) - 1]

    def fold(self, place: int) -> Fold:
        """A fold that goes on from the last copy up to `place`."""
        return self._folds[bisect_right(self._places, place) - 1].copy()

    def pass_by(self, place: int, fold: Fold) -> None:
        """Keep a copy of a fold that has come to `place`, if none is near."""
        if place - self._places[-1] < self._every:
            return
        self._places.append(place)
        self._folds.append(fold.copy())
        self._unfrozen += 1
        if len(self._places) > MOST:
            self._every *= 2
            del self._places[1::2], self._folds[1::2]

    def prepare(self, seconds: float) -> None:
        """Make further copies, for at most so long."""
        deadline = time.perf_counter() + seconds
        while self.due:
            if self._scout is None or self._scouted < self._places[-1]:
                self._scout, self._scouted = self._folds[-1].copy(), self._places[-1]
            end = min(self._scouted + AT_ONCE, self._places[-1] + self._every)
            for t, event in self._tape.events[self._scouted : end]:
                self._scout.feed(t, event)
            self._scouted = end
            self.pass_by(end, self._scout)
            if time.perf_counter() > deadline:
                return
        self._scout = None
        if self._unfrozen >= FREEZE_AFTER:
            gc.freeze()  # as in `watch.py`: a full garbage collection would visit all of the copies
            self._unfrozen = 0
