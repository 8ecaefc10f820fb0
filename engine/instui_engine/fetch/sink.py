"""Where downloads go: a partial file that another attempt or session can continue, or memory."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from instui_engine.errors import CACHE, FetchError, printable, reason, remedy
from instui_engine.fs.files import write_all
from instui_engine.hashes import Demands, Digests

from .transport import CHUNK

_MAX_UNPROMISED = 16 << 30  # the most bytes of a body of unstated length: an endless one must stop somewhere
_MAX_DOCUMENT = 64 << 20  # bytes


class Sink(Protocol):
    """Where a download goes: the `done` bytes of it that are there, and their hashes."""

    digests: Digests
    limit: int  # the most bytes that it takes
    missing: str  # what it means if the server does not have the file; "" for what the transport says

    @property
    def done(self) -> int:
        """How many bytes are there."""

    def adopt(self) -> Iterator[None]:
        """Adopt what an earlier attempt has left, one chunk per step."""

    def write(self, data: bytes) -> None:
        """Append `data`."""

    def rewind(self) -> None:
        """Discard all bytes."""

    def delete(self) -> None:
        """Leave nothing behind."""


class Document:
    """A sink in memory."""

    limit = _MAX_DOCUMENT
    missing = "the server does not have it"

    def __init__(self) -> None:
        self.content = bytearray()
        self.digests = Digests()

    @property
    def done(self) -> int:
        """How many bytes are there."""
        return len(self.content)

    def adopt(self) -> Iterator[None]:
        """Nothing is left of an earlier attempt."""
        return iter(())

    def write(self, data: bytes) -> None:
        """Append `data`."""
        self.content += data

    def rewind(self) -> None:
        """Discard all bytes."""
        self.content.clear()

    def delete(self) -> None:
        """Discard all bytes."""
        self.content.clear()


class PartialFile:
    """The partial file, and the hashes of the `done` bytes in it. Raises FetchError if the disk fails."""

    limit = _MAX_UNPROMISED
    missing = ""

    def __init__(self, path: Path, name: str, demands: Demands, size: int) -> None:
        self._path = path
        self._name = name
        self._demands = demands
        self._size = size
        self.digests = Digests(demands)
        self.done = 0
        with self._disk():
            # A planted symlink or FIFO must not redirect or block the write.
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            self._fd = os.open(path, flags, 0o644)
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            os.close(self._fd)
            problem = f"cannot store {printable(name)}: {printable(str(path))} is not a regular file"
            raise FetchError(problem, wheel=name)

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self.delete()  # free space on the disk is worth more than a resume
            why, name = reason(error, self._path), printable(self._name)
            problem = f"cannot store {name} in the cache: {why}; {remedy(error, CACHE)}"
            raise FetchError(problem, wheel=self._name) from error

    def adopt(self) -> Iterator[None]:
        """Adopt what an earlier attempt has left, one chunk per step; nothing if no demand can tell what it is."""
        if not self._demands:
            self.rewind()
            return
        with self._disk():
            while data := os.read(self._fd, CHUNK):
                self.digests.update(data)
                self.done += len(data)
                yield
        if 0 < self._size < self.done:
            self.rewind()

    def write(self, data: bytes) -> None:
        """Append `data`."""
        with self._disk():
            write_all(self._fd, data)
        self.digests.update(data)
        self.done += len(data)

    def rewind(self) -> None:
        """Discard all bytes."""
        with self._disk():
            os.ftruncate(self._fd, 0)
            os.lseek(self._fd, 0, os.SEEK_SET)
        self.digests = Digests(self._demands)
        self.done = 0

    def delete(self) -> None:
        """Remove the file."""
        self.done = 0
        with contextlib.suppress(OSError):
            self._path.unlink()

    def close(self) -> None:
        """Close the file; an empty one is removed."""
        descriptor, self._fd = self._fd, -1  # no late write goes to a file that gets the same number
        os.close(descriptor)
        if not self.done:
            self.delete()
