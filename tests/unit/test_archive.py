"""The reader of wheel archives refuses what two readers could understand differently, and extracts the rest exactly."""

import io
import os
import random
import stat
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instui_engine.errors import BadWheelError
from instui_engine.wheel import archive, extract
from instui_engine.wheel.archive import Member, open_archive
from instui_engine.wheel.metadata import read_wheel_metadata
from instui_engine.wheel.record import Row, verify_wheel
from support import wheelsmith
from support.zipbytes import Entry, assemble, deflated, end_record, headers

WHEEL = "good-1.0-py3-none-any.whl"
RECORD = "good-1.0.dist-info/RECORD"
FILES = {
    "good/__init__.py": b"",
    "good/text.py": b"x = 1\n" * 300,
    "good/data.bin": bytes(range(256)),
    "good.py": b"pass\n",
}


def unpack(
    wheel: Path, destination: Path, progress: Callable[[int, int], None] = lambda size, files: None
) -> dict[str, Row]:
    """All checks and the extraction, in the order in which an install does them."""
    with open_archive(wheel) as opened:
        members = {member.path: member for member in opened.members}
        metadata = read_wheel_metadata(wheel.name, members, lambda path: opened.read(members[path]))
        text = opened.read(members[f"{metadata.dist_info}/RECORD"]).decode("utf-8", "replace")
        sizes = {member.path: member.size for member in opened.members}
        rows = verify_wheel(text, sizes, metadata.dist_info, wheel.name)
        return extract.extract(opened, destination, rows, progress)


def tree(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def entries(*more: Entry, method: int = 8) -> list[Entry]:
    """The entries of a correct wheel with `more` behind the package's files; RECORD lists them all."""
    content = dict(FILES)
    for entry in more:
        if not entry.name.endswith(b"/"):
            content[entry.name.decode("utf-8", "replace")] = entry.content
    files = wheelsmith.wheel_files("good", "1.0", content)
    added = {entry.name.decode("utf-8", "replace") for entry in more}
    own = [Entry(path.encode(), value, method) for path, value in files.items() if path not in added]
    return [*more, *own]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def write_wheel(data: bytes) -> Path:
        (tmp_path / "in").mkdir()
        (tmp_path / "out").mkdir()
        path = tmp_path / "in" / WHEEL
        path.write_bytes(data)
        return path

    return write_wheel


def check_refused(wheel: Path, match: str) -> None:
    top = wheel.parent.parent
    with pytest.raises(BadWheelError, match=match) as caught:
        unpack(wheel, top / "out")
    message = str(caught.value)
    assert message.startswith(f"{WHEEL}: ")
    assert message.isprintable(), "one line, and nothing that steers the terminal"
    assert {path.name for path in top.iterdir()} == {"in", "out"}
    assert [path.name for path in (top / "in").iterdir()] == [WHEEL]


def zip64_extra(*values: int) -> bytes:
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values)


TEXT = b"text = 1\n" * 50
PACKED = deflated(TEXT)
CRC = zlib.crc32(TEXT)
DESCRIPTOR = struct.pack("<III", CRC, len(PACKED), len(TEXT))
FULL = 0xFFFFFFFF

HOSTILE_NAMES = {
    "parent": (b"../evil.py", "as a component"),
    "parent inside": (b"good/../../evil.py", "as a component"),
    "current": (b"./evil.py", "as a component"),
    "current inside": (b"good/./evil.py", "as a component"),
    "empty component": (b"good//evil.py", "an empty component"),
    "absolute": (b"/tmp/evil.py", "absolute"),
    "drive": (b"C:/evil.py", "absolute"),
    "drive without slash": (b"c:evil.py", "absolute"),
    "backslash": (b"good\\..\\evil.py", "forbidden"),
    "unc": (b"\\\\host\\evil.py", "forbidden"),
    "nul": (b"good/evil.py\0.txt", "forbidden"),
    "newline": (b"good/ev\nil.py", "forbidden"),
    "escape": (b"good/\x1b[2Jevil.py", "forbidden"),
    "c1 control": ("good/\x9bevil.py".encode(), "forbidden"),
    "right to left override": ("good/\u202eyp.live".encode(), "forbidden"),
    "zero width": ("good/e\u200bvil.py".encode(), "forbidden"),
    "not utf-8": (b"good/\xff\xfe.py", "not UTF-8"),
    "surrogate": (b"good/\xed\xa0\x80.py", "not UTF-8"),
    "long component": (b"good/" + b"e" * 256, "longer than 255"),
    "long component in bytes": ("é".encode() * 128, "longer than 255"),
    "long path": (b"d/" * 600 + b"evil.py", "at most 1024"),
    "no name": (b"", "an empty component"),
    "only a slash": (b"/", "an empty component"),
    "directory above": (b"../", "as a component"),
    "file twice": (b"good/text.py/", "two entries are named"),
    "file below a file": (b"good.py/evil.py", "is a file and a directory"),
}


