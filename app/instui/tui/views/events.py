"""The Events view: everything that happened, with the newest in sight."""

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from instui.monitor.model import Snapshot
from instui.monitor.units import count
from instui.tui.actions import EVENTS
from instui.tui.rows import event_log
from instui.tui.rows.event_text import is_news, wheel_of
from instui.tui.rows.filter import Filter
from instui.tui.text.columns import TableRows
from instui.tui.text.pieces import Line, Piece, line, spread
from instui.tui.widgets.paint import Lines
from instui.tui.widgets.table import Table

from .view import View


class EventsView(View):
    """The log; follows its tail until the user moves."""

    scope = EVENTS
    DEFAULT_CSS = "EventsView #tail { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.following = True
        self._matching = event_log.MatchingEvents()
        self._filtered_by: Filter | None = None  # the filter that `_shown` was made with
        self._left_at = 0  # how many rows there were when the user let go
        self._shown: Sequence[str] = ()

    def body(self) -> Iterable[Widget]:
        """Log and a line that says whether it follows."""
        yield Table(event_log.COLUMNS, self.glyphs, id="body")
        yield Lines(self.glyphs, id="tail", classes="aside")

    def show_body(self, snapshot: Snapshot) -> None:
        """New rows, unless the display is held still."""
        log, table = self.application.watched.log, self.query_one(Table)
        if not self.application.watched.frozen or not self._shown or self.filter != self._filtered_by:
            self._shown = self._matching.update(log, self.filter)
            self._filtered_by = self.filter
        keys = self._shown
        rows = TableRows(keys, lambda key, sizes: event_log.cells(snapshot, log, key, sizes))
        table.show_rows(rows, self._empty())
        if self.following:
            table.scroll_to(y=max(0, len(keys) + 1 - table.size.height), animate=False, force=True, immediate=True)
        self._lines("tail").show_lines([self._tail(len(keys))])

    def _tail(self, rows: int) -> Line:
        if self.following:
            left = line(("  following the newest event", "dim"))
        else:
            new = rows - self._left_at
            left = line(("  F follows again", "dim"), (f"   {count(new, 'new event')}" if new > 0 else "", "accent"))
        return spread(left, (Piece(f"{count(rows, 'event')} ", "dim"),), self.size.width)

    def _empty(self) -> Sequence[Line]:
        if self.filter:
            return [line((f"no event matches “{self.filter.text}”", "text")), line(("esc clears the filter", "dim"))]
        return [line(("nothing has happened yet", "dim"))]

    def _let_go(self) -> None:
        if self.following:
            self.following = False
            self._left_at = len(self._shown)

    def move(self, rows: int) -> None:
        """Move the selection; the first movement starts at the newest event and stops following."""
        table = self.query_one(Table)
        if self.following and table.keys and not table.selected:
            table.selected = table.keys[-1]
        self._let_go()
        super().move(rows)

    def on_table_scrolled(self) -> None:
        """The user reads something older."""
        self._let_go()

    def moved(self) -> None:
        """A selection is something to stay at; its wheel goes with the user into other views."""
        self._let_go()
        if wheel := self._wheel():
            self.application.wheel = wheel

    def _wheel(self) -> str:
        key = self.query_one(Table).selected
        log = self.application.watched.log
        if not key.isdigit() or not log.first <= int(key) < log.total:
            return ""
        return wheel_of(log[int(key)][1])

    def do_follow(self) -> None:
        """Keep the newest event in sight, or no longer."""
        if self.following:
            self._let_go()
            self.notice("no longer following; F follows again")
        else:
            self.following = True
            self.query_one(Table).select("")
            self.notice("following the newest event")
        self.refresh_view()

    def do_news_next(self) -> None:
        """To the next event that is_news."""
        self._to_news(1)

    def do_news_previous(self) -> None:
        """To the one before."""
        self._to_news(-1)

    def _to_news(self, step: int) -> None:
        log, table, keys = self.application.watched.log, self.query_one(Table), self._shown
        position = table.position(table.selected)
        if position is None:
            position = len(keys) if step < 0 else -1
        position += step
        while 0 <= position < len(keys):
            key = keys[position]
            if key.isdigit() and log.first <= int(key) < log.total and is_news(log[int(key)][1]):
                table.select(key)
                self.moved()
                self.refresh_view()
                return
            position += step
        self.notice("no wait, overwrite, recovery, warning or failure after this" if step > 0 else "none before this")

    def do_open(self) -> None:
        """The wheel of the event."""
        wheel = self._wheel()
        if wheel and self.snapshot.wheel(wheel):
            self.application.open_wheel(wheel)
        else:
            self.notice("this event belongs to no wheel" if self.table.selected else "select an event first")

    def footer_labels(self) -> dict[str, str]:
        """What F does now."""
        return {"follow": "let go" if self.following else "follow"}
