"""The commands: parse, run the engine, show the journal, answer with an exit code."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from instui_engine.commands.command import Outcome, Recording
from instui_engine.errors import InstuiError, UsageError, printable
from instui_engine.journal.writer import Listener
from instui_engine.resolve.inputs import redacted
from instui_engine.session.control import Control

from .options import cache_directory, options_from, parser, request_from

if TYPE_CHECKING:
    from instui_engine.target.environment import Environment


class UI(Protocol):
    """What shows a session while it runs."""

    def start(self) -> None:
        """Begin to show."""

    def finish(self, grace: float = 5.0) -> bool:
        """Show the rest, but do not wait longer than `grace` seconds for an output that nobody reads."""


def run(arguments: Sequence[str] | None = None) -> int:
    """The whole program; returns the exit code. Errors are one line on stderr."""
    if sys.platform == "win32":
        return _error("instui needs flock and POSIX renames and does not run on Windows; use WSL", 2)
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        parsed, unknown = parser().parse_known_args(words)
        # argparse takes words in one run only: `install one -r file two` leaves the second over
        if unknown and hasattr(parsed, "words") and not any(word.startswith("-") for word in unknown):
            parsed.words += unknown
        elif unknown:
            raise UsageError(f"unrecognized arguments: {' '.join(unknown)}; see `instui {parsed.command} --help`")
        if hasattr(parsed, "ui"):
            parsed.ui = _chosen_ui(parsed)
        commands: dict[str, Callable[[argparse.Namespace, list[str]], int]] = {
            "install": _install,
            "uninstall": _uninstall,
            "demo": _demo,
            "locks": _locks,
            "doctor": _doctor,
            "cache": _cache,
        }
        return commands[parsed.command](parsed, words)
    except InstuiError as error:
        return _error(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _error("interrupted", 130)


def _install(parsed: argparse.Namespace, words: list[str]) -> int:
    from instui_engine.commands.install import install

    environment = _environment(parsed)
    if parsed.ui == "tui":
        return _in_a_child(parsed, words, environment)
    options = options_from(parsed)
    request = request_from(parsed)

    def session(control: Control, listeners: tuple[Listener, ...]) -> Outcome:
        recording = Recording(listeners, recorded(words), identity=parsed.child)
        return install(request, environment, options, control, recording)

    return watch(parsed, session)


def _uninstall(parsed: argparse.Namespace, words: list[str]) -> int:
    from instui_engine.commands.uninstall import uninstall

    environment = _environment(parsed)
    if parsed.ui == "tui":
        return _in_a_child(parsed, words, environment)
    options = options_from(parsed)

    def session(control: Control, listeners: tuple[Listener, ...]) -> Outcome:
        recording = Recording(listeners, recorded(words), identity=parsed.child)
        return uninstall(parsed.words, environment, options, control, recording)

    return watch(parsed, session)


def _environment(parsed: argparse.Namespace) -> "Environment":
    from instui_engine.target.environment import discover

    return discover(
        cache_directory(parsed.cache_dir),
        python=parsed.python,
        target=parsed.target,
        prefix=parsed.prefix,
        break_system_packages=parsed.break_system_packages,
        writable=not parsed.dry_run,
    )


def _in_a_child(parsed: argparse.Namespace, words: list[str], environment: "Environment") -> int:
    """Run the command in a process of its own, and show it on the full screen."""
    from instui_engine.session.session import journal_path, new_id

    from .fullscreen import watch_child

    identity = new_id()
    return watch_child(parsed, words, identity, journal_path(environment, identity))


def _demo(parsed: argparse.Namespace, words: list[str]) -> int:
    from instui.demo import play

    return play(parsed, words, watch)


def _locks(parsed: argparse.Namespace, words: list[str]) -> int:
    from .locks import show

    return show(parsed)


def _doctor(parsed: argparse.Namespace, words: list[str]) -> int:
    from .doctor import visit

    control = Control()
    with _signals(control, detached=False):
        return visit(parsed, recorded(words), control)


def _cache(parsed: argparse.Namespace, words: list[str]) -> int:
    from .cache import run

    return run(parsed)


def watch(parsed: argparse.Namespace, session: Callable[[Control, tuple[Listener, ...]], Outcome]) -> int:
    """Run `session` under the user interface that was chosen; returns the exit code."""
    control = Control()
    with _user_interface(parsed) as listeners, _signals(control, detached=bool(parsed.child)):
        outcome = session(control, listeners)
    return _error(outcome.error, outcome.exit_code) if outcome.error else outcome.exit_code


def recorded(words: Sequence[str]) -> tuple[str, ...]:
    """The command line as the user gave it, for the journal: without passwords."""
    shown = [words[0], *words[3:]] if words[1:2] == ["--child"] else words
    return ("instui", *map(redacted, shown))


def _chosen_ui(parsed: argparse.Namespace) -> str:
    """The user interface that was asked for, or that fits: the full screen needs a terminal."""
    if parsed.child:
        return "none"
    terminal = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if parsed.ui == "tui" and not terminal:
        sys.stderr.write("instui: no terminal here, so --ui plain is used\n")
    fitting = "tui" if terminal and not getattr(parsed, "dry_run", False) else "plain"
    return fitting if parsed.ui in ("", "tui") else str(parsed.ui)


@contextmanager
def _user_interface(parsed: argparse.Namespace) -> Iterator[tuple[Listener, ...]]:
    if parsed.ui == "none":
        yield ()
        return
    from instui.monitor.reader import Feed

    feed = Feed()
    ui: UI
    sys.stdout.flush()
    if parsed.ui == "json":
        from instui.lines.json_lines import JsonUI

        ui = JsonUI(feed, sys.stdout)
    else:
        from instui.lines.plain import PlainUI

        ui = PlainUI(feed, sys.stdout, quiet=parsed.quiet, verbose=parsed.verbose)
    ui.start()
    try:
        yield (feed.put,)
    finally:
        ui.finish()


@contextmanager
def _signals(control: Control, detached: bool) -> Iterator[None]:
    """Let ctrl+c, a termination and a hang-up stop the session between two commits; `detached`: survive a hang-up."""
    codes = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}

    def stop(number: int, frame: object) -> None:
        control.cancel(codes[signal.Signals(number)])

    before = {number: signal.signal(number, stop) for number in codes}
    if detached:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _error(text: str, code: int) -> int:
    line = f"instui: {printable(' '.join(text.splitlines()))}\n"
    with suppress(OSError):  # where nobody reads it, the exit code says enough
        sys.stderr.write(line)
        sys.stderr.flush()
    return code