@pytest.mark.parametrize("case", HOSTILE_NAMES)
def test_a_hostile_path_is_refused(case: str, write: Callable[[bytes], Path]) -> None:
    name, match = HOSTILE_NAMES[case]
    entry = Entry(name, mode=0o40755 if name.endswith(b"/") else 0o100644, method=0)
    check_refused(write(assemble(entries(entry))), match)


def evil(**changes: object) -> list[Entry]:
    entry = Entry(b"good/evil.py", TEXT)
    for key, value in changes.items():
        setattr(entry, key, value)
    return entries(entry)


HOSTILE_ENTRIES: dict[str, tuple[Callable[[], list[Entry]], str]] = {
    "symlink": (lambda: evil(mode=0o120777), "not a regular file"),
    "fifo": (lambda: evil(mode=0o010644), "not a regular file"),
    "device": (lambda: evil(mode=0o060644), "not a regular file"),
    "directory without slash": (lambda: evil(mode=0o040755), "not a regular file"),
    "dos directory": (lambda: evil(central={"attributes": 0o100644 << 16 | 0x10}), "not a regular file"),
    "file with slash": (lambda: entries(Entry(b"good/evil/", method=0)), "named like a directory"),
    "directory with content": (lambda: entries(Entry(b"good/e/", TEXT, mode=0o40755)), "has content"),
    "encrypted": (lambda: evil(flags=1), "encrypted"),
    "strongly encrypted": (lambda: evil(flags=0x41), "encrypted"),
    "patched data": (lambda: evil(flags=0x20), "unknown flags"),
    "bzip2": (lambda: evil(method=12, packed=b"BZh9"), "method 12"),
    "two of a name": (lambda: [*evil(), Entry(b"good/evil.py", b"other")], "two entries are named"),
    "directory twice": (lambda: entries(*[Entry(b"good/d/", mode=0o40755, method=0)] * 2), "two entries are named"),
    "local name": (lambda: evil(local={"name": b"good/live.py"}), "disagree"),
    "local name is shorter": (lambda: evil(local={"name": b"good/ev.py"}), "disagree|overlap|hidden"),
    "local size": (lambda: evil(local={"size": 1}), "disagree"),
    "local compressed size": (lambda: evil(local={"compressed": 1}), "disagree"),
    "local crc": (lambda: evil(local={"crc": 1}), "disagree"),
    "local crc is zero": (lambda: evil(local={"crc": 0}), "disagree"),
    "local method": (lambda: evil(local={"method": 0}), "disagree"),
    "local flags": (lambda: evil(local={"flags": 0x800}), "disagree"),
    "no local header": (lambda: evil(local={"signature": b"PK\3\5"}), "no local header"),
    "central size": (lambda: evil(local={"size": 9}, central={"size": 9}), "RECORD says"),
    "size above": (lambda: evil(local={"size": 999}, central={"size": 999}), "RECORD says"),
    "size impossible": (lambda: evil(local={"size": 1 << 30}, central={"size": 1 << 30}), "cannot have"),
    "stored size": (lambda: evil(method=0, packed=TEXT + b"x"), "cannot have"),
    "crc": (lambda: evil(local={"crc": 1}, central={"crc": 1}), "damaged .CRC"),
    "data behind the stream": (lambda: evil(packed=PACKED + b"hidden"), "ends early"),
    "stream cut off": (lambda: evil(packed=PACKED[:-3]), "does not|damaged"),
    "no stream": (lambda: evil(packed=b"\xff" * 20), "damaged"),
    "hidden data": (lambda: evil(behind=b"hidden"), "hidden data"),
    "hidden entry": (lambda: evil(behind=b"".join(headers(Entry(b"x.py", TEXT), 0)[:2])), "hidden data"),
    "unannounced descriptor": (lambda: evil(behind=b"PK\7\x08" + DESCRIPTOR), "hidden"),
    "no descriptor": (lambda: evil(flags=8), "descriptor"),
    "descriptor lies": (lambda: evil(flags=8, behind=struct.pack("<III", CRC, len(PACKED), 7)), "descriptor"),
    "descriptor signature": (lambda: evil(flags=8, behind=b"PK\7\7" + DESCRIPTOR), "descriptor"),
    "data behind descriptor": (lambda: evil(flags=8, behind=DESCRIPTOR + b"x" * 99), "descriptor"),
    "overlap": (lambda: evil(central={"start": 0, "compressed": 10**6}), "overlap"),
    "offset into nowhere": (lambda: evil(central={"start": 10**8}), "front|overlap"),
    "other disk": (lambda: evil(central={"disk": 1}), "several disks"),
    "central signature": (lambda: evil(central={"signature": b"PK\1\3"}), "malformed"),
    "zip64 disagrees": (lambda: evil(local={"extra": zip64_extra(5, 5)}), "zip64 field"),
    "zip64 too short": (lambda: evil(local={"size": FULL, "compressed": FULL, "extra": zip64_extra(5)}), "zip64 field"),
    "zip64 twice": (lambda: evil(local={"extra": zip64_extra(len(TEXT)) * 2}), "second name or size"),
    "second name": (lambda: evil(central={"extra": struct.pack("<HHBI4s", 0x7075, 9, 1, 0, b"x.py")}), "second name"),
    "extra field overruns": (lambda: evil(central={"extra": struct.pack("<HH", 9, 100)}), "extra fields"),
    "extra field cut off": (lambda: evil(central={"extra": b"xyz"}), "extra fields"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE_ENTRIES)
def test_a_hostile_entry_is_refused(case: str, write: Callable[[bytes], Path]) -> None:
    make, match = HOSTILE_ENTRIES[case]
    check_refused(write(assemble(make())), match)


def good() -> bytes:
    return assemble(entries())


def good64() -> bytes:
    return assemble(entries(), zip64=True)


def patched(data: bytes, position: int, layout: str, value: int) -> bytes:
    """`data` with a field at `position` (from the end where negative) set."""
    position %= len(data)
    changed = struct.pack(layout, value)
    return data[:position] + changed + data[position + len(changed) :]


END64 = -22 - 20 - 56  # where the zip64 end record begins


def counted(data: bytes, count: int) -> bytes:
    return patched(patched(data, -12, "<H", count), -14, "<H", count)


def counted64(count: int) -> bytes:
    return patched(patched(good64(), END64 + 32, "<Q", count), END64 + 24, "<Q", count)


HOSTILE_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "too short"),
    "no zip": (lambda: b"<html>" * 99, "not a zip archive"),
    "no entries": (lambda: end_record(0, 0, 0), "the archive is empty"),
    "prefix": (lambda: b"#!/bin/sh\n" + good(), "not where"),
    "trailing data": (lambda: good() + b"x", "behind the end"),
    "cut off": (lambda: good()[:-30], "not a zip archive"),
    "end record cut off": (lambda: good()[:-1] , "cut off"),
    "comment lies": (lambda: patched(good(), -2, "<H", 5), "behind the end"),
    "end record in the comment": (lambda: patched(good(), -2, "<H", 22) + end_record(0, 0, 0), "not where"),
    "two archives": (lambda: good() + good(), "not where"),
    "gap before the directory": (lambda: patched(good(), -6, "<I", 7), "not where"),
    "too few announced": (lambda: counted(good(), 3), "more entries"),
    "too many announced": (lambda: counted(good(), 99), "cut off"),
    "counts disagree": (lambda: patched(good(), -12, "<H", 3), "several disks"),
    "disk number": (lambda: patched(good(), -18, "<H", 1), "several disks"),
    "zip64 count": (lambda: counted64(3), "more entries"),
    "zip64 counts disagree": (lambda: patched(good64(), END64 + 32, "<Q", 3), "several disks"),
    "zip64 and end disagree": (lambda: counted(good64(), 3), "disagree"),
    "zip64 locator": (lambda: patched(good64(), -22 - 12, "<Q", 7), "not in front of its locator"),
    "zip64 disks": (lambda: patched(good64(), -22 - 4, "<I", 2), "several disks"),
    "zip64 record longer": (lambda: patched(good64(), END64 + 4, "<Q", 60), "malformed"),
    "zip64 signature": (lambda: patched(good64(), END64, "<I", 7), "malformed"),
    "zip64 million entries": (lambda: counted64(10**6), "at most"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE_FILES)
