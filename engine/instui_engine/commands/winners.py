"""The winners of a list: at each path, the file of the last line that ships it.

A chunk commits its wheels in the order of the list, so a run that nobody disturbs has the right winners by itself. A
wheel that is installed later than its place says, because it failed before or because the run was killed, overwrites
files of lines behind it. These lines are installed again after it, in their order; then the tree is that of one run.
Until then the backups tell what is still to be done, so a run that is killed in between is mended by the next one.
"""

from collections.abc import Iterable, Mapping

from instui_engine.commit.backups import Backups
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed, recorded_hashes
from instui_engine.values import NamedTuple


class _Claimant(NamedTuple):
    """A line whose wheel lists a path, and the hash that its RECORD gives the file."""

    position: int
    name: str
    value: str


def wrongly_overwritten(environment: Environment, installed: Installed, positions: Mapping[str, int]) -> list[str]:
    """The names, among `positions`, whose wheels have to be installed again to be the winners, in that order.

    Only where content that differs has met, there is a backup. So nothing is read where there are none, and otherwise
    each RECORD once.
    """
    backups = Backups(environment, lambda: True)
    if not backups.any():
        return []
    met: dict[str, list[_Claimant]] = {}
    for name in sorted(positions, key=positions.__getitem__):
        for path, value in recorded_hashes(environment, installed[name].info).items() if name in installed else ():
            if backups.has(path):
                met.setdefault(path, []).append(_Claimant(positions[name], name, value))
    wrong: set[str] = set()
    with DirfdTree(environment.top, False, environment.volumes.links) as tree:
        for path, claimants in met.items():
            lost = {one.name for one in claimants if backups.of(path, installed[one.name].owner)}
            on_top = [one for one in claimants if one.name not in lost and _holds(tree, path, one.value)]
            if on_top:
                wrong.update(one.name for one in claimants if one.position > on_top[-1].position and one.name in lost)
    return sorted(_with_followers(wrong, met.values()), key=positions.__getitem__)


def _with_followers(names: Iterable[str], met: Iterable[list[_Claimant]]) -> set[str]:
    """`names`, and all whose files these would overwrite though they come later."""
    behind: dict[str, list[list[_Claimant]]] = {}
    for claimants in met:
        for place, claimant in enumerate(claimants):
            behind.setdefault(claimant.name, []).append(claimants[place:])
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            for mine, *others in behind[name]:
                left += [one.name for one in others if one.value != mine.value]
    return found


def _holds(tree: DirfdTree, path: str, value: str) -> bool:
    algorithm, _, digest = value.partition("=")
    try:
        return bool(digest) and tree.digest(path, algorithm).rstrip("=") == digest.rstrip("=")
    except (OSError, ValueError):  # it is gone, or no such algorithm
        return False
