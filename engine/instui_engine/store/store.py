"""The shared store of unpacked wheels, addressed by the sha256 of the wheel file.

    <cache>/store-<format>/<aa>/<sha256>/manifest     what plan and stage need (module `manifest`)
    <cache>/store-<format>/<aa>/<sha256>/files/...    the unpacked wheel, from which environments are linked
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
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from instui_engine.errors import CACHE, InstuiError, Interrupted, printable, reason, remedy
from instui_engine.fs.durability import boot, sync_filesystem
from instui_engine.fs.files import set_mode, set_times
from instui_engine.fs.rmtree import remove_tree
from instui_engine.values import NamedTuple
from instui_engine.wheel.manifest import FORMAT, build, dump, load
from instui_engine.wheel.record import Row

from .entry import UNSEALED, Entry, is_sealed

_ABANDONED = 24 * 3600  # seconds after which an unfinished unpack is removed
GONE = ".gone"
SYMLINKED = ".symlinked"


class Pending(NamedTuple):
    """An unpacked wheel that is not visible yet; `Store.publish` makes it so."""

    entry: Entry
    directory: Path


class Progress(NamedTuple):
    """The progress of an unpack: `started(files, bytes)` is called first, then `advanced(bytes so far)`."""

    started: Callable[[int, int], None]
    advanced: Callable[[int], None]


class Store:
    """The store below a cache directory. Thread-safe; shared by any number of processes."""

    def __init__(self, cache: Path, sync: Callable[[Path], None] | None = sync_filesystem) -> None:
        """`sync` is called with a path in the store before entries appear; if it is None, they are not synced."""
        self.cache = cache
        self._unsynced = boot() if sync is None else ""
        self._sync = sync or (sync_filesystem if not self._unsynced else None)
        self._root = cache / f"store-{FORMAT}"

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
        progress: Progress,
        cancelled: Callable[[], bool],
        allow_record: Sequence[str] = (),
    ) -> Pending:
        """Check and unpack a wheel file under its lock. `allow_record`: see `Options`.

        Raises BadWheelError if the wheel is malformed, InstuiError if the disk is full, and Interrupted when
        `cancelled()`, with nothing left behind.
        """
        from instui_engine.wheel.archive import open_archive
        from instui_engine.wheel.extract import extract

        from .examine import examine

        directory = self._new_directory()
        files = directory / "files"
        done = 0

        def advanced(size: int) -> None:
            nonlocal done
            done += size
            progress.advanced(done)
            if cancelled():
                raise Interrupted("interrupted while unpacking")

        try:
            files.mkdir()
            now = int(time.time()) * 1_000_000_000
            sealed = now if set_times(files, now, now) else None
            space = os.statvfs(directory)
            with open_archive(wheel, space.f_bavail * space.f_frsize) as archive:
                progress.started(len(archive.members), sum(member.size for member in archive.members))
                metadata, rows, flaws = examine(archive, filename, allow_record)
                extracted = extract(archive, files, rows, advanced, sealed)
            # read back, as the file system may round it
            seal = UNSEALED if sealed is None else (files / extracted[0].path).stat().st_mtime_ns
            shebangs = _shebangs(files, metadata.data_dir, [file.path for file in extracted])
            written = {file.path: file.size for file in extracted}
            rows = {file.path: Row(file.algorithm, file.digest, file.size) for file in extracted}
            manifest = build(metadata, rows, written, shebangs, seal, self._unsynced, flaws)
            (directory / "manifest").write_bytes(dump(manifest))
            set_mode(directory / "manifest", 0o644)  # several users may share a cache, whatever the umask of the first
            set_mode(files, 0o755)
            set_mode(directory, 0o755)
        except OSError as error:
            remove_tree(directory)
            raise InstuiError(
                f"cannot unpack {printable(filename)} into the cache ({reason(error, directory)}); "
                f"{remedy(error, CACHE)}"
            ) from error
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

    def _new_directory(self) -> Path:
        from tempfile import mkdtemp

        place = self._root / "new"
        try:
            place.mkdir(parents=True, exist_ok=True)
            with os.scandir(place) as found:
                for entry in found:
                    if time.time() - entry.stat().st_mtime > _ABANDONED:
                        remove_tree(entry.path)
            return Path(mkdtemp(dir=place))
        except FileNotFoundError:  # another process removed it meanwhile
            return Path(mkdtemp(dir=place))
        except OSError as error:
            raise _not_writable(error, place) from error

    def _make(self, name: str) -> Path:
        directory = self.cache / name
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _not_writable(error, directory) from error
        return directory


def hide(directory: Path) -> Path:
    """Make a directory of the store invisible by one rename, and return its new place. Raises OSError.

    It is renamed within its own directory, which works on a full disk. If the caller does not delete it, `prune` will.
    """
    hidden = directory.with_name(f"{directory.name}.{os.urandom(4).hex()}{GONE}")
    return directory.rename(hidden)


def _not_writable(error: OSError, place: Path) -> InstuiError:
    return InstuiError(f"the cache is not writable ({reason(error, place)}); {remedy(error, CACHE)}")


def _shebangs(files: Path, data_dir: str, paths: Iterable[str]) -> list[str]:
    """The wheel's scripts (relative to the scheme) whose first line must be rewritten (binary distribution format)."""
    prefix = f"{data_dir}/scripts/"
    found = []
    for path in paths:
        if data_dir and path.startswith(prefix):
            with open(files / path, "rb") as file:
                if file.read(8) == b"#!python":
                    found.append(path.removeprefix(prefix))
    return found
