"""What is on its way to the terminal: what was queued, and what the kernel keeps until the terminal reads it.

The kernel takes some 20 kB for a terminal that does not read, and does not say how many of them there still are. So one
that reads 20 kB a second may be a second behind when all is written. That a terminal is slow shows when a write has to
wait: then the kernel has all that it takes. How much of it is left later is computed.
"""

import time
from collections.abc import Callable

from instui.terminal import Terminal
from instui_engine.values import NamedTuple

_PIECE = 2048  # bytes that are written at once
_WAITED = 0.1  # seconds: a piece that took so long had to wait until the terminal had read something
_KEPT = 20_000  # bytes that Linux keeps for a terminal that does not read, at least
_SLOW = 20_000.0  # bytes that a terminal reads in a second if writes to it have to wait
_DOUBLES = 5.0  # seconds without a wait in which it is taken for twice as fast: it may be faster now
_FEW = 2000  # bytes that are as good as none


class _Unread(NamedTuple):
    """How many bytes the terminal had not read at a `time`, and when a write `waited` last; 0.0 for never."""

    size: float = 0.0
    time: float = 0.0
    waited: float = 0.0


class Flow:
    """How much of what was written a slow terminal has not read. Told by one thread, asked by any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = _Unread()

    def wrote(self, size: int, waited: bool) -> None:
        """So many bytes are written now, and that had to wait or not."""
        now = self._clock()
        if waited:
            self._last = _Unread(_KEPT, now, now)
        elif self._last.waited:
            self._last = _Unread(self._unread(now) + size, now, self._last.waited)

    def clears_in(self) -> float:
        """Seconds until the terminal has read nearly all; 0.0 if it has, or was never seen to be slow."""
        now = self._clock()
        return max(self._unread(now) - _FEW, 0.0) / self._rate(now)

    def _rate(self, now: float) -> float:
        return _SLOW * float(2.0 ** min((now - self._last.waited) / _DOUBLES, 64.0))

    def _unread(self, now: float) -> float:
        return max(self._last.size - self._rate(now) * (now - self._last.time), 0.0)


class Outgoing:
    """What is on its way to the terminal. `drained` is called, in the thread that writes, when all of it is written."""

    def __init__(
        self, terminal: Terminal, drained: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._terminal = terminal
        self._drained = drained
        self._clock = clock
        self._flow = Flow(clock)
        self._queued = self._written = 0  # bytes; each is counted by one thread

    @property
    def pending(self) -> bool:
        """Whether something was queued that is not yet written."""
        return self._queued != self._written

    @property
    def queued(self) -> int:
        """How many bytes there were until now."""
        return self._queued

    def clears_in(self) -> float:
        """Seconds until the terminal has read nearly all of what is written."""
        return self._flow.clears_in()

    def queue(self, text: str) -> None:
        """Count what will be written."""
        self._queued += len(self._terminal.encoded(text))

    def write(self, text: str) -> None:
        """Write all of `text`, however long that takes."""
        data = self._terminal.encoded(text)
        for place in range(0, len(data), _PIECE):
            piece = data[place : place + _PIECE]
            begun = self._clock()
            self._terminal.put(piece)
            self._flow.wrote(len(piece), self._clock() - begun >= _WAITED)
        self._written += len(data)
        if not self.pending:
            self._drained()

    def flush(self) -> None:
        """Do nothing: `write` keeps nothing back."""

    def fileno(self) -> int:
        """The descriptor that is painted to."""
        return self._terminal.fileno()
