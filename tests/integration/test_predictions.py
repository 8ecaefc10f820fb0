"""What `instui explain` predicts of a change, against what happens when that is changed.

`python -m pytest -s --sweep tests/integration/test_predictions.py` prints the table, with medians of several rounds. A
prediction is wrong if it is too far from the median of what happened, and also from all that happened: the same command
takes up to twice as long on a machine that others use.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

from support import slow_installs
from support.environments import Venv
from support.indexes import add_wheel
from support.slow import Lab, Slow
from support.webserver import WebServer

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
    least: float
    most: float

    @property
    def error(self) -> float:
        """By which part of what happened the prediction was wrong."""
        return self.predicted / self.happened - 1

    @property
    def is_wrong(self) -> bool:
        """Whether it was said to be certain, and is not what happened."""
        is_seen = self.least <= self.predicted <= self.most
        return not self.uncertain and abs(self.error) > _CLOSE and not is_seen

    def __str__(self) -> str:
        sure = "cannot tell" if self.uncertain else f"{self.error:+.0%}"
        times = f"{self.before:6.2f} s  predicted {self.predicted:5.2f} s  happened {self.happened:5.2f} s"
        return f"{self.what:34} {self.change:24} {times} ({self.least:.2f} - {self.most:.2f})  {sure}"


def compared(what: str, change: str, before: Sequence[Slow], after: Sequence[Slow]) -> Compared:
    """Medians of what was predicted before that change, and of what happened after it.

    How long Python takes to start is up to what else the machine does: what happened counts with the start from before.
    """
    explained = [slow.explained() for slow in before]
    start = median(slow.attribution.begin for slow in before)
    happened = [slow.attribution.end - start for slow in after]
    found = [one for each in explained for one in each["what_if"] if one["change"] == change]
    return Compared(
        what,
        change,
        median(each["wall"] for each in explained),
        median(one["predicted"] for one in found),
        sum(one["uncertain"] for one in found) > len(found) / 2,
        median(happened),
        min(happened),
        max(happened),
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
    slow = slow_installs.foreign_lock(lab).without_load()  # other programs may have had the processors: not told here
    free = lab.slow(lab.run(lab.venv(), lab.wheel("two")), 0.0)
    found = compared("a foreign holder of .lock", "no lock held by others", [slow], [free])
    came_true(found, 0.9 * slow.seconds, sweeping)


def test_with_a_warm_cache_it_takes_as_long_as_was_predicted(lab: Lab, sweeping: bool) -> None:
    warm: list[Slow] = []
    slow = slow_installs.throttled_index(lab, again=warm).without_load()
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
    "16 wheels that are compressed": lambda lab: [
        lab.wheel(f"packed-{number}", 120, 12_000, packed=True) for number in range(16)
    ],
}


def timed(lab: Lab, *arguments: object, **options: bool) -> Slow:
    """An install into a new environment, when the disk has written what is left of the ones before."""
    top = lab.venv()
    os.sync()
    return lab.slow(lab.run(top, *arguments, **options), 0.0)


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
            done.append(timed(lab, *options, *wheels))
            if jobs == 1:
                warm.append(timed(lab, *options, *wheels))
    found = [
        *(compared(name, f"jobs {jobs}", cold[1], cold[jobs]) for jobs in (2, 4)),
        compared(f"{name}, --jobs 2", "jobs 4", cold[2], cold[4]),
        compared(name, "everything cached", cold[1], warm),
    ]
    print("", *found, sep="\n")
    assert [str(one) for one in found if one.is_wrong] == []


def test_a_warm_cache_of_many_fetched_wheels_comes_true(lab: Lab, sweeping: bool) -> None:
    if not sweeping:
        pytest.skip("takes a while, and a quiet machine: --sweep")
    cold, warm = [], []
    with WebServer() as web:
        wheels = [lab.wheel(f"packed-{number}", 60, 12_000, packed=True) for number in range(16)]
        lock = lab.pylock({wheel: add_wheel(web, wheel) for wheel in wheels})
        for number in range(_ROUNDS):
            options = ("--cache-dir", lab.place / f"cache-{number}", "--pylock", lock)
            cold.append(timed(lab, *options, online=True))
            warm.append(timed(lab, *options, online=True))
    found = compared("an index, 16 wheels", "everything cached", cold, warm)
    print(f"\n{found}")
    assert not found.uncertain
    assert not found.is_wrong


@pytest.mark.network
def test_what_uv_takes_with_a_warm_cache_of_a_real_index_comes_true_or_is_uncertain(
    lab: Lab, sweeping: bool, tmp_path: Path
) -> None:
    if not sweeping:
        pytest.skip("takes a while, and a quiet machine: --sweep")
    asked = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_", "SSL_"))}
    cold, warm = [], []
    for number in range(_ROUNDS):
        lab.environ = {**lab.environ, **asked, "UV_NO_CONFIG": "0", "UV_CACHE_DIR": str(tmp_path / f"uv{number}")}
        options = ("--cache-dir", lab.place / f"cache-{number}", "flask", "rich")
        cold.append(timed(lab, *options, online=True))
        warm.append(timed(lab, *options, online=True))
    found = compared("flask and rich, a real index", "everything cached", cold, warm)
    print(f"\n{found}")
    assert not found.is_wrong
