"""The curves under the dashboard: what was done and used in equal shares of time.

A curve goes over the whole session, or its last minute while it runs for longer. Its cells are cells of time, however
often something was sampled, and it has a unit, the present value, and the greatest one so far, which is a full cell.
That one is kept by the record of the session: the more time a cell covers, the lower is its mean.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

from instui.monitor import units
from instui.monitor.model import Sample, Snapshot
from instui.monitor.session import SAMPLE_SECONDS
from instui.monitor.spans import LoadSample
from instui.tui.text.glyphs import Glyphs
from instui_engine.values import NamedTuple

from .bars import scale_end
from .session_waits import whole

LATEST = 60.0  # seconds that the curves of a longer session go back while it runs
_LOAD_STEP = 1.0  # seconds without a sample of the load, which may come twice a second, while work goes on
Point = TypeVar("Point", Sample, LoadSample)


class Curve(NamedTuple):
    """Values of equal shares of time, the present one and the greatest in words. `top`: the value of a full cell."""

    name: str
    values: Sequence[float]
    top: float
    now: str
    most: str
    style: str


def drawing(values: Sequence[float], rows: int, top: float, glyphs: Glyphs) -> list[str]:
    """A diagram of `rows` lines; `top` is a column that fills all of them, and what is more than nothing is seen."""
    steps = len(glyphs.curve) - 1
    levels = [min(steps * rows, round(v / top * steps * rows)) if v > 0 and top > 0 else 0 for v in values]
    levels = [max(level, int(v > 0)) for level, v in zip(levels, values, strict=True)]
    return [
        "".join(glyphs.curve[max(0, min(steps, level - row * steps))] for level in levels)
        for row in range(rows - 1, -1, -1)
    ]


def time_grid(snapshot: Snapshot, cells: int) -> list[float]:
    """The times between which the cells of a curve lie: the whole session, or its last minute while it runs longer."""
    end = scale_end(snapshot.t, snapshot.finished is not None)
    begin = 0.0
    if snapshot.finished is None and snapshot.t > LATEST:
        begin = end - LATEST - (end - snapshot.t)
        begin -= begin % (LATEST / max(cells, 1))  # the cells stay where they are in time
        end = begin + LATEST * (1 + 1 / max(cells, 1))
    cells = max(cells, 1)
    return [begin + (end - begin) * cell / cells for cell in range(cells + 1)]


def rates(points: Sequence[Point], times: Sequence[float], value: Callable[[Point], float]) -> list[float]:
    """How fast a counter grew in each cell, in units a second; 0.0 in cells that are still to come."""
    known = points[-1].t if points else 0.0
    counts = [_at(points, t, value) for t in times]
    cells = zip(pairwise(times), pairwise(counts), strict=True)
    return [max(0.0, after - before) / (min(b, known) - a) if a < known else 0.0 for (a, b), (before, after) in cells]


def _at(points: Sequence[Point], t: float, value: Callable[[Point], float]) -> float:
    """A counter at time `t`, between the points in proportion; it begins with 0.0, and stays what it was last."""
    place = bisect_right(points, t, key=lambda point: point.t)
    if place == len(points):
        return value(points[-1]) if points else 0.0
    t0, before = (points[place - 1].t, value(points[place - 1])) if place else (0.0, 0.0)
    after = points[place]
    return before + (t - t0) / (after.t - t0) * (value(after) - before) if after.t > t0 else before


def levels(samples: Sequence[Sample], t: float, times: Sequence[float], value: Callable[[Sample], int]) -> list[float]:
    """The greatest level that was sampled in each cell, else the last one before it; 0.0 in cells after `t`."""
    found = []
    for a, b in pairwise(times):
        first, last = (bisect_right(samples, end, key=lambda sample: sample.t) for end in (a, b))
        inside = [value(sample) for sample in samples[max(first - (first == last), 0) : last]]
        found.append(float(max(inside, default=0)) if a < t else 0.0)
    return found


def wheels(snapshot: Snapshot, times: Sequence[float]) -> list[Curve]:
    """How many wheels were being worked on, and how many waited."""
    totals, peaks = snapshot.totals, snapshot.peaks
    all_wait = whole(snapshot) is not None  # then none of its wheels waits, and all of them do
    kinds: tuple[tuple[str, Callable[[Sample], int], int, int, str], ...] = (
        ("at work", lambda sample: sample.running, totals.running, peaks.running, "commit"),
        ("waiting", lambda sample: sample.waiting, totals.waiting, peaks.waiting, "wait"),
    )
    found = []
    for name, value, now, most, style in kinds:
        values = levels(snapshot.samples, snapshot.t, times, value)
        text = "all" if all_wait and name == "waiting" else units.number(now)
        found.append(Curve(name, values, max(most, 1.0), text, units.number(most), style))
    return found


def throughput(snapshot: Snapshot, times: Sequence[float]) -> list[Curve]:
    """Bytes fetched and unpacked, and files staged, a second."""
    peaks = snapshot.peaks
    kinds: tuple[tuple[str, Callable[[Sample], float], float, Callable[[float], str]], ...] = (
        ("fetch", lambda sample: sample.fetched_bytes, peaks.fetched, _bytes),
        ("unpack", lambda sample: sample.unpacked_bytes, peaks.unpacked, _bytes),
        ("stage", lambda sample: sample.staged_files, peaks.staged, lambda rate: f"{units.number(round(rate))} f/s"),
    )
    found = []
    for name, value, most, text in kinds:
        values = rates(snapshot.samples, times, value)
        now = _now(snapshot, snapshot.samples, value, _step(snapshot.samples))
        found.append(Curve(name, values, max(most, 1.0), text(now), text(most), name))
    return found


def disk(snapshot: Snapshot, times: Sequence[float]) -> list[Curve]:
    """The share of time in which some process of this machine waited for a disk; nothing if that is unknown.

    There are no samples while the session only waits for others: no cell shows what others did meanwhile.

    The processor time of the session is no curve: that of its helpers is known only when they end.
    """
    loads = snapshot.loads
    if not loads or loads[-1].stalled < 0:
        return []
    shares = [min(share, 1.0) for share in rates(loads, times, lambda load: load.sampled)]
    now = min(_now(snapshot, loads, lambda load: load.sampled, _LOAD_STEP), 1.0)
    return [Curve("disk", shares, 1.0, f"{100 * now:.0f} %", f"{100 * snapshot.peaks.stalled:.0f} %", "age")]


def _bytes(rate: float) -> str:
    return f"{units.size(rate)}/s"


def _step(samples: Sequence[Sample]) -> float:
    """The seconds between two samples, which lie on a grid: the last one is as old as that while work goes on."""
    return max(samples[-1].t - samples[-2].t, SAMPLE_SECONDS) if len(samples) > 1 else SAMPLE_SECONDS


def _now(snapshot: Snapshot, points: Sequence[Point], value: Callable[[Point], float], step: float) -> float:
    """The rate of the last second; 0.0 when all is over.

    It ends when the last point was taken while that is no older than a `step`. Later nothing has happened, so nothing
    was taken: then the second goes on with the clock, and the rate falls to nothing.
    """
    if snapshot.finished is not None or not points:
        return 0.0
    t = max(points[-1].t, snapshot.t - step)
    return max(0.0, value(points[-1]) - _at(points, max(t - 1, 0.0), value)) / min(max(t, 0.1), 1)
