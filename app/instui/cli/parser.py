"""The command line: its commands, and its parser. `options` has their flags, `parsed` makes engine values of it."""

import argparse
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import cache
from importlib import import_module
from typing import Any

from instui_engine.errors import UsageError, printable
from instui_engine.values import NamedTuple
from instui_engine.version import __version__

from . import options, package_options
from .standing import standing, take

_WHAT = "Install wheels side by side under directory locks, and watch it."
_HOME = "Without a command, home opens: what runs, what was recorded, and a line that installs."
_EXITS = (
    "Exit codes: 0 done, 1 failed and nothing half-installed, 2 usage, 3 conflict, 4 lock timeout, 130 interrupted, "
    "143 terminated or hung up."
)

_SEE = "see `instui --help`"
_SEVERAL = ("*", "+")  # of argparse, for an argument that may be given more than once
_ALONE = ("--help", "-h", "--version", "-V")  # flags of the program, not of home; they come before all others


class Command(NamedTuple):
    """A command: what it is for, what gives a parser its flags, and the function of this room that runs it."""

    help: str
    options: Callable[[argparse.ArgumentParser], None]
    function: str

    def run(self, parsed: argparse.Namespace) -> int:
        """Run it; return the exit code. Only now what it needs is loaded. Raises InstuiError."""
        module, _, name = self.function.partition(".")
        function: Callable[[argparse.Namespace], int] = getattr(import_module(f"{__package__}.{module}"), name)
        return function(parsed)


COMMANDS: Mapping[str, Command] = {
    "install": Command("install requirements, wheel files or directories of wheels", options.install, "work.install"),
    "install-many": Command(
        "install each line of a list by itself, without dependencies", options.install_many, "work.install_many"
    ),
    "sync": Command("install exactly what files list, and remove everything else", options.sync, "work.sync"),
    "uninstall": Command("remove distributions, by what their RECORD lists", options.uninstall, "work.uninstall"),
    "list": Command("what is installed, and what of it is incomplete", package_options.listing, "packages.show_list"),
    "freeze": Command("what is installed, as a requirement file", package_options.freeze, "packages.freeze"),
    "show": Command("one distribution, and whose files are where it has its own", package_options.show, "show.run"),
    "check": Command(
        "whether all that is installed is whole, and has what it requires", package_options.check, "check.run"
    ),
    "tree": Command("what requires what", package_options.tree, "packages.tree"),
    "demo": Command("watch the locks at work on wheels made on the fly, without a network", options.demo, "demo.play"),
    "sessions": Command(
        "what runs in any of your environments, and what is recorded in this one", options.sessions, "sessions.show"
    ),
    "attach": Command(
        "watch a session that another process runs, from any terminal; leaving ends nothing",
        options.attach,
        "attach.show",
    ),
    "locks": Command(
        "who holds and who waits for the locks of an environment, other programs included", options.locks, "locks.show"
    ),
    "explain": Command(
        "why a session was slow: where every second went, and what would have helped", options.explain, "explain.show"
    ),
    "report": Command("a session as one HTML file, for people who were not there", options.report, "report.make"),
    "trace": Command(
        "a session as slices, counters and flows, for Perfetto and chrome://tracing", options.trace, "trace.show"
    ),
    "replay": Command("watch a recorded session, at any speed, forwards and backwards", options.replay, "replay.play"),
    "serve": Command("the screen of attach or replay in a browser", options.serve, "serve.serve"),
    "doctor": Command(
        "find what is incomplete, modified or left over in an environment, and mend it", options.doctor, "doctor.visit"
    ),
    "config": Command("the settings that are in force, and where each comes from", options.config, "config.show"),
    "completion": Command(
        "a script that completes instui's command lines in a shell", options.completion, "completion.show"
    ),
    "man": Command("the manual page, for `man -l -` or a file instui.1", options.nothing, "manual.show"),
    "cache": Command(
        "where unpacked wheels are kept, and removing those that no environment uses any more",
        options.cache,
        "cache.run",
    ),
}


class _Formatter(argparse.HelpFormatter):
    """A formatter as wide as the terminal. argparse makes one for each flag, and has modules loaded to measure it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


@cache
def _columns() -> int:
    """The width of the output, as `shutil.get_terminal_size` finds it."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


class _Parser(argparse.ArgumentParser):
    """A parser whose usage errors are one line, like all errors of this program."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=_Formatter, allow_abbrev=False, **settings)

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(f"{message}; see `{self.prog} --help`")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse `args` of this very command: only its own variables are looked at."""
        with suppress(UsageError) if {"-h", "--help"} & {*(args or ())} else nullcontext():
            take(self)  # where a variable or the settings are wrong, help is what is wanted most
        return super().parse_known_args(args, namespace)

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            if arg_string is action.default and (origin := standing(action).origin) != "default":
                raise UsageError(f"{origin} {error.message}") from error  # nobody has given the flag
            raise


def parser(chosen: str = "") -> argparse.ArgumentParser:
    """The parser of the whole command line; if `chosen` is the name of a command, of that one alone."""
    usage = "%(prog)s [OPTION ...]\n       %(prog)s COMMAND ..."
    top = _Parser(prog="instui", usage=usage, description=f"{_WHAT} {_HOME}", epilog=_EXITS)
    top.add_argument("-V", "--version", action="version", version=f"instui {__version__}")
    commands = top.add_subparsers(
        prog="instui", title="commands", dest="command", metavar="COMMAND", required=True, parser_class=_Parser
    )
    for name, command in COMMANDS.items():
        if name == chosen or chosen not in COMMANDS:  # a parser costs a quarter of a millisecond even without flags
            added = commands.add_parser(name, help=command.help, description=command.help, epilog=options.VARIABLES)
            command.options(added)
    if chosen not in COMMANDS:  # no command: the whole is told
        _home_flags(top.add_argument_group("home", "the flags of `instui` without a command"))
    return top


