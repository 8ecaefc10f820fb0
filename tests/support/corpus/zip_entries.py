"""Single entries: what the local header, the central directory, extra fields and descriptors say, and the data."""

import bz2
import lzma
import struct
import zlib

from support.zipbytes import Entry, assemble, deflated, headers

from .model import TEXT, Case, Installed, Refused, entries, evil

PACKED = deflated(TEXT)
CRC = zlib.crc32(TEXT)
DESCRIPTOR = struct.pack("<III", CRC, len(PACKED), len(TEXT))
WIDE = struct.pack("<IQQ", CRC, len(PACKED), len(TEXT))
FULL = 0xFFFFFFFF
THERE = Installed(("site/odd/evil.py",))
NAME = b"odd/evil.py"
LONG = struct.pack("<HH", 9, 60000) + bytes(60000)


def zip64(*values: int) -> bytes:
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values)


def both(**fields: int | bytes) -> bytes:
    return evil(local=fields, central=fields)


def streamed(behind: bytes, **zeroed: int | bytes) -> bytes:
    """An entry as written by a program that cannot seek: sizes and CRC follow the data."""
    return evil(flags=8, local={"crc": 0, "size": 0, "compressed": 0, **zeroed}, behind=behind)


def unicode_path(name: bytes, crc: int | None = None) -> bytes:
    found = zlib.crc32(NAME) if crc is None else crc
    return struct.pack("<HHBI", 0x7075, 5 + len(name), 1, found) + name


def entry(*more: Entry) -> bytes:
    return assemble(entries(*more))


def mode(bits: int) -> bytes:
    return evil(mode=bits)


def stamped(date: int, time: int) -> bytes:
    return evil(local={"date": date, "time": time}, central={"date": date, "time": time})


