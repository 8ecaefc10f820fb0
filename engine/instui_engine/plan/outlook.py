"""The outlook: what an environment will be like when it is a wheel's turn, after the plans before its own.

It lasts as long as a session plans. So each directory is listed once, and a plan costs what is in its own distribution,
not what all others have.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from instui_engine.fs.paths import above, add_directories, is_within, join, name_of, parent_of
from instui_engine.locks.names import file_name
from instui_engine.target.environment import PRIVATE, Environment

from .items import StagedItem
from .plan import Plan

Kind = Literal["file", "directory", "other"]


class Outlook:
    """What the plans of a session before the present one will have done."""

    def __init__(self, environment: Environment, *, by_file: bool = False) -> None:
        """`by_file`: nothing is renamed away as a whole."""
        self._environment = environment
        self.by_file = by_file or environment.folds
        self._kinds: dict[str, dict[str, Kind] | None] = {}  # directory -> key of a name -> what is there
        self._real: dict[str, str | None] = {path: path for path in ("", *environment.neutral)}
        self._replaced: set[str] = set()
        self._removed: set[str] = set()
        self._removed_in: set[str] = set()  # the directories of those
        self._trees: dict[str, list[StagedItem]] = {}  # key of the path -> trees that earlier wheels bring there
        self._files: set[str] = set()  # keys of the files that earlier wheels bring beside those
        self._into: set[str] = set()  # keys of all directories above what earlier wheels bring
        self._in_trees: dict[str, frozenset[str]] = {}  # key of a tree's path -> keys of its files
        self._backups: frozenset[str] | None = None

    def add(self, plan: Plan) -> None:
        """Add the next plan."""
        key = self._environment.key
        if plan.replaces is not None:
            self._replaced.add(plan.name)
        for path in (*plan.stale, *plan.emptied, *(one.path for one in plan.whole)):
            self._removed.add(key(path))
            self._removed_in.add(parent_of(key(path)))
            self._kinds.pop(path, None)
            kinds = self._kinds.get(parent_of(path))
            if kinds:
                kinds.pop(key(name_of(path)), None)
        for place in (place for one in plan.whole for place in one.directories):
            self._kinds.pop(place, None)  # nobody else has anything there
            self._real.pop(place, None)
        if plan.items:
            self._into.add("")
        for item in plan.items:
            place = key(item.path)
            if item.kind == "tree":
                self._trees.setdefault(place, []).append(item)
                self._in_trees.pop(place, None)
                self._into.update(join(place, key(directory)) for directory, _ in item.directories)
            else:
                self._files.add(place)
            add_directories(place, self._into)

    def is_replaced(self, name: str) -> bool:
        """Whether the installed version of that distribution will be gone, so that it owns nothing any more."""
        return name in self._replaced

    def is_removed(self, path: str) -> bool:
        """Whether earlier plans remove `path` itself."""
        return self._environment.key(path) in self._removed

    def brings(self, path: str) -> bool:
        """Whether an earlier wheel will own a file at `path`."""
        place = self._environment.key(path)
        return place in self._files or any(place in self._files_of(tree) for tree in above(place))

    def touches(self, directory: str) -> bool:
        """Whether an earlier wheel brings anything into `directory`, at any depth."""
        return self._environment.key(directory) in self._into

    def _files_of(self, tree: str) -> Collection[str]:
        if tree not in self._trees:
            return ()
        if tree not in self._in_trees:
            key = self._environment.key
            self._in_trees[tree] = frozenset(key(path) for item in self._trees[tree] for path, _ in item.files())
        return self._in_trees[tree]

    # -- what is there now

    def kinds(self, directory: str) -> Mapping[str, Kind] | None:
        """Key of a name -> what will be there, for all in a directory; None if there is no such directory."""
        if directory not in self._kinds:
            self._kinds[directory] = self._listed(directory)
        return self._kinds[directory]

    def _listed(self, directory: str) -> dict[str, Kind] | None:
        key = self._environment.key
        try:
            with os.scandir(f"{self._environment.top}/{directory}") as entries:
                found: dict[str, Kind] = {
                    entry.name: "file" if entry.is_file(follow_symlinks=False) else _kind(entry) for entry in entries
                }
        except (FileNotFoundError, NotADirectoryError):
            return None
        if self._environment.folds:
            found = {key(name): kind for name, kind in found.items()}
        if key(directory) in self._removed_in:
            gone = [name for name in found if (f"{key(directory)}/{name}" if directory else name) in self._removed]
            for name in gone:
                del found[name]
        return found

    def real(self, directory: str) -> str | None:
        """The one name of a directory, without links; None if links lead out of the environment."""
        if directory not in self._real:
            volumes, parent = self._environment.volumes, parent_of(directory)
            place = volumes.place(directory)
            if not volumes and self.real(parent) == parent and not os.path.islink(place):
                self._real[directory] = directory
            else:
                self._real[directory] = volumes.inside(os.path.realpath(place))
        return self._real[directory]

    # -- what may be renamed away as a whole

    def may_go_whole(self, directory: str, files: Iterable[str]) -> bool:
        """Whether nothing but what is in it can speak against renaming `directory`, with `files`, away as a whole."""
        volumes = self._environment.volumes
        return not (
            self.touches(directory)
            or any(is_within(volume, directory) for volume in volumes)
            or (self._has_backups() and any(map(self._has_backup, files)))
        )

    def _has_backups(self) -> bool:
        if self._backups is None:
            found: set[str] = set()
            for volume in ("", *self._environment.volumes):
                place = self._environment.top / volume / PRIVATE / "kept"
                if place.is_dir():
                    found.update(name.partition("%%")[0] for name in os.listdir(place))
            self._backups = frozenset(found)
        return bool(self._backups)

    def _has_backup(self, path: str) -> bool:
        assert self._backups is not None
        return file_name(self._environment.key(path)) in self._backups


def _kind(entry: os.DirEntry[str]) -> Kind:
    """The kind of an entry that is not a file."""
    return "directory" if entry.is_dir(follow_symlinks=False) else "other"
