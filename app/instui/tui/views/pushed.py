"""A screen of text that is opened on top of a view. Esc goes back to the view."""

from collections.abc import Iterable

from textual.widget import Widget

from instui.monitor.model import Snapshot
from instui.tui.text.columns import TEXT_COLUMNS
from instui.tui.text.pieces import Line, Piece, fit
from instui.tui.widgets.table import Table

from .view import View


class PushedView(View):
    """A screen on top of a view. Subclasses give its title and show `text_rows` in its table."""

    def body(self) -> Iterable[Widget]:
        """The table, for lines of text."""
        yield Table(TEXT_COLUMNS, self.glyphs, id="body")

    def title_of(self, snapshot: Snapshot, width: int) -> str:
        """The title, in at most `width` columns."""
        raise NotImplementedError

    def tabs(self, snapshot: Snapshot, width: int) -> Line:
        """The title and the way back, instead of the tabs."""
        title = f" {self.title_of(snapshot, max(width - 25, 8))} "
        back = (Piece("esc", "key", "back"), Piece(" back to the list", "dim", "back"))
        return fit((Piece(" "), Piece(title, "chosen"), Piece("  "), *back), width)

    def as_new(self) -> None:
        """Forget what was selected or zoomed when it was open before."""
        self.zoomed = False
        self.set_class(False, "zoomed")
        self.table.scroll_to(y=0, animate=False, force=True, immediate=True)
        self.table.select(self.table.keys[0] if self.table.keys else "")

    def do_back(self) -> None:
        """End the zoom, or go back to where the user came from."""
        if self.zoomed:
            self.do_zoom()
        elif self.is_current:  # a second key may have come before the first one was answered
            self.dismiss()
