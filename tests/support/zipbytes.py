"""Write zip archives field by field, so that every field, and what lies between the records, can lie. Not zipfile."""

import struct
import zlib
from dataclasses import dataclass, field


@dataclass
class Entry:
    """A file of a hand-made archive; `local` and `central` replace fields of the two headers."""

    name: bytes
    content: bytes = b""
    method: int = 8
    flags: int = 0
    mode: int = 0o100644
    packed: bytes | None = None
    local: dict[str, int | bytes] = field(default_factory=dict)
    central: dict[str, int | bytes] = field(default_factory=dict)
    behind: bytes = b""  # between the data and the next header: descriptors, or something hidden


def deflated(content: bytes) -> bytes:
    stream = zlib.compressobj(6, zlib.DEFLATED, -15)
    return stream.compress(content) + stream.flush()


def headers(entry: Entry, start: int) -> tuple[bytes, bytes, bytes]:
    packed = entry.packed
    if packed is None:
        packed = deflated(entry.content) if entry.method == 8 else entry.content
    base: dict[str, int | bytes] = {
        "name": entry.name, "flags": entry.flags, "method": entry.method, "crc": zlib.crc32(entry.content),
        "compressed": len(packed), "size": len(entry.content), "extra": b"", "start": start, "disk": 0,
        "attributes": entry.mode << 16, "signature": 0, "needed": 20, "date": 33, "time": 0,
    }  # fmt: skip
    f = {**base, **entry.local}
    assert isinstance(f["name"], bytes)
    assert isinstance(f["extra"], bytes)
    local = struct.pack(
        "<4s5H3I2H", f["signature"] or b"PK\3\4", f["needed"], f["flags"], f["method"], f["time"], f["date"],
        f["crc"], f["compressed"], f["size"], len(f["name"]), len(f["extra"]),
    ) + f["name"] + f["extra"]  # fmt: skip
    f = {**base, **entry.central}
    assert isinstance(f["name"], bytes)
    assert isinstance(f["extra"], bytes)
    central = struct.pack(
        "<4s6H3I5H2I", f["signature"] or b"PK\1\2", 0x314, f["needed"], f["flags"], f["method"], f["time"], f["date"],
        f["crc"], f["compressed"], f["size"], len(f["name"]), len(f["extra"]), 0, f["disk"], 0,
        f["attributes"], f["start"],
    ) + f["name"] + f["extra"]  # fmt: skip
    return local, packed, central


def end_record(count: int, size: int, start: int, comment: bytes = b"") -> bytes:
    return struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, size, start, len(comment)) + comment


def end64(count: int, size: int, start: int, position: int) -> bytes:
    record = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
    return record + struct.pack("<4sIQI", b"PK\6\7", 0, position, 1)


def assemble(entries: list[Entry], zip64: bool = False) -> bytes:
    body, directory = b"", b""
    for entry in entries:
        local, packed, central = headers(entry, len(body))
        body += local + packed + entry.behind
        directory += central
    start = len(body)
    if not zip64:
        return body + directory + end_record(len(entries), len(directory), start)
    position = start + len(directory)
    tail = end64(len(entries), len(directory), start, position) + end_record(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    return body + directory + tail
