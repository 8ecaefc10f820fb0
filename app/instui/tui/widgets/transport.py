"""The transport bar as a widget: a click on it goes to that time."""

from textual.events import Click
from textual.message import Message

from .paint import Lines


class TransportBar(Lines):
    """One line. What it means is computed by `rows/transport.py`."""

    DEFAULT_CSS = "TransportBar { display: none; background: $panel; }"

    class Sought(Message):
        """A click on a column of the bar."""

        def __init__(self, column: int) -> None:
            self.column = column
            super().__init__()

    def on_click(self, event: Click) -> None:
        """Say where it was; a click on a piece with an action does that, too."""
        self.post_message(self.Sought(event.x))
