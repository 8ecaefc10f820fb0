"""A table whose rows are lanes: a sign in the gutter, titles as a line, and where the mouse was."""

from collections.abc import Mapping, Sequence

from textual.events import MouseDown

from instui.tui.text.columns import TEXT_COLUMNS
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, Piece, fit

from .table import Table


class LaneTable(Table):
    """Rows that are laid out already. The cell "sign" stands beside the marker of the selected row."""

    DEFAULT_CSS = "LaneTable { height: 1fr; }"

    def __init__(self, glyphs: Glyphs, lead: int, *, id: str | None = None) -> None:
        super().__init__(TEXT_COLUMNS, glyphs, id=id)
        self._lead = lead  # the columns before the name of a lane
        self.titles: Line = ()
        self.pointed = 0  # the column in which the mouse was pressed

    @property
    def line_width(self) -> int:
        """The width of a row, with its gutter."""
        return self.row_width

    def on_mouse_down(self, event: MouseDown) -> None:
        """Note where the mouse is: a click on a lane means a time, too."""
        self.pointed = event.x

    def _titles(self, sizes: Mapping[str, int]) -> Line:
        return fit(self.titles, self.row_width)

    def _row(self, key: str, sizes: Mapping[str, int]) -> Line:
        cells = self._rows.cells(key, sizes)
        sign: Sequence[Piece] = cells.get("sign", ()) or (Piece(" "),)
        marker = self._glyphs.marker if key == self.selected else " "
        return (
            Piece(marker, "accent"),
            *fit(sign, self._lead - 1),
            *fit(cells.get("", ()), self.row_width - self._lead),
        )
