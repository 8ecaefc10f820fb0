"""Local wheels that are damaged, told in the same words whether uv was asked or not.

uv reads a wheel before this engine does, and what it says of a damaged one names the file twice and its own reader. So
after uv has failed, the local wheels are looked at: an install that goes well pays nothing for that.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from instui_engine.errors import UsageError
from instui_engine.fs.paths import name_of
from instui_engine.wheel.archive import Archive, open_archive
from instui_engine.wheel.metadata import read_wheel_metadata

from .inputs import WheelFile
from .locations import path_in
from .requirements import Requirement


def check_local_wheels(wheels: Iterable[WheelFile], requirements: Sequence[Requirement]) -> None:
    """Raise BadWheelError for the first of these wheels that is no archive, or has no sound metadata."""
    for path in dict.fromkeys((*(wheel.path for wheel in wheels), *_paths(requirements))):
        with open_archive(Path(path)) as archive:
            _check(archive, name_of(path))


def _check(archive: Archive, filename: str) -> None:
    members = {member.path: member for member in archive.members}
    sizes = {path: member.size for path, member in members.items()}
    read_wheel_metadata(filename, sizes, lambda path: archive.read(members[path]))


def _paths(requirements: Sequence[Requirement]) -> Iterable[str]:
    for requirement in requirements:
        if requirement.url.startswith("file:") and urlsplit(requirement.url).path.endswith(".whl"):
            try:
                yield path_in(requirement.url, requirement.text)
            except UsageError:
                continue