def test_a_hostile_archive_is_refused(case: str, write: Callable[[bytes], Path]) -> None:
    make, match = HOSTILE_FILES[case]
    check_refused(write(make()), match)


def test_what_is_not_a_regular_file_is_refused_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.whl")
    for name, match in (
        ("fifo.whl", "not a regular file"),
        ("absent.whl", "No such file"),
        (".", "not a regular|directory"),
    ):
        with pytest.raises(BadWheelError, match=match), open_archive(tmp_path / name):
            pass


def test_a_bomb_is_refused_before_anything_is_written(
    write: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = write(assemble(entries(Entry(b"good/blanks", b" " * 3_000_000))))
    assert wheel.stat().st_size < 10_000
    monkeypatch.setattr(archive, "SMALL_TOTAL", 2_000_000)
    check_refused(wheel, "unpacks from [0-9]+ to 30[0-9]+ bytes")
    assert not tree(wheel.parent.parent / "out")


def test_a_wheel_larger_than_the_free_space_is_refused(write: Callable[[bytes], Path]) -> None:
    wheel = write(good())
    refused = r"^a-1\.whl: unpacks to 0\.0 MB, but only 0\.0 MB are free in the cache%s; free some space there, or "
    for place, named in (("", ""), ("/c", r" \(/c\)")):
        with (
            pytest.raises(BadWheelError, match=refused % named) as caught,
            open_archive(wheel, room=100, filename="a-1.whl", place=place),
        ):
            pass
        assert caught.value.wheel == "a-1.whl"
    with open_archive(wheel, room=1 << 20) as opened:
        assert opened.members


def test_a_member_that_lies_about_its_size_never_fills_the_memory(write: Callable[[bytes], Path]) -> None:
    bomb = deflated(bytes(1 << 28))
    member_sizes: dict[str, int | bytes] = {"size": 5000}
    wheel = write(assemble(evil(packed=bomb, local=member_sizes, central=member_sizes)))
    with open_archive(wheel) as opened:
        member = next(m for m in opened.members if m.path == "good/evil.py")
        with pytest.raises(BadWheelError, match="declared 5000"):
            opened.read(member)
        with pytest.raises(BadWheelError, match="declared 5000"):
            list(opened.chunks(member))
        with pytest.raises(BadWheelError, match="at most 10 are expected"):
            opened.read(member, limit=10)


def streamed(content: bytes, layout: str, sign: bytes = b"") -> Entry:
    packed = deflated(content)
    behind = sign + struct.pack(layout, zlib.crc32(content), len(packed), len(content))
    return Entry(b"good/more.py", content, flags=8, local={"crc": 0, "size": 0, "compressed": 0}, behind=behind)


ACCEPTED: dict[str, Callable[[], list[Entry]]] = {
    "plain": entries,
    "stored": lambda: entries(method=0),
    "descriptor": lambda: entries(streamed(TEXT, "<III")),
    "descriptor with signature": lambda: entries(streamed(TEXT, "<III", b"PK\7\x08")),
    "wide descriptor": lambda: entries(streamed(TEXT, "<IQQ")),
    "wide descriptor with signature": lambda: entries(streamed(TEXT, "<IQQ", b"PK\7\x08")),
    "descriptor, sizes known": lambda: evil(flags=8, behind=DESCRIPTOR),
    "zip64 sizes": lambda: evil(
        local={"size": FULL, "compressed": FULL, "extra": zip64_extra(len(TEXT), len(PACKED))},
        central={"size": FULL, "compressed": FULL, "extra": zip64_extra(len(TEXT), len(PACKED))},
    ),
    "zip64 sizes repeated": lambda: evil(local={"extra": zip64_extra(len(TEXT), len(PACKED))}),
    "zip64 offset": lambda: evil(central={"start": FULL, "extra": zip64_extra(0)}),
    "other extra field": lambda: evil(central={"extra": struct.pack("<HHI", 0x5455, 4, 7)}),
    "directories": lambda: entries(Entry(b"good/", mode=0o40755, method=0), Entry(b"good/empty/", mode=0, method=8)),
    "utf-8 name": lambda: entries(Entry("good/é,\u4e2d.txt".encode(), TEXT, flags=0x800)),
    "utf-8 name without flag": lambda: entries(Entry("good/é.txt".encode(), TEXT)),
    "no mode": lambda: evil(mode=0),
    "mode 0000": lambda: evil(mode=0o100000),
    "set-uid": lambda: evil(mode=0o106644),
}


@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize("case", ACCEPTED)
def test_a_sound_archive_is_extracted_exactly(case: str, zip64: bool, write: Callable[[bytes], Path]) -> None:
    content = ACCEPTED[case]()
    wheel = write(assemble(content, zip64))
    out = wheel.parent.parent / "out"
    done = unpack(wheel, out)
    expected = {entry.name.decode(): entry.content for entry in content if not entry.name.endswith(b"/")}
    assert tree(out) == expected
    assert {path: row.size for path, row in done.items()} == {path: len(value) for path, value in expected.items()}
    for path, row in done.items():
        assert f"{row.algorithm}={row.digest}" == wheelsmith.digest(expected[path])
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.rglob("*") if path.is_file()} == {0o644}


