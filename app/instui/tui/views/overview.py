"""The base of the views under the tabs: many rows, which can be filtered, sorted, and shown in part or in full."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Input

from instui.tui.rows.filter import NOTHING, Filter, parse
from instui.tui.rows.keys import FOLD
from instui.tui.text.pieces import Line, Piece, spread

from .view import View


class Overview(View):
    """A view of many rows. `filter`, `everything` and the table's sorting determine which are shown, and how."""

    unsorted: ClassVar[str] = "these rows are in the order of time"  # the notice if the rows cannot be sorted
    DEFAULT_CSS = """
    Overview #filter { display: none; height: 1; border: none; padding: 0 1; background: $selected; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.filter: Filter = NOTHING
        self.everything = False  # if false, only what is of interest now

    # -- what subclasses say

    @property
    def sortable(self) -> Sequence[str]:
        """The ids of the columns by which the rows can be sorted; none if their order has a meaning of its own."""
        return ()

    def matches(self) -> list[str]:
        """The keys of the rows that the filter has found."""
        return [key for key in self.table.keys if key != FOLD]

    def footer_labels(self) -> dict[str, str]:
        """The label of the key for everything: what it does now."""
        return {"all": "active" if self.everything else "all"}

    # -- the line of the filter

    def compose(self) -> ComposeResult:
        """Lay out the frame, with the line of the filter above the footer."""
        *above, footer = super().compose()
        yield from above
        hint = "words  !not  wheel:jwt  lock:cv2  state:wait"
        yield Input(id="filter", placeholder=hint, compact=True, select_on_focus=False)
        yield footer

    def footer(self, width: int) -> Line:
        """The keys, and the filter if there is one."""
        keys = super().footer(width)
        if not self.filter:
            return keys
        label = f" filter: {self.filter.text}  (esc clears) "
        return spread(keys, (Piece(label, "accent"),), width) if width > len(label) + 20 else keys

    def filter_for(self, text: str) -> None:
        """Show only what matches, as if `text` had been typed."""
        self._set_filter(text)
        self.refresh_view()

    def on_input_changed(self, message: Input.Changed) -> None:
        """Filter while the user types."""
        if message.input.id == "filter":
            self.filter = parse(message.value)
            self.refresh_view()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Keep the filter, and return the keys to the view."""
        if message.input.id == "filter":
            self._close_filter()

    def _set_filter(self, text: str) -> None:
        self.filter = parse(text)
        with self.prevent(Input.Changed):
            self.query_one("#filter", Input).value = text

    def _close_filter(self) -> None:
        self.set_focus(None)
        self.query_one("#filter", Input).display = False
        self.lines("footer").display = True
        self.refresh_view()

    # -- actions

    def do_filter(self) -> None:
        """Open the line for typing a filter."""
        entry = self.query_one("#filter", Input)
        entry.display = True
        self.lines("footer").display = False
        entry.value = self.filter.text
        entry.select_all()  # the first key replaces it; not when it gets the focus, as that key may be there before
        self.set_focus(entry)  # at once: the next key may be on its way

    def no_match_next(self) -> str:
        """Nothing is looked for."""
        return "" if self.filter else "no filter to go by; / sets one"

    no_match_previous = no_match_next

    def do_match_next(self) -> None:
        """Select the next row that the filter has found."""
        self._to_match(1)

    def do_match_previous(self) -> None:
        """Select the previous row that the filter has found."""
        self._to_match(-1)

    def _to_match(self, step: int) -> None:
        """Select the next match, or the previous one; after the last comes the first."""
        keys = self.matches()
        if not keys:
            self.notice(f"nothing matches {self.filter.text}")
        else:
            at = keys.index(self.table.selected) if self.table.selected in keys else -(step > 0)
            place = (at + step) % len(keys)
            self.select(keys[place])
            self.notice(f"match {place + 1} of {len(keys)}")

    def no_back(self) -> str:
        """Nothing is open, set or selected."""
        closes = self.query_one("#filter", Input).display or self.filter or self.zoomed or self.table.selected
        return "" if closes else "nothing to close here; q quits"

    def do_back(self) -> None:
        """Close the line of the filter; else clear the filter, end the zoom or clear the selection."""
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
        self.refresh_view()

    def do_all(self) -> None:
        """Show everything, or only what is of interest now."""
        self.everything = not self.everything
        self.notice("everything is shown" if self.everything else "only what is of interest now is shown")
        self.refresh_view()

    def no_sort_next(self) -> str:
        """The order of the rows has a meaning of its own."""
        return "" if self.sortable else self.unsorted

    no_sort_previous = no_reverse = no_sort_next

    def do_sort_next(self) -> None:
        """Sort by the next column."""
        self._sort(1)

    def do_sort_previous(self) -> None:
        """Sort by the previous column."""
        self._sort(-1)

    def _sort(self, step: int) -> None:
        order = ["", *self.sortable]
        table = self.table
        table.sort = order[(order.index(table.sort) + step) % len(order)]
        title = next((column.title for column in table.columns if column.id == table.sort), "")
        self.notice(f"sorted by {title or table.sort}" if table.sort else "sorted by importance")
        self.refresh_view()
        table.refresh()

    def do_reverse(self) -> None:
        """Reverse the order of the rows."""
        table = self.table
        table.reverse = not table.reverse
        self.notice("order reversed" if table.reverse else "order as it was")
        self.refresh_view()
        table.refresh()
