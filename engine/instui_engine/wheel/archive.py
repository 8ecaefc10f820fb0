"""Read the zip structure of a wheel, and refuse every file that two readers could understand differently.

Follows APPNOTE.TXT 6.3.10 (sections in comments). zipfile is not used: it trusts the central directory and never checks
whether the local headers, or the bytes between them, say something else. Here the whole file must be accounted for:
local headers, data and descriptors tile it from the first byte to the central directory, which reaches to the end
records, which reach to the last byte. So nothing can hide, overlap, or follow.

The file is mapped into memory; it must not be truncated by others while it is open.
"""

import mmap
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import NoReturn

from instui_engine.errors import CACHE, ROOM, BadWheelError, printable, reason
from instui_engine.values import NamedTuple

from .entry_paths import check_tree, path_of, shown
from .inflate import by_isal

STORED, DEFLATED = 0, 8

# A single ratio would refuse real wheels: deflate reaches 1032:1 on a member of blanks. Whole archives stay below 9:1
# (141 real wheels measured), so the total is judged: any wheel may unpack to 64 MiB, a larger one to 100 times its
# size, none to more than 16 GiB. The count is judged apart, since empty files cost inodes only (14,591 in a real
# wheel), and so is that of directories (module `entry_paths`).
SMALL_TOTAL = 64 << 20
LARGEST_TOTAL = 16 << 30
LARGEST_RATIO = 100
MOST_ENTRIES = 500_000

WHOLE = 64 << 20  # the default limit of `Archive.read`, in bytes in memory
CHUNK = 1 << 20  # the most bytes that `Archive.chunks` yields at a time
_FEED = 1 << 16  # bytes of input at a time: zlib copies what it could not consume yet

_ENTRY = Struct("<4s6H3I5H2I")  # 4.3.12: signature, made by, needed, flags, method, time, date, crc, sizes, lengths ...
_LOCAL = Struct("<4s5H3I2H")  # 4.3.7
_END = Struct("<4s4H2IH")  # 4.3.16
_END64 = Struct("<4sQ2H2I4Q")  # 4.3.14
_LOCATOR = Struct("<4sIQI")  # 4.3.15
_DESCRIPTORS = {  # 4.3.9: the signature is optional, the sizes have 4 or 8 bytes
    12: Struct("<III"),
    16: Struct("<4xIII"),
    20: Struct("<IQQ"),
    24: Struct("<4xIQQ"),
}
_LATEST = 63  # version 6.3 of the format (4.4.3); the upper half of the field is the system of whoever wrote it
_ENCRYPTED = 0x2041  # bits 0, 6 and 13 of the flags (4.4.4)
_DESCRIPTOR = 0x0008
_UTF8 = 0x0800
_KNOWN_FLAGS = _DESCRIPTOR | _UTF8 | 0x0006  # bits 1 and 2: how hard the compressor tried
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_DOS_DIRECTORY = 0x10
_ZIP64, _UNICODE_PATH = 0x0001, 0x7075  # ids of extra fields (4.5.3, 4.6.9)


class Member(NamedTuple):
    """One file of an archive. `offset` is that of its data, sizes are bytes, `path` is relative, with `/`."""

    path: str
    offset: int
    compressed: int
    size: int
    method: int
    crc: int
    executable: bool


