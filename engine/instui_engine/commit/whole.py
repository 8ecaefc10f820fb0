"""Directories that are renamed away as a whole: what else is in them, and how that comes back.

A directory is listed twice, each time under the claims: before its rename, so that a file of the user's speaks against
it, and after it, as somebody who takes no locks may have put a file there in between.
"""

from collections.abc import Iterable, Iterator, Mapping

from instui_engine.errors import printable
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.fs.paths import directories_of, parent_of
from instui_engine.target.bytecode import CACHE
from instui_engine.target.environment import Environment

from .transaction import Step, Transaction

_INFO = (".dist-info", ".egg-info")


def foreign_in(tree: DirfdTree, place: str, directory: str, files: Iterable[str]) -> list[str]:
    """What is below `directory`, which now lies at `place`, and is neither one of `files` nor generated from them.

    Links and mount points count as foreign. The paths are those below `directory`. Raises OSError.
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
        names = listed.get(path, ())
        for entry in entries:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                below = f"{path}/{name}"
                if is_generated or name == CACHE or below in known:
                    todo.append((below, entry.inode(), is_generated or name == CACHE))
                else:
                    foreign.append(below)
            elif not is_generated and (name not in names or not entry.is_file(follow_symlinks=False)):
                foreign.append(f"{path}/{name}")
    return foreign


def whole_steps(environment: Environment, transaction: Transaction) -> Iterator[Step]:
    """The steps that rename a directory away, without those for metadata."""
    for step in transaction.steps:
        if step.action == "retire" and step.old is not None and step.old.is_directory:
            is_info = step.path.endswith(_INFO) and parent_of(step.path) in environment.site_packages
            if not is_info:
                yield step


def give_back(
    environment: Environment, tree: DirfdTree, transaction: Transaction, listed: Mapping[str, Iterable[str]]
) -> list[str]:
    """Put back what somebody has put into a directory before it was renamed away; `listed` are its files, by its path.

    Return the paths, to be reported, of what is kept under another name because something else is there now. Raises
    OSError; the record must stay then, as what is in the stage goes with it.
    """
    kept = []
    for step in whole_steps(environment, transaction):
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
