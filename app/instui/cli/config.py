"""`instui config`: the settings that are in force, and where each of them comes from."""

import argparse
import json

from instui import settings
from instui_engine.errors import printable
from instui_engine.redaction import redacted

from .output import print_lines
from .parser import commands, parser
from .standing import check, standing, take_looks


def show(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code. Raises UsageError for settings that are wrong."""
    path = settings.path()
    if parsed.path:
        print_lines([printable(str(path))])
        return 0
    given = settings.load()
    take_looks()
    columns = [("columns", list(given.columns), given.path if given.columns else "default")]
    rows = [*_flags(), *columns, *((f"keys.{id}", list(keys), given.path) for id, keys in given.keys.items())]
    if parsed.json:
        found = {name: {"value": value, "origin": origin} for name, value, origin in rows}
        print_lines([json.dumps({"path": str(path), "exists": path.exists(), "settings": found})])
        return 0
    cells = [("setting", "value", "from"), *((name, _shown(value), printable(origin)) for name, value, origin in rows)]
    widths = [max(len(row[column]) for row in cells) for column in (0, 1)]
    print_lines(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}" for name, value, origin in cells)
    if not path.exists():
        print_lines([f'{printable(str(path))} does not exist; it is a TOML file with lines such as theme = "light"'])
    return 0


def _flags() -> list[tuple[str, object, str]]:
    """The settings with their values and origins, as an install has them, and all other flags that a variable gives."""
    named: dict[str, argparse.Action] = {}
    for action in commands(parser("install"))["install"]._actions:
        name = next((name[2:] for name in action.option_strings if name.startswith("--")), "")
        named[name] = action
    further = [
        name
        for name, action in named.items()
        if name not in settings.SETTINGS and standing(action).origin.startswith("INSTUI_")
    ]
    found = []
    for name in (*settings.SETTINGS, *further):
        action = named[name]
        value, origin = standing(action)
        if isinstance(value, str) and value:
            value = check(action, origin, value)
        found.append((name, _without_passwords(value), origin))
    return found


def _without_passwords(value: object) -> object:
    if isinstance(value, list):
        return [redacted(str(each)) for each in value]
    return redacted(value) if isinstance(value, str) else value


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(map(printable, value)) or "-"
    return "-" if value in ("", None) else printable(str(value))