def test_an_archive_comment_is_accepted(write: Callable[[bytes], Path]) -> None:
    wheel = write(patched(good(), -2, "<H", 5) + b"hello")
    assert unpack(wheel, wheel.parent.parent / "out")


def test_the_standard_library_agrees_about_good_wheels(tmp_path: Path) -> None:
    wheel = wheelsmith.build_wheel(
        tmp_path, "Good.Pkg", "1.0", FILES, data={"scripts/tool": b"#!python\n"}, requires=["x"]
    )
    assert wheel.name == "good_pkg-1.0-py3-none-any.whl"
    (tmp_path / "out").mkdir()
    unpack(wheel, tmp_path / "out")
    with zipfile.ZipFile(wheel) as reference:
        assert tree(tmp_path / "out") == {name: reference.read(name) for name in reference.namelist()}
    again = tmp_path / "again"
    again.mkdir()
    other = wheelsmith.build_wheel(
        again, "Good.Pkg", "1.0", FILES, data={"scripts/tool": b"#!python\n"}, requires=["x"]
    )
    assert other.read_bytes() == wheel.read_bytes()


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o777 & ~0o500, 0])
def test_modes_are_0644_or_0755_whatever_the_umask(umask: int, write: Callable[[bytes], Path]) -> None:
    run = Entry(b"good/run", b"#!/bin/sh\n", mode=0o104711)
    wheel = write(assemble(entries(run)))
    out = wheel.parent.parent / "out"
    before = os.umask(umask)
    try:
        unpack(wheel, out)
    finally:
        os.umask(before)
    for path in out.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() or path.name == "run" else 0o644), path


