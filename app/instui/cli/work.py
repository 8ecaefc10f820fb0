"""The commands that change an environment: a session of the engine, here or in a child under the screen."""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from instui_engine.commands.command import Outcome, Recording
    from instui_engine.journal.writer import Listener
    from instui_engine.session.control import Control
    from instui_engine.session.options import Options
    from instui_engine.target.environment import Environment

    Work = Callable[[Environment, Options, Control, Recording], Outcome]


def install(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code. Raises InstuiError."""

    def session() -> "Work":
        from instui_engine.commands.install import install

        from .parsed import request_from

        return partial(install, request_from(parsed))

    return _work(parsed, session)


def install_many(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code. Raises InstuiError."""

    def session() -> "Work":
        from instui_engine.commands.install_many import install_many

        from .parsed import places_from

        return partial(install_many, parsed.list_file, limit=parsed.limit, request=places_from(parsed))

    return _work(parsed, session)


def sync(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code. Raises InstuiError."""

    def session() -> "Work":
        from instui_engine.commands.sync import sync

        from .parsed import request_of_sync

        return partial(sync, request_of_sync(parsed))

    return _work(parsed, session)


def uninstall(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code. Raises InstuiError."""

    def session() -> "Work":
        from instui_engine.commands.uninstall import uninstall

        return partial(uninstall, parsed.arguments, requirement_files=parsed.requirement_files)

    return _work(parsed, session)


def _work(parsed: argparse.Namespace, session: "Callable[[], Work]") -> int:
    """Run a command that changes an environment, here or, for the full screen, in a child process.

    `session` loads what the command needs, which only the process that does the work has to do.
    """
    from .parsed import environment_from
    from .screen_rules import SCREENS
    from .uv_variables import is_on, private_cache

    with ExitStack() as stack:
        if is_on(parsed.no_cache, "UV_NO_CACHE"):
            stack.enter_context(private_cache(parsed))
        is_here = parsed.ui not in SCREENS
        load = partial(import_module, "instui_engine.commands.command") if is_here else lambda: None
        environment = environment_from(parsed, writable=not parsed.dry_run, meanwhile=load)
        if is_here:
            return _here(parsed, session, environment)
    return _in_a_child(parsed, environment)


def _here(parsed: argparse.Namespace, session: "Callable[[], Work]", environment: "Environment") -> int:
    """Run the command in this process."""
    from instui.program import began
    from instui_engine.commands.command import Recording

    from .parsed import options_from, recorded
    from .watch import watch

    options, perform = options_from(parsed), session()
    told: list[str] = []  # the journal, for a collector
    tells = parsed.otlp is not None and not parsed.dry_run
    checks = getattr(parsed, "check", False)

    def run(control: "Control", listeners: "tuple[Listener, ...]") -> "Outcome":
        hearing = (*listeners, told.append) if tells or checks else listeners
        recording = Recording(hearing, recorded(parsed.line), identity=parsed.child, program_began=began())
        outcome = perform(environment, options, control, recording)
        if parsed.child:
            tell_collector()  # before its error is printed: that is the last line of a child
        return outcome

    def tell_collector() -> None:
        if tells:
            from .telemetry import tell

            tell(told, parsed.otlp)

    code = watch(parsed, run)
    if code == 0 and getattr(parsed, "strict", False) and not parsed.dry_run:
        _warn_of_dependencies(parsed, environment)
    if code == 0 and checks and _has_plan(told):
        from .output import print_error

        print_error("the environment is not up to date; the same command without --check updates it")
        code = 1
    if not parsed.child:
        tell_collector()
    return code


def _has_plan(journal: "list[str]") -> bool:
    """Whether a dry run has found anything to do."""
    from instui_engine.journal.codec import decode
    from instui_engine.journal.events import PlanFinished

    return any(isinstance(found[1], PlanFinished) for line in journal if (found := decode(line)))


def _warn_of_dependencies(parsed: argparse.Namespace, environment: "Environment") -> None:
    """Print what uv's check of dependencies finds, for --strict. As in uv, that is no failure."""
    if parsed.target or parsed.prefix:
        return  # which uv's check does not know
    from .output import print_error
    from .uv_pip import ask, irregular

    if odd := irregular("check", environment):
        print_error(f"warning: {odd}, so dependencies are not checked; remove it")
        return
    for line in ask("check", parsed, environment, ()).errors:
        if line.startswith("The package "):
            print_error(f"warning: {line}")


def _in_a_child(parsed: argparse.Namespace, environment: "Environment") -> int:
    """Run the command in a child process, and show it on the full screen."""
    from instui_engine.session.session import kept_path, new_id

    from .fullscreen import watch_child

    identity = new_id()
    if not parsed.dry_run:
        return watch_child(parsed, parsed.line, identity, kept_path(environment, identity))
    from pathlib import Path
    from tempfile import TemporaryFile

    with TemporaryFile() as file:  # nothing is written into the environment, not even a journal
        journal = f"/dev/fd/{file.fileno()}"
        line = [parsed.line[0], "--child-journal", journal, *parsed.line[1:]]
        return watch_child(parsed, line, identity, Path(journal), may_be_left=False)
