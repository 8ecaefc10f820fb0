"""How fast this machine works, as its last sessions have shown: the seconds that a file, a byte and so on take.

A session that is over leaves what it has `Measured`. The medians of the last ones are the `Rates` with which the next
one begins to estimate; the same install took from half to twice as long on one machine, so one session says little.
"""

from collections.abc import Iterable, Sequence
from math import log
from statistics import median

from instui_engine.values import NamedTuple

LAST = 20  # sessions that count
_KNOWN = 3  # of them that must have unpacked for their pace to be relied on
_UNSURE = 0.5  # the spread of a kind of work that fewer have shown

_LEAST_WORK, _LEAST_STAGED, _LEAST_REPLACED = 0.2, 0.15, 1000  # seconds, seconds and files that say anything


class Rates(NamedTuple):
    """Seconds: for a worker to unpack a `file` and a `byte`, for a processor to `link` a file or `copy` it and a byte.

    `plan`, `clean` and `replace` (in the commit) are for each file that is replaced. A worker takes longer by the
    share `crowd` for each other one, and by `fetch` for each byte that is fetched in a second meanwhile. `known`: the
    sessions before have shown all this; half of them took longer or shorter to unpack by a share of `spread` or more;
    so they did to link, to copy, and for what is replaced, each by its own share.
    """

    file: float = 150e-6
    byte: float = 6e-9
    link: float = 40e-6
    copy: float = 180e-6
    copy_byte: float = 6e-9
    plan: float = 60e-6
    clean: float = 90e-6
    replace: float = 15e-6
    crowd: float = 0.0
    fetch: float = 0.0
    spread: float = 0.0
    link_spread: float = 0.0
    copy_spread: float = 0.0
    replace_spread: float = 0.0
    known: bool = False


USUAL = Rates()
"""What is taken for usual as long as nothing is known of the machine."""

COMPARED = USUAL._replace(file=110e-6, crowd=0.5, fetch=1.6e-8)
"""What sessions are compared with. In this mixture the pace of one install says most about that of another one."""


class Measured(NamedTuple):
    """How many times as long as `COMPARED` each kind of work took in a session; 0.0: not done, or not for long."""

    unpack: float = 0.0
    link: float = 0.0
    copy: float = 0.0
    plan: float = 0.0
    clean: float = 0.0
    replace: float = 0.0


class Took(NamedTuple):
    """What was `unpacked` and `staged`, in seconds of `COMPARED`, and the seconds of a worker that it took.

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
        each(took.plan, COMPARED.plan),
        each(took.clean, COMPARED.clean),
        each(took.commit, COMPARED.replace),
    )


def _spread(values: Iterable[float]) -> float:
    """By which share half of these are longer or shorter than usual, or more."""
    shown = [one for one in values if one > 0]
    if len(shown) < _KNOWN:
        return _UNSURE
    usual = median(shown)
    return median(abs(log(one / usual)) for one in shown)


def rates(history: Sequence[Measured]) -> Rates:
    """What the sessions of a history say together; what is usual, as long as they are too few."""
    last = history[-LAST:]
    unpacks = [one.unpack for one in last if one.unpack > 0]
    if len(unpacks) < _KNOWN:
        return USUAL
    unpack = median(unpacks)

    def times(values: Iterable[float]) -> float:
        shown = [one for one in values if one > 0]
        return median(shown) if shown else unpack  # as far as is known, all is as slow

    copy = times(one.copy for one in last)
    return COMPARED._replace(
        file=COMPARED.file * unpack,
        byte=COMPARED.byte * unpack,
        link=COMPARED.link * times(one.link for one in last),
        copy=COMPARED.copy * copy,
        copy_byte=COMPARED.copy_byte * copy,
        plan=COMPARED.plan * times(one.plan for one in last),
        clean=COMPARED.clean * times(one.clean for one in last),
        replace=COMPARED.replace * times(one.replace for one in last),
        spread=_spread(unpacks),
        link_spread=_spread(one.link for one in last),
        copy_spread=_spread(one.copy for one in last),
        replace_spread=max(
            _spread(each) for each in zip(*((one.plan, one.clean, one.replace) for one in last), strict=True)
        ),
        known=True,
    )
