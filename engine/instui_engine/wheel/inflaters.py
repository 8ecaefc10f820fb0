"""Who inflates: zlib, or ISA-L in half the time where the extra `fast` is installed.

ISA-L only saves time; it refuses no wheel. What comes out of it has to have the size, the CRC-32 and the hash that the
wheel declares, and a wheel that does not pass with it is read again by zlib (`store/unpack.py`). So only one thing
depends on the extra: ISA-L also reads blocks whose code is incomplete, that is, in which some sequence of bits means
nothing. zlib refuses them, no compressor writes them, and only who decodes the stream can tell.
"""

import zlib
from collections.abc import Callable
from functools import cache, partial
from typing import Protocol, cast

from instui_engine.values import NamedTuple


class Stream(Protocol):
    """One compressed stream, as `zlib.decompressobj` has it."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was read."""

    @property
    def unused_data(self) -> bytes:
        """What was given to it from behind the end."""

    @property
    def unconsumed_tail(self) -> bytes:
        """What it has to be given again, since the output was full."""

    def decompress(self, data: memoryview | bytes, max_length: int, /) -> bytes:
        """At most `max_length` bytes, also in memory."""


class Inflater(NamedTuple):
    """A library that inflates: `start` begins a stream without header and checksum, `error` is raised by it."""

    start: Callable[[], Stream]
    error: type[Exception]


ZLIB = Inflater(partial(zlib.decompressobj, -15), zlib.error)


@cache
def isal() -> Inflater | None:
    """ISA-L, if it is installed. Its library is loaded by the first call."""
    try:
        from isal import isal_zlib
    except ImportError:
        return None
    error = cast("type[Exception]", isal_zlib.IsalError)  # its stub takes the class for an exception
    return Inflater(partial(isal_zlib.decompressobj, -15), error)
