"""The pace of the screen: when a frame is due. The install may need every core, so frames have a share of one."""

import time
from collections.abc import Callable

REST = 1.0  # seconds between two frames while nothing moves: only clocks and notices change then
QUIET = 3.0  # seconds without news after which a session is looked at less often
SHARE = 0.08  # of a core, for frames while the session moves


class Pace:
    """Decides whether to paint. `clock` and `cpu` are in seconds: the time, and what this process has used."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, cpu: Callable[[], float] = time.process_time
    ) -> None:
        self._clock = clock
        self._cpu = cpu
        self._rests_until = 0.0
        self._news_at = clock()
        self._unseen = False  # whether anything was read that no frame has shown
        self._last = (0.0, 0.0)  # when the last frame was painted, and what was used until then

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
        then, used = self._last
        affordable = self._cpu() - used <= SHARE * (now - then)
        if not (self._unseen and affordable) and now < self._rests_until:
            return False
        self._rests_until = now + REST
        self._unseen, self._last = False, (now, self._cpu())
        return True
