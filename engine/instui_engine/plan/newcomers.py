"""Distributions that others install while a session decides, fetches and builds, under the names of its own wheels."""

from collections.abc import Iterable

from instui_engine.errors import printable
from instui_engine.resolve.request import LockedWheel
from instui_engine.resolve.satisfied import is_version
from instui_engine.target.installed import Distribution, Installed


def newcomers(before: Installed, now: Installed, wheels: Iterable[LockedWheel]) -> dict[str, Distribution]:
    """What has come between two listings and has the name of one of `wheels`, but another version."""
    return {
        wheel.name: now[wheel.name]
        for wheel in wheels
        if is_newcomer(before.get(wheel.name), now.get(wheel.name), wheel)
    }


def is_newcomer(before: Distribution | None, now: Distribution | None, wheel: LockedWheel) -> bool:
    """Whether `now`, which has the name of `wheel`, was not there `before`, and is another version than the wheel."""
    if now is None or (before is not None and before.version == now.version):
        return False
    return not is_version(now.version, wheel.version)


def replaced(newcomer: Distribution, version: str) -> str:
    """What the user is told of a newcomer that goes all the same."""
    return f"{printable(newcomer.owner)}, which somebody else has just installed, is replaced by {printable(version)}"


def satisfies(newcomer: Distribution, version: str) -> str:
    """What the user is told of a newcomer that stays."""
    return (
        f"{printable(newcomer.owner)}, which somebody else has just installed, satisfies what is asked for; "
        f"{printable(version)} is not installed"
    )
