"""With ISA-L and without, the same wheels are unpacked and the same are refused, in the same words."""

import os
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from instui_engine.errors import BadWheelError, InstuiError
from instui_engine.store import unpack as unpacking
from instui_engine.store.unpack import Job, Progress, unpack
from instui_engine.wheel import archive, inflaters
from instui_engine.wheel.archive import open_archive
from instui_engine.wheel.inflaters import ZLIB, Inflater
from support.corpus import CASES
from support.corpus.model import FILE, Case, contents
from support.deflate import incomplete
from support.trees import tree
from support.wheelsmith import wheel_files, zipped
from support.zipbytes import Entry, assemble, deflated

Outcome = tuple[str, dict[str, str]]
PARSER = b"def parse(text):\n    return text.split()\n"
LARGE = os.urandom(900_000) * 2


@pytest.fixture
def isal() -> Inflater:
    found = inflaters.isal()
    if found is None:
        pytest.skip("there are no wheels of isal for this machine")
    return found


@pytest.fixture
def by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, Inflater | None], Outcome]:
    """Unpacks a wheel where the extra is that, or is not installed: what comes of it, and what is on the disk."""
    monkeypatch.setattr(unpacking.time, "time", lambda: 1e9)  # the seal

    def run(wheel: Path, inflater: Inflater | None) -> Outcome:
        monkeypatch.setattr(inflaters, "isal", lambda: inflater)
        place = tmp_path / f"unpacked-{len(list(tmp_path.glob('unpacked-*')))}"
        place.mkdir()
        advances: list[tuple[int, int]] = []
        progress = Progress(lambda files, size: None, lambda done, files: advances.append((done, files)))
        try:
            outcome = repr(unpack(Job(str(wheel), wheel.name, str(place), (), ""), progress, lambda: False))
        except InstuiError as error:
            return f"{type(error).__name__}: {error}", {}
        assert advances == sorted(advances)
        return outcome, tree(place / "files")

    return run


def make(place: Path, files: dict[str, bytes]) -> Path:
    wheel = place / FILE
    wheel.write_bytes(zipped(wheel_files("odd", "1.0", files)))
    return wheel


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_wheel_of_the_corpus_has_one_outcome(
    case: Case, isal: Inflater, by: Callable[[Path, Inflater | None], Outcome], tmp_path: Path
) -> None:
    wheel = case.write(tmp_path / "in")
    assert by(wheel, isal) == by(wheel, None)


class Odd:
    """A stream of zlib's in which something is wrong."""

    def __init__(self, wrong: str) -> None:
        self._wrong = wrong
        self._stream = zlib.decompressobj(-15)

    @property
    def eof(self) -> bool:
        return self._stream.eof and self._wrong != "no end"

    @property
    def unused_data(self) -> bytes:
        return b"x" if self._wrong == "ends early" else self._stream.unused_data

    @property
    def unconsumed_tail(self) -> bytes:
        return self._stream.unconsumed_tail

    def decompress(self, data: memoryview | bytes, limit: int, /) -> bytes:
        found = self._stream.decompress(data, limit)
        if self._wrong == "error" and len(found) > 100:
            raise ZeroDivisionError
        if self._wrong == "too short":
            return found[:-1]
        if self._wrong == "too long" and found:
            return found + b"x"
        if self._wrong == "other bytes":
            return found.swapcase()
        return of_same_crc(found) if self._wrong == "other bytes of the same CRC" and len(found) > 100 else found


def of_same_crc(content: bytes) -> bytes:
    """`content` but for the bits of the polynomial, the highest power first: CRC-32 does not see it."""
    polynomial = int(f"{0x104C11DB7:b}"[::-1], 2)
    return (int.from_bytes(content, "little") ^ polynomial << 64).to_bytes(len(content), "little")


WRONG = ["error", "no end", "ends early", "too short", "too long", "other bytes", "other bytes of the same CRC"]


