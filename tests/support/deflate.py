"""Deflate streams of all kinds, and zlib's verdict on them.

They are written bit by bit (RFC 1951), with any code lengths: also such as no compressor writes.
"""

import random
import re
import zlib
from collections.abc import Sequence

END = 256  # the symbol that ends a block
LITERALS, DISTANCES, LENGTHS = 286, 30, 19  # symbols of the three codes
# A complete code for code lengths (section 3.2.7): each of them has 4 or 5 bits.
_OF_LENGTHS = [4] * 13 + [5] * 6
_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
_LENGTH_BITS = (*(0,) * 8, *(i // 4 for i in range(4, 24)), 0)  # extra bits of the symbols from 257 on
_DISTANCE_BITS = (0, 0, *(i // 2 for i in range(28)))

INCOMPLETE = re.compile(r"invalid (literal/lengths|distances|code lengths) set$")
"""What zlib says of blocks that it alone refuses, see `instui_engine.wheel.inflate`."""


def by_zlib(packed: bytes, size: int, crc: int) -> tuple[bytes | None, str]:
    """What `by_isal` has to find; and if it is nothing, why."""
    stream = zlib.decompressobj(-15)
    try:
        content = stream.decompress(packed, size + 1)
    except zlib.error as error:
        return None, str(error)
    if len(content) != size or zlib.crc32(content) != crc:
        return None, "other content"
    if not stream.eof or stream.unused_data:
        return None, "another end"
    return content, ""


def compressed(dice: random.Random) -> bytes:
    """A stream as compressors write them: by any means, with any kind of block at the end, flushed here and there."""
    size = dice.choice((dice.randrange(400), dice.choice((0, 1, 258, 16_384, 32_768, 65_535, 65_536, 70_000, 140_000))))
    content = dice.choice((bytes(size), dice.randbytes(size), bytes(dice.choices(b"text = 1\n", k=size))))
    strategy = dice.choice((zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED))
    compressor = zlib.compressobj(dice.choice((0, 1, 6, 9)), zlib.DEFLATED, -dice.choice((9, 15)), 8, strategy)
    half = dice.randrange(size + 1)
    stream = compressor.compress(content[:half])
    if dice.randrange(2):
        stream += compressor.flush(dice.choice((zlib.Z_PARTIAL_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH)))
    stream += compressor.compress(content[half:])
    if dice.randrange(4):
        return stream + compressor.flush()
    empty = dice.choice((b"\3\0", b"\1\0\0\xff\xff"))  # fixed, stored
    return stream + compressor.flush(zlib.Z_SYNC_FLUSH) + empty


class Bits:
    """Bits, from the lowest of the first byte on."""

    def __init__(self) -> None:
        self._value = self._count = 0

    def put(self, value: int, count: int) -> None:
        """A number, its lowest bit first."""
        self._value |= value << self._count
        self._count += count

    def code(self, value: int, count: int) -> None:
        """A code, its highest bit first."""
        for bit in reversed(range(count)):
            self.put(value >> bit & 1, 1)

    def bytes(self) -> bytes:
        """All of them, with zeros to the end of the last byte."""
        return self._value.to_bytes((self._count + 7) // 8, "little")


def codes(lengths: Sequence[int]) -> list[int]:
    """The code of each symbol (section 3.2.2); it has no meaning where the length is 0."""
    following = code = 0
    found = [0] * len(lengths)
    for bits in range(1, 16):
        code = following << 1
        for symbol, length in enumerate(lengths):
            if length == bits:
                found[symbol] = code & ((1 << bits) - 1)
                code += 1
        following = code
    return found


def split(symbols: Sequence[int], count: int, dice: random.Random) -> list[int]:
    """Lengths of a complete code for `symbols`, of `count` that there are."""
    leaves = [0]
    while len(leaves) < len(symbols):
        index = dice.choice([i for i, depth in enumerate(leaves) if depth < 15])
        leaves[index] += 1
        leaves.append(leaves[index])
    lengths = [0] * count
    for symbol, depth in zip(symbols, leaves, strict=True):
        lengths[symbol] = max(depth, 1)
    return lengths


def dynamic(
    bits: Bits,
    literals: Sequence[int],
    distances: Sequence[int],
    symbols: Sequence[int],
    dice: random.Random,
    last: int,
) -> None:
    """A block with codes of its own. Each length in `symbols` is followed by a random distance that has a code."""
    bits.put(last | 2 << 1, 3)
    bits.put(LITERALS - 257, 5)
    bits.put(DISTANCES - 1, 5)
    bits.put(LENGTHS - 4, 4)
    for symbol in _ORDER:
        bits.put(_OF_LENGTHS[symbol], 3)
    of_lengths = codes(_OF_LENGTHS)
    for length in (*literals, *distances):
        bits.code(of_lengths[length], _OF_LENGTHS[length])
    of_literals, of_distances = codes(literals), codes(distances)
    usable = [symbol for symbol, length in enumerate(distances) if length]
    for symbol in symbols:
        bits.code(of_literals[symbol], literals[symbol])
        if symbol > END:
            extra = _LENGTH_BITS[symbol - END - 1]
            bits.put(dice.getrandbits(extra) if extra else 0, extra)
            far = dice.choice(usable)
            bits.code(of_distances[far], distances[far])
            bits.put(dice.getrandbits(_DISTANCE_BITS[far]) if _DISTANCE_BITS[far] else 0, _DISTANCE_BITS[far])


def incomplete(content: bytes) -> bytes:
    """A stream of `content`, of two different bytes at most, in which one of four codes of two bits has no meaning."""
    used = sorted({*content, END})
    lengths = [2 if symbol in used[:3] else 0 for symbol in range(LITERALS)]
    assert len(used) <= 3
    bits = Bits()
    dynamic(bits, lengths, [1] + [0] * (DISTANCES - 1), [*content, END], random.Random(0), 1)
    return bits.bytes()


def odd(dice: random.Random) -> bytes:
    """A stream of a few blocks whose codes are complete, incomplete or oversubscribed; most distances are short."""
    bits = Bits()
    count = dice.choice((1, 1, 2, 3))
    for number in range(count):
        alphabet = dice.sample(range(256), dice.choice((1, 2, 3, 10, 60, 200)))
        alphabet += [END] * (dice.randrange(50) > 0) + dice.sample(range(257, LITERALS), dice.choice((0, 0, 1, 4, 29)))
        dice.shuffle(alphabet)
        literals = split(alphabet, LITERALS, dice)
        distances = split(dice.sample(range(DISTANCES), dice.choice((1, 2, 3, 6, 30))), DISTANCES, dice)
        for lengths in (literals, distances):
            if not dice.randrange(3):
                lengths[dice.randrange(len(lengths))] = dice.choice((0, 0, 1, 5, 9, 15))
        used = [symbol for symbol, length in enumerate(literals) if length and symbol != END]
        if not any(distances):
            used = [symbol for symbol in used if symbol < END]
        symbols = dice.choices([s for s in used if s < END] or used, k=dice.choice((0, 5, 300))) if used else []
        symbols += dice.choices(used, k=dice.choice((0, 3, 50, 3000))) if used else []
        dynamic(bits, literals, distances, [*symbols, *([END] if literals[END] else [])], dice, number == count - 1)
    return bits.bytes()
