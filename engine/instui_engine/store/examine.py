"""Examination: all checks of a wheel that need no unpacking. Names, metadata, entry points, and what RECORD lists."""

from collections.abc import Sequence
from pathlib import Path

from instui_engine.errors import printable
from instui_engine.values import NamedTuple
from instui_engine.wheel.archive import Archive, open_archive
from instui_engine.wheel.metadata import WheelMetadata, read_wheel_metadata
from instui_engine.wheel.permission import FLAG, check
from instui_engine.wheel.record import Flaws, Row, longest_record, verify_wheel


class Examined(NamedTuple):
    """What the checks of a wheel give: `rows` by file; `flaws` of its RECORD that were permitted, in words."""

    metadata: WheelMetadata
    rows: dict[str, Row]
    flaws: str


def examine(archive: Archive, filename: str, allow_record: Sequence[str]) -> Examined:
    """Check an open wheel as far as that is possible without unpacking it. Raises BadWheelError."""
    flaws = ""
    members = {member.path: member for member in archive.members}
    sizes = {path: member.size for path, member in members.items()}
    metadata = read_wheel_metadata(filename, sizes, lambda path: archive.read(members[path]))
    listed = members[f"{metadata.dist_info}/RECORD"]
    text = archive.read(listed, longest_record(sizes)).decode(errors="surrogateescape")

    def on_flaws(found: Flaws) -> None:
        nonlocal metadata, flaws
        warning = f"RECORD {found.text}; installed all the same"
        if not found.trivial:
            flaws = found.text
            check(allow_record, metadata.name, metadata.version, flaws, filename)
            warning += f", as {FLAG} permits"
        metadata = metadata._replace(warnings=(*metadata.warnings, warning))

    rows = verify_wheel(text, sizes, metadata.dist_info, printable(filename), on_flaws)
    return Examined(metadata, rows, flaws)


def examine_file(path: Path, filename: str, allow_record: Sequence[str]) -> None:
    """Check the wheel file at `path` before it is unpacked. Raises BadWheelError."""
    with open_archive(path, filename=filename) as archive:
        examine(archive, filename, allow_record)
