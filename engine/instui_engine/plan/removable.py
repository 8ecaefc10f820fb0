"""Which distributions can be removed at all: those whose files are known, and that nobody else manages."""

from instui_engine.errors import TargetError, printable
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Distribution, Installed, manager_of


def check_link(environment: Environment, installed: Installed, name: str) -> None:
    """Raise TargetError for a development install of setuptools (`setup.py develop`), or an egg of easy_install."""
    link = installed.links.get(name)
    if link is not None:
        place, shown = str(environment.top / link), printable(name)
        is_egg = link.endswith(".egg")
        what = "an egg of easy_install" if is_egg else "a development install of setuptools"
        how = f"`pip uninstall {shown}`" if is_egg else f"`uv pip uninstall {shown}` or `pip uninstall {shown}`"
        raise TargetError(
            f"{shown} is {what} ({printable(place)}), which would stay in the way; remove it with {how}, then run "
            "again",
            path=place,
        )


def check_manager(environment: Environment, old: Distribution) -> None:
    """Raise TargetError for a distribution of an installer that keeps no RECORD: its files would all stay."""
    manager = manager_of(environment, old)
    if manager:
        raise TargetError(
            f"{printable(old.owner)} was installed by {printable(manager)[:100]}, which keeps no RECORD of its files "
            f"({printable(old.info)}): change it with {printable(manager)[:100]}, or install into another environment",
            path=old.info,
        )


def check_record(environment: Environment, distribution: Distribution) -> None:
    """Raise TargetError for a distribution without a RECORD, by which it would be removed."""
    info = environment.top / distribution.info
    if distribution.is_legacy or (info / "RECORD").is_file():
        return  # the plan refuses a legacy one if its files are not known
    check_manager(environment, distribution)
    raise TargetError(
        f"{printable(distribution.owner)} has no RECORD ({printable(str(info))}), so its files are not known; "
        f"install it again over what is there, with `instui install --reinstall --no-deps "
        f"{printable(distribution.name)}=={printable(distribution.version)}`, then uninstall it",
        path=str(info),
    )
