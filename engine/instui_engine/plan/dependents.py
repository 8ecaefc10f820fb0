"""Dependents: installed distributions that need another version of what an install replaces.

Nothing stops such an install, but the user should know about it. METADATA is read only if a version changes.
"""

from collections.abc import Collection, Iterator, Mapping

from instui_engine.errors import printable
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Distribution, Installed
from instui_engine.target.requires import requires


def broken_dependents(
    environment: Environment, installed: Installed, versions: Mapping[str, str], leaving: Collection[str] = ()
) -> list[str]:
    """A line for each requirement of an installed distribution that holds now, and will not hold afterwards.

    `versions` are those that will be installed, by normalized name, "" for one that only its build will tell. What is
    itself replaced, or `leaving`, is not asked. Extras are not followed: nobody knows which of them were installed.
    """
    changed = {
        name: (installed[name].version, version)
        for name, version in versions.items()
        if version and name in installed and installed[name].version != version
    }
    if not changed:
        return []
    return [
        f"{printable(dependent.owner)} requires {printable(requirement)}, and {printable(name)} "
        f"{printable(changed[name][1])} replaces {printable(name)} {printable(changed[name][0])}"
        for key in sorted(set(installed).difference(versions, leaving))
        for dependent in [installed[key]]
        for name, requirement in _broken(environment, dependent, changed)
    ]


def _broken(
    environment: Environment, dependent: Distribution, changed: Mapping[str, tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """The requirements of `dependent` that only the old one of two versions meets: name and `name[extras]specifier`."""
    for name, requirement in requires(environment, dependent, only=changed):
        from packaging.version import InvalidVersion

        try:
            met = [requirement.specifier.contains(version, prereleases=True) for version in changed[name]]
        except InvalidVersion:
            continue
        if met == [True, False]:
            extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
            yield name, f"{requirement.name}{extras}{requirement.specifier}"
