"""Texts about recoveries: what became of the distributions that a killed session had in hand."""

from instui_engine.errors import printable
from instui_engine.journal.events import RecoveryFinished, SessionStarted

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


def recovery_lines(event: RecoveryFinished, session: SessionStarted | None) -> list[str]:
    """A line about the outcome of a recovery, and one for the files that were left as found, if any."""
    label = printable(f"{event.wheel} {event.version}".rstrip())
    outcome = OUTCOMES.get(event.outcome, printable(event.outcome))
    lines = [f"recovered: what a killed session had begun with {label} {outcome}"]
    if event.left:
        files = count(len(event.left), "file that others have", "files that others have")
        paths = listed((path_name(path, session) for path in event.left), _PATHS_LISTED)
        lines.append(
            f"recovered: {files} changed since {'is' if len(event.left) == 1 else 'are'} left as found: {paths}"
        )
    return lines
