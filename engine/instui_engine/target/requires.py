"""What installed distributions require, by their METADATA.

Anybody may have written that: what is no requirement, or has a marker that cannot be evaluated, is left out.
"""

import re
from collections.abc import Collection, Container, Iterator, Set
from typing import TYPE_CHECKING

from instui_engine.wheel.filename import normalized

from .environment import Environment
from .installed import Distribution, Installed, read_metadata

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_NAME = r"[A-Za-z0-9._-]+"
_REQUIRES = r"(?im)^Requires-Dist:[ \t]*(.+?)[ \t\r]*$"


def requires(
    environment: Environment,
    distribution: Distribution,
    extras: Collection[str] = (),
    only: Container[str] | None = None,
) -> Iterator[tuple[str, "Requirement"]]:
    """What it requires in this environment, with those `extras`: normalized names and requirements.

    If `only` is given, requirements of other names are not even parsed.
    """
    header = read_metadata(environment, distribution).replace("\r\n", "\n").partition("\n\n")[0]
    for text in re.findall(_REQUIRES, header):
        word = re.match(_NAME, text)
        name = normalized(word[0]) if word else ""
        if name and (only is None or name in only):
            requirement = _applying(environment, text, extras)
            if requirement is not None:
                yield name, requirement


def _applying(environment: Environment, text: str, extras: Collection[str]) -> "Requirement | None":
    """The requirement in `text`; None if it is none, or does not apply."""
    from packaging.requirements import Requirement

    # `extras` and `dependency_groups` are markers of lock files; in METADATA no name is in them
    markers: dict[str, str | Set[str]] = {
        **environment.interpreter.markers,
        "extras": frozenset(),
        "dependency_groups": frozenset(),
    }
    try:
        found = Requirement(text)
        marker = found.marker
        applies = marker is None or any(marker.evaluate({**markers, "extra": extra}) for extra in ("", *extras))
    except ValueError:  # all errors of packaging are: no requirement, no such marker, no such comparison
        return None
    return found if applies else None


def closure(environment: Environment, installed: Installed, name: str) -> set[str]:
    """The installed distribution `name` with all that it requires, directly or not: their normalized names.

    What is required and not installed is among them. Empty if `name` is not installed.
    """
    found: set[str] = set()
    asked: set[tuple[str, frozenset[str]]] = set()
    todo = [(name, frozenset[str]())] if name in installed else []
    while todo:
        one, extras = asking = todo.pop()
        found.add(one)
        if asking in asked or one not in installed:
            continue
        asked.add(asking)
        todo += [
            (other, frozenset(requirement.extras))
            for other, requirement in requires(environment, installed[one], extras)
        ]
    return found
