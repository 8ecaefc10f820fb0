"""What is installed already, as far as a resolution needs to know."""

from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed

from .origin import came_from
from .request import LockedWheel


def is_installed(wheel: LockedWheel, environment: Environment, installed: Installed) -> bool:
    """Whether that wheel is there already: its version, and for one that was named by its place, from that place.

    Of a source it is not known what would be built, so only the place and its content count.
    """
    if wheel.source is not None:
        from .sources import is_built_from

        return is_built_from(wheel, wheel.source, environment, installed)
    distribution = installed.get(wheel.name)
    if distribution is None or not is_version(distribution.version, wheel.version):
        return False
    if not installed.is_whole(wheel.name):
        return False
    return not wheel.origin or came_from(environment, distribution, wheel.url, wheel.path, wheel.demands)


def is_version(installed: str, wanted: str) -> bool:
    """Whether the two are the same version, however they are spelled."""
    if installed == wanted:
        return True
    from packaging.version import InvalidVersion, Version

    try:
        return Version(installed) == Version(wanted)
    except InvalidVersion:
        return False


def was_requested(name: str, environment: Environment, installed: Installed) -> bool:
    """Whether the distribution has the mark of what a user named (the REQUESTED file), or is not there at all."""
    distribution = installed.get(name)
    return distribution is None or (environment.top / distribution.info / "REQUESTED").exists()
