"""`instui completion`: a script for a shell, made from the parser by shtab."""

import argparse
from collections.abc import Iterator
from typing import Any

from .completion_asked import ASK, recorded_sessions, running_sessions, what_is_installed
from .completion_values import with_values
from .output import print_lines
from .parser import commands, parser

# of the flags with a NAME, those that are about what is installed
_INSTALLED = {"--exclude", "--package", "--prune", "--reinstall-package", "--upgrade-package"}


def show(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    import shtab

    top = parser()
    for one in _parsers(top):
        for action in one._actions:
            _tell_what_completes(action)
    script = shtab.complete(top, shell=parsed.shell, preamble=ASK[parsed.shell])
    print_lines([with_values(script, parsed.shell).rstrip()])
    return 0


def _parsers(top: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield top
    for inner in commands(top).values():
        yield from _parsers(inner)


def _tell_what_completes(action: argparse.Action) -> None:
    """Say of an argument whether it is a file, a directory or one of some words; the parser checks that itself."""
    import shtab

    argument: Any = action  # shtab looks for an attribute of its own
    shown = action.metavar if isinstance(action.metavar, str) else ""
    if shown.startswith("{") and shown.endswith("}"):
        action.choices = shown[1:-1].split(",")
    elif action.nargs == argparse.REMAINDER:
        action.choices = [each.split()[0] for each in shown.split(" | ")]
    elif shown == "DIST" or (shown == "NAME" and _INSTALLED & {*action.option_strings}):
        argument.complete = what_is_installed()
    elif not action.option_strings and "SESSION" in shown:
        argument.complete = running_sessions() if "PID" in shown else recorded_sessions()
    elif "DIR" in shown.split("_"):
        argument.complete = shtab.DIRECTORY
    elif any(word in shown for word in ("FILE", "JOURNAL", "WHEEL", "LIST", "DIR", "INTERPRETER")):
        argument.complete = shtab.FILE
