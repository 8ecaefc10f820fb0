"""The file name of a wheel: `name-version(-build)-python-abi-platform.whl`."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.utils import BuildTag
    from packaging.version import Version

_RUNS = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?")


def parse_wheel_filename(filename: str) -> "tuple[str, Version, BuildTag]":
    """The normalized name, the version and the build tag in a wheel's file name.

    As in pip and uv, a run of underscores in the name counts as one: the normalized name is the same. Raises ValueError
    for any other text.
    """
    from packaging.utils import parse_wheel_filename as parse

    name, dash, rest = filename.partition("-")
    if "__" in name and _RUNS.fullmatch(name):
        name = re.sub("_+", "_", name)
    normalized, version, build, _ = parse(name + dash + rest)
    return normalized, version, build
