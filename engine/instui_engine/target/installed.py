"""Installed distributions of an environment, by their `.dist-info` directories ("Recording installed projects").

Finding the distributions takes one directory listing. Their METADATA and RECORD are read only when they are needed.
"""

import errno
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from types import MappingProxyType

from instui_engine.fs.files import read_regular
from instui_engine.fs.paths import join, name_of, parent_of
from instui_engine.values import NamedTuple
from instui_engine.wheel.filename import is_name, normalized
from instui_engine.wheel.record import Row, rows_of

from .environment import Environment

# the errors for a RECORD that is missing, is a directory, a FIFO or a socket, or is behind a link that leads nowhere
_NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.ENXIO, errno.ELOOP}
# Installers that list every file. Others (those of Linux distributions) deliberately write no RECORD, so that no tool
# touches what they manage.
LISTING_INSTALLERS = frozenset({"", "instui", "uv", "pip", "poetry", "pdm", "hatch", "pipenv", "flit", "installer"})
# Nanoseconds within which a directory may be changed twice without a new mtime: file systems use the kernel's tick.
_TICK = 50_000_000


class Distribution(NamedTuple):
    """An installed distribution. `info` is its `.dist-info` (or `.egg-info`) relative to the environment's top.

    `fingerprint` (inode, mtime in ns) changes whenever the directory is replaced; a plan that was made for another
    fingerprint is stale.
    """

    name: str  # normalized
    version: str
    info: str
    fingerprint: tuple[int, int]

    @property
    def owner(self) -> str:
        """The distribution as the journal names an owner."""
        return f"{self.name} {self.version}"

    @property
    def is_legacy(self) -> bool:
        """Whether setuptools or distutils installed it: without a RECORD, and often without any list of its files."""
        return not self.info.endswith(".dist-info")


class Installed(Mapping[str, Distribution]):
    """The distributions of an environment by normalized name, and the owners of files."""

    def __init__(
        self,
        environment: Environment,
        distributions: Mapping[str, list[Distribution]],
        links: Mapping[str, str] = MappingProxyType({}),
        mtimes: Sequence[int] = (),
    ) -> None:
        """`links`: name -> `.egg-link` of setuptools' development installs, or `.egg` of easy_install.

        `mtimes` are those of the directories that were listed, from before that; none if they say nothing.
        """
        self._environment = environment
        self._mtimes = mtimes
        self.links = links
        self._distributions = {name: found[0] for name, found in distributions.items()}
        self._duplicates = {name: found[1:] for name, found in distributions.items() if found[1:]}
        self._owners: Mapping[str, Sequence[str]] | None = None
        self._listed: dict[str, Listed] = {}

    def __getitem__(self, name: str) -> Distribution:
        return self._distributions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._distributions)

    def __len__(self) -> int:
        return len(self._distributions)

    def is_current(self) -> bool:
        """Whether the environment is sure to list the same now."""
        return bool(self._mtimes) and self._mtimes == listed_at(self._environment)

    def duplicates(self, name: str) -> list[Distribution]:
        """The distributions of that name besides `self[name]`: an installer that was killed left two versions."""
        return [distribution for distribution in self._duplicates.get(name, ()) if not distribution.is_legacy]

    def is_whole(self, name: str) -> bool:
        """Whether it is listed once, with METADATA and RECORD. If not, an install was interrupted."""
        distribution = self._distributions[name]
        if distribution.is_legacy:
            return True
        info = self._environment.top / distribution.info
        if self.duplicates(name) or not (info / "METADATA").is_file():
            return False
        return (info / "RECORD").is_file() or bool(manager_of(self._environment, distribution))

    def listed(self, info: str) -> "Listed":
        """What the RECORD in `info` lists. Read once."""
        if info not in self._listed:
            self._listed[info] = _listed(self._environment, info)
        return self._listed[info]

    def take_owners(self, owners: Mapping[str, Sequence[str]]) -> None:
        """Let `owners` answer, where somebody keeps them from one listing to the next."""
        self._owners = owners

    def owners(self) -> Mapping[str, Sequence[str]]:
        """Key of a path -> normalized names of the distributions whose RECORD lists it. Read once."""
        if self._owners is None:
            owners: dict[str, Sequence[str]] = {}
            for distribution in [*self._distributions.values(), *chain.from_iterable(self._duplicates.values())]:
                alone = (distribution.name,)  # one for all its files: most have a single owner
                paths = dict.fromkeys(self._environment.keys(self.listed(distribution.info).paths), alone)
                if owners.keys().isdisjoint(paths):
                    owners.update(paths)
                    continue
                for path in paths:
                    before = owners.setdefault(path, alone)
                    if isinstance(before, list):
                        before.append(distribution.name)
                    elif before is not alone:
                        owners[path] = [*before, distribution.name]
            self._owners = owners
        return MappingProxyType(self._owners)


