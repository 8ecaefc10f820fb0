"""Permission to install wheels whose RECORD is wrong in harmless ways (its flaws, see `record`), by name and version.

A permission is for one run. A wheel that was unpacked by permission lies in the store like any other, but its manifest
has the flaws. So a session without the permission gets the same error, whether the wheel is in the store or not.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from instui_engine.errors import RecordError, UsageError, printable

if TYPE_CHECKING:
    from packaging.version import Version

FLAG = "--allow-record"


@cache
def parse(permission: str) -> "tuple[str, Version]":
    """The normalized name and the version in NAME==VERSION. Raises UsageError for anything else."""
    from packaging.utils import InvalidName, canonicalize_name
    from packaging.version import InvalidVersion

    name, _, version = permission.partition("==")
    try:
        return canonicalize_name(name.strip(), validate=True), _version(version)
    except (InvalidName, InvalidVersion):
        raise UsageError(f"{FLAG} needs NAME==VERSION, not {printable(permission)!r}") from None


def _version(text: str) -> "Version":
    from packaging.version import Version

    return Version(text)


def unused(permissions: Sequence[str], versions: dict[str, str]) -> list[str]:
    """Those of `permissions` that are for none of the wheels in `versions` (normalized name -> version).

    A version is "" where it is not known before the wheel is built.
    """
    parsed = ((permission, *parse(permission)) for permission in permissions)
    return [
        permission
        for permission, name, version in parsed
        if name not in versions or (versions[name] and _version(versions[name]) != version)
    ]


def check(permissions: Sequence[str], name: str, version: str, flaws: str, filename: str) -> None:
    """Raise RecordError unless the wheel may have the `flaws`. `name` is normalized."""
    if not flaws or (name, _version(version)) in map(parse, permissions):
        return
    permission = f"{name}=={version}"
    raise RecordError(
        f"{printable(filename)}: RECORD {flaws}; if you trust this wheel, {FLAG} {permission} installs it",
        wheel=filename,
        permission=permission,
    )
