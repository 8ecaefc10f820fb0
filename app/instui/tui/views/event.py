"""One event as a whole, on top of the Events view."""

from instui.monitor.model import Snapshot
from instui.tui.rows.event_text import wheel_of
from instui.tui.rows.event_whole import lines_of
from instui.tui.rows.event_words import words
from instui.tui.text.columns import text_rows
from instui.tui.text.pieces import middle
from instui_engine.journal.events import Event

from .pushed import PushedView


class EventView(PushedView):
    """An event with all that it says."""

    scope = "event"
    heading = "event"

    def __init__(self, t: float, event: Event) -> None:
        super().__init__()
        self._t, self._event = t, event

    def show_body(self, snapshot: Snapshot) -> None:
        """Show the event; names of wheels and holders may become known later."""
        self.table.show_rows(text_rows(lines_of(snapshot, self._t, self._event, self.size.width - 4)))

    def title_of(self, snapshot: Snapshot, width: int) -> str:
        """What happened."""
        return middle(words(self._event), width)

    def no_open(self) -> str:
        """It belongs to no wheel."""
        return "" if self.snapshot.wheel(wheel_of(self._event)) else "this event belongs to no wheel"

    def do_open(self) -> None:
        """Open the detail of the event's wheel."""
        self.application.open_wheel(wheel_of(self._event))
