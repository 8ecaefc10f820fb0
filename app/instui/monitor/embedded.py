"""A journal inside an HTML page: how a report carries the journal that it was made from, so that it can be replayed.

The element holds the journal's own bytes, compressed (gzip) and in base64, so nothing in it can end the element. To a
browser it is data of an unknown type, which it neither runs nor shows.
"""

import binascii
import re
import zlib
from base64 import b64encode
from collections.abc import Iterator

TYPE = "application/x-instui-journal"
_START = re.compile(rb'<script type="application/x-instui-journal"[^<>]*>')
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_WIDTH = 120  # characters of base64 in a line of the page
_GZIP = 16 + zlib.MAX_WBITS
_PIECE = 1 << 20  # bytes that are decompressed at a time
_LONGEST = 1 << 24  # bytes of a line; more would be the work of somebody who wants to fill the memory
_MOST = 1 << 28  # bytes of the journal; the same


def is_page(start: bytes) -> bool:
    """Whether a file that begins with `start` is a page, and no journal."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n")[:9].lower() == b"<!doctype"


def embed(journal: bytes) -> str:
    """The element that carries a journal; the same bytes give the same element."""
    compressor = zlib.compressobj(9, wbits=_GZIP)
    text = b64encode(compressor.compress(journal) + compressor.flush()).decode("ascii")
    lines = "\n".join(text[place : place + _WIDTH] for place in range(0, len(text), _WIDTH))
    return f'<script type="{TYPE}" data-encoding="gzip base64">\n{lines}\n</script>'


def lines_in(page: bytes) -> Iterator[bytes]:
    """The lines of the journal in a page, with their newlines; of a damaged one, as far as it goes.

    Raises ValueError if there is none.
    """
    start = _START.search(page)
    if start is None:
        raise ValueError("a page without a journal")
    end = page.find(b"<", start.end())
    return _lines(page[start.end() : end if end >= 0 else len(page)])


def _lines(text: bytes) -> Iterator[bytes]:
    encoded = _NO_BASE64.sub(b"", text)
    if len(encoded) % 4 == 1:
        encoded = encoded[:-1]  # a single letter holds no byte
    data = binascii.a2b_base64(encoded + b"=" * (-len(encoded) % 4))
    decompressor, rest, size = zlib.decompressobj(_GZIP), b"", 0
    while data and len(rest) <= _LONGEST and size < _MOST:
        try:
            piece = decompressor.decompress(data, _PIECE)
        except zlib.error:
            break
        data = decompressor.unconsumed_tail
        size += len(piece)
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if rest and len(rest) <= _LONGEST:
        yield rest
