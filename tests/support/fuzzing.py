"""Fuzzers of all that is read from a wheel: seeded mutations of the corpus, and texts made of the formats' own words.

    python tests/support/fuzzing.py TARGET FIRST COUNT

runs COUNT cases from seed FIRST, with bounded memory and time for each, and prints what came of them as JSON; a failure
names its seed. A case is good if it is refused by an InstuiError of one printable line, or accepted as an independent
reader understands it: zipfile, configparser and `importlib.metadata`, email, csv; and what ISA-L inflates by zlib.
"""

import configparser
import contextlib
import csv
import email
import hashlib
import importlib.metadata
import io
import json
import os
import random
import re
import resource
import signal
import struct
import sys
import tempfile
import zipfile
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from instui_engine.errors import BadWheelError, InstuiError
from instui_engine.wheel import inflate as inflating
from instui_engine.wheel.archive import open_archive
from instui_engine.wheel.metadata import WheelMetadata, read_wheel_metadata
from instui_engine.wheel.record import verify_wheel
from support.corpus import CASES
from support.corpus.model import FILE, INFO, Installed, contents
from support.deflate import INCOMPLETE, by_zlib, compressed, odd
from support.wheelsmith import digest

MEMORY = 1 << 30  # bytes of address space
TIME = 20.0  # seconds for one case
LARGEST_SEED = 8 << 10
EDGES = (0, 1, 2, 4, 8, 20, 22, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 63)
LOOK_ALIKE = "\u043e\u202e\ufeff\u2028\x85\x0b\x0c\x1b\x00\r\n\t \"'%\\/.-_:;=[]#\u0301\U000e0041é"


def mutated(data: bytes, dice: random.Random, other: bytes) -> bytes:
    """`data` with a few changes: bits, bytes, numbers, pieces that are cut, doubled, or taken from `other`."""
    found = bytearray(data)
    records = [at for at in range(len(data)) if data[at : at + 2] == b"PK"]
    for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
        place = dice.randrange(len(found) + 1)
        if records and dice.randrange(2):
            place = min(len(found), dice.choice(records) + dice.randrange(46))  # a field of a header
        length = dice.choice((1, 2, 4, 8, dice.randrange(64)))
        piece = slice(place, place + length)
        match dice.randrange(9):
            case 0 if place < len(found):
                found[place] ^= 1 << dice.randrange(8)
            case 1 if place < len(found):
                found[place] = dice.choice(EDGES) & 0xFF
            case 2:
                value = dice.choice(EDGES)
                layout = dice.choice(("<H", "<I", "<Q"))
                wide = struct.calcsize(layout)
                found[place : place + wide] = struct.pack(layout, value & ((1 << 8 * wide) - 1))
            case 3:
                del found[piece]
            case 4:
                found[place:place] = found[piece]
            case 5:
                start = dice.randrange(len(other) + 1)
                found[piece] = other[start : start + length]
            case 6:
                found[place:place] = dice.choice(LOOK_ALIKE).encode()
            case 7:
                found[place:place] = bytes(dice.randrange(256) for _ in range(length))
            case 8 if not dice.randrange(8):
                del found[place:]
    return bytes(found)


def made_of(words: Sequence[str], dice: random.Random) -> bytes:
    """A text of random words of a format, with a character that does not belong there now and then."""
    text = "".join(dice.choice(words) for _ in range(dice.randrange(40)))
    if not dice.randrange(3):
        place = dice.randrange(len(text) + 1)
        text = text[:place] + dice.choice(LOOK_ALIKE) + text[place:]
    return text.encode(errors="surrogatepass")


def _seeds() -> list[bytes]:
    """The small archives of the corpus; those that are installed come twice, as a mutation of them may be accepted."""
    found = []
    for case in CASES:
        if not case.make.__code__.co_argcount and "bomb" not in case.name:
            data = case.make()  # type: ignore[call-arg]
            if data and len(data) <= LARGEST_SEED:
                found += [data] * (4 if isinstance(case.outcome, Installed) else 1)
    return found


def in_archives(name: str) -> list[bytes]:
    """The different contents of a `.dist-info` file in the corpus."""
    found = {contents()[f"{INFO}/{name}"]} if name != "entry_points.txt" else set()
    for data in set(SEEDS):
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                found.add(archive.read(f"{INFO}/{name}"))
        except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, ValueError, OSError, EOFError):
            continue
    return sorted(text for text in found if len(text) <= LARGEST_SEED)


SEEDS: list[bytes] = []


