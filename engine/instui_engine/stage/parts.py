"""Jobs cut into parts of about the same cost, so that no process is alone with a large wheel at the end."""

from collections.abc import Iterator
from itertools import accumulate

from instui_engine.values import NamedTuple

from .linking import Directories, Job, Tree

_MKDIR, _LINK = 23, 12  # microseconds, the latter with the check of the seal
_COST = 3000  # microseconds of a part
_FILES = _COST // _LINK


class Part(NamedTuple):
    """A job with the number of its files and about how many microseconds it takes."""

    job: Job
    files: int
    cost: int


def _part(job: Job) -> Part:
    _, trees, singles, _ = job
    directories = sum(len(tree[2]) for tree in trees)
    files = len(singles) + sum(len(names) for tree in trees for _, names in tree[2])
    return Part(job, files, _MKDIR * directories + _LINK * files)


def split(job: Job) -> list[Part]:
    """Jobs that make the same as `job` together, in any order and at the same time."""
    whole = _part(job)
    if whole.cost < 2 * _COST:
        return [whole]
    bases, trees, files, sealed = job
    groups: list[list[Tree]] = []
    room = 0
    for run, price in (found for tree in trees for found in _runs(tree)):
        if price > room:
            groups.append([])
            room = _COST
        groups[-1].append(run)
        room -= price
    jobs: list[Job] = [(tuple(sorted({*bases, *_paths(group)})), tuple(group), (), sealed) for group in groups]
    jobs += [(bases, (), files[place : place + _FILES], sealed) for place in range(0, len(files), _FILES)]
    return [_part(job) for job in jobs]


def _runs(tree: Tree) -> Iterator[tuple[Tree, int]]:
    """`tree` in pieces, with their costs of at most about `_COST`. What several of them need are their bases."""
    source, target, directories, _ = tree
    runs: list[list[tuple[str, tuple[str, ...]]]] = []
    prices: list[int] = []
    room = 0
    for directory, names in _pieces(directories):
        price = _MKDIR + _LINK * len(names)
        if price > room:
            runs.append([])
            room = _COST
            prices.append(0)
        runs[-1].append((directory, names))
        prices[-1] += price
        room -= price
    # parents come first, so what a run needs of others is above its first directory, or is that one
    common = {above for run in runs[1:] for above in _line(run[0][0])}
    for run, price in zip(runs, prices, strict=True):
        needed = common.intersection(_line(run[0][0])).union(directory for directory, _ in run if directory in common)
        yield (source, target, tuple(run), tuple(sorted(needed))), price


def _pieces(directories: Directories) -> Iterator[tuple[str, tuple[str, ...]]]:
    for directory, names in directories:
        if len(names) <= _FILES:
            yield directory, names
        else:
            yield from ((directory, names[place : place + _FILES]) for place in range(0, len(names), _FILES))


def _line(directory: str) -> set[str]:
    """`directory` and everything above it in its tree."""
    return {"", *accumulate(directory.split("/"), "{}/{}".format)}


def _paths(trees: list[Tree]) -> Iterator[str]:
    for _, target, _, bases in trees:
        yield from (f"{target}/{directory}" if directory else target for directory in bases)
