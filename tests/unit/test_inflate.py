"""With ISA-L and without, the same wheels are unpacked, and the same are refused in the same words: all but one."""

import os
import sys
import tracemalloc
import types
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from instui_engine.errors import BadWheelError, InstuiError
from instui_engine.store import unpack as unpacking
from instui_engine.store.unpack import Job, Progress, unpack
from instui_engine.wheel import archive, inflate
from instui_engine.wheel.archive import Archive, Member, open_archive
from instui_engine.wheel.inflate import by_isal
from support.corpus import CASES
from support.corpus.model import FILE, Case
from support.deflate import by_zlib, incomplete
from support.trees import tree
from support.zipbytes import Entry, assemble, deflated

PARSER = b"def parse(text):\n    return text.split()\n" * 9
LARGE = os.urandom(900_000) * 2


@pytest.fixture
def isal(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """ISA-L, which is used for small files, too."""
    found = inflate._isal()
    if found is None:
        pytest.skip("there are no wheels of isal for this machine")
    monkeypatch.setattr(inflate, "_SMALLEST", 0)
    return found


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., "contextmanager[tuple[Archive, Member]]"]:
    @contextmanager
    def run(content: bytes, packed: bytes | None = None, **lies: int | bytes) -> Iterator[tuple[Archive, Member]]:
        wheel = tmp_path / FILE
        wheel.write_bytes(assemble([Entry(b"odd/parser.py", content, packed=packed, local=lies, central=lies)]))
        with open_archive(wheel) as found:
            yield found, found.members[0]

    return run


def read(found: Archive, member: Member) -> list[bytes | str]:
    """The content at once and in pieces, or the refusals."""
    outcomes: list[bytes | str] = []
    for way in (found.read, lambda member: b"".join(map(bytes, found.chunks(member)))):
        try:
            outcomes.append(way(member))
        except BadWheelError as error:
            outcomes.append(str(error))
    return outcomes


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_wheel_of_the_corpus_has_one_outcome(
    case: Case, isal: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking.time, "time", lambda: 1e9)  # the seal
    wheel = case.write(tmp_path / "in")
    outcomes = []
    for library in (isal, None):
        monkeypatch.setattr(inflate, "_isal", lambda library=library: library)
        place = tmp_path / f"unpacked-{len(outcomes)}"
        place.mkdir()
        job = Job(str(wheel), wheel.name, str(place), (), "")
        try:
            found = repr(unpack(job, Progress(lambda *_: None, lambda *_: None), lambda: False))
        except InstuiError as error:
            outcomes.append((f"{type(error).__name__}: {error}", {}))
        else:
            outcomes.append((found, tree(place / "files")))
    assert outcomes[0] == outcomes[1]


WAYS = ((0, 0), (1, 0), (6, 0), (9, zlib.Z_HUFFMAN_ONLY), (6, zlib.Z_RLE), (6, zlib.Z_FIXED))  # levels and strategies