class Open:
    """A file in memory that has a path."""

    def __init__(self, data: bytes) -> None:
        self._descriptor = os.memfd_create("wheel")
        os.write(self._descriptor, data)
        self.path = Path(f"/proc/self/fd/{self._descriptor}")

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _as_zipfile_reads(data: bytes) -> dict[str, bytes]:
    found = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                name = entry.orig_filename
                found[name if entry.flag_bits & 0x800 else name.encode("cp437").decode()] = archive.read(entry)
    return found


def archive(dice: random.Random) -> None:
    """Bytes of an archive."""
    data = mutated(dice.choice(SEEDS), dice, dice.choice(SEEDS))
    with Open(data) as path, open_archive(path, room=1 << 30) as opened:
        members = {member.path: opened.read(member) for member in opened.members}
        for member in opened.members:
            assert b"".join(map(bytes, opened.chunks(member))) == members[member.path]
    assert members == _as_zipfile_reads(data)


def inflate(dice: random.Random) -> None:
    """A compressed stream, by ISA-L."""
    inflating._SMALLEST = 0
    isal = inflating._isal()
    assert isal, "the extra `fast` is not installed"
    behind = dice.choice((0, 0, 0, 0, 0, 0, 1, 2, 6, 7, 8, 20))
    packed = dice.choice((compressed, _changed, odd))(dice) + dice.randbytes(behind)
    content = b""
    with contextlib.suppress(isal.error):
        content = isal.decompressobj(-15).decompress(packed, 1 << 20)
    size = max(0, len(content) + dice.choice((0, 0, 0, 0, 1, -1)))
    crc = zlib.crc32(content[:size])
    expected, why = by_zlib(packed, size, crc)
    found = inflating.by_isal(memoryview(packed), size, crc)
    assert found == expected or (expected is None and INCOMPLETE.search(why)), why
    if expected is None:
        raise BadWheelError(why)


def _changed(dice: random.Random) -> bytes:
    """A stream that was mutated, most often at its beginning, where the codes are."""
    stream = compressed(dice)
    head = dice.choice((100, len(stream)))
    return mutated(stream[:head], dice, stream) + stream[head:]


def unpack(dice: random.Random) -> None:
    """Bytes of an archive, through all checks, onto the disk."""
    from instui_engine.store.store import Store
    from instui_engine.store.unpack import Progress

    data = mutated(dice.choice(SEEDS), dice, dice.choice(SEEDS))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        cache = Path(place) / "cache"
        progress = Progress(lambda files, size: None, lambda done, files: None)
        try:
            with Open(data) as path:
                pending = Store(cache, None).unpack(path, "0" * 64, FILE, progress, lambda: False)
        except InstuiError:
            assert [str(path) for path in Path(place).rglob("*") if path.is_file()] == []
            raise
        files = pending.directory / "files"
        unpacked = {
            path.relative_to(files).as_posix(): path.read_bytes() for path in files.rglob("*") if path.is_file()
        }
        expected = _as_zipfile_reads(data)
        assert unpacked == {path: text for path, text in expected.items() if "__pycache__/" not in path}
        text = expected[f"{INFO}/RECORD"].decode(errors="surrogateescape").removeprefix("\ufeff")
        for fields in csv.reader(io.StringIO(text, newline="")):
            if len(fields) == 3 and fields[1].startswith("sha256=") and fields[0] in unpacked:
                found = hashlib.sha256(unpacked[fields[0]]).digest()
                assert fields[1][7:].rstrip("=") == urlsafe_b64encode(found).decode().rstrip("=")
        assert [path.name for path in Path(place).iterdir()] == ["cache"]


def _with(name: str, data: bytes) -> WheelMetadata:
    files = {**contents(), f"{INFO}/{name}": data}
    return read_wheel_metadata(FILE, files, files.__getitem__)


