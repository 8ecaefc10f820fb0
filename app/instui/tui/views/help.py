"""The help screen."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from instui.tui.actions import Action
from instui.tui.rows.help import help_lines
from instui.tui.text.columns import GUTTER, TEXT_COLUMNS, text_rows
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import line
from instui.tui.widgets.held import HeldScreen
from instui.tui.widgets.paint import Lines
from instui.tui.widgets.table import Table

from .application import application_of


class Help(ModalScreen[None], HeldScreen[None]):
    """The help screen: all keys, and the meaning of colours and symbols."""

    DEFAULT_CSS = """
    Help { background: $background; layout: vertical; }
    Help #title, Help #hint { background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter,ctrl+c", "dismiss", show=False, priority=True),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("space,pagedown,ctrl+d", "scroll(10)", show=False),
        Binding("pageup,ctrl+u", "scroll(-10)", show=False),
    ]

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._actions: list[tuple[Action, str]] = []
        self._width = 0

    def compose(self) -> ComposeResult:
        """Lay out a title, the table of lines, and how to close it."""
        yield Lines(self._glyphs, id="title")
        yield Table(TEXT_COLUMNS, self._glyphs)
        yield Lines(self._glyphs, id="hint")

    def on_mount(self) -> None:
        """Show the lines."""
        self.keep_up()
        self.query_one("#title", Lines).show_lines([line((" instui ", "logo"), (" keys and signs", "dim"))])
        self.query_one("#hint", Lines).show_lines(
            [line((" esc ", "key"), ("closes   ", "dim"), ("j k ", "key"), ("scroll", "dim"))]
        )

    def keep_up(self) -> None:
        """Show which keys do something now: that changes with the session."""
        application = application_of(self.app)
        actions = [(action, application.refusal(action.id)) for action in application.actions]
        if not self.query(Table):
            return
        width = self.app.size.width - 2 - GUTTER  # without the scrollbar and the column before it
        if (actions, width) != (self._actions, self._width):
            self._actions, self._width = actions, width
            self.query_one(Table).show_rows(text_rows(help_lines(actions, self._glyphs, width)))

    def on_resize(self) -> None:
        """Wrap the lines for the new width."""
        self.keep_up()

    async def action_dismiss(self, result: None = None) -> None:
        """Close, unless an earlier key has done so."""
        if self.is_current:
            await super().action_dismiss(result)

    def action_scroll(self, rows: int) -> None:
        """Scroll the text."""
        self.query_one(Table).scroll_relative(y=rows, animate=False)
