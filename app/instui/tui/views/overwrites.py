"""The Overwrites view: whose files were replaced by whom."""

from collections.abc import Iterable, Mapping, Sequence

from textual.widget import Widget

from instui.monitor.model import Snapshot
from instui.tui.rows import over, overwrites
from instui.tui.rows.frame import News
from instui.tui.rows.keys import FOLD
from instui.tui.text.columns import TableRows
from instui.tui.text.pieces import Line, line
from instui.tui.widgets.table import Table

from .overview import Overview
from .throttled import Throttled


class OverwritesView(Overview):
    """The Overwrites view: replaced files, grouped by pair of wheels."""

    scope = "overwrites"
    heading = "Overwrites"
    about = "files that were replaced, by pair of wheels"

    def __init__(self) -> None:
        super().__init__()
        self._groups: Throttled[overwrites.Groups] = Throttled()
        self._toggled: frozenset[str] = frozenset()  # the pairs that the user folded or unfolded
        self._found = overwrites.Groups([], {}, {}, (), 0)
        self._state = (0, 0, 0, True)  # the basis of the groups shown

    @classmethod
    def news(cls, snapshot: Snapshot) -> News:
        """How many files were replaced."""
        return News(snapshot.totals.overwrote, "age")

    def body(self) -> Iterable[Widget]:
        """The table of pairs and files."""
        yield Table(overwrites.COLUMNS, self.glyphs, id="body")

    def show_body(self, snapshot: Snapshot) -> None:
        """Fill the table."""
        table, glyphs = self.table, self.glyphs
        query = overwrites.OverwriteQuery(self.filter, self.everything, table.sort, table.reverse, self._toggled)
        counts = (len(snapshot.overwrites), len(snapshot.restored), len(snapshot.conflicts))
        state = (*counts, snapshot.finished is None)
        self._state = state = self._state if state == self._state else state  # Throttled compares it by identity
        self._found = found = self._groups.get(query, state, lambda: overwrites.arrange(snapshot, query))

        def cells(key: str, sizes: Mapping[str, int]) -> Mapping[str, Line]:
            return overwrites.cells(snapshot, found, key, sizes, glyphs)

        table.show_rows(TableRows(found.keys, cells), self._empty(snapshot))

    def _empty(self, snapshot: Snapshot) -> Sequence[Line]:
        if self.filter:
            return [line((f"no file matches “{self.filter.text}”", "text")), line(("esc clears the filter", "dim"))]
        if over.failed(snapshot, self.application.watched.over):
            return over.why(snapshot, "nothing was overwritten")
        if snapshot.finished:
            return [line(("nothing was overwritten", "commit")), line(("no two wheels ship the same file", "dim"))]
        if snapshot.planned:
            return [line(("nothing will be overwritten", "commit")), line(("no two wheels ship the same file", "dim"))]
        return [
            line(("nothing overwritten yet", "text")),
            line(("which files two wheels both ship is known before the first write", "dim")),
        ]

    @property
    def sortable(self) -> Sequence[str]:
        """Either side of the pairs, and the time."""
        return ("old", "new", "t")

    def copied(self, key: str) -> str:
        """The file and its owners."""
        return overwrites.describe(self._found, key)

    def no_open(self) -> str:
        """There are no rows."""
        return "" if self.table.keys else "nothing was overwritten"

    def do_open(self) -> None:
        """Fold or unfold a pair, or show the difference in a file."""
        key = self.table.selected or (self.table.keys[0] if self.table.keys else "")
        if key == FOLD:
            self.do_all()
        elif key in self._found.pairs:
            self._toggled ^= {key}
            self.table.select(key)
            self.refresh_view()
        else:
            self.application.open_file(self._found.files[key])
