"""Removals: the files in the RECORD of a removed or replaced distribution that nobody else owns.

`plan_removals` plans the removal of whole distributions; `removal_of` determines what an old version gives up for a new
one.
"""

import os
from collections.abc import Collection, Iterable, Sequence

from instui_engine.errors import TargetError, printable
from instui_engine.fs.paths import above, ancestors, join, name_of, parent_of
from instui_engine.locks.claims import derive
from instui_engine.target.bytecode import Bytecode, all_below, is_cache
from instui_engine.target.environment import PRIVATE, Environment
from instui_engine.target.installed import Distribution, Installed, Recorded, manager_of, recorded
from instui_engine.values import NamedTuple
from instui_engine.wheel.entry_points import is_vital_command

from .items import StagedItem
from .plan import Plan, RemovalPlan


def plan_removals(environment: Environment, installed: Installed, names: Sequence[str]) -> tuple[RemovalPlan, ...]:
    """The plans for removing `names` (normalized, all installed), in the same order. Raises TargetError."""
    plans: list[RemovalPlan] = []
    before: set[str] = set()
    removed: set[str] = set()
    for order, name in enumerate(names):
        plan = plan_removal(environment, installed, installed[name], order, before, removed)
        plans.append(plan)
        before.add(name)
        removed.update(map(environment.key, (*plan.stale, *plan.emptied)))
    return tuple(plans)


def plan_removal(
    environment: Environment,
    installed: Installed,
    old: Distribution,
    order: int,
    before: Collection[str] = (),
    removed: Collection[str] = (),
) -> RemovalPlan:
    """The plan for removing one distribution; `before` and `removed` as for `plan_wheel`. Raises TargetError."""
    stale: list[str] = []
    shared_files: set[str] = set()
    paths: list[str] = []
    files = 0
    duplicates = installed.duplicates(old.name)
    warnings: list[str] = []
    for distribution in [old, *duplicates]:
        removal = removal_of(environment, installed, distribution, (), (), before)
        paths += [*removal.claimed, distribution.info]
        stale += removal.stale
        shared_files |= removal.shared_files
        files += removal.listed
        warnings += removal.warnings
    emptied, generated = emptied_by(environment, stale, (), removed)
    stale += generated
    check_mounts(environment, stale, (old.info, *(one.info for one in duplicates)))
    claims = derive([environment.key(path) for path in (*paths, *emptied)], old.name)
    return RemovalPlan(
        order,
        old,
        claims,
        tuple(distribution.info for distribution in duplicates),
        tuple(dict.fromkeys(stale)),
        emptied,
        frozenset(shared_files),
        files,
        warnings=tuple(warnings),
    )


def is_vital(environment: Environment, path: str) -> bool:
    """Whether the environment or this program needs the file; no wheel and no RECORD may touch it."""
    path = environment.key(path)
    first = path.partition("/")[0]
    # a volume has a private directory, too, and any directory may become one
    return (
        f"/{PRIVATE}/" in f"/{path}/"
        or first in (".lock", "pyvenv.cfg")
        or (parent_of(path) == environment.key(environment.roots["scripts"]) and is_vital_command(name_of(path)))
    )


def check_mounts(environment: Environment, paths: Iterable[str], infos: Iterable[str]) -> None:
    """Raise TargetError if one of `paths`, files that are replaced or removed, is a mount point.

    Nothing may be mounted at or below `infos`, `.dist-info` directories, which are renamed as a whole.
    """
    mounts = environment.volumes.mounts
    if not mounts:
        return
    inside = {place: mount for mount in mounts for place in (mount, *above(mount))}
    found = next((path for path in paths if path in mounts), "") or next(
        (inside[info] for info in infos if info in inside), ""
    )
    if found:
        raise TargetError(
            f"{printable(str(environment.top / found))} is a mount point, so it cannot be replaced or removed: "
            "unmount it first",
            path=str(environment.top / found),
        )


def _is_directory(environment: Environment, path: str) -> bool:
    """Whether a directory is there. Some tools list directories in RECORD, but a distribution owns only files."""
    place = environment.top / path
    return place.is_dir() and not place.is_symlink()


