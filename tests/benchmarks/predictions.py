"""What `instui explain` predicts of a run, beside the run in which that is so: other --jobs, a warm cache, no locks.

`ours` is what was predicted, and `theirs` what happened; the result is the first divided by the second.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.lab import Lab
from benchmarks.measure import make_venv
from benchmarks.results import Cost, Findings, Line, Spread
from support import predictions
from support.environments import Venv
from support.predictions import Compared
from support.slow import Lab as SlowLab

_ROUNDS = 3


def what_if(lab: Lab) -> Findings:
    """Each change that can be made, of made-up installs; and of names, if there is an index."""
    found = Findings(notes=["what-if: ours: what was predicted; theirs: what happened"])

    def new_venv(top: Path) -> Venv:
        make_venv(str(top), lab.variables)
        return Venv(top, lab.place / "cache")

    (place := lab.place / "lab").mkdir()
    variables = {**lab.variables, "UV_NO_CONFIG": "1", "UV_OFFLINE": "1", "HOME": str(place)}
    with SlowLab(place, new_venv, variables) as slow:
        for case in list(_cases(lab, slow))[: lab.sizes.sets]:
            for one in case():
                lab.say(str(one))
                found.lines.append(_line(one))
                if one.is_wrong:
                    found.notes.append(f"what-if: wrong, though certain: {one.what}: {one.change}")
    return found


def _cases(lab: Lab, slow: SlowLab) -> Iterator[Callable[[], Sequence[Compared]]]:
    rounds, share = lab.rounds(_ROUNDS), lab.sizes.share
    yield partial(predictions.fetched, slow, rounds, share)
    for name in predictions.SETS:
        yield partial(predictions.other_jobs, slow, name, rounds, share)
    if shutil.which("flock"):
        yield lambda: list(predictions.locked(slow, rounds))
    if lab.material.names:
        yield partial(predictions.from_an_index, slow, rounds, "numpy")


def _line(one: Compared) -> Line:
    ratio = Spread(one.predicted / one.happened, one.predicted / one.most, one.predicted / one.least)
    told = f"{one.what}: {one.change}{', cannot tell' if one.uncertain else ''}"
    return Line(told, ratio, "x", Cost(one.predicted, 0.0, 0.0), Cost(one.happened, 0.0, 0.0))
