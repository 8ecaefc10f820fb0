"""RECORD: the list of a distribution's files, with hashes and sizes.

Follows "Recording installed projects" and, for wheels, "Binary distribution format" (signed wheel files, RECORD):
every file except RECORD and its signatures has a hash of sha256 or better.

A wheel's RECORD is read strictly (`parse`, `verify_wheel`): malformed text is refused. What is wrong but harmless are
its *flaws*, and the caller decides on them. The RECORD of an installed distribution is read leniently (`rows_of`): any
tool may have written it, or may have been killed while doing so.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NoReturn

from instui_engine.errors import BadWheelError, printable
from instui_engine.fs.files import encoded
from instui_engine.values import NamedTuple

# The algorithms of hashlib that count as "sha256 or better", with the length of a digest in base64 without padding.
STRONG = {
    "sha256": 43,
    "sha384": 64,
    "sha512": 86,
    "sha3_256": 43,
    "sha3_384": 64,
    "sha3_512": 86,
    "blake2b": 86,
    "blake2s": 43,
}
WEAK = {"md5": 22, "sha1": 27, "sha224": 38}  # they prove little, but they are compared
_DIGEST = "[A-Za-z0-9_-]+"
_HEX = "[0-9a-fA-F]+"
_NO_PATH = "[\x00-\x1f\x7f]|^[A-Za-z]:"  # control characters, the drives of Windows
_RUNS = (".py", ".pyc", ".pyd", ".so", ".pth")  # what Python imports, or reads when it starts
_OTHER = "it was changed after it was built, so take another version"


class Row(NamedTuple):
    """The hash and size of a file. `digest` is urlsafe base64 without padding. "" and None mean not recorded."""

    algorithm: str
    digest: str
    size: int | None


def parse(text: str, what: str) -> dict[str, Row]:
    """The rows of a RECORD by path. Raises BadWheelError, starting with `what`, for a malformed or repeated row.

    Any hash algorithm is accepted; `verify_wheel` judges them.
    """
    import csv  # a wheel is unpacked once

    is_digest = re.compile(_DIGEST).fullmatch
    rows: dict[str, Row] = {}
    try:
        for fields in csv.reader(_lines(text), strict=True):
            if not fields:
                continue
            if len(fields) != 3 or not fields[0]:
                _refuse(what, f"RECORD has a malformed row: {','.join(fields)[:200]}")
            path, digest, size = fields
            if path in rows:
                _refuse(what, f"RECORD lists {path} twice")
            algorithm, equals, value = digest.partition("=")
            value = value.rstrip("=")
            if digest and not (algorithm and equals and is_digest(value)):
                _refuse(what, f"RECORD has a malformed hash for {path}")
            if size and not (len(size) < 16 and size.isascii() and size.isdigit()):
                _refuse(what, f"RECORD has a malformed size for {path}")
            rows[path] = Row(algorithm, value, int(size) if size else None)
    except csv.Error as error:
        _refuse(what, f"RECORD is malformed: {error}")
    return rows


def rows_of(text: str) -> Iterator[tuple[str, Row]]:
    """The rows of an installed distribution's RECORD, in order: paths as they are written, and what is known.

    Rows without a path are left out, fields beyond the third are ignored, and a hash or size that makes no sense counts
    as not recorded. A path may occur twice. Raises ValueError after the last readable row, if the text is not CSV from
    there on.
    """
    import csv  # of a new environment nothing is read

    reader = csv.reader(_lines(text))
    try:
        for fields in reader:
            if fields and fields[0]:
                path, digest, size = fields if len(fields) == 3 else (*fields, "", "")[:3]
                algorithm, equals, value = digest.partition("=")
                is_size = size.isascii() and size.isdigit() and len(size) < 16
                yield path, Row(algorithm if equals else "", value.rstrip("="), int(size) if is_size else None)
    except csv.Error as error:
        raise ValueError(f"RECORD is malformed in line {reader.line_num}: {error}") from error


def _lines(text: str) -> io.StringIO:
    """The lines of `text` for csv.reader, with line ends untranslated, so that it keeps those within quotes."""
    return io.StringIO(text.removeprefix("\ufeff"), newline="")


def render(rows: Iterable[tuple[str, Row]]) -> str:
    """The text of a RECORD with `rows` in order: CSV, lines end in a line feed, quoted if a path needs it."""
    # Not csv.writer: with this line end it leaves a carriage return unquoted, which the reader would lose.
    return "".join(
        f"{_quoted(path)},{f'{algorithm}={digest}' if algorithm else ''},{'' if size is None else size}\n"
        for path, (algorithm, digest, size) in rows
    )


def _quoted(path: str) -> str:
    # the last one because a byte order mark at the beginning would be dropped
    if "," in path or '"' in path or "\r" in path or "\n" in path or "\ufeff" in path:
        doubled = path.replace('"', '""')
        return f'"{doubled}"'
    return path


class Flaws(NamedTuple):
    """What is wrong with a wheel's RECORD, but harmless, in words. `trivial`: no content and no code is concerned."""

    text: str
    trivial: bool


