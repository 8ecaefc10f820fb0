"""Requests and resolutions as data: what the user asks for, not yet interpreted, and the wheels chosen for it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from instui_engine.hashes import Demands
from instui_engine.journal.events import Event
from instui_engine.values import NamedTuple

from .resolving import Resolving
from .source import Building, BuildSettings, Source

if TYPE_CHECKING:
    from instui_engine.target.installed import Installed

Emit = Callable[[Event], None]
Cancelled = Callable[[], bool]


class Request(NamedTuple):
    """A request for an install. `arguments`: requirement specifiers, wheels, directories of wheels, sources, in order.

    With `keep_requested`, a distribution that is already installed keeps its mark as requested (the REQUESTED file), or
    the absence of it. With `exact`, nothing else is to be installed afterwards, and no dependency is added; unless
    `allow_empty`, that must be something. Of a uv.lock, `leaving_out` is not installed: "project" (itself), "workspace"
    (its members), "local" (all source trees), "dev" (that group); if `locked`, the file must be what uv would lock now.
    `resolving` is what uv is told besides.
    """

    arguments: tuple[str, ...] = ()
    requirement_files: tuple[str, ...] = ()
    constraint_files: tuple[str, ...] = ()
    pylock: str = ""
    find_links: tuple[str, ...] = ()
    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    no_index: bool = False
    no_deps: bool = False
    offline: bool = False
    reinstall: bool = False
    upgrade: bool = False
    upgrade_packages: tuple[str, ...] = ()
    require_hashes: bool = False
    keep_requested: bool = False
    exact: bool = False
    allow_empty: bool = False
    leaving_out: tuple[str, ...] = ()
    locked: bool = False
    building: Building = Building()
    resolving: Resolving = Resolving()


def given_urls(request: Request) -> tuple[str, ...]:
    """The URLs of the command line that may carry credentials."""
    resolving = request.resolving
    urls = (resolving.default_index, *resolving.indexes, request.index_url, *request.extra_index_urls)
    return tuple(url for url in (*urls, *request.find_links) if "://" in url)


def given_indexes(request: Request) -> tuple[str, ...]:
    """The indexes of the command line, if no others are asked; none if there may be others. With their credentials."""
    resolving = request.resolving
    if request.no_index or not (default := request.index_url or resolving.default_index):
        return ()
    return (default, *resolving.indexes, *request.extra_index_urls)


class LockedWheel(NamedTuple):
    """One wheel that is to be installed and may still have to be fetched, or built.

    Exactly one of `url` (http, https) and `path` (a local file) is set. The file must meet `demands`; `sha256` is the
    one that they leave it, in hex, or "". `requested`: the user named it (the REQUESTED file). `position` is its place
    among the wheels that were named one by one, -1 for one that was resolved. `origin` is the URL for direct_url.json,
    "" for a wheel from an index.

    With a `source`, it is built from that. Before, `filename`, `url`, `path` and `demands` are those of the source, and
    `version` may be "", as only the build says which one it is; after it, they are those of the wheel.
    """

    name: str  # normalized
    version: str
    filename: str
    url: str = ""
    path: str = ""
    sha256: str = ""
    demands: Demands = ()
    size: int = 0
    requested: bool = False
    position: int = -1
    origin: str = ""
    source: Source | None = None


class Meanwhile(NamedTuple):
    """What is done while uv works, which leaves a processor idle.

    First it is `deciding` on versions: from then on it has `seen` the metadata of the wheel at a URL, time and again.
    Then it is `listing` the files of so many wheels from indexes. `deciding` gets the URLs of the request that may
    carry credentials.
    """

    deciding: Callable[[Sequence[str]], None] = lambda urls: None
    seen: Callable[[str], None] = lambda url: None
    listing: Callable[[int], None] = lambda number: None


class Resolution(NamedTuple):
    """The wheels to install, and what is already there (name -> version).

    `index_urls` are the URLs of the request that may carry credentials for the downloads. `extraneous` are the names of
    what is to be removed. `builds` says how those are built that have a source. `again` answers the same request for
    another listing of the environment; None if the answer would be the same.
    """

    wheels: tuple[LockedWheel, ...]
    satisfied: dict[str, str]
    index_urls: tuple[str, ...] = ()
    extraneous: tuple[str, ...] = ()
    builds: BuildSettings = BuildSettings()
    again: "Callable[[Installed], Resolution] | None" = None
