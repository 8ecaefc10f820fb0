"""What `instui explain` predicts of a change, beside what happens when that is changed."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from instui.explain.attribution import Kind
from support import slow_installs
from support.indexes import add_wheel
from support.slow import Lab, Slow
from support.webserver import WebServer

CLOSE = 0.2  # of what happened: a prediction that is certain may not be wrong by more


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
    within: float = 0.0  # seconds by which it said that it may be wrong

    @property
    def error(self) -> float:
        """By which part of what happened the prediction was wrong."""
        return self.predicted / self.happened - 1

    @property
    def is_wrong(self) -> bool:
        """Whether it was said to be certain, and is not what happened.

        The same command takes up to twice as long on a machine that others use, so anything that was seen is right.
        """
        is_seen = self.least <= self.predicted <= self.most
        is_near = abs(self.predicted - self.happened) <= max(CLOSE * self.happened, self.within)
        return not (self.uncertain or is_near or is_seen)

    def __str__(self) -> str:
        near = f", said to be within {self.within:.2f} s" if self.within else ""
        sure = "cannot tell" if self.uncertain else f"{self.error:+.0%}{near}"
        times = f"{self.before:6.2f} s  predicted {self.predicted:5.2f} s  happened {self.happened:5.2f} s"
        return f"{self.what:34} {self.change:24} {times} ({self.least:.2f} - {self.most:.2f})  {sure}"


def compared(what: str, change: str, before: Sequence[Slow], after: Sequence[Slow], far: bool = False) -> Compared:
    """Medians of what was predicted before that change, and of what happened after it.

    What the change does not reach counts as it was before: how long Python took to start, which is up to what else the
    machine does, and where that is said to be kept, what uv took, and servers that are `far`.
    """
    explained = [slow.explained() for slow in before]
    found = [one for each in explained for one in each["what_if"] if one["change"] == change]
    assert found, f"{what}: nothing was predicted of {change}"
    is_kept = all(one["keeps"] for one in found)
    kept: tuple[Kind, ...] = (("resolve", "fetch") if far else ("resolve",)) if is_kept else ()
    start = median(_start(slow, kept) for slow in before)
    happened = [slow.attribution.end - slow.attribution.begin - _start(slow, kept) + start for slow in after]
    return Compared(
        what,
        change,
        median(each["wall"] for each in explained),
        median(one["predicted"] for one in found),
        sum(one["uncertain"] for one in found) > len(found) / 2,
        median(happened),
        min(happened),
        max(happened),
        median(one["within"] for one in found),
    )


def _start(slow: Slow, kept: Sequence[Kind]) -> float:
    """The seconds until the session began, and of all pieces of these kinds."""
    found = slow.attribution
    return found.seconds(*kept) - found.begin


SETS: Mapping[str, Callable[[Lab, float], list[Path]]] = {
    "6 large wheels": lambda lab, share: [lab.wheel(f"large-{number}", int(1500 * share), 400) for number in range(6)],
    "60 small wheels": lambda lab, share: [
        lab.wheel(f"small-{number}", int(20 * share) + 1, 400) for number in range(60)
    ],
    "1 giant, 8 small wheels": lambda lab, share: [
        lab.wheel("giant", int(6000 * share), 400),
        *(lab.wheel(f"little-{number}", 4) for number in range(8)),
    ],
    "4 wheels of large files": lambda lab, share: [
        lab.wheel(f"heavy-{number}", 8, int(6_000_000 * share)) for number in range(4)
    ],
    "16 wheels that are compressed": lambda lab, share: [
        lab.wheel(f"packed-{number}", int(120 * share), 12_000, packed=True) for number in range(16)
    ],
}
"""Wheels by what they are called, if all of their files or bytes are made, or a share of them."""


def timed(lab: Lab, *arguments: object, **options: bool) -> Slow:
    """An install into a new environment, when the disk has written what is left of the ones before."""
    top = lab.venv()
    os.sync()
    return lab.slow(lab.run(top, *arguments, **options), 0.0)


def other_jobs(lab: Lab, name: str, rounds: int, share: float = 1.0) -> list[Compared]:
    """Other `--jobs`, and a warm cache, for the wheels of that set."""
    wheels = SETS[name](lab, share)
    cold: dict[int, list[Slow]] = {1: [], 2: [], 4: []}
    warm: list[Slow] = []
    for number in range(rounds):
        for jobs, done in cold.items():
            options = ("--jobs", jobs, "--cache-dir", lab.place / f"cache-{name}-{number}-{jobs}")
            done.append(timed(lab, *options, *wheels))
            if jobs == 1:
                warm.append(timed(lab, *options, *wheels))
    return [
        *(compared(name, f"jobs {jobs}", cold[1], cold[jobs]) for jobs in (2, 4)),
        compared(f"{name}, --jobs 2", "jobs 4", cold[2], cold[4]),
        compared(name, "everything cached", cold[1], warm),
    ]


def fetched(lab: Lab, rounds: int, share: float = 1.0) -> list[Compared]:
    """Other `--jobs`, and a warm cache, for wheels of a lock file that come from a near index."""
    name = "an index, 16 wheels"
    found: dict[int, list[Slow]] = {1: [], 2: [], 4: []}
    warm: list[Slow] = []
    with WebServer() as web:
        wheels = [lab.wheel(f"fetched-{number}", int(60 * share), 12_000, packed=True) for number in range(16)]
        lock = lab.pylock({wheel: add_wheel(web, wheel) for wheel in wheels})
        for number in range(rounds):
            for jobs, done in found.items():
                cache = lab.place / f"cache-index-{number}-{jobs}"
                options = ("--jobs", jobs, "--cache-dir", cache, "--pylock", lock)
                done.append(timed(lab, *options, online=True))
                if jobs == 2:
                    warm.append(timed(lab, *options, online=True))
    return [
        compared(name, "jobs 4", found[2], found[4]),
        compared(f"{name}, --jobs 1", "jobs 2", found[1], found[2]),
        compared(name, "everything cached", found[2], warm),
    ]


def from_an_index(lab: Lab, rounds: int, *names: str) -> list[Compared]:
    """Other `--jobs`, and a warm cache, for names of the index that is configured; uv's cache is as warm as ours."""
    configured = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_", "SSL_"))}
    what = f"{' and '.join(names)}, from the index"
    cold: dict[int, list[Slow]] = {2: [], 4: []}
    warm: list[Slow] = []
    own = lab.environ
    for number in range(rounds):
        for jobs, done in cold.items():
            lab.environ = {**own, **configured, "UV_NO_CONFIG": "0", "UV_CACHE_DIR": f"{lab.place}/uv{number}-{jobs}"}
            options = ("--jobs", jobs, "--cache-dir", lab.place / f"cache-names-{number}-{jobs}", *names)
            done.append(timed(lab, *options, online=True))
            if jobs == 2:
                warm.append(timed(lab, *options, online=True))
    lab.environ = own
    return [compared(what, "jobs 4", cold[2], cold[4], True), compared(what, "everything cached", cold[2], warm, True)]


def locked(lab: Lab, rounds: int) -> Iterator[Compared]:
    """Without the lock of another program, and without the session that commits into the same directory."""
    for what, make, alone in (
        ("a foreign holder of .lock", slow_installs.foreign_lock, ("two",)),
        ("another session in one directory", slow_installs.two_sessions, ()),
    ):
        slow = [make(lab) for _ in range(rounds)]
        free = [_alone(lab, alone) for _ in range(rounds)]
        yield compared(what, "no lock held by others", slow, free)


def _alone(lab: Lab, names: Sequence[str]) -> Slow:
    """The same install when nobody holds a lock: of these names, or of a wheel into a directory that others share."""
    if names:
        return timed(lab, *map(lab.wheel, names))
    top, wheel = lab.venv(), lab.wheel("third", 10, below="shared")
    lab.run(top, lab.wheel("base", 10, below="shared"))
    os.sync()
    return lab.slow(lab.run(top, wheel), 0.0)
