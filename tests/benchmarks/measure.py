"""Timing of whole processes, interleaved.

Nothing is deleted between timed runs: ext4 avoids inodes that were freed in the last minutes, which makes every later
mkdir slower (DESIGN, section 6). Each run gets a new environment that was made before.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import uv

Say = Callable[[str], None]

SOME = -1  # distributions: as many as there are, but one at least

_PATIENCE = 600  # seconds for a step of a preparation


class Skip(Exception):
    """A row, or all of them, cannot be measured here; the text says why."""


class Failed(Exception):
    """A command of a benchmark did not do what it is timed for; the text says which and why."""


class Sample(NamedTuple):
    """One run: seconds on the wall and on the CPUs (children included), peak resident set in MB."""

    wall: float
    cpu: float
    peak: float


Command = Callable[[str, str], Sequence[str]]
"""`command(venv, fresh)`: the words of a process; `fresh` is a path that does not exist yet."""


def _no_variables(fresh: str) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Variant:
    """A command to time. `expected`: how many distributions must be there after it, if not those of the bench."""

    label: str
    command: Command
    variables: Callable[[str], Mapping[str, str]] = field(default=_no_variables)
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run to come: its environment, and a path for whatever else it needs, which does not exist yet."""

    variant: Variant
    venv: str
    fresh: str


class Bench:
    """Runs variants in new environments below `place`; after each, `expected` distributions must be there."""

    def __init__(self, place: Path, variables: Mapping[str, str], expected: int, say: Say) -> None:
        self._place = place
        self._variables = dict(variables)
        self._expected = expected
        self._say = say
        self._count = 0

    def interleave(self, variants: Sequence[Variant], rounds: int, warm_up: int) -> dict[str, list[Sample]]:
        """`rounds` samples of each variant by its label, after `warm_up` runs that do not count.

        All variants run once in each round, every other round in reverse, so that what drifts meets all alike.
        """
        total = warm_up + rounds
        self._say(f"{len(variants)} commands, {total} times each: {', '.join(variant.label for variant in variants)}")
        plan = [[self.new(variant) for variant in variants] for _ in range(total)]
        samples: dict[str, list[Sample]] = {variant.label: [] for variant in variants}
        for number, row in enumerate(plan):
            for run in in_turn(row, number):
                sample = self.measure(run)
                if number >= warm_up:
                    samples[run.variant.label].append(sample)
        return samples

    def new(self, variant: Variant) -> Run:
        """A new environment for one run, or for several in turn (`again`)."""
        self._count += 1
        base = self._place / f"{self._count}-{''.join(c if c.isalnum() else '-' for c in variant.label)}"
        make_venv(str(base / "venv"), self._variables)
        return Run(variant, str(base / "venv"), str(base / "fresh"))

    def measure(self, run: Run) -> Sample:
        """Time one run, and see that it did its work."""
        variant = run.variant
        command = list(variant.command(run.venv, run.fresh))
        os.sync()  # so that nobody pays for what others left to be written
        sample, code, errors = timed(command, {**self._variables, **variant.variables(run.fresh)})
        if code:
            raise Failed(f"{variant.label} ended with {code}: {errors.strip()[-500:]}")
        expected = self._expected if variant.expected is None else variant.expected
        found = distributions(run.venv)
        if found == 0 if expected == SOME else found != expected:
            raise Failed(f"{variant.label} left {found} of {expected} distributions: {errors.strip()[-500:]}")
        return sample


def in_turn(row: Sequence[Run], number: int) -> Sequence[Run]:
    """The runs of one round, in reverse every other time."""
    return row if number % 2 == 0 else row[::-1]


def distributions(venv: str) -> int:
    """How many distributions an environment lists."""
    return sum(1 for _ in Path(venv).glob("lib/python*/site-packages/*.dist-info"))


def timed(command: Sequence[str], variables: Mapping[str, str]) -> tuple[Sample, int, str]:
    """Run a process to its end: what it cost, its exit code, and what it wrote to stderr."""
    with tempfile.TemporaryFile() as errors:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, env=dict(variables), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
        )
        try:
            sample = reaped(process, begun)
        except BaseException:  # interrupted: nothing may go on writing where all is deleted then
            process.kill()
            process.wait()
            raise
        errors.seek(0)
        text = errors.read().decode(errors="replace")
    return sample, process.returncode, text


def reaped(process: "subprocess.Popen[bytes]", begun: float) -> Sample:
    """Wait for a process that was started at `begun` (perf_counter); what it and its children cost."""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)  # it is reaped; Popen must not wait for it
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def prepare(what: str, command: Sequence[str], variables: Mapping[str, str], cwd: Path | None = None) -> str:
    """Run a step of a preparation; its output. Raises Skip."""
    try:
        done = subprocess.run(
            command, env=variables, capture_output=True, timeout=_PATIENCE, check=False, text=True, cwd=cwd
        )
    except subprocess.TimeoutExpired as error:
        raise Skip(f"could not {what} within {_PATIENCE} s") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Skip(f"could not {what}: {last.strip()[:300]}")
    return done.stdout


def make_venv(path: str, variables: Mapping[str, str]) -> None:
    """A new, empty virtual environment of the running interpreter."""
    command = [uv.find_uv_bin(), "venv", "--quiet", "--no-project", "--python", sys.executable, path]
    prepare("make an environment", command, variables)