class Archive:
    """An open wheel whose structure is valid; its content is checked when it is read. Threads may share it."""

    def __init__(self, name: str, view: memoryview, members: tuple[Member, ...]) -> None:
        self.name = name  # the file's, printable: every message begins with it
        self.members = members  # in the order of the central directory, without directory entries
        self._view = view

    def refuse(self, problem: str) -> NoReturn:
        """Raise BadWheelError about this archive."""
        raise BadWheelError(f"{self.name}: {problem}", wheel=self.name)

    def read(self, member: Member, limit: int = WHOLE) -> bytes:
        """The content of `member`, with size and CRC verified. Raises BadWheelError, also if it exceeds `limit`."""
        if member.size > limit:
            self.refuse(f"{printable(member.path)} has {member.size} bytes, at most {limit} are expected")
        with self._view[member.offset : member.offset + member.compressed] as packed:
            if member.method == STORED:
                data = bytes(packed)
            elif (sound := by_isal(packed, member.size, member.crc)) is not None:
                return sound
            else:
                # Not zlib.decompress: it has no limit, and ignores what follows the end of the stream. One byte more
                # than declared, so that zlib reads on to the end mark, and a longer stream shows.
                stream = zlib.decompressobj(-15)
                try:
                    data = stream.decompress(packed, member.size + 1)
                except zlib.error as error:
                    self._refuse_stream(member, error)
                self._check_end(member, stream, len(data))
        if zlib.crc32(data) != member.crc:
            self._refuse_crc(member)
        return data

    def chunks(self, member: Member) -> Iterator[bytes | memoryview]:
        """The content of `member` in pieces of up to CHUNK bytes; each is valid until the next one is asked for.

        Size and CRC can only be verified after the last piece: whatever was made of the pieces is valid only if no
        BadWheelError follows.
        """
        crc = size = 0
        with self._view[member.offset : member.offset + member.compressed] as packed:
            if member.method != STORED and (sound := by_isal(packed, member.size, member.crc)) is not None:
                yield from _cut(memoryview(sound))
                return
            for piece in _cut(packed) if member.method == STORED else self._inflated(member, packed):
                size += len(piece)
                if size > member.size:
                    self._refuse_size(member)
                crc = zlib.crc32(piece, crc)
                yield piece
        if size != member.size:
            self._refuse_size(member)
        if crc != member.crc:
            self._refuse_crc(member)

    def _inflated(self, member: Member, packed: memoryview) -> Iterator[bytes]:
        stream = zlib.decompressobj(-15)
        size = 0
        try:
            for start in range(0, len(packed), _FEED):
                with packed[start : start + _FEED] as feed:
                    piece = stream.decompress(feed, CHUNK)
                while piece:
                    size += len(piece)
                    yield piece
                    piece = stream.decompress(stream.unconsumed_tail, CHUNK)
                if stream.eof and start + _FEED < len(packed):
                    self._refuse_stream(member, "it ends early")
        except zlib.error as error:
            self._refuse_stream(member, error)
        self._check_end(member, stream, size)

    def _check_end(self, member: Member, stream: "zlib._Decompress", size: int) -> None:
        if size != member.size:
            self._refuse_size(member)
        if not stream.eof:
            self._refuse_stream(member, "it does not end")
        if stream.unused_data:
            self._refuse_stream(member, "it ends early")

    def _refuse_size(self, member: Member) -> NoReturn:
        self.refuse(f"{printable(member.path)} does not have the declared {member.size} bytes")

    def _refuse_crc(self, member: Member) -> NoReturn:
        self.refuse(f"{printable(member.path)} is damaged (CRC)")

    def _refuse_stream(self, member: Member, why: object) -> NoReturn:
        self.refuse(f"the compressed data of {printable(member.path)} are damaged ({why})")


def _cut(content: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(content), CHUNK):
        with content[start : start + CHUNK] as piece:
            yield piece


@contextmanager
def open_archive(path: Path, room: int | None = None, filename: str = "", place: str = "") -> Iterator[Archive]:
    """Map the wheel at `path` and validate its structure. Raises BadWheelError, with one line that names the file.

    `room` is how many bytes may be written (the free space of the destination), and `place` where. `filename` is the
    wheel's, if that of the file is another one, as while it is downloaded.
    """
    filename = filename or path.name
    name = printable(filename)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO must not block
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise BadWheelError(f"{name}: not a regular file", wheel=filename)
            if status.st_size < _END.size:
                raise BadWheelError(f"{name}: not a zip archive (too short)", wheel=filename)
            data = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise BadWheelError(f"{name}: cannot be read: {reason(error)}", wheel=filename) from error
    with data, memoryview(data) as view:
        try:
            members = _members(data)
            _check_budget(members, len(data), room, place)
        except BadWheelError as error:
            raise BadWheelError(f"{name}: {error}", wheel=filename) from None
        yield Archive(name, view, members)


class _Entry(NamedTuple):
    """A record of the central directory. `start` is the offset of the local header."""

    name: bytes
    flags: int
    method: int
    crc: int
    compressed: int
    size: int
    start: int
    dos: int
    mode: int


def _members(data: mmap.mmap) -> tuple[Member, ...]:
    count, start, end = _directory(data)
    entries = list(_entries(data, count, start, end))
    offsets = _data_offsets(data, entries, start)
    paths: set[str] = set()
    files = []
    for entry, offset in zip(entries, offsets, strict=True):
        path = path_of(entry.name)
        if path in paths:
            raise BadWheelError(f"two entries are named {printable(path)}")
        paths.add(path)
        if entry.name.endswith(b"/"):
            _check_directory(entry, path)
        else:
            _check_file(entry, path)
            executable = bool(entry.mode & 0o111)
            files.append(Member(path, offset, entry.compressed, entry.size, entry.method, entry.crc, executable))
    check_tree(paths, {member.path for member in files})
    return tuple(files)


