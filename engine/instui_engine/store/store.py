"""The shared store of unpacked wheels, addressed by the sha256 of the wheel file.

    <cache>/store-<format>/<aa>/<sha256>/manifest     what plan and stage need (module `manifest`)
    <cache>/store-<format>/<aa>/<sha256>/files/...    the unpacked wheel, from which environments are linked
    <cache>/store-<format>/<aa>/<sha256>/bytecode/... the same once more, with byte code (room `bytecode`)
    <cache>/store-<format>/<aa>/<sha256>.<random>.gone  an entry that was taken away, being removed
    <cache>/store-<format>/<aa>/<sha256>.symlinked    environments may have symbolic links to the entry
    <cache>/store-<format>/new/<random>/              being unpacked, invisible
    <cache>/locks/<key>.lock                          one process fetches and unpacks a wheel, the others wait
    <cache>/locks/in-use                              held shared by all who use the store (module `gc_lock`)
    <cache>/local-<format>/...                        the sha256 of local wheel files (module `local`)
    <cache>/known-<format>/...                        what downloads have proved about other hashes (module `known`)

An entry appears by one rename and disappears by one rename; in between we change none of its files. But environments
share them by hard links, so others can change them. Hence the seal: all files of an entry get the same mtime when it is
unpacked, the manifest records it, and it is compared whenever a file is linked or read (`linking`). An entry with a
file that was changed or removed is discarded under the wheel's lock and rebuilt. On a file system that cannot set an
mtime, entries have no seal: their files are copied and compared with their hashes instead (`linker`).

An entry is synced before it appears. Without that (`--no-fsync`), a power cut can leave a whole manifest with torn
files, so the manifest of such an entry names the boot of the system in which it was made. As long as the system runs,
what was written is what is read; after the next boot the entry counts as missing. If the system does not identify its
boots, all entries are synced.
"""

import errno
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from instui_engine.errors import CACHE, InstuiError, reason, remedy
from instui_engine.fs.durability import boot, sync_filesystem
from instui_engine.fs.rmtree import remove_tree
from instui_engine.values import NamedTuple
from instui_engine.wheel.manifest import FORMAT, Manifest, load

from .entry import Entry, is_sealed

if TYPE_CHECKING:
    from .unpack import Job, Progress

_ABANDONED = 24 * 3600  # seconds after which an unfinished unpack, or build, is removed
GONE = ".gone"
GUESSED = "ahead-"  # how the names of downloads begin that nobody resumes (module `ahead`)
SYMLINKED = ".symlinked"


class Pending(NamedTuple):
    """An unpacked wheel that is not visible yet; `Store.publish` makes it so."""

    entry: Entry
    directory: Path


Unpack = Callable[["Job", "Progress", Callable[[], bool]], Manifest]
"""What `unpack.unpack` does, there or in a helper process."""


