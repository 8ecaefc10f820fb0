"""Periods in which this process did not run: somebody had stopped it, or the machine slept.

Such a period cannot be told from work by its length. So a thread looks at the clock every `EVERY` seconds, and comes
late after it. It also comes late on a busy machine, or when another thread does not let it run. Then it waited for a
processor, or woke again and again to ask for its turn; the system counts both. A process that is stopped does neither.
"""

import resource
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from instui_engine.journal.events import SessionHalted
from instui_engine.values import NamedTuple

EVERY = 0.25  # seconds between two looks
_LEAST = 0.75  # seconds that are worth an event
_TURNS = 20.0  # times a second that a thread wakes in vain while another one does not let it run; measured: 195


class _Look(NamedTuple):
    """What one thread sees. All but `now` are -1.0 where the system does not say.

    `delayed`: seconds for which the thread has waited for a processor. `woken`: how often it has waited for anything.
    """

    now: float
    slept: float  # seconds for which the machine has slept
    delayed: float
    woken: float


class Standstill:
    """The clock of a session that may stand still. `note` is for the threads at work, `look` for the one that looks."""

    def __init__(self, report: Callable[[SessionHalted], None]) -> None:
        self._report = report
        self._last: _Look | None = None
        self._noted = time.monotonic()
        self._before = 0.0  # the sign of life before a long silence that a thread at work has ended

    def note(self, now: float) -> None:
        """Note a sign of life, so that it is known more exactly when a period begins."""
        if now - self._noted >= _LEAST:
            self._before = self._noted
        self._noted = now

    def look(self) -> None:
        """Report a period that has ended since the last look. Always called by the same thread."""
        last, self._last = self._last, _look()
        if last is not None and (halted := _halted(last, self._last, max(last.now, self._before or self._noted))):
            self._report(halted)
        self._before = 0.0

    def skip(self) -> None:
        """Note that the thread that looks has done something else since: nothing is known of that time."""
        self._last = None


def _halted(last: _Look, present: _Look, since: float) -> SessionHalted | None:
    """The period between two looks in which nothing ran since `since`, the last sign of life."""
    slept = round(max(present.slept - last.slept, 0.0), 3) if last.slept >= 0 else 0.0
    late = present.now - last.now - EVERY
    is_known = min(last.delayed, present.delayed, last.woken, present.woken) >= 0
    was_in_line = present.delayed - last.delayed > late / 2 or present.woken - last.woken > _TURNS * late
    seconds = max(present.now - since, 0.0) if is_known and late >= _LEAST and not was_in_line else 0.0
    return SessionHalted(round(seconds, 6), slept) if seconds >= _LEAST or slept >= _LEAST else None


def _look() -> _Look:
    delayed = woken = -1.0
    with suppress(OSError, ValueError, IndexError, AttributeError):
        # "682934 1121435 1": nanoseconds on a processor and in line for one, and how often it ran
        delayed = int(Path("/proc/thread-self/schedstat").read_bytes().split()[1]) / 1e9
        woken = float(resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw)
    return _Look(time.monotonic(), _slept(), delayed, woken)


def _slept() -> float:
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return -1.0
    while True:  # until nothing came between the three
        before, boot, after = time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic()
        if after - before < _LEAST / 2:
            return boot - before
