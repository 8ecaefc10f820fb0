"""The plan of an install: what is checked before it, and what is said of it, before the environment is changed."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from instui_engine.errors import ClashError, ConflictError, TargetError, printable
from instui_engine.journal.events import PlanCollision, PlanConflict, PlanFinished, PlanWheel, Warned
from instui_engine.plan import conflicts
from instui_engine.plan.compatibility import check_compatibility
from instui_engine.plan.conflicts import Overlaps
from instui_engine.plan.dependents import broken_dependents
from instui_engine.plan.order import Node, edges_from, plan_order
from instui_engine.plan.outlook import Outlook
from instui_engine.plan.permissions import missing_permission
from instui_engine.plan.plan import Plan, RemovalPlan, WheelPlan
from instui_engine.plan.planner import plan_wheels
from instui_engine.plan.removable import check_link, check_record
from instui_engine.plan.removal import plan_removals
from instui_engine.resolve.request import LockedWheel
from instui_engine.session.context import Context
from instui_engine.store.entry import Entry
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed

Unpacked = tuple[LockedWheel, Entry]


def plan(
    context: Context,
    environment: Environment,
    installed: Installed,
    extraneous: Sequence[str],
    wheels: Sequence[Unpacked],
    unknown: Sequence[LockedWheel] = (),
    begin: Callable[[WheelPlan], None] = lambda plan: None,
) -> tuple[tuple[Plan, ...], Overlaps]:
    """Plan the removal of `extraneous` distributions and all `wheels`, and emit that.

    Of `unknown` wheels only the versions that they replace are known. What goes, goes first: it neither conflicts with
    what comes nor is it kept as overwritten. `begin`: see `plan_wheels`. Raises BadWheelError, ClashError,
    ConflictError and TargetError.
    """
    outlook = Outlook(environment)
    removals = _plan_removals(context, environment, installed, extraneous, outlook)
    for wheel, entry in wheels:
        with context.failing(wheel.name):
            warning = check_compatibility(wheel, entry.manifest, environment.interpreter)
        if warning:
            context.emit(Warned(wheel.name, warning))
    markers = environment.interpreter.markers
    names = {wheel.name for wheel, _ in wheels}
    resolved = {wheel.name for wheel, _ in wheels if wheel.position < 0}
    nodes = [
        Node(
            wheel.name,
            wheel.position,
            # between two wheels that were named the given order counts, so what markers say does not matter there
            edges_from(entry.manifest.requires_dist, markers, names if wheel.position < 0 else resolved),
        )
        for wheel, entry in wheels
    ]
    context.control.know_dependents(partial(_dependents, wheels, markers))
    ready = [wheels[place] for place in plan_order(nodes)]
    planned = plan_wheels(environment, installed, ready, context.failing, outlook, len(removals), begin)
    plans: tuple[Plan, ...] = (*removals, *planned)
    try:
        overlaps = conflicts.find(environment, installed, plans)
    except ClashError as error:
        involved = [plan.name for plan in plans if plan.owner in error.owners]
        if involved and context.tells_failures:
            context.wheel_failed(involved[-1], error)
        raise
    versions = {wheel.name: wheel.version for wheel in (*(wheel for wheel, _ in wheels), *unknown)}
    for text in broken_dependents(environment, installed, versions, extraneous):
        context.emit(Warned("", text))
    tell(context, installed, plans, overlaps, unknown)
    if overlaps.conflicts and context.options.fail_on_conflict:
        first = overlaps.conflicts[0]
        more = f" (and {len(overlaps.conflicts) - 1} more)" if len(overlaps.conflicts) > 1 else ""
        problem = ConflictError(
            f"{printable(first.path)} of {printable(first.first or 'no distribution')} would be replaced by "
            f"{printable(first.last)}{more}; nothing was written, because of --fail-on-conflict",
            path=first.path,
            first=first.first,
            last=first.last,
        )
        name = next((plan.name for plan in plans if plan.owner == first.last), "")
        if name and context.tells_failures:
            context.wheel_failed(name, problem)
        raise problem
    check_permission(context, environment, plans, "nothing was changed")
    return plans, overlaps


def _plan_removals(
    context: Context, environment: Environment, installed: Installed, names: Sequence[str], outlook: Outlook
) -> Sequence[RemovalPlan]:
    """The plans for what goes. Raises TargetError if that is not possible."""
    for name in names:
        with context.failing(name):
            check_link(environment, installed, name)
            check_record(environment, installed[name])
    return plan_removals(environment, installed, names, outlook)


def tell(
    context: Context,
    installed: Installed,
    plans: Sequence[Plan],
    overlaps: Overlaps,
    unknown: Sequence[LockedWheel],
    before: int = 0,
) -> None:
    """Emit a plan with all that is known of it; `before` is the number of wheels that were planned before these."""
    emit = context.emit
    for plan in plans:
        for text in (*_about(plan), *plan.warnings):
            emit(Warned(plan.name, text))
        emit(plan.event()._replace(order=before + plan.order))
    for order, wheel in enumerate(unknown, before + len(plans)):
        old = installed.get(wheel.name)
        emit(PlanWheel(wheel.name, order, 0, 0, [], [], old.version if old else ""))
    for collision in overlaps.collisions:
        emit(PlanCollision(collision.path, list(collision.wheels)))
    refused = context.options.fail_on_conflict or context.options.dry_run
    for conflict in overlaps.conflicts:
        emit(PlanConflict(conflict.path, conflict.first, conflict.last, refused))
    files = sum(plan.files if isinstance(plan, WheelPlan) else plan.old_files for plan in plans)
    emit(PlanFinished(len(plans) + len(unknown), files, len(overlaps.collisions), len(overlaps.conflicts)))


def check_permission(context: Context, environment: Environment, plans: Sequence[Plan], then: str) -> None:
    """Raise TargetError, which ends with `then`, if a permission is missing; a dry run only warns."""
    place, problem = missing_permission(environment, plans)
    if problem and not context.options.dry_run:
        raise TargetError(f"{problem}; {then}", path=place)
    if problem:
        warning = f"{problem}; without that, the install fails before it changes anything"
        context.emit(Warned("", warning))


def _about(plan: Plan) -> tuple[str, ...]:
    """What is worth a warning in the wheel itself. An editable one has a .pth file: that is what was asked for."""
    is_asked_for = isinstance(plan, RemovalPlan) or (plan.wheel.source is not None and bool(plan.wheel.source.editable))
    return () if is_asked_for else plan.entry.manifest.warnings  # type: ignore[union-attr]


def _dependents(wheels: Sequence[Unpacked], markers: Mapping[str, str], name: str) -> list[str]:
    """Those of `wheels` that require the one of that name, whatever their extras."""
    # who asks waits for the answer, so only what begins with the name is looked at any further
    begins = re.compile(rf"\s*{'[-_.]+'.join(map(re.escape, name.split('-')))}", re.IGNORECASE).match

    def needs(entry: Entry) -> bool:
        likely = [text for text in entry.manifest.requires_dist if begins(text)]
        plain = [text for text in likely if "extra" not in text.partition(";")[2]]
        return name in edges_from(plain, markers, {name})

    return [wheel.name for wheel, entry in wheels if needs(entry)]
