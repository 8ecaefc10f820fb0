"""Overlaps of wheels, found before the first write: collisions of claims, conflicts of content, clashes of kind.

A *collision* is a path that several wheels claim: they will take turns. A *conflict* is a file that two distributions
ship with different content: the later one in plan order wins, and that is reported. A *clash* is a file where another
distribution has a directory: no order satisfies both, so it is an error.
"""

import os
import stat
from collections.abc import Iterable, Mapping, Sequence

from instui_engine.errors import ClashError, printable
from instui_engine.fs.files import same_file
from instui_engine.fs.paths import above, is_within, parent_of
from instui_engine.target.bytecode import is_generated
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed
from instui_engine.values import NamedTuple
from instui_engine.wheel.manifest import Manifest
from instui_engine.wheel.record import parse

from .items import StagedItem
from .plan import Plan, RemovalPlan, WheelPlan


class Collision(NamedTuple):
    """`wheels` (names, in plan order) claim `path`, at least one of them exclusively."""

    path: str
    wheels: tuple[str, ...]


class Conflict(NamedTuple):
    """`last` will replace `first`'s file at `path` by other content. Owners are "name version" or ""."""

    path: str
    first: str
    last: str


class Overlaps(NamedTuple):
    """All overlaps of a session's wheels with each other and with what is installed.

    `replaced_owners[order][path]` is the owner of the file that the wheel of that order will replace there, equal or
    not.
    """

    collisions: tuple[Collision, ...]
    conflicts: tuple[Conflict, ...]
    replaced_owners: Mapping[int, Mapping[str, str]]


def find(environment: Environment, installed: Installed, plans: Sequence[Plan]) -> Overlaps:
    """Compare `plans` with each other and with the environment. Raises ClashError, naming both owners.

    Removals come before all wheels.
    """
    search = _Search(environment, installed)
    key = environment.key
    search.gone = {key(path): plan.order for plan in plans for path in (*plan.stale, *(one.path for one in plan.whole))}
    search.leaving = frozenset(plan.name for plan in plans if isinstance(plan, RemovalPlan))
    collisions = _collisions(plans)
    nested = ""
    for collision, members in collisions:
        if not nested or not collision.path.startswith(f"{nested}/"):
            nested = collision.path
            search.compare(collision.path, members)
    for plan in plans:
        if isinstance(plan, WheelPlan):
            search.look(plan)
    return Overlaps(
        tuple(collision for collision, _ in collisions if not collision.path.startswith("@")),
        tuple(sorted(search.conflicts, key=lambda conflict: (conflict.path, conflict.first))),
        search.replaced_owners,
    )


def _collisions(plans: Sequence[Plan]) -> list[tuple[Collision, list[Plan]]]:
    """Paths with several claimants, at least one of them exclusive; a directory comes before what is below it."""
    claimants: dict[str, list[Plan]] = {}
    for plan in plans:
        for path in plan.claims.exclusive:
            claimants.setdefault(path, []).append(plan)
    for plan in plans:
        for path in plan.claims.shared:
            if path in claimants:
                claimants[path].append(plan)
    found = []
    for path in sorted((path for path, members in claimants.items() if len(members) > 1), key=_by_component):
        members = sorted(claimants[path], key=lambda plan: plan.order)
        found.append((Collision(path, tuple(plan.name for plan in members)), members))
    return found


def _by_component(path: str) -> str:
    return path.replace("/", "\0")


