"""Timing of whole processes, interleaved, and the comparison of two of them.

Nothing is deleted between timed runs: ext4 avoids inodes that were freed in the last minutes, which makes every later
mkdir slower (DESIGN, section 6). Each run gets a new environment that was made before.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

from prepare import make_venv


class Failed(Exception):
    """A command of a benchmark did not do what it is timed for; the text says which and why."""


class Sample(NamedTuple):
    """One run: seconds on the wall and on the CPUs (children included), peak resident set in MB."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True, slots=True)
class Variant:
    """A command to time. `command(venv, fresh)`: its words; `fresh` is a path that does not exist yet."""

    label: str
    command: Callable[[str, str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row of the table: `ours` against `theirs`, and the ratio that is allowed."""

    ours: str
    theirs: str
    budget: float | None
    aim: float | None = None


class Bench:
    """Runs variants in new environments below `place`; `expected` distributions must be there after each run."""

    def __init__(self, place: Path, variables: Mapping[str, str], expected: int) -> None:
        self._place = place
        self._variables = dict(variables)
        self._expected = expected
        self._count = 0

    def interleave(self, variants: Sequence[Variant], rounds: int, warm_up: int) -> dict[str, list[Sample]]:
        """`rounds` samples of each variant by its label, after `warm_up` runs that do not count.

        All variants run once in each round, every other round in reverse, so that what drifts meets all alike.
        """
        places = [[self._fresh(variant) for variant in variants] for _ in range(warm_up + rounds)]
        samples: dict[str, list[Sample]] = {variant.label: [] for variant in variants}
        for number, row in enumerate(places):
            order = list(zip(variants, row, strict=True))
            for variant, (venv, fresh) in order if number % 2 == 0 else reversed(order):
                sample = self._sample(variant, venv, fresh)
                if number >= warm_up:
                    samples[variant.label].append(sample)
        return samples

    def _fresh(self, variant: Variant) -> tuple[str, str]:
        self._count += 1
        base = self._place / f"{self._count}-{''.join(c if c.isalnum() else '-' for c in variant.label)}"
        make_venv(str(base / "venv"), self._variables)
        return str(base / "venv"), str(base / "fresh")

    def _sample(self, variant: Variant, venv: str, fresh: str) -> Sample:
        command = list(variant.command(venv, fresh))
        os.sync()  # so that nobody pays for what others left to be written
        sample, code, errors = timed(command, self._variables)
        if code:
            raise Failed(f"{variant.label} ended with {code}: {errors.strip()[-500:]}")
        found = sum(1 for _ in Path(venv).glob("lib/python*/site-packages/*.dist-info"))
        if found != self._expected:
            raise Failed(
                f"{variant.label} installed {found} of {self._expected} distributions: {errors.strip()[-500:]}"
            )
        return sample


def timed(command: Sequence[str], variables: Mapping[str, str]) -> tuple[Sample, int, str]:
    """Run a process to its end: what it cost, its exit code, and what it wrote to stderr."""
    with tempfile.TemporaryFile() as errors:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)  # it is reaped; Popen must not wait for it
        errors.seek(0)
        text = errors.read().decode(errors="replace")
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), process.returncode, text


HEADER = ("", "ours s", "theirs s", "ratio", "min-max", "CPU s", "their CPU", "peak MB", "budget", "")


def compare(row: Comparison, samples: Mapping[str, Sequence[Sample]]) -> tuple[str, ...]:
    """The cells of one row: medians, and the median of the ratios pair by pair."""
    ours, theirs = samples[row.ours], samples[row.theirs]
    ratios = [mine.wall / other.wall for mine, other in zip(ours, theirs, strict=True)]
    ratio = median(ratios)
    verdict = "" if row.budget is None else "ok" if ratio <= row.budget else "OVER"
    if row.aim is not None and verdict:
        verdict += f" (aim {row.aim:g})"
    return (
        f"{row.ours} / {row.theirs}",
        f"{median(sample.wall for sample in ours):.3f}",
        f"{median(sample.wall for sample in theirs):.3f}",
        f"{ratio:.3f}" if ratio < 0.2 else f"{ratio:.2f}",
        f"{min(ratios):.2f}-{max(ratios):.2f}",
        f"{median(sample.cpu for sample in ours):.2f}",
        f"{median(sample.cpu for sample in theirs):.2f}",
        f"{max(sample.peak for sample in ours):.0f}",
        "" if row.budget is None else f"{row.budget:g}",
        verdict,
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells in aligned columns, the first to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:], strict=False)),
        ]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)
