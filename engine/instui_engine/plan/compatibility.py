"""Compatibility: whether a wheel can be installed into the target, by its tags and its Requires-Python."""

import re
from functools import cache

from instui_engine.errors import BadWheelError, printable
from instui_engine.resolve.request import LockedWheel
from instui_engine.target.interpreter import Interpreter
from instui_engine.wheel.manifest import Manifest

_NUMBERS = r"[0-9]{1,9}(?:\.[0-9]{1,9})*"
# What nearly all wheels say: from here on, below that, not this one, or none that begins like it.
_BOUND = rf"\s*(?:(>=|<|!=)\s*({_NUMBERS})|!=\s*({_NUMBERS})\.\*)\s*"


def check_compatibility(wheel: LockedWheel, manifest: Manifest, interpreter: Interpreter) -> str:
    """Raise BadWheelError if the wheel is for another platform, or for a later Python than the target's.

    An upper bound of Requires-Python stops nothing, as in uv: it says what was known when the wheel was built. It is
    returned as a warning; "" if there is nothing to say.
    """
    if not _tags(wheel.filename).intersection(_supported(interpreter.tags)):
        raise BadWheelError(
            f"{printable(wheel.filename)} does not fit this environment "
            f"(Python {interpreter.version}, {interpreter.tags[0]})",
            wheel=wheel.filename,
        )
    if _allows(manifest.requires_python, interpreter.version):
        return ""
    requires = f"requires Python {printable(manifest.requires_python)}, this environment has {interpreter.version}"
    if not _reaches(manifest.requires_python, interpreter.version):
        problem = f"{printable(manifest.name)} {printable(manifest.version)} {requires}"
        raise BadWheelError(problem, wheel=wheel.filename)
    return f"{requires}; it is installed all the same, and may not work"


def _tags(filename: str) -> set[str]:
    """The tags of a wheel's file name (binary distribution format: compressed tag sets)."""
    pythons, abis, platforms = filename.removesuffix(".whl").lower().rsplit("-", 3)[-3:]
    return {
        f"{python}-{abi}-{platform}"
        for python in pythons.split(".")
        for abi in abis.split(".")
        for platform in platforms.split(".")
    }


@cache
def _supported(tags: tuple[str, ...]) -> frozenset[str]:
    return frozenset(tags)


@cache
def _allows(requires_python: str, version: str) -> bool:
    if not requires_python:
        return True
    bounds = [re.fullmatch(_BOUND, bound) for bound in requires_python.split(",")]
    if re.fullmatch(_NUMBERS, version) and all(bounds):  # most wheels, and without a parser of versions
        return all(_lies_within(_numbers(version), *bound.groups("")) for bound in bounds if bound)
    from packaging.specifiers import SpecifierSet

    try:
        return SpecifierSet(requires_python).contains(version, prereleases=True)
    except ValueError:  # InvalidSpecifier, or a number with more digits than `int` takes
        return True  # pip and uv also ignore what they cannot read


def _lies_within(version: list[int], operator: str, limit: str, beginning: str) -> bool:
    if beginning:
        prefix = [int(number) for number in beginning.split(".")]
        return [*version, *[0] * len(prefix)][: len(prefix)] != prefix
    if operator == "!=":
        return version != _numbers(limit)
    return version >= _numbers(limit) if operator == ">=" else version < _numbers(limit)


def _numbers(version: str) -> list[int]:
    numbers = [int(number) for number in version.split(".")]
    while numbers[-1:] == [0]:  # 3 is 3.0
        numbers.pop()
    return numbers


def _reaches(requires_python: str, version: str) -> bool:
    """Whether the version is not below what Requires-Python begins with."""
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    bounds = (bound for bound in SpecifierSet(requires_python) if bound.operator in (">=", ">", "==", "~="))
    return all(Version(version) >= Version(bound.version.removesuffix(".*")) for bound in bounds)
