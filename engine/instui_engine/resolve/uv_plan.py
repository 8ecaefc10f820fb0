"""What uv says it would do, read from what it prints, and of which wheel it complains that it has no hash."""

import re
from collections.abc import Container

from instui_engine.errors import ResolutionError
from instui_engine.fs.paths import name_of
from instui_engine.values import NamedTuple

from .inputs import normalized, one_line
from .uv_errors import warnings_in

_PLANNED = re.compile(r" ([-+~]) ([A-Za-z0-9._-]+)(?:==(\S+)| @ (\S+))(?: \(from (.*)\))?")
_COUNT = re.compile(r"Would (?:(install|uninstall) (\d+) packages?|make no changes)")
_FOUND = re.compile(r"^(?:Resolved|Checked|Audited) [1-9]", re.MULTILINE)
_UNHASHED = re.compile(r"Failed to download `(https?://[^`]+)` to compute missing hashes")


class Pin(NamedTuple):
    """A distribution that is to be installed: a `version` from an index, or what lies at `url` (then version is "")."""

    name: str  # normalized
    version: str
    url: str


class Decision(NamedTuple):
    """What uv would install, what it warns of, one line each, and the names of what `uv pip sync` would remove.

    `is_of_something`: there is something that is to be installed, or that is to stay.
    """

    pins: tuple[Pin, ...]
    warnings: tuple[str, ...]
    removed: tuple[str, ...] = ()
    is_of_something: bool = True


def decision_in(output: str) -> Decision:
    """The plan in the output of `uv pip install --dry-run`, or `sync`. Raises ResolutionError if it is not understood.

    Warnings may have several lines, and an index writes into them (why a file was yanked). So the plan must be the only
    one: right behind the only lines with its length, and without any line like its own elsewhere.
    """
    lines = output.split("\n")
    counts = {place: found for place, line in enumerate(lines) if (found := _COUNT.fullmatch(line))}
    plan = [
        (place, found.groups(default="")) for place, line in enumerate(lines) if (found := _PLANNED.fullmatch(line))
    ]
    pins = tuple(Pin(normalized(name), version, url or at) for _, (sign, name, version, url, at) in plan if sign != "-")
    removed = {normalized(name) for _, (sign, name, *_) in plan if sign == "-"}
    said = {found[1]: int(found[2] or 0) for found in counts.values()}
    first = min(counts, default=0)
    is_whole = [*counts, *(place for place, _ in plan)] == list(range(first, first + len(counts) + len(plan)))
    gone = sum(sign != "+" for _, (sign, *_) in plan)
    is_whole = is_whole and 0 < len(said) == len(counts) and said.get("install", 0) == len(pins)
    if not is_whole or said.get("uninstall", 0) != gone:
        raise ResolutionError(f"uv's answer is not understood, so nothing is installed: {one_line(output)}")
    goes = tuple(sorted(removed.difference(pin.name for pin in pins)))
    return Decision(pins, warnings_in(output), goes, bool(pins) or _FOUND.search(output) is not None)


def unhashed_in(output: str, pins: Container[str]) -> tuple[str, str] | None:
    """Name, among `pins`, and URL of the wheel without a hash over which uv has failed, unless it hides a password."""
    found = _UNHASHED.search(output)
    name = normalized(name_of(found[1]).partition("-")[0]) if found else ""
    return (name, found[1]) if found and name in pins and "****" not in found[1] else None
