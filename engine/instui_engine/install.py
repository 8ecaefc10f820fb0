"""An install from beginning to end; read it as the pipeline that it is.

resolve, acquire (fetch, unpack), plan, stage, commit. Nothing is written into the environment's scheme directories
before everything is known, checked and staged.
"""

import os
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from . import __version__, conflicts
from . import plan as planning
from .acquire import Damage, acquire, renew
from .casefold import folds
from .commit import Commit
from .conflicts import Meetings
from .context import Context, Options
from .control import Control, ControlServer
from .environment import Environment
from .errors import ConflictError, InstuiError, Interrupted, UsageError, printable, reason
from .events import (
    SCHEMA,
    PlanCollision,
    PlanConflict,
    PlanFinished,
    SessionFinished,
    SessionStarted,
    Warned,
)
from .fit import check_fit
from .installed import Installed, scan
from .inuse import using
from .journal import Journal, Listener, Narrator
from .order import Node, edges_from, plan_order
from .plan import WheelPlan
from .request import LockedWheel, Request
from .resolve import resolve
from .session import Session, new_id
from .staging import stage_wheels
from .store import Entry, Store
from .transaction import UndoError


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a session ended. `error` is the line for the user, "" when it went well."""

    exit_code: int
    error: str
    installed: tuple[str, ...]
    session: str


def install(
    request: Request,
    environment: Environment,
    options: Options,
    control: Control,
    listeners: tuple[Listener, ...] = (),
    command: Sequence[str] = (),
    narrate: Narrator | None = None,
    identity: str = "",
) -> Outcome:
    """Install what `request` asks for; returns when all is done or undone. Never raises an InstuiError.

    `listeners` get every line of the journal (see `Journal`). `command` is recorded; `narrate` may put
    captions between the events. `identity` is the session's id, a new one where it is "".
    """
    journal = Journal(listeners, narrate)
    context = Context(options, journal, control)
    session = Session(environment, identity or new_id())
    pipeline = _Pipeline(context, environment, session, request)
    error: InstuiError | None = None
    try:
        pipeline.open(command)
        pipeline.run()
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
        installed = tuple(pipeline.installed)
        journal.emit(SessionFinished(exit_code, str(error or ""), len(installed), round(journal.now(), 6)))
        pipeline.close()
        # a session that was given its id is watched by that, and may not take its journal away
        session.close(not pipeline.began and not identity, keep_stage=isinstance(error, UndoError))
        journal.close()
    return Outcome(exit_code, str(error or ""), installed, session.identity)


class _Pipeline:
    def __init__(self, context: Context, environment: Environment, session: Session, request: Request) -> None:
        self._context = context
        self._environment = environment
        self._session = session
        self._request = request
        sync = (lambda path: context.sync("store", path)) if context.options.fsync else None
        self._store = Store(context.options.cache, sync)
        self._commit: Commit | None = None
        self._server: ControlServer | None = None
        self.began = False  # whether anything of the environment was touched

    @property
    def installed(self) -> list[str]:
        """Names of the wheels that were committed."""
        return self._commit.installed if self._commit else []

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

    def close(self) -> None:
        """Stop listening to control words."""
        self._context.control.report = lambda event: None
        if self._server:
            self._server.close()

    def run(self) -> None:
        """All of it. Raises InstuiError."""
        environment = self._environment
        if folds(environment.top, environment.private, writable=not self._context.options.dry_run):
            self._environment = environment.folding()
        installed = scan(self._environment)
        wheels = self._resolve(installed)
        if not wheels:
            return
        with self._using_store():
            entries = self._acquire(wheels)
            plans, meetings = self._plan(installed, wheels, entries)
            if self._context.options.dry_run:
                return
            self._stage(plans)
        self._put_in_place(plans, meetings, installed)

    def _resolve(self, installed: Installed) -> Sequence[LockedWheel]:
        context = self._context
        try:
            return resolve(
                self._request,
                self._environment,
                installed,
                context.options.cache,
                context.emit,
                context.control.cancelled,
            ).wheels
        except Interrupted:
            context.check()
            raise

    @contextmanager
    def _using_store(self) -> Iterator[None]:
        """Keep a cleaning of the cache out while the store is looked into and linked from."""
        options, control = self._context.options, self._context.control

        def told(holder: str) -> None:
            self._context.emit(Warned("", f"waits for the cache, which is held by {holder}"))

        try:
            with using(options.cache, options.lock_timeout, control.cancelled, told):
                yield
        except Interrupted:
            self._context.check()
            raise

    def _acquire(self, wheels: Sequence[LockedWheel]) -> list[Entry]:
        return acquire(self._context, self._store, wheels, self._index_urls(), self._request.offline)

    def _renew(self, damages: Sequence[Damage]) -> list[Entry]:
        return renew(self._context, self._store, damages, self._index_urls(), self._request.offline)

    def _index_urls(self) -> tuple[str, ...]:
        request = self._request
        return tuple(url for url in (request.index_url, *request.extra_index_urls) if url)

    def _plan(
        self, installed: Installed, wheels: Sequence[LockedWheel], entries: Sequence[Entry]
    ) -> tuple[tuple[WheelPlan, ...], Meetings]:
        context, environment = self._context, self._environment
        for wheel, entry in zip(wheels, entries, strict=True):
            check_fit(wheel, entry.manifest, environment.interpreter)
        markers = environment.interpreter.markers
        names = {wheel.name for wheel in wheels}
        nodes = [
            Node(
                wheel.name, wheel.position, tuple(names.intersection(edges_from(entry.manifest.requires_dist, markers)))
            )
            for wheel, entry in zip(wheels, entries, strict=True)
        ]
        ready = [(wheels[place], entries[place]) for place in plan_order(nodes)]
        plans = planning.make(environment, installed, ready)
        meetings = conflicts.find(environment, installed, plans)
        for plan in plans:
            for text in plan.entry.manifest.warnings:
                context.emit(Warned(plan.name, text))
            context.emit(plan.event())
        for collision in meetings.collisions:
            context.emit(PlanCollision(collision.path, list(collision.wheels)))
        for conflict in meetings.conflicts:
            context.emit(PlanConflict(conflict.path, conflict.first, conflict.last))
        total = sum(plan.entry.manifest.files for plan in plans)
        context.emit(PlanFinished(len(plans), total, len(meetings.collisions), len(meetings.conflicts)))
        if meetings.conflicts and context.options.fail_on_conflict:
            first = meetings.conflicts[0]
            more = f" (and {len(meetings.conflicts) - 1} more)" if len(meetings.conflicts) > 1 else ""
            raise ConflictError(
                f"{printable(first.path)} of {printable(first.first or 'no distribution')} would be replaced by "
                f"{printable(first.last)}{more}; nothing was written, because of --fail-on-conflict"
            )
        return plans, meetings

    def _stage(self, plans: Sequence[WheelPlan]) -> None:
        context = self._context
        self._session.make_stage()
        session = self._session
        if context.options.link_mode == "symlink":
            with suppress(OSError):  # a cache that one cannot write to is not cleaned either
                for plan in plans:
                    self._store.note_symlinks(plan.entry)
        stage_wheels(context, self._environment, plans, session.stage, self._renew, session.sign_of_life)
        context.sync("stage", self._session.stage)

    def _put_in_place(self, plans: Sequence[WheelPlan], meetings: Meetings, installed: Installed) -> None:
        self.began = True
        commit = self._commit = Commit(self._context, self._environment, self._session, plans, meetings, installed)
        try:
            commit.run()
        except Interrupted as error:
            left = [plan.name for plan in plans if plan.name not in set(commit.installed)]
            raise Interrupted(
                f"interrupted: {len(commit.installed)} of {len(plans)} distributions are installed, each whole; "
                f"not installed: {_some(left)}; run the same command again to go on",
                self._context.control.exit_code or error.exit_code,
            ) from None
        finally:
            if commit.installed:
                with suppress(OSError):  # all is in place; a disk that fails now has been seen by the stage's sync
                    self._context.sync("environment", self._environment.top)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _raise_descriptor_limit() -> None:
    """A wheel with hundreds of claims holds as many lock files; the usual soft limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
