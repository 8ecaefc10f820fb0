"""What was found: lines of the table, each with the samples that it was computed from, and what its budget says."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import linear_regression, median
from typing import Literal, NamedTuple

from benchmarks.measure import Sample

Unit = Literal["x", "ms", "%", "power", "MB", "calls"]
"""What a result is: a ratio, a time, a share of a core, an exponent of growth, memory, system calls for each file."""


class Spread(NamedTuple):
    """A median, with the smallest and the largest of what it is the median of."""

    median: float
    low: float
    high: float


class Cost(NamedTuple):
    """Medians of wall and CPU seconds, and the largest peak in MB."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: the result, and what it compares. `budget` is the most that is allowed."""

    what: str
    value: Spread
    unit: Unit
    ours: Cost | None = None
    theirs: Cost | None = None
    budget: float | None = None
    aim: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the budget is kept, and the aim where that is missed; "" without a budget."""
        if self.budget is None:
            return ""
        within = "ok" if self.value.median <= self.budget else "OVER"
        missed = self.aim is not None and self.value.median > self.aim
        return f"{within} (aim {self.aim:g})" if missed else within


@dataclass
class Findings:
    """What one row found: its lines, all samples by what was run, and sentences that belong under the table."""

    lines: list[Line] = field(default_factory=list)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def ratio(
        self,
        ours: str,
        theirs: str,
        budget: float | None = None,
        aim: float | None = None,
        what: str = "",
        of: Literal["wall", "cpu"] = "wall",
    ) -> None:
        """Add a line: the time of one thing that was run as a ratio of the time of another, by the clock or of CPUs."""
        mine, others = self.samples[ours], self.samples[theirs]
        ratios = spread(self._ratios(ours, theirs, of))
        self.lines.append(Line(what or f"{ours} / {theirs}", ratios, "x", cost(mine), cost(others), budget, aim))

    def doubts(self, ours: str, theirs: str) -> None:
        """Note how far the ratio of two things that were run can be trusted, by the clock and of CPUs."""
        clock, cpu = (doubt(self._ratios(ours, theirs, of)) for of in ("wall", "cpu"))
        self.notes.append(
            f"{ours} / {theirs}: the median may be off by {clock:.3f} by the clock, {cpu:.3f} of processor time"
        )

    def _ratios(self, ours: str, theirs: str, of: Literal["wall", "cpu"]) -> list[float]:
        pairs = zip(self.samples[ours], self.samples[theirs], strict=True)
        return [one.wall / other.wall if of == "wall" else one.cpu / other.cpu for one, other in pairs]

    def growth(
        self,
        what: str,
        ours: Mapping[int, Sequence[Sample]],
        theirs: Mapping[int, Sequence[Sample]] | None = None,
        budget: float | None = None,
    ) -> None:
        """Add the exponents of wall and CPU time over the number of wheels; none where there is but one count."""
        if len(ours) < 2:
            return
        for number, time in enumerate(("wall", "CPU")):
            mine, others = (
                exponent({count: median(sample[number] for sample in samples) for count, samples in by_count.items()})
                for by_count in (ours, theirs or ours)
            )
            beside = f" (theirs n^{others.median:.2f})" if theirs else ""
            self.lines.append(Line(f"{what}: growth, {time}{beside}", mine, "power", budget=budget))


def spread(values: Sequence[float]) -> Spread:
    """Median, smallest and largest."""
    return Spread(median(values), min(values), max(values))


def doubt(values: Sequence[float]) -> float:
    """By how much the median of `values` may be off, either way: half of the interval that holds it 19 times in 20.

    That is between two of the values in order (sign test), whatever the noise looks like.
    """
    ordered = sorted(values)
    outside = max(0, int((len(ordered) - 1.96 * math.sqrt(len(ordered))) / 2))
    return (ordered[-1 - outside] - ordered[outside]) / 2


def single(value: float) -> Spread:
    """The spread of a value that was found once."""
    return Spread(value, value, value)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that is not below `share` of them."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def cost(samples: Sequence[Sample]) -> Cost:
    """What a run costs."""
    return Cost(
        median(sample.wall for sample in samples),
        median(sample.cpu for sample in samples),
        max(sample.peak for sample in samples),
    )


def exponent(seconds: Mapping[int, float]) -> Spread:
    """The k in "time grows as count to the k": fitted to all counts, with the least and the most between neighbours.

    1 is linear, 2 quadratic.
    """
    points = [(math.log(count), math.log(value)) for count, value in sorted(seconds.items())]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(points)]
    fitted = linear_regression([x for x, _ in points], [y for _, y in points]).slope
    return Spread(fitted, min(slopes), max(slopes))