def endings() -> Iterator[tuple[bytes, bytes]]:
    """Contents and streams of them: all kinds of blocks, sizes about those of windows and blocks, all kinds of ends."""
    for size in (0, 1, 2, 3, 257, 258, 259, 260, 1000, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 98_303, 131_072):
        for content in (PARSER * (size // len(PARSER) + 1), LARGE):
            for level, strategy in WAYS:
                compressor = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
                stream = compressor.compress(content[:size])
                yield content[:size], stream + compressor.copy().flush()
                flushed = stream + compressor.flush(zlib.Z_FULL_FLUSH)
                yield content[:size], flushed + b"\3\0"  # an empty last block with fixed codes
                yield content[:size], flushed + b"\1\0\0\xff\xff"  # and a stored one


def test_the_end_is_where_zlib_finds_it(isal: types.ModuleType) -> None:
    for content, stream in endings():
        size, crc = len(content), zlib.crc32(content)
        assert by_isal(memoryview(stream), size, crc) == content == by_zlib(stream, size, crc)[0]
        for count in (*range(1, 11), 20):
            for hidden in (bytes(count), b"hidden" * 4, stream):
                assert by_isal(memoryview(stream + hidden[:count]), size, crc) is None, (stream[-9:], hidden[:count])
            assert by_isal(memoryview(stream[:-count]), size, crc) is None, (stream[-9:], count)
        for other in (size + 1, size - 1):
            assert other < 0 or by_isal(memoryview(stream), other, crc) is None, other
        assert by_isal(memoryview(stream), size, crc ^ 1) is None


class Wrong:
    """A library that is zlib, but for something that is wrong in it."""

    error = ZeroDivisionError
    crc32 = staticmethod(zlib.crc32)

    def __init__(self, wrong: str) -> None:
        self._wrong = wrong

    def decompressobj(self, bits: int) -> "Wrong":
        self._stream = zlib.decompressobj(bits)
        return self

    @property
    def eof(self) -> bool:
        return self._wrong == "ends early" or (self._stream.eof and self._wrong != "no end")

    def decompress(self, data: memoryview, limit: int, /) -> bytes:
        assert limit > 0, "that means no limit"
        found = self._stream.decompress(data, limit)
        match self._wrong:
            case "error":
                raise self.error
            case "no memory":
                raise MemoryError
            case "too short":
                return found[:-1]
            case "too long":
                return found + b"x"
            case "other bytes":
                return found.swapcase()
        return found


WRONG = ["error", "no memory", "no end", "ends early", "too short", "too long", "other bytes"]


@pytest.mark.parametrize("content", [PARSER, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_pass_is_read_by_zlib(
    wrong: str, content: bytes, opened: Callable[..., "contextmanager[tuple[Archive, Member]]"],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(inflate, "_SMALLEST", 0)
    for library, passes in ((Wrong("nothing"), True), (Wrong(wrong), False)):
        monkeypatch.setattr(inflate, "_isal", lambda library=library: library)
        packed = memoryview(deflated(content))
        assert (by_isal(packed, len(content), zlib.crc32(content)) == content) == passes
        with opened(content) as (found, member):
            assert read(found, member) == [content, content]


@pytest.mark.parametrize(
    ("packed", "words"),
    [
        (b"\6" + deflated(PARSER)[1:], "invalid block type"),
        (deflated(PARSER) + b"hidden", "it ends early"),
        (deflated(PARSER)[:-1], "does not"),
        (deflated(PARSER + b"\n"), f"does not have the declared {len(PARSER)} bytes"),
        (deflated(PARSER.upper()), r"is damaged \(CRC\)"),
    ],
)
def test_a_refusal_is_in_zlibs_words(
    packed: bytes, words: str, isal: types.ModuleType,
    opened: Callable[..., "contextmanager[tuple[Archive, Member]]"], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with opened(PARSER, packed) as (found, member):
        with pytest.raises(BadWheelError, match=words):
            found.read(member)
        refusals = read(found, member)
        monkeypatch.setattr(inflate, "_isal", lambda: None)
        assert read(found, member) == refusals


def test_pieces_are_no_larger_than_told(
    isal: types.ModuleType, opened: Callable[..., "contextmanager[tuple[Archive, Member]]"]
) -> None:
    with opened(LARGE) as (found, member):
        pieces = [bytes(piece) for piece in found.chunks(member)]
    assert b"".join(pieces) == LARGE
    assert len(pieces) == 2
    assert max(map(len, pieces)) == archive.CHUNK


def test_a_bomb_fills_no_memory(
    isal: types.ModuleType, opened: Callable[..., "contextmanager[tuple[Archive, Member]]"]
) -> None:
    with opened(b"", deflated(bytes(1 << 26)), size=5000) as (found, member):
        tracemalloc.start()
        try:
            for outcome in read(found, member):
                assert "declared 5000" in str(outcome)
            assert tracemalloc.get_traced_memory()[1] < 4 * archive.CHUNK
        finally:
            tracemalloc.stop()


def test_only_an_incomplete_code_is_read_by_isal_alone(isal: types.ModuleType) -> None:
    """The one difference that `inflate` tells of. If it is gone, so can be what is said there."""
    packed = incomplete(b"abba")
    assert by_isal(memoryview(packed), 4, zlib.crc32(b"abba")) == b"abba"
    assert "invalid literal/lengths set" in by_zlib(packed, 4, zlib.crc32(b"abba"))[1]


def test_isal_is_asked_where_it_pays_and_fits_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "_isal", lambda: Wrong("nothing"))
    monkeypatch.setattr(inflate, "_SMALLEST", 100)
    monkeypatch.setattr(inflate, "_LARGEST", 200)
    for size in (99, 100, 200, 201):
        found = by_isal(memoryview(deflated(bytes(size))), size, zlib.crc32(bytes(size)))
        assert found == (bytes(size) if size in (100, 200) else None)


def test_without_the_extra_there_is_zlib_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "isal", None)
    assert inflate._isal.__wrapped__() is None
