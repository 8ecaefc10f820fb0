"""Built wheels that are kept in the cache, by what they were built from and how.

    <cache>/built-<format>/<key>/<random>/<wheel>    a built wheel
    <cache>/built-<format>/<key>/note                its sha256 and its path below the key: the one that counts
    <cache>/built-<format>/new/<random>/             a build that is under way

The key covers the source (the hash of an archive; repository, commit and subdirectory; the path of a tree, with what uv
looks at to see whether it has changed), the settings of the build, and the interpreter with its tags.
"""

import json
import os
import shutil
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from instui_engine.errors import CACHE, InstuiError, reason, remedy
from instui_engine.fs.durability import sync_file
from instui_engine.fs.files import PIECE, open_regular, write_note
from instui_engine.fs.rmtree import remove_tree
from instui_engine.resolve.request import LockedWheel
from instui_engine.resolve.source import BuildSettings, Source
from instui_engine.store.built import DIRECTORY, NEW, NOTE, kept_wheel
from instui_engine.store.store import sweep
from instui_engine.target.interpreter import Interpreter
from instui_engine.values import NamedTuple

_STALE = 3600  # seconds after which a wheel that no longer counts is removed: nobody reads it any more


class KeptWheel(NamedTuple):
    """A built wheel: its absolute path, and its sha256 in hex."""

    path: str
    sha256: str


class Kept:
    """The kept wheels below a cache directory. Thread-safe; shared by any number of processes."""

    def __init__(self, cache: Path, sync: bool = True) -> None:
        """`sync`: a wheel is on the disk before it counts."""
        self._root = cache / DIRECTORY
        self._sync = sync
        self._is_swept = False
        self._found: dict[str, KeptWheel] = {}

    def find(self, key: str) -> KeptWheel | None:
        """The wheel that was built for `key`, if it is kept, and is still what was built. It is read once."""
        if key not in self._found:
            found = kept_wheel(self._root / key)
            if found is None:
                return None
            if not _is_whole(*found):
                with suppress(OSError):
                    (self._root / key / NOTE).unlink()
                return None
            self._found[key] = KeptWheel(*found)
        return self._found[key]

    def new_directory(self) -> Path:
        """A new private directory for a build, on the file system of what is kept. Raises InstuiError."""
        from tempfile import mkdtemp

        place = self._root / NEW
        try:
            place.mkdir(parents=True, exist_ok=True)
            if not self._is_swept:  # once for all builds of a session
                self._is_swept = True
                sweep(place)
            return Path(mkdtemp(dir=place))
        except OSError as error:
            raise InstuiError(f"the cache is not writable ({reason(error, place)}); {remedy(error, CACHE)}") from error

    def keep(self, key: str, wheel: Path) -> KeptWheel:
        """Keep a built wheel, which is moved, for `key`. Raises InstuiError."""
        home = self._root / key
        name = os.urandom(4).hex()
        try:
            digest = sha256_of(str(wheel), self._sync)
            (home / name).mkdir(parents=True)
            wheel.rename(home / name / wheel.name)
            write_note(home / NOTE, f"{digest} {name}/{wheel.name}")
        except OSError as error:
            raise InstuiError(f"the cache is not writable ({reason(error, home)}); {remedy(error, CACHE)}") from error
        _tidy(home, name)
        return KeptWheel(str(home / name / wheel.name), digest)


def _is_whole(path: str, sha256: str) -> bool:
    try:
        return sha256_of(path) == sha256
    except OSError:
        return False


def _tidy(home: Path, name: str) -> None:
    """Remove what was built for this key before, once nobody can be reading it."""
    with suppress(OSError), os.scandir(home) as found:
        for entry in found:
            if entry.name not in (name, NOTE) and time.time() - entry.stat().st_mtime > _STALE:
                remove_tree(entry.path)


def sha256_of(path: str, sync: bool = False) -> str:
    """The sha256 of a file, in hex; with `sync`, the file is on its disk. Raises OSError."""
    digest = sha256()
    with open(open_regular(path), "rb") as file:
        if sync:
            sync_file(file.fileno())
        while data := file.read(PIECE):
            digest.update(data)
    return digest.hexdigest()


def may_be_kept(wheel: LockedWheel, source: Source, settings: BuildSettings) -> bool:
    """Whether what was built before from that source may be used.

    Not that of a tree of which it is not known what uv looks at; nor where what lies in the environment decides.
    """
    building = settings.building
    if source.anew or (source.kind == "tree" and not source.info):
        return False
    return not building.no_isolation and wheel.name not in building.no_isolation_packages


def key_of(wheel: LockedWheel, source: Source, settings: BuildSettings, interpreter: Interpreter) -> str:
    """The key of what will be built. An archive must have been hashed."""
    building = settings.building
    identity = {
        "archive": source.sha256,
        "git": f"{wheel.origin} {source.commit}",
        "tree": f"{source.path} {source.info}",
    }[source.kind]
    bounds = []
    for file in building.constraint_files:
        with suppress(OSError):
            bounds.append(sha256_of(file))
    own = [text for text in building.config_settings_packages if text.partition(":")[0] == wheel.name]
    known = [
        *(source.kind, identity, source.subdirectory, bool(source.editable)),
        *(building.config_settings, own, bounds, settings.decisive, settings.flags),
        *(interpreter.version, interpreter.tags),
    ]
    return sha256(json.dumps(known).encode("utf-8", "surrogatepass")).hexdigest()


def discard(directory: Path) -> None:
    """Remove the directory of a build, whatever it holds."""
    with suppress(OSError):
        remove_tree(directory)
    shutil.rmtree(directory, ignore_errors=True)  # what a build has made unreadable
