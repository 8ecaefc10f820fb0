"""How fast this machine works, as its last sessions have shown: the seconds that a file, a byte and so on take.

A session that is over leaves what it has `Measured`. The medians of the last ones are the `Rates` with which the next
one begins to estimate, as far as they agree: the same install took from half to eight times as long on one machine, as
others used it, too.
"""

from collections.abc import Iterable, Sequence
from math import log
from statistics import median

from instui_engine.values import NamedTuple

LAST = 20  # sessions that count
_KNOWN = 3  # of them that must have done a kind of work for its pace to be relied on
_WIDE = 0.1  # the spread at which they are believed half

_LEAST_WORK, _LEAST_STAGED, _LEAST_REPLACED = 0.2, 0.15, 1000  # seconds, seconds and files that say anything


class Rates(NamedTuple):
    """Seconds: for a worker to unpack a `file` and a `byte`, for a processor to `link` a file or `copy` it and a byte.

    `plan`, `clean` and `replace` (in the commit) are for each file that is replaced. A worker takes longer by the
    share `crowd` for each other one, and by `fetch` for each byte that is fetched in a second meanwhile.
    """

    file: float = 150e-6
    byte: float = 4.5e-9
    link: float = 40e-6
    copy: float = 180e-6
    copy_byte: float = 6e-9
    plan: float = 30e-6
    clean: float = 90e-6
    replace: float = 20e-6
    crowd: float = 0.3
    fetch: float = 1.6e-8


USUAL = Rates()
"""What is taken for usual as long as nothing is known of the machine, and what sessions are compared with.

In this mixture of files and bytes the pace of one install says most about that of another one.
"""


class Measured(NamedTuple):
    """How many times as long as `USUAL` each kind of work took in a session; 0.0: not done, or not for long."""

    unpack: float = 0.0
    link: float = 0.0
    copy: float = 0.0
    plan: float = 0.0
    clean: float = 0.0
    replace: float = 0.0


class Took(NamedTuple):
    """What was `unpacked` and `staged`, in seconds of `USUAL`, and the seconds of a worker that it took.

    The other parts of the session are in seconds, too; `replaced` counts files.
    """

    unpacked: float
    unpacking: float
    staged: float
    staging: float
    copies: bool
    replaced: float
    plan: float
    clean: float
    commit: float


def measured(took: Took) -> Measured:
    """What a session has shown."""
    stage = took.staging / took.staged if took.staging >= _LEAST_STAGED and took.staged > 0 else 0.0
    replaced = took.replaced if took.replaced >= _LEAST_REPLACED else 0.0

    def each(seconds: float, compared: float) -> float:
        return max(seconds, 0.0) / (replaced * compared) if replaced else 0.0

    return Measured(
        took.unpacking / took.unpacked if took.unpacking >= _LEAST_WORK and took.unpacked > 0 else 0.0,
        0.0 if took.copies else stage,
        stage if took.copies else 0.0,
        each(took.plan, USUAL.plan),
        each(took.clean, USUAL.clean),
        each(took.commit, USUAL.replace),
    )


def _shown(values: Iterable[float], otherwise: float = 1.0) -> float:
    """How many times as long as usual a kind of work took; `otherwise`: what is expected where too few have done it.

    Where they differ, they say less of the machine than of what else it did meanwhile, and what is usual counts more.
    """
    shown = [one for one in values if one > 0]
    if len(shown) < _KNOWN:
        return otherwise
    usual = median(shown)
    spread = median(abs(log(one / usual)) for one in shown)
    return float(usual ** (1 / (1 + (spread / _WIDE) ** 2)))


def rates(history: Sequence[Measured]) -> Rates:
    """What the sessions of a history say together; what is usual, as long as they are too few."""
    last = history[-LAST:]
    if sum(one.unpack > 0 for one in last) < _KNOWN:
        return USUAL
    unpack = _shown(one.unpack for one in last)
    # as far as is known, all is as slow as that
    link, copy, plan, clean, replace = (
        _shown(each, unpack)
        for each in (
            [one.link for one in last],
            [one.copy for one in last],
            [one.plan for one in last],
            [one.clean for one in last],
            [one.replace for one in last],
        )
    )
    return USUAL._replace(
        file=USUAL.file * unpack,
        byte=USUAL.byte * unpack,
        link=USUAL.link * link,
        copy=USUAL.copy * copy,
        copy_byte=USUAL.copy_byte * copy,
        plan=USUAL.plan * plan,
        clean=USUAL.clean * clean,
        replace=USUAL.replace * replace,
    )
