"""Plans as data: what is done to one distribution, by installing a wheel or by removing it.

Wherever files are counted, they are those that the RECORD of a distribution lists: launchers and metadata count, byte
code that Python has made does not. So as many files are removed with a distribution as were installed with it.
"""

from collections.abc import Iterable, Iterator

from instui_engine.fs.casefold import fold
from instui_engine.journal.events import PlanWheel
from instui_engine.locks.claims import Claims
from instui_engine.resolve.cache_info import BUILD_INFO, CACHE_INFO, PLAIN_BUILD
from instui_engine.resolve.origin import direct_url, source_url
from instui_engine.resolve.request import LockedWheel
from instui_engine.store.entry import Entry
from instui_engine.target.installed import Distribution
from instui_engine.target.volumes import Volumes
from instui_engine.values import NamedTuple

from .items import StagedItem

SAME_INFO = {"INSTALLER": b"instui\n", "REQUESTED": b""}
"""What `WheelPlan.own_info` has for every wheel alike."""
_DIRECT_URL = "direct_url.json"


def own_names(wheel: LockedWheel) -> list[str]:
    """The names of the files that `WheelPlan.own_info` has for that wheel."""
    info = wheel.source.info if wheel.source else ""
    found = {"INSTALLER": True, "REQUESTED": wheel.requested, _DIRECT_URL: wheel.origin}
    found |= {CACHE_INFO: info, BUILD_INFO: info}
    return [name for name, is_there in found.items() if is_there]


class Whole(NamedTuple):
    """A directory that an old version has for itself alone, so that it is renamed away as a whole (`whole`).

    `files` are those that its RECORD lists at or below `path`, which lie in `directories`; all else in there was
    generated from them.
    """

    path: str
    files: tuple[str, ...]
    directories: tuple[str, ...]


class WheelPlan(NamedTuple):
    """What one wheel will do. `order` is its place in the plan order.

    `items` are in the order of the commit, without the `.dist-info` directory, which comes last. `files` is the number
    of files of the distribution. `replaces` is the installed version. `duplicates` are `.dist-info` directories of
    further versions, left by a killed installer. `whole` are directories of `replaces` that go as a whole, even if the
    new version has them, too: it brings them anew. `stale` are other files of all these that the new version does not
    have, and `emptied` are directories that are removed once they are empty. `shared_files` are not in the new version
    either, but stay, because installed distributions or earlier wheels of this session own them, too. `old_files` is
    the number of files of `replaces` and `duplicates`. `warnings` are about what stays of them.
    """

    order: int
    wheel: LockedWheel
    entry: Entry
    items: tuple[StagedItem, ...]
    info: str
    claims: Claims
    files: int
    replaces: Distribution | None
    duplicates: tuple[str, ...]
    stale: tuple[str, ...]
    emptied: tuple[str, ...]
    shared_files: frozenset[str] = frozenset()
    old_files: int = 0
    warnings: tuple[str, ...] = ()
    whole: tuple[Whole, ...] = ()

    @property
    def own_info(self) -> dict[str, bytes]:
        """The files in `.dist-info` that are written for each environment, except RECORD: name -> content."""
        own = {name: SAME_INFO[name] for name in own_names(self.wheel) if name in SAME_INFO}
        if self.wheel.origin:
            source, origin = self.wheel.source, self.wheel.origin
            own[_DIRECT_URL] = source_url(source, origin) if source else direct_url(origin, self.entry.sha256)
            if source and source.info:
                own |= {CACHE_INFO: source.info.encode(), BUILD_INFO: PLAIN_BUILD}
        return own

    @property
    def name(self) -> str:
        """The wheel's name in the journal."""
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
        files = {item.path for item in self.items if item.kind != "tree"}.union(self.stale)
        files.update(map(fold, files.difference(self.claims.exclusive)))  # claims may be case-folded
        exclusive = [path if path in files or path.startswith("@") else f"{path}/" for path in self.claims.exclusive]
        shared = list(self.claims.shared)
        replaced = self.replaces.version if self.replaces else ""
        return PlanWheel(self.name, self.order, self.files, len(self.items) + 1, exclusive, shared, replaced)


class RemovalPlan(NamedTuple):
    """The removal of one distribution. Its fields are those of `WheelPlan`; there is nothing to install."""

    order: int
    replaces: Distribution
    claims: Claims
    duplicates: tuple[str, ...]
    stale: tuple[str, ...]
    emptied: tuple[str, ...]
    shared_files: frozenset[str]
    old_files: int
    items: tuple[StagedItem, ...] = ()
    info: str = ""
    warnings: tuple[str, ...] = ()
    whole: tuple[Whole, ...] = ()

    @property
    def name(self) -> str:
        """The distribution's name in the journal."""
        return self.replaces.name

    @property
    def version(self) -> str:
        """The version that goes."""
        return self.replaces.version

    @property
    def owner(self) -> str:
        """How the journal names the distribution as the owner of a file."""
        return self.replaces.owner

    def event(self) -> PlanWheel:
        """The plan for the journal."""
        files = {*self.stale, *map(fold, self.stale)}
        exclusive = [path if path in files or path.startswith("@") else f"{path}/" for path in self.claims.exclusive]
        shared, renames = list(self.claims.shared), len(self.whole) + len(self.stale) + 1
        return PlanWheel(self.name, self.order, self.old_files, renames, exclusive, shared, self.version)


Plan = WheelPlan | RemovalPlan
"""What is done to one distribution."""


def removed_files(plan: Plan) -> Iterator[str]:
    """All files of the old version that `plan` takes from their paths."""
    yield from plan.stale
    for directory in plan.whole:
        yield from directory.files


def volumes_of(volumes: Volumes, plans: Iterable[Plan]) -> set[str]:
    """The volumes, besides that of the top, in which `plans` change anything."""
    found: set[str] = set()
    for plan in plans if volumes else ():
        old = [plan.replaces.info] if plan.replaces else []
        removed = (*old, *plan.duplicates, *plan.stale, *(directory.path for directory in plan.whole))
        paths = (*(item.path for item in plan.items), plan.info, *removed)
        found.update(map(volumes.of, paths))
    return found - {""}
