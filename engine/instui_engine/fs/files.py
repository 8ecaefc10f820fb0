"""Single files: write all bytes, open only regular files, compare and hash in pieces.

Anybody may have made a file of an environment: it may be a FIFO that never answers, or larger than the memory. So a
file that is not ours is opened without blocking, read only if it is regular, and never read whole to be compared.
"""

import binascii
import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Protocol

PIECE = 1 << 20  # bytes in memory at a time
_READ = 1 << 16  # bytes of one read(2) of a small file
NOT_OFFERED = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
"""What a file system answers that has no modes or times of its own to set (CIFS, FUSE, vfat), or seccomp for it."""
_URLSAFE = bytes.maketrans(b"+/", b"-_")
NEW = ".new-"  # how the names of unfinished notes begin


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of `data`: one write(2) may take less, after a signal, on a nearly full disk, or beyond 2 GiB."""
    written = os.write(descriptor, data)
    if written < len(data):
        rest = memoryview(data)[written:]
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def set_mode(file: int | str | os.PathLike[str], mode: int) -> None:
    """chmod(2), of a path or a descriptor; nothing where the file system does not offer it. Raises OSError."""
    try:
        os.chmod(file, mode)
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise


def set_times(file: int | str | os.PathLike[str], accessed: int, modified: int) -> bool:
    """utime(2), in nanoseconds; return whether the file system offers it. Raises OSError."""
    try:
        os.utime(file, ns=(accessed, modified))
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise
        return False
    return True


def write_note(path: Path, text: str) -> None:
    """Write a file that others find complete or not at all, with its directory. Raises OSError, with no rest left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # not named by the pid, which is the same in many containers, nor by the note, which may be as long as a name can be
    new = path.with_name(f"{NEW}{os.urandom(8).hex()}")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise


def open_regular(path: str | os.PathLike[str], *, dir_fd: int | None = None, follow: bool = True) -> int:
    """A descriptor of the regular file at `path`, for reading. With `follow`, the last component may be a link.

    Raises OSError, and without waiting: EINVAL for a FIFO, a device, a directory or anything else that is not a regular
    file.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags, dir_fd=dir_fd)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    return descriptor


def read_regular(path: str | os.PathLike[str], *, follow: bool = True) -> bytes:
    """The content of the regular file at `path`. Raises OSError as `open_regular`."""
    descriptor = open_regular(path, follow=follow)
    try:
        pieces = []
        while data := os.read(descriptor, _READ):  # half of the system calls of a file object
            pieces.append(data)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def same_bytes(one: int, other: int) -> bool:
    """Whether two open files have the same content from the start; they are read in pieces. Raises OSError."""
    if os.fstat(one).st_size != os.fstat(other).st_size:
        return False
    offset = 0
    while True:
        first, second = os.pread(one, PIECE, offset), os.pread(other, PIECE, offset)
        if first != second:
            return False
        if not first:
            return True
        offset += len(first)


def same_file(one: str, other: str) -> bool:
    """Whether two files have the same content; False if either is not a regular file or cannot be read.

    Two links to one inode are not read.
    """
    try:
        if os.path.samefile(one, other):
            return True
        first = open_regular(one, follow=False)
        try:
            second = open_regular(other, follow=False)
            try:
                return same_bytes(first, second)
            finally:
                os.close(second)
        finally:
            os.close(first)
    except OSError:
        return False


def digest_of(descriptor: int, algorithm: str) -> str:
    """The digest of an open file, read in pieces, as in RECORD: urlsafe base64 without padding.

    Raises OSError, and ValueError for an algorithm that hashlib does not know or whose digests have no length of their
    own.
    """
    import hashlib

    state: _Hash = hashlib.new(algorithm, usedforsecurity=False)
    offset = 0
    while data := os.pread(descriptor, PIECE, offset):
        state.update(data)
        offset += len(data)
    try:
        return encoded(state.digest())
    except TypeError as error:  # shake_128 and shake_256
        raise ValueError(f"{algorithm} has digests of any length") from error


def encoded(digest: bytes) -> str:
    """A digest as in RECORD: urlsafe base64 without padding."""
    return binascii.b2a_base64(digest, newline=False).translate(_URLSAFE, b"=").decode()
