"""Why the session takes so long: what took the time, what helps, and what would have changed it."""

from collections.abc import Iterable
from weakref import WeakKeyDictionary

from textual.widget import Widget

from instui.explain.explanation import Explanation, explain
from instui.monitor.model import Snapshot
from instui.monitor.units import count
from instui.tui.rows import explain as explained
from instui.tui.text.columns import NO_ROWS, widths
from instui.tui.text.pieces import line, tail
from instui.tui.widgets.paint import Lines
from instui.tui.widgets.table import Table

from .pushed import PushedView
from .throttled import Apart

_KEPT: WeakKeyDictionary[object, Apart[Explanation]] = WeakKeyDictionary()
"""By the session that is watched: the panel is a new one each time it is opened."""
_LINES = 6  # of the selected row in full


class ExplainView(PushedView):
    """The explanation, live as well as afterwards."""

    scope = "explain"
    heading = "explain"
    about = "why it takes so long: what took the time, what helps, and what would have changed it"
    opened_by = "e"
    place = 86
    captioned = False  # at the end the caption says less of the same
    DEFAULT_CSS = f"""
    ExplainView #in_full {{ height: {_LINES}; margin: 1 0 0 0; }}
    ExplainView.short #in_full {{ height: 3; margin: 0; }}
    """

    def body(self) -> Iterable[Widget]:
        """The table of findings, and below it the selected one in full."""
        yield Table(explained.COLUMNS, self.glyphs, id="body")
        yield Lines(self.glyphs, id="in_full", classes="aside")

    def _explanation(self, snapshot: Snapshot) -> Explanation | None:
        """The latest explanation; None if the first one is still being made."""
        kept = _KEPT.setdefault(self.application.watched, Apart())
        kept.tell, kept.when = self.made, self.once_painted
        return kept.latest((snapshot.over, self.jumps), snapshot, lambda: explain(snapshot), len(snapshot.wheels))

    def show_body(self, snapshot: Snapshot) -> None:
        """Show what is known so far."""
        explanation, table = self._explanation(snapshot), self.table
        if explanation is None:
            table.show_rows(NO_ROWS, [line((f"adding up what {count(len(snapshot.wheels), 'wheel')} did", "dim"))])
            return
        room = widths(table.columns, table.row_width).get("text", 10)
        rows = explained.table_rows(explanation, self.glyphs, table.size.height - 1, room)
        if rows.keys and table.selected not in rows.keys:  # also after its finding is gone
            table.selected = rows.keys[0]
        table.show_rows(rows)
        box = self.lines("in_full")
        box.show_lines(list(explained.in_full(explanation, table.selected, self.size.width, box.size.height or _LINES)))

    def title_of(self, snapshot: Snapshot, width: int) -> str:
        """How long it took, and how much of that was work."""
        explanation = self._explanation(snapshot)
        return tail(explained.title(explanation, over=snapshot.over), width) if explanation else self.heading

    def select(self, key: str) -> None:
        """Select a row; what helps, and a second line, belong to their finding."""
        if row := explained.row_of(key):
            super().select(row)

    def move(self, rows: int) -> None:
        """Move the selection from finding to finding, over what helps and second lines."""
        keys = self.table.keys
        stops = [key for key in keys if explained.row_of(key) == key]
        before = self.table.position(self.table.selected) or 0
        if abs(rows) == 1:
            after = [key for key in stops if (keys.index(key) - before) * rows > 0]
            target = after[0 if rows > 0 else -1] if after else self.table.selected
        else:
            position = max(0, min(len(keys) - 1, before + rows))
            target = min(stops, key=lambda key: abs(keys.index(key) - position), default="")
        if target == self.table.selected:
            self.notice("this is the last row" if rows > 0 else "this is the first row")
        self.table.select(target)
        self.moved()
        self.refresh_view()

    def do_open(self) -> None:
        """Open the wheel that the selected finding is about, or go to the locks."""
        explanation = self._explanation(self.snapshot)
        finding = explained.selected_finding(explanation, self.table.selected) if explanation else None
        if finding is None:
            self.notice("there is nothing to open behind this row")
        elif finding.kind == "environment-lock":
            self.application.perform("view_locks")
        elif finding.wheels and self.snapshot.wheel(finding.wheels[0]) is not None:
            self.application.open_wheel(finding.wheels[0])
        else:
            self.notice("this is about the session as a whole: no wheel is behind it")
