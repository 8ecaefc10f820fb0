"""Whether this user may make the renames of a plan: found in all existing directories before the first of them.

Only directories that exist are looked at, each once: what is missing is made in one of them. What access(2) does not
know, a file that is immutable, shows only at the attempt.
"""

import os
import stat
from collections.abc import Iterable, Iterator

from instui_engine.errors import printable
from instui_engine.fs.paths import above, join, parent_of
from instui_engine.target.environment import Environment
from instui_engine.values import NamedTuple

from .items import StagedItem
from .plan import Plan, Whole


def missing_permission(environment: Environment, plans: Iterable[Plan]) -> tuple[str, str]:
    """The first thing in the environment that this user may not change, though `plans` do; and what that means.

    Both are "" if there is none: the path, absolute, and one line.
    """
    look = _Look(environment)
    for plan in plans:
        refused = next(filter(None, look.at(plan)), "")
        if refused:
            return refused, (
                f"no permission to change {printable(refused)}, as {printable(plan.owner)} needs {_why(refused)}"
            )
    return "", ""


class _Directory(NamedTuple):
    """A directory as this user finds it. `refused`: what forbids changes in it or, if it is missing, above it."""

    refused: str
    is_sticky: bool = False
    is_there: bool = True


class _Look:
    def __init__(self, environment: Environment) -> None:
        self._volumes = environment.volumes
        self._known: dict[str, _Directory] = {}
        self._user = os.geteuid()

    def at(self, plan: Plan) -> Iterator[str]:
        """What is in the way of each change that `plan` makes; "" for nothing."""
        for info in (*([plan.replaces.info] if plan.replaces else ()), *plan.duplicates):
            yield self._entry(info)
            place = self._volumes.place(info)
            # the entry ".." of a directory that moves is changed, too
            yield "" if not os.path.isdir(place) or os.access(place, os.W_OK) else place
        for path in (*plan.stale, *plan.emptied):
            yield self._entry(path)
        for one in plan.whole:
            yield self._entry(one.path)
            yield from self._all_of(one)
        for item in plan.items:
            yield self._entry(item.path)
            if self._directory(item.path).is_there:
                yield from self._below(item)
        if plan.info:
            yield self._entry(plan.info)

    def _below(self, item: StagedItem) -> Iterator[str]:
        for below, names in item.directories:
            path = join(item.path, below)
            directory = self._directory(path)
            if directory.is_there:
                yield directory.refused
                yield from (self._entry(f"{path}/{name}") for name in (names if directory.is_sticky else ()))

    def _all_of(self, one: Whole) -> Iterator[str]:
        """What is in the way of removing what is in a directory that was renamed away."""
        for path in one.directories:
            directory = self._directory(path)
            yield directory.refused
            yield from (self._entry(file) for file in (one.files if directory.is_sticky else ()))

    def _entry(self, path: str) -> str:
        directory = self._directory(parent_of(path))
        place = self._volumes.place(path) if directory.is_sticky else ""
        return directory.refused or (place if place and self._is_of_another(place) else "")

    def _directory(self, path: str) -> _Directory:
        if path not in self._known:
            self._known[path] = self._looked_at(path)
        return self._known[path]

    def _looked_at(self, path: str) -> _Directory:
        place = self._volumes.place(path)
        try:
            status = os.stat(place)
        except (FileNotFoundError, NotADirectoryError):
            return _Directory(self._directory(parent_of(path)).refused if path else "", is_there=False)
        except PermissionError:
            ways = [place, *map(self._volumes.place, above(path))]
            return _Directory(next((way for way in reversed(ways) if not os.access(way, os.X_OK)), place))
        if not stat.S_ISDIR(status.st_mode):
            return _Directory("", is_there=False)
        is_open = os.access(place, os.R_OK | os.W_OK | os.X_OK)
        is_sticky = bool(status.st_mode & stat.S_ISVTX) and self._user not in (0, status.st_uid)
        return _Directory("" if is_open else place, is_sticky)

    def _is_of_another(self, place: str) -> bool:
        try:
            return os.lstat(place).st_uid != self._user
        except OSError:
            return False


def _why(place: str) -> str:
    """Why this user may not change what is there, and what helps."""
    try:
        status = os.lstat(place)
        if os.statvfs(place).f_flag & os.ST_RDONLY:
            return "(it is on a read-only file system): mount it writable"
    except OSError:
        return "(it cannot be read): run as its owner, or correct its permissions"
    mode = stat.S_IMODE(status.st_mode)
    return f"(owner {status.st_uid}, mode {mode:o}): run as its owner, or correct its permissions"