class _Links:
    """A resolver of symbolic links on the way to the files of one distribution."""

    def __init__(self, environment: Environment, distribution: Distribution) -> None:
        """Raises TargetError if its `.dist-info` is a link."""
        self._environment = environment
        self._owner = distribution.owner
        self._known: dict[str, str | None] = {}
        if os.path.islink(environment.top / distribution.info):
            raise self._refusal(distribution.info)

    def __call__(self, path: str) -> str | None:
        """The file's one name in the environment; None if nothing is there.

        Raises TargetError for a file outside of the environment: a link would be left that leads to it.
        """
        directory = parent_of(path)
        if directory not in self._known:
            volumes = self._environment.volumes
            self._known[directory] = volumes.inside(os.path.realpath(volumes.place(directory)))
        real = self._known[directory]
        if real is not None:
            return join(real, name_of(path))
        if os.path.lexists(self._environment.top / path):
            raise self._refusal(path)
        return None

    def _refusal(self, path: str) -> TargetError:
        volumes = self._environment.volumes
        ways = [one for one in (path, *above(path)) if one not in volumes.links]
        link = next((one for one in reversed(ways) if os.path.islink(volumes.place(one))), path)
        place = volumes.place(link)
        return TargetError(
            f"{printable(self._owner)} is made of symbolic links, which lead out of the environment, and nothing is "
            f"removed there: remove {printable(place)} (-> {printable(os.path.realpath(place))}) with the tool that "
            "made it",
            path=place,
        )


class Removal(NamedTuple):
    """What an old version gives up: `stale` files, and the paths `claimed` for that. `listed` files are in its RECORD.

    The rest is as in the plans.
    """

    stale: tuple[str, ...]
    claimed: list[str]
    shared_files: set[str]
    listed: int
    warnings: list[str]


def removal_of(
    environment: Environment,
    installed: Installed,
    old: Distribution,
    items: Iterable[StagedItem],
    others: Collection[str],
    before: Collection[str],
) -> Removal:
    """What `old` gives up when `items` replace it. `others` (keys) and `before` are as in `planner.plan_wheel`.

    A file that `old` gives up is claimed even if it stays for another owner: should that owner be replaced later in
    this session and remove the file, `old` must be gone by then.
    """
    check_manager(environment, old)
    key = environment.key
    keep = {key(path) for item in items for path, _ in item.files()}
    owners = installed.owners()
    stale = []
    given_up = set()
    shared_files: set[str] = set()
    compiled = Bytecode(environment)
    resolve = _Links(environment, old)
    listed = recorded(environment, old.info)
    if old.is_legacy and not listed.hashes:
        raise TargetError(
            f"{printable(old.owner)} was installed without a RECORD or another list of its files "
            f"({printable(old.info)}), so these are not known: remove it with the tool that installed it, or by hand",
            path=old.info,
        )
    spared = 0
    for path in filter(None, map(resolve, listed.hashes)):
        if path.startswith(f"{old.info}/"):
            continue
        if is_vital(environment, path) or (key(path) not in keep and _is_directory(environment, path)):
            spared += 1
            continue
        if key(path) not in keep:
            given_up.add(path)
            owned = any(name != old.name and name not in before for name in owners.get(key(path), ()))
            if owned or key(path) in others:
                shared_files.add(path)
                continue
            stale.append(path)
        # byte code of a module that stays was compiled from the old source, and Python may take it for current: it
        # compares only the size and the mtime in seconds
        stale += [file for file in compiled.of(path) if key(file) not in keep and resolve(file) == file]
    given_up.update(stale)
    parents = {path: parent_of(path) for path in given_up}
    claimed = {path if key(parent) in environment.neutral else parent for path, parent in parents.items()}
    files = len(listed.hashes) - spared
    return Removal(tuple(sorted(set(stale))), sorted(claimed), shared_files, files, _warnings(environment, old, listed))