def test_byte_code_of_the_builder_is_left_out(tmp_path: Path) -> None:
    files = {**FILES, "good/__pycache__/text.cpython-39.pyc": b"stale", "good/__pycache__.py": b"a module"}
    wheel = wheelsmith.build_wheel(tmp_path, "good", "1.0", files)
    (tmp_path / "out").mkdir()
    paths = unpack(wheel, tmp_path / "out")
    assert not (tmp_path / "out/good/__pycache__").exists()
    assert "good/__pycache__.py" in paths


def test_a_file_that_differs_from_record_is_refused(tmp_path: Path) -> None:
    files = wheelsmith.wheel_files("good", "1.0", FILES)
    files["good/text.py"] = b"y = 2\n" * 300
    wheel = tmp_path / WHEEL
    wheel.write_bytes(wheelsmith.zipped(files))
    (tmp_path / "out").mkdir()
    with pytest.raises(BadWheelError, match="not the file that RECORD lists"):
        unpack(wheel, tmp_path / "out")


def large(method: int) -> tuple[bytes, bytes]:
    content = random.Random(7).randbytes(1_500_000) * 2 + b" " * 9_000_000
    files = wheelsmith.wheel_files("good", "1.0", {"good/large.bin": content, **FILES})
    return content, wheelsmith.zipped(files, method=method)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_large_files_are_streamed_with_progress(method: int, write: Callable[[bytes], Path]) -> None:
    content, data = large(method)
    wheel = write(data)
    calls: list[int] = []
    files: list[int] = []

    def progress(size: int, number: int) -> None:
        calls.append(size)
        files.append(number)

    done = unpack(wheel, wheel.parent.parent / "out", progress)
    assert (wheel.parent.parent / "out/good/large.bin").read_bytes() == content
    assert sum(calls) == sum(row.size or 0 for row in done.values())
    assert sum(files) == len(done)  # a file counts when all of it is there
    assert max(calls) <= 2 * archive.CHUNK
    assert len(calls) <= sum(calls) / (256 << 10) + 2


