"""How the session ended, as a whole, on top of any view."""

from instui.monitor.model import Snapshot
from instui.tui.rows.frame import ending
from instui.tui.text.columns import text_rows

from .pushed import PushedView


class EndingView(PushedView):
    """All that the summary says, in lines that are not cut."""

    scope = "ending"
    heading = "summary"
    about = "how the session ended, in full"
    opened_by = "s"
    without = frozenset({"open"})
    captioned = False

    def show_body(self, snapshot: Snapshot) -> None:
        """Show the summary, or that there is none yet."""
        texts = self.application.caption_texts if snapshot.over else ["the session still goes on"]
        lines = ending(texts, self.size.width - 4)
        self.table.show_rows(text_rows(lines))

    def title_of(self, snapshot: Snapshot, width: int) -> str:
        """What it is about."""
        return "how it ended"[:width]
