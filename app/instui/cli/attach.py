"""`instui attach`: watch a session that another process runs, as if it had been started here; leaving ends nothing."""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from signal import SIGHUP, SIGQUIT, SIGTERM
from typing import TYPE_CHECKING

from instui.monitor.command_words import subject_first
from instui.monitor.fold import Fold
from instui.monitor.reader import Source, decoded
from instui.monitor.sessions import KnownSession, known
from instui.monitor.units import count, cut_end
from instui.program import is_run_by
from instui.terminal import borrowed, is_browser
from instui_engine.errors import TargetError, UsageError, printable
from instui_engine.target.environment import Environment

from .attached import Attached
from .fullscreen import to_the_end, warnings_in, way_back
from .output import print_error, print_lines
from .screen_rules import SCREENS, leaving
from .signals import end_with, end_with_stdin

if TYPE_CHECKING:
    from instui.monitor.model import Snapshot

_NAMED = 5  # sessions that an error names
_LOOK = 0.05  # seconds between two looks whether lines are at their end


def show(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code: that of the session, 0 if it was left. Raises InstuiError."""
    sessions, environment = _sessions(parsed)
    chosen = choose(
        parsed.sessions, sessions, environment, everything=parsed.all, named=_named_by(parsed), control=parsed.control
    )
    attached = Attached(chosen, may_control=parsed.control, everything=parsed.all)
    with ExitStack() as stack:
        stack.enter_context(closing(attached.source))
        if parsed.ui in SCREENS:
            return _on_the_screen(parsed, attached, stack)
        return _as_lines(parsed, attached)


# -- which session


def _sessions(parsed: argparse.Namespace) -> tuple[list[KnownSession], Environment | None]:
    from .parsed import environment_from

    try:
        environment = environment_from(parsed, writable=False, any_python=True)
    except (TargetError, UsageError):
        if _named_by(parsed):
            raise
        environment = None
    return known(environment), environment


def _named_by(parsed: argparse.Namespace) -> str:
    """The flag that names the environment, as the shell takes it; "" if none does."""
    given = {"--python": parsed.python, "--target": parsed.target, "--prefix": parsed.prefix}
    return next((f"{flag} {printable(shlex.quote(value))}" for flag, value in given.items() if value), "")


def choose(
    names: Sequence[str],
    sessions: Sequence[KnownSession],
    environment: Environment | None,
    *,
    everything: bool = False,
    named: str = "",
    control: bool = False,
) -> list[KnownSession]:
    """The sessions that are meant, all of one environment: by pid, by id or how that begins; or the only one there is.

    `everything`: all of the environment of the one that is meant, or of `environment`. `named`: the flag that names
    the environment, so that without a name it is one of `environment`, and not one of another if none runs there.
    `control`: it is to be steered. Raises UsageError.
    """
    live = [one for one in sessions if one.is_live]
    here = [one for one in live if environment is not None and one.environment == str(environment.top)]
    unnamed = here if named else here or live
    chosen = list(dict.fromkeys(_named(name, sessions, named) for name in names)) or unnamed
    if not chosen:
        raise UsageError(_nothing_runs(sessions, named))
    places = {one.environment for one in chosen}
    if len(places) > 1 and (names or everything):
        raise UsageError(
            f"{_listed(chosen)}; only sessions of one environment can be shown as one: "
            f"instui attach --all {chosen[0].pid} shows those of the first"
        )
    if everything:
        return sorted(one for one in live if one.environment in places)
    if len(chosen) > 1 and not names:
        raise UsageError(
            f"{_listed(chosen)}; choose one: {way_back(str(chosen[0].pid), may_control=control)}, "
            "or take --all of an environment"
        )
    return sorted(chosen)


def _named(name: str, sessions: Sequence[KnownSession], environment: str) -> KnownSession:
    matching = [one for one in sessions if name in (one.session, str(one.pid))] or [
        one for one in sessions if one.session.startswith(name)
    ]
    live = [one for one in matching if one.is_live]
    if len(live) == 1:
        return live[0]
    if live:
        raise UsageError(f"{_listed(live)} begin with {printable(name)}; give more of the id")
    if matching:
        over = matching[0]
        raise UsageError(
            f"session {printable(over.session)} is over ({over.state}); `{_replay(over.session, environment)}` "
            "plays its recording"
        )
    if _is_anothers(name):
        raise UsageError(f"pid {name} belongs to another user; to watch it, name its environment with --python ENV")
    running = [one for one in sessions if one.is_live]
    more = _listed(running) if running else _nothing_runs(sessions, environment)
    raise UsageError(f"no session has the pid or the id {printable(name)}; {more}")


def _is_anothers(pid: str) -> bool:
    """Whether it is the pid of another user's instui, whose sessions are found only by their environment."""
    if not (pid.isascii() and pid.isdecimal()):
        return False
    with suppress(OSError):
        command = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")
        return is_run_by(command) and os.stat(f"/proc/{pid}").st_uid != os.geteuid()
    return False


def _listed(sessions: Sequence[KnownSession]) -> str:
    named = ", ".join(
        f"pid {one.pid} ({cut_end(printable(_about(one)), 40) or 'of an earlier version'}"
        f"{f' in {printable(one.environment)}' if one.environment else ''})"
        for one in sessions[:_NAMED]
    )
    more = f" and {len(sessions) - _NAMED} more" if len(sessions) > _NAMED else ""
    return f"{count(len(sessions), 'session')} {'runs' if len(sessions) == 1 else 'run'}: {named}{more}"


def _about(one: KnownSession) -> str:
    return " ".join(subject_first(one.command.removeprefix("instui ").split(" ")))


def _replay(session: str, environment: str) -> str:
    """The command that plays a recording of the environment that is named by that flag, or is the one here."""
    return f"instui replay {printable(session)}{f' {environment}' if environment else ''}"


def _nothing_runs(sessions: Sequence[KnownSession], environment: str) -> str:
    """`sessions`: what runs elsewhere, then the recordings of the environment, the newest first."""
    newest = next((one.session for one in sessions if not one.is_live), "")
    runs = "runs there" if any(one.is_live for one in sessions) else "runs"
    return f"no session {runs}" + (
        f"; `{_replay(newest, environment)}` plays the newest recording"
        if newest
        else f", and none is recorded {'there' if environment else 'here'}"
    )


# -- on the screen


def _on_the_screen(parsed: argparse.Namespace, attached: Attached, stack: ExitStack) -> int:
    from instui.tui.app import run_app
    from instui.tui.controller import Ended

    terminal = None if is_browser() else stack.enter_context(borrowed())
    if terminal is not None:
        end_with(terminal, (SIGTERM, SIGHUP, SIGQUIT))
    else:
        end_with_stdin()
    result = run_app(
        attached.source,
        attached.controller,
        ascii=parsed.ascii,
        theme=parsed.theme,
        leaving=partial(leaving, stay=parsed.stay),
        terminal=terminal,
    )
    if isinstance(result, Ended):
        return _over(attached, result.snapshot, warn=True)
    if not result.running and attached.one is not None:
        return _over(attached, to_the_end(result.snapshot, Path(attached.one.journal)), warn=True)
    _say_left(attached, parsed)
    return 0


def _say_left(attached: Attached, parsed: argparse.Namespace) -> None:
    left = attached.live or attached.sessions
    if len(left) == 1:
        goes_on, which = f"the session goes on, as pid {left[0].pid}; back to it with", left[0].session
    else:
        goes_on, which = f"{len(left)} sessions go on; back to them with", " ".join(str(one.pid) for one in left)
    print_lines([goes_on, f"  {way_back(which, may_control=parsed.control)}"])


def _over(attached: Attached, snapshot: "Snapshot", *, warn: bool) -> int:
    """Say what stays on the normal screen of a session that is over; return its exit code."""
    from instui.explain.summary import summary

    if warn and snapshot.session is not None:
        told = [line for one in attached.sessions for line in warnings_in(Path(one.journal))]
        print_lines([*told, *summary(snapshot)])
    finished = snapshot.finished
    if finished is None:
        print_error("the session was killed; what is listed as installed is whole")
        return 1
    if finished.error:
        print_error(finished.error)
    return finished.exit


# -- as lines


def _as_lines(parsed: argparse.Namespace, attached: Attached) -> int:
    """Follow the session as lines to its end; ctrl+c leaves it."""
    from instui.lines.json_lines import JsonUI
    from instui.lines.plain import PlainUI

    source = attached.source
    seen = Seen(source)
    sys.stdout.flush()
    stream = None if parsed.ui == "none" else sys.stdout
    ui: JsonUI | PlainUI
    if parsed.ui == "json":
        ui = JsonUI(seen, stream)
    else:
        ui = PlainUI(seen, stream, quiet=parsed.quiet, verbose=parsed.verbose)
    ui.start()
    try:
        while not source.ended:
            time.sleep(_LOOK)
    except KeyboardInterrupt:
        ui.finish()
        if parsed.ui == "plain":
            _say_left(attached, parsed)
        return 0
    ui.finish()
    return _over(attached, seen.snapshot, warn=False)


class Seen:
    """A source that remembers how the session ended."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._fold = Fold()
        self.finish, self.close = source.finish, source.close

    @property
    def ended(self) -> bool:
        """Whether no more lines will come."""
        return self._source.ended

    @property
    def snapshot(self) -> "Snapshot":
        """The session as it is now."""
        return self._fold.snapshot(0.0)

    def poll(self, wait: float = 0.0) -> list[str]:
        """See `Source.poll`."""
        lines = self._source.poll(wait)
        for t, event in decoded(line for line in lines if '"session.' in line):
            self._fold.feed(t, event)
        return lines
