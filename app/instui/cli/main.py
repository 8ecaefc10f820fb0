"""The commands: parse, run the engine, show the journal, return an exit code."""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from instui_engine.errors import InstuiError, UsageError, printable, reason
from instui_engine.version import __version__

from .output import print_error, print_lines

if TYPE_CHECKING:
    import argparse

    from instui_engine.commands.command import Outcome, Recording
    from instui_engine.journal.writer import Listener
    from instui_engine.session.control import Control
    from instui_engine.session.options import Options
    from instui_engine.target.environment import Environment

    Work = Callable[[Environment, Options, Control, Recording], Outcome]


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
    if arguments == ["--version"]:  # as the parser says it, without loading the parser
        print_lines([f"instui {__version__}"])
        return 0
    if not arguments or arguments[0].startswith("-"):
        from .home import is_meant

        if is_meant(arguments):
            return _home(arguments)
    from .options import parse

    parsed = parse(arguments)
    if hasattr(parsed, "theme"):
        from .standing import take_keys

        take_keys()
    if hasattr(parsed, "ui"):
        from .watch import chosen_ui

        parsed.ui = chosen_ui(parsed)
    commands: dict[str, Callable[[argparse.Namespace, list[str]], int]] = {
        "install": _install,
        "install-many": _install_many,
        "uninstall": _uninstall,
        "demo": _demo,
        "sessions": _sessions,
        "attach": _attach,
        "locks": _locks,
        "doctor": _doctor,
        "explain": _explain,
        "report": _report,
        "trace": _trace,
        "replay": _replay,
        "serve": _serve,
        "config": _config,
        "completion": _completion,
        "man": _man,
        "cache": _cache,
    }
    return commands[parsed.command](parsed, arguments)


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


def _install(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    def session() -> "Work":
        from instui_engine.commands.install import install

        from .parsed import request_from

        return partial(install, request_from(parsed))

    return _work(parsed, arguments, session)


def _install_many(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    def session() -> "Work":
        from instui_engine.commands.install_many import install_many

        from .parsed import places_from

        return partial(install_many, parsed.list_file, limit=parsed.limit, request=places_from(parsed))

    return _work(parsed, arguments, session)


def _uninstall(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    def session() -> "Work":
        from instui_engine.commands.uninstall import uninstall

        return partial(uninstall, parsed.arguments, requirement_files=parsed.requirement_files)

    return _work(parsed, arguments, session)


def _work(parsed: "argparse.Namespace", arguments: list[str], session: "Callable[[], Work]") -> int:
    """Run a command that changes an environment, here or, for the full screen, in a child process.

    `session` loads what the command needs, which only the process that does the work has to do.
    """
    from .parsed import environment_from, options_from
    from .screen_rules import SCREENS

    environment = environment_from(parsed, writable=not parsed.dry_run)
    if parsed.ui in SCREENS:
        return _in_a_child(parsed, arguments, environment)
    from instui.program import began
    from instui_engine.commands.command import Recording

    from .watch import watch

    options, perform = options_from(parsed), session()
    told: list[str] = []  # the journal, for a collector
    tells = parsed.otlp is not None and not parsed.dry_run

    def run(control: "Control", listeners: "tuple[Listener, ...]") -> "Outcome":
        hearing = (*listeners, told.append) if tells else listeners
        recording = Recording(hearing, recorded(arguments), identity=parsed.child, program_began=began())
        outcome = perform(environment, options, control, recording)
        if parsed.child:
            tell_collector()  # before its error is printed: that is the last line of a child
        return outcome

    def tell_collector() -> None:
        if tells:
            from .telemetry import tell

            tell(told, parsed.otlp)

    code = watch(parsed, run)
    if not parsed.child:
        tell_collector()
    return code


def _in_a_child(parsed: "argparse.Namespace", arguments: list[str], environment: "Environment") -> int:
    """Run the command in a child process, and show it on the full screen."""
    from instui_engine.session.session import kept_path, new_id

    from .fullscreen import watch_child

    identity = new_id()
    if not parsed.dry_run:
        return watch_child(parsed, arguments, identity, kept_path(environment, identity))
    from pathlib import Path
    from tempfile import TemporaryFile

    with TemporaryFile() as file:  # nothing is written into the environment, not even a journal
        journal = f"/dev/fd/{file.fileno()}"
        arguments = [arguments[0], "--child-journal", journal, *arguments[1:]]
        return watch_child(parsed, arguments, identity, Path(journal), may_be_left=False)


def _home(arguments: list[str]) -> int:
    from .home import show
    from .options import parse_home
    from .standing import take_keys

    parsed = parse_home(arguments)
    take_keys()
    return show(parsed)


def _demo(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    from .demo import play

    return play(parsed, arguments)


def _locks(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    from .locks import show

    return show(parsed)


def _attach(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    from .attach import show

    return show(parsed)


def _sessions(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    from .sessions import show

    return show(parsed)


def _doctor(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    from .doctor import visit

    return visit(parsed, recorded(arguments))


def _explain(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    from .explain import show

    return show(parsed)


def _report(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    from .report import make

    return make(parsed)


def _trace(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    from .trace import show

    return show(parsed)


def _replay(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    from .replay import play

    return play(parsed)


def _serve(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    from .serve import serve

    return serve(parsed)


def _config(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    from .config import show

    return show(parsed)


def _completion(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    from .completion import show

    return show(parsed)


def _man(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    from .manual import show

    return show()


def _cache(parsed: "argparse.Namespace", arguments: list[str]) -> int:
    from .cache import run

    return run(parsed)


def recorded(arguments: Sequence[str]) -> tuple[str, ...]:
    """The command line for the journal: as the user gave it, but without passwords."""
    from instui_engine.redaction import redacted

    shown = list(arguments)
    while shown[1:2] in (["--child"], ["--child-journal"]):
        del shown[1:3]
    return ("instui", *map(redacted, shown))
