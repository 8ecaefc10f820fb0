"""What every command that writes does around its work: a session with its journal, recovery, one outcome, one error."""

import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from instui_engine.commit.recovery import recover
from instui_engine.commit.writeahead import pending, session_of
from instui_engine.errors import InstuiError, UsageError, printable, reason
from instui_engine.fs.casefold import folds
from instui_engine.journal.events import SCHEMA, SessionFinished, SessionStarted
from instui_engine.journal.writer import Journal, Listener, Narrator
from instui_engine.session.context import Context, Options
from instui_engine.session.control import Control, ControlServer
from instui_engine.session.session import Session, new_id
from instui_engine.target.environment import Environment
from instui_engine.version import __version__


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a session ended. `error` is the line for the user, "" when it went well. `installed`: done, or removed."""

    exit_code: int
    error: str
    installed: tuple[str, ...]
    session: str


class Work:
    """The work of one command; `run` does it. `done`: names of the distributions that are complete."""

    def __init__(self, context: Context, environment: Environment, session: Session) -> None:
        self.context = context
        self.environment = environment
        self.session = session
        self.began = False  # whether anything of the environment was touched

    @property
    def done(self) -> list[str]:
        """Names of the distributions that were committed."""
        raise NotImplementedError

    def run(self) -> None:
        """All of it. Raises InstuiError and OSError."""
        raise NotImplementedError


def perform(
    make: Callable[[Context, Environment, Session], Work],
    environment: Environment,
    options: Options,
    control: Control,
    listeners: tuple[Listener, ...] = (),
    command: Sequence[str] = (),
    narrate: Narrator | None = None,
    identity: str = "",
) -> Outcome:
    """Do what `make` makes within a session; returns when all is done or undone. Never raises an InstuiError.

    `listeners` get every line of the journal (see `Journal`). `command` is recorded; `narrate` may put
    captions between the events. `identity` is the session's id, a new one where it is "".
    """
    journal = Journal(listeners, narrate)
    context = Context(options, journal, control)
    session = Session(environment, identity or new_id())
    shell = _Shell(context, environment, session)
    work: Work | None = None
    error: InstuiError | None = None
    try:
        shell.open(command)
        work = make(context, shell.look(), session)
        work.run()
    except InstuiError as failure:
        error = failure
    except OSError as failure:
        error = InstuiError(f"{reason(failure)}; nothing is half-installed")
    except Exception as failure:
        # a defect of ours: what was begun is undone all the same, and the user gets one line
        error = InstuiError(
            f"internal error: {type(failure).__name__}: {printable(str(failure))}; this is a bug of instui, and "
            "nothing is half-installed; INSTUI_DEBUG=1 shows where it is"
        )
        if os.environ.get("INSTUI_DEBUG"):
            raise
    finally:
        exit_code = error.exit_code if error else 0
        done = tuple(work.done) if work else ()
        journal.emit(SessionFinished(exit_code, str(error or ""), len(done), round(journal.now(), 6)))
        shell.close()
        # a session that was given its id is watched by that, and may not take its journal away
        untouched = not (work and work.began) and not shell.recovered
        session.close(untouched and not identity, keep_stage=_has_record(environment, session))
        journal.close()
    return Outcome(exit_code, str(error or ""), done, session.identity)


def _has_record(environment: Environment, session: Session) -> bool:
    """Whether something could be neither done nor undone; then the stage has what settling it needs."""
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
        self.recovered = False  # whether a dead session was settled

    def open(self, command: Sequence[str]) -> None:
        """Begin the journal."""
        options = self._context.options
        files = []
        if options.journal_file:
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
                files.append(os.open(options.journal_file, flags, 0o666))
            except OSError as error:
                raise UsageError(f"cannot write the journal to {reason(error)}") from error
        if not options.dry_run:
            _raise_descriptor_limit()
            files.append(self._session.open())
        journal = self._context.journal
        journal.attach(files)
        self._context.control.report = journal.emit
        if not options.dry_run:
            self._server = ControlServer(self._context.control, self._session.identity)
        journal.emit(
            SessionStarted(
                schema=SCHEMA,
                session=self._session.identity,
                pid=os.getpid(),
                wall=round(time.time() - journal.now(), 6),
                clock=round(journal.start, 6),
                version=__version__,
                command=list(command),
                top=str(self._environment.top),
                python=self._environment.interpreter.version,
                roots=dict(self._environment.roots),
                jobs=options.jobs,
                control=self._server.path if self._server else "",
            )
        )

    def look(self) -> Environment:
        """The environment as its file system is, with all settled that dead sessions had begun in it."""
        environment, writable = self._environment, not self._context.options.dry_run
        if folds(environment.top, environment.private, writable=writable):
            environment = environment.folding()
        if writable:
            self.recovered = recover(self._context, environment, self._session.identity)
        return environment

    def close(self) -> None:
        """Stop listening to control words."""
        self._context.control.report = lambda event: None
        if self._server:
            self._server.close()


def _raise_descriptor_limit() -> None:
    """A wheel with hundreds of claims holds as many lock files; the usual soft limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
