"""Widgets that paint pieces of text line by line."""

from collections.abc import Mapping, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from instui.tui.text.glyphs import ASCII, TO_ASCII, Glyphs
from instui.tui.text.pieces import Line, Piece
from instui.tui.widgets.theme import DEFAULT, STYLES


def styles_of(widget: Widget) -> Mapping[str, Style]:
    """The colours of the present theme; another theme than ours borrows the dark ones."""
    return STYLES.get(widget.app.theme, STYLES[DEFAULT])


def strip_of(pieces: Line, styles: Mapping[str, Style], base: Style, glyphs: Glyphs) -> Strip:
    """A line of the screen."""
    text = styles["text"]
    if glyphs is ASCII:
        pieces = [piece._replace(text=piece.text.translate(TO_ASCII)) for piece in pieces]
    return Strip([Segment(piece.text, base + styles.get(piece.style, text)) for piece in pieces])


class ActionClicked(Message):
    """A click on a piece that does something."""

    def __init__(self, action: str) -> None:
        self.action = action
        super().__init__()


class Lines(Widget):
    """Some lines of pieces; painted again only when they change."""

    DEFAULT_CSS = "Lines { height: 1; }"

    def __init__(self, glyphs: Glyphs, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._glyphs = glyphs
        self._lines: tuple[Line, ...] = ()

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show these from now on."""
        new = tuple(lines)
        if new != self._lines:
            self._lines = new
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line."""
        base = self.rich_style
        pieces = self._lines[y] if y < len(self._lines) else ()
        strip = strip_of(pieces, styles_of(self), base, self._glyphs)
        return strip.adjust_cell_length(self.size.width, base)

    def on_click(self, event: Click) -> None:
        """Say what was clicked on."""
        if piece := piece_at(self._lines[event.y] if event.y < len(self._lines) else (), event.x):
            event.stop()
            self.post_message(ActionClicked(piece.action))


def piece_at(pieces: Line, x: int) -> Piece | None:
    """The piece with an action at column `x`."""
    from rich.cells import cell_len

    for piece in pieces:
        x -= cell_len(piece.text)
        if x < 0:
            return piece if piece.action else None
    return None
