"""A table that is cheap even with ten thousand rows: it makes only visible rows and paints only changed ones."""

from collections.abc import Mapping, Sequence

from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBarRender
from textual.strip import Strip

from instui.tui.text.columns import GUTTER, NO_ROWS, Column, TableRows, widths
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, Piece, fit, plain

from .paint import strip_of, styles_of


class AsciiBar(ScrollBarRender):
    """A scrollbar of spaces, visible by colour alone."""

    VERTICAL_BARS = [" "] * 8


class Table(ScrollView, can_focus=False):
    """A table of rows under a line of titles. The selection is a key, so it stays with its row when rows move."""

    DEFAULT_CSS = """
    Table { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
            scrollbar-gutter: stable; }
    """

    class RowClicked(Message):
        """A click on a row. `again`: it was already selected."""

        def __init__(self, table: "Table", key: str, again: bool) -> None:
            self.table, self.key, self.again = table, key, again
            super().__init__()

    class Scrolled(Message):
        """A scroll with the mouse wheel."""

    def __init__(self, columns: Sequence[Column], glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.columns = columns
        self.selected = ""
        self.sort = ""  # the id of the column it is sorted by
        self.reverse = False
        self.empty: Sequence[Line] = ()  # shown if there are no rows
        self._glyphs = glyphs
        self._rows = NO_ROWS
        self._positions: dict[str, int] | None = None
        self._painted: dict[int, tuple[Line, bool]] = {}

    def on_mount(self) -> None:
        """With ASCII symbols, take a scrollbar of ASCII."""
        if not self._glyphs.curve.isascii():
            return
        self.vertical_scrollbar.renderer = AsciiBar  # type: ignore[misc]

    @property
    def row_width(self) -> int:
        """The width of the rows; one column before the scrollbar stays free."""
        return self.scrollable_content_region.width - 1

    @property
    def keys(self) -> Sequence[str]:
        """The keys of the rows, in order."""
        return self._rows.keys

    def show_rows(self, rows: TableRows, empty: Sequence[Line] = ()) -> None:
        """Show these rows from now on; `empty` are the lines to show if there are none."""
        if rows.keys is not self._rows.keys:
            self._positions = None
        resized = len(rows.keys) != len(self._rows.keys)
        self._rows = rows
        if resized:
            self.virtual_size = Size(0, len(rows.keys) + 1)
        if tuple(empty) != tuple(self.empty):
            self.empty = empty
            self.refresh()
        self.refresh_changed()

    def refresh_changed(self) -> None:
        """Repaint the visible lines that have changed."""
        sizes = self._sizes()
        for y in range(self.size.height):
            if self._painted.get(y) != self._line(y, sizes):
                self.refresh(Region(0, y, self.size.width, 1))

    def select(self, key: str) -> None:
        """Select a row and make it visible; "" for none. The view paints it when it shows its rows."""
        self.selected = key
        self.reveal()

    def reveal(self) -> None:
        """Scroll just enough to see the selected row."""
        position, height = self.position(self.selected), self.size.height - 1
        if position is None or height <= 0:
            return
        top = self.scroll_offset.y
        if position < top:
            self.scroll_to(y=position, animate=False, force=True, immediate=True)
        elif position >= top + height:
            self.scroll_to(y=position - height + 1, animate=False, force=True, immediate=True)

    def position(self, key: str) -> int | None:
        """The position of the row with that key; None if there is none."""
        if self._rows.position is not None:
            return self._rows.position(key)
        if self._positions is None:
            self._positions = {key: position for position, key in enumerate(self._rows.keys)}
        return self._positions.get(key)

    def move(self, rows: int) -> None:
        """Select the row `rows` below the selected one, or the last one on the way."""
        if not self._rows.keys:
            return
        last = len(self._rows.keys) - 1
        position = self.position(self.selected)
        if position is None:
            position = self.scroll_offset.y - (rows > 0) + (rows < 0)
        self.select(self._rows.keys[max(0, min(last, position + rows))])

    def text_of(self, key: str) -> str:
        """A row as text."""
        return " ".join(plain(self._row(key, self._sizes())[1:]).split())

    def render_line(self, y: int) -> Strip:
        """One visible line."""
        line, chosen = self._painted[y] = self._line(y, self._sizes())
        styles, base = styles_of(self), self.rich_style
        if chosen:
            base += styles["selected"]
        return strip_of(line, styles, base, self._glyphs).adjust_cell_length(self.size.width, base)

    def on_click(self, event: Click) -> None:
        """Post the row that was clicked on."""
        event.stop()
        position = event.y - 1 + self.scroll_offset.y
        if event.y >= 1 and position < len(self._rows.keys):
            key = self._rows.keys[position]
            self.post_message(self.RowClicked(self, key, key == self.selected))

    def on_mouse_scroll_down(self) -> None:
        """Tell that the user scrolled."""
        self.post_message(self.Scrolled())

    def on_mouse_scroll_up(self) -> None:
        """Tell that the user scrolled."""
        self.post_message(self.Scrolled())

    def _sizes(self) -> Mapping[str, int]:
        return widths(self.columns, self.row_width)

    def _line(self, y: int, sizes: Mapping[str, int]) -> tuple[Line, bool]:
        if y == 0:
            return self._titles(sizes), False
        position = y - 1 + self.scroll_offset.y
        if position < len(self._rows.keys):
            key = self._rows.keys[position]
            return self._row(key, sizes), key == self.selected
        if not self._rows.keys and 0 <= (inside := y - 2) < len(self.empty):
            return (Piece("  "), *self.empty[inside]), False
        return (), False

    def _titles(self, sizes: Mapping[str, int]) -> Line:
        cells: dict[str, Line] = {}
        for column in self.columns:
            title = column.short if column.short and len(column.title) > sizes.get(column.id, 0) else column.title
            if column.id == self.sort:
                arrow = self._glyphs.up if self.reverse else self._glyphs.down
                cells[column.id] = (Piece(f"{title[: sizes.get(column.id, 2) - 2]} {arrow}".strip(), "accent"),)
            else:
                cells[column.id] = (Piece(title, column.style),)
        return self._lay(cells, sizes, " ", "faint")

    def _row(self, key: str, sizes: Mapping[str, int]) -> Line:
        cells = self._rows.cells(key, sizes)
        mark = self._glyphs.marker if key == self.selected else " "
        if "" in cells:
            return (Piece(mark.ljust(GUTTER), "accent"), *fit(cells[""], self.row_width - GUTTER))
        return self._lay(cells, sizes, mark, "accent")

    def _lay(self, cells: Mapping[str, Line], sizes: Mapping[str, int], mark: str, style: str) -> Line:
        pieces = [Piece(mark.ljust(GUTTER), style)]
        for column in self.columns:
            if column.id in sizes:
                if len(pieces) > 1:
                    pieces.append(Piece("  "))
                pieces.extend(fit(cells.get(column.id, ()), sizes[column.id], right=column.right))
        return tuple(pieces)
