"""RECORD: the list of a distribution's files, with hashes and sizes.

Follows "Recording installed projects" and, for wheels, "Binary distribution format" (signed wheel files, RECORD):
every file except RECORD and its signatures has a hash of sha256 or better.

A wheel's RECORD is read strictly (`parse`, `verify_wheel`): malformed text is refused. The RECORD of an installed
distribution is read leniently (`rows_of`): any tool may have written it, or may have been killed while doing so.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, NoReturn

from instui_engine.errors import BadWheelError, printable

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
_DIGEST = re.compile("[A-Za-z0-9_-]+")
_SPECIAL = re.compile('[,"\r\n\ufeff]')  # the last one because a byte order mark at the beginning would be dropped
_SIZE = re.compile("[0-9]{1,15}")


class Row(NamedTuple):
    """The hash and size of a file. `digest` is urlsafe base64 without padding. "" and None mean not recorded."""

    algorithm: str
    digest: str
    size: int | None


def parse(text: str, what: str) -> dict[str, Row]:
    """The rows of a RECORD by path. Raises BadWheelError, starting with `what`, for a malformed or repeated row.

    Any hash algorithm is accepted; `verify_wheel` judges them.
    """
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
            rows[path] = _row(path, digest, size, what)
    except csv.Error as error:
        _refuse(what, f"RECORD is malformed: {error}")
    return rows


def _row(path: str, digest: str, size: str, what: str) -> Row:
    algorithm, equals, value = digest.partition("=")
    value = value.rstrip("=")
    if digest and not (algorithm and equals and _DIGEST.fullmatch(value)):
        _refuse(what, f"RECORD has a malformed hash for {path}")
    if size and not _SIZE.fullmatch(size):
        _refuse(what, f"RECORD has a malformed size for {path}")
    return Row(algorithm, value, int(size) if size else None)


def rows_of(text: str) -> Iterator[tuple[str, Row]]:
    """The rows of an installed distribution's RECORD, in order: paths as they are written, and what is known.

    Rows without a path are left out, fields beyond the third are ignored, and a hash or size that makes no sense counts
    as not recorded. A path may occur twice. Raises ValueError after the last readable row, if the text is not CSV from
    there on.
    """
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
    if not _SPECIAL.search(path):
        return path
    doubled = path.replace('"', '""')
    return f'"{doubled}"'


def verify_wheel(text: str, sizes: Mapping[str, int], dist_info: str, what: str) -> dict[str, Row]:
    """The rows of a wheel's RECORD for the files that are installed from it, after comparing it with the archive.

    `text` is the RECORD, `sizes` are the members of the archive in bytes, `dist_info` is the directory's name. Raises
    BadWheelError for a file that is not listed, a row without a file, a missing or weak hash, or a wrong size.
    `extract` checks the hashes themselves. The result leaves out RECORD itself, its signatures, and `__pycache__` (see
    `left_out`).
    """
    unhashed = {f"{dist_info}/{name}" for name in ("RECORD", "RECORD.jws", "RECORD.p7s")}
    rows = parse(text, what)
    result = {}
    for path, row in rows.items():
        if left_out(path):
            continue
        if path in unhashed:
            if row.algorithm or path not in sizes:
                _refuse(what, f"RECORD has a hash for {path}, or lists it though it is not in the archive")
            continue
        size = sizes.get(path)
        if size is None:
            _refuse(what, f"RECORD lists {path}, which is not in the archive")
        if STRONG.get(row.algorithm) != len(row.digest):
            _refuse(what, f"RECORD has no hash, or a weak or malformed one, for {path}")
        if row.size is not None and row.size != size:
            _refuse(what, f"RECORD says that {path} has {row.size} bytes, but it has {size}")
        result[path] = row
    for path in sizes:
        if path not in result and path not in unhashed and not left_out(path):
            _refuse(what, f"RECORD does not list {path}")
    return result


def left_out(path: str) -> bool:
    """Whether a wheel's file is not installed: byte code of the builder, whose interpreter is not the target."""
    return "__pycache__/" in path and "__pycache__" in path.split("/")[:-1]


def _refuse(what: str, problem: str) -> NoReturn:
    raise BadWheelError(f"{what}: {printable(problem)}", wheel=what)
