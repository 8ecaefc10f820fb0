"""What takes the time, as lines of the screen."""

from instui.monitor.model import Snapshot
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line


def top_line(snapshot: Snapshot, width: int, glyphs: Glyphs) -> Line | None:
    """What takes most of the time now, in one line; None if there is nothing to say."""
    return None
