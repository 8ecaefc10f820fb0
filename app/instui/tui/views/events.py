"""The Events view: everything that happened, in order, with the newest event visible."""

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from instui.monitor.landmarks import is_news
from instui.monitor.model import Snapshot
from instui.monitor.units import count
from instui.tui.rows import event_log
from instui.tui.rows.event_text import wheel_of
from instui.tui.rows.frame import News
from instui.tui.text.columns import TableRows
from instui.tui.text.pieces import Line, Piece, line, spread
from instui.tui.widgets.paint import Lines
from instui.tui.widgets.table import Table

from .overview import Overview


class EventsView(Overview):
    """The log. It shows the newest event until the user moves."""

    scope = "events"
    heading = "Events"
    about = "everything that happened, in order"
    without = frozenset({"all", "sort_next", "sort_previous", "reverse"})
    DEFAULT_CSS = "EventsView #tail { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.following = True
        self._matching = event_log.MatchingEvents()
        self._stopped_at = 0  # the number of rows when it stopped following
        self._shown: Sequence[str] = ()  # the keys of the rows

    @classmethod
    def news(cls, snapshot: Snapshot) -> News:
        """How much a killed session had in hand."""
        return News(len(snapshot.recoveries), "age")

    def body(self) -> Iterable[Widget]:
        """The log, and a line that says whether it follows."""
        yield Table(event_log.COLUMNS, self.glyphs, id="body")
        yield Lines(self.glyphs, id="tail", classes="aside")

    def show_body(self, snapshot: Snapshot) -> None:
        """Show the events up to the time that is shown."""
        log, table = self.application.watched.log, self.table
        keys = self._shown = self._matching.update(log, self.filter)
        find = keys.position if isinstance(keys, event_log.EventKeys) else None
        rows = TableRows(keys, lambda key, sizes: event_log.cells(snapshot, log, key, sizes), find)
        top = table.scroll_offset.y
        first = table.keys[top] if top < len(table.keys) else ""
        table.show_rows(rows, self._empty())
        if self.following:
            self._scroll(max(0, len(keys) + 1 - table.size.height))
        elif first and table.position(first) != top:  # the oldest events are gone: the others stay where they are
            self._scroll(table.position(first) or 0)
        self.lines("tail").show_lines([self._tail(len(keys))])

    def _scroll(self, top: int) -> None:
        self.table.scroll_to(y=top, animate=False, force=True, immediate=True)

    def _tail(self, rows: int) -> Line:
        if self.following:
            left = line(("  following the newest event", "dim"))
        else:
            new = rows - self._stopped_at
            left = line(("  F follows again", "dim"), (f"   {count(new, 'new event')}" if new > 0 else "", "accent"))
        return spread(left, (Piece(f"{count(rows, 'event')} ", "dim"),), self.size.width)

    def _empty(self) -> Sequence[Line]:
        if self.filter:
            return [line((f"no event matches “{self.filter.text}”", "text")), line(("esc clears the filter", "dim"))]
        return [line(("nothing has happened yet", "dim"))]

    def _stop_following(self) -> None:
        if self.following:
            self.following = False
            self._stopped_at = len(self._shown)

    def move(self, rows: int) -> None:
        """Move the selection; the first movement starts at the newest event and stops following."""
        table = self.table
        if self.following and table.keys and not table.selected:
            table.selected = table.keys[-1]
        self._stop_following()
        super().move(rows)

    def on_table_scrolled(self) -> None:
        """Stop following: the user reads older events."""
        self._stop_following()

    def moved(self) -> None:
        """Stop following, and keep the wheel of the event selected in the other views."""
        self._stop_following()
        if wheel := self._wheel():
            self.application.wheel = wheel

    def resumed(self) -> None:
        """Select the wheel of the marked event."""
        if wheel := self._wheel():
            self.application.wheel = wheel

    def _wheel(self) -> str:
        key = self.table.selected
        log = self.application.watched.log
        if not key.isdigit() or not log.first <= int(key) < log.total:
            return ""
        return wheel_of(log[int(key)][1])

    def do_follow(self) -> None:
        """Keep the newest event visible, or stop doing so."""
        if self.following:
            self._stop_following()
            self.notice("no longer following; F follows again")
        else:
            self.following = True
            self.table.select("")
            self.notice("following the newest event")
        self.refresh_view()

    def do_news_next(self) -> None:
        """Select the next event that is news."""
        self._to_news(1)

    def do_news_previous(self) -> None:
        """Select the previous event that is news."""
        self._to_news(-1)

    def _to_news(self, step: int) -> None:
        log, table, keys = self.application.watched.log, self.table, self._shown
        position = table.position(table.selected)
        if position is None:
            position = len(keys) if step < 0 else -1
        position += step
        while 0 <= position < len(keys):
            key = keys[position]
            if key.isdigit() and log.first <= int(key) < log.total and is_news(log[int(key)][1]):
                self.select(key)
                return
            position += step
        if step > 0 and (place := self.application.on_to_news(lambda event: event_log.keeps(self.filter, event))):
            self.select(str(self.application.watched.tape.number(place)))
            return
        self.notice("no wait, overwrite, recovery, warning or failure after this" if step > 0 else "none before this")

    def no_open(self) -> str:
        """No event is selected, or those that are no longer kept here."""
        key, log = self.table.selected, self.application.watched.log
        if not key:
            return "select an event first"
        return "" if key.isdigit() and log.first <= int(key) < log.total else "older events are in the journal only"

    def do_open(self) -> None:
        """Show the event as a whole."""
        self.application.open_event(*self.application.watched.log[int(self.table.selected)])

    def footer_labels(self) -> dict[str, str]:
        """The label of the key to follow: what it does now."""
        return super().footer_labels() | {"follow": "let go" if self.following else "follow"}