def _directory(data: mmap.mmap) -> tuple[int, int, int]:
    """The number of entries, offset and end of the central directory (4.3.16, with 4.3.14 and 4.3.15 for zip64)."""
    # The last signature counts. A comment that contains one is refused: the record found must reach to the last byte,
    # and the central directory up to the record.
    position = data.rfind(b"PK\5\6", max(0, len(data) - _END.size - _FULL16))
    if position < 0:
        raise BadWheelError("not a zip archive (no end record)")
    if position + _END.size > len(data):
        raise BadWheelError("the end record is cut off")
    _, disk, first, here, count, size, start, comment = _END.unpack_from(data, position)
    if position + _END.size + comment != len(data):
        raise BadWheelError("there are data behind the end of the archive")
    if disk or first or here != count:
        raise BadWheelError("the archive spans several disks")
    end = position
    locator = position - _LOCATOR.size
    # Always searched for, as other readers do, and not only if a field is full.
    if locator >= 0 and data[locator : locator + 4] == b"PK\6\7":
        end, *wide = _directory64(data, locator)
        narrow = zip((count, size, start), wide, (_FULL16, _FULL32, _FULL32), strict=True)
        if any(value not in (other, full) for value, other, full in narrow):
            raise BadWheelError("the end record and its zip64 form disagree")
        count, size, start = wide
    if start + size != end:
        raise BadWheelError("the central directory is not where the end record says (data before or behind it?)")
    if count > MOST_ENTRIES:
        raise BadWheelError(f"{count} entries, at most {MOST_ENTRIES} are allowed")
    if count == 0:
        raise BadWheelError("the archive is empty")
    return count, start, end


def _directory64(data: mmap.mmap, locator: int) -> tuple[int, int, int, int]:
    """The offset of the zip64 end record, and the number of entries, size and offset of the central directory."""
    _, disk, position, disks = _LOCATOR.unpack_from(data, locator)
    if disk or disks > 1:
        raise BadWheelError("the archive spans several disks")
    if position + _END64.size != locator:
        raise BadWheelError("the zip64 end record is not in front of its locator")
    signature, length, _, _, disk, first, here, count, size, start = _END64.unpack_from(data, position)
    if signature != b"PK\6\6" or length != _END64.size - 12:
        raise BadWheelError("the zip64 end record is malformed")
    if disk or first or here != count:
        raise BadWheelError("the archive spans several disks")
    return position, count, size, start


def _entries(data: mmap.mmap, count: int, start: int, end: int) -> Iterator[_Entry]:
    """The records of the central directory, which must fill it (4.3.12)."""
    position = start
    for _ in range(count):
        if position + _ENTRY.size > end:
            raise BadWheelError("the central directory is cut off")
        (
            signature, _, needed, flags, method, _, _, crc, compressed, size,
            name_length, extra_length, comment_length, disk, _, attributes, local,
        ) = _ENTRY.unpack_from(data, position)  # fmt: skip
        names = position + _ENTRY.size
        position = names + name_length + extra_length + comment_length
        if signature != b"PK\1\2" or position > end:
            raise BadWheelError("the central directory is malformed")
        name = data[names : names + name_length]
        if needed & 0xFF > _LATEST:
            raise BadWheelError(f"{shown(name)} needs version {needed & 0xFF} of the zip format, {_LATEST} is known")
        if disk:
            raise BadWheelError("the archive spans several disks")
        if extra_length:
            extra = data[names + name_length : names + name_length + extra_length]
            size, compressed, local = _wide(name, (size, compressed, local), extra)
        # The upper half are Unix permissions, whatever system the writer names: extractors ignore that field.
        yield _Entry(name, flags, method, crc, compressed, size, local, attributes & _FULL16, attributes >> 16)
    if position != end:
        raise BadWheelError("the central directory has more entries than the end record says")


def _wide(name: bytes, values: tuple[int, ...], extra: bytes) -> tuple[int, ...]:
    """`values`, with those that are full (2**32 - 1) taken from the zip64 extra field (4.5.3)."""
    fields: dict[int, bytes] = {}
    position = 0
    while position < len(extra):
        identifier, length = _EXTRA.unpack_from(extra, position) if position + 4 <= len(extra) else (0, _FULL16)
        position += 4 + length
        if position > len(extra):
            raise BadWheelError(f"the extra fields of {shown(name)} are malformed")
        if identifier == _UNICODE_PATH or (identifier == _ZIP64 and identifier in fields):
            raise BadWheelError(f"{shown(name)} has a second name or size in its extra fields")
        fields[identifier] = extra[position - length : position]
    zip64 = fields.get(_ZIP64)
    if zip64 is None:
        return values
    full = values.count(_FULL32)
    # Needless but true: protobuf's wheels (made by Bazel) repeat the sizes of members far below 4 GiB.
    repeated = not full and zip64 in (Struct(f"<{n}Q").pack(*values[:n]) for n in range(1, len(values) + 1))
    if repeated:
        return values
    if len(zip64) != 8 * full:
        raise BadWheelError(f"the zip64 field of {shown(name)} does not fit its header")
    rest = iter(Struct(f"<{full}Q").unpack(zip64))
    return tuple(next(rest) if value == _FULL32 else value for value in values)


