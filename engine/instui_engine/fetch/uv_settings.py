"""What uv's configuration files and variables say about indexes and servers, read as uv reads them.

uv reads the nearest `uv.toml` or `pyproject.toml` with a `[tool.uv]` table, from the working directory upwards (of a
member of a workspace: from the workspace's root upwards), then the user's `uv.toml`, then the system's. Lists of the
three are joined in this order; of everything else the first value counts. UV_CONFIG_FILE replaces all three.

A file that cannot be read counts as empty: uv itself reports what is wrong with it.
"""

import os
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from instui_engine.values import NamedTuple

_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_NAMED = r"(?s)([^:=]+)=(.+)"
_TIMEOUTS = ("UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT", "HTTP_TIMEOUT")
_SYSTEM = "/etc/uv/uv.toml"


class Index(NamedTuple):
    """An index or a page of links. `authenticate` is uv's "auto", "always" or "never". The URL may have credentials."""

    url: str
    name: str = ""
    authenticate: str = "auto"


class UvSettings(NamedTuple):
    """uv's settings: of the variables where they are set, else of the files.

    `indexes` are all that are named anywhere, the variables' first. `insecure_hosts` are `host`, `host:port` or
    `scheme://host:port`. `proxies` are those of the files for `http` and `https`, and under `no` the hosts without one;
    "" stands for none. `timeout` is in seconds, 0 if none is set. `options` is the joined table of the files, with uv's
    own keys.
    """

    indexes: tuple[Index, ...] = ()
    find_links: tuple[str, ...] = ()
    keyring_provider: str = ""
    insecure_hosts: tuple[str, ...] = ()
    require_hashes: bool = False
    offline: bool = False
    proxies: Mapping[str, str] = MappingProxyType({})
    timeout: float = 0
    options: Mapping[str, Any] = MappingProxyType({})


def settings_here() -> UvSettings:
    """The settings that uv would use in the working directory; if that is gone, those that do not depend on it."""
    try:
        return read_settings(os.getcwd(), os.environ)
    except FileNotFoundError:
        return read_settings("/", os.environ)


def read_settings(directory: str, environ: Mapping[str, str]) -> UvSettings:
    """The settings that uv would use in `directory`, an absolute path."""
    options = _combined(list(_levels(directory, environ)))
    pip = _table(options, "pip")
    tables = (pip, options)
    return UvSettings(
        indexes=(*_named_by_variables(environ), *_named_in(tables)),
        find_links=(*filter(None, environ.get("UV_FIND_LINKS", "").split(",")), *_strings(tables, "find-links")),
        keyring_provider=environ.get("UV_KEYRING_PROVIDER") or next(iter(_strings(tables, "keyring-provider")), ""),
        insecure_hosts=(*environ.get("UV_INSECURE_HOST", "").split(), *_strings((options,), "allow-insecure-host")),
        require_hashes=is_on(environ.get("UV_REQUIRE_HASHES")) or pip.get("require-hashes") is True,
        offline=is_on(environ.get("UV_OFFLINE")) or options.get("offline") is True,
        proxies={name: ",".join(_strings((options,), f"{name}-proxy")) for name in ("http", "https", "no")},
        timeout=_timeout(environ),
        options=options,
    )


def is_on(value: str | None) -> bool:
    """Whether a variable that is a switch is on, as uv reads it."""
    return value is not None and value.strip().lower() in _TRUE


def parse_index(text: str) -> Index:
    """An index as uv's variables and options give it: a URL, or `name=URL`."""
    named = re.fullmatch(_NAMED, text)
    return Index(named[2], named[1]) if named else Index(text)


def _named_by_variables(environ: Mapping[str, str]) -> Iterator[Index]:
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"):
        yield from map(parse_index, environ.get(variable, "").split())


def _named_in(tables: tuple[Mapping[str, Any], ...]) -> Iterator[Index]:
    for table in tables:
        entries = table.get("index")
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("url"), str):
                yield Index(entry["url"], str(entry.get("name", "")), str(entry.get("authenticate", "auto")))
    for key in ("index-url", "extra-index-url"):
        yield from map(parse_index, _strings(tables, key))


def _strings(tables: tuple[Mapping[str, Any], ...], key: str) -> Iterator[str]:
    for table in tables:
        value = table.get(key)
        yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))


