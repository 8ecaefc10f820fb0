"""What became of the distributions that a killed session had in hand, in words."""

from collections.abc import Sequence

from instui_engine.errors import printable
from instui_engine.journal.events import SessionStarted

from .names import listed, path_name
from .units import count

OUTCOMES = {
    "running": "is being settled",
    "completed": "is complete now",
    "undone": "was undone: all is as it was before",
    "withdrawn": "was withdrawn: another version was installed since",
    "failed": "could not be settled",
}
_PATHS_LISTED = 3


def told(wheel: str, version: str, outcome: str, left: Sequence[str], session: SessionStarted | None) -> list[str]:
    """A line for how it was settled, and one for the files that were not touched, where there are any."""
    label = printable(f"{wheel} {version}".rstrip())
    lines = [f"recovered: what a killed session had begun with {label} {OUTCOMES.get(outcome, printable(outcome))}"]
    if left:
        files = count(len(left), "file that others have", "files that others have")
        paths = listed((path_name(path, session) for path in left), _PATHS_LISTED)
        lines.append(f"recovered: {files} changed since {'is' if len(left) == 1 else 'are'} left as found: {paths}")
    return lines
