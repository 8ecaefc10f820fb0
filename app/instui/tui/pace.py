"""The pace of the screen: when a frame is due.

The install may need every core, so frames have a share of one, and half of that while every core is busy. And what is
painted by itself has to be less than a slow terminal reads, or it would fill the kernel's buffer, and what a key asks
for would come a second later.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

REST = 1.0  # seconds between two frames while nothing moves: only clocks and notices change then
QUIET = 3.0  # seconds without news after which a session is looked at less often
SHARE = 0.08  # of a core, for frames while the session moves
BUSY = 0.5  # of that share, while somebody else waits for a core
BANDWIDTH = 15_000  # bytes a second, for the same


def cores_are_busy(loads: Path = Path("/proc/loadavg"), cores: int | None = os.cpu_count()) -> bool:
    """Whether more threads want to run now than there are cores, this one included; False where nobody knows."""
    with suppress(OSError, ValueError, IndexError):
        return int(loads.read_bytes().split()[3].partition(b"/")[0]) > (cores or 1)
    return False


class Pace:
    """Decides whether to paint.

    `sent`: the bytes that were painted until now. `clock` and `cpu` are in seconds: the time, and what this process has
    used. `busy`: whether somebody else waits for a core.
    """

    def __init__(
        self,
        sent: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
        busy: Callable[[], bool] = cores_are_busy,
    ) -> None:
        self._sent = sent
        self._busy = busy
        self._clock = clock
        self._cpu = cpu
        self._rests_until = 0.0
        self._news_at = clock()
        self._unseen = False  # whether anything was read that no frame has shown
        self._last = (0.0, 0.0, 0)  # when the last frame was painted, and what was used and sent before it was due

    def stir(self) -> None:
        """Something has happened that a frame should show now, such as a key."""
        self._rests_until = 0.0

    def note(self, news: bool) -> None:
        """Something was read, if `news`."""
        self._unseen |= news
        if news:
            self._news_at = self._clock()

    @property
    def quiet(self) -> bool:
        """Whether nothing has moved for a while."""
        return self._clock() - self._news_at > QUIET

    def is_due(self) -> bool:
        """Whether to paint a frame now; if so, it counts as painted."""
        now = self._clock()
        then, used, sent = self._last
        cpu, painted = self._cpu(), self._sent()
        since = now - then
        affordable = cpu - used <= SHARE * since and painted - sent <= BANDWIDTH * since
        if self._unseen and affordable and cpu - used > BUSY * SHARE * since:
            affordable = not self._busy()  # asked only where it matters
        if not (self._unseen and affordable) and now < self._rests_until:
            return False
        self._rests_until = now + REST
        self._unseen, self._last = False, (now, cpu, painted)
        return True
