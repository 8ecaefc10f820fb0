"""The plan order: the order in which wheels are committed, which decides whose file wins if two ship the same path.

Dependencies come first, so a dependent's files win over those of its dependency. Wheels that the user named one by one
keep their given order among themselves, whatever they depend on. These are pure functions, linear except for the heap.
"""

import heapq
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

from instui_engine.graph import components
from instui_engine.values import NamedTuple
from instui_engine.wheel.filename import NAME

from .markers import simple

_Key = tuple[int, int, str]

_LEADING_NAME = rf"\s*({NAME})"
_ONLY_EXTRA = r"""\s*extra\s*==\s*(['"])[^'"]*\1\s*"""
_EXTRAS = r"""extra\s*==\s*['"]([^'"]*)['"]|['"]([^'"]*)['"]\s*==\s*extra"""
_SEPARATORS = r"[-_.]+"


class Node(NamedTuple):
    """One wheel of the plan. `position` is its place among those named one by one, -1 for one that was resolved.
    `requires` are the normalized names of its dependencies; names that are not among the wheels are ignored.
    """

    name: str
    position: int
    requires: tuple[str, ...]


def plan_order(wheels: Sequence[Node]) -> list[int]:
    """The indexes of `wheels` in plan order.

    A dependency cycle stays together. If the dependencies leave a choice, resolved wheels come before
    those named one by one: the former by name, the latter in the order given.
    """
    keys = [_key(wheel) for wheel in wheels]
    followers = _followers(wheels)
    groups = components(followers)
    group_of = [0] * len(wheels)
    for number, members in enumerate(groups):
        members.sort(key=keys.__getitem__)
        for member in members:
            group_of[member] = number
    return [index for number in _by_key(groups, group_of, followers, keys) for index in groups[number]]


def _key(wheel: Node) -> _Key:
    return (0, 0, wheel.name) if wheel.position < 0 else (1, wheel.position, wheel.name)


def _followers(wheels: Sequence[Node]) -> list[list[int]]:
    """For each wheel, those that must come after it: its dependents, and the next of the wheels named one by one.

    Between two wheels that were both named, the given order overrides the dependency.
    """
    index_of = {wheel.name: index for index, wheel in enumerate(wheels)}
    followers: list[list[int]] = [[] for _ in wheels]
    for index, wheel in enumerate(wheels):
        for name in wheel.requires:
            dependency = index_of.get(name, index)
            if dependency != index and (wheel.position < 0 or wheels[dependency].position < 0):
                followers[dependency].append(index)
    named = sorted((index for index, wheel in enumerate(wheels) if wheel.position >= 0), key=lambda i: _key(wheels[i]))
    for earlier, later in pairwise(named):
        followers[earlier].append(later)
    return followers


def _by_key(
    groups: Sequence[Sequence[int]], group_of: Sequence[int], followers: Sequence[Sequence[int]], keys: Sequence[_Key]
) -> Iterable[int]:
    """The groups, each after all that it must follow; of those that may come next, the one with the smallest key."""
    waiting_for = [0] * len(groups)
    after: list[list[int]] = [[] for _ in groups]
    for index, targets in enumerate(followers):
        for target in targets:
            if group_of[index] != group_of[target]:
                after[group_of[index]].append(group_of[target])
                waiting_for[group_of[target]] += 1
    ready = [(keys[members[0]], number) for number, members in enumerate(groups) if not waiting_for[number]]
    heapq.heapify(ready)
    while ready:
        _, number = heapq.heappop(ready)
        yield number
        for later in after[number]:
            waiting_for[later] -= 1
            if not waiting_for[later]:
                heapq.heappush(ready, (keys[groups[later][0]], later))


def edges_from(requires_dist: Iterable[str], markers: Mapping[str, str], among: Collection[str]) -> tuple[str, ...]:
    """Those of the normalized names `among` that these Requires-Dist values depend on, with these marker values.

    Every extra counts as requested: a superfluous edge only fixes an order that would otherwise be alphabetic. Of a
    value that cannot be parsed, only the name is used.
    """
    if not among:
        return ()
    environment = tuple(sorted(markers.items()))
    names: dict[str, None] = {}
    for text in requires_dist:
        if (name := _name(text)) in among and (not (marker := _marker(text)) or _holds(marker, environment)):
            names[name] = None
    return tuple(names)


@lru_cache(maxsize=16384)
def _name(text: str) -> str:
    """The normalized name of a requirement; "" if there is none."""
    found = re.match(_LEADING_NAME, text)
    return re.sub(_SEPARATORS, "-", found[1]).lower() if found else ""


@lru_cache(maxsize=16384)
def _marker(text: str) -> str:
    """The marker of a requirement; "" if it is absent or only names an extra."""
    # a URL may contain a semicolon, so there the marker begins only after a space (PEP 508)
    marker = text.partition(" ;" if "@" in text else ";")[2]
    return "" if re.fullmatch(_ONLY_EXTRA, marker) else marker.strip()


@lru_cache(maxsize=16384)
def _holds(marker: str, environment: tuple[tuple[str, str], ...]) -> bool:
    """Whether the marker holds with no extra, or with any of the extras that it names."""
    values = dict(environment)
    extras = {first or second for first, second in re.findall(_EXTRAS, marker)}
    choices = [values | {"extra": extra} for extra in ("", *sorted(extras))]
    answers = [simple(marker, chosen) for chosen in choices]
    if None not in answers:
        return any(answers)
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison

    try:
        parsed = Marker(marker)
        return any(parsed.evaluate(chosen) for chosen in choices)
    except (InvalidMarker, UndefinedComparison):
        return True
