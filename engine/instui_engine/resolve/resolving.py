"""How uv is to resolve a request: its own options, as data, and as the words of its command lines.

All questions get the same words, so that the files are those of the versions. What only says which versions may stay
has a meaning for the first question alone, and what is asked for none where versions are asked for one by one.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

from instui_engine.values import NamedTuple

Question = Literal["decide", "locate", "trace"]


class Resolving(NamedTuple):
    """Options of `uv pip install`. Each field has the name of one, and its value is what uv takes; empty: not given.

    `overrides` and `excludes` are requirement files. `indexes` (--index) and `default_index` are URLs, or uv's
    `name=URL`. With `exact`, what is not required any more goes, dependencies stay: `Request.exact` is for lists.
    """

    indexes: tuple[str, ...] = ()
    default_index: str = ""
    index_strategy: str = ""
    pre: bool = False
    prerelease: str = ""
    prerelease_package: tuple[str, ...] = ()
    resolution: str = ""
    fork_strategy: str = ""
    exclude_newer: str = ""
    exclude_newer_package: tuple[str, ...] = ()
    torch_backend: str = ""
    no_sources: bool = False
    no_sources_package: tuple[str, ...] = ()
    python_version: str = ""
    python_platform: str = ""
    extra: tuple[str, ...] = ()
    all_extras: bool = False
    group: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    refresh: bool = False
    refresh_package: tuple[str, ...] = ()
    reinstall_package: tuple[str, ...] = ()
    exact: bool = False


_READ_HERE = frozenset({"indexes", "default_index", "overrides", "excludes"})
_STAYING = frozenset({"refresh", "refresh_package", "reinstall_package", "exact"})
_ASKED = frozenset({"extra", "all_extras", "group"})
_WITHOUT: Mapping[Question, frozenset[str]] = {
    "decide": _READ_HERE,
    "locate": _READ_HERE | _STAYING | _ASKED,
    "trace": _READ_HERE | _STAYING,
}


def words(resolving: Resolving, question: Question) -> Iterator[str]:
    """The options in the words of uv's command line, for that question.

    Not among them is what reaches uv in another way: URLs, which may contain passwords, and files, which are read here.
    """
    if resolving == Resolving():
        return
    for name in Resolving._fields:
        if name in _WITHOUT[question]:
            continue
        value = getattr(resolving, name)
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            yield flag
        elif value:
            yield from (f"{flag}={each}" for each in ((value,) if isinstance(value, str) else value))
