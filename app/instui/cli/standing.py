"""What stands for a flag that is not given: its variable, the user's settings, or its default."""

import argparse
import os
from collections.abc import Callable
from functools import cache
from typing import Any

from instui.settings import SETTINGS, Settings, load
from instui_engine.errors import UsageError, printable
from instui_engine.values import NamedTuple

ON = frozenset({"1", "true", "yes", "on"})
OFF = frozenset({"0", "false", "no", "off"})


class Each(argparse.Action):
    """Collects the values of a flag that may be given several times; the first one replaces the variable's."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: Any, *_: object) -> None:
        """Add one value."""
        given = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*([] if given is self.default else given), value])


class Asked(argparse._StoreAction):
    """A flag that is only ever given on the command line."""


class AskedSwitch(argparse._StoreTrueAction):
    """A switch that is only ever given on the command line: what permits something is always asked for anew."""


class Origin(NamedTuple):
    """The value that a flag has if it is not given, and where that comes from: a variable, a file, or "default"."""

    value: Any
    origin: str


def take(parser: argparse.ArgumentParser) -> None:
    """Let INSTUI_* and the user's settings stand for the flags that are not given."""
    settings = cache(load)  # the file is read once, and only if there is a flag that it may give
    for action in parser._actions:
        action.default = standing(action, settings).value


def standing(action: argparse.Action, settings: Callable[[], Settings] = load) -> Origin:
    """What stands for a flag that is not given; several values of one variable are separated by spaces."""
    flag = next((name for name in action.option_strings if name.startswith("--")), "")
    if not flag or action.help is argparse.SUPPRESS or isinstance(action, Asked | AskedSwitch):
        return Origin(action.default, "default")
    variable = f"INSTUI_{flag[2:].upper().replace('-', '_')}"
    is_switch = isinstance(action, argparse._StoreTrueAction)
    if text := os.environ.get(variable):
        if is_switch:
            return Origin(is_on(variable, text), variable)
        if action.nargs != 0:
            return Origin(text.split() if isinstance(action, Each) else text, variable)
    if flag[2:] in SETTINGS:
        file = settings()
        given = file.values.get(flag[2:])
        if given:  # "" is none, as of a variable
            check(action, f"{file.path}: {flag[2:]}", given)
            return Origin(given == "true" if is_switch else given, file.path)
    return Origin(action.default, "default")


def check(action: argparse.Action, where: str, text: str) -> Any:
    """What a text stands for as a value of that flag. Raises UsageError, which begins with `where`, if for nothing."""
    try:
        return action.type(text) if callable(action.type) else text
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{where} {error}") from error


def is_on(variable: str, text: str) -> bool:
    """What a switch is set to in a variable. Raises UsageError."""
    word = text.strip().lower()
    if word not in ON | OFF:
        raise UsageError(f"{variable} must be one of {', '.join(sorted(ON | OFF))}, not {printable(text)!r}")
    return word in ON


def take_looks() -> None:
    """Give the keys and columns of the user's settings to the screens. Raises UsageError."""
    settings = load()
    if settings.columns:
        from instui.tui.dashboard_columns import choose

        choose(settings.columns, settings.path)
    if settings.keys:
        from instui.tui.actions import take_keys

        take_keys(settings.keys, settings.path)
