"""The Overwrites view: whose files were replaced by whom, and a map of whose they are now."""

from collections.abc import Iterable, Mapping, Sequence

from textual.containers import Container
from textual.widget import Widget

from instui.monitor.model import Snapshot
from instui.monitor.ownership import Ownership, directory_of, ownerships, roots
from instui.tui.rows import over, overwrites
from instui.tui.rows import ownership as maps
from instui.tui.rows.frame import News
from instui.tui.rows.keys import FOLD
from instui.tui.text.columns import TableRows
from instui.tui.text.pieces import Line, line
from instui.tui.widgets.paint import Lines
from instui.tui.widgets.table import Table

from .overview import Overview
from .throttled import Apart
from .view import SHORT

_BESIDE = 100  # columns of a screen from which on the map is beside the table, not below
_ARRANGING = (line(("arranging what was overwritten", "dim")),)  # shown until the first rows are made
_SHARE = 0.42  # of the columns, for the map beside the table


class OverwritesView(Overview):
    """The Overwrites view: replaced files, grouped by pair of wheels."""

    scope = "overwrites"
    heading = "Overwrites"
    about = "files that were replaced, by pair of wheels, and a map of whose they are now"
    DEFAULT_CSS = """
    OverwritesView #split { height: 1fr; layout: vertical; }
    OverwritesView #owners { display: none; }
    OverwritesView.wide #split { layout: horizontal; }
    OverwritesView.wide #body { width: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._maps: bool | None = None  # whether the map is shown; None: where there is room
        self._owned: Apart[Sequence[Ownership]] = Apart(self.made, self.once_painted)
        self._groups: Apart[overwrites.Groups] = Apart(self.made, self.once_painted)
        self._toggled: frozenset[str] = frozenset()  # the pairs that the user folded or unfolded
        self._found = overwrites.Groups([], {}, {}, (), 0)
        self._state = (0, 0, 0, True, 0)  # the basis of the groups shown
        self._basis: tuple[int, ...] = ()  # of the map
        self._map_size = (0, 0)

    @classmethod
    def news(cls, snapshot: Snapshot) -> News:
        """How many files were replaced."""
        return News(snapshot.totals.overwrote, "age")

    def body(self) -> Iterable[Widget]:
        """The table of pairs and files, and beside or below it the map."""
        yield Container(
            Table(overwrites.COLUMNS, self.glyphs, id="body"),
            Lines(self.glyphs, id="owners", classes="aside"),
            id="split",
        )

    def show_body(self, snapshot: Snapshot) -> None:
        """Fill the table."""
        table, glyphs = self.table, self.glyphs
        query = overwrites.OverwriteQuery(self.filter, self.everything, table.sort, table.reverse, self._toggled)
        counts = (len(snapshot.overwrites), len(snapshot.restored), len(snapshot.conflicts))
        state = (*counts, snapshot.finished is None, self.jumps)
        self._state = state = self._state if state == self._state else state  # Throttled compares it by identity
        many = len(snapshot.wheels)
        arranged = self._groups.latest(query, state, lambda: overwrites.arrange(snapshot, query), many)
        self._found = found = arranged or self._found

        def cells(key: str, sizes: Mapping[str, int]) -> Mapping[str, Line]:
            return overwrites.cells(snapshot, found, key, sizes, glyphs)

        table.show_rows(TableRows(found.keys, cells), self._empty(snapshot) if arranged is not None else _ARRANGING)
        self._show_map(snapshot)

    def _show_map(self, snapshot: Snapshot) -> None:
        """Show whose the files are of the directory that is selected, else of that with the most contested files."""
        width, height = self.size
        self.set_class(width >= _BESIDE, "wide")
        lines = self.lines("owners")
        done = len(snapshot.wheels) - snapshot.totals.committed
        counts = (len(snapshot.overwrites), len(snapshot.restored), len(snapshot.conflicts), done)
        basis = (*counts, snapshot.over, self.jumps)
        self._basis = basis = self._basis if basis == self._basis else basis  # Throttled compares it by identity
        many = len(snapshot.wheels)
        owned = self._owned.latest(snapshot.session, basis, lambda: ownerships(snapshot), many) or ()
        wanted = self._maps if self._maps is not None else height >= SHORT
        lines.display = bool(owned) and wanted and not self.zoomed
        if not lines.display:
            return
        names = [one.directory for one in owned]
        path = overwrites.path_of(self._found, self.table.selected)
        selected = directory_of(path, roots(snapshot)) if path else ""
        place = names.index(selected) if selected in names else 0
        room, tall = width, 5 if height < SHORT else 7
        if width >= _BESIDE:
            room, tall = int(width * _SHARE), self.query_one("#split").size.height
        if (room, tall) != self._map_size:
            self._map_size = lines.styles.width, lines.styles.height = room, tall
        text = f"{place + 1} of {len(names)} directories" if len(names) > 1 else ""
        lines.show_lines(maps.pane(snapshot, owned[place], text, room, tall, self.glyphs))

    def no_owners(self) -> str:
        """No file is contested."""
        shot = self.snapshot
        return "" if shot.conflicts or shot.overwrites or shot.restored else "no two wheels ship the same file"

    def do_owners(self) -> None:
        """Show the map, or the table alone."""
        self._maps = not self.lines("owners").display
        self.refresh_view()

    def _empty(self, snapshot: Snapshot) -> Sequence[Line]:
        if self.filter:
            return [line((f"no file matches “{self.filter.text}”", "text")), line(("esc clears the filter", "dim"))]
        if over.failed(snapshot):
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
