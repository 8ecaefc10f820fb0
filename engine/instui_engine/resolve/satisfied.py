"""Whether the user's request is already satisfied by what is installed.

The installed metadata alone gives the answer, so a command that has nothing to do needs neither uv nor the network.
"No" is always a safe answer, since uv is asked then. So direct URLs, broken metadata and versions that cannot be
compared count as not satisfied.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from instui_engine.target.environment import Environment
from instui_engine.target.installed import Distribution, Installed, read_metadata
from instui_engine.wheel.metadata import headers

if TYPE_CHECKING:
    from packaging.requirements import Requirement


def all_satisfied(
    requirements: Iterable[str],
    installed: Installed,
    environment: Environment,
    with_dependencies: bool,
    constraints: Sequence[str] = (),
) -> dict[str, str] | None:
    """Name -> version of the installed distributions that satisfy `requirements`, or None if anything is missing.

    Markers are evaluated for the target, extras are followed, and so are dependencies if `with_dependencies`. The
    distributions named directly come first. A requirement whose marker does not hold is skipped.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    markers = environment.interpreter.markers
    try:
        queue = [entry for text in requirements if _applies(entry := Requirement(text), markers)]
        limits = [entry for text in constraints if _applies(entry := Requirement(text), markers)]
    except InvalidRequirement:
        return None
    found: dict[str, str] = {}
    followed: set[tuple[str, str]] = set()  # name and extra; "" for the dependencies that need none
    for requirement in queue:  # grows while it is walked
        distribution = _serving(requirement, installed)
        if distribution is None:
            return None
        found[distribution.name] = distribution.version
        if not with_dependencies:
            continue
        extras = {extra for extra in ("", *requirement.extras) if (distribution.name, extra) not in followed}
        if extras:
            followed.update((distribution.name, extra) for extra in extras)
            further = _dependencies(distribution, extras, environment)
            if further is None:
                return None
            queue += further
    return found if _allowed(found, limits) else None


def requires_dist(text: str) -> list[str] | None:
    """The Requires-Dist values of a METADATA file; None if the text is not metadata."""
    fields = list(headers(text))
    if not any(name == "name" for name, _ in fields):
        return None
    return [value for name, value in fields if name == "requires-dist"]


def is_version(installed: str, wanted: str) -> bool:
    """Whether the two are the same version, however they are spelled."""
    if installed == wanted:
        return True
    from packaging.version import InvalidVersion, Version

    try:
        return Version(installed) == Version(wanted)
    except InvalidVersion:
        return False


def _applies(requirement: "Requirement", markers: Mapping[str, str], extras: Iterable[str] = ("",)) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**markers, "extra": extra}) for extra in extras)


def _serving(requirement: "Requirement", installed: Installed) -> Distribution | None:
    """The installed distribution that meets the requirement."""
    from packaging.utils import canonicalize_name

    distribution = installed.get(canonicalize_name(requirement.name))
    # if a URL is requested, the version does not show whether it is that file
    if distribution is None or requirement.url or not _contains(requirement, distribution.version):
        return None
    if not installed.is_whole(distribution.name):
        return None
    return distribution


def _contains(requirement: "Requirement", version: str) -> bool:
    from packaging.version import InvalidVersion

    try:
        # what is installed may be a pre-release: somebody chose it, and pip and uv accept it too
        return requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return False


def _dependencies(
    distribution: Distribution, extras: Iterable[str], environment: Environment
) -> "list[Requirement] | None":
    """What the distribution requires in this environment with these extras; None if its metadata cannot be read."""
    from packaging.requirements import InvalidRequirement, Requirement

    texts = requires_dist(read_metadata(environment, distribution))
    if texts is None:
        return [] if distribution.is_legacy else None
    markers = environment.interpreter.markers
    try:
        return [entry for text in texts if _applies(entry := Requirement(text), markers, extras)]
    except InvalidRequirement:
        return None


def _allowed(found: Mapping[str, str], limits: Iterable["Requirement"]) -> bool:
    """Whether every version meets the constraints on it."""
    from packaging.utils import canonicalize_name

    return all(
        not limit.url and _contains(limit, found[name])
        for limit in limits
        if (name := canonicalize_name(limit.name)) in found
    )
