"""The Overwrites view: which files of whom were replaced by whom."""

from collections.abc import Iterable, Mapping, Sequence

from textual.widget import Widget

from instui.monitor.model import Snapshot
from instui.tui.actions import OVERWRITES
from instui.tui.rows import overwrites
from instui.tui.rows.keys import FOLD
from instui.tui.text.columns import TableRows
from instui.tui.text.pieces import Line, line
from instui.tui.views.throttled import Throttled
from instui.tui.widgets.table import Table

from .view import View


class OverwritesView(View):
    """Replaced files, grouped by pair of wheels."""

    scope = OVERWRITES

    def __init__(self) -> None:
        super().__init__()
        self._groups: Throttled[overwrites.Groups] = Throttled()
        self._turned: frozenset[str] = frozenset()
        self._found = overwrites.Groups([], {}, {}, (), 0)
        self._state = (0, 0, 0, True)

    def body(self) -> Iterable[Widget]:
        """One table."""
        yield Table(overwrites.COLUMNS, self.glyphs, id="body")

    def show_body(self, snapshot: Snapshot) -> None:
        """Pairs and files."""
        table, glyphs = self.query_one(Table), self.glyphs
        query = overwrites.OverwriteQuery(self.filter, self.everything, table.sort, table.reverse, self._turned)
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
        """Pairs can be ordered by either side, or by time."""
        return ("old", "new", "t")

    def copied(self, key: str) -> str:
        """File and owners."""
        return overwrites.describe(self._found, key)

    def do_open(self) -> None:
        """Fold or unfold a pair; of a file, show both owners and what differs."""
        key = self.table.selected or (self.table.keys[0] if self.table.keys else "")
        if not key:
            self.notice("nothing was overwritten")
        elif key == FOLD:
            self.do_all()
        elif key in self._found.pairs:
            self._turned ^= {key}
            self.table.select(key)
            self.refresh_view()
        else:
            self.application.open_file(self._found.files[key])
