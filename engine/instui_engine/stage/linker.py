"""Files of an environment made from files of the store: linked if possible, otherwise copied.

Each way checks that the source is as it was unpacked (see `linking`). A hard link is checked after it is made. For a
copy, the open file is checked before and after it is read. A symbolic link can be checked only when it is made. Where
an entry has no seal, or none that its file system keeps, its files are copied and compared with their hashes.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from instui_engine.fs.files import PIECE, digest_of, encoded, open_regular, set_mode, set_times, write_all
from instui_engine.session.options import LinkMode
from instui_engine.store.entry import is_sealed
from instui_engine.wheel.record import Row

from .linking import Changed, link_sealed

FALLBACK = frozenset(
    {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES, errno.ENOTTY, errno.EINVAL}
)
"""The errors of a link where a copy may succeed."""

_FICLONE = 0x40049409
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


class Linker:
    """A maker of files from files of the store, which copies where links are impossible. Thread-safe."""

    def __init__(self, mode: LinkMode) -> None:
        ways = {"hardlink": _hardlink, "copy": _copy, "clone": _clone, "symlink": _symlink}
        self._make: Callable[[str, str, int], None] = ways[mode]
        self.is_plain = mode == "hardlink"  # until a link to another file system has failed

    @property
    def copies(self) -> bool:
        """Whether it copies by now, since that was asked for or links are impossible."""
        return self._make is _copy

    def __call__(self, source: str, target: str, sealed: int) -> None:
        """Make `target`, which must not exist, from a file of an entry with that seal. Raises Changed and OSError."""
        make = self._make
        try:
            make(source, target, sealed)
        except OSError as error:
            if error.errno not in FALLBACK or make is _copy:
                raise
            if error.errno == errno.EXDEV:
                self._make = _copy
                self.is_plain = False
            _copy(source, target, sealed)


def copy_hashed(source: str, target: str, row: Row) -> None:
    """Copy a file that must have the hash of `row`, whatever its mtime. Raises OSError, and Changed if it has not."""
    _copy(source, target, None)
    descriptor = open_regular(target, follow=False)
    try:
        if digest_of(descriptor, row.algorithm) != row.digest:
            raise Changed(source)
    finally:
        os.close(descriptor)


def copy_unsealed(source: str, target: str) -> None:
    """Copy a file whatever its mtime. Raises OSError, and Changed if it is gone."""
    _copy(source, target, None)


def read_hashed(source: str, row: Row) -> bytes:
    """The content of a file that must have the hash of `row`. Raises as `copy_hashed`."""
    with _opened(source, None) as file:
        content = file.read()
    import hashlib

    if encoded(hashlib.new(row.algorithm, content).digest()) != row.digest:
        raise Changed(source)
    return content


def read_sealed(source: str, sealed: int) -> bytes:
    """The content of a file of an entry with that seal. Raises OSError, and Changed if it differs from the unpacked."""
    with _opened(source, sealed) as file:
        return file.read()


@contextmanager
def _opened(source: str, sealed: int | None) -> Iterator[BinaryIO]:
    """Open a file of the store. If the block ends without Changed, it has read what was unpacked.

    Without `sealed`, it is only a regular file.
    """
    try:
        # not `open_regular`: the seal also covers the kind of file, and each system call is made for every file
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _GONE:
            raise Changed(source) from None
        raise
    try:
        if not _is_right(os.fstat(descriptor), sealed):
            raise Changed(source)
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            yield file
        if not _is_right(os.fstat(descriptor), sealed):
            raise Changed(source)
    finally:
        os.close(descriptor)


def _is_right(status: os.stat_result, sealed: int | None) -> bool:
    return stat.S_ISREG(status.st_mode) if sealed is None else is_sealed(status, sealed)


def _hardlink(source: str, target: str, sealed: int) -> None:
    link_sealed(sealed)(source, target)


def _symlink(source: str, target: str, sealed: int) -> None:
    try:
        status = os.lstat(source)
    except (FileNotFoundError, NotADirectoryError):
        raise Changed(source) from None
    if not is_sealed(status, sealed):
        raise Changed(source)
    Path(target).symlink_to(source)


def _copy(source: str, target: str, sealed: int | None) -> None:
    with _opened(source, sealed) as old, _created(target, old) as new:
        while piece := old.read(PIECE):
            write_all(new.fileno(), piece)
        _keep_time(new, sealed)


def _clone(source: str, target: str, sealed: int) -> None:
    """Share the extents of `source` (btrfs, xfs). Raises OSError, with EOPNOTSUPP if that is not supported."""
    import fcntl

    with _opened(source, sealed) as old, _created(target, old) as new:
        fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        _keep_time(new, sealed)


def _keep_time(new: BinaryIO, sealed: int | None) -> None:
    """Give a copy the mtime of its source, as a link has: byte code that comes with it names that."""
    if sealed is not None:
        set_times(new.fileno(), sealed, sealed)


@contextmanager
def _created(target: str, old: BinaryIO) -> Iterator[BinaryIO]:
    """Make a file at `target` with the mode of `old`; remove it if the block fails."""
    mode = stat.S_IMODE(os.fstat(old.fileno()).st_mode)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb", buffering=0) as new:
            set_mode(new.fileno(), mode)
            yield new
    except BaseException:
        Path(target).unlink()
        raise
