"""What `instui explain` predicts of a change, against what happens when that is changed.

`python -m pytest -s --sweep tests/integration/test_predictions.py` prints the table, with medians of several rounds; so
does `python tests/benchmarks what-if`. A prediction is wrong if it is too far from the median of what happened, and
also from all that happened.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from support import predictions, slow_installs
from support.environments import Venv
from support.predictions import Compared, compared
from support.slow import Lab, Slow

_ROUNDS = 5


@pytest.fixture
def lab(tmp_path: Path, make_venv: Callable[[Path], Venv], clean_environ: Mapping[str, str]) -> Iterator[Lab]:
    with Lab(tmp_path, make_venv, clean_environ) as lab:
        yield lab


def came_true(found: Compared, less: float, sweeping: bool) -> None:
    """It was predicted to take less by so many seconds, at least; and, on a quiet machine, what happened was close."""
    print(f"\n{found}")
    assert not found.uncertain
    assert found.before - found.predicted >= less
    if sweeping:
        assert abs(found.predicted - found.happened) < less / 2


def none_is_wrong(found: Sequence[Compared]) -> None:
    print("", *found, sep="\n")
    assert [str(one) for one in found if one.is_wrong] == []


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


@pytest.mark.parametrize("name", predictions.SETS)
def test_other_jobs_and_a_warm_cache_come_true_or_are_uncertain(name: str, lab: Lab, sweeping: bool) -> None:
    if not sweeping:
        pytest.skip("takes minutes, and a quiet machine: --sweep")
    none_is_wrong(predictions.other_jobs(lab, name, _ROUNDS))


def test_other_jobs_and_a_warm_cache_of_fetched_wheels_come_true_or_are_uncertain(lab: Lab, sweeping: bool) -> None:
    if not sweeping:
        pytest.skip("takes a while, and a quiet machine: --sweep")
    none_is_wrong(predictions.fetched(lab, _ROUNDS))


@pytest.mark.needs("flock")
def test_without_the_locks_of_others_it_takes_as_long_as_predicted_or_is_uncertain(lab: Lab, sweeping: bool) -> None:
    if not sweeping:
        pytest.skip("takes a while, and a quiet machine: --sweep")
    none_is_wrong(list(predictions.locked(lab, 3)))


@pytest.mark.network
@pytest.mark.parametrize("names", [("flask", "rich"), ("numpy",)], ids=" ".join)
def test_what_names_of_a_real_index_take_comes_true_or_is_uncertain(
    names: Sequence[str], lab: Lab, sweeping: bool
) -> None:
    if not sweeping:
        pytest.skip("takes a while, and a quiet machine: --sweep")
    none_is_wrong(predictions.from_an_index(lab, _ROUNDS, *names))
