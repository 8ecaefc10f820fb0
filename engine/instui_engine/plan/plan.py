"""What an install will do, computed before anything is written: destinations, claims, stale files.

`make` is a pure function of the manifests and of what the environment shows (lookups only). A wheel becomes a list of
*units*: each is one staged entry, one exclusive claim and, where nothing stands in the way, one rename.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from instui_engine.errors import BadWheelError, TargetError, printable
from instui_engine.fs.casefold import fold
from instui_engine.journal.events import PlanWheel
from instui_engine.locks.claims import Claims, ancestors, derive
from instui_engine.resolve.request import LockedWheel
from instui_engine.store.store import Entry
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Distribution, Installed
from instui_engine.wheel.manifest import Directories, Manifest, directories
from instui_engine.wheel.metadata import EntryPoint

from .removal import RemovalPlan, check_link, emptied_by, is_vital, removal_of

_ORDER = {"purelib": 0, "platlib": 0, "data": 1, "headers": 2, "scripts": 3}


class Unit(NamedTuple):
    """One staged entry. `path` is its destination below the top, `source` where it lies in the unpacked wheel.

    Kinds: "tree" (a directory with `directories`), "file", "script" (a file whose `#!python` line is rewritten),
    "launcher" (generated from `entry_point`).
    """

    kind: Literal["tree", "file", "script", "launcher"]
    path: str
    source: str
    directories: Directories = ()
    entry_point: EntryPoint | None = None

    def files(self) -> Iterator[tuple[str, str]]:
        """Destination and source of every file."""
        if self.kind != "tree":
            yield self.path, self.source
            return
        for directory, names in self.directories:
            below = f"{directory}/" if directory else ""
            for name in names:
                yield f"{self.path}/{below}{name}", f"{self.source}/{below}{name}"


@dataclass(frozen=True, slots=True)
class WheelPlan:
    """What one wheel will do. `order` is its place in the plan order.

    `units` stand in the order of the commit; the `.dist-info` directory, which comes after them, is not among them.
    `replaces` is the installed version, `accidents` are the `.dist-info` directories of further ones that somebody's
    accident left; `stale` are their files that the new one does not have, `emptied` the directories below our claims
    that may be removed once they are empty. `left` are further files that the new one does not have; they stay, since
    others own them: installed ones (the names in `heirs`), or earlier wheels of this session.
    """

    order: int
    wheel: LockedWheel
    entry: Entry
    units: tuple[Unit, ...]
    info: str
    claims: Claims
    replaces: Distribution | None
    accidents: tuple[str, ...]
    stale: tuple[str, ...]
    emptied: tuple[str, ...]
    left: frozenset[str] = frozenset()
    heirs: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The wheel's key in the journal."""
        return self.entry.manifest.name

    @property
    def version(self) -> str:
        """The wheel's version."""
        return self.entry.manifest.version

    @property
    def owner(self) -> str:
        """How the journal names the wheel as the owner of a file."""
        return f"{self.entry.manifest.name} {self.entry.manifest.version}"

    def event(self) -> PlanWheel:
        """The plan for the journal, in which a directory among the exclusive claims ends in "/"."""
        files = {unit.path for unit in self.units if unit.kind != "tree"}.union(self.stale)
        files.update(map(fold, files.difference(self.claims.exclusive)))  # claims may be folded
        exclusive = [path if path in files or path.startswith("@") else f"{path}/" for path in self.claims.exclusive]
        shared = list(self.claims.shared)
        replaced = self.replaces.version if self.replaces else ""
        files_in_all, renames = self.entry.manifest.files, len(self.units) + 1
        return PlanWheel(self.name, self.order, files_in_all, renames, exclusive, shared, replaced)


Plan = WheelPlan | RemovalPlan
"""What is done to one distribution."""


def make_wheel(
    environment: Environment,
    installed: Installed,
    wheel: LockedWheel,
    entry: Entry,
    order: int,
    others: Collection[str] = (),
    before: Collection[str] = (),
    removed: Collection[str] = (),
) -> WheelPlan:
    """The plan of one wheel. `others`: paths that earlier wheels of the session will own; they are not stale.

    `before`: names of distributions whose installed version will be gone by then, so that it owns nothing any more;
    `removed`: the paths that will be gone with them.

    Raises BadWheelError when the wheel would write where no wheel may, TargetError when a directory that it needs is a
    link that leaves the environment or the version that it replaces cannot be removed.
    """
    manifest = entry.manifest
    units = _units(environment, manifest)
    root = environment.roots[manifest.root]
    info = f"{root}/{manifest.dist_info}" if root else manifest.dist_info
    check_link(environment, installed, manifest.name)
    old = installed.get(manifest.name)
    paths = [unit.path for unit in units]
    accidents = installed.accidents(manifest.name)
    stale: list[str] = []
    left: set[str] = set()
    heirs: set[str] = set()
    for distribution in [old, *accidents] if old is not None else []:
        removal = removal_of(environment, installed, distribution, units, others, before)
        paths += [*removal.claimed, distribution.info]
        stale += removal.stale
        left |= removal.left
        heirs |= removal.heirs
    emptied = emptied_by(environment, stale, units, removed)
    paths += emptied
    claims = derive([environment.key(path) for path in (*paths, info)], manifest.name)
    return WheelPlan(
        order,
        wheel,
        entry,
        units,
        info,
        claims,
        replaces=old,
        accidents=tuple(distribution.info for distribution in accidents),
        stale=tuple(dict.fromkeys(stale)),
        emptied=emptied,
        left=frozenset(left),
        heirs=frozenset(heirs),
    )


