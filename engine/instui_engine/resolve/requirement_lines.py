"""Requirement files as text: their encoding, logical lines, comments, and the quoting of option values.

The format is pip's. A comment ends with its line, as in uv: in pip, a backslash at its end swallows the next line.
"""

import codecs
import re
import shlex
from collections.abc import Iterator

from instui_engine.errors import UsageError, printable
from instui_engine.values import NamedTuple

# the marks of UTF-32 begin like those of UTF-16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CODING = re.compile(rb"coding[:=]\s*([-\w.]+)")
_COMMENT = re.compile(r"(^|(?<![ \t])[ \t]+)#.*", re.DOTALL)  # looks at each run of spaces once
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]")
_OPTION = re.compile(r"(--[A-Za-z0-9-]*|-[^=\s]?)(.*)", re.DOTALL)


class Line(NamedTuple):
    """A logical line without comments. `text` has a newline where it is continued; `number` counts from 1."""

    number: int
    text: str


def decoded(data: bytes, shown: str) -> str:
    """The text of a file. Raises UsageError, with the encoding that was tried, if it is none.

    A mark at its beginning decides, else UTF-8, as in uv. Only what is not UTF-8 is read in the encoding that its first
    two lines may name (`# -*- coding: latin-1 -*-`), as in pip.
    """
    encoding = "utf-8"
    for mark, name in _MARKS:
        if data.startswith(mark):
            data, encoding = data[len(mark) :], name
            break
    else:
        try:
            return data.decode()
        except UnicodeDecodeError:
            encoding = _named_encoding(data) or encoding
    try:
        return data.decode(encoding)
    except LookupError as error:
        raise UsageError(f"{shown} names the encoding {printable(encoding)}, which is unknown") from error
    except ValueError as error:
        raise UsageError(f"{shown} is not {printable(encoding)} text; save it as UTF-8") from error


def _named_encoding(data: bytes) -> str:
    for line in data.split(b"\n", 2)[:2]:
        found = _CODING.search(line) if line.startswith(b"#") else None
        if found:
            return found[1].decode("ascii", "replace")
    return ""


def logical_lines(text: str, shown: str) -> Iterator[Line]:
    """The lines that are not empty, numbered from 1. Raises UsageError for one with a control character."""
    held: list[str] = []
    first = 0
    for number, raw in enumerate([*re.split(r"\r\n|\n|\r", text), ""], 1):
        line = _COMMENT.sub("", raw)
        if _CONTROL.search(line):
            raise UsageError(f"{shown}, line {number} contains a control character")
        if not held:
            first = number
        is_continued = line == raw and line.endswith("\\")
        held.append(line[:-1] if is_continued else line)
        if is_continued:
            if not re.search(r"(^|[ \t])\\$", line):  # uv takes the backslash for a part of the word before it
                raise UsageError(f"{shown}, line {number}: write a space before the backslash that continues the line")
            continue
        joined = "\n".join(part.lstrip(" \t") for part in held)
        held = []
        if joined.strip(" \t\n"):
            yield Line(first, joined.strip(" \t\n"))


def split_option(text: str) -> tuple[str, str]:
    """The option that `text` begins with, and the rest of it: `-r`, ` x.txt`."""
    found = _OPTION.match(text)
    return (found[1], found[2]) if found else (text, "")


def option_value(rest: str, is_long: bool) -> str | None:
    """The value of an option, without quotes; None if there is none, or if uv and pip would read different ones.

    `rest` is what stands behind the option: `=x`, ` x`, or `x` behind a short one. Like uv, a value goes to the end of
    the line, and is unquoted as in a shell. pip ends it at a space, and takes what follows for more options.
    """
    is_separated = rest[:1].isspace() or (rest.startswith("=") and not rest[1:2].isspace())
    is_attached = not is_long and not rest.startswith("=")
    if not (is_separated or is_attached):
        return None
    value = rest.removeprefix("=").strip()
    try:
        words = shlex.split(value)
    except ValueError:
        return None  # a quote that is not closed
    if not value or "#" in value or any(word.startswith(("-", "=")) for word in words[1:]):
        return None
    return _unquoted(value.replace("\n", " "))


def _unquoted(text: str) -> str:
    """`text` without quotes and escapes, as in a shell, but spaces end nothing. The quotes are known to be closed."""
    found = []
    characters = iter(text)
    for character in characters:
        if character == "'":
            for inner in characters:
                if inner == "'":
                    break
                found.append(inner)
        elif character == '"':
            for inner in characters:
                if inner == '"':
                    break
                if inner == "\\":
                    escaped = next(characters, "")
                    found.append(escaped if escaped in '"\\`$' else f"\\{escaped}")
                else:
                    found.append(inner)
        else:
            found.append(next(characters, "") if character == "\\" else character)
    return "".join(found)
