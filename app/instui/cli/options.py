"""The flags of the commands: each function adds those of one, or those that several share."""

import argparse
from typing import TYPE_CHECKING, Any

from . import uv_flags
from .flag_values import choice, collector, count, named, permitted, port, positive, seconds, speed
from .standing import Asked, AskedSwitch, Each

if TYPE_CHECKING:
    from instui_engine.session.options import LinkMode

VARIABLES = (
    "A flag that is not given is taken from its variable, if that is set: --jobs from INSTUI_JOBS, and so on. "
    "`instui config` shows what is in force."
)
SLOW = "slow down, to watch: 1 rests 4 ms at each file, 2 rests 8 ms, 0 not at all; default: %(default)s"
SHELLS = ("bash", "zsh", "fish")
UIS = ("tui", "plain", "json", "none")
THEMES = ("dark", "light", "ansi", "mono")
_DEMO_JOBS = 8  # enough to have something to see on any machine
LINK_MODES: "tuple[LinkMode, ...]" = ("hardlink", "copy", "clone", "symlink")


def install(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui install`."""
    parser.usage = "%(prog)s [OPTION ...] [REQ | WHEEL | DIR | SOURCE ...]"
    parser.add_argument(
        "arguments",
        nargs="*",
        metavar="REQ | WHEEL | DIR | SOURCE",
        help="requirements, wheel files, directories of wheels; source trees, archives and repositories",
    )
    what = parser.add_argument_group("what to install")
    _requirements(what, "requirements, as for pip; a pyproject.toml; a lock file")
    _constraints(what)
    what.add_argument("--pylock", default="", metavar="FILE", help="a PEP 751 lock file")
    uv_flags.project(what)
    uv_flags.limits(what)
    what.add_argument("--no-deps", action="store_true", help="install no dependencies")
    _again(what)
    uv_flags.after(what)
    uv_flags.checks(what)
    uv_flags.opposites(parser, ("--deps", "no_deps"), ("--no-upgrade", "upgrade"))
    what.add_argument("-U", "--upgrade", action="store_true", help="the newest versions, also of what is installed")
    what.add_argument(
        "-P",
        "--upgrade-package",
        action=Each,
        default=[],
        metavar="NAME",
        dest="upgrade_packages",
        help="the newest version of this one",
    )
    _hashes(what)
    _permission(what)
    uv_flags.places(parser)
    uv_flags.versions(parser)
    uv_flags.building(parser, editable=True)
    _content(_target(parser, "where to install it", "into"), "different content for one path is an error")
    _session(parser)


def _content(target: "argparse._ArgumentGroup", on_conflict: str) -> None:
    """Add the flags that say what may come into the environment, and how."""
    target.add_argument("--fail-on-conflict", action="store_true", help=on_conflict)
    target.add_argument(
        "--link-mode",
        help="default: as uv is set, else hardlink; a copy where that is not possible",
        **choice(LINK_MODES),
    )
    target.add_argument(
        "--compile-bytecode",
        "--compile",
        action="store_true",
        default=None,
        help="also Python's byte code of all modules, so that their first import is fast; default: as uv is set",
    )
    target.add_argument(
        "--no-compile-bytecode",
        "--no-compile",
        action="store_false",
        default=None,
        dest="compile_bytecode",
        help="no byte code, whatever uv is set to",
    )


def install_many(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui install-many`."""
    parser.usage = "%(prog)s [OPTION ...] LIST"
    parser.add_argument("list_file", metavar="LIST", help="a requirement or the path of a wheel on each line; -: stdin")
    what = parser.add_argument_group("what to install")
    what.add_argument("--limit", type=count, default="0", metavar="N", help="only the first N lines")
    _permission(what)
    uv_flags.places(parser)
    uv_flags.versions(parser)
    _content(_target(parser, "where to install it", "into"), "a line with different content for one path fails")
    _session(parser)


def sync(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui sync`."""
    parser.usage = "%(prog)s [OPTION ...] FILE [FILE ...]"
    parser.add_argument(
        "requirement_files", nargs="*", metavar="FILE", help="requirements, or a pyproject.toml, pylock.toml or uv.lock"
    )
    what = parser.add_argument_group("what to install")
    uv_flags.project(what)
    uv_flags.sources(what)
    _constraints(what)
    _again(what)
    _hashes(what)
    what.add_argument(
        "--allow-empty-requirements", action="store_true", help="if nothing is listed, everything is removed"
    )
    for part, meaning in (
        ("project", "of a uv.lock, not the project itself"),
        ("workspace", "of a uv.lock, no member of the workspace"),
        ("local", "of a uv.lock, no source tree"),
    ):
        what.add_argument(f"--no-install-{part}", **_left_out(part), help=meaning)
    what.add_argument("--no-dev", **_left_out("dev"), help="of a uv.lock, not its group dev")
    state = what.add_mutually_exclusive_group()
    state.add_argument("--locked", action="store_true", help="of a uv.lock, only if it is up to date")
    state.add_argument("--frozen", action="store_true", help="a uv.lock as it is, which is so anyway")
    _permission(what)
    uv_flags.checks(what)
    uv_flags.opposites(parser, ("--no-allow-empty-requirements", "allow_empty_requirements"))
    which = parser.add_argument_group("which files")
    uv_flags.targets(which)
    uv_flags.refreshing(which)
    uv_flags.places(parser)
    uv_flags.building(parser)
    _content(_target(parser, "where to install it", "into"), "different content for one path is an error")
    _session(parser)


def _left_out(part: str) -> dict[str, Any]:
    return {"action": "append_const", "const": part, "dest": "leaving_out", "default": []}


def uninstall(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui uninstall`."""
    parser.usage = "%(prog)s [OPTION ...] [DIST ...]"
    parser.add_argument("arguments", nargs="*", metavar="DIST", help="names of distributions")
    _requirements(parser, "what requirement files name, whatever the versions")
    parser.add_argument("--yes", "-y", action="store_true", help="accepted, and always so: nothing is asked")
    _target(parser, "where from", "from")
    _session(parser)


def _target(parser: argparse.ArgumentParser, title: str, into: str) -> "argparse._ArgumentGroup":
    """Add the flags that say which environment is written, and how."""
    target = parser.add_argument_group(title)
    target.add_argument(
        "--python",
        "-p",
        type=named,
        metavar="ENV_OR_INTERPRETER",
        help="default: the active environment, or the nearest .venv",
    )
    target.add_argument("--target", "-t", type=named, metavar="DIR", help=f"{into} this directory, as with pip")
    target.add_argument("--prefix", type=named, metavar="DIR", help=f"{into} lib, bin and so on below this directory")
    uv_flags.system(target, into)
    target.add_argument("--no-fsync", action="store_true", help="do not wait for the disk, for throw-away environments")
    target.add_argument("--dry-run", action="store_true", help="plan, and write nothing")
    return target


def _requirements(group: "argparse._ActionsContainer", what: str) -> None:
    group.add_argument(
        "-r",
        "--requirement",
        "--requirements",
        action=Each,
        default=[],
        metavar="FILE",
        dest="requirement_files",
        help=what,
    )


def _constraints(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "-c",
        "--constraint",
        "--constraints",
        action=Each,
        default=[],
        metavar="FILE",
        dest="constraint_files",
        help="bounds for versions, as for pip",
    )


def _again(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--reinstall", "--force-reinstall", action="store_true", help="also what is installed already")
    uv_flags.again(group)


def _hashes(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--require-hashes", action="store_true", help="refuse requirements without a hash")


def _permission(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--allow-record",
        action=Each,
        type=permitted,
        default=[],
        metavar="NAME==VERSION",
        help="accept this wheel although its RECORD has rows or hashes missing, or rows without a file",
    )


def demo(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui demo`."""
    from instui.demo.scenarios import NAMES

    parser.add_argument(
        "scenario", nargs="?", choices=NAMES, default=NAMES[0], metavar="SCENARIO", help=", ".join(NAMES)
    )
    parser.add_argument("--list", action="store_true", help="what they show; play none")
    parser.add_argument("--json", action="store_true", help="with --list: for programs")
    parser.add_argument("--keep", default="", metavar="DIR", help="keep the environment there, to look at it")
    _common(
        parser, slow=1.0, jobs=_DEMO_JOBS, about_jobs="workers, of which one may do nothing but wait: 1 counts as 2"
    )


def attach(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui attach`."""
    parser.epilog = (
        "The exit code is that of the session, or 0 if it was left before its end. Where nobody watches, its lines are "
        f"followed. {VARIABLES}"
    )
    parser.add_argument(
        "sessions",
        nargs="*",
        metavar="PID | SESSION",
        help="the process, or how the id of the session begins; default: the only one that runs",
    )
    parser.add_argument("--all", action="store_true", help="all sessions of the environment, in one picture")
    parser.add_argument("--control", action=AskedSwitch, help="also pause and cancel it; without, it is only watched")
    whose(parser, "whose sessions are meant")
    how = parser.add_argument_group("how")
    _screen(how)
    _volume(how)


def sessions(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui sessions`."""
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--ids",
        nargs="?",
        const="all",
        help="their ids alone, quickly, as the completion of shells needs them",
        **choice(("all", "running", "recorded")),
    )
    whose(parser)


def locks(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui locks`."""
    whose(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def whose(parser: "argparse._ActionsContainer", what: str = "") -> None:
    """Add what names an environment that is only looked at; `what` is it, if not simply that."""
    _place(parser, what)
    parser.add_argument("--cache-dir", default="", metavar="DIR", help="where unpacked wheels are kept")


def _place(parser: "argparse._ActionsContainer", what: str = "") -> None:
    what = what or "the environment; default: the active one, or the nearest .venv"
    parser.add_argument("--python", "-p", type=named, metavar="ENV_OR_INTERPRETER", help=what)
    parser.add_argument("--target", type=named, metavar="DIR", help="a directory of distributions, as with pip")
    parser.add_argument("--prefix", type=named, metavar="DIR", help="what has lib, bin and so on below it")


def explain(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui explain`."""
    _which_session(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def report(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui report`."""
    _which_session(parser)
    _output(parser, "html")
    quiet(parser)


def trace(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui trace`."""
    _which_session(parser)
    _output(parser, "json", "; with --otlp: none")
    _otlp(parser, "send it to a collector of OpenTelemetry", asked=True)
    quiet(parser)


def _output(parser: argparse.ArgumentParser, suffix: str, but: str = "") -> None:
    """Add the flag that says where a file is written; `but` is an exception from its default."""
    parser.add_argument(
        "--output",
        "-o",
        type=named,
        metavar="FILE",
        help=f"replaced if it is there; -: stdout; default: instui-SESSION.{suffix} here, which must not be there yet"
        f"{but}",
    )


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
    whose(parser)


def replay(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui replay`."""
    parser.add_argument(
        "session",
        nargs="?",
        default="",
        metavar="SESSION | JOURNAL | REPORT.html",
        help="the id of a session of the environment, or how it begins; a journal, or a report; default: the newest",
    )
    parser.add_argument("--speed", type=speed, default="1", metavar="X", help="times as fast; default: %(default)s")
    looks(parser)
    whose(parser)


def ui(group: "argparse._ActionsContainer", what: str = "") -> None:
    """Add the flag that says which user interface there is; `what` is its help, if not simply that."""
    what = what or "default: tui where somebody watches, plain elsewhere"
    group.add_argument("--ui", help=what, **choice(UIS))


def looks(group: "argparse._ActionsContainer") -> None:
    """Add the flags that say how a screen looks."""
    group.add_argument("--theme", help="colours of the tui", **choice(THEMES))
    group.add_argument(
        "--ascii", action="store_true", help="no glyphs beyond ASCII in the tui; default where the locale is not UTF-8"
    )


def serve(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui serve`."""
    parser.add_argument("--host", type=named, default="127.0.0.1", help="where to listen; default: %(default)s")
    parser.add_argument("--port", type=port, default="8000", metavar="N", help="default: %(default)s; 0: any")
    parser.add_argument(
        "viewed", nargs=argparse.REMAINDER, metavar="attach ... | replay ...", help="the command, with its options"
    )


def doctor(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui doctor`."""
    parser.add_argument("--repair", action="store_true", help="mend what can be mended")
    parser.add_argument("--json", action="store_true", help="for programs")
    _place(parser)
    parser.add_argument(
        "--break-system-packages", action="store_true", help="repair also a Python that the system manages"
    )
    uv_flags.files(parser)
    how = parser.add_argument_group("how")
    _permission(how)
    _work(how)
    how.add_argument("--cache-dir", default="", metavar="DIR", help="where unpacked wheels are kept")
    how.add_argument("--no-fsync", action="store_true", help="do not wait for the disk, for throw-away environments")
    quiet(how)


def config(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui config`."""
    parser.add_argument("--path", action="store_true", help="only where the file of settings is, or would be")
    parser.add_argument("--json", action="store_true", help="for programs")


def completion(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui completion`."""
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def nothing(_: argparse.ArgumentParser) -> None:
    """Add no flags."""


def cache(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `instui cache`."""
    actions = parser.add_subparsers(dest="action", metavar="dir|prune", required=True)
    for name, help in (
        ("dir", "print where it is"),
        ("prune", "remove wheels without a link in any environment, abandoned downloads, and what old versions left"),
    ):
        action = actions.add_parser(name, help=help, description=help, epilog=VARIABLES)
        action.add_argument("--cache-dir", default="", metavar="DIR", help="where it is")
        if name == "prune":
            action.add_argument("--dry-run", action="store_true", help="name what would be removed, and remove nothing")
            action.add_argument(
                "--lock-timeout",
                type=seconds,
                default="300",
                metavar="SECONDS",
                help="how long to wait for running installs at most; default: %(default)s",
            )
            quiet(action)


def _session(parser: argparse.ArgumentParser) -> None:
    """Add the flags of all commands that change an environment."""
    _otlp(_common(parser), "at the end, send the session to a collector of OpenTelemetry")
    uv_flags.settings(parser)


def _common(
    parser: argparse.ArgumentParser, slow: float = 0.0, jobs: int = 0, about_jobs: str = "workers"
) -> "argparse._ArgumentGroup":
    how = parser.add_argument_group("how")
    _screen(how)
    how.add_argument("--child", default="", help=argparse.SUPPRESS)
    how.add_argument("--child-journal", default="", help=argparse.SUPPRESS)
    _work(how, jobs, about_jobs)
    how.add_argument("--slow", type=seconds, default=str(slow), metavar="FACTOR", help=SLOW)
    how.add_argument("--cache-dir", default="", metavar="DIR", help="where unpacked wheels are kept")
    uv_flags.no_cache(how)
    how.add_argument("--journal", default="", metavar="FILE", help="also write the journal there")
    _volume(how)
    return how


def _screen(how: "argparse._ArgumentGroup") -> None:
    ui(how)
    how.add_argument("--stay", action="store_true", help="the tui stays open at the end, until a key closes it")
    looks(how)


def _volume(how: "argparse._ArgumentGroup") -> None:
    quiet(how)
    how.add_argument("-v", "--verbose", action="store_true", help="also each wheel, retries and turns")


def quiet(how: "argparse._ActionsContainer") -> None:
    """Add `-q`, for what does or judges something. A command that only answers would have nothing left to say."""
    how.add_argument("-q", "--quiet", action="store_true", help="only what went wrong")


def _otlp(how: "argparse.ArgumentParser | argparse._ArgumentGroup", what: str, asked: bool = False) -> None:
    """Add the flag that sends a session to a collector. Its value is None, the URL, or "": where the variables say."""
    how.add_argument(
        "--otlp",
        action=Asked if asked else "store",
        nargs="?",
        type=collector,
        default="off",
        const="on",
        metavar="URL",
        help=f"{what}, at URL or where OTEL_EXPORTER_OTLP_ENDPOINT says; needs instui[otlp]",
    )


def _work(how: "argparse._ArgumentGroup", jobs: int = 0, about_jobs: str = "workers") -> None:
    """Add the flags of what does work. `jobs` is the default; 0 is what suits this machine."""
    from instui_engine.session.options import default_jobs

    how.add_argument(
        "--jobs",
        "-j",
        type=positive,
        default=str(jobs or default_jobs()),
        metavar="N",
        help=f"{about_jobs}; default: %(default)s",
    )
    how.add_argument(
        "--lock-timeout",
        type=seconds,
        default="300",
        metavar="SECONDS",
        help="how long to wait for a lock at most; default: %(default)s",
    )
