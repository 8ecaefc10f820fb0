"""Volumes: directories of an environment that lie on another mount, or behind a symbolic link of the user's own.

rename(2) and link(2) fail from one mount to another, even on the same device, so each volume has a stage and backups of
its own. All paths stay relative to the top. Mounts are looked up once, when the environment is discovered; later ones
only make a rename fail, which is undone.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from instui_engine.errors import TargetError, printable
from instui_engine.fs.mounts import mount_points_below
from instui_engine.fs.paths import above, is_within, join


class Volumes:
    """The volumes of one environment, whose top is `top`: by their paths, relative to it.

    `links` are those behind a symbolic link, with the absolute directories to which it leads; `mounts` are all others.
    Something other than a directory may be mounted there, too.
    """

    __slots__ = ("links", "mounts", "top")

    def __init__(
        self, top: str, mounts: frozenset[str] = frozenset(), links: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.top = top
        self.mounts = mounts
        self.links = links

    def __bool__(self) -> bool:
        return bool(self.mounts or self.links)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self.mounts, *self.links}))

    def of(self, path: str) -> str:
        """The volume in which the entry `path` lies; "" for that of the top. The entry may itself be a volume."""
        if not self:
            return ""
        return next((one for one in above(path) if one in self.mounts or one in self.links), "")

    def place(self, path: str) -> str:
        """The absolute path of `path`, without the links that are volumes."""
        for one in (path, *above(path)) if self.links else ():
            if one in self.links:
                return self.links[one] + path[len(one) :]
        return f"{self.top}/{path}" if path else self.top

    def inside(self, place: str) -> str | None:
        """The path of `place`, which is absolute and without links; None if it is not in the environment."""
        return _inside({"": self.top, **self.links}, place)

    def is_real(self, directory: str) -> bool:
        """Whether no symbolic link is on the way to `directory`, except those that are volumes."""
        place = self.place(directory)
        return os.path.realpath(place) == place


class RootFinder:
    """A finder of scheme roots below one directory, which notes the volumes on the way to them."""

    def __init__(self, base: str) -> None:
        """`base` is without links; it need not exist."""
        self._base = base
        self._links: dict[str, str] = {}
        self._mounts: set[str] = set()

    def __call__(self, path: str) -> str:
        """`path`, relative to the base, under the one name that it has in the environment.

        A link that stays in the environment is resolved. One that leads out of it keeps its name, and is a volume.
        Raises TargetError for a link that cannot be used.
        """
        here, place, device = "", self._base, _device(self._base)
        for name in path.split("/") if path else ():
            full = f"{place}/{name}"
            try:
                status = os.lstat(full)
            except OSError:  # what is missing can be made
                status = None
            if status is not None and stat.S_ISLNK(status.st_mode):
                here, place = self._follow(join(here, name), full)
                device = _device(place)
                continue
            here, place = join(here, name), full
            if status is not None and status.st_dev != device:  # another mount or, on btrfs, another subvolume
                self._mounts.add(here)
                device = status.st_dev
        return here

    def look_at(self, path: str) -> None:
        """Note a volume at `path`, which is not a root, if there is a usable one."""
        with suppress(TargetError):
            self(path)

    def _follow(self, path: str, link: str) -> tuple[str, str]:
        """The name and the place of the directory to which a link leads."""
        try:
            real = os.path.realpath(link, strict=True)
        except OSError:
            target = printable(os.readlink(link))
            problem = f"{printable(link)} is a symbolic link that leads nowhere ({target}); mount or restore its target"
            raise TargetError(problem, path=link) from None
        inside = _inside({"": self._base, **self._links}, real)
        if inside is not None:
            return inside, real
        other = enclosing(real)
        if os.path.isfile(f"{other}/pyvenv.cfg"):
            raise TargetError(
                f"{printable(link)} is a symbolic link into another environment, {printable(other)}, whose sessions "
                f"take other locks; install there, with --python {printable(other)}",
                path=link,
            )
        if any(is_within(place, real) for place in (self._base, *self._links.values())):
            problem = f"{printable(link)} is a symbolic link to {printable(real)}, which contains what it belongs to"
            raise TargetError(f"{problem}: replace it by a directory", path=link)
        self._links[path] = real
        return path, real

    def volumes(self, top: str) -> Volumes:
        """The volumes on the way to the roots that were looked up, and all mounts below `top` and below them.

        `top` is the base or a directory above it.
        """
        below = "" if top == self._base else os.path.relpath(self._base, top)
        links = {join(below, path): place for path, place in self._links.items()}
        mounts = {join(below, path) for path in self._mounts}
        for path, place in (("", top), *links.items()):
            mounts.update(join(path, os.path.relpath(point, place)) for point in mount_points_below(place))
        return Volumes(top, frozenset(mounts - links.keys()), MappingProxyType(links))


def enclosing(directory: str) -> str:
    """The virtual environment at or around `directory`; `directory` itself if there is none."""
    for parent in (Path(directory), *Path(directory).parents):
        if os.path.isfile(parent / "pyvenv.cfg"):
            return str(parent)
    return directory


def _inside(places: Mapping[str, str], place: str) -> str | None:
    for path, directory in sorted(places.items(), reverse=True):
        if is_within(place, directory.rstrip("/")):
            return join(path, place[len(directory) :].strip("/"))
    return None


def _device(directory: str) -> int:
    try:
        return os.stat(directory).st_dev
    except OSError:
        return 0
