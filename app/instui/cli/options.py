"""The command line: its parser, and the environment variables of flags. `parsed` makes engine values of it."""

import argparse
import os
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from instui.demo.scenarios import NAMES
from instui_engine.errors import UsageError, printable
from instui_engine.version import __version__

if TYPE_CHECKING:
    from instui_engine.session.options import LinkMode

UIS = ("tui", "plain", "json", "none")
THEMES = ("dark", "light", "ansi", "mono")
LINK_MODES: "tuple[LinkMode, ...]" = ("hardlink", "copy", "clone", "symlink")


_WHAT = "Install wheels side by side under directory locks, and watch it."
_EXITS = (
    "Exit codes: 0 done, 1 failed and nothing half-installed, 2 usage, 3 conflict, 4 lock timeout, 130 interrupted, "
    "143 terminated or hung up."
)
_VARIABLES = "A flag that is not given is taken from its variable, if that is set: --jobs from INSTUI_JOBS, and so on."

_ON = frozenset({"1", "true", "yes", "on"})
_OFF = frozenset({"0", "false", "no", "off"})


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
        _take_variables(self)
        return super().parse_known_args(args, namespace)


class _Each(argparse.Action):
    """Collects the values of a flag that may be given several times; the first one replaces the variable's."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: Any, *_: object) -> None:
        given = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*([] if given is self.default else given), value])


def _take_variables(parser: argparse.ArgumentParser) -> None:
    """Let INSTUI_* stand for the flags that are not given; several values of one are separated by spaces."""
    for action in parser._actions:
        flag = next((name for name in action.option_strings if name.startswith("--")), "")
        variable = f"INSTUI_{flag[2:].upper().replace('-', '_')}"
        text = os.environ.get(variable) if flag and action.help is not argparse.SUPPRESS else None
        if not text:
            continue
        if isinstance(action, argparse._StoreTrueAction):
            action.default = _is_on(variable, text)
        elif action.nargs != 0:
            action.default = text.split() if isinstance(action, _Each) else text


def _is_on(variable: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in _ON | _OFF:
        raise UsageError(f"{variable} must be one of {', '.join(sorted(_ON | _OFF))}, not {printable(text)!r}")
    return word in _ON


def parser(chosen: str = "") -> argparse.ArgumentParser:
    """The parser of the whole command line. If `chosen` is the name of a command, the others have no flags."""
    top = _Parser(prog="instui", description=_WHAT, epilog=_EXITS)
    top.add_argument("--version", action="version", version=f"instui {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    all_commands = (
        ("install", "install requirements, wheel files or directories of wheels", _install),
        ("install-many", "install each line of a list by itself, without dependencies", _install_many),
        ("uninstall", "remove distributions, by what their RECORD lists", _uninstall),
        ("demo", "watch the locks at work on wheels made on the fly, without a network", _demo),
        ("sessions", "what runs in any of your environments, and what is recorded in this one", _sessions),
        ("attach", "watch a session that another process runs, from any terminal; leaving ends nothing", _attach),
        ("locks", "who holds and who waits for the locks of an environment, other programs included", _locks),
        ("explain", "why a session was slow: where every second went, and what would have helped", _explain),
        ("report", "the same and more as one HTML file, for people who were not there", _report),
        ("trace", "a session as slices, counters and flows, for Perfetto and chrome://tracing", _trace),
        ("replay", "watch a recorded session, at any speed, forwards and backwards", _replay),
        ("serve", "the screen of attach or replay in a browser", _serve),
        ("doctor", "find what is incomplete, modified or left over in an environment, and mend it", _doctor),
        ("cache", "where unpacked wheels are kept, and removing those that no environment uses any more", _cache),
    )
    known = {name for name, _, _ in all_commands}
    for name, help, fill in all_commands:
        added = commands.add_parser(name, help=help, description=help, epilog=_VARIABLES)
        if name == chosen or chosen not in known:
            fill(added)
    return top


def parse(arguments: list[str]) -> argparse.Namespace:
    """A command line that begins with a command. Raises UsageError."""
    parsed, unknown = parser(arguments[0] if arguments else "").parse_known_args(arguments)
    # argparse takes positional arguments only in one run: of `install one -r file two`, the second is left over
    if unknown and hasattr(parsed, "arguments") and not any(argument.startswith("-") for argument in unknown):
        parsed.arguments += unknown
    elif unknown:
        raise UsageError(f"unrecognized arguments: {' '.join(unknown)}; see `instui {parsed.command} --help`")
    given = vars(parsed)
    names_any = given.get("arguments") or given.get("requirement_files") or given.get("pylock")
    if parsed.command == "install" and not names_any:
        raise UsageError("nothing to install: name a requirement, a wheel or a directory of wheels, or give -r FILE")
    if parsed.command == "uninstall" and not names_any:
        raise UsageError("nothing to uninstall: name a distribution, or give -r FILE")
    return parsed


def parse_home(arguments: list[str]) -> argparse.Namespace:
    """A command line without a command: whose recordings home shows, and how. Raises UsageError."""
    home = _Parser(prog="instui", description=_WHAT, epilog=_EXITS)
    _whose(home)
    _ui(home)
    _looks(home)
    return home.parse_args(arguments)


def _install(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("arguments", nargs="*", metavar="REQ | WHEEL | DIR")
    what = parser.add_argument_group("what to install")
    what.add_argument(
        "-r",
        "--requirement",
        action=_Each,
        default=[],
        metavar="FILE",
        dest="requirement_files",
        help="requirements, as for pip",
    )
    what.add_argument(
        "-c",
        "--constraint",
        action=_Each,
        default=[],
        metavar="FILE",
        dest="constraint_files",
        help="bounds for versions, as for pip",
    )
    what.add_argument("--pylock", default="", metavar="FILE", help="a PEP 751 lock file")
    what.add_argument("--no-deps", action="store_true", help="without dependencies")
    what.add_argument("--reinstall", action="store_true", help="also what is installed already")
    what.add_argument("-U", "--upgrade", action="store_true", help="the newest versions, also of what is installed")
    what.add_argument(
        "-P",
        "--upgrade-package",
        action=_Each,
        default=[],
        metavar="NAME",
        dest="upgrade_packages",
        help="the newest version of this one",
    )
    what.add_argument("--require-hashes", action="store_true", help="refuse requirements without a hash")
    _permission(what)
    what.add_argument("--no-build", action="store_true", help="accepted, and always so: wheels only")
    _places(parser)
    _content(_target(parser, "where to install it", "into"), "different content for one path is an error")
    _otlp(_common(parser), "at the end, send the session to a collector of OpenTelemetry")


def _content(target: "argparse._ArgumentGroup", on_conflict: str) -> None:
    """Add the flags that say what may come into the environment, and how."""
    target.add_argument("--fail-on-conflict", action="store_true", help=on_conflict)
    target.add_argument(
        "--link-mode",
        help="default: as uv is set, else hardlink; a copy where that is not possible",
        **_choice(LINK_MODES),
    )


def _install_many(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("list_file", metavar="LIST", help="a requirement or the path of a wheel on each line; -: stdin")
    what = parser.add_argument_group("what to install")
    what.add_argument("--limit", type=_count, default="0", metavar="N", help="only the first N lines")
    _permission(what)
    _places(parser)
    _content(_target(parser, "where to install it", "into"), "a line with different content for one path fails")
    _otlp(_common(parser), "at the end, send the session to a collector of OpenTelemetry")


def _uninstall(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("arguments", nargs="*", metavar="DIST")
    parser.add_argument(
        "-r",
        "--requirement",
        "--requirements",
        action=_Each,
        default=[],
        metavar="FILE",
        dest="requirement_files",
        help="what requirement files name, whatever the versions",
    )
    parser.add_argument("--yes", "-y", action="store_true", help="accepted, and always so: nothing is asked")
    _target(parser, "where from", "from")
    _otlp(_common(parser), "at the end, send the session to a collector of OpenTelemetry")


def _target(parser: argparse.ArgumentParser, title: str, into: str) -> "argparse._ArgumentGroup":
    """Add the flags that say which environment is written, and how."""
    target = parser.add_argument_group(title)
    target.add_argument(
        "--python",
        "-p",
        type=_named,
        metavar="ENV_OR_INTERPRETER",
        help="default: the active environment, or the nearest .venv",
    )
    target.add_argument("--target", type=_named, metavar="DIR", help=f"{into} this directory, as with pip")
    target.add_argument("--prefix", type=_named, metavar="DIR", help=f"{into} lib, bin and so on below this directory")
    target.add_argument(
        "--break-system-packages", action="store_true", help=f"also {into} a Python that the system manages"
    )
    target.add_argument("--no-fsync", action="store_true", help="for throw-away environments")
    target.add_argument("--dry-run", action="store_true", help="plan, and write nothing")
    return target


def _places(parser: argparse.ArgumentParser) -> None:
    where = parser.add_argument_group("where to find it")
    where.add_argument(
        "--find-links", "-f", action=_Each, default=[], metavar="DIR_OR_URL", help="look for wheels there, too"
    )
    where.add_argument("--no-index", action="store_true", help="only --find-links and files")
    where.add_argument("--index-url", "-i", default="", metavar="URL", help="default: as uv is configured")
    where.add_argument(
        "--extra-index-url", action=_Each, default=[], metavar="URL", dest="extra_index_urls", help="besides"
    )
    where.add_argument("--offline", action="store_true", help="only what is in the cache")


def _permission(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--allow-record",
        action=_Each,
        type=permitted,
        default=[],
        metavar="NAME==VERSION",
        help="accept this wheel although its RECORD has rows or hashes missing, or rows without a file",
    )


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scenario", nargs="?", choices=NAMES, default=NAMES[0], metavar="SCENARIO", help=", ".join(NAMES)
    )
    parser.add_argument("--list", action="store_true", help="what they show; play none")
    parser.add_argument("--json", action="store_true", help="with --list: for programs")
    parser.add_argument("--keep", default="", metavar="DIR", help="keep the environment there, to look at it")
    _common(parser, slow=1.0)


def _attach(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "The exit code is that of the session, or 0 if it was left before its end. Where nobody watches, its lines are "
        f"followed. {_VARIABLES}"
    )
    parser.add_argument(
        "sessions",
        nargs="*",
        metavar="PID | SESSION",
        help="the process, or how the id of the session begins; default: the only one that runs",
    )
    parser.add_argument("--all", action="store_true", help="all sessions of the environment, in one picture")
    parser.add_argument("--control", action="store_true", help="also pause and cancel it; without, it is only watched")
    parser.add_argument("--python", "-p", type=_named, metavar="ENV_OR_INTERPRETER", help="whose sessions come first")
    parser.add_argument("--target", type=_named, metavar="DIR")
    parser.add_argument("--prefix", type=_named, metavar="DIR")
    parser.add_argument("--cache-dir", default="", metavar="DIR")
    how = parser.add_argument_group("how")
    _screen(how)
    _volume(how)


def _sessions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--python", "-p", type=_named, metavar="ENV_OR_INTERPRETER")
    parser.add_argument("--target", type=_named, metavar="DIR")
    parser.add_argument("--prefix", type=_named, metavar="DIR")
    parser.add_argument("--cache-dir", default="", metavar="DIR")


def _locks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--python", "-p", type=_named, metavar="ENV_OR_INTERPRETER")
    parser.add_argument("--target", type=_named, metavar="DIR")
    parser.add_argument("--prefix", type=_named, metavar="DIR")
    parser.add_argument("--cache-dir", default="", metavar="DIR")
    parser.add_argument("--json", action="store_true", help="for programs")


def _whose(parser: argparse.ArgumentParser) -> None:
    """Add what names an environment that is only looked at."""
    parser.add_argument("--python", "-p", type=_named, metavar="ENV_OR_INTERPRETER")
    parser.add_argument("--target", type=_named, metavar="DIR")
    parser.add_argument("--prefix", type=_named, metavar="DIR")
    parser.add_argument("--cache-dir", default="", metavar="DIR")


def _explain(parser: argparse.ArgumentParser) -> None:
    _which_session(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def _report(parser: argparse.ArgumentParser) -> None:
    _which_session(parser)
    parser.add_argument(
        "--output",
        "-o",
        type=_named,
        metavar="FILE",
        help="replaced if it is there; -: stdout; default: instui-SESSION.html here, which must not be there yet",
    )


def _trace(parser: argparse.ArgumentParser) -> None:
    _which_session(parser)
    parser.add_argument("--output", "-o", default="", metavar="FILE", help="where to write it; -: stdout")
    _otlp(parser, "send it to a collector of OpenTelemetry")


def _which_session(parser: argparse.ArgumentParser) -> None:
    """Add what names a recorded session: see `journals.find`."""
    parser.add_argument(
        "session",
        nargs="?",
        default="",
        metavar="SESSION | JOURNAL",
        help="the id of a session of the environment, or how it begins; a journal file, or a report, which has one in "
        "it; -: stdin; default: the newest",
    )
    parser.add_argument("--python", "-p", type=_named, metavar="ENV_OR_INTERPRETER")
    parser.add_argument("--target", type=_named, metavar="DIR")
    parser.add_argument("--prefix", type=_named, metavar="DIR")
    parser.add_argument("--cache-dir", default="", metavar="DIR")


def _replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "session",
        nargs="?",
        default="",
        metavar="SESSION | JOURNAL | REPORT.html",
        help="the id of a session of the environment, or how it begins; a journal, or a report; default: the newest",
    )
    parser.add_argument("--speed", type=_speed, default="1", metavar="X", help="times as fast; default: %(default)s")
    _looks(parser)
    parser.add_argument("--python", "-p", type=_named, metavar="ENV_OR_INTERPRETER")
    parser.add_argument("--target", type=_named, metavar="DIR")
    parser.add_argument("--prefix", type=_named, metavar="DIR")
    parser.add_argument("--cache-dir", default="", metavar="DIR")


def _ui(group: "argparse._ActionsContainer") -> None:
    """Add the flag that says which user interface there is."""
    group.add_argument("--ui", help="default: tui where somebody watches, plain elsewhere", **_choice(UIS))


def _looks(group: "argparse._ActionsContainer") -> None:
    """Add the flags that say how a screen looks."""
    group.add_argument("--theme", help="colours of the tui", **_choice(THEMES))
    group.add_argument(
        "--ascii", action="store_true", help="no glyphs beyond ASCII in the tui; default where the locale is not UTF-8"
    )


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", type=_named, default="127.0.0.1", help="where to listen; default: %(default)s")
    parser.add_argument("--port", type=_port, default="8000", metavar="N", help="default: %(default)s; 0: any")
    parser.add_argument(
        "viewed", nargs=argparse.REMAINDER, metavar="attach ... | replay ...", help="the command, with its options"
    )


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repair", action="store_true", help="mend what can be mended")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--python", "-p", type=_named, metavar="ENV_OR_INTERPRETER")
    parser.add_argument("--target", type=_named, metavar="DIR")
    parser.add_argument("--prefix", type=_named, metavar="DIR")
    parser.add_argument(
        "--break-system-packages", action="store_true", help="repair also a Python that the system manages"
    )
    _places(parser)
    how = parser.add_argument_group("how")
    _permission(how)
    _work(how)
    how.add_argument("--cache-dir", default="", metavar="DIR", help="where unpacked wheels are kept")
    how.add_argument("--no-fsync", action="store_true", help="for throw-away environments")


def _cache(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="dir|prune", required=True, parser_class=_Parser)
    for name, help in (
        ("dir", "print where it is"),
        ("prune", "remove wheels without a link in any environment, abandoned downloads, and what old versions left"),
    ):
        action = actions.add_parser(name, help=help, description=help, epilog=_VARIABLES)
        action.add_argument("--cache-dir", default="", metavar="DIR", help="where it is")
        if name == "prune":
            action.add_argument(
                "--lock-timeout",
                type=_seconds,
                default="300",
                metavar="SECONDS",
                help="wait for running installs at most so long; default: %(default)s",
            )


def _common(parser: argparse.ArgumentParser, slow: float = 0.0) -> "argparse._ArgumentGroup":
    how = parser.add_argument_group("how")
    _screen(how)
    how.add_argument("--child", default="", help=argparse.SUPPRESS)
    how.add_argument("--child-journal", default="", help=argparse.SUPPRESS)
    _work(how)
    how.add_argument("--slow", type=_seconds, default=str(slow), metavar="FACTOR", help="for watching")
    how.add_argument("--cache-dir", default="", metavar="DIR", help="where unpacked wheels are kept")
    how.add_argument("--journal", default="", metavar="FILE", help="also write the journal there")
    _volume(how)
    return how


def _screen(how: "argparse._ArgumentGroup") -> None:
    _ui(how)
    how.add_argument("--stay", action="store_true", help="the tui stays open at the end, until a key closes it")
    _looks(how)


def _volume(how: "argparse._ArgumentGroup") -> None:
    how.add_argument("-q", "--quiet", action="store_true", help="only what went wrong")
    how.add_argument("-v", "--verbose", action="store_true", help="also each wheel, retries and turns")


def _otlp(how: "argparse.ArgumentParser | argparse._ArgumentGroup", what: str) -> None:
    """Add the flag that sends a session to a collector. Its value is None, the URL, or "": where the variables say."""
    how.add_argument(
        "--otlp",
        nargs="?",
        type=_collector,
        default="off",
        const="on",
        metavar="URL",
        help=f"{what}, at URL or where OTEL_EXPORTER_OTLP_ENDPOINT says; needs instui[otlp]",
    )


def _collector(text: str) -> str | None:
    word = text.strip().lower()
    if not word or word in _OFF:
        return None
    if word in _ON:
        return ""
    if not word.startswith(("http://", "https://")):
        shown = printable(text)
        raise argparse.ArgumentTypeError(f"must be the URL of a collector, not {shown!r}; without a URL, put it last")
    return text


def _work(how: "argparse._ArgumentGroup") -> None:
    from instui_engine.session.options import default_jobs

    how.add_argument(
        "--jobs",
        "-j",
        type=_positive,
        default=str(default_jobs()),
        metavar="N",
        help="workers; default: %(default)s",
    )
    how.add_argument(
        "--lock-timeout",
        type=_seconds,
        default="300",
        metavar="SECONDS",
        help="wait for a lock at most so long; default: %(default)s",
    )


def permitted(text: str) -> str:
    """A value of --allow-record. Raises UsageError if it is none."""
    from instui_engine.wheel.permission import parse

    parse(text)
    return text


def _choice(names: Sequence[str]) -> dict[str, Any]:
    """The type of an argument that is one of `names`, or "": argparse would not check a default (a variable)."""

    def one_of(text: str) -> str:
        if text and text not in names:
            raise argparse.ArgumentTypeError(f"must be one of {', '.join(names)}, not {text!r}")
        return text

    return {"type": one_of, "default": "", "metavar": f"{{{','.join(names)}}}"}


def _named(text: str) -> str:
    """A place that is named: an empty one is an unset variable of a script, and not the default."""
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 256:
        raise argparse.ArgumentTypeError(f"must be a number between 1 and 256, not {text!r}")
    return number


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be a number that is not negative, not {text!r}")
    return number


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be a number up to 65535, not {text!r}")
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0.125 <= speed <= 128:
        raise argparse.ArgumentTypeError(f"must be a number from 0.125 to 128, not {text!r}")
    return speed


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e6:
        raise argparse.ArgumentTypeError(f"must be a number that is not negative, not {text!r}")
    return number
