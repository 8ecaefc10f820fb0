"""Directories that are renamed away as a whole: what else is in them, and how that comes back.

A directory is listed before its rename, under the claims, so that a file of the user's speaks against it. After it, all
are looked at again, as somebody who takes no locks may have put a file there in between. That changes the mtime and the
ctime of the directory, and nobody can set the latter back. So only two kinds are listed a second time: those with other
times, and the top one, whose ctime is that of its own rename.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from instui_engine.errors import printable
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.fs.paths import directories_of, name_of, parent_of
from instui_engine.fs.timestamps import is_settled
from instui_engine.target.bytecode import CACHE
from instui_engine.target.environment import Environment

from .transaction import Step, Transaction

_INFO = (".dist-info", ".egg-info")

Times = tuple[int, int, int, int]
"""Device, inode, mtime and ctime of a directory."""
Seen = Mapping[str, Times]
"""What was seen of the directories below another one, by their paths."""
_NOTHING: Seen = MappingProxyType({})


def foreign_in(
    tree: DirfdTree,
    place: str,
    directory: str,
    files: Iterable[str],
    seen: dict[str, Times] | None = None,
    before: Seen = _NOTHING,
) -> list[str]:
    """What is below `directory`, which now lies at `place`, and is neither one of `files` nor generated from them.

    Links and mount points count as foreign. The paths are those below `directory`. `seen` gets all other directories
    that are listed. Those that are as they were `before` are not listed again. Raises OSError.
    """
    listed: dict[str, set[str]] = {}
    for file in files:
        parent, _, name = file.rpartition("/")
        listed.setdefault(parent, set()).add(name)
    known = {*listed, *directories_of(listed)}
    inside: dict[str, list[str]] = {}
    for below in before:
        inside.setdefault(parent_of(below), []).append(below)
    foreign = []
    device = 0
    todo = [(directory, 0, False)]
    while todo:
        path, inode, is_generated = todo.pop()
        here = place + path[len(directory) :]
        if path in before and (look := tree.status(here)) is not None and _times(look) == before[path]:
            for below in inside.get(path, ()):
                todo.append((below, before[below][1], is_generated or name_of(below) == CACHE))
            continue
        status, entries = tree.scan(here)
        if not inode:
            device = status.st_dev
        elif (status.st_dev, status.st_ino) != (device, inode):  # the root of a mount
            foreign.append(path)
            continue
        if seen is not None and path != directory:
            seen[path] = _times(status)
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
    """`seen`, just now, if any change from here on shows in these times; else nothing."""
    return seen if all(is_settled(max(mtime, ctime)) for _, _, mtime, ctime in seen.values()) else _NOTHING


def _times(status: os.stat_result) -> Times:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


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
    before: Mapping[str, Seen] = MappingProxyType({}),
) -> list[str]:
    """Put back what somebody has put into a directory before it was renamed away; `listed` are its files, by its path.

    `before`, by that path, is `trusted`. Return the paths, to be reported, of what is kept under another name because
    something else is there now. Raises OSError; the record must stay then, as what is in the stage goes with it.
    """
    kept = []
    for step in whole_steps(environment, transaction):
        if tree.fingerprint(step.saved) is not None:
            seen = before.get(step.path, _NOTHING)
            for path in foreign_in(tree, step.saved, step.path, listed[step.path], before=seen):
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
