"""What uv looks at of a source tree to see whether it has changed, as it is recorded in uv_cache.json.

uv writes that file beside direct_url.json. What is installed from a tree stays, for uv, as long as the tree would give
the same content now. By default that is when pyproject.toml, setup.py and setup.cfg were last changed (ctime) and when
the directory src was made; `tool.uv.cache-keys` names others. An edited module does not count, unless it is named.

What is not read here, patterns and the state of a git repository, gives "": such a tree is built anew every time. So
does a file that has changed just now, as the next change might get the same time. Nothing older is taken for current.
"""

import json
import os
import stat
from collections.abc import Iterable, Mapping
from typing import Any

from instui_engine.fs.files import read_regular
from instui_engine.fs.timestamps import is_settled, made_at
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Distribution

from .source import Source

CACHE_INFO = "uv_cache.json"
BUILD_INFO = "uv_build.json"
PLAIN_BUILD = b"{}"
"""The content of uv_build.json for what was built without settings of its own."""

_DEFAULT: tuple[object, ...] = ("pyproject.toml", "setup.py", "setup.cfg", {"dir": "src"})


def cache_info(
    changed: int | None,
    env: Mapping[str, str | None] | None = None,
    directories: Mapping[str, int | None] | None = None,
) -> str:
    """The content of uv_cache.json: when the last file was `changed`, in nanoseconds, variables, and directories.

    Each directory has the time at which it was made, or None if there is none of that name.
    """
    made = {name: _timestamp(time) for name, time in sorted((directories or {}).items())}
    content = {
        "timestamp": _timestamp(changed),
        "commit": None,
        "tags": None,
        "env": dict(sorted((env or {}).items())),
        "directories": made,
    }
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def _timestamp(time: int | None) -> dict[str, int] | None:
    if time is None:
        return None
    seconds, nanoseconds = divmod(time, 1_000_000_000)
    return {"secs_since_epoch": seconds, "nanos_since_epoch": nanoseconds}


def tree_info(source: Source) -> str:
    """The content of uv_cache.json for a source tree as it is now; "" if only a new build is sure to be current."""
    place = os.path.join(source.path, source.subdirectory)
    files: list[int] = []
    env: dict[str, str | None] = {}
    directories: dict[str, int | None] = {}
    try:
        for kind, name in map(_parsed, _keys(place)):
            found = _found(os.path.join(place, name))
            if kind == "env":
                env[name] = os.environ.get(name)
            elif kind == "file" and found and stat.S_ISREG(found.st_mode):
                files.append(found.st_ctime_ns)
            elif kind == "dir" and (not found or stat.S_ISDIR(found.st_mode)):
                directories[name] = made_at(os.path.join(place, name)) if found else None
        times = (*files, *(time for time in directories.values() if time is not None))
        if not (times or env or directories) or not all(map(is_settled, times)):
            return ""
        text = cache_info(max(files, default=None), env, directories)
        text.encode()
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""  # uv says what is wrong with it, if anything is
    return text


def _keys(place: str) -> Iterable[object]:
    import tomllib

    try:
        content: Any = tomllib.loads(read_regular(os.path.join(place, "pyproject.toml")).decode())
    except FileNotFoundError:
        return _DEFAULT
    found: Iterable[object] = content.get("tool", {}).get("uv", {}).get("cache-keys", _DEFAULT)
    return found


def _parsed(key: object) -> tuple[str, str]:
    """Kind and name of a key. Raises ValueError for one that is not read here."""
    entry = {"file": key} if isinstance(key, str) else key
    if isinstance(entry, dict) and len(entry) == 1:
        ((kind, name),) = entry.items()
        is_pattern = kind == "file" and any(mark in name for mark in "*?[{")
        if kind in ("file", "dir", "env") and isinstance(name, str) and not is_pattern:
            return kind, name
    raise ValueError(key)


def _found(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def is_current(environment: Environment, distribution: Distribution, source: Source) -> bool:
    """Whether what uv records of the distribution is what it would record now, had it built `source` plainly."""
    info = environment.top / distribution.info
    try:
        recorded = json.loads(read_regular(info / CACHE_INFO))
        is_plain = json.loads(read_regular(info / BUILD_INFO)) == json.loads(PLAIN_BUILD)
    except (OSError, ValueError):
        return False
    now = tree_info(source)
    return is_plain and bool(now) and recorded == json.loads(now)