def verify_wheel(
    text: str,
    sizes: Mapping[str, int],
    dist_info: str,
    what: str,
    on_flaws: Callable[[Flaws], None] | None = None,
) -> dict[str, Row]:
    """The rows of a wheel's RECORD for the files that are installed from it, after comparing it with the archive.

    `text` is the RECORD, `sizes` are the members of the archive in bytes, `dist_info` is the directory's name. Raises
    BadWheelError for a wrong size, a malformed hash, a row for a path outside of the wheel, and a file with two rows.
    Flaws are rows without a file, files without a row, weak and missing hashes, and other notations. `on_flaws` is
    called once, if there are any, and may raise BadWheelError; without it, all that are not trivial are refused.
    `extract` checks the hashes themselves. The result leaves out RECORD itself, its signatures, and `__pycache__` (see
    `left_out`). A file without a row, or without a hash, has a row without a hash there.
    """
    unhashed = {f"{dist_info}/{name}" for name in ("RECORD", "RECORD.jws", "RECORD.p7s")}
    rows = parse(text, what)
    found: dict[_Flaw, list[str]] = {}
    result: dict[str, Row] = {}
    for written, row in rows.items():
        path = written if written in sizes else _meant(written)
        size = sizes.get(path)
        if size is None:
            if not path or written.startswith(("/", "\\")):
                _refuse(what, f"RECORD lists {written}, which is outside of the wheel")
            if not left_out(path):
                found.setdefault("phantom", []).append(written)
            continue
        if path != written:
            if path in rows or path in result:
                _refuse(what, f"RECORD lists {path} twice")
            found.setdefault("path", []).append(written)
        if left_out(path):
            continue
        if path in unhashed:
            if row.algorithm:
                _refuse(what, f"RECORD has a hash for {path}")
            continue
        if STRONG.get(row.algorithm) != len(row.digest):
            flaw, row = _weakly_hashed(path, row, what)
            found.setdefault(flaw, []).append(path)
        if row.size is not None and row.size != size:
            _refuse(what, f"RECORD says that {path} has {row.size} bytes, but it has {size}; {_OTHER}")
        result[path] = row
    for path, size in sizes.items():
        if path not in result and path not in unhashed and not left_out(path):
            is_empty = not size and not path.endswith(_RUNS) and not path.startswith(f"{dist_info}/")
            found.setdefault("empty" if is_empty else "unlisted", []).append(path)
            result[path] = Row("", "", None)
    if found:
        words = " and ".join(_WORDS[flaw].format(_several(paths)) for flaw, paths in found.items()).rstrip(",")
        flaws = Flaws(words, trivial=[*found] == ["empty"])
        if on_flaws is not None:
            on_flaws(flaws)
        elif not flaws.trivial:
            _refuse(what, f"RECORD {flaws.text}")
    return result


_Flaw = Literal["phantom", "path", "unlisted", "empty", "weak", "notation"]
_WORDS: Mapping[_Flaw, str] = {
    "phantom": "lists {}, which is not in the archive,",
    "path": "spells the path {} differently from the archive",
    "unlisted": "does not list {}",
    "empty": "does not list the empty {}",
    "weak": "has no hash, or a weak one, for {}",
    "notation": "writes the hash of {} in an unusual notation",
}


def _several(paths: Sequence[str]) -> str:
    return printable(paths[0]) + (f" (and {len(paths) - 1} more)" if len(paths) > 1 else "")


def _meant(path: str) -> str:
    """The file that is meant by a path which some tools write with a slash in front, or as on Windows.

    "" for a path that leads out of the wheel, or that no file can have.
    """
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    return "" if ".." in parts or re.search(_NO_PATH, path) else "/".join(parts)


def _weakly_hashed(path: str, row: Row, what: str) -> tuple[_Flaw, Row]:
    """What is wrong with the hash of a file, and its row as it should be written.

    Raises BadWheelError for a hash that cannot be compared.
    """
    if not row.algorithm:
        return "weak", row
    algorithm = row.algorithm.lower()
    length = STRONG.get(algorithm) or WEAK.get(algorithm)
    digest = row.digest
    if length and len(digest) == length * 3 // 4 * 2 and re.fullmatch(_HEX, digest):
        digest = encoded(bytes.fromhex(digest))
    if len(digest) != length:
        _refuse(what, f"RECORD has a malformed or unknown hash for {path}")
    return "weak" if algorithm in WEAK else "notation", Row(algorithm, digest, row.size)


def longest_record(paths: Iterable[str]) -> int:
    """How many bytes the RECORD of a wheel with these files may have, so that none fills the memory with its rows."""
    return (1 << 20) + sum(2 * len(path.encode()) + 256 for path in paths)


def left_out(path: str) -> bool:
    """Whether a wheel's file is not installed: byte code of the builder, whose interpreter is not the target."""
    return "__pycache__/" in path and "__pycache__" in path.split("/")[:-1]


def _refuse(what: str, problem: str) -> NoReturn:
    raise BadWheelError(f"{what}: {printable(problem)}", wheel=what)
