"""What an empty view says when the session is over: whether there was nothing to do, or it came to nothing."""

from instui.monitor.model import Snapshot
from instui.tui.text.pieces import Line, line, wrapped

_WIDTH = 100  # columns of an error; a narrower screen shows it whole above the table, or after `s`


def failed(snapshot: Snapshot) -> bool:
    """Whether the session has ended, but not well: with an error, or without a word."""
    return snapshot.over and (snapshot.finished is None or snapshot.finished.exit != 0)


def why(snapshot: Snapshot, what: str) -> list[Line]:
    """That `what` did not happen, as the session has failed, and with which error."""
    error = snapshot.finished.error if snapshot.finished else "its process is gone"
    return [
        line((f"{what}: the session failed", "text")),
        *(line((row, "failed")) for row in wrapped(error, _WIDTH, 3)),
    ]
