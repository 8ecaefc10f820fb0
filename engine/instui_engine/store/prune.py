"""Pruning of the cache: entries that no environment uses, and what killed processes and other versions left.

An entry is in use if one of its files has a name outside of it: environments hold hard links. Symbolic links leave no
such trace, so an entry that was ever installed with `--link-mode symlink` is kept. Copies do not need their entry. A
wheel that was built is kept as long as its entry is.

While sessions use the store, nothing is removed (see `gc_lock`). What goes is first renamed, within milliseconds, and
deleted when sessions may use the store again. So a kill at any point leaves no visible half of an entry.
"""

import os
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from instui_engine.errors import CACHE, InstuiError, reason, remedy
from instui_engine.fs.files import NEW
from instui_engine.fs.rmtree import remove_tree
from instui_engine.target import interpreter
from instui_engine.values import NamedTuple
from instui_engine.wheel.manifest import FORMAT, load

from . import built, known, local
from .gc_lock import excluding
from .store import GONE, SYMLINKED, hide

if TYPE_CHECKING:
    from instui_engine.locks.wait import OnWait

_NOTES = (local.DIRECTORY, known.DIRECTORY)
_DIGEST = re.compile("[0-9a-f]{64}")
_VERSIONED = re.compile("(store|local|known|built|selected)-[0-9]+")


class Freed(NamedTuple):
    """What was removed: entries, and bytes, which include abandoned files and the stores of other versions."""

    entries: int
    size: int
    kept: int  # entries that are in use
    built: int = 0  # built wheels


class Doomed(NamedTuple):
    """What would be removed, and its bytes.

    An entry is called by name and version, a built wheel by its file name, anything else by its path in the cache.
    """

    what: str
    size: int
    kind: Literal["entry", "built", "rest"] = "rest"


def foresee(cache: Path) -> tuple[list[Doomed], int]:
    """What `prune` would remove, and the number of entries that are in use. Nothing is locked or written.

    What a session that runs now has not linked yet is among it: `prune` waits for that.
    """
    entries = list(_entries(cache))
    unused = [entry for entry in entries if not _in_use(entry)]
    used = {entry.name for entry in entries}.difference(entry.name for entry in unused)
    found = [Doomed(_label(entry), _size(entry), "entry") for entry in unused]
    found += [Doomed(str(path.relative_to(cache)), _size(path)) for path in _leftovers(cache)]
    for path in _built(cache, used):
        name = _built_name(path)
        found.append(Doomed(name or str(path.relative_to(cache)), _size(path), "built" if name else "rest"))
    return found, len(used)


def prune(cache: Path, timeout: float, cancelled: Callable[[], bool], on_wait: "OnWait") -> Freed:
    """Remove what is not in use.

    It waits at most `timeout` seconds for sessions; `on_wait` is called if it has to. Raises LockTimeoutError,
    Interrupted when `cancelled()`, and InstuiError if the cache is not writable.
    """
    if not cache.is_dir():
        return Freed(0, 0, 0)
    entries = list(_entries(cache))
    unused = [entry for entry in entries if not _in_use(entry)]
    used = {entry.name for entry in entries}.difference(entry.name for entry in unused)
    taken: list[Path] = []
    removed = built_too = 0
    try:
        with excluding(cache, timeout, cancelled, on_wait):
            for path in list(_leftovers(cache)):
                with suppress(FileNotFoundError):  # a note that was just finished: notes are made without the lock
                    taken.append(path if path.name.endswith(GONE) else hide(path))
            for path in list(_built(cache, used)):
                built_too += bool(_built_name(path))
                taken.append(hide(path))
            for entry in unused:
                if not _in_use(entry):
                    taken.append(hide(entry))
                    removed += 1
    except OSError as error:
        raise InstuiError(f"cannot clean the cache ({reason(error, cache)}); {remedy(error, CACHE)}") from error
    finally:
        size = sum(map(_size, taken))
        for path in taken:
            remove_tree(path)
    return Freed(removed, size, len(entries) - removed, built_too)


