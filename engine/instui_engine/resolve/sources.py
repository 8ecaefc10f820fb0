"""Sources that uv has decided to build: from the URL in its answer, or in a lock file, to a locked wheel."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from instui_engine.errors import ResolutionError, printable
from instui_engine.fs.paths import name_of
from instui_engine.hashes import Demands, sha256_in
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed

from .cache_info import is_current
from .locations import is_source_name, path_in, redacted
from .origin import came_from, is_commit_of, is_of_tree, origin_of, recorded_url
from .request import LockedWheel
from .requirements import Requirement
from .satisfied import is_version
from .source import Source

if TYPE_CHECKING:
    from .uv_plan import Pin

_GIT = "git+"
_COMMIT = re.compile(r"(.*)@([0-9a-f]{40}|[0-9a-f]{64})")
_REVISION = re.compile(r"(.*)@([^@/][^@]*)")


def is_source(url: str) -> bool:
    """Whether what lies at `url` has to be built: it has not the name of a wheel."""
    return url.startswith(_GIT) or not urlsplit(url).path.endswith(".whl")


def place_of(url: str) -> tuple[str, str, str, str]:
    """What two URLs of one source have in common, however they are spelled, and whatever the revision is."""
    bare = url.removeprefix(_GIT)
    parts = urlsplit(bare)
    path = unquote(_without_revision(parts.path)[0] if url.startswith(_GIT) else parts.path).rstrip("/")
    if parts.scheme == "file":
        path = os.path.realpath(path)
    return parts.scheme, (parts.hostname or "").lower(), path, _subdirectory(parts.fragment)


def name_sources(pins: Sequence["Pin"], wanted: Iterable[Requirement]) -> dict[str, Requirement]:
    """Name -> the requirement of a source without a name, as far as uv's answer says which one it is."""
    unnamed = [entry for entry in wanted if not entry.name]
    by_place = {place_of(pin.url): pin.name for pin in pins if pin.url}
    found = {by_place[place_of(entry.url)]: entry for entry in unnamed if place_of(entry.url) in by_place}
    left = [entry for entry in unnamed if entry not in found.values()]
    named = {entry.name for entry in wanted}
    free = [pin.name for pin in pins if pin.url and pin.name not in found and pin.name not in named]
    return found | ({free[0]: left[0]} if len(left) == len(free) == 1 else {})


def installed_names(entries: Iterable[Requirement], environment: Environment, installed: Installed) -> dict[str, str]:
    """Name -> version of what is installed from the places of `entries`, which have no name of their own."""
    places = {place_of(entry.url) for entry in entries}
    found = {}
    for distribution in installed.values() if places else ():
        url, subdirectory = recorded_url(environment, distribution)
        if url and place_of(f"{url}#subdirectory={subdirectory}" if subdirectory else url) in places:
            found[distribution.name] = distribution.version
    return found


def argued_trees(entries: Iterable[Requirement], environment: Environment, installed: Installed) -> set[str]:
    """The names of what is installed from trees that are arguments.

    uv installs such a tree again in any case; of one in a file it looks itself whether it has changed.
    """
    argued = [entry for entry in entries if not entry.where and os.path.isdir(place_of(entry.url)[2])]
    unnamed = installed_names((entry for entry in argued if not entry.name), environment, installed)
    return {entry.name for entry in argued if entry.name in installed} | set(unnamed)


def likely_name(entry: Requirement) -> str:
    """The name of a source, as far as it or the name of its archive says it; else ""."""
    from instui_engine.wheel.filename import normalized

    if entry.name or entry.url.startswith(_GIT):
        return entry.name
    stem, dash, _ = name_of(unquote(urlsplit(entry.url).path)).rpartition("-")
    return normalized(stem) if dash and re.fullmatch(r"[A-Za-z0-9._-]+", stem) else ""