def check_manager(environment: Environment, old: Distribution) -> None:
    """Raise TargetError for a distribution of an installer that keeps no RECORD: its files would all stay."""
    manager = manager_of(environment, old)
    if manager:
        raise TargetError(
            f"{printable(old.owner)} was installed by {printable(manager)[:100]}, which keeps no RECORD of its files "
            f"({printable(old.info)}): change it with {printable(manager)[:100]}, or install into another environment",
            path=old.info,
        )


def _warnings(environment: Environment, old: Distribution, listed: Recorded) -> list[str]:
    """What the user should know about files that stay."""
    if not listed.hashes:
        if not os.path.lexists(environment.top / old.info / "METADATA"):
            return []  # nothing but a name is left of it
        return [f"{printable(old.owner)} has no RECORD, or an empty one ({printable(old.info)}): its other files stay"]
    outside = [place for place in listed.outside if os.path.lexists(place) and not os.path.isdir(place)]
    if not outside:
        return []
    more = f" and {len(outside) - 3} more" if len(outside) > 3 else ""
    shown = ", ".join(map(printable, outside[:3]))
    return [f"{printable(old.owner)} lists files outside of the environment, which stay: {shown}{more}"]


def check_link(environment: Environment, installed: Installed, name: str) -> None:
    """Raise TargetError for a development install of setuptools (`setup.py develop`), or an egg of easy_install."""
    link = installed.links.get(name)
    if link is not None:
        place, shown = str(environment.top / link), printable(name)
        is_egg = link.endswith(".egg")
        what = "an egg of easy_install" if is_egg else "a development install of setuptools"
        how = f"`pip uninstall {shown}`" if is_egg else f"`uv pip uninstall {shown}` or `pip uninstall {shown}`"
        raise TargetError(
            f"{shown} is {what} ({printable(place)}), which would stay in the way; remove it with {how}, then run "
            "again",
            path=place,
        )


def empties_more(environment: Environment, plan: Plan) -> bool:
    """Whether there is more to remove now, directories or what was generated in them, than when `plan` was made."""
    emptied, generated = emptied_by(environment, plan.stale, plan.items, ())
    return not (set(plan.emptied).issuperset(emptied) and set(plan.stale).issuperset(generated))


class Emptied(NamedTuple):
    """The `directories` that a removal leaves empty, deepest first, and `generated` files that would keep them."""

    directories: tuple[str, ...]
    generated: tuple[str, ...]


def emptied_by(
    environment: Environment, stale: Collection[str], items: Iterable[StagedItem], removed: Collection[str]
) -> Emptied:
    """The directories that are empty once `stale` and `removed` (keys) are gone and `items` are there.

    A `__pycache__` that nothing else keeps goes with all that is in it: a directory with nothing else can still be
    imported, as a namespace package. If `removed` is a set, it is not copied: it grows with each wheel of a session.
    """
    if not stale:  # as in most installs; and `items` have all files of the wheels
        return Emptied((), ())
    key = environment.key
    gone = set(map(key, stale))
    kept = {place for item in items for path, _ in item.files() for place in ancestors(key(path))}
    emptied: list[str] = []
    generated: list[str] = []
    for directory in sorted({parent_of(path) for path in stale}, key=lambda path: -path.count("/")):
        place = directory
        while key(place) not in environment.neutral and key(place) not in kept:
            left = _left_in(environment, place, gone, removed)
            if left is None or not all(map(is_cache, left)):
                break
            for cache in left:
                files, directories = all_below(environment, cache)
                generated += (file for file in files if key(file) not in gone and key(file) not in removed)
                emptied += directories
                gone.update(map(key, (*files, *directories)))
            emptied.append(place)
            gone.add(key(place))
            place = parent_of(place)
    return Emptied(tuple(dict.fromkeys(emptied)), tuple(generated))


def _left_in(
    environment: Environment, directory: str, gone: Collection[str], removed: Collection[str]
) -> list[str] | None:
    """What would be left in a directory; None if there is no such directory."""
    try:
        names = os.listdir(environment.top / directory)
    except (FileNotFoundError, NotADirectoryError):
        return None
    paths = (f"{directory}/{name}" for name in names)
    return [path for path in paths if environment.key(path) not in gone and environment.key(path) not in removed]
