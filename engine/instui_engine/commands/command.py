"""The frame of every command: a session with its journal, recovery of dead sessions, and one outcome."""

import errno
import os
import resource
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from instui_engine.commit.recovery import recover
from instui_engine.commit.writeahead import pending, session_of
from instui_engine.errors import InstuiError, Interrupted, UsageError, printable, reason
from instui_engine.fs.casefold import folds
from instui_engine.journal.events import SCHEMA, CleanProgress, SessionFinished, SessionStarted, Warned
from instui_engine.journal.writer import Captions, Journal, Listener
from instui_engine.redaction import redacted
from instui_engine.session.context import Context, Throttle
from instui_engine.session.control import Control, ControlServer, Facts
from instui_engine.session.load import usable_cpus
from instui_engine.session.options import Options
from instui_engine.session.session import Session, new_id
from instui_engine.target.environment import Environment
from instui_engine.target.network import chosen_backend
from instui_engine.values import NamedTuple
from instui_engine.version import __version__


class Recording(NamedTuple):
    """How a session is recorded: who receives its journal, and what the journal says about it.

    `listeners` get every line of the journal. `command` is the command line as the journal gives it. `captions` may
    insert text between events. `identity` is the session's id; a new one is made if it is "". `program_began` is
    CLOCK_MONOTONIC when the program was started, so that the time that it took until here is known, too; 0.0 if not.
    """

    listeners: tuple[Listener, ...] = ()
    command: tuple[str, ...] = ()
    captions: Captions | None = None
    identity: str = ""
    program_began: float = 0.0


class Outcome(NamedTuple):
    """How a session ended.

    `failure` is the error that ended it, or None if it succeeded. `installed` names the distributions that are complete
    or, in a removal, gone; it may name some even if the session failed. `session` is its id.
    """

    failure: InstuiError | None
    installed: tuple[str, ...]
    session: str

    @property
    def error(self) -> str:
        """The failure as one line for the user, without passwords; "" if there was none."""
        return "" if self.failure is None else redacted(str(self.failure))

    @property
    def exit_code(self) -> int:
        """The exit code of the command; 0 if it succeeded."""
        return 0 if self.failure is None else self.failure.exit_code


class Work:
    """The work of one command; `run` does it."""

    def __init__(self, context: Context, environment: Environment, session: Session) -> None:
        self.context = context
        self.environment = environment
        self.session = session
        self.began = False  # whether the environment was changed at all

    @property
    def done(self) -> list[str]:
        """Names of the distributions that were committed."""
        raise NotImplementedError

    def run(self) -> None:
        """Do all of it. Raises InstuiError and OSError."""
        raise NotImplementedError


def perform(
    make: Callable[[Context, Environment, Session], Work],
    environment: Environment,
    options: Options | None,
    control: Control | None,
    recording: Recording | None,
) -> Outcome:
    """Run the work that `make` returns in a session. Return when all is done or undone; never raise an InstuiError.

    Without `options` the defaults apply. Without `control`, only the socket can stop the session.
    """
    recording = recording or Recording()
    journal = Journal(recording.listeners, recording.captions)
    session = Session(environment, recording.identity or new_id())
    context = Context(options or Options(), journal, control or Control(), session.identity)
    shell = _Shell(context, environment, session)
    work: Work | None = None
    error: InstuiError | None = None
    try:
        chosen_backend()
        shell.open(recording)
        work = make(context, shell.look(), session)
        work.run()
        context.control.wheels.check()
    except InstuiError as failure:
        error = failure
    except OSError as failure:
        error = InstuiError(f"{reason(failure)}; nothing is half-installed")
    except KeyboardInterrupt:
        error = Interrupted("interrupted")  # for the journal; a program that wants another code handles the signal
        raise
    except Exception as failure:
        # a bug in this program: what was begun is undone all the same, and the user gets one line
        error = InstuiError(
            f"internal error: {type(failure).__name__}: {printable(str(failure))}; this is a bug of instui, and "
            "nothing is half-installed; INSTUI_DEBUG=1 shows where it is"
        )
        if os.environ.get("INSTUI_DEBUG"):
            raise
    finally:
        outcome = Outcome(error, tuple(work.done) if work else (), session.identity)
        try:
            _clean(context, environment, session)
        finally:
            try:
                journal.flush()
                seconds = round(journal.now(), 6)
                journal.emit(SessionFinished(outcome.exit_code, outcome.error, len(outcome.installed), seconds))
                shell.close()
                # the caller that chose the id finds the journal by it, so the journal has to stay
                untouched = not (work and work.began) and not shell.recovered
                is_watched = bool(recording.identity)
                session.close(untouched and not is_watched, is_watched=is_watched)
            finally:
                journal.close()
    return outcome