def _table(parent: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    for key in keys:
        below = parent.get(key)
        parent = below if isinstance(below, dict) else {}
    return dict(parent)


def _timeout(environ: Mapping[str, str]) -> float:
    texts = (environ.get(name, "").strip() for name in _TIMEOUTS)
    return next((float(text) for text in texts if text.isascii() and text.isdigit()), 0)


# --- the files


def _levels(directory: str, environ: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The tables of project, user and system. The nearest comes first."""
    directory = os.path.join(directory, environ.get("UV_WORKING_DIR", ""))
    if file := environ.get("UV_CONFIG_FILE"):
        yield _loaded(os.path.join(directory, file)) or {}
        return
    if is_on(environ.get("UV_NO_CONFIG")):
        return
    yield _project(_start(os.path.normpath(os.path.join(directory, environ.get("UV_PROJECT", "")))))
    home = environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(home):
        home = os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".config")
    yield (_loaded(f"{home}/uv/uv.toml") if os.path.isabs(home) else None) or {}
    if not is_on(environ.get("UV_NO_SYSTEM_CONFIG")):
        yield _system(environ.get("XDG_CONFIG_DIRS") or "/etc/xdg")


def _combined(levels: list[dict[str, Any]]) -> dict[str, Any]:
    combined: dict[str, Any] = {}
    for level in levels:
        for key, value in level.items():
            earlier = combined.get(key)
            if isinstance(earlier, list) and isinstance(value, list):
                combined[key] = [*earlier, *value]
            elif isinstance(earlier, dict) and isinstance(value, dict):
                combined[key] = _combined([earlier, value])
            else:
                combined.setdefault(key, value)
    return combined


def _loaded(path: str) -> dict[str, Any] | None:
    """The content of a TOML file; None if there is none, or none that can be read."""
    try:
        with open(path, "rb") as file:
            return _anchored(_parsed(file.read()), os.path.dirname(path))
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=8)  # a command asks for the settings more than once, and some files are met twice on the way
def _parsed(content: bytes) -> dict[str, Any]:
    import tomllib  # imported here: many sessions have no such file

    return tomllib.loads(content.decode())


def _anchored(table: dict[str, Any], directory: str) -> dict[str, Any]:
    """`table` with absolute paths to indexes and pages of links: in a file they are relative to its directory."""
    anchored: dict[str, Any] = {}
    for key, value in table.items():
        anchored[key] = value
        if isinstance(value, dict):
            anchored[key] = _anchored(value, directory)
        elif key in ("index-url", "extra-index-url", "find-links"):
            anchored[key] = (
                [_absolute(each, directory) for each in value]
                if isinstance(value, list)
                else _absolute(value, directory)
            )
        elif key == "index" and isinstance(value, list):
            anchored[key] = [
                {**entry, "url": _absolute(entry["url"], directory)}
                if isinstance(entry, dict) and "url" in entry
                else entry
                for entry in value
            ]
    return anchored


def _absolute(place: Any, directory: str) -> Any:
    return os.path.join(directory, place) if isinstance(place, str) and "://" not in place else place


def _upwards(directory: str) -> Iterator[str]:
    while True:
        yield directory
        above = os.path.dirname(directory)
        if above == directory:
            return
        directory = above


def _project(start: str) -> dict[str, Any]:
    for place in _upwards(start):
        if os.path.exists(f"{place}/uv.toml"):
            return _loaded(f"{place}/uv.toml") or {}
        tool = _table(_loaded(f"{place}/pyproject.toml") or {}, "tool")
        if isinstance(tool.get("uv"), dict):
            return _table(tool, "uv")
    return {}


def _start(directory: str) -> str:
    """Where the search for the project's settings begins: the root of its workspace, if it is in one."""
    project = next((place for place in _upwards(directory) if os.path.isfile(f"{place}/pyproject.toml")), None)
    content = _loaded(f"{project}/pyproject.toml") if project else None
    if not project or content is None or _table(content, "tool", "uv").get("managed") is False:
        return directory
    if "workspace" in _table(content, "tool", "uv"):
        return project
    if "project" not in content:
        return directory
    return _workspace_above(project) or project


def _workspace_above(project: str) -> str:
    """The workspace that has `project` as a member, or ""."""
    for place in list(_upwards(project))[1:]:
        if os.path.isfile(f"{place}/pyproject.toml"):
            workspace = _table(_loaded(f"{place}/pyproject.toml") or {}, "tool", "uv", "workspace")
            parts = [part for part in project.removeprefix(place).split("/") if part]
            included, excluded = (
                any(_matches(parts, pattern.strip("/").split("/")) for pattern in _strings((workspace,), key))
                for key in ("members", "exclude")
            )
            return place if included and not excluded else ""
    return ""


def _matches(parts: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return _matches(parts, pattern[1:]) or (bool(parts) and _matches(parts[1:], pattern))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _system(places: str) -> dict[str, Any]:
    for place in places.split(":"):
        if not place:
            break
        if os.path.isfile(f"{place}/uv/uv.toml"):
            return _loaded(f"{place}/uv/uv.toml") or {}
    return _loaded(_SYSTEM) or {}
