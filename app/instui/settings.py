"""The user's settings: a TOML file with the flags that somebody always gives, and with other keys for the screens.

    theme = "light"
    jobs = 4
    columns = ["bar", "doing", "lock", "total"]
    [keys]
    trace = "ctrl+t"
    down = ["j", "down"]

A flag of the command line comes first, then its variable (INSTUI_JOBS), then the file. INSTUI_CONFIG names another one.
"""

import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from instui_engine.errors import UsageError, printable, reason
from instui_engine.fs.files import read_regular
from instui_engine.values import NamedTuple

Kind = Literal["switch", "number", "text", "switch or text"]
SETTINGS: Mapping[str, Kind] = {
    "ui": "text",
    "theme": "text",
    "stay": "switch",
    "ascii": "switch",
    "quiet": "switch",
    "verbose": "switch",
    "jobs": "number",
    "lock-timeout": "number",
    "link-mode": "text",
    "compile-bytecode": "switch",
    "cache-dir": "text",
    "otlp": "switch or text",
}
"""The flags that the file may give, without their dashes. What permits something is always asked for anew."""

_TYPES: Mapping[Kind, tuple[type, ...]] = {
    "switch": (bool,),
    "number": (int, float),
    "text": (str,),
    "switch or text": (bool, str),
}
_WORDS: Mapping[Kind, str] = {
    "switch": "true or false",
    "number": "a number",
    "text": "a text in quotes",
    "switch or text": "true, false or a text in quotes",
}


class Settings(NamedTuple):
    """What a file says: `values` of flags as one would type them, `keys` of actions, `columns` of the dashboard."""

    path: str  # for messages
    values: Mapping[str, str]
    keys: Mapping[str, tuple[str, ...]]
    columns: tuple[str, ...] = ()


NONE = Settings("", {}, {})


def path() -> Path:
    """Where the file is, or would be."""
    if named := os.environ.get("INSTUI_CONFIG"):
        return Path(named).expanduser()
    if sys.platform == "linux":  # as platformdirs decides it, without its import
        base = os.environ.get("XDG_CONFIG_HOME", "")
        return Path(base if os.path.isabs(base) else os.path.expanduser("~/.config")) / "instui" / "config.toml"
    from platformdirs import user_config_dir

    return Path(user_config_dir("instui", appauthor=False)) / "config.toml"


def load() -> Settings:
    """The settings of the file; none if there is no file, and none is named. Raises UsageError."""
    file = path()
    try:
        return _read(file, b"" if str(file) == os.devnull else read_regular(file))  # a pipe could be waited for
    except (FileNotFoundError, NotADirectoryError) as error:
        if os.environ.get("INSTUI_CONFIG"):
            raise UsageError(f"cannot read the settings {reason(error, file)}; INSTUI_CONFIG names them") from error
        return NONE
    except OSError as error:
        raise UsageError(f"cannot read the settings {reason(error, file)}") from error


@cache
def _read(file: Path, content: bytes) -> Settings:
    shown = printable(str(file))
    if not content.strip():
        return NONE
    import tomllib

    try:
        found = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{shown}: not TOML: {printable(' '.join(str(error).split()))}") from error
    keys = found.pop("keys", {})
    if not isinstance(keys, dict):
        raise UsageError(f"{shown}: keys must be a table: [keys], and below it a key for each action")
    columns = _columns(shown, found.pop("columns", []))
    values = {name: _value(shown, name, value) for name, value in found.items()}
    if values.get("cache-dir"):  # beside the file: a place for good is not where a command happens to be called
        values["cache-dir"] = os.path.join(os.path.abspath(file.parent), os.path.expanduser(values["cache-dir"]))
    return Settings(shown, values, {id: _keys(shown, id, value) for id, value in keys.items()}, columns)


def _value(shown: str, name: str, value: object) -> str:
    kind = SETTINGS.get(name)
    if kind is None:
        raise UsageError(
            f"{shown}: unknown setting {printable(repr(name))}; there are {', '.join(SETTINGS)}, columns and [keys]"
        )
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and "switch" not in kind):
        raise UsageError(f"{shown}: {name} must be {_WORDS[kind]}, not {printable(repr(value))}")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _columns(shown: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise UsageError(f'{shown}: columns must be a list of names, as ["bar", "doing", "lock", "total"]')
    return tuple(value)


def _keys(shown: str, id: str, value: object) -> tuple[str, ...]:
    given = value if isinstance(value, list) else [value]
    if not given or not all(isinstance(key, str) and key for key in given):
        raise UsageError(f'{shown}: keys.{printable(id)} must be a key, as "ctrl+t", or a list of keys')
    return tuple(given)