def test_progress_of_many_small_files_is_added_up(tmp_path: Path) -> None:
    wheel = wheelsmith.build_wheel(tmp_path, "good", "1.0", {f"good/{i}.py": b"x\n" for i in range(1000)})
    (tmp_path / "out").mkdir()
    calls: list[tuple[int, int]] = []
    done = unpack(wheel, tmp_path / "out", lambda size, files: calls.append((size, files)))
    assert sum(size for size, _ in calls) == sum(row.size or 0 for row in done.values())
    assert sum(files for _, files in calls) == len(done)
    assert len(calls) <= 1003 // 64 + 1


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_short_writes_are_continued_and_errors_passed_on(
    method: int, write: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    content, data = large(method)
    wheel = write(data)
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, piece: real(fd, piece[: max(1, len(piece) // 2)]))
    unpack(wheel, wheel.parent.parent / "out")
    assert (wheel.parent.parent / "out/good/large.bin").read_bytes() == content

    def full(fd: int, piece: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    (wheel.parent.parent / "full").mkdir()
    with pytest.raises(OSError, match="No space left"):
        unpack(wheel, wheel.parent.parent / "full")


def test_links_in_the_destination_are_not_followed(write: Callable[[bytes], Path]) -> None:
    wheel = write(good())
    top = wheel.parent.parent
    (top / "out" / "good.py").symlink_to(top / "escaped.py")
    with pytest.raises(BadWheelError, match="same file as another"):
        unpack(wheel, top / "out")
    assert not (top / "escaped.py").exists()


def test_threads_may_share_an_archive(write: Callable[[bytes], Path]) -> None:
    wheel = write(assemble(entries(*(Entry(f"good/{i}.txt".encode(), b"%d" % i * 5000) for i in range(40)))))
    with open_archive(wheel) as opened:
        wrong: list[Member] = []

        def read_all() -> None:
            for member in opened.members:
                if b"".join(opened.chunks(member)) != opened.read(member):
                    wrong.append(member)

        threads = [threading.Thread(target=read_all) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


def mutations(size: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    tail = st.integers(max(0, size - 900), size - 1)  # the directory and the end records
    return st.lists(st.tuples(st.integers(0, size - 1) | tail, st.integers(0, 255)), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("mutations")


@pytest.mark.parametrize("zip64", [False, True])
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_wheel_is_refused_or_yields_the_original_files(
    zip64: bool, data: st.DataObject, scratch: Path
) -> None:
    content = entries(streamed(TEXT, "<III", b"PK\7\x08"), Entry(b"good/", mode=0o40755, method=0))
    damaged = bytearray(assemble(content, zip64))
    for position, value in data.draw(mutations(len(damaged))):
        damaged[position] = value
    case = scratch / str(len(list(scratch.iterdir())))
    out = case / "out"
    out.mkdir(parents=True)
    wheel = case / WHEEL
    wheel.write_bytes(damaged)
    expected = {entry.name.decode(): entry.content for entry in content if not entry.name.endswith(b"/")}
    try:
        unpack(wheel, out)
    except BadWheelError as error:
        assert str(error).isprintable()
        assert tree(out).items() <= expected.items() or "RECORD lists" in str(error) or "CRC" in str(error)
    else:
        assert tree(out) == expected


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_with_an_end_record_are_refused_in_one_line(data: bytes) -> None:
    path = Path(f"/proc/self/fd/{os.memfd_create('wheel')}")
    descriptor = int(path.name)
    try:
        os.write(descriptor, data + end_record(1, min(len(data), 60), max(0, len(data) - 60)))
        with pytest.raises(BadWheelError), open_archive(path):
            pass
    finally:
        os.close(descriptor)


def test_zipfile_output_to_a_stream_is_accepted(write: Callable[[bytes], Path]) -> None:
    """Writers that cannot seek set bit 3 and leave descriptors behind the data."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *args: object) -> int:
            raise OSError

        def tell(self) -> int:
            raise OSError

    buffer = Pipe()
    files = wheelsmith.wheel_files("good", "1.0", FILES)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for path, value in files.items():
            with target.open(path, "w", force_zip64=path == "good.py") as file:
                file.write(value)
    wheel = write(buffer.getvalue())
    unpack(wheel, wheel.parent.parent / "out")
    assert tree(wheel.parent.parent / "out") == files
