"""Removals: the files in the RECORD of a removed or replaced distribution that nobody else owns.

`plan_removals` plans the removal of whole distributions; `removal_of` determines what an old version gives up for a new
one.
"""

import os
from collections.abc import Generator, Iterable, Sequence, Set
from contextlib import closing

from instui_engine.errors import TargetError, printable
from instui_engine.fs.paths import above, is_within, join, name_of, parent_of
from instui_engine.locks.claims import derive
from instui_engine.target.bytecode import Bytecode, all_below, is_cache
from instui_engine.target.environment import PRIVATE, Environment
from instui_engine.target.installed import Distribution, Installed, Listed
from instui_engine.values import NamedTuple
from instui_engine.wheel.entry_points import is_vital_command

from .items import StagedItem
from .outlook import Outlook
from .plan import Plan, RemovalPlan, Whole
from .removable import check_manager
from .whole import whole_directories


def plan_removals(
    environment: Environment, installed: Installed, names: Sequence[str], outlook: Outlook | None = None
) -> tuple[RemovalPlan, ...]:
    """The plans for removing `names` (normalized, all installed), in the same order. Raises TargetError.

    An `outlook` gets them, for the plans of a session that come after them.
    """
    outlook = outlook or Outlook(environment)
    plans: list[RemovalPlan] = []
    for order, name in enumerate(names):
        plan = plan_removal(environment, installed, installed[name], order, outlook)
        plans.append(plan)
        outlook.add(plan)
    return tuple(plans)


