"""The netrc file, found and read as uv does it.

The standard library refuses a file that other users can read, and one whose last macro ends with the file.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

_TOKEN = re.compile(r'"(?P<quoted>(?:[^"\\]|\\.)*)"?|(?P<plain>(?:[^\s\\]|\\.)+)', re.DOTALL)
_SPACE = re.compile(r"\s*")
_LINE = re.compile(r"[^\n]*\n?")
_MACRO = re.compile(r".*?(?:\n[ \t\r]*(?:\n|\Z)|\Z)", re.DOTALL)
_ENTRIES = ("machine", "default", "macdef")
_FIELDS = {"login": "login", "user": "login", "password": "password", "account": "account"}


class Netrc:
    """Users and passwords by host, of the file that `environ` names. A file that cannot be read counts as empty."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._hosts: dict[str, tuple[str, str]] = {}
        with suppress(OSError, ValueError), open(_path(environ), encoding="utf-8", errors="replace") as file:
            self._hosts = dict(_entries(file.read()))

    def find(self, host: str) -> tuple[str, str] | None:
        """User and password for `host`. An IPv6 address stands in brackets, as in a URL."""
        return self._hosts.get(f"[{host}]" if ":" in host else host) or self._hosts.get("default")


def _path(environ: Mapping[str, str]) -> str:
    named = os.path.expanduser(environ.get("NETRC", ""))
    return named if named and os.path.exists(named) else os.path.join(environ.get("HOME", "/nonexistent"), ".netrc")


class _Words:
    """The words of a netrc file, one after another; "" at its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def next(self) -> str:
        self._skip(_SPACE)
        found = _TOKEN.match(self._text, self._place)
        if found is None:
            self._place = len(self._text)
            return ""
        self._place = found.end()
        quoted = found["quoted"]
        return re.sub(r"\\(.)", r"\1", found["plain"] if quoted is None else quoted, flags=re.DOTALL)

    def keyword(self) -> str:
        """The next word that is not in a comment."""
        while (word := self.next()).startswith("#"):
            self._skip(_LINE)
        return word

    def skip_macro(self) -> None:
        """A macro ends with an empty line."""
        self._skip(_LINE)
        self._skip(_MACRO)

    def _skip(self, pattern: "re.Pattern[str]") -> None:
        found = pattern.match(self._text, self._place)
        self._place = found.end() if found else self._place


def _entries(text: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each host with user and password. Raises ValueError for a word that has no place there."""
    words = _Words(text)
    word = words.keyword()
    while word:
        if word not in _ENTRIES:
            raise ValueError("not a netrc file")
        host = word if word == "default" else words.next()
        if word == "macdef":
            words.skip_macro()
            word = words.keyword()
            continue
        if not host:
            raise ValueError("a machine without a name")
        fields = {"login": "", "password": ""}
        while (word := words.keyword()) and word not in _ENTRIES:
            if word not in _FIELDS:
                raise ValueError("not a netrc file")
            fields[_FIELDS[word]] = words.next()
        yield host, (fields["login"], fields["password"])