class Store:
    """The store below a cache directory. Thread-safe; shared by any number of processes."""

    def __init__(self, cache: Path, sync: Callable[[Path], None] | None = sync_filesystem) -> None:
        """`sync` is called with a path in the store before entries appear; if it is None, they are not synced."""
        self.cache = cache
        self.unsynced: Final = boot() if sync is None else ""  # what the manifests of new entries say
        self._sync = sync or (sync_filesystem if not self.unsynced else None)
        self._root = cache / f"store-{FORMAT}"
        self._is_swept = False

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever unpacked into it."""
        return not self._root.exists()

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was ever fetched or unpacked into it."""
        return self.is_new and not (self.cache / "downloads").exists()

    def load(self, digest: str) -> Entry | None:
        """The entry of the wheel with that sha256, or None. An unsynced entry of another boot counts as missing.

        Raises InstuiError if it cannot be read.
        """
        entry = self._load(digest)
        if entry is not None and entry.manifest.unsynced and entry.manifest.unsynced != boot():
            return None
        return entry

    def is_whole(self, entry: Entry, path: str) -> bool:
        """Whether the file at `path` in `entry` is there and as it was unpacked."""
        try:
            return is_sealed(os.lstat(path), entry.manifest.sealed)
        except OSError:
            return False

    def discard(self, entry: Entry) -> None:
        """Remove a damaged entry, under the wheel's lock. Sessions that link from it find no files. Raises OSError."""
        remove_tree(hide(self._path(entry.sha256)))

    def note_symlinks(self, entry: Entry) -> None:
        """Record that an environment gets symbolic links to the entry, which leave no trace here. Raises OSError."""
        path = self._path(entry.sha256)
        path.with_name(path.name + SYMLINKED).touch()

    def _load(self, digest: str) -> Entry | None:
        directory = f"{self._root}/{digest[:2]}/{digest}"
        try:
            descriptor = os.open(f"{directory}/manifest", os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:  # another user's cache, for example
            problem = f"the cache cannot be read ({reason(error)}); {remedy(error, CACHE)}"
            raise InstuiError(problem) from error
        try:
            data = os.read(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)
        try:
            return Entry(digest, f"{directory}/files", load(data))
        except (ValueError, TypeError, EOFError):
            return None

    def lock_file(self, key: str) -> Path:
        """The lock file whose exclusive flock lets one process fetch and unpack a wheel. Raises InstuiError.

        `key` is the wheel's sha256, or the key of its URL if that is not known.
        """
        return self._make("locks") / f"{key}.lock"

    def partial(self, key: str) -> Path:
        """The path to which the wheel file is downloaded, under the lock of the same `key`."""
        directory = self._make("downloads")
        return directory / f"{key}.part"

    def unpack(
        self,
        wheel: Path,
        digest: str,
        filename: str,
        progress: "Progress",
        cancelled: Callable[[], bool],
        allow_record: Sequence[str] = (),
        unpack: "Unpack | None" = None,
    ) -> Pending:
        """Check and unpack a wheel file under its lock. `allow_record`: see `Options`.

        `unpack` does the work, by default that of the module of this name. Raises as it does, with nothing left behind.
        """
        from . import unpack as unpacking  # a warm store needs no reader of archives

        directory = self.new_directory()
        try:
            job = unpacking.Job(str(wheel), filename, str(directory), tuple(allow_record), self.unsynced)
            manifest = (unpack or unpacking.unpack)(job, progress, cancelled)
        except BaseException:
            remove_tree(directory)
            raise
        return Pending(Entry(digest, f"{self._path(digest)}/files", manifest), directory)

    def publish(self, pending: Sequence[Pending]) -> None:
        """Make unpacked wheels visible, after one sync for all of them: no power cut leaves a torn entry.

        Raises InstuiError if the disk fails; whatever is not visible then is removed.
        """
        left = list(pending)
        try:
            if left and self._sync is not None:
                self._sync(self._root)
            while left:
                entry, directory = left[0]
                final = self._path(entry.sha256)
                final.parent.mkdir(exist_ok=True)
                if not self._appear(entry.sha256, directory, final):
                    remove_tree(directory)  # others are linking from the existing entry
                del left[0]
        except OSError as error:
            raise _not_writable(error, self._root) from error
        finally:
            for each in left:
                remove_tree(each.directory)

    def _appear(self, digest: str, directory: Path, final: Path) -> bool:
        """Rename `directory` to `final`; False if there is an entry already. Raises OSError.

        A process that has downloaded a wheel whose sha256 was not known holds no lock of that sha256, so another one
        may do the same at any moment.
        """
        for _ in range(3):
            try:
                directory.rename(final)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            else:
                return True
            if self.load(digest) is not None:
                return False
            with suppress(FileNotFoundError):
                remove_tree(hide(final))
        directory.rename(final)
        return True

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest

    def flush(self) -> None:
        """Write back what was unpacked so far, so that the sync of `publish` has less to wait for. Raises InstuiError.

        Nothing if entries are not synced.
        """
        if self._sync is not None:
            try:
                with suppress(FileNotFoundError):  # there is nothing yet
                    sync_filesystem(self._root)
            except OSError as error:
                raise _not_writable(error, self._root) from error

    def sync(self) -> None:
        """Wait until what was written into the store is on its disk, if entries are synced. Raises InstuiError."""
        if self._sync is not None:
            try:
                self._sync(self._root)
            except OSError as error:
                raise _not_writable(error, self._root) from error

    def new_directory(self) -> Path:
        """A directory for what is not visible yet. If this session leaves it, a later one removes it.

        Raises InstuiError.
        """
        place = self._root / "new"
        try:
            if not self._is_swept:  # once for all wheels of a session
                self._is_swept = True
                place.mkdir(parents=True, exist_ok=True)
                sweep(place)
                with suppress(FileNotFoundError):
                    sweep(self.cache / "downloads", GUESSED)
            directory = place / os.urandom(8).hex()  # as `tempfile` would, which loads ten modules more
            try:
                directory.mkdir(0o700)
            except FileNotFoundError:  # another process removed `place` meanwhile
                place.mkdir(parents=True, exist_ok=True)
                directory.mkdir(0o700)
            return directory
        except OSError as error:
            raise _not_writable(error, place) from error

    def _make(self, name: str) -> Path:
        directory = self.cache / name
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _not_writable(error, directory) from error
        return directory


def sweep(place: Path, prefix: str = "") -> None:
    """Remove what killed sessions have left half-unpacked, half-built or half-fetched in `place`. Raises OSError.

    If not all of it is for one session, the names of what is begin with `prefix`.
    """
    with os.scandir(place) as found:
        for entry in found:
            with suppress(FileNotFoundError):  # another session was faster
                if entry.name.startswith(prefix) and time.time() - entry.stat().st_mtime > _ABANDONED:
                    remove_tree(entry.path)


def hide(directory: Path) -> Path:
    """Make a directory of the store invisible by one rename, and return its new place. Raises OSError.

    It is renamed within its own directory, which works on a full disk. If the caller does not delete it, `prune` will.
    """
    hidden = directory.with_name(f"{directory.name}.{os.urandom(4).hex()}{GONE}")
    return directory.rename(hidden)


def _not_writable(error: OSError, place: Path) -> InstuiError:
    return InstuiError(f"the cache is not writable ({reason(error, place)}); {remedy(error, CACHE)}")