def _home_flags(home: "argparse._ActionsContainer") -> None:
    """Add the flags of `instui` without a command."""
    options.whose(home)
    options.ui(home, "tui: home opens also where CI is set; any other: it does not, as it is a full screen")
    options.looks(home)


def commands(top: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """The parsers of the commands, or of the actions of one, by name."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}


def is_without_command(arguments: Sequence[str]) -> bool:
    """Whether a command line means home, which has flags only."""
    return not arguments or (arguments[0].startswith("-") and not {*_ALONE} & {*arguments})


def parse(arguments: list[str]) -> argparse.Namespace:
    """A command line that begins with a command. Raises UsageError."""
    if is_without_command(arguments):
        from .home import asked_ui

        parse_home(arguments)  # what is wrong with its flags is said first
        if (ui := asked_ui(arguments)) not in ("", "tui"):
            raise UsageError(f"name a command: home is a full screen, and --ui or INSTUI_UI asks for {ui}; {_SEE}")
        raise UsageError(
            f"name a command: home opens only on a terminal that is not dumb, and not where CI is set; {_SEE}"
        )
    if not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        raise _no_command(arguments)
    top = parser(arguments[0])
    parsed, unknown = top.parse_known_args(arguments)
    if unknown and not _taken(unknown, parsed, commands(top)[parsed.command]):
        from .uv_options import refusal

        if reason := refusal(unknown):
            raise UsageError(reason)
        raise _unrecognized(unknown, commands(top)[parsed.command])
    given = vars(parsed)
    names_any = any(given.get(name) for name in ("arguments", "editables", "requirement_files", "pylock", "group"))
    if parsed.command == "install" and not names_any:
        raise UsageError("nothing to install: name a requirement, a wheel, a directory or a source, or give -r FILE")
    if parsed.command == "uninstall" and not names_any:
        raise UsageError("nothing to uninstall: name a distribution, or give -r FILE")
    if parsed.command == "sync" and not parsed.requirement_files:
        raise UsageError(f"nothing to sync: name a file{_listing(parsed.directory)}")
    if given.get("check"):
        if parsed.dry_run:
            raise UsageError("--check and --dry-run exclude each other: one answers, the other says what would be done")
        parsed.dry_run = True
    parsed.line = arguments
    return parsed


def _taken(left: list[str], parsed: argparse.Namespace, command: argparse.ArgumentParser) -> bool:
    """Whether words that argparse has left over go to the arguments of which the command takes several.

    argparse takes these only in one run: of `install one -r file two`, the second is left over.
    """
    several = next(
        (action.dest for action in command._actions if action.nargs in _SEVERAL and not action.option_strings), ""
    )
    end = left.index("--") if "--" in left else len(left)  # no flag comes after that
    if not several or any(word.startswith("-") and word != "-" for word in left[:end]):
        return False
    setattr(parsed, several, [*getattr(parsed, several), *left[:end], *left[end + 1 :]])
    return True


def _listing(directory: str | None) -> str:
    """Which file can be meant by a sync in that directory: the one that is there, or the kinds that there are."""
    names = ("uv.lock", "pylock.toml", "requirements.txt")
    there = next((name for name in names if os.path.exists(os.path.join(directory or "", name))), "")
    return (
        f", as in `instui sync {there}`" if there else " of requirements, a pyproject.toml, a pylock.toml or a uv.lock"
    )


def _no_command(arguments: Sequence[str]) -> UsageError:
    if arguments[0] == "pip":
        meant = next((word for word in arguments[1:2] if word in COMMANDS), "COMMAND")
        return UsageError(f"instui has the commands of `uv pip` without `pip`: instui {meant} ...; {_SEE}")
    problem = f"{printable(arguments[0])} is not a command"
    return UsageError(f"{problem}{_meant(arguments[0], COMMANDS)}; {_SEE}")


def _unrecognized(words: list[str], command: argparse.ArgumentParser) -> UsageError:
    flag = next((word.partition("=")[0] for word in words if word.startswith("--")), "")
    meant = _meant(flag, command._option_string_actions) if flag else ""
    return UsageError(f"unrecognized arguments: {printable(' '.join(words))}{meant}; see `{command.prog} --help`")


def _meant(word: str, known: Iterable[str]) -> str:
    """The question whether another word was meant, if one of `known` is like it; else ""."""
    from instui.likely import likely

    found = likely(word, known)
    return f" (did you mean {found}?)" if found else ""


def parse_home(arguments: list[str]) -> argparse.Namespace:
    """A command line without a command: whose recordings home shows, and how. Raises UsageError."""
    home = _Parser(prog="instui", description=_WHAT, epilog=_EXITS)
    _home_flags(home)
    parsed = argparse.Namespace()
    _, unknown = home.parse_known_args(arguments, parsed)
    if command := next((word for word in unknown if word in COMMANDS), ""):
        raise UsageError(f"the flags of a command come after it: instui {command} ...; see `instui {command} --help`")
    if unknown:
        raise _unrecognized(unknown, home)
    return parsed