def scan(environment: Environment) -> Installed:
    """The distributions that the environment lists now. Of two versions of one distribution, the first counts."""
    found: dict[str, list[Distribution]] = {}
    links: dict[str, str] = {}
    now, mtimes = time.time_ns(), listed_at(environment)
    for root in environment.site_packages:
        try:
            names = sorted(os.listdir(environment.top / root))
        except (FileNotFoundError, NotADirectoryError):  # a directory that cannot be read does not count as absent
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                distribution = read_distribution(environment, f"{root}/{name}" if root else name)
                if distribution is not None:
                    found.setdefault(distribution.name, []).append(distribution)
            elif name.endswith((".egg-link", ".egg")):
                links[normalized(name.rpartition(".")[0].partition("-")[0])] = f"{root}/{name}" if root else name
    is_telling = all(now - mtime > _TICK for mtime in mtimes)
    return Installed(environment, found, links, mtimes if is_telling else ())


def listed_at(environment: Environment) -> tuple[int, ...]:
    """The mtimes of the directories that a listing reads, which change with what they list; 0 for an absent one."""
    return tuple(_mtime(f"{environment.top}/{root}") for root in environment.site_packages)


def _mtime(directory: str) -> int:
    try:
        return os.stat(directory).st_mtime_ns
    except OSError:
        return 0


def find(environment: Environment, name: str) -> Distribution | None:
    """The installed distribution of that normalized name, from a new listing of the environment."""
    for root in environment.site_packages:
        try:
            entries = os.listdir(environment.top / root)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in sorted(entries):
            # comparing the first letter saves nearly all the normalizing; `find` runs once for each commit
            if (
                entry[:1].lower() == name[:1]
                and entry.endswith((".dist-info", ".egg-info"))
                and normalized(entry.partition("-")[0]) == name
            ):
                distribution = read_distribution(environment, f"{root}/{entry}" if root else entry)
                if distribution is not None:
                    return distribution
    return None


