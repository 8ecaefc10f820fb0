"""The plan of an install, made before anything is written: destinations, claims, stale files.

`plan_wheels` depends on the manifests and on the environment, which it only reads. A wheel becomes *staged items*: each
is one entry of the stage, one exclusive claim and, if nothing is in the way, one rename.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

from instui_engine.errors import BadWheelError, TargetError, printable
from instui_engine.fs.paths import ancestors, join, parent_of
from instui_engine.locks.claims import derive
from instui_engine.resolve.request import LockedWheel
from instui_engine.store.entry import Entry
from instui_engine.target.bytecode import is_cache
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed
from instui_engine.wheel.entry_points import EntryPoint
from instui_engine.wheel.manifest import Manifest, directories

from .conflicts import digests
from .items import StagedItem
from .outlook import Outlook
from .plan import WheelPlan, own_names
from .removable import check_link
from .removal import NOTHING, check_mounts, emptied_by, is_vital, removal_of

_ORDER = {"purelib": 0, "platlib": 0, "data": 1, "headers": 2, "scripts": 3}


def plan_wheel(
    environment: Environment,
    installed: Installed,
    wheel: LockedWheel,
    entry: Entry,
    order: int,
    outlook: Outlook | None = None,
) -> WheelPlan:
    """The plan of one wheel. Without an `outlook` there are no plans before it, and no directory goes as a whole.

    Raises BadWheelError if the wheel would write where no wheel may. Raises TargetError if a directory that it needs is
    a link out of the environment, or if the version that it replaces cannot be removed.
    """
    outlook = outlook or Outlook(environment, by_file=True)
    manifest = entry.manifest
    items = _items(environment, manifest)
    root = environment.roots[manifest.root]
    info = join(root, manifest.dist_info)
    check_link(environment, installed, manifest.name)
    old = installed.get(manifest.name)
    removal = NOTHING if old is None else removal_of(environment, installed, old, items, outlook)
    emptied = emptied_by(environment, removal, items, outlook)
    stale = (*removal.stale, *emptied.generated)
    check_mounts(environment, (*stale, *(item.path for item in items if item.kind != "tree")), (info, *removal.infos))
    paths = (*(item.path for item in items), info, *removal.infos, *removal.claimed, *emptied.directories)
    return WheelPlan(
        order,
        wheel,
        entry,
        items,
        info,
        derive(map(environment.key, paths), manifest.name),
        _count(manifest, items) + len(own_names(wheel)) + 1,  # and RECORD
        replaces=old,
        duplicates=removal.infos[1:],
        stale=tuple(dict.fromkeys(stale)),
        emptied=emptied.directories,
        shared_files=removal.shared_files,
        old_files=removal.listed,
        warnings=removal.warnings,
        whole=removal.whole,
    )


def _count(manifest: Manifest, items: Iterable[StagedItem]) -> int:
    """The number of files that come from the wheel, and of launchers."""
    trees = (manifest.info, *(item.directories for item in items))
    below = sum(len(names) for directories in trees for _, names in directories)
    return below + sum(item.kind != "tree" for item in items)


def plan_wheels(
    environment: Environment,
    installed: Installed,
    ready: Sequence[tuple[LockedWheel, Entry]],
    failing: Callable[[str], AbstractContextManager[None]] = lambda name: nullcontext(),
    outlook: Outlook | None = None,
    first: int = 0,
    begin: Callable[[WheelPlan], None] = lambda plan: None,
) -> tuple[WheelPlan, ...]:
    """The plans of all wheels of a session; `ready` is in plan order. Each is made within `failing` of its name.

    The `outlook` has the plans before them, which are so many that the `first` wheel has that place. `begin` is called
    with each plan as soon as it is made: nothing in it changes any more.

    An earlier wheel may install what another wheel's old version gives up, so that the file stays. It is not left to a
    later wheel, as nobody would own it until then.
    """
    outlook = outlook or Outlook(environment)
    replaces = any(entry.manifest.name in installed for _, entry in ready)
    plans = []
    for order, (wheel, entry) in enumerate(ready, first):
        with failing(wheel.name):
            plans.append(plan := plan_wheel(environment, installed, wheel, entry, order, outlook))
        if replaces:
            outlook.add(plan)
        begin(plan)
    return tuple(plans)


def _items(environment: Environment, manifest: Manifest) -> tuple[StagedItem, ...]:
    resolve = _Links(environment)
    shebangs = frozenset(manifest.shebangs)
    items: list[StagedItem] = []
    points = _entry_points(environment, manifest)
    launchers = [
        StagedItem("launcher", join(environment.roots["scripts"], point.name), "", (), point) for point in points
    ]
    taken = {item.path for item in launchers}
    commands = {point.name for point in points}
    for tree in sorted(manifest.trees, key=lambda tree: _ORDER[tree.scheme]):
        root = environment.roots[tree.scheme]
        if tree.scheme == "headers":
            root = join(root, manifest.name)
        is_scripts = tree.scheme == "scripts"
        for name in tree.singles:
            item = StagedItem(_kind(is_scripts, name, shebangs), resolve(join(root, name)), join(tree.base, name))
            # a launcher replaces a script of the same name, as in pip and uv
            if item.path not in taken and not (is_scripts and _command(name) in commands):
                items.append(item)
        for directory, below in tree.subtrees:
            tree_item = StagedItem("tree", resolve(join(root, directory), True), join(tree.base, directory), below)
            if is_scripts and any(name.startswith(f"{directory}/") for name in shebangs):
                # only single files are rewritten
                for path, source in tree_item.files():
                    items.append(StagedItem(_kind(True, source.removeprefix(f"{tree.base}/"), shebangs), path, source))
            else:
                items += _expand(environment, tree_item)
    items += launchers
    if _check_destinations(environment, manifest, items):
        items = list(_distinct(environment, manifest, items))
    # .pth files are executed at every start of Python, so they come last
    return tuple(sorted(items, key=lambda item: item.kind == "file" and item.path.endswith(".pth")))


def _entry_points(environment: Environment, manifest: Manifest) -> tuple[EntryPoint, ...]:
    """The commands of a wheel. That of pip has `pip3.12` of the target's version, as in pip and uv.

    Some of its wheels name it after the builder's version, others have only `pip3`.
    """
    if manifest.name != "pip":
        return manifest.entry_points
    version = ".".join(environment.interpreter.version.split(".")[:2])
    points = [point for point in manifest.entry_points if not point.name.startswith("pip3.")]
    versioned = [point._replace(name=f"pip{version}") for point in points if point.name == "pip3"]
    return (*points, *versioned)


def _kind(is_scripts: bool, path: str, shebangs: Collection[str]) -> Literal["file", "script"]:
    return "script" if is_scripts and path in shebangs else "file"


def _command(script: str) -> str:
    """The command that `script` starts; setuptools once put such files beside the launcher of an entry point."""
    suffix = next((suffix for suffix in (".exe", "-script.py", ".pya") if script.endswith(suffix)), "")
    return script.removesuffix(suffix)


def _expand(environment: Environment, item: StagedItem) -> Iterator[StagedItem]:
    """The item itself or, if its directory is or contains a scheme root, its content one by one.

    So is a `__pycache__` in such a directory: all wheels with single modules have their byte code in it.
    """
    place = environment.key(item.path)
    if place not in environment.neutral:
        if not is_cache(place) or parent_of(place) not in environment.neutral:
            yield item
        else:
            for path, source in item.files():
                yield StagedItem("file", path, source)
        return
    groups: dict[str, list[str]] = {}
    for directory, names in item.directories:
        first, _, rest = directory.partition("/")
        for name in names:
            if directory:
                groups.setdefault(first, []).append(join(rest, name))
            else:
                yield StagedItem("file", join(item.path, name), join(item.source, name))
    for first, files in sorted(groups.items()):
        inner = StagedItem("tree", join(item.path, first), join(item.source, first), directories(files))
        yield from _expand(environment, inner)


def _check_destinations(environment: Environment, manifest: Manifest, items: Collection[StagedItem]) -> bool:
    """Refuse destinations that are a vital part of the environment, foreign metadata, or a directory of the wheel.

    Return whether two files of the wheel may have the same destination.
    """
    what = f"{printable(manifest.name)} {printable(manifest.version)}"
    key = environment.key
    listings = frozenset(map(key, environment.site_packages))
    trees: set[str] = set()
    files = {item.path for item in items if item.kind != "tree"}
    nested = environment.folds  # then two names in one directory may also be one file
    for item in items:
        parent, _, name = key(item.path).rpartition("/")
        foreign = name.endswith((".dist-info", ".egg-info")) and parent in listings
        if foreign or is_vital(environment, item.path):
            raise BadWheelError(
                f"{what} would replace {printable(item.path)} of the environment; it is not installed", wheel=what
            )
        if (item.kind == "tree" and item.path in files) or not files.isdisjoint(ancestors(item.path)):
            raise BadWheelError(f"{what} has a file where it needs a directory: {printable(item.path)}", wheel=what)
        nested = nested or item.path in trees or any(above in trees for above in ancestors(item.path))
        trees.add(item.path)
    return nested


def _distinct(environment: Environment, manifest: Manifest, items: Iterable[StagedItem]) -> Iterator[StagedItem]:
    """`items` without files whose content another one of them has, for the same destination.

    Raises BadWheelError for different content: which of the files counts differs between installers.
    """
    what = f"{printable(manifest.name)} {printable(manifest.version)}"
    content = digests(manifest)
    seen: dict[str, tuple[str, str]] = {}
    for item in items:
        twins: set[str] = set()
        for path, source in item.files():
            mine = (path, content.get(source, "").strip("=") if item.kind in ("tree", "file") else "")
            other = seen.setdefault(environment.key(path), mine)
            if other is not mine:
                if other != mine or not mine[1]:
                    raise BadWheelError(f"{what} has two files for {printable(path)}; it is not installed", wheel=what)
                twins.add(path)
        if not twins:
            yield item
        elif item.kind == "tree":
            left = tuple(
                (below, tuple(name for name in names if join(join(item.path, below), name) not in twins))
                for below, names in item.directories
            )
            yield item._replace(directories=left)


class _Links:
    """A resolver of symbolic links in the parents of destinations: one file has one name in the tree of claims."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._known: dict[str, str] = {path: path for path in environment.neutral}

    def __call__(self, path: str, is_directory: bool = False) -> str:
        """`path` with its parents resolved, and itself too if it is to be a directory."""
        if is_directory:
            return self._directory(path)
        parent, _, name = path.rpartition("/")
        return join(self._directory(parent), name)

    def _directory(self, path: str) -> str:
        known = self._known.get(path)
        if known is not None:
            return known
        parent, _, name = path.rpartition("/")
        place = join(self._directory(parent), name)
        volumes = self._environment.volumes
        full = volumes.place(place)
        if os.path.islink(full):
            place = volumes.inside(os.path.realpath(full)) or ""
            if not place:
                raise TargetError(
                    f"{printable(full)} is a symbolic link out of the environment; it is not followed: "
                    "replace it by a directory",
                    path=full,
                )
        self._known[path] = place
        return place
