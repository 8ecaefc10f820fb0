"""Painting lines of text: from pieces to Textual's strips, and the widget that shows some lines."""

from collections.abc import Mapping, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from instui.terminal import TO_ASCII, encodable
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, Piece
from instui.tui.widgets.theme import DEFAULT, STYLES
from instui_engine.errors import printable


def styles_of(widget: Widget) -> Mapping[str, Style]:
    """The style words in the present theme. A theme that is not ours has the colours of the dark one."""
    return STYLES.get(widget.app.theme, STYLES[DEFAULT])


def strip_of(pieces: Line, styles: Mapping[str, Style], base: Style, glyphs: Glyphs) -> Strip:
    """A line as Textual paints it."""
    plain = styles["text"]
    return Strip([Segment(_harmless(piece.text, glyphs), base + styles.get(piece.style, plain)) for piece in pieces])


def _harmless(text: str, glyphs: Glyphs) -> str:
    """`text` as it may reach the terminal. Rows make names harmless; this catches a field that a row forgot."""
    if glyphs.is_ascii:
        text = encodable(text.translate(TO_ASCII), glyphs.encoding)
    return text if text.isprintable() else printable(text)


class ActionClicked(Message):
    """A click on a piece with an action."""

    def __init__(self, action: str) -> None:
        self.action = action
        super().__init__()


class Lines(Widget):
    """A widget of some lines, which paints them again only when they change."""

    DEFAULT_CSS = "Lines { height: 1; }"

    def __init__(self, glyphs: Glyphs, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._glyphs = glyphs
        self._lines: tuple[Line, ...] = ()

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show these lines from now on."""
        new = tuple(lines)
        if new != self._lines:
            self._lines = new
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        base = self.rich_style
        pieces = self._lines[y] if y < len(self._lines) else ()
        strip = strip_of(pieces, styles_of(self), base, self._glyphs)
        return strip.adjust_cell_length(self.size.width, base)

    def on_click(self, event: Click) -> None:
        """Post the action of the piece under the mouse."""
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
