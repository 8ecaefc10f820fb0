"""Directories that are renamed away as a whole: what else is in them, and how that comes back.

A directory is listed before its rename, under the claims, so that a file of the user's speaks against it. After it, all
are looked at again, as somebody who takes no locks may have put a file there in between. Whatever is made, removed or
renamed in a directory changes its mtime and its ctime, which nobody can set back. So only the top one, whose own rename
changes its ctime, is listed a second time, and all if anything is not as it was.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from instui_engine.errors import printable
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.fs.paths import directories_of, parent_of
from instui_engine.target.bytecode import CACHE
from instui_engine.target.environment import Environment

from .transaction import Step, Transaction

_INFO = (".dist-info", ".egg-info")
# Nanoseconds for which a directory may be changed again within the same mtime; some file systems count whole seconds.
_FRESH, _FRESH_COARSE = 100_000_000, 2_100_000_000

Seen = dict[str, tuple[int, int, int, int | frozenset[str]]]
"""Directory -> device, inode, mtime and ctime when it was listed; of the top one, the names in it for the ctime."""


def foreign_in(
    tree: DirfdTree, place: str, directory: str, files: Iterable[str], seen: Seen | None = None
) -> list[str]:
    """What is below `directory`, which now lies at `place`, and is neither one of `files` nor generated from them.

    Links and mount points count as foreign. The paths are those below `directory`. `seen` gets all directories that are
    listed. Raises OSError.
    """
    listed: dict[str, set[str]] = {}
    for file in files:
        parent, _, name = file.rpartition("/")
        listed.setdefault(parent, set()).add(name)
    known = {*listed, *directories_of(listed)}
    foreign = []
    device = 0
    todo = [(directory, 0, False)]
    while todo:
        path, inode, is_generated = todo.pop()
        status, entries = tree.scan(place + path[len(directory) :])
        if not inode:
            device = status.st_dev
        elif (status.st_dev, status.st_ino) != (device, inode):  # the root of a mount
            foreign.append(path)
            continue
        if seen is not None:
            names_there = frozenset(entry.name for entry in entries) if path == directory else None
            seen[path] = _identity(status, names_there)
        names = listed.get(path, ())
        for entry in entries:
            name = entry.name
            if name in names and entry.is_file(follow_symlinks=False):
                continue  # as nearly all
            if entry.is_dir(follow_symlinks=False):
                below = f"{path}/{name}"
                if is_generated or name == CACHE or below in known:
                    todo.append((below, entry.inode(), is_generated or name == CACHE))
                else:
                    foreign.append(below)
            elif not is_generated:
                foreign.append(f"{path}/{name}")
    return foreign


def trusted(seen: Seen) -> Seen:
    """`seen`, just now, if a change from here on shows in all its mtimes; else nothing."""
    now = time.time_ns()
    for _, _, mtime, ctime in seen.values():
        for changed in (mtime, ctime) if isinstance(ctime, int) else (mtime,):
            if now - changed <= (_FRESH if changed % 1_000_000_000 else _FRESH_COARSE):
                return {}
    return seen


def _identity(status: os.stat_result, names: frozenset[str] | None) -> tuple[int, int, int, int | frozenset[str]]:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns if names is None else names


def _is_as_seen(tree: DirfdTree, place: str, directory: str, seen: Seen) -> bool:
    """Whether nothing was put into `directory`, which now lies at `place`, since it was `seen`."""
    for path, identity in seen.items():
        status = tree.status(place + path[len(directory) :])
        names = frozenset(tree.names(place)) if path == directory else None
        if status is None or _identity(status, names) != identity:
            return False
    return bool(seen)


def whole_steps(environment: Environment, transaction: Transaction) -> Iterator[Step]:
    """The steps that rename a directory away, without those for metadata."""
    for step in transaction.steps:
        if step.action == "retire" and step.old is not None and step.old.is_directory:
            is_info = step.path.endswith(_INFO) and parent_of(step.path) in environment.site_packages
            if not is_info:
                yield step


def give_back(
    environment: Environment,
    tree: DirfdTree,
    transaction: Transaction,
    listed: Mapping[str, Iterable[str]],
    seen: Mapping[str, Seen] = MappingProxyType({}),
) -> list[str]:
    """Put back what somebody has put into a directory before it was renamed away; `listed` are its files, by its path.

    `seen`, by that path, is `trusted`. Return the paths, to be reported, of what is kept under another name because
    something else is there now. Raises OSError; the record must stay then, as what is in the stage goes with it.
    """
    kept = []
    for step in whole_steps(environment, transaction):
        if _is_as_seen(tree, step.saved, step.path, seen.get(step.path, {})):
            continue
        if tree.fingerprint(step.saved) is not None:
            for path in foreign_in(tree, step.saved, step.path, listed[step.path]):
                kept += _put(tree, step.saved + path[len(step.path) :], path)
    return kept


def kept_beside(path: str) -> str:
    """What the user is told about such a path."""
    return f"somebody has just put {printable(path.rpartition('.')[0])} there; it is kept as {printable(path)}"


def _put(tree: DirfdTree, saved: str, path: str) -> list[str]:
    there, mine = tree.fingerprint(path), tree.fingerprint(saved)
    if there is not None and mine is not None and there.is_directory and mine.is_directory:
        return [kept for name in tree.names(saved) for kept in _put(tree, f"{saved}/{name}", f"{path}/{name}")]
    place, number = path, 0
    while tree.fingerprint(place) is not None:
        number += 1
        place = f"{path}.saved{number}"
    tree.make_directories(parent_of(place))
    tree.rename(saved, place)
    return [place] if number else []
