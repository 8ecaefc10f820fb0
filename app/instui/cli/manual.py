"""`instui man`: the manual page, made from the parser."""

import argparse
import textwrap
from collections.abc import Iterator

from instui.settings import SETTINGS
from instui_engine.version import __version__

from .options import VARIABLES
from .output import print_lines
from .parser import commands, parser


def show(_: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    print_lines(page())
    return 0


def page() -> Iterator[str]:
    """The lines of the page, in the language of man(7)."""
    top = parser()
    known = commands(top)
    yield f'.TH INSTUI 1 "" "instui {_escaped(__version__)}" "User Commands"'
    yield ".SH NAME"
    what, _, description = (top.description or "").partition(". ")
    yield rf"instui \- {_escaped(_name(what))}"
    yield ".SH SYNOPSIS"
    yield from (".B instui", ".RI [ OPTION ...]", ".br", ".B instui", ".I COMMAND", ".RI [ ARGUMENT ...]")
    yield ".SH DESCRIPTION"
    yield from _wrapped(description)
    yield ".SH COMMANDS"
    for name, command in known.items():
        yield from (".TP", rf".B {_escaped(name)}", *_wrapped(command.description or ""))
    yield ".SH HOME"
    yield from (*_wrapped("The flags of `instui` without a command."), *_flags(top))
    for name, command in known.items():
        yield rf'.SH "{_escaped(name.upper())}"'
        yield from _command(command)
        if more := (command.epilog or "").removesuffix(VARIABLES).strip():  # these stand below, once for all
            yield from (".PP", *_wrapped(more))
        for part, inner in commands(command).items():
            yield rf'.SS "{_escaped(f"{name} {part}")}"'
            yield from _command(inner)
    yield ".SH ENVIRONMENT"
    yield from _wrapped(
        "INSTUI_JOBS stands for --jobs that is not given, and so on for every flag. INSTUI_CONFIG names the file of "
        "settings. NO_COLOR and CI are honoured."
    )
    yield ".SH FILES"
    yield from (".TP", ".I ~/.config/instui/config.toml")
    yield from _wrapped(
        f"Settings, in TOML: {', '.join(SETTINGS)}, the columns of the dashboard, and a table [keys] with other keys "
        "for the actions of the screens. `instui config` shows what is in force."
    )
    yield ".SH EXIT STATUS"
    yield from _wrapped((top.epilog or "").removeprefix("Exit codes: "))


def _command(command: argparse.ArgumentParser) -> Iterator[str]:
    yield from _wrapped(command.description or "")
    yield ".PP"
    yield from _wrapped(" ".join(command.format_usage().split()).removeprefix("usage: "))
    yield from _flags(command)


def _flags(command: argparse.ArgumentParser) -> Iterator[str]:
    for action in command._actions:
        if action.help is argparse.SUPPRESS or isinstance(action, argparse._SubParsersAction | argparse._HelpAction):
            continue
        formatter = command._get_formatter()
        yield ".TP"
        yield rf".B {_escaped(formatter._format_action_invocation(action))}"
        yield from _wrapped(formatter._expand_help(action) if action.help else "") or [r"\&"]


def _name(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}".rstrip(".")


def _wrapped(text: str) -> list[str]:
    return [_escaped(line) for line in textwrap.wrap(text, 78, break_on_hyphens=False, break_long_words=False)]


def _escaped(text: str) -> str:
    """A text without what has a meaning in man(7)."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
