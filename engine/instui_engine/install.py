"""An install from beginning to end; read it as the pipeline that it is.

resolve, acquire (fetch, unpack), plan, stage, commit. Nothing is written into the environment's scheme directories
before everything is known, checked and staged.
"""

from collections.abc import Sequence

from . import conflicts
from . import plan as planning
from .acquire import acquire
from .command import Outcome, Work, perform
from .commit import Commit
from .conflicts import Meetings
from .context import Context, Options
from .control import Control
from .environment import Environment
from .errors import ConflictError, Interrupted, printable
from .events import (
    PlanCollision,
    PlanConflict,
    PlanFinished,
    Warned,
)
from .fit import check_fit
from .installed import Installed, scan
from .journal import Listener, Narrator
from .order import Node, edges_from, plan_order
from .plan import WheelPlan
from .request import LockedWheel, Request
from .resolve import resolve
from .session import Session
from .staging import stage_wheels
from .store import Entry, Store


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
    """Install what `request` asks for; returns when all is done or undone. See `command.perform`."""

    def make(context: Context, environment: Environment, session: Session) -> Work:
        return _Pipeline(context, environment, session, request)

    return perform(make, environment, options, control, listeners, command, narrate, identity)


class _Pipeline(Work):
    def __init__(self, context: Context, environment: Environment, session: Session, request: Request) -> None:
        super().__init__(context, environment, session)
        self._request = request
        self._commit: Commit | None = None

    @property
    def done(self) -> list[str]:
        return self._commit.installed if self._commit else []

    def run(self) -> None:
        installed = scan(self.environment)
        wheels = self._resolve(installed)
        if not wheels:
            return
        entries = self._acquire(wheels)
        plans, meetings = self._plan(installed, wheels, entries)
        if self.context.options.dry_run:
            return
        self._stage(plans)
        self.began = True
        commit = self._commit = Commit(self.context, self.environment, self.session, plans, meetings, installed)
        commit.run()

    def _resolve(self, installed: Installed) -> Sequence[LockedWheel]:
        context = self.context
        try:
            return resolve(
                self._request,
                self.environment,
                installed,
                context.options.cache,
                context.emit,
                context.control.cancelled,
            ).wheels
        except Interrupted:
            context.check()
            raise

    def _acquire(self, wheels: Sequence[LockedWheel]) -> list[Entry]:
        context = self.context
        store = Store(context.options.cache, lambda path: context.sync("store", path))
        request = self._request
        index_urls = tuple(url for url in (request.index_url, *request.extra_index_urls) if url)
        return acquire(context, store, wheels, index_urls, request.offline)

    def _plan(
        self, installed: Installed, wheels: Sequence[LockedWheel], entries: Sequence[Entry]
    ) -> tuple[tuple[WheelPlan, ...], Meetings]:
        context, environment = self.context, self.environment
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
        context = self.context
        self.session.make_stage()
        stage_wheels(context, self.environment, plans, self.session.stage)
        context.sync("stage", self.session.stage)
