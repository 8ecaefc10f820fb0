"""How far apart two changes must be to get different timestamps."""

import time

# Nanoseconds. The system's clock for files ticks every 1-10 ms; some file systems count seconds, or pairs of them.
_TICK, _COARSE_TICK = 100_000_000, 2_100_000_000


def is_settled(changed: int) -> bool:
    """Whether whatever is changed from now on gets another time than `changed` (mtime or ctime, in nanoseconds)."""
    return time.time_ns() - changed > (_TICK if changed % 1_000_000_000 else _COARSE_TICK)