def _entries(cache: Path) -> Iterator[Path]:
    for shelf in _listed(cache / f"store-{FORMAT}"):
        if len(shelf.name) == 2:
            yield from (path for path in _listed(shelf) if _DIGEST.fullmatch(path.name))


def _leftovers(cache: Path) -> Iterator[Path]:
    """What is useless while no session uses the store: unpacks, downloads, other formats, unfinished removals.

    With them goes what lock files were found to say (`resolve/selections.py`): it is soon found again.
    """
    store = cache / f"store-{FORMAT}"
    for path in _listed(cache):
        other = _VERSIONED.fullmatch(path.name) and path.name not in (store.name, *_NOTES, built.DIRECTORY)
        if other or path.name.endswith(GONE) or path.name == "downloads":
            yield path
    answers = f"{interpreter.FORMAT}-"
    yield from (path for path in _listed(cache / interpreter.DIRECTORY) if not path.name.startswith(answers))
    for notes in _NOTES:
        yield from (path for path in _listed(cache / notes) if path.name.startswith(NEW))
    for path in _listed(store):
        if path.name == "new" or path.name.endswith(GONE):
            yield path
        elif len(path.name) == 2:
            yield from (below for below in _listed(path) if below.name.endswith(GONE))


def _built(cache: Path, used: Collection[str]) -> Iterator[Path]:
    """What was built, without those wheels that environments have, as their entries in `used` show."""
    for home in _listed(cache / built.DIRECTORY):
        kept = built.kept_wheel(home)
        if kept is None or kept[1] not in used:
            yield home
        else:
            yield from (path for path in _listed(home) if path.is_dir() and path != Path(kept[0]).parent)


def _built_name(place: Path) -> str:
    """The file name of the wheel that was built there, for a key or once; "" if there is none."""
    kept = built.kept_wheel(place)
    if kept is not None:
        return os.path.basename(kept[0])
    wheels = (path.name for directory in (place, *_listed(place)) for path in _listed(directory))
    return next((name for name in wheels if name.endswith(".whl")), "")


def _label(entry: Path) -> str:
    """Name and version of the wheel of an entry; what is known of a damaged one."""
    try:
        manifest = load((entry / "manifest").read_bytes())
    except (OSError, ValueError, TypeError, EOFError):
        return f"a damaged wheel, {entry.name[:12]}"
    return f"{manifest.name} {manifest.version}"


def _listed(directory: Path) -> list[Path]:
    try:
        # the target of a link is not ours
        return sorted(path for path in directory.iterdir() if not path.is_symlink())
    except OSError:
        return []


def _in_use(entry: Path) -> bool:
    if entry.with_name(entry.name + SYMLINKED).exists():
        return True
    if not (entry / "bytecode").exists():
        return any(status.st_nlink > 1 for status in _files(entry))
    return any(status.st_nlink > names for status, names in _by_inode(entry))


def _size(directory: Path) -> int:
    return sum(status.st_size for status, names in _by_inode(directory) if status.st_nlink == names)


def _by_inode(place: Path) -> Iterable[tuple[os.stat_result, int]]:
    """The status of each regular file at and below `place`, and how many names it has there."""
    found: dict[int, tuple[os.stat_result, int]] = {}
    for status in _files(place):
        found[status.st_ino] = status, found.get(status.st_ino, (status, 0))[1] + 1
    return found.values()


def _files(place: Path) -> Iterator[os.stat_result]:
    """The status of all regular files at and below `place`; those that vanish meanwhile are left out."""
    stack = [os.fspath(place)]
    while stack:
        path = stack.pop()
        with suppress(OSError):
            status = os.lstat(path)
            if stat.S_ISDIR(status.st_mode):
                with os.scandir(path) as found:
                    stack += [entry.path for entry in found]
            elif stat.S_ISREG(status.st_mode):
                yield status