@pytest.mark.parametrize("content", [PARSER * 9, LARGE], ids=["at once", "in pieces"])
@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_pass_is_read_by_zlib(
    wrong: str, content: bytes, by: Callable[[Path, Inflater | None], Outcome], tmp_path: Path
) -> None:
    assert zlib.crc32(of_same_crc(content)) == zlib.crc32(content)
    wheel = make(tmp_path, {"odd/a.py": b"a", "odd/parser.py": content, "odd/z.py": b"z"})
    fake = Inflater(lambda: Odd(wrong), ZeroDivisionError)
    if "CRC" not in wrong:
        with open_archive(wheel) as opened, pytest.raises(BadWheelError):
            list(map(opened.by(fake).read, opened.members))
    assert by(wheel, fake) == by(wheel, None)
    assert (tmp_path / "unpacked-0/files/odd/parser.py").read_bytes() == content


def test_a_refusal_is_in_zlibs_words(by: Callable[[Path, Inflater | None], Outcome], tmp_path: Path) -> None:
    packed = bytearray(deflated(PARSER))
    packed[0] |= 6  # there is no third kind of block
    files = wheel_files("odd", "1.0", {"odd/__init__.py": b"", "odd/parser.py": PARSER})
    entries = [Entry(path.encode(), content) for path, content in files.items()]
    next(entry for entry in entries if entry.content == PARSER).packed = bytes(packed)
    wheel = tmp_path / FILE
    wheel.write_bytes(assemble(entries))
    for found in (inflaters.isal(), Inflater(lambda: Odd("error"), ZeroDivisionError), None):
        outcome, _ = by(wheel, found)
        assert "invalid block type" in outcome


@pytest.mark.parametrize("level", [0, 1, 6, 9])
@pytest.mark.parametrize("strategy", [zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED])
def test_what_compressors_write_is_read_by_isal(level: int, strategy: int, isal: Inflater, tmp_path: Path) -> None:
    entries = []
    for content in (b"", b"x", PARSER * 500, bytes(3_000_000), LARGE, *contents().values()):
        compressor = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
        packed = compressor.compress(content) + compressor.flush()
        entries.append(Entry(b"odd/%d" % len(entries), content, packed=packed))
    wheel = tmp_path / FILE
    wheel.write_bytes(assemble(entries))
    with open_archive(wheel) as opened:
        fast = opened.by(isal)
        for member, entry in zip(fast.members, entries, strict=True):
            assert fast.read(member) == entry.content
            assert b"".join(map(bytes, fast.chunks(member))) == entry.content


@pytest.mark.parametrize("library", ["zlib", "isal"])
def test_a_bomb_fills_no_memory(library: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    inflater = ZLIB if library == "zlib" else request.getfixturevalue("isal")
    lie: dict[str, int | bytes] = {"size": 5000}
    wheel = tmp_path / FILE
    wheel.write_bytes(assemble([Entry(b"odd/bomb", packed=deflated(bytes(1 << 26)), local=lie, central=lie)]))
    with open_archive(wheel) as opened:
        fast = opened.by(inflater)
        tracemalloc.start()
        try:
            with pytest.raises(BadWheelError, match="declared 5000"):
                fast.read(fast.members[0])
            with pytest.raises(BadWheelError, match="declared 5000"):
                list(fast.chunks(fast.members[0]))
            assert tracemalloc.get_traced_memory()[1] < 4 * archive.CHUNK
        finally:
            tracemalloc.stop()


def test_only_an_incomplete_code_is_read_by_isal_alone(isal: Inflater, tmp_path: Path) -> None:
    """The one difference that `inflaters` tells of. If it is gone, so can be what is said there."""
    wheel = tmp_path / FILE
    wheel.write_bytes(assemble([Entry(b"odd/code", b"abba", packed=incomplete(b"abba"))]))
    with open_archive(wheel) as opened:
        assert opened.by(isal).read(opened.members[0]) == b"abba"
        with pytest.raises(BadWheelError, match=r"damaged \(.*invalid literal/lengths set\)"):
            opened.read(opened.members[0])


def test_without_the_extra_there_is_zlib_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "isal", None)
    assert inflaters.isal.__wrapped__() is None
