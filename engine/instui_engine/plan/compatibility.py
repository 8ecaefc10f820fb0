"""Compatibility: whether a wheel can be installed into the target, by its tags and its Requires-Python."""

from functools import cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from instui_engine.errors import BadWheelError, printable
from instui_engine.resolve.request import LockedWheel
from instui_engine.target.interpreter import Interpreter
from instui_engine.wheel.manifest import Manifest


def check_compatibility(wheel: LockedWheel, manifest: Manifest, interpreter: Interpreter) -> None:
    """Raise BadWheelError if the wheel is for another Python or platform."""
    if not _tags(wheel.filename).intersection(_supported(interpreter.tags)):
        raise BadWheelError(
            f"{printable(wheel.filename)} does not fit this environment "
            f"(Python {interpreter.version}, {interpreter.tags[0]})",
            wheel=wheel.filename,
        )
    if not _allows(manifest.requires_python, interpreter.version):
        raise BadWheelError(
            f"{printable(manifest.name)} {printable(manifest.version)} requires Python "
            f"{printable(manifest.requires_python)}, this environment has {interpreter.version}",
            wheel=wheel.filename,
        )


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
    try:
        return SpecifierSet(requires_python).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True  # pip and uv also ignore what they cannot read
