"""The session on the screen: journal lines go in, and snapshots come out, as often as the screen pulls them."""

import gc
import time
from collections import deque
from collections.abc import Callable, Iterable

from instui.monitor.fold import Fold
from instui.monitor.history import History
from instui.monitor.model import Snapshot
from instui.monitor.rates import USUAL
from instui.monitor.reader import Source
from instui.monitor.standstill import Standstill
from instui_engine.journal.codec import decode

from .tape import Log, Tape
from .transport import Transport

BUDGET = 0.02  # seconds that one pull may take, so that keys still work while a long journal is read
_FREEZE_EVERY = 50_000  # events


class Watch:
    """A watched session: what `source` says of it, at the time that `transport` says.

    Without a transport the display shows the present. It gets one when it is held, and a recording has one always.
    """

    def __init__(
        self, source: Source, clock: Callable[[], float], speed: float | None = None, history: History | None = None
    ) -> None:
        """`clock` is CLOCK_MONOTONIC in seconds; `speed` is that at which a recording is played, None: no recording.

        `history`: of what sessions have shown of this machine. It is made use of, and gets what this one has shown.
        """
        self.tape = Tape()
        self.log = Log(self.tape)
        self.recorded = speed is not None
        self.transport = Transport(self.tape, clock, speed=speed) if speed is not None else None
        self.damaged = 0  # lines that could not be read
        self.jumps = 0  # how often the display went back: what was made of a later time may name what is not there yet
        self._source = source
        self._clock = clock
        self._history = history
        self._rates = USUAL if history is None else history.rates()
        # of all that was read; of a recording, nobody asks for that
        self._present = Fold(estimates=True, rates=self._rates)
        self._standstill = Standstill()
        self._lines: deque[str] = deque()
        self._fed = 0
        self._shown: Snapshot = self._present.snapshot(0.0)

    @property
    def reading(self) -> bool:
        """Whether there are lines that were read but not yet folded."""
        return bool(self._lines)

    @property
    def behind(self) -> bool:
        """Whether what is shown is not yet what it should be."""
        return self.reading or (self.transport is not None and self.transport.behind)

    @property
    def over(self) -> bool:
        """Whether the session has ended, in whatever way."""
        return self._present.is_finished or self._read_all

    @property
    def _read_all(self) -> bool:
        return self._source.ended and not self._lines

    @property
    def shown(self) -> Snapshot:
        """The session as it is on the screen."""
        return self._shown

    @property
    def latest(self) -> Snapshot:
        """The session as it is now; a recording, as it is on the screen."""
        if self.recorded:
            return self._shown
        return self._standstill.shown(self._present.snapshot(self._now()), self._present.now)

    @property
    def end(self) -> float:
        """The time of the session now; of a recording, at its end as far as it was read."""
        return self.tape.end if self.recorded else max(self.tape.end, self.latest.t)

    @property
    def lag(self) -> float:
        """The number of seconds that the screen is behind a session that goes on."""
        return max(0.0, self.latest.t - self._shown.t) if self.transport is not None and not self.over else 0.0

    def read(self) -> bool:
        """Read and fold what is new, each for at most BUDGET. Return whether the next picture is another one."""
        if not self._lines:
            self._lines.extend(self._source.poll(0))
        is_new = self.behind
        deadline = time.perf_counter() + BUDGET
        while self._lines:
            self._feed(self._lines.popleft() for _ in range(min(50, len(self._lines))))
            if time.perf_counter() > deadline:
                break
        if self._fed >= _FREEZE_EVERY:
            # A full garbage collection would visit all of these again: measured 94-152 ms with thousands of wheels.
            gc.freeze()
            self._fed = 0
        if self._read_all:
            self._present.abandon()
        if self._history is not None and self._present.is_finished:
            if (measured := self._present.measured()) is not None:
                self._history.add(measured)
            self._history = None
        if (transport := self.transport) is not None:
            transport.complete = self._read_all
            is_new = is_new or transport.moves
            transport.advance()
            if not self.recorded and not transport.complete and transport.moves and transport.at_head:
                self.to_present()
        return is_new

    def advance(self) -> None:
        """Bring what is shown up to date."""
        transport = self.transport
        shown = self.latest if transport is None else transport.snapshot()
        if shown is not None:
            before, self._shown = self.log.total, shown
            self.log.place = None if transport is None else transport.reached
            self.jumps += self.log.total < before

    def prepare(self) -> bool:
        """Make it cheap to go anywhere else, for a moment in which nothing else is to be done; whether to go on."""
        reads = self.behind or (self.recorded and not self._read_all)
        return self.transport is not None and not reads and self.transport.prepare()

    # -- the place that is shown

    def hold(self) -> None:
        """Hold the display still."""
        if self.transport is None:
            self.transport = Transport(self.tape, self._clock, held=True, rates=self._rates)
            self.transport.stay(self.latest.t)
        self.transport.hold()

    def play(self) -> None:
        """Let the display go on; to the present, if nobody has left that. A session that is over is played again."""
        transport = self.transport
        if transport is None and self.over:
            self.transport = Transport(self.tape, self._clock, rates=self._rates)
        elif transport is not None and (self.recorded or self.over or transport.moved):
            transport.play()
        else:
            self.to_present()

    def to_present(self) -> None:
        """Show the present from now on."""
        self.transport = None

    def close(self) -> None:
        """Give the source up: nothing more is read."""
        self._source.close()

    def _feed(self, lines: Iterable[str]) -> None:
        for line in lines:
            try:
                event = decode(line)
            except ValueError:
                self.damaged += 1
                continue
            if event is not None:
                self.tape.add(*event)
                self._fed += 1
                if not self.recorded:
                    self._present.feed(*event)

    def _now(self) -> float:
        session = self._present.session
        if session is None or self._source.ended:
            return self._present.now
        return self._clock() - session.clock
