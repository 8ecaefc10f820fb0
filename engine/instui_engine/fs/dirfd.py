"""File operations below one directory, by directory descriptors, that follow no symbolic link on the way.

Another process may swap a directory for a symbolic link while a commit renames files in it. So every directory on the
way is opened by name within its parent, without following links, as openat2's RESOLVE_BENEATH does in one call, and the
operation is relative to that descriptor. By measurement, this costs no more than absolute paths.
"""

import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from instui_engine.values import NamedTuple

from .durability import sync_file
from .files import PIECE, digest_of, open_regular, same_bytes, set_times, write_all

_KEPT_OPEN = 48  # directories of one transaction that stay open


class Fingerprint(NamedTuple):
    """What identifies a file: inode, size and mtime; for a directory only the inode, as its files come and go."""

    inode: int
    size: int
    mtime: int  # nanoseconds

    @property
    def is_directory(self) -> bool:
        """Whether it is the fingerprint of a directory."""
        return self.size < 0


def fingerprint_of(status: os.stat_result) -> Fingerprint:
    """The fingerprint that an lstat result gives."""
    if stat.S_ISDIR(status.st_mode):
        return Fingerprint(status.st_ino, -1, 0)
    return Fingerprint(status.st_ino, status.st_size, status.st_mtime_ns)