METADATA = (
    "Metadata-Version: ", "Name: ", "Version: ", "Requires-Dist: ", "Requires-Python: ", "odd", "1.0", "2.1", "\n",
    "\r\n", "\r", "\n ", "\n\t", ":", " ", "99.0", "9" * 5000, ">=3",
    "Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n",
)  # fmt: skip
WHEEL = ("Wheel-Version: ", "1.0", "1.9", "2.0", "Root-Is-Purelib: ", "true", "false", "Tag: ", "py3-none-any", "\n",
         "\r\n", "\n ", ":", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")  # fmt: skip
POINTS = (
    "[console_scripts]\n", "[gui_scripts]\n", "[plugins]\n", "[DEFAULT]\n", "[", "]", "a = odd:main\n", "b=odd.x:y.z\n",
    "c", " = ", "odd", ":", "main", " [x,y]", "\n", "\r\n", "\r", "#", ";", " ", "python", "../", "import os", "%(a)s",
)  # fmt: skip
ROWS = (
    "odd/__init__.py", f"{INFO}/METADATA", f"{INFO}/WHEEL", f"{INFO}/RECORD", ",", ",", ",", "\n", "\n", "\r\n", '"',
    '""', digest(b""), "md5=x", "sha1=", "sha256=", "0", "45", "-1", "../", "/", "\\", "C:", "9" * 400,
)  # fmt: skip


def metadata(dice: random.Random) -> None:
    """METADATA."""
    data = _text("METADATA", METADATA, dice)
    found = _with("METADATA", data)
    read = email.message_from_string(data.decode("utf-8", "replace").removeprefix("\ufeff"))
    assert [value.strip().lower() for value in read.get_all("Name", [])] == ["odd"]
    assert len(read.get_all("Version", [])) == 1
    assert str(read["Metadata-Version"]).split(".")[0] in ("0", "00", "1", "01", "2", "02")
    folded = [re.split("\r\n|\r|\n", value) for value in read.get_all("Requires-Dist", [])]
    assert list(found.requires_dist) == [" ".join(line.strip(" \t") for line in lines).strip(" \t") for lines in folded]


def wheel(dice: random.Random) -> None:
    """WHEEL."""
    data = _text("WHEEL", WHEEL, dice)
    found = _with("WHEEL", data)
    read = email.message_from_string(data.decode("utf-8", "replace").removeprefix("\ufeff"))
    (version,) = read.get_all("Wheel-Version", [])
    assert int(version.split(".")[0]) <= 1
    assert found.root_is_purelib == (str(read.get("Root-Is-Purelib", "")).strip(" \t").lower() == "true")


def points(dice: random.Random) -> None:
    """entry_points.txt."""
    data = _text("entry_points.txt", POINTS, dice)
    found = {
        (point.section, point.name): (point.module, point.attr)
        for point in _with("entry_points.txt", data).entry_points
    }
    text = data.decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.strip() for line in text.splitlines()]
    sections = configparser.ConfigParser(delimiters=("=",), strict=False, interpolation=None)
    sections.optionxform = str  # type: ignore[assignment, method-assign]
    sections.read_string("\n".join(lines))
    expected = {}
    for name, kind in (("console_scripts", "console"), ("gui_scripts", "gui")):
        for command, value in sections[name].items() if sections.has_section(name) else ():
            module, _, attr = value.partition("[")[0].partition(":")
            expected[kind, command] = module.strip(), attr.strip()
    assert found == expected
    importlib.metadata.EntryPoints._from_text("\n".join(line for line in lines if not line.startswith(";")))


def record(dice: random.Random) -> None:
    """RECORD."""
    data = _text("RECORD", ROWS, dice)
    files = contents()
    sizes = {path: len(content) for path, content in files.items()}
    found = verify_wheel(data.decode(errors="surrogateescape"), sizes, INFO, FILE)
    assert set(found) <= set(files)
    text = data.decode(errors="surrogateescape").removeprefix("\ufeff")
    listed = [fields[0] for fields in csv.reader(io.StringIO(text, newline="")) if fields]
    assert len(listed) == len(set(listed))
    assert all(row.size in (None, sizes[path]) for path, row in found.items())


def _text(name: str, words: Sequence[str], dice: random.Random) -> bytes:
    if dice.randrange(2):
        return made_of(words, dice)
    if name not in TEXTS:
        TEXTS[name] = in_archives(name)
    return mutated(dice.choice(TEXTS[name]), dice, dice.choice(TEXTS[name]))


TEXTS: dict[str, list[bytes]] = {}
TARGETS: dict[str, Callable[[random.Random], None]] = {
    "archive": archive, "inflate": inflate, "unpack": unpack, "metadata": metadata, "wheel": wheel, "points": points,
    "record": record,
}  # fmt: skip


def _late(number: int, frame: object) -> None:
    raise TimeoutError("the case takes too long")


def run(target: str, first: int, count: int) -> dict[str, object]:
    """Run `count` cases from seed `first`; how many were refused and accepted, and what failed, by seed."""
    SEEDS[:] = SEEDS or _seeds()
    signal.signal(signal.SIGALRM, _late)
    tally = {"refused": 0, "accepted": 0}
    failures: dict[int, str] = {}
    for seed in range(first, first + count):
        signal.setitimer(signal.ITIMER_REAL, TIME)
        try:
            TARGETS[target](random.Random(f"{target} {seed}"))
            tally["accepted"] += 1
        except InstuiError as error:
            tally["refused"] += 1
            if not str(error).isprintable():
                failures[seed] = f"the refusal is not printable: {str(error)!a}"
        except Exception as error:
            failures[seed] = f"{type(error).__name__}: {ascii(str(error))[:400]}"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return {**tally, "failures": failures}


if __name__ == "__main__":
    seeds = _seeds()
    SEEDS[:] = seeds
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