def _clean(context: Context, environment: Environment, session: Session) -> None:
    """Remove the stage, if recovery does not need it. What cannot be removed stays for doctor: all else is done."""
    if session.has_stage and not _has_record(environment, session):
        with suppress(OSError), context.span("clean"):
            trees = session.staged()
            throttle = Throttle(lambda _: context.emit(CleanProgress(session.staged(), trees)))
            session.remove_stage(together=context.options.jobs > 1, after=lambda: throttle.add(1))


def _has_record(environment: Environment, session: Session) -> bool:
    """Whether a write-ahead record of this session is left. If so, recovery needs the files in the stage."""
    try:
        return any(session_of(path.name) == session.identity for path in pending(environment.top))
    except OSError:
        return True


class _Shell:
    def __init__(self, context: Context, environment: Environment, session: Session) -> None:
        self._context = context
        self._environment = environment
        self._session = session
        self._server: ControlServer | None = None
        self.recovered = False  # whether a dead session had left anything to settle

    def open(self, recording: Recording) -> None:
        """Start the journal."""
        options = self._context.options
        files = [_open_journal(options.journal_file)] if options.journal_file else []
        if not options.dry_run:
            _raise_descriptor_limit()
            try:
                files[:0] = self._session.open()
            except BaseException:
                for descriptor in files:
                    os.close(descriptor)
                raise
        journal = self._context.journal
        journal.attach(files)
        control, wall = self._context.control, round(time.time() - journal.now(), 6)
        if not options.dry_run:
            command, top = " ".join(recording.command), str(self._environment.top)
            facts = Facts(self._session.identity, os.getpid(), top, command, str(self._session.kept), wall)
            self._server = ControlServer(control, self._session.identity, facts, self._context.standstill)
        began = recording.program_began
        journal.emit(
            SessionStarted(
                schema=SCHEMA,
                session=self._session.identity,
                pid=os.getpid(),
                wall=wall,
                clock=round(journal.start, 6),
                version=__version__,
                command=list(recording.command),
                top=str(self._environment.top),
                python=self._environment.interpreter.version,
                roots=dict(self._environment.roots),
                jobs=options.jobs,
                control=self._server.path if self._server else "",
                ran=round(max(0.0, journal.start - began), 6) if began else 0.0,
                cpus=usable_cpus(),
            )
        )
        control.report = self._context.emit
        if self._session.unkept:
            journal.emit(Warned("", self._session.unkept))

    def look(self) -> Environment:
        """Settle what dead sessions had begun; return the environment, adapted to how its file system treats case."""
        environment, writable = self._environment, not self._context.options.dry_run
        with self._context.span("open"):
            if folds(environment.top, environment.private, writable=writable):
                environment = environment.folding()
            if writable:
                self.recovered = recover(self._context, environment, self._session.identity)
        return environment

    def close(self) -> None:
        """Stop listening to the control socket."""
        self._context.control.report = lambda event: None
        if self._server:
            self._server.close()


def _open_journal(path: str) -> int:
    """Open the file of `--journal`; return its descriptor. Raises UsageError.

    A pipe without a reader is refused, not waited for. The descriptor is non-blocking; since it was opened here, no
    other process shares that flag.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        return os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ENXIO and stat.S_ISFIFO(Path(path).stat().st_mode):
            raise UsageError(
                f"cannot write the journal to {printable(path)}: it is a pipe that nobody reads; start its reader first"
            ) from error
        raise UsageError(f"cannot write the journal to {reason(error)}") from error


def _raise_descriptor_limit() -> None:
    """Raise the soft limit of open files, usually 1,024: a wheel with hundreds of claims holds as many lock files."""
    with suppress(OSError, ValueError):  # seccomp may refuse it
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
