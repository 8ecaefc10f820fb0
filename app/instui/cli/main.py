"""The program: it reads the command line, runs the command, and makes one line of any error."""

import os
import sys
from collections.abc import Sequence

from instui.importing import load_argparse
from instui_engine.errors import InstuiError, UsageError, printable, reason
from instui_engine.version import __version__

from .output import print_error, print_lines


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the whole program; return the exit code. Any error is one line on stderr.

    With INSTUI_DEBUG, a bug of this program raises, so that its traceback is seen.
    """
    try:
        return _run(_whole(list(sys.argv[1:] if arguments is None else arguments)))
    except InstuiError as error:
        print_error(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        print_error("interrupted")
        return 130
    except OSError as error:
        where = _working_directory_error()
        print_error(where or reason(error))
        return 2 if where else 1
    except ImportError:
        raise  # a part of the program is missing, and commands load their parts late; the caller says so
    except Exception as error:
        if os.environ.get("INSTUI_DEBUG"):
            raise
        what = f"{type(error).__name__}: {printable(str(error))}"
        print_error(f"internal error: {what}; this is a bug of instui; INSTUI_DEBUG=1 shows where it is")
        return 1


def _run(arguments: list[str]) -> int:
    if sys.platform == "win32":
        raise UsageError("instui needs flock and POSIX renames and does not run on Windows; use WSL")
    if any("\0" in argument for argument in arguments):
        raise UsageError("an argument has a NUL character in it, which no name and no path can have")
    if arguments in (["--version"], ["-V"]):  # as the parser says it, without loading the parser
        print_lines([f"instui {__version__}"])
        return 0
    load_argparse()
    from .parser import COMMANDS, is_without_command, parse

    if is_without_command(arguments):
        from .home import is_meant

        if is_meant(arguments):
            return _home(arguments)
    parsed = parse(arguments)
    if hasattr(parsed, "directory"):
        from .uv_variables import take_up

        take_up(parsed)
    if hasattr(parsed, "theme"):
        from .standing import take_looks

        take_looks()
    if hasattr(parsed, "ui"):
        from .watch import chosen_ui

        parsed.ui = chosen_ui(parsed)
    return COMMANDS[parsed.command].run(parsed)


def _whole(arguments: list[str]) -> list[str]:
    """The command line, also of a child that was given it in a file, because it has passwords."""
    if arguments[1:2] != ["--child"] or arguments[3:4] != ["--child-arguments"]:
        return arguments
    import json

    with open(int(arguments[4]), encoding="utf-8") as file:
        command, *rest = map(str, json.load(file))
    return [command, *arguments[1:3], *rest]


def _working_directory_error() -> str:
    """Why there is no working directory; "" if there is one. Without one, an error about a path would mislead."""
    try:
        os.getcwd()
    except OSError as error:
        return f"the working directory cannot be used ({reason(error)}); change to another one"
    return ""


def _home(arguments: list[str]) -> int:
    from .home import show
    from .parser import parse_home
    from .standing import take_looks

    parsed = parse_home(arguments)
    take_looks()
    return show(parsed)