def locked_source(
    name: str, version: str, url: str, wish: Requirement | None, demands: Mapping[str, Demands]
) -> LockedWheel:
    """The wheel that is to be built from what lies at `url`, as uv has answered it, for the requirement `wish`.

    Raises ResolutionError for a URL without its password, and for hashes of what can have none.
    """
    source = _parsed(name, url, wish)
    wanted = tuple(dict.fromkeys(demands.get(name, ())))
    if wanted and source.kind != "archive":
        what = "a source tree" if source.kind == "tree" else "a repository"
        raise ResolutionError(f"{printable(name)}: a hash is demanded of {what}, which can have none")
    shown = name_of((source.path or unquote(urlsplit(source.url).path)).rstrip("/")) or name
    return LockedWheel(
        name=name,
        version=version,
        filename=shown,
        url=source.url,
        path=source.path,
        sha256=sha256_in(wanted),
        demands=wanted,
        origin=origin_of(source.url, source.path),
        source=source,
    )


def _parsed(name: str, url: str, wish: Requirement | None) -> Source:
    bare, _, fragment = url.partition("#")
    given = wish.url.partition("#")[0] if wish is not None and wish.url else ""
    editable = True if wish is not None and wish.editable else None
    subdirectory = below(_subdirectory(fragment), name)
    if url.startswith(_GIT):
        found = _COMMIT.fullmatch(bare.removeprefix(_GIT))
        if not found:
            raise ResolutionError(f"{printable(name)}: uv names no commit of {printable(redacted(url))}; run again")
        place, revision = _repository(given) if given else (found[1], "")
        _check_password(name, place)
        return Source(
            "git", url=place, editable=editable, subdirectory=subdirectory, commit=found[2], revision=revision
        )
    bare = given if "****" in bare and given else bare
    _check_password(name, bare)
    parts = urlsplit(bare)
    if parts.scheme == "file":
        path = path_in(bare, printable(name)).rstrip("/") or "/"
        is_tree = os.path.isdir(path)
        return Source(
            "tree" if is_tree else "archive",
            path=path,
            editable=editable,
            subdirectory=subdirectory,
            anew=is_tree and wish is not None and not wish.where,  # as `argued_trees`
        )
    if parts.scheme in ("http", "https") and is_source_name(unquote(parts.path)):
        return Source("archive", url=bare, subdirectory=subdirectory)
    raise ResolutionError(f"{printable(name)}: nothing can be built from {printable(redacted(bare))}")


def _repository(url: str) -> tuple[str, str]:
    """URL and revision of a repository that the user has named."""
    scheme, mark, rest = url.removeprefix(_GIT).partition("://")
    host, slash, path = rest.partition("/")
    path, revision = _without_revision(path)
    return f"{scheme}{mark}{host}{slash}{path}", revision


def _without_revision(path: str) -> tuple[str, str]:
    found = _REVISION.fullmatch(path)
    return (found[1], found[2]) if found else (path, "")


def _subdirectory(fragment: str) -> str:
    return parse_qs(fragment).get("subdirectory", [""])[0].strip("/")


def below(subdirectory: str, name: str) -> str:
    """The subdirectory of the source of `name`, "" for its top. Raises ResolutionError if it leads out of it."""
    if subdirectory.startswith("/") or ".." in subdirectory.split("/"):
        raise ResolutionError(
            f"{printable(name)}: the subdirectory {printable(repr(subdirectory))} is not below its source"
        )
    return subdirectory


def _check_password(name: str, url: str) -> None:
    if "****" in url:
        raise ResolutionError(
            f"{printable(name)}: cannot fetch {printable(redacted(url))}; name its URL as an argument"
        )


def is_unchanged(wheel: LockedWheel, environment: Environment, installed: Installed) -> bool:
    """Whether what is installed under that name was built plainly from just this tree, which has not changed since."""
    distribution, source = installed.get(wheel.name), wheel.source
    if distribution is None or source is None or source.kind != "tree" or not installed.is_whole(wheel.name):
        return False
    if wheel.version and not is_version(distribution.version, wheel.version):
        return False
    return is_of_tree(environment, distribution, source) and is_current(environment, distribution, source)


def is_built_from(wheel: LockedWheel, source: Source, environment: Environment, installed: Installed) -> bool:
    """Whether what is installed under that name was built from just this source. A tree may change at any time."""
    distribution = installed.get(wheel.name)
    if distribution is None or not installed.is_whole(wheel.name) or source.kind == "tree" or source.editable:
        return False
    if source.kind == "git":
        return is_commit_of(environment, distribution, wheel.origin, source)
    return bool(wheel.origin) and came_from(environment, distribution, wheel.url, wheel.path, wheel.demands)