class _Search:
    def __init__(self, environment: Environment, installed: Installed) -> None:
        self._environment = environment
        self._installed = installed
        self._digests: dict[int, Mapping[str, str]] = {}
        self.conflicts: list[Conflict] = []
        self.gone: Mapping[str, int] = {}  # key of a path -> order of the plan whose old version gives up what is there
        self.leaving: frozenset[str] = frozenset()  # names of those that are removed before all wheels
        self.replaced_owners: dict[int, dict[str, str]] = {}

    def compare(self, top: str, members: Iterable[Plan]) -> None:
        """Compare, file by file, what several wheels put at or below `top`."""
        key = self._environment.key
        files: dict[str, tuple[WheelPlan, StagedItem, str]] = {}
        directories: dict[str, WheelPlan] = {}
        for plan in members:
            if isinstance(plan, RemovalPlan):
                continue
            for item in plan.items:
                place = key(item.path)
                if place != top and not place.startswith(f"{top}/"):
                    continue
                for directory in map(key, _directories(item, top.count("/"))):
                    if directory in files and files[directory][0] is not plan:
                        raise _clash(directory, files[directory][0].owner, plan.owner)
                    directories.setdefault(directory, plan)
                for path, source in item.files():
                    if plan.entry.compiled and is_generated(path):
                        continue
                    if key(path) in directories:
                        raise _clash(path, plan.owner, directories[key(path)].owner)
                    before = files.get(key(path))
                    if before is not None and before[0] is not plan:
                        self._met(plan, path, before[0].owner, self._key(*before) == self._key(plan, item, source))
                    files[key(path)] = (plan, item, source)

    def look(self, plan: WheelPlan) -> None:
        """Compare one wheel with what is in the environment."""
        for item in plan.items:
            self._check_parents(plan, item.path)
            mode = _mode(self._full(item.path))
            if mode is None:
                continue
            if item.kind != "tree":
                self._look_at_file(plan, item, item.path, item.source, mode)
            elif not stat.S_ISDIR(mode):
                self._clash_with_installed(plan, item.path, item.path)
            elif not _is_taken(plan, item.path):  # else what it replaces is its own
                self._look_into(plan, item)

    def _look_into(self, plan: WheelPlan, item: StagedItem) -> None:
        key = self._environment.key
        there = {""}
        for directory, names in item.directories:
            place = f"{item.path}/{directory}" if directory else item.path
            mode = _mode(self._full(place)) if parent_of(directory) in there else None
            if mode is None:
                continue
            if not stat.S_ISDIR(mode):
                self._clash_with_installed(plan, place, place)
                continue
            there.add(directory)
            below = f"{directory}/" if directory else ""
            present = set(map(key, os.listdir(self._full(place))))
            for name in names:
                if key(name) in present:
                    path = f"{place}/{name}"
                    self._look_at_file(plan, item, path, f"{item.source}/{below}{name}", _mode(self._full(path)))

    def _look_at_file(self, plan: WheelPlan, item: StagedItem, path: str, source: str, mode: int | None) -> None:
        if mode is None or path in self.replaced_owners.get(plan.order, {}):
            return  # an earlier wheel of this session will have replaced it by then
        if self._goes_before(plan, self._environment.key(path)):
            return  # or removed it
        if stat.S_ISDIR(mode):
            self._clash_with_installed(plan, path, f"{path}/")
            return
        if plan.entry.compiled and is_generated(path):
            return  # it goes with its module, about which something is said
        listed = self._installed.owners().get(self._environment.key(path), [])
        owners = [name for name in listed if name not in self.leaving] if self.leaving else listed
        others = [name for name in owners if name != plan.name]
        if owners and not others:
            return  # of our own old version
        owner = self._installed[others[-1]].owner if others else ""
        same = item.kind in ("tree", "file") and same_file(self._full(path), f"{plan.entry.files}/{source}")
        self._met(plan, path, owner, same)

    def _met(self, plan: WheelPlan, path: str, owner: str, same: bool) -> None:
        self.replaced_owners.setdefault(plan.order, {})[path] = owner
        if not same:
            self.conflicts.append(Conflict(path, owner, plan.owner))

    def _goes_before(self, plan: WheelPlan, path: str) -> bool:
        """Whether an earlier plan removes what is at `path`, a key."""
        return bool(self.gone) and any(self.gone.get(place, plan.order) < plan.order for place in (path, *above(path)))

    def _check_parents(self, plan: WheelPlan, path: str) -> None:
        for parent in above(path):
            if self._environment.key(parent) in self._environment.neutral:
                break
            mode = _mode(self._full(parent))
            if mode is not None and not stat.S_ISDIR(mode):
                self._clash_with_installed(plan, parent, parent)

    def _clash_with_installed(self, plan: WheelPlan, path: str, prefix: str) -> None:
        """Raise ClashError, unless only files of the wheel's own old version are there: those will be gone."""
        listed = list(_walk(self._full(path), path)) if prefix.endswith("/") else [path]
        owners = self._installed.owners()
        key = self._environment.key
        stale = set(map(key, plan.stale))
        left = [
            item
            for item in map(key, listed)
            if item not in stale and not _is_taken(plan, item) and not self._goes_before(plan, item)
        ]
        if listed and not left:
            return
        names = {name for item in left for name in owners.get(item, [""])}
        foreign = sorted(names - {plan.name}) or [plan.name]
        other = self._installed[foreign[-1]].owner if foreign[-1] in self._installed else "no distribution"
        raise _clash(path, *((plan.owner, other) if prefix.endswith("/") else (other, plan.owner)))

    def _full(self, path: str) -> str:
        return f"{self._environment.top}/{path}"

    def _key(self, plan: WheelPlan, item: StagedItem, source: str) -> object:
        """A key that is equal for files whose content will be equal."""
        if item.entry_point is not None:
            return item.entry_point[2:]
        if plan.order not in self._digests:
            self._digests[plan.order] = digests(plan.entry.manifest)
        return item.kind == "script", self._digests[plan.order].get(source, (plan.order, source))


def _is_taken(plan: WheelPlan, path: str) -> bool:
    """Whether `path` lies in a directory that the plan takes away as a whole."""
    return any(is_within(path, one.path) for one in plan.whole)


def digests(manifest: Manifest) -> dict[str, str]:
    """Path in the unpacked wheel -> "algorithm=digest", for every file."""
    rows = {**parse(manifest.record, manifest.name), **manifest.data_files()}
    return {path: f"{row.algorithm}={row.digest}" for path, row in rows.items()}


def _directories(item: StagedItem, depth: int) -> Iterable[str]:
    """The directories that the item needs, except those with fewer than `depth` directories above them."""
    parent = item.path if item.kind == "tree" else item.path.rpartition("/")[0]
    while parent and parent.count("/") >= depth:
        yield parent
        parent = parent.rpartition("/")[0]
    for directory, _ in item.directories:
        if directory:
            yield f"{item.path}/{directory}"


def _walk(full: str, path: str) -> Iterable[str]:
    stack = [(full, path)]
    while stack:
        here, shown = stack.pop()
        with os.scandir(here) as found:
            entries = list(found)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                stack.append((entry.path, f"{shown}/{entry.name}"))
            else:
                yield f"{shown}/{entry.name}"


def _mode(path: str) -> int | None:
    try:
        return os.lstat(path).st_mode
    except OSError:
        return None


def _clash(path: str, file_owner: str, directory_owner: str) -> ClashError:
    return ClashError(
        f"{printable(path)} is a file of {printable(file_owner)} and a directory of {printable(directory_owner)}; "
        "these two cannot be installed together",
        path=path,
        owners=(file_owner, directory_owner),
    )