_EXTRA = Struct("<HH")


def _data_offsets(data: mmap.mmap, entries: list[_Entry], end: int) -> list[int]:
    """The offset of each entry's data. Refuse anything but entries that tile the file from 0 to `end`."""
    order = sorted(range(len(entries)), key=lambda index: entries[index].start)
    starts = [entries[index].start for index in order]
    if starts[0]:
        raise BadWheelError("there are data in front of the first entry")
    offsets = [0] * len(entries)
    for index, following in zip(order, [*starts[1:], end], strict=True):
        offsets[index] = _data_offset(data, entries[index], following)
    return offsets


def _data_offset(data: mmap.mmap, entry: _Entry, following: int) -> int:
    """Compare the local header at `entry.start` with `entry`. Its data must end where the next header begins."""
    name = entry.name
    names = entry.start + _LOCAL.size
    if names > following:
        raise BadWheelError(f"{shown(name)} overlaps the next entry")
    signature, _, flags, method, _, _, crc, compressed, size, name_length, extra_length = _LOCAL.unpack_from(
        data, entry.start
    )
    if signature != b"PK\3\4":
        raise BadWheelError(f"{shown(name)} has no local header")
    offset = names + name_length + extra_length
    end = offset + entry.compressed
    if end > following:
        raise BadWheelError(f"{shown(name)} overlaps the next entry")
    if extra_length:
        size, compressed = _wide(name, (size, compressed), data[names + name_length : offset])
    found, expected = (crc, compressed, size), (entry.crc, entry.compressed, entry.size)
    # With a descriptor behind the data the header may leave each of the three at zero (4.4.4, bit 3).
    sizes_agree = found == expected or (
        flags & _DESCRIPTOR and all(value in (0, other) for value, other in zip(found, expected, strict=True))
    )
    local_name = data[names : names + name_length]
    if local_name != name or flags != entry.flags or method != entry.method or not sizes_agree:
        raise BadWheelError(f"local header and central directory disagree about {shown(name)}")
    if flags & _DESCRIPTOR:
        tail = data[end:following] if following - end <= 24 else None
        layout = _DESCRIPTORS.get(len(tail)) if tail is not None else None
        signed = layout in (_DESCRIPTORS[16], _DESCRIPTORS[24])
        if not tail or not layout or layout.unpack(tail) != expected or (signed and tail[:4] != b"PK\7\x08"):
            raise BadWheelError(f"the data descriptor of {shown(name)} is wrong, or data follow it")
    elif end != following:
        raise BadWheelError(f"there are hidden data behind {shown(name)}")
    return int(offset)


def _check_file(entry: _Entry, path: str) -> None:
    if entry.flags & _ENCRYPTED:
        raise BadWheelError(f"{printable(path)} is encrypted")
    if entry.flags & ~_KNOWN_FLAGS:
        raise BadWheelError(f"{printable(path)} has unknown flags ({entry.flags:#06x})")
    if entry.method not in (STORED, DEFLATED):
        raise BadWheelError(f"{printable(path)} is compressed with method {entry.method}, only deflate is known")
    if stat.S_IFMT(entry.mode) not in (0, stat.S_IFREG) or entry.dos & _DOS_DIRECTORY:
        raise BadWheelError(f"{printable(path)} is not a regular file")
    # No deflate stream grows by more than 1032:1; what declares more cannot be true.
    possible = entry.compressed if entry.method == STORED else 1032 * entry.compressed
    if entry.size > possible or (entry.method == STORED and entry.size != entry.compressed):
        raise BadWheelError(f"{printable(path)} cannot have the declared {entry.size} bytes")


def _check_directory(entry: _Entry, path: str) -> None:
    """Check an entry of a directory. Such entries are needless but frequent in real wheels; they must be empty."""
    # An empty deflate stream has two bytes.
    if entry.size or entry.crc or entry.compressed > 2 or entry.flags & ~_KNOWN_FLAGS:
        raise BadWheelError(f"the directory {printable(path)} has content")
    if stat.S_IFMT(entry.mode) not in (0, stat.S_IFDIR):
        raise BadWheelError(f"{printable(path)} is named like a directory, but is not one")


def _check_budget(members: tuple[Member, ...], packed: int, room: int | None, place: str) -> None:
    total = sum(member.size for member in members)
    budget = min(LARGEST_TOTAL, max(SMALL_TOTAL, LARGEST_RATIO * packed))
    if total > budget:
        raise BadWheelError(f"unpacks from {packed} to {total} bytes, at most {budget} are allowed")
    if room is not None and total > room:
        where = f"the cache ({printable(place)})" if place else "the cache"
        raise BadWheelError(
            f"unpacks to {_megabytes(total)}, but only {_megabytes(room)} are free in {where}; {ROOM}{CACHE}"
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
