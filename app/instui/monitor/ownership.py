"""Who owns each contested file: one that more than one distribution ships, and only one can have.

All is taken from a snapshot, so it is right at any moment of a session, and of a recording. The journal names a file
that only one distribution ships nowhere: such a file is not shown. It names the owner of a file when the commit of a
wheel is complete, so the files of a wheel change their owner together, when it is about to release its claims. Who has
owned a file before the session began is known for conflicts with what is installed, and else from the first overwrite.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import merge
from itertools import chain
from string import ascii_letters, ascii_uppercase

from instui_engine.fs.paths import TOP
from instui_engine.values import NamedTuple

from .model import Phase, ReplacedFile, RestoredFile, Snapshot

ABSENT = -1  # nobody is known to have written the file yet
SHARED = -2  # its content is equal in several distributions, so all of them have it
_LETTERS = ascii_uppercase + ascii_letters[:26]


Rivals = dict[str, dict[str, None]]
"""The owners of each path, as keys: those of the plan in its order, then those of events. One may have thousands."""


class Ownership(NamedTuple):
    """The owners of the contested files of a directory at one moment.

    `cells` has for each file the index of its owner, ABSENT or SHARED. `whole` are the indices of the owners that have
    each of the files that they ship here.
    """

    directory: str
    files: tuple[str, ...]  # relative to the directory
    owners: tuple[str, ...]  # "name version", "" for nobody
    cells: tuple[int, ...]
    whole: tuple[int, ...]

    def count(self, cell: int) -> int:
        """The number of files with that in their cell."""
        return self.cells.count(cell)


def letter(owner: int) -> str:
    """The letter of the owner of that index; those after the 52nd share one."""
    return _LETTERS[owner] if owner < len(_LETTERS) else "?"


def ownerships(snapshot: Snapshot) -> tuple[Ownership, ...]:
    """Who owns what in each directory with contested files, those with the most files first."""
    rivals: Rivals = {}
    present: dict[str, tuple[str, ...]] = {}  # its owners now, as far as events have told
    for path, first, last in snapshot.conflicts:
        _add(rivals, path, first, last)
    for event in _events(snapshot):
        path = event.path
        if isinstance(event, RestoredFile):
            _add(rivals, path, event.wheel, event.owner)
            present[path] = (event.owner,)
        else:
            _add(rivals, path, event.old, event.new)
            present[path] = (*present.get(path, (event.old,)), event.new) if event.same else (event.new,)
    written = {owner: _has_written(snapshot, owner) for known in rivals.values() for owner in known}
    directories: defaultdict[str, list[str]] = defaultdict(list)
    tops, of_parent = roots(snapshot), {}
    for path, known in sorted(rivals.items()):
        if path not in present:
            present[path] = tuple([owner for owner in known if written[owner]][-1:])
        parent = path.rpartition("/")[0]
        if parent not in of_parent:
            of_parent[parent] = directory_of(path, tops)
        directories[of_parent[parent]].append(path)
    found = [_ownership(snapshot, directory, paths, rivals, present) for directory, paths in directories.items()]
    return tuple(sorted(found, key=lambda one: (-len(one.files), one.directory)))


def _ownership(
    snapshot: Snapshot,
    directory: str,
    paths: Sequence[str],
    rivals: Rivals,
    present: Mapping[str, tuple[str, ...]],
) -> Ownership:
    owners = _in_order(snapshot, (rivals[path] for path in paths))
    index = {owner: number for number, owner in enumerate(owners)}
    lacking = {owner for path in paths for owner in rivals[path] if owner not in present[path]}
    return Ownership(
        directory,
        tuple(path.removeprefix(f"{directory}/") for path in paths),
        owners,
        tuple(_cell(present[path], index) for path in paths),
        tuple(index[owner] for owner in owners if owner not in lacking),
    )


def directory_of(path: str, tops: Iterable[str]) -> str:
    """The directory to which a contested file belongs: that in one of `roots`, or the root."""
    parts = path.split("/")
    for root in tops:
        depth = len(root.split("/")) if root else 0
        if len(parts) > depth and "/".join(parts[:depth]) == root:
            return "/".join(parts[: depth + 1]) if len(parts) > depth + 1 else root or TOP
    return "/".join(parts[:-1]) or TOP


def roots(snapshot: Snapshot) -> list[str]:
    """The directories to which wheels install, the deepest first."""
    found = set(snapshot.session.roots.values()) if snapshot.session else set()
    return sorted(("" if root == TOP else root for root in found), key=lambda root: -len(root))


def _events(snapshot: Snapshot) -> Iterable[ReplacedFile | RestoredFile]:
    """What changed an owner, in the order of time."""
    if not snapshot.restored:
        return snapshot.overwrites
    return merge(snapshot.overwrites, snapshot.restored, key=lambda event: event.t)


def _add(rivals: Rivals, path: str, *owners: str) -> None:
    rivals.setdefault(path, {}).update(dict.fromkeys(owners))


def _has_written(snapshot: Snapshot, owner: str) -> bool:
    """Whether the files of `owner` are there: it was installed before, or its commit is complete."""
    wheel = snapshot.wheel(owner.partition(" ")[0])
    return wheel is None or wheel.label != owner or wheel.phase is Phase.DONE


def _in_order(snapshot: Snapshot, rivals: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """The owners: those that were there before, then the session's wheels in the order of their plan."""
    found = dict.fromkeys(chain.from_iterable(rivals))

    def place(owner: str) -> int:
        wheel = snapshot.wheel(owner.partition(" ")[0])
        return wheel.order if wheel is not None and wheel.label == owner else -1

    return tuple(sorted(found, key=place))


def _cell(owners: tuple[str, ...], index: Mapping[str, int]) -> int:
    if len(owners) == 1:
        return index[owners[0]]
    return ABSENT if not owners else SHARED if len(set(owners)) > 1 else index[owners[0]]