class DirfdTree:
    """Everything below the directory `top`. Paths are relative to it, with `/`; for one thread."""

    def __init__(
        self, top: str | os.PathLike[str], fsync: bool = False, links: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """With `fsync`, files that have to be copied are on the disk before anything relies on them. Raises OSError.

        `links` are the symbolic links that belong to the way, with the absolute directories for which they stand: these
        are opened instead, wherever the links lead by then.
        """
        self._fsync = fsync
        self._links = links
        self._top = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._open: OrderedDict[str, int] = OrderedDict()

    def __enter__(self) -> "DirfdTree":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all directories."""
        self.forget("")
        os.close(self._top)

    def forget(self, directory: str) -> None:
        """Close the descriptors at and below that path: it was moved, or another process may have made it again."""
        below = f"{directory}/"
        for path in [path for path in self._open if not directory or path == directory or path.startswith(below)]:
            os.close(self._open.pop(path))

    def look_again(self, but: Container[str]) -> None:
        """Close all directories `but` these, so that they are looked up again: another process may have moved them."""
        for path in [path for path in self._open if path not in but]:
            os.close(self._open.pop(path))

    def _directory(self, path: str) -> int:
        """A descriptor of that directory. Raises OSError: ENOENT, or ENOTDIR (also for a symbolic link on the way)."""
        if not path:
            return self._top
        known = self._open.get(path)
        if known is not None:
            self._open.move_to_end(path)
            return known
        parent, _, name = path.rpartition("/")
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        place = self._links.get(path)
        try:
            if place is None:
                descriptor = os.open(name, flags, dir_fd=self._directory(parent))
            else:
                descriptor = os.open(place, flags)
        except OSError as error:
            raise _about(error, path) from None
        self._open[path] = descriptor
        while len(self._open) > _KEPT_OPEN:
            os.close(self._open.popitem(last=False)[1])
        return descriptor

    def _at(self, path: str) -> tuple[str, int]:
        parent, _, name = path.rpartition("/")
        return name, self._directory(parent)

    # -- reading

    def status(self, path: str) -> os.stat_result | None:
        """The lstat result; None if nothing is there, or a directory on the way is missing."""
        try:
            if path in self._links:
                return os.fstat(self._directory(path))
            name, directory = self._at(path)
            return os.stat(name, dir_fd=directory, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def fingerprint(self, path: str) -> Fingerprint | None:
        """The fingerprint of what is at `path`."""
        status = self.status(path)
        return None if status is None else fingerprint_of(status)

    def names(self, directory: str) -> list[str]:
        """The names in a directory; [] if there is no such directory."""
        try:
            return os.listdir(self._directory(directory))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def scan(self, directory: str) -> tuple[os.stat_result, list[os.DirEntry[str]]]:
        """The status of a directory, and what is in it. Raises OSError."""
        descriptor = self._directory(directory)
        with os.scandir(descriptor) as entries:
            return os.fstat(descriptor), list(entries)

    @contextmanager
    def _reading(self, path: str) -> Iterator[int | None]:
        """A descriptor of a regular file; None if there is none. Raises OSError if it cannot be read."""
        status = self.status(path)
        if status is None or not stat.S_ISREG(status.st_mode):
            yield None
            return
        name, directory = self._at(path)
        try:
            descriptor = open_regular(name, dir_fd=directory, follow=False)
            try:
                yield descriptor
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _about(error, path) from None

    def digest(self, path: str, algorithm: str) -> str:
        """The digest of a regular file as in RECORD; "" if there is none. The file is read in pieces.

        Raises OSError if it cannot be read, and ValueError for an unknown algorithm.
        """
        with self._reading(path) as descriptor:
            return "" if descriptor is None else digest_of(descriptor, algorithm)

    def same_content(self, one: str, other: str) -> bool:
        """Whether two files have the same content. They are compared in pieces; two links to one inode are not read."""
        first, second = self.status(one), self.status(other)
        if first is None or second is None:
            return False
        if os.path.samestat(first, second):
            return True
        if not (stat.S_ISREG(first.st_mode) and stat.S_ISREG(second.st_mode)) or first.st_size != second.st_size:
            return False
        with self._reading(one) as left, self._reading(other) as right:
            return left is not None and right is not None and same_bytes(left, right)

    # -- writing; each raises OSError with the path concerned

    def make_directory(self, path: str) -> None:
        """Make one directory."""
        try:
            name, directory = self._at(path)
            os.mkdir(name, dir_fd=directory)
        except OSError as error:
            raise _about(error, path) from None

    def make_directories(self, path: str) -> None:
        """Make a directory and its parents, as far as they are missing."""
        if not path:
            return
        status = self.status(path)
        if status is not None and stat.S_ISDIR(status.st_mode):
            return
        self.make_directories(path.rpartition("/")[0])
        try:
            self.make_directory(path)
        except FileExistsError:
            self._directory(path)

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory."""
        self.forget(path)
        try:
            name, directory = self._at(path)
            os.rmdir(name, dir_fd=directory)
        except OSError as error:
            raise _about(error, path) from None

    def remove_if_empty(self, path: str) -> bool:
        """Remove a directory if it is there and empty; return whether it was removed."""
        try:
            self.remove_directory(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EBUSY):
                raise
            return False
        return True

    def remove(self, path: str) -> None:
        """Remove a file."""
        try:
            name, directory = self._at(path)
            os.unlink(name, dir_fd=directory)
        except OSError as error:
            raise _about(error, path) from None

    def rename(self, source: str, target: str) -> None:
        """rename(2). An error that is about permissions names what may not be changed, in whichever directory."""
        self.forget(source)
        try:
            with self._both(source, target) as (old, here, new, there):
                try:
                    os.rename(old, new, src_dir_fd=here, dst_dir_fd=there)
                except PermissionError as error:
                    ends = ((source, here), (target, there))
                    closed = (_parent(path) for path, fd in ends if not _is_open(fd))
                    # in an open directory, a file that is immutable or another's, or a directory that may not move
                    found = next(closed, target if _is_there(new, there) else source)
                    raise _about(error, found) from None
        except PermissionError:
            raise
        except OSError as error:
            raise _about(error, target) from None

    @contextmanager
    def _both(self, source: str, target: str) -> Iterator[tuple[str, int, str, int]]:
        """Names and directories of two paths. Opening the second directory may close the first."""
        old, here = self._at(source)
        own = os.dup(here) if target.count("/") >= _KEPT_OPEN - 2 else None
        try:
            new, there = self._at(target)
            yield old, here if own is None else own, new, there
        finally:
            if own is not None:
                os.close(own)

    def link(self, source: str, target: str) -> None:
        """Make a hard link, or a copy if the file system has no links; `target` must not exist."""
        try:
            with self._both(source, target) as (old, here, new, there):
                try:
                    os.link(old, new, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)
                except FileExistsError:
                    raise
                except OSError:
                    self._copy(old, here, new, there)
        except OSError as error:
            raise _about(error, target) from None

    def _copy(self, old: str, here: int, new: str, there: int) -> None:
        status = os.stat(old, dir_fd=here, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(old, dir_fd=here), new, dir_fd=there)
            return
        flags = os.O_NOFOLLOW | os.O_CLOEXEC
        reading = os.open(old, os.O_RDONLY | os.O_NONBLOCK | flags, dir_fd=here)
        try:
            writing = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | flags, status.st_mode & 0o777, dir_fd=there)
            try:
                while data := os.read(reading, PIECE):
                    write_all(writing, data)
                set_times(writing, status.st_atime_ns, status.st_mtime_ns)
                if self._fsync:
                    sync_file(writing)
            finally:
                os.close(writing)
        finally:
            os.close(reading)


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "."


def _is_open(directory: int) -> bool:
    """Whether entries can be made, replaced and removed in that directory."""
    return os.access(".", os.W_OK | os.X_OK, dir_fd=directory)


def _is_there(name: str, directory: int) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return False
    return True


def _about(error: OSError, path: str) -> OSError:
    """The same error with the path relative to the top, which says more than the last name."""
    return OSError(error.errno, os.strerror(error.errno or errno.EIO), path)
