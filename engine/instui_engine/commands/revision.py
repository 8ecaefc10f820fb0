"""What a second answer of uv changes for the wheels of a session that are ready, or are to be.

Others may install other versions of them while the session decides, fetches and builds (`plan/newcomers.py`).
"""

from collections.abc import Mapping, Sequence

from instui_engine.journal.events import Event, RequirementSatisfied, Warned, WheelDropped
from instui_engine.plan.newcomers import satisfies
from instui_engine.resolve.request import LockedWheel
from instui_engine.session.cancelled import CancelledWheels
from instui_engine.target.installed import Distribution
from instui_engine.values import NamedTuple

from .planning import Unpacked


class Revision(NamedTuple):
    """What stays of the wheels that are ready, what is dropped of them, and what is missing."""

    kept: list[Unpacked]
    dropped: list[LockedWheel]
    missing: list[LockedWheel]


def revised(ready: Sequence[Unpacked], answer: Sequence[LockedWheel], cancelled: CancelledWheels) -> Revision:
    """How `ready` becomes what uv wants now. Wheels that were `cancelled` are in none of the three."""
    ready = [pair for pair in ready if pair[0].name not in cancelled]
    wanted = {_identity(wheel) for wheel in answer}
    known = {_identity(wheel) for wheel, _ in ready}
    return Revision(
        [pair for pair in ready if _identity(pair[0]) in wanted],
        [wheel for wheel, _ in ready if _identity(wheel) not in wanted],
        [wheel for wheel in answer if _identity(wheel) not in known and wheel.name not in cancelled],
    )


def told(revision: Revision, newcomers: Mapping[str, Distribution]) -> list[Event]:
    """What the user is told of what is dropped, and of the `newcomers` for which that is."""
    found: list[Event] = []
    coming = {wheel.name for wheel in revision.missing}
    for wheel in revision.dropped:
        if wheel.name in newcomers and wheel.name not in coming:
            newcomer = newcomers[wheel.name]
            found.append(RequirementSatisfied(newcomer.name, newcomer.version))
            found.append(Warned(wheel.name, satisfies(newcomer, wheel.version)))
        found.append(WheelDropped(wheel.name))
    return found


def _identity(wheel: LockedWheel) -> tuple[str, ...]:
    """What tells a wheel from others. If it has a source it may have been built since, and be called otherwise."""
    source = wheel.source
    if source is None:
        return wheel.name, wheel.version, wheel.filename
    return wheel.name, source.url or source.path, source.commit, source.subdirectory
