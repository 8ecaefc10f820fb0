"""What `instui explain` predicts of a change, against what happens when that is changed.

`python -m pytest -s --sweep tests/integration/test_predictions.py` prints the table, with medians of several rounds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

from support import slow_installs
from support.environments import Venv
from support.slow import Lab, Slow

_ROUNDS = 5
_CLOSE = 0.2


@pytest.fixture
def lab(tmp_path: Path, make_venv: Callable[[Path], Venv], clean_environ: Mapping[str, str]) -> Iterator[Lab]:
    with Lab(tmp_path, make_venv, clean_environ) as lab:
        yield lab


class Compared(NamedTuple):
    """A prediction of several sessions beside the time of those in which it came true."""

    what: str
    change: str
    before: float
    predicted: float
    uncertain: bool
    happened: float

    @property
    def error(self) -> float:
        """By which part of what happened the prediction was wrong."""
        return self.predicted / self.happened - 1

    def __str__(self) -> str:
        sure = "cannot tell" if self.uncertain else f"{self.error:+.0%}"
        times = f"{self.before:6.2f} s  predicted {self.predicted:5.2f} s  happened {self.happened:5.2f} s"
        return f"{self.what:34} {self.change:24} {times}  {sure}"


def compared(what: str, change: str, before: Sequence[Slow], after: Sequence[Slow]) -> Compared:
    """Medians of what was predicted before that change, and of what happened after it.

    How long Python takes to start is up to what else the machine does: what happened counts with the start from before.
    """
    explained = [slow.explained() for slow in before]
    found = [one for each in explained for one in each["what_if"] if one["change"] == change]
    return Compared(
        what,
        change,
        median(each["wall"] for each in explained),
        median(one["predicted"] for one in found),
        sum(one["uncertain"] for one in found) > len(found) / 2,
        median(slow.attribution.end for slow in after) - median(slow.attribution.begin for slow in before),
    )


def came_true(found: Compared, less: float, sweeping: bool) -> None:
    """It was predicted to take less by so many seconds, at least; and, on a quiet machine, what happened was close."""
    print(f"\n{found}")
    assert not found.uncertain
    assert found.before - found.predicted >= less
    if sweeping:
        assert abs(found.predicted - found.happened) < less / 2


@pytest.mark.needs("flock")
def test_without_the_foreign_lock_it_takes_as_long_as_was_predicted(lab: Lab, sweeping: bool) -> None:
    slow = slow_installs.foreign_lock(lab)
    free = lab.slow(lab.run(lab.venv(), lab.wheel("two")), 0.0)
    found = compared("a foreign holder of .lock", "no lock held by others", [slow], [free])
    came_true(found, 0.9 * slow.seconds, sweeping)


def test_with_a_warm_cache_it_takes_as_long_as_was_predicted(lab: Lab, sweeping: bool) -> None:
    warm: list[Slow] = []
    slow = slow_installs.throttled_index(lab, again=warm)
    found = compared("a throttled index", "everything cached", [slow], warm)
    came_true(found, 0.9 * slow.seconds, sweeping)


_SETS: Mapping[str, Callable[[Lab], list[Path]]] = {
    "6 large wheels": lambda lab: [lab.wheel(f"large-{number}", 1500, 400) for number in range(6)],
    "60 small wheels": lambda lab: [lab.wheel(f"small-{number}", 20, 400) for number in range(60)],
    "1 giant, 8 small wheels": lambda lab: [
        lab.wheel("giant", 6000, 400),
        *(lab.wheel(f"little-{number}", 4) for number in range(8)),
    ],
    "4 wheels of large files": lambda lab: [lab.wheel(f"heavy-{number}", 8, 6_000_000) for number in range(4)],
}


@pytest.mark.parametrize("name", _SETS)
def test_other_jobs_and_a_warm_cache_come_true_or_are_uncertain(name: str, lab: Lab, sweeping: bool) -> None:
    if not sweeping:
        pytest.skip("takes minutes, and a quiet machine: --sweep")
    wheels = _SETS[name](lab)
    cold: dict[int, list[Slow]] = {1: [], 2: [], 4: []}
    warm: list[Slow] = []
    for number in range(_ROUNDS):
        for jobs, done in cold.items():
            options = ("--jobs", jobs, "--cache-dir", lab.place / f"cache-{number}-{jobs}")
            done.append(lab.slow(lab.run(lab.venv(), *options, *wheels), 0.0))
            if jobs == 1:
                warm.append(lab.slow(lab.run(lab.venv(), *options, *wheels), 0.0))
    found = [
        *(compared(name, f"jobs {jobs}", cold[1], cold[jobs]) for jobs in (2, 4)),
        compared(f"{name}, --jobs 2", "jobs 4", cold[2], cold[4]),
        compared(name, "everything cached", cold[1], warm),
    ]
    print("", *found, sep="\n")
    assert [str(one) for one in found if abs(one.error) > _CLOSE and not one.uncertain] == []
