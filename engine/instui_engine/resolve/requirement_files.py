"""Requirement files, in pip's format: what they ask for, and the copies that uv gets.

Every file is read once. What only uv understands is skipped here, so uv gets the files, too: as copies of what was
read, since the file itself may be a stream that is now empty, or may have changed. In a copy, only paths relative to
the directory of the file are replaced. The rest stays as it is, so that uv's errors name the right places.
"""

import codecs
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from instui_engine.errors import UsageError, printable
from instui_engine.fs.given import absolute

from .inputs import BUILD, Copy, Lines, Specifier, is_direct, refuse_source, requirement_name, shortened, wheel_name
from .streams import descriptor_of, read_input

_COMMENT = re.compile(r"(^|\s+)#.*$")
_CONTINUED = re.compile(r"\\\r?\n[ \t]*")
_HASH = re.compile(r"\s--hash[=\s]\s*([a-z0-9]+):([0-9A-Fa-f]+)")
# where wheels are found is irrelevant to whether an installed version satisfies a line
_HARMLESS = re.compile(
    r"(-i|-f|--index-url|--extra-index-url|--find-links|--no-index|--trusted-host|--prefer-binary)\b"
)
_FILE = re.compile(r"(-[rc]|--requirements?(?=[=\s])|--constraints?(?=[=\s]))[=\s]*(.*)")
_PLACE = re.compile(r"(-[if]|--(?:extra-)?index-url(?=[=\s])|--find-links(?=[=\s]))[=\s]*(.*)")
_EDITABLE = re.compile(r"-e|--editable\b")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_SCRIPT = (".py", ".pyw")  # uv reads requirements from its comments (PEP 723)


def read_requirement_files(
    files: Sequence[str],
    constraint_files: Sequence[str] = (),
    position: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
) -> Lines:
    """The lines of requirement files, nested files included, counted from `position` on.

    Raises UsageError for a missing file and for lines that name a source tree, Interrupted when `cancelled()`.
    """
    reader = _Reader(position, cancelled)
    named = [reader.read(file, file, reader.requirements) for file in files]
    limits = [reader.read(file, file, reader.constraints) for file in constraint_files]
    return Lines(
        tuple(reader.requirements),
        tuple(reader.constraints),
        reader.plain,
        tuple(reader.copies.values()),
        tuple(dict.fromkeys(named)),
        tuple(dict.fromkeys(limits)),
    )


class _Source(NamedTuple):
    """A file that was read. `name` is that of its copy; relative paths in it start from `directory`."""

    name: str
    file: str
    directory: str
    text: str

    def lines(self) -> Iterator[tuple[str, str]]:
        """The text in pieces, each with its logical line: continuations joined, without comment; "" for none."""
        held = ""
        for raw in self.text.splitlines(keepends=True):
            held += raw
            if not held.endswith(("\\\n", "\\\r\n")):
                yield held, _meant(held)
                held = ""
        if held:
            yield held, _meant(held)


def _meant(raw: str) -> str:
    return _COMMENT.sub("", _CONTINUED.sub(" ", raw).strip()).strip()


class _Reader:
    """A reader of requirement files that reads each file once."""

    def __init__(self, position: int, cancelled: Callable[[], bool]) -> None:
        self.requirements: list[Specifier] = []
        self.constraints: list[Specifier] = []
        self.plain = True
        self.copies: dict[str, Copy] = {}
        self._position = position
        self._cancelled = cancelled
        self._sources: dict[str, _Source] = {}  # by the identity of the file
        self._seen: set[tuple[str, bool]] = set()

    def read(self, file: str, shown: str, into: list[Specifier]) -> str:
        """Interpret a file and those that it names; return the name of its copy."""
        source = self._source(file, shown)
        key = (source.name, into is self.constraints)
        if key not in self._seen:
            self._seen.add(key)
            if file.endswith(_SCRIPT):
                self.plain = False
                text = source.text
            else:
                text = "".join(self._line(raw, line, source, into) for raw, line in source.lines())
            self.copies[source.name] = Copy(source.name, file, text)
        return source.name

    def _source(self, file: str, shown: str) -> _Source:
        """The content of `file`, read now if it was not read before."""
        if "://" in file or file.endswith((".toml", "setup.py", "setup.cfg")):
            hint = "; a lock file is given with --pylock" if "pylock" in file else ""
            raise UsageError(
                f"{shortened(shown)} is not supported as a requirement file, only a local text file is{hint}"
            )
        number = descriptor_of(file)
        identity = os.path.realpath(absolute(file)) if number is None else f"descriptor {number}"
        if identity not in self._sources:
            try:
                data, directory = read_input(file, self._cancelled)
            except FileNotFoundError as error:
                raise UsageError(f"requirement file {printable(shown)} does not exist") from error
            except OSError as error:
                raise UsageError(f"cannot read requirement file {printable(shown)}: {error.strerror}") from error
            name = f"{len(self._sources)}{'.py' if file.endswith(_SCRIPT) else ''}"
            self._sources[identity] = _Source(name, file, directory, _decoded(data))
        return self._sources[identity]

    def _line(self, raw: str, line: str, source: _Source, into: list[Specifier]) -> str:
        """Interpret one line; return what uv is to read instead of `raw`."""
        if not line.startswith("-"):
            if line:
                self._requirement(line, source.file, into)
            return raw
        nested = _FILE.match(line)
        if nested:
            option = "-c" if nested[1].startswith(("-c", "--c")) else "-r"
            path = _value(nested[2])
            place = os.path.join(source.directory, path)
            named = f"{path} (named in {source.file})"
            return _option(raw, option, self.read(place, named, self.constraints if option == "-c" else into))
        if _EDITABLE.match(line):
            raise UsageError(f"{printable(source.file)}: {shortened(line)} is an editable source tree: {BUILD}")
        if not _HARMLESS.match(line):
            self.plain = False
        index = _PLACE.match(line)
        where = _value(index[2]) if index else ""
        path = os.path.join(source.directory, where)
        if index and where and not os.path.isabs(where) and os.path.exists(path):
            return _option(raw, index[1], absolute(path))
        return raw

    def _requirement(self, line: str, file: str, into: list[Specifier]) -> None:
        text, *options = re.split(r"\s+(?=--[a-z])", line)
        found = [(algorithm, digest.lower()) for algorithm, digest in _HASH.findall(line)]
        hashes = frozenset(f"{algorithm}:{digest}" for algorithm, digest in found)
        if len(options) != len(found) or "${" in text or "/" in text.partition(";")[0]:
            self.plain = False
        refuse_source(text, f"{printable(file)}: ")
        is_location = not is_direct(text) and ("/" in text.partition(";")[0] or text.endswith(".whl"))
        name = wheel_name(text) if is_location else requirement_name(text)
        if name:
            position = self._position if into is self.requirements else -1
            self._position += position >= 0
            into.append(Specifier(text, name, position, hashes))
        else:
            self.plain = False


def _decoded(data: bytes) -> str:
    """The text as uv decodes it. Anything that is neither UTF-8 nor UTF-16 is kept as it is: uv refuses it."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "surrogateescape")


def _value(text: str) -> str:
    """The value of an option, without quotes, and with variables expanded if they are set."""
    return _VARIABLE.sub(lambda name: os.environ.get(name[1], name[0]), text.strip().strip("'\""))


def _option(raw: str, option: str, value: str) -> str:
    """A line for an option, padded to the length of `raw`: uv counts characters when it names a place."""
    from shlex import quote

    end = raw[len(raw.rstrip("\r\n")) :]
    return f"{option} {quote(value)}".ljust(len(raw) - len(end)) + end
