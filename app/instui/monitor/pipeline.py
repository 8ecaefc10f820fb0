"""How wheels are fetched and unpacked at the same time, simulated: when each comes in, and when the last is done."""

from collections import deque
from collections.abc import Sequence
from heapq import heapify, heappop, heappush, heapreplace
from math import inf

from .standing import Content, Standing


def acquired(
    unpacking: Sequence[float],
    to_unpack: Sequence[float],
    came: Sequence[tuple[float, float]],
    jobs: int,
    crowd: float = 0.0,
    fetch: float = 0.0,
) -> float:
    """Seconds until all is unpacked: wheels come in like that, each takes so many seconds of a worker.

    Each takes longer by `crowd` for each other worker, and by `fetch` while wheels are fetched.
    """
    jobs = max(min(jobs, 1 + len(unpacking) + len(to_unpack) + len(came)), 1)
    begun = sorted(unpacking, reverse=True)
    waiting = deque([*begun[jobs:], *sorted(to_unpack, reverse=True)])
    busy = begun[:jobs]
    heapify(busy)  # how much will have been done, by each worker that was always busy, when each of them is free
    t = done = 0.0
    coming, fetched = deque(came), came[-1][0] if came else 0.0
    while busy or waiting or coming:
        while coming and coming[0][0] <= t:
            waiting.append(coming.popleft()[1])
        while waiting and len(busy) < jobs:
            heappush(busy, done + waiting.popleft())
        if not busy:
            t = coming[0][0]
            continue
        each = 1 + crowd * (len(busy) - 1) + (fetch if t < fetched else 0.0)  # seconds
        until = t + (busy[0] - done) * each
        if coming and until > coming[0][0]:
            done, t = done + (coming[0][0] - t) / each, coming[0][0]
        else:
            t, done = until, heappop(busy)
    return t


def arrivals(now: Standing, rate: float, most: float = inf) -> tuple[list[float], list[Content]]:
    """In how many seconds each wheel will have been fetched, and what is to be unpacked of it.

    The downloads share the rate equally, and none has more than `most`; when one is done, the next begins.
    """
    wheels = [*now.fetching, *now.to_fetch]
    begun = len(now.fetching) or 1
    under_way = [(one.left, number) for number, one in enumerate(wheels[:begun])]
    heapify(under_way)
    t = share = 0.0  # bytes that each download has got by then; one that begins later is counted as if it had them
    times, coming = list[float](), list[Content]()
    while under_way:
        least, first = under_way[0]
        t += (least - share) / min(rate / len(under_way), most)
        share = least
        times.append(t)
        coming.append(wheels[first].content)
        if begun < len(wheels):
            heapreplace(under_way, (share + wheels[begun].left, begun))
            begun += 1
        else:
            heappop(under_way)
    return times, coming