def read_distribution(environment: Environment, info: str) -> Distribution | None:
    """The distribution whose `.dist-info` (or `.egg-info`) is at `info`; None if that is not its name."""
    try:
        status = os.lstat(f"{environment.top}/{info}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    name, version = _named(info)
    return Distribution(name, version, info, (status.st_ino, status.st_mtime_ns)) if name else None


@lru_cache(1 << 15)
def _named(info: str) -> tuple[str, str]:
    """The normalized name and the version that the name of such a directory says; "" twice if it says none.

    Those are nobody's: pip renames what it removes to `~ame-1.0.dist-info`, and may be killed then.
    """
    stem = name_of(info).rpartition(".")[0]
    name, _, version = stem.partition("-")
    if info.endswith(".egg-info"):
        version = version.partition("-py")[0]
    return (normalized(name), version) if version and is_name(name) else ("", "")


def is_there(environment: Environment, distribution: Distribution) -> bool:
    """Whether that distribution, and no other one, is where it was found. Raises OSError."""
    try:
        status = os.lstat(f"{environment.top}/{distribution.info}")
    except (FileNotFoundError, NotADirectoryError):
        return False
    return (status.st_ino, status.st_mtime_ns) == distribution.fingerprint


def manager_of(environment: Environment, distribution: Distribution) -> str:
    """The installer, such as a Linux distribution, that deliberately keeps no RECORD of it; "" if that is not so."""
    info = f"{environment.top}/{distribution.info}"
    if distribution.is_legacy or os.path.lexists(f"{info}/RECORD") or not os.path.lexists(f"{info}/METADATA"):
        return ""
    try:
        installer = read_regular(f"{info}/INSTALLER").decode("utf-8", "replace").strip()
    except OSError as error:
        if error.errno in _NO_FILE:
            return ""
        raise
    return "" if installer.lower() in LISTING_INSTALLERS else installer


def recorded_hashes(environment: Environment, info: str, root: str | None = None) -> dict[str, str]:
    """The files that the RECORD in `info` lists, relative to the top, with their hashes ("algorithm=digest" or "").

    Rows that leave the environment's scheme directories are left out: this program never touches such files. `root` is
    the directory to which the rows are relative, if `info` is not in it. A RECORD that is malformed or not a regular
    file lists nothing. Raises OSError for one that cannot be read, since it may list any file.
    """
    return recorded(environment, info, root).hashes


class Listed(NamedTuple):
    """What a RECORD lists, without the hashes: `paths` relative to the top, and `outside` as in `Recorded`."""

    paths: tuple[str, ...]
    outside: tuple[str, ...]


class Recorded(NamedTuple):
    """What a RECORD lists. `hashes` is as in `recorded_hashes`; `outside` are the absolute paths of all other rows."""

    hashes: dict[str, str]
    outside: tuple[str, ...]


def recorded(environment: Environment, info: str, root: str | None = None) -> Recorded:
    """What the RECORD in `info` lists; everything else is as in `recorded_hashes`."""
    directory = parent_of(info) if root is None else root
    place = RecordedPaths(environment, directory)
    hashes: dict[str, str] = {}
    outside: dict[str, None] = {}
    for written, row in _rows(environment, info):
        path = place(written)
        if path is not None:
            hashes[path] = f"{row.algorithm}={row.digest}" if row.algorithm else ""
        elif "\0" not in written:
            outside[os.path.normpath(os.path.join(environment.top, directory, written.replace("\\", "/")))] = None
    return Recorded(hashes, tuple(outside))


def _listed(environment: Environment, info: str) -> Listed:
    """As `recorded` without the hashes, in a third of the time."""
    text = "" if info.endswith(".egg-info") else _text(environment, info)
    if not text or any(odd in text for odd in ('"', "\r", "\\", "\0", "//")):
        found = recorded(environment, info)
        return Listed(tuple(found.hashes), found.outside)
    directory = parent_of(info)
    place = RecordedPaths(environment, directory)
    prefix = f"{directory}/" if directory else ""
    paths: dict[str, None] = {}
    outside: dict[str, None] = {}
    for line in text.removeprefix("\ufeff").split("\n"):
        row = line.partition(",")[0]
        if not row:
            continue
        if row[0] in "/." or row[-1] == "/" or "/." in row or "./" in row:
            path = place(row)
            if path is None:
                outside[os.path.normpath(os.path.join(environment.top, directory, row))] = None
            else:
                paths[path] = None
        else:
            paths[prefix + row] = None
    return Listed(tuple(paths), tuple(outside))


def _rows(environment: Environment, info: str) -> list[tuple[str, Row]]:
    text = _text(environment, info)
    if info.endswith(".egg-info"):  # paths, one a line, relative to the .egg-info itself
        return [(f"{name_of(info)}/{line}", Row("", "", None)) for line in map(str.strip, text.split("\n")) if line]
    try:
        return list(rows_of(text))
    except ValueError:
        return []  # the readable part may not be what was meant


def _text(environment: Environment, info: str) -> str:
    """The text of RECORD, or of what setuptools wrote instead; "" if there is none."""
    try:
        name = "installed-files.txt" if info.endswith(".egg-info") else "RECORD"
        return read_regular(f"{environment.top}/{info}/{name}").decode("utf-8", "surrogateescape")
    except OSError as error:
        if error.errno in _NO_FILE:
            return ""
        raise


class RecordedPaths:
    """Conversion of RECORD rows to paths relative to the top; None for those that leave the scheme directories."""

    def __init__(self, environment: Environment, root: str) -> None:
        """`root` is the directory to which the rows are relative: the one that holds the `.dist-info` directory."""
        self._volumes = environment.volumes
        self._root = root
        self._schemes = tuple(f"{scheme}/" if scheme else "" for scheme in environment.roots.values())

    def __call__(self, row: str) -> str | None:
        """The path that `row` stands for."""
        path = row.replace("\\", "/")
        if path.startswith("/"):
            path = self._volumes.inside(os.path.normpath(path)) or ""
        else:
            path = os.path.normpath(join(self._root, path))
        is_outside = path.startswith(("../", "/")) or path in ("", "..", ".") or "\0" in path
        return None if is_outside or not path.startswith(self._schemes) else path


def read_metadata(environment: Environment, distribution: Distribution) -> str:
    """The text of its METADATA (or PKG-INFO); "" if it has none."""
    for name in ("METADATA", "PKG-INFO"):
        try:
            return read_regular(f"{environment.top}/{distribution.info}/{name}").decode("utf-8", "replace")
        except OSError:
            continue
    return ""
