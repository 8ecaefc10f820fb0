"""Directories that belong to one distribution alone: a removal renames each away as a whole, with all that is in it.

That takes one rename instead of three system calls for each file. The plan finds them by RECORD and by one listing of
each directory. The commit lists them again under the claims: if there is anything that RECORD does not list, a file of
the user's say, the wheel is planned again, file by file.
"""

from collections.abc import Iterable, Mapping, Sequence, Set

from instui_engine.fs.paths import above, directories_of, is_within
from instui_engine.target.bytecode import CACHE
from instui_engine.target.environment import Environment

from .outlook import Outlook
from .plan import Whole


def whole_directories(
    environment: Environment, outlook: Outlook, listed: Mapping[str, Sequence[str]], shared: Set[str]
) -> tuple[Whole, ...]:
    """The shallowest of the directories in which RECORD lists a file, as far as they may be renamed away as a whole.

    `listed`: directory -> the files in it, of one RECORD. `shared` are directories with anything that stays.
    """
    if outlook.by_file:
        return ()
    stays = {*environment.neutral, *shared, *directories_of(shared)}
    for group in _groups(listed, stays):
        places = {*group, *directories_of(group)}
        known = {place for place in places if is_within(place, group[0])}
        for directory in sorted(known):
            if not _has_nothing_else(outlook, directory, listed.get(directory, ()), known):
                stays.update((directory, *above(directory)))
    found = []
    for group in _groups(listed, stays):
        files = tuple(file for directory in group for file in listed[directory])
        if outlook.may_go_whole(group[0], files):
            found.append(Whole(group[0], files, tuple(group)))
    return tuple(found)


def _groups(listed: Iterable[str], stays: Set[str]) -> list[list[str]]:
    """The directories of `listed` without those of `stays`: each of the shallowest, followed by those below it."""
    groups: list[list[str]] = []
    for directory in sorted(listed, key=lambda path: path.replace("/", "\0")):
        if groups and directory.startswith(f"{groups[-1][0]}/"):
            groups[-1].append(directory)
        elif directory not in stays:
            groups.append([directory])
    return groups


def _has_nothing_else(outlook: Outlook, directory: str, files: Iterable[str], known: Set[str]) -> bool:
    """Whether a directory has nothing but `files`, `known` directories, and what was generated."""
    kinds = outlook.kinds(directory)
    if kinds is None:
        return False
    names = {file[len(directory) + 1 :] for file in files}
    others = [(name, kind) for name, kind in kinds.items() if kind != "file" or name not in names]
    return all(kind == "directory" and (name == CACHE or f"{directory}/{name}" in known) for name, kind in others)
