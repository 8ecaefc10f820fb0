"""The archive as a whole: what lies before, behind and between its parts, and what its end records say."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

from support.zipbytes import Entry, assemble, deflated, end_record

from .model import FILE, TEXT, Case, Installed, Refused, entries, evil, wheel

END64 = -22 - 20 - 56  # where the zip64 end record begins


def good() -> bytes:
    return wheel()


def good64() -> bytes:
    return assemble(entries(), zip64=True)


def patched(data: bytes, position: int, layout: str, value: int) -> bytes:
    """`data` with a field at `position` (from the end where negative) set."""
    position %= len(data)
    changed = struct.pack(layout, value)
    return data[:position] + changed + data[position + len(changed) :]


def cut(share: float) -> Callable[[], bytes]:
    return lambda: good()[: int(len(good()) * share)]


def commented(comment: bytes) -> bytes:
    return patched(good(), -2, "<H", len(comment)) + comment


def counted(data: bytes, count: int) -> bytes:
    return patched(patched(data, -12, "<H", count), -14, "<H", count)


def parts() -> tuple[bytes, bytes]:
    """Local entries, central directory."""
    data = good()
    start = struct.unpack("<I", data[-6:-2])[0]
    return data[:start], data[start:-22]


def with_end(count: int, size: int, start: int) -> bytes:
    body, directory = parts()
    return body + directory + end_record(count, size, start)


def gap_before_directory() -> bytes:
    body, directory = parts()
    return body + b"gap" + directory + end_record(4, len(directory), len(body) + 3)


def gap_behind_directory() -> bytes:
    body, directory = parts()
    return body + directory + b"gap" + end_record(4, len(directory), len(body))


def unlisted_entry() -> bytes:
    """A local entry between the others and the central directory, which does not have it."""
    body, directory = parts()
    hidden = assemble([Entry(b"odd/hidden.py", TEXT)])
    body += hidden[: struct.unpack("<I", hidden[-6:-2])[0]]
    return body + directory + end_record(4, len(directory), len(body))


def two_ends() -> bytes:
    """A second end record, whose directory has other entries."""
    return good() + assemble([Entry(b"odd/other.py", TEXT)])[-22:]


def locator_elsewhere() -> bytes:
    return patched(good64(), -22 - 12, "<Q", 7)


def lone_locator() -> bytes:
    data = good()
    return data[:-22] + struct.pack("<4sIQI", b"PK\6\7", 0, len(data), 1) + data[-22:]


def zip64_says(position: int, value: int) -> Callable[[], bytes]:
    return lambda: patched(good64(), END64 + position, "<Q", value)


def two_zip64_ends() -> bytes:
    data = good64()
    start = len(data) + END64
    return data[:start] + data[start : start + 56] + data[start:]


def overlapping(count: int) -> bytes:
    """The bomb of David Fifield: entries that share one compressed kernel."""
    kernel = deflated(bytes(1 << 20))
    body = b""
    directory = b""
    first = assemble([Entry(b"odd/0", bytes(1 << 20), packed=kernel)])
    start = struct.unpack("<I", first[-6:-2])[0]
    body = first[:start]
    for number in range(count):
        central = bytearray(first[start:-22])
        central[-5:] = b"odd/%d" % (number % 10)
        directory += bytes(central)
    return body + directory + end_record(count, len(directory), len(body))


def _deep(levels: int) -> Callable[[], bytes]:
    return lambda: wheel({"odd/" + "d/" * levels + "x.py": b""})


def _directories() -> bytes:
    """200 names make 80,000 directories."""
    return wheel({f"odd/{number:03}/" + "d/" * 400 + "x": b"" for number in range(200)}, method=0)


def _directory(path: Path) -> None:
    path.mkdir()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def _link(path: Path) -> None:
    path.with_name("real").write_bytes(good())
    path.symlink_to("real")


def _quine() -> bytes:
    """An archive that has itself as a file, stored: nothing that is installed unpacks it again."""
    return wheel({"odd/again.whl": wheel({"odd/again.whl": good()})}, method=0)


CASES = (
    Case("empty file", lambda: b"", Refused("too short")),
    Case("one byte", lambda: b"P", Refused("too short")),
    Case("text", lambda: b"just words\n" * 9, Refused("not a zip archive")),
    Case("a page of a captive portal", lambda: b"<html>" * 99, Refused("not a zip archive")),
    Case("gzip", lambda: b"\x1f\x8b\x08" + bytes(99), Refused("not a zip archive")),
    Case("seven zip", lambda: b"7z\xbc\xaf\x27\x1c" + bytes(99), Refused("not a zip archive")),
    Case("zeros", lambda: bytes(1000), Refused("not a zip archive")),
    Case("no entries", lambda: end_record(0, 0, 0), Refused("is empty")),
    Case("only end records", lambda: b"PK\5\6" * 40, Refused("")),
    *(Case(f"cut off at {share:.0%}", cut(share), Refused("not a zip")) for share in (0.05, 0.3, 0.6, 0.8, 0.95)),
    Case("the last byte is missing", lambda: good()[:-1], Refused("cut off")),
    Case("data in front (self-extracting)", lambda: b"#!/bin/sh\n" + good(), Refused("not where")),
    Case("data in front, offsets corrected", lambda: _prefixed(), Refused("in front of the first entry")),
    Case("data behind", lambda: good() + b"x", Refused("behind the end")),
    Case("a signature behind", lambda: good() + b"\nPK\7\x08", Refused("behind the end")),
    Case("two archives, one behind the other", lambda: good() + good(), Refused("not where")),
    Case("a second end record", two_ends, Refused("not where")),
    Case("an end record in the comment", lambda: commented(end_record(0, 0, 0)), Refused("not where")),
    Case("a whole archive in the comment", lambda: commented(assemble([Entry(b"x.py", TEXT)])), Refused("not where")),
    Case("the comment is shorter than it says", lambda: patched(good(), -2, "<H", 5), Refused("behind the end")),
    Case("a comment", lambda: commented(b"made by hand"), Installed()),
    Case("a comment of 65,535 bytes", lambda: commented(b"c" * 65535), Installed()),
    Case("a comment with escapes", lambda: commented(b"\x1b[31m\r\n"), Installed()),
    Case("a gap in front of the directory", gap_before_directory, Refused("hidden data")),
    Case("a gap behind the directory", gap_behind_directory, Refused("not where")),
    Case("an entry that the directory does not list", unlisted_entry, Refused("hidden data")),
    Case("too few entries announced", lambda: counted(good(), 3), Refused("more entries")),
    Case("too many entries announced", lambda: counted(good(), 99), Refused("cut off")),
    Case("the counts disagree", lambda: patched(good(), -12, "<H", 3), Refused("several disks")),
    Case("the second of two disks", lambda: patched(good(), -18, "<H", 1), Refused("several disks")),
    Case("the directory begins elsewhere", lambda: with_end(4, len(parts()[1]), 7), Refused("not where")),
    Case("the directory is shorter", lambda: with_end(4, 10, len(good()) - 32), Refused("")),
    Case("zip64", good64, Installed()),
    Case("zip64 counts another number", zip64_says(32, 3), Refused("several disks")),
    Case("zip64 has another size", zip64_says(40, 3), Refused("not where")),
    Case("zip64 has another start", zip64_says(48, 3), Refused("not where")),
    Case("zip64 begins behind the end", zip64_says(48, 1 << 62), Refused("not where")),
    Case("zip64 and end record disagree", lambda: counted(good64(), 3), Refused("disagree")),
    Case("the zip64 locator points elsewhere", locator_elsewhere, Refused("not in front of its locator")),
    Case("a zip64 locator without its record", lone_locator, Refused("not in front of its locator")),
    Case("two zip64 end records", two_zip64_ends, Refused("not in front of its locator")),
    Case("the zip64 record is longer", zip64_says(4, 60), Refused("malformed")),
    Case("a zip64 record for two disks", lambda: patched(good64(), -22 - 4, "<I", 2), Refused("several disks")),
    Case(
        "zip64 announces 2**62 entries",
        lambda: patched(zip64_says(32, 1 << 62)(), END64 + 24, "<Q", 1 << 62),
        Refused("at most"),
    ),
    Case("overlapping entries (bomb)", lambda: overlapping(9), Refused("overlaps")),
    Case("a bomb of 80 MB in one file", lambda: wheel({"odd/blanks": bytes(80 << 20)}), Refused("unpacks from")),
    Case(
        "a bomb of many files",
        lambda: wheel({f"odd/{n}": bytes(1 << 20) for n in range(70)}),
        Refused("unpacks from"),
    ),
    Case("a size of 4 GiB - 2 that is not true", lambda: _claims(0xFFFFFFFE), Refused("cannot have")),
    Case("an archive in an archive in an archive", _quine, Installed(("site/odd/again.whl",))),
    Case(
        "2,000 empty files",
        lambda: wheel({f"odd/{n}": b"" for n in range(2000)}, method=0),
        Installed(tuple(f"site/odd/{n}" for n in range(2000))),
    ),
    Case("names of 200 levels", _deep(200), Installed(("site/odd/" + "d/" * 200 + "x.py",))),
    Case("names of 1,000 levels", _deep(1000), Refused("at most 1024")),
    Case("80,000 directories in 200 names", _directories, Refused("directories")),
    Case("a directory instead of a file", _directory, Refused("no wheels in the directory", 2)),
    Case("a FIFO", _fifo, Refused("not a regular file", 2)),
    Case("a link to a device", _device, Refused("not a regular file", 2)),
    Case("a link to itself", _link_to_itself, Refused(FILE, 2)),
    Case("a link to a wheel", _link, Installed()),
)  # fmt: skip


def _prefixed() -> bytes:
    body = entries()
    data = assemble(body)
    shift = 10
    start = struct.unpack("<I", data[-6:-2])[0]
    directory = bytearray(data[start:-22])
    position = 0
    while position < len(directory):
        name, extra, comment = struct.unpack_from("<3H", directory, position + 28)
        (offset,) = struct.unpack_from("<I", directory, position + 42)
        struct.pack_into("<I", directory, position + 42, offset + shift)
        position += 46 + name + extra + comment
    return b"#!/bin/sh\n" + data[:start] + bytes(directory) + end_record(len(body), len(directory), start + shift)


def _claims(size: int) -> bytes:
    return evil(local={"size": size}, central={"size": size})
