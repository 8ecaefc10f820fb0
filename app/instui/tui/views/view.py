"""What all screens with a session on them share: the frame around a body, and the actions that work in it."""

import time
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from instui.monitor.model import Snapshot
from instui.tui.rows import frame
from instui.tui.rows.filter import NOTHING, Filter, parse
from instui.tui.rows.keys import FOLD
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, Piece, fit, spread, tail
from instui.tui.widgets.paint import ActionClicked, Lines
from instui.tui.widgets.table import Table

from .application import Application, application_of

NOTICE_SECONDS = 4.0


class View(Screen[None]):
    """A screen that shows the session; subclasses compose `body` and paint it in `show_body`."""

    scope: ClassVar[str] = ""
    unsorted: ClassVar[str] = "these rows are in the order of time"
    AUTO_FOCUS = ""  # the filter line takes the keys only when it is asked for
    DEFAULT_CSS = """
    View { layout: vertical; background: $background; color: $foreground; }
    View #header, View #counters { background: $panel; }
    View #footer, View #notice { background: $panel; }
    View #caption { display: none; height: auto; margin: 1 0 0 0; }
    View #body { height: 1fr; margin: 1 0 0 0; }
    View #filter { display: none; height: 1; border: none; padding: 0 1; background: $selected; }
    View.short #body, View.short #caption { margin: 0; }
    View.zoomed #counters, View.zoomed #caption, View.zoomed .aside { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.filter: Filter = NOTHING
        self.everything = False
        self.zoomed = False
        self._notice = ("", 0.0)
        self._caption_height = 0

    @property
    def application(self) -> Application:
        """The application, as far as a view needs it."""
        return application_of(self.app)

    @property
    def glyphs(self) -> Glyphs:
        """The symbols to write with."""
        return self.application.glyphs

    @property
    def snapshot(self) -> Snapshot:
        """The session as it is on the screen."""
        return self.application.watched.shown

    # -- what subclasses say

    def body(self) -> Iterable[Widget]:
        """The widgets between the tabs and the footer."""
        raise NotImplementedError

    def show_body(self, snapshot: Snapshot) -> None:
        """Paint them."""
        raise NotImplementedError

    @property
    def table(self) -> Table:
        """The table of the screen, in which keys move."""
        return self.query_one(Table)

    def footer_labels(self) -> dict[str, str]:
        """Footer labels that depend on the state."""
        return {"all": "active only" if self.everything else "all"}

    # -- the frame

    def compose(self) -> ComposeResult:
        """Frame and body."""
        yield Lines(self.glyphs, id="header")
        yield Lines(self.glyphs, id="counters")
        yield Lines(self.glyphs, id="tabs")
        yield Lines(self.glyphs, id="caption")
        yield from self.body()
        yield Input(id="filter", placeholder="words  !not  wheel:jwt  lock:cv2  state:wait", compact=True)
        yield Lines(self.glyphs, id="footer")

    def show(self, snapshot: Snapshot) -> None:
        """Paint what changed."""
        if not self.is_mounted:  # chosen a moment ago, and not yet made
            return
        width, facts = self.size.width, self.application.facts
        self.set_class(self.size.height < 20, "short")
        self._lines("header").show_lines([frame.header(snapshot, facts, width)])
        self._lines("counters").show_lines([frame.counters(snapshot, facts, width)])
        self._lines("tabs").show_lines([self.tabs(snapshot, width)])
        self._show_caption(snapshot, width)
        self._lines("footer").show_lines([self._bottom(width)])
        self.show_body(snapshot)

    def tabs(self, snapshot: Snapshot, width: int) -> Line:
        """The line below the counters: the views, the present one marked."""
        return frame.tabs(snapshot, self.scope, width, self.glyphs)

    def _show_caption(self, snapshot: Snapshot, width: int) -> None:
        height = 3 if self.size.height >= 24 else 2 if self.size.height >= 20 else 1
        texts = self.application.caption_texts
        lines: list[Line] = []
        for number, text in enumerate(texts):  # the first may be a sentence, the others are facts of a line each
            lines += frame.caption(text, width, 1 if number else height, self.glyphs)
        lines = lines[:height]
        caption = self._lines("caption")
        caption.display = bool(lines)
        caption.show_lines(lines)
        if lines and len(lines) != self._caption_height:
            caption.styles.height = self._caption_height = len(lines)

    def _bottom(self, width: int) -> Line:
        text, until = self._notice
        if text and time.monotonic() < until:
            return fit((Piece(" "), Piece(tail(text, width - 2), "strong")), width)
        pieces = frame.footer(self.scope, width, self.glyphs, self.application.footer_labels | self.footer_labels())
        if self.filter:
            label = f" filter: {self.filter.text}  (esc clears) "
            return spread(pieces, (Piece(label, "accent"),), width) if width > len(label) + 20 else pieces
        return pieces

    def _lines(self, id: str) -> Lines:
        return self.query_one(f"#{id}", Lines)

    def notice(self, text: str) -> None:
        """Say something in the bottom line for a few seconds."""
        self._notice = (text, time.monotonic() + NOTICE_SECONDS)
        if not self.is_mounted:
            return
        self._lines("footer").show_lines([self._bottom(self.size.width)])

    def refresh_view(self) -> None:
        """Paint at once, after a key."""
        self.show(self.snapshot)

    # -- messages

    def on_screen_resume(self) -> None:
        """Show what happened in the meantime."""
        self.refresh_view()

    def on_resize(self) -> None:
        """Lay everything out anew."""
        self.refresh_view()

    def on_action_clicked(self, message: ActionClicked) -> None:
        """A click on a tab or on a key of the footer."""
        self.application.perform(message.action)

    def on_table_row_clicked(self, message: Table.RowClicked) -> None:
        """A click on a row."""
        if message.again:
            self.application.perform("open")
        else:
            message.table.select(message.key)
            self.moved()
            self.refresh_view()

    def on_input_changed(self, message: Input.Changed) -> None:
        """Filter as it is typed."""
        self.filter = parse(message.value)
        self.refresh_view()

    def on_input_submitted(self) -> None:
        """Keep the filter, give the keys back."""
        self._close_filter()

    def _close_filter(self) -> None:
        entry = self.query_one("#filter", Input)
        self.set_focus(None)
        entry.display = False
        self._lines("footer").display = True
        self.refresh_view()

    # -- actions: `do_ID` for the id of the registry

    def moved(self) -> None:
        """The selection changed."""

    def do_down(self) -> None:
        """One row down."""
        self.move(1)

    def do_up(self) -> None:
        """One row up."""
        self.move(-1)

    def do_top(self) -> None:
        """To the first row."""
        self.move(-(1 << 60))

    def do_bottom(self) -> None:
        """To the last row."""
        self.move(1 << 60)

    def do_page_down(self) -> None:
        """Half a page down."""
        self.move(max(1, self.table.size.height // 2))

    def do_page_up(self) -> None:
        """Half a page up."""
        self.move(-max(1, self.table.size.height // 2))

    def move(self, rows: int) -> None:
        """Move the selection down by so many rows, up where `rows` is negative."""
        if not self.table.keys:
            self.notice("there is no row to go to")
            return
        before = self.table.selected
        self.table.move(rows)
        self.moved()
        if self.table.selected == before:
            self.notice("this is the last row" if rows > 0 else "this is the first row")
        self.refresh_view()

    def do_match_next(self) -> None:
        """To the next row that the filter found."""
        self._step(1)

    def do_match_previous(self) -> None:
        """To the previous one."""
        self._step(-1)

    def matches(self) -> list[str]:
        """The rows that the filter found."""
        return [key for key in self.table.keys if key != FOLD]

    def _step(self, step: int) -> None:
        """From match to match, and from the last one to the first."""
        keys = self.matches() if self.filter else []
        if not self.filter:
            self.notice("no filter to go by; / sets one")
        elif not keys:
            self.notice(f"nothing matches {self.filter.text}")
        else:
            at = keys.index(self.table.selected) if self.table.selected in keys else -(step > 0)
            place = (at + step) % len(keys)
            self.table.select(keys[place])
            self.moved()
            self.refresh_view()
            self.notice(f"match {place + 1} of {len(keys)}")

    def do_filter(self) -> None:
        """Open the line in which a filter is typed."""
        entry = self.query_one("#filter", Input)
        entry.display = True
        self._lines("footer").display = False
        entry.value = self.filter.text
        entry.focus()

    def do_back(self) -> None:
        """Close the filter line, or clear the filter, the selection, the zoom."""
        if self.query_one("#filter", Input).display:
            self._set_filter("")
            self._close_filter()
        elif self.filter:
            self._set_filter("")
            self.notice("filter cleared")
        elif self.zoomed:
            self.do_zoom()
        elif self.table.selected:
            self.table.select("")
            self.moved()
        else:
            self.notice("nothing to close here; q quits")
        self.refresh_view()

    def _set_filter(self, text: str) -> None:
        self.filter = parse(text)
        with self.prevent(Input.Changed):
            self.query_one("#filter", Input).value = text

    def filter_for(self, text: str) -> None:
        """Show only what matches, as if it had been typed."""
        self._set_filter(text)
        self.refresh_view()

    def do_all(self) -> None:
        """Everything, or only what is of interest."""
        self.everything = not self.everything
        self.notice("everything is shown" if self.everything else "only what is of interest now is shown")
        self.refresh_view()

    def do_sort_next(self) -> None:
        """Sort by the next column."""
        self._sort(1)

    def do_sort_previous(self) -> None:
        """Sort by the previous column."""
        self._sort(-1)

    @property
    def sortable(self) -> Sequence[str]:
        """Ids of the columns to sort by; empty where the order means something."""
        return ()

    def _sort(self, step: int) -> None:
        if not self.sortable:
            self.notice(self.unsorted)
            return
        order = ["", *self.sortable]
        table = self.table
        table.sort = order[(order.index(table.sort) + step) % len(order)]
        title = next((column.title for column in table.columns if column.id == table.sort), "")
        self.notice(f"sorted by {title or table.sort}" if table.sort else "sorted by importance")
        self.refresh_view()
        table.refresh()

    def do_reverse(self) -> None:
        """Turn the order round."""
        if not self.sortable:
            self.notice(self.unsorted)
            return
        table = self.table
        table.reverse = not table.reverse
        self.notice("order reversed" if table.reverse else "order as it was")
        self.refresh_view()
        table.refresh()

    def do_zoom(self) -> None:
        """The table alone, or everything again."""
        self.zoomed = not self.zoomed
        self.set_class(self.zoomed, "zoomed")
        self.notice("maximized; z or esc brings the rest back" if self.zoomed else "everything is back")

    def do_copy(self) -> None:
        """Copy the selected row."""
        if not self.table.selected:
            self.notice("select a row first (j, k or a click)")
            return
        text = self.copied(self.table.selected)
        self.app.copy_to_clipboard(text)
        self.notice(f"copied: {text}")

    def copied(self, key: str) -> str:
        """What is copied of a row."""
        return self.table.text_of(key)
