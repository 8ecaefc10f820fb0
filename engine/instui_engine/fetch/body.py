"""Bodies of responses as they come, and decoded where a server compresses although it was asked not to.

The hash of a wheel is that of the file, so a compressed body is unpacked before it is hashed. But some servers declare
a file that they send as it is to be compressed. Its first bytes tell: a wheel begins like a ZIP archive.
"""

import zlib
from collections.abc import Iterator
from typing import Protocol

ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})
_PIECE = 1 << 20  # the most bytes to unpack at once, however well they were compressed
_GZIP_OR_ZLIB, _RAW = 47, -15  # zlib's numbers


class Body(Protocol):
    """A body, received piece by piece."""

    def pieces(self, received: bytes) -> Iterator[bytes]:
        """What `received` adds to the content."""

    @property
    def is_complete(self) -> bool:
        """Whether all that was begun has ended."""


class Plain:
    """A body that is sent as it is."""

    is_complete = True

    def pieces(self, received: bytes) -> Iterator[bytes]:
        """`received` itself."""
        yield received


class Decoded:
    """A body that was declared to be compressed. Raises zlib.error if it is neither compressed nor an archive."""

    def __init__(self) -> None:
        self._start = b""
        self._inflater: zlib._Decompress | None = None
        self._is_plain = False

    @property
    def is_complete(self) -> bool:
        """Whether the compressed stream has come to its end. A body without a byte counts as complete."""
        if self._inflater is None:
            return self._is_plain or not self._start
        return self._inflater.eof

    def pieces(self, received: bytes) -> Iterator[bytes]:
        """What `received` adds to the content. Nothing, as long as the kind of the content is not clear."""
        if self._inflater is None and not self._is_plain:
            self._start += received
            if len(self._start) < 2:
                return
            received = self._start
            self._is_plain = received.startswith(b"PK")
            self._inflater = None if self._is_plain else zlib.decompressobj(_kind(received))
        if self._inflater is None:
            yield received
            return
        while received and not self._inflater.eof:
            yield self._inflater.decompress(received, _PIECE)
            received = self._inflater.unconsumed_tail


def _kind(start: bytes) -> int:
    """What zlib is to expect. `deflate` should mean zlib's format, but some servers leave out its header."""
    is_zlib = start[0] & 15 == zlib.DEFLATED and int.from_bytes(start[:2], "big") % 31 == 0
    return _GZIP_OR_ZLIB if is_zlib or start.startswith(b"\x1f\x8b") else _RAW
