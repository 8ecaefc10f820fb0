"""Jobs cut into parts of about the same cost, so that no process is alone with a large wheel at the end."""

from collections.abc import Iterator
from itertools import accumulate

from .linking import Directories, Job, Tree

_MKDIR, _LINK = 23, 12  # microseconds, the latter with the check of the seal
_PART = 3000  # microseconds
_FILES = _PART // _LINK


def cost(job: Job) -> int:
    """About how many microseconds `job` takes."""
    _, trees, files, _ = job
    return _LINK * len(files) + sum(_cost(directories) for _, _, directories, _ in trees)


def files_in(job: Job) -> int:
    """The number of files that `job` makes."""
    _, trees, files, _ = job
    return len(files) + sum(len(names) for _, _, directories, _ in trees for _, names in directories)


def _cost(directories: Directories) -> int:
    return sum(_MKDIR + _LINK * len(names) for _, names in directories)


def split(job: Job) -> list[Job]:
    """Jobs that make the same together, in any order and at the same time."""
    if cost(job) < 2 * _PART:
        return [job]
    bases, trees, files, sealed = job
    groups: list[list[Tree]] = []
    room = 0
    for run in (run for tree in trees for run in _runs(tree)):
        price = _cost(run[2])
        if price > room:
            groups.append([])
            room = _PART
        groups[-1].append(run)
        room -= price
    parts = [(tuple(sorted({*bases, *_paths(group)})), tuple(group), (), sealed) for group in groups]
    return parts + [(bases, (), files[place : place + _FILES], sealed) for place in range(0, len(files), _FILES)]


def _runs(tree: Tree) -> Iterator[Tree]:
    """`tree` in pieces of at most about `_PART`. Those directories that several of them need are their bases."""
    source, target, directories, _ = tree
    runs: list[list[tuple[str, tuple[str, ...]]]] = []
    room = 0
    for directory, names in directories:
        for place in range(0, len(names) or 1, _FILES):
            some = names[place : place + _FILES]
            price = _cost(((directory, some),))
            if price > room:
                runs.append([])
                room = _PART
            runs[-1].append((directory, some))
            room -= price
    # parents come first, so what a run needs of others is above its first directory, or is that one
    common = {above for run in runs[1:] for above in _line(run[0][0])}
    for run in runs:
        needed = common.intersection([*_line(run[0][0]), *(directory for directory, _ in run)])
        yield source, target, tuple(run), tuple(sorted(needed))


def _line(directory: str) -> set[str]:
    """`directory` and everything above it in its tree."""
    return {"", *accumulate(directory.split("/"), "{}/{}".format)}


def _paths(trees: list[Tree]) -> Iterator[str]:
    for _, target, _, bases in trees:
        yield from (f"{target}/{directory}" if directory else target for directory in bases)