CASES = (
    Case("stored", lambda: evil(method=0), THERE),
    Case("bzip2", lambda: evil(method=12, packed=bz2.compress(TEXT)), Refused("method 12")),
    Case("lzma", lambda: evil(method=14, packed=b"\x09\x14\x05\0" + lzma.compress(TEXT)), Refused("method 14")),
    Case("zstd", lambda: evil(method=93, packed=b"\x28\xb5\x2f\xfd\0"), Refused("method 93")),
    Case("xz", lambda: evil(method=95, packed=lzma.compress(TEXT)), Refused("method 95")),
    Case("deflate64", lambda: evil(method=9), Refused("method 9")),
    Case("implode", lambda: evil(method=6), Refused("method 6")),
    Case("AES", lambda: evil(method=99, flags=1), Refused("encrypted")),
    Case("an unknown method", lambda: evil(method=1234), Refused("method 1234")),
    Case("encrypted", lambda: evil(flags=1), Refused("encrypted")),
    Case("strongly encrypted", lambda: evil(flags=0x41), Refused("encrypted")),
    Case("masked headers", lambda: evil(flags=0x2001), Refused("encrypted")),
    Case("patched data", lambda: evil(flags=0x20), Refused("unknown flags")),
    Case("reserved flags", lambda: evil(flags=0x8000), Refused("unknown flags")),
    Case("compressor's flags", lambda: evil(flags=6), THERE),
    Case("two entries of one name", lambda: entry(Entry(NAME, TEXT), Entry(NAME, b"other")), Refused("two entries")),
    Case(
        "a file and a directory of one name",
        lambda: entry(Entry(NAME, TEXT), Entry(NAME + b"/", method=0)),
        Refused("two"),
    ),
    Case(
        "a file below a file",
        lambda: entry(Entry(NAME, TEXT), Entry(NAME + b"/x", TEXT)),
        Refused("is a file and a dir"),
    ),
    Case("a directory twice", lambda: entry(*[Entry(b"odd/d/", method=0, mode=0o40755)] * 2), Refused("two entries")),
    Case("a directory with content", lambda: entry(Entry(b"odd/d/", TEXT, mode=0o40755)), Refused("has content")),
    Case(
        "empty directories",
        lambda: entry(Entry(b"odd/d/", method=0, mode=0o40755), Entry(b"odd/e/", mode=0)),
        Installed(),
    ),
    Case("a file named like a directory", lambda: entry(Entry(b"odd/d/", method=0)), Refused("named like a directory")),
    Case("a directory named like a file", lambda: mode(0o40755), Refused("not a regular file")),
    Case(
        "a directory, says DOS",
        lambda: evil(central={"attributes": 0o100644 << 16 | 0x10}),
        Refused("not a regular"),
    ),
    Case("a symlink", lambda: entry(Entry(NAME, b"/etc/passwd", mode=0o120777)), Refused("not a regular file")),
    Case(
        "a symlink that is a directory",
        lambda: entry(Entry(b"odd/d/", method=0, mode=0o120777)),
        Refused("named like"),
    ),
    Case("a FIFO's mode", lambda: mode(0o010644), Refused("not a regular file")),
    Case("a block device's mode", lambda: mode(0o060644), Refused("not a regular file")),
    Case("a character device's mode", lambda: mode(0o020644), Refused("not a regular file")),
    Case("a socket's mode", lambda: mode(0o140644), Refused("not a regular file")),
    Case("needs version 25.5 of the format", lambda: evil(central={"needed": 255}), Refused("version 255 of the zip")),
    Case("needs version 6.3, on another system", lambda: evil(central={"needed": 0x33F}), THERE),
    Case("no mode", lambda: mode(0), THERE),
    Case("mode 0000", lambda: mode(0o100000), THERE),
    Case("set-uid, set-gid, sticky", lambda: mode(0o107644), THERE),
    Case("world writable", lambda: mode(0o100666), THERE),
    Case("executable", lambda: mode(0o104711), Installed(("site/odd/evil.py",), executable=("site/odd/evil.py",))),
    Case("date zero", lambda: stamped(0, 0), THERE),
    Case("a date that is none", lambda: stamped(0xFFFF, 0xFFFF), THERE),
    Case("the local name is another", lambda: evil(local={"name": b"odd/live.py"}), Refused("disagree")),
    Case("the local name is shorter", lambda: evil(local={"name": b"odd/e.py"}), Refused("")),
    Case("the local size is another", lambda: evil(local={"size": 1}), Refused("disagree")),
    Case("the local packed size is another", lambda: evil(local={"compressed": 1}), Refused("disagree")),
    Case("the local CRC is another", lambda: evil(local={"crc": 1}), Refused("disagree")),
    Case("the local CRC is zero", lambda: evil(local={"crc": 0}), Refused("disagree")),
    Case("the local method is another", lambda: evil(local={"method": 0}), Refused("disagree")),
    Case("the local flags are others", lambda: evil(local={"flags": 0x800}), Refused("disagree")),
    Case("no local header", lambda: evil(local={"signature": b"PK\3\5"}), Refused("no local header")),
    Case("no central signature", lambda: evil(central={"signature": b"PK\1\3"}), Refused("malformed")),
    Case("on the second disk", lambda: evil(central={"disk": 1}), Refused("several disks")),
    Case("begins in another entry", lambda: evil(central={"start": 5}), Refused("in front of the first")),
    Case("begins behind the end", lambda: evil(central={"start": 10**8}), Refused("")),
    Case("is longer than the archive", lambda: evil(central={"compressed": 10**6}), Refused("overlaps")),
    Case("the size is smaller than the data", lambda: both(size=9), Refused("")),
    Case("the size is larger than the data", lambda: both(size=999), Refused("")),
    Case("the size is impossible", lambda: both(size=1 << 30), Refused("cannot have")),
    Case("stored in another size", lambda: evil(method=0, packed=TEXT + b"x"), Refused("cannot have")),
    Case("the CRC is wrong", lambda: both(crc=1), Refused("damaged (CRC)")),
    Case("data behind the stream", lambda: evil(packed=PACKED + b"hidden"), Refused("ends early")),
    Case("the stream is cut off", lambda: evil(packed=PACKED[:-3]), Refused("")),
    Case("the stream is noise", lambda: evil(packed=b"\xff" * 20), Refused("damaged")),
    Case("no data", lambda: evil(packed=b""), Refused("")),
    Case("bytes between two entries", lambda: evil(behind=b"hidden"), Refused("hidden data")),
    Case(
        "an entry between two entries",
        lambda: evil(behind=b"".join(headers(Entry(b"x.py", TEXT), 0)[:2])),
        Refused("hidden"),
    ),
    Case("sizes behind the data", lambda: streamed(DESCRIPTOR), THERE),
    Case("sizes behind the data, signed", lambda: streamed(b"PK\7\x08" + DESCRIPTOR), THERE),
    Case("wide sizes behind the data", lambda: streamed(WIDE), THERE),
    Case("wide sizes behind the data, signed", lambda: streamed(b"PK\7\x08" + WIDE), THERE),
    Case("sizes in front of and behind the data", lambda: evil(flags=8, behind=DESCRIPTOR), THERE),
    Case("no sizes behind the data", lambda: streamed(b""), Refused("data descriptor")),
    Case(
        "another size behind the data",
        lambda: streamed(struct.pack("<III", CRC, len(PACKED), 7)),
        Refused("data descriptor"),
    ),
    Case(
        "another CRC behind the data",
        lambda: streamed(struct.pack("<III", 7, len(PACKED), len(TEXT))),
        Refused("data descr"),
    ),
    Case("another signature behind the data", lambda: streamed(b"PK\7\7" + DESCRIPTOR), Refused("data descriptor")),
    Case("bytes behind the sizes", lambda: streamed(DESCRIPTOR + b"x" * 99), Refused("data descriptor")),
    Case("sizes that nobody announced", lambda: evil(behind=b"PK\7\x08" + DESCRIPTOR), Refused("hidden data")),
    Case("an unknown extra field", lambda: evil(central={"extra": struct.pack("<HHI", 0x5455, 4, 7)}), THERE),
    Case("an extra field of 60,000 bytes", lambda: evil(local={"extra": LONG}), THERE),
    Case(
        "an extra field overruns",
        lambda: evil(central={"extra": struct.pack("<HH", 9, 100)}),
        Refused("extra fields"),
    ),
    Case("an extra field is cut off", lambda: evil(central={"extra": b"xyz"}), Refused("extra fields")),
    Case("a second name", lambda: evil(central={"extra": unicode_path(b"odd/live.py")}), Refused("second name")),
    Case(
        "a second name in the local header",
        lambda: evil(local={"extra": unicode_path(b"../x.py")}),
        Refused("second name"),
    ),
    Case(
        "a second name with another CRC",
        lambda: evil(central={"extra": unicode_path(b"x", 7)}),
        Refused("second name"),
    ),
    Case(
        "zip64 sizes",
        lambda: both(size=FULL, compressed=FULL, extra=zip64(len(TEXT), len(PACKED))),
        THERE,
    ),
    Case("zip64 sizes, repeated", lambda: evil(local={"extra": zip64(len(TEXT), len(PACKED))}), THERE),
    Case("zip64 offset", lambda: evil(central={"start": FULL, "extra": zip64(0)}), THERE),
    Case("other zip64 sizes", lambda: evil(local={"extra": zip64(5, 5)}), Refused("zip64 field")),
    Case(
        "a zip64 field is too short",
        lambda: both(size=FULL, compressed=FULL, extra=zip64(5)),
        Refused("zip64 field"),
    ),
    Case("two zip64 fields", lambda: evil(local={"extra": zip64(len(TEXT)) * 2}), Refused("second name or size")),
    Case("a zip64 size of 2**63", lambda: both(size=FULL, extra=zip64(1 << 63)), Refused("cannot have")),
    Case("a zip64 offset of 2**63", lambda: evil(central={"start": FULL, "extra": zip64(1 << 63)}), Refused("")),
    Case("zip64 sizes are missing", lambda: both(size=FULL), Refused("cannot have")),
)  # fmt: skip