def plan_removal(
    environment: Environment, installed: Installed, old: Distribution, order: int, outlook: Outlook | None = None
) -> RemovalPlan:
    """The plan for removing one distribution. Without an `outlook` there are no plans before it, and no directory
    goes as a whole. Raises TargetError.
    """
    outlook = outlook or Outlook(environment, by_file=True)
    removal = removal_of(environment, installed, old, (), outlook)
    emptied = emptied_by(environment, removal, (), outlook)
    stale = (*removal.stale, *emptied.generated)
    check_mounts(environment, stale, removal.infos)
    claims = derive(map(environment.key, (*removal.claimed, *removal.infos, *emptied.directories)), old.name)
    return RemovalPlan(
        order,
        old,
        claims,
        removal.infos[1:],
        tuple(dict.fromkeys(stale)),
        emptied.directories,
        removal.shared_files,
        removal.listed,
        warnings=removal.warnings,
        whole=removal.whole,
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


class _Links:
    """A resolver of symbolic links on the way to the files of one distribution."""

    def __init__(self, environment: Environment, distribution: Distribution, outlook: Outlook) -> None:
        """Raises TargetError if its `.dist-info` is a link."""
        self._environment = environment
        self._owner = distribution.owner
        self._outlook = outlook
        if os.path.islink(f"{environment.top}/{distribution.info}"):
            raise self._refusal(distribution.info)

    def __call__(self, directory: str, paths: Iterable[str]) -> str | None:
        """The directory's one name in the environment; None if there is nothing.

        Raises TargetError if one of its files, `paths`, is outside of the environment: a link would be left that leads
        to it.
        """
        real = self._outlook.real(directory)
        if real is None:
            for path in paths:
                if os.path.lexists(self._environment.top / path):
                    raise self._refusal(path)
        return real

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
    """What the old versions of a distribution give up.

    `infos` are their `.dist-info` directories, that of the installed version first. `whole` directories, and other
    `stale` files; the paths `claimed` for that. `listed` files are in their RECORDs. The rest is as in the plans.
    """

    infos: tuple[str, ...]
    stale: tuple[str, ...]
    whole: tuple[Whole, ...]
    claimed: tuple[str, ...]
    shared_files: frozenset[str]
    listed: int
    warnings: tuple[str, ...]


NOTHING = Removal((), (), (), (), frozenset(), 0, ())


def removal_of(
    environment: Environment, installed: Installed, old: Distribution, items: Iterable[StagedItem], outlook: Outlook
) -> Removal:
    """What `old`, the installed version, and its duplicates give up when `items` replace them. Raises TargetError."""
    keep = {*environment.keys([path for item in items for path, _ in item.files()])}
    distributions = [old, *installed.duplicates(old.name)]
    found = [_given_up(environment, installed, one, keep, outlook, len(distributions) == 1) for one in distributions]
    return Removal(
        tuple(distribution.info for distribution in distributions),
        tuple(path for one in found for path in one.stale),
        tuple(directory for one in found for directory in one.whole),
        tuple(path for one in found for path in one.claimed),
        frozenset().union(*(one.shared_files for one in found)),
        sum(one.listed for one in found),
        tuple(text for one in found for text in one.warnings),
    )


def _given_up(
    environment: Environment, installed: Installed, old: Distribution, keep: Set[str], outlook: Outlook, is_alone: bool
) -> Removal:
    """What `old` gives up if the keys of the files that stay are `keep`. `is_alone`: it has no duplicates.

    A file that `old` gives up is claimed even if it stays for another owner: should that owner be replaced later in
    this session and remove the file, `old` must be gone by then.
    """
    check_manager(environment, old)
    key = environment.key
    owners = installed.owners()
    listed = installed.listed(old.info)
    if old.is_legacy and not listed.paths:
        raise TargetError(
            f"{printable(old.owner)} was installed without a RECORD or another list of its files "
            f"({printable(old.info)}), so these are not known: remove it with the tool that installed it, or by hand",
            path=old.info,
        )
    resolve = _Links(environment, old, outlook)
    compiled = Bytecode(environment)
    found: dict[str, list[str]] = {}  # directory -> the files in it that may go
    shared: set[str] = set()  # directories with anything that stays
    shared_files: set[str] = set()
    spared = 0
    for directory, paths in _by_directory(listed.paths).items():
        real = resolve(directory, paths)
        if real is None or is_within(real, old.info):
            continue
        if real != directory:
            shared.add(real)  # recovery knows the files by the names that they have in RECORD
            paths = [join(real, name_of(path)) for path in paths]
        stay = _spared(environment, outlook, real, paths, keep)
        is_touched = outlook.touches(real)
        mine = found.setdefault(real, [])
        places = list(environment.keys(paths))
        if not stay and not is_touched and all(len(owners.get(place, ())) < 2 for place in places):
            mine += paths  # as nearly everywhere: they are nobody else's
            continue
        for path, place in zip(paths, places, strict=True):
            if path in stay:
                spared += 1
                continue
            names = owners.get(place, ())
            if (is_touched and outlook.brings(path)) or (
                len(names) > 1 and any(name != old.name and not outlook.is_replaced(name) for name in names)
            ):
                shared.add(real)
                if place not in keep:
                    shared_files.add(path)
                    continue
            mine.append(path)
        if stay:
            shared.add(real)
    whole = whole_directories(environment, outlook, found, shared) if is_alone and not old.is_legacy else ()
    tops = {directory.path for directory in whole}
    stale = []
    for directory, paths in found.items():
        if tops and not tops.isdisjoint((directory, *above(directory))):
            continue
        for path in paths:
            if key(path) not in keep:
                stale.append(path)
            # byte code of a module that stays was compiled from the old source, and Python may take it for current: it
            # compares only the size and the mtime in seconds
            for file in compiled.of(path):
                if key(file) not in keep and outlook.real(parent_of(file)) == parent_of(file):
                    stale.append(file)
    claimed = {*tops}
    for path in (*stale, *shared_files):
        parent = parent_of(path)
        claimed.add(path if key(parent) in environment.neutral else parent)
    return Removal(
        (old.info,),
        tuple(sorted(set(stale))),
        whole,
        tuple(sorted(claimed)),
        frozenset(shared_files),
        len(listed.paths) - spared,
        _warnings(environment, old, listed),
    )


def _by_directory(paths: Iterable[str]) -> dict[str, list[str]]:
    """Directory -> the files in it."""
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(path.rpartition("/")[0], []).append(path)
    return found


def _spared(
    environment: Environment, outlook: Outlook, directory: str, paths: Sequence[str], keep: Set[str]
) -> Set[str]:
    """Those of `paths`, all in `directory`, that stay although a RECORD lists them: vital files, and directories.

    Some tools list directories in RECORD, but a distribution owns only files.
    """
    key = environment.key
    vital_places = ("", key(environment.roots["scripts"]))
    may_be_vital = key(directory) in vital_places or is_vital(environment, join(directory, "file"))
    found = {path for path in paths if may_be_vital and is_vital(environment, path)}
    if key(directory) in environment.neutral:  # it is large, so its files are looked up
        places = ((path, environment.top / path) for path in paths if key(path) not in keep)
        return found.union(path for path, place in places if place.is_dir() and not place.is_symlink())
    kinds = outlook.kinds(directory) or {}
    below = {name for name, kind in kinds.items() if kind == "directory"}
    if not below and PRIVATE not in kinds:
        return found
    for path in paths:
        name = key(name_of(path))
        if name == PRIVATE or (name in below and key(path) not in keep):
            found.add(path)
    return found


def _warnings(environment: Environment, old: Distribution, listed: Listed) -> tuple[str, ...]:
    """What the user should know about files that stay."""
    if not listed.paths:
        if not os.path.lexists(environment.top / old.info / "METADATA"):
            return ()  # nothing but a name is left of it
        return (f"{printable(old.owner)} has no RECORD, or an empty one ({printable(old.info)}): its other files stay",)
    outside = [place for place in listed.outside if os.path.lexists(place) and not os.path.isdir(place)]
    if not outside:
        return ()
    more = f" and {len(outside) - 3} more" if len(outside) > 3 else ""
    shown = ", ".join(map(printable, outside[:3]))
    return (f"{printable(old.owner)} lists files outside of the environment, which stay: {shown}{more}",)


def empties_more(environment: Environment, plan: Plan) -> bool:
    """Whether there is more to remove now, directories or what was generated in them, than when `plan` was made."""
    emptied = emptied_by(environment, plan, plan.items, None)
    return not (set(plan.emptied).issuperset(emptied.directories) and set(plan.stale).issuperset(emptied.generated))


class Emptied(NamedTuple):
    """The `directories` that a removal leaves empty, deepest first, and `generated` files that would keep them."""

    directories: tuple[str, ...]
    generated: tuple[str, ...]


def emptied_by(
    environment: Environment, given_up: Removal | Plan, items: Iterable[StagedItem], outlook: Outlook | None
) -> Emptied:
    """The directories that are empty once what is `given_up` is gone and `items` are there.

    A `__pycache__` that nothing else keeps goes with all that is in it: a directory with nothing else can still be
    imported, as a namespace package. Without an `outlook`, the directories are as they are now.
    """
    if not given_up.stale and not given_up.whole:  # as in most installs
        return Emptied((), ())
    key = environment.key
    paths = (*given_up.stale, *(directory.path for directory in given_up.whole))
    gone = set(map(key, paths))
    kept: set[str] = set()
    for item in items:
        place = key(item.path)
        kept.update(above(place))
        if item.kind == "tree":
            kept.update(join(place, key(directory)) for directory, _ in item.directories)
    emptied: list[str] = []
    generated: list[str] = []
    for directory in sorted({parent_of(path) for path in paths}, key=lambda path: -path.count("/")):
        place = directory
        while key(place) not in environment.neutral and key(place) not in kept:
            caches = _caches_left_in(environment, place, gone, outlook)
            if caches is None:
                break
            for cache in caches:
                files, directories = all_below(environment, cache)
                generated += (file for file in files if key(file) not in gone and not _is_removed(file, outlook))
                emptied += directories
                gone.update(map(key, (*files, *directories)))
            emptied.append(place)
            gone.add(key(place))
            place = parent_of(place)
    return Emptied(tuple(dict.fromkeys(emptied)), tuple(generated))


def _is_removed(path: str, outlook: Outlook | None) -> bool:
    return outlook is not None and outlook.is_removed(path)


def _caches_left_in(
    environment: Environment, directory: str, gone: Set[str], outlook: Outlook | None
) -> list[str] | None:
    """Each `__pycache__` that is left in a directory; None if anything else is, or if there is no such directory."""
    caches: list[str] = []
    try:
        # a directory that thousands share is not read to its end for each of them
        with closing(_names(environment, directory, outlook)) as names:
            for name in names:
                path = f"{directory}/{name}"
                if environment.key(path) in gone:
                    continue
                if not is_cache(path):
                    return None
                caches.append(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return caches


def _names(environment: Environment, directory: str, outlook: Outlook | None) -> Generator[str, None, None]:
    if outlook is None:
        with os.scandir(environment.top / directory) as entries:
            for entry in entries:
                yield entry.name
    else:
        kinds = outlook.kinds(directory)
        if kinds is None:
            raise FileNotFoundError(directory)
        yield from kinds