def make(
    environment: Environment, installed: Installed, ready: Sequence[tuple[LockedWheel, Entry]]
) -> tuple[WheelPlan, ...]:
    """The plans of all wheels of a session, `ready` standing in plan order."""
    plans = [make_wheel(environment, installed, wheel, entry, order) for order, (wheel, entry) in enumerate(ready)]
    replacing = [plan for plan in plans if plan.replaces is not None]
    if replacing:
        # a file that one wheel's old version leaves behind may be what an earlier wheel of this session installs; it is
        # not left to a later one, as it would be nobody's until then
        owned: set[str] = set()
        before: set[str] = set()
        removed: set[str] = set()
        for old in plans:
            if old.replaces is not None:
                plan = make_wheel(environment, installed, old.wheel, old.entry, old.order, owned, before, removed)
                plans[plan.order] = plan
                before.add(plan.name)
                removed.update(plan.stale, plan.emptied)
            owned.update(path for unit in old.units for path, _ in unit.files())
    return tuple(plans)


def _units(environment: Environment, manifest: Manifest) -> tuple[Unit, ...]:
    resolve = _Links(environment)
    shebangs = frozenset(manifest.shebangs)
    units: list[Unit] = []
    launchers = [
        Unit("launcher", _join(environment.roots["scripts"], point.name), "", (), point)
        for point in manifest.entry_points
    ]
    taken = {unit.path for unit in launchers}
    for tree in sorted(manifest.trees, key=lambda tree: _ORDER[tree.scheme]):
        root = environment.roots[tree.scheme]
        if tree.scheme == "headers":
            root = _join(root, manifest.name)
        for name in tree.singles:
            kind: Literal["file", "script"] = "script" if tree.scheme == "scripts" and name in shebangs else "file"
            unit = Unit(kind, resolve(_join(root, name)), _join(tree.base, name))
            if unit.path not in taken:  # a launcher replaces a script of its name, as in pip
                units.append(unit)
        for directory, below in tree.subtrees:
            tree_unit = Unit("tree", resolve(_join(root, directory), True), _join(tree.base, directory), below)
            units += _expand(environment, tree_unit)
    units += launchers
    _check_destinations(environment, manifest, units)
    # .pth files are executed at every start of Python: they come when all else is there
    return tuple(sorted(units, key=lambda unit: unit.kind == "file" and unit.path.endswith(".pth")))


def _expand(environment: Environment, unit: Unit) -> Iterator[Unit]:
    """The unit itself, or, where its directory is or contains a scheme root, what is in it one by one."""
    if environment.key(unit.path) not in environment.neutral:
        yield unit
        return
    groups: dict[str, list[str]] = {}
    for directory, names in unit.directories:
        first, _, rest = directory.partition("/")
        for name in names:
            if directory:
                groups.setdefault(first, []).append(_join(rest, name))
            else:
                yield Unit("file", _join(unit.path, name), _join(unit.source, name))
    for first, files in sorted(groups.items()):
        inner = Unit("tree", _join(unit.path, first), _join(unit.source, first), directories(files))
        yield from _expand(environment, inner)


def _check_destinations(environment: Environment, manifest: Manifest, units: Collection[Unit]) -> None:
    """Refuse what would replace a vital part of the environment, another distribution's metadata, or itself."""
    what = f"{printable(manifest.name)} {printable(manifest.version)}"
    key = environment.key
    listings = frozenset(map(key, environment.site_packages))
    trees: set[str] = set()
    files = {unit.path for unit in units if unit.kind != "tree"}
    nested = environment.folds  # then two names in one directory may be one, too
    for unit in units:
        parent, _, name = key(unit.path).rpartition("/")
        foreign = name.endswith((".dist-info", ".egg-info")) and parent in listings
        if foreign or is_vital(environment, unit.path):
            raise BadWheelError(f"{what} would replace {printable(unit.path)} of the environment; it is not installed")
        if (unit.kind == "tree" and unit.path in files) or not files.isdisjoint(ancestors(unit.path)):
            raise BadWheelError(f"{what} has a file where it needs a directory: {printable(unit.path)}")
        nested = nested or unit.path in trees or any(above in trees for above in ancestors(unit.path))
        trees.add(unit.path)
    if nested:
        seen: set[str] = set()
        for path in (path for unit in units for path, _ in unit.files()):
            if key(path) in seen:
                raise BadWheelError(f"{what} has two files for {printable(path)}; it is not installed")
            seen.add(key(path))


class _Links:
    """Resolves symbolic links in the parents of destinations, so that one file has one name in the tree of claims."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._known: dict[str, str] = {path: path for path in environment.neutral}

    def __call__(self, path: str, is_directory: bool = False) -> str:
        """`path` with its parents (and itself, if it is to be a directory) resolved."""
        if is_directory:
            return self._directory(path)
        parent, _, name = path.rpartition("/")
        return _join(self._directory(parent), name)

    def _directory(self, path: str) -> str:
        known = self._known.get(path)
        if known is not None:
            return known
        parent, _, name = path.rpartition("/")
        place = _join(self._directory(parent), name)
        full = f"{self._environment.top}/{place}"
        if os.path.islink(full):
            place = os.path.relpath(os.path.realpath(full), self._environment.top)
            if place.startswith("../") or place in (".", ".."):
                raise TargetError(
                    f"{printable(full)} is a symbolic link out of the environment; it is not followed: "
                    "replace it by a directory"
                )
        self._known[path] = place
        return place


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory and name else directory or name
