"""The Locks view: the tree of claimed paths, and the history of the selected one."""

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from instui.model import Snapshot

from . import lockrows
from .actions import LOCKS
from .labels import lock_label, own_holder, wheel_label
from .pace import Paced
from .paint import Lines
from .pieces import Line, Piece, line
from .table import Rows, Table
from .view import View

LANES = 6  # lines of the history on a tall screen, its title included


class LocksView(View):
    """Which path is held by whom, and who waits for it."""

    scope = LOCKS
    DEFAULT_CSS = """
    LocksView #lane { height: 7; }
    LocksView.low #lane { height: 5; }
    LocksView.tiny #lane { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._tree: Paced[lockrows.Tree] = Paced()
        self._lanes: Paced[list[Line]] = Paced()

    def body(self) -> Iterable[Widget]:
        """Tree and history."""
        yield Table(lockrows.COLUMNS, self.owner.glyphs, id="body")
        yield Lines(self.owner.glyphs, id="lane", classes="aside")

    def show_body(self, snapshot: Snapshot) -> None:
        """Rows and lanes."""
        table, glyphs = self.query_one(Table), self.owner.glyphs
        wish = lockrows.Wish(self.wanted, self.everything, table.sort, table.reverse, table.selected)
        state = snapshot.environment.state if snapshot.environment else ""
        tree = self._tree.get((wish, state), snapshot.locks, lambda: lockrows.tree(snapshot, wish))
        keys = tree.keys if any(key != lockrows.FOLD for key in tree.keys) else []
        rows = Rows(keys, lambda key, sizes: lockrows.cells(snapshot, tree, key, sizes, glyphs))
        table.show_rows(rows, self._empty(snapshot))
        self.set_class(self.size.height < 30, "low")
        self.set_class(self.size.height < 22, "tiny")
        self._show_lane(snapshot, tree)

    def _show_lane(self, snapshot: Snapshot, tree: lockrows.Tree) -> None:
        path = self._path() or self._interesting(snapshot, tree)
        width, glyphs = self.size.width, self.owner.glyphs
        if not path:
            self._lines("lane").show_lines([])
            return

        def make() -> list[Line]:
            return lockrows.lanes(snapshot, path, width - 2, LANES if self.size.height >= 30 else LANES - 2, glyphs)

        lanes = self._lanes.get((path, width, len(snapshot.waiting)), snapshot, make)
        rule: Line = (Piece(glyphs.rule * width, "faint"),)
        self._lines("lane").show_lines([rule, *((Piece(" "), *lane) for lane in lanes)])

    def _path(self) -> str:
        return self.table.selected.partition("\0")[0]

    def _interesting(self, snapshot: Snapshot, tree: lockrows.Tree) -> str:
        """Without a selection the lock that matters most among those that are shown."""
        most = lockrows.most_contended(snapshot, len(snapshot.locks))
        collisions = (lock for lock in snapshot.locks if lock.collision)
        return next((lock.path for lock in (*most, *collisions) if lock.path in tree.names), "")

    def _empty(self, snapshot: Snapshot) -> Sequence[Line]:
        if self.wanted:
            return [line((f"no lock matches “{self.wanted.text}”", "text")), line(("esc clears the filter", "dim"))]
        if not snapshot.planned and not snapshot.locks:
            return [
                line(("no claims yet", "text")),
                line(("each wheel claims the paths that it will write, once all of them are unpacked", "dim")),
            ]
        claims = sum(lock.claims_x + lock.claims_ix > 0 for lock in snapshot.locks)
        return [
            line(("no contention", "commit")),
            line((f"{claims} paths are claimed, and no two wheels want the same one", "dim")),
            line(("a shows all claims", "dim")),
        ]

    @property
    def sortable(self) -> Sequence[str]:
        """All columns; sorted locks are a flat list."""
        return tuple(lockrows.SORTS)

    def do_open(self) -> None:
        """The wheel that waits in this row, or that holds the lock."""
        key = self._wheel()
        if key:
            self.owner.open_wheel(key)
        elif self.table.selected == lockrows.FOLD:
            self.do_all()
        else:
            self.notice("no wheel holds this lock now; its history is below" if self._path() else "select a lock first")

    def _wheel(self) -> str:
        path, _, waiter = self.table.selected.partition("\0")
        lock = self.owner.monitor.shown.lock(path) if path else None
        return waiter if path and waiter else own_holder(self.owner.monitor.shown, lock) if lock else ""

    def moved(self) -> None:
        """The wheel of the row goes with the user into other views."""
        self.owner.wheel = self._wheel() or self.owner.wheel

    def do_blocker(self) -> None:
        """To the wheel that holds the selected lock."""
        snapshot = self.owner.monitor.shown
        lock = snapshot.lock(self._path())
        holder = own_holder(snapshot, lock) if lock else ""
        if holder:
            self.owner.show_wheel(holder, f"{wheel_label(snapshot, holder)} holds {lock_label(snapshot, self._path())}")
        else:
            self.notice("nobody holds it now" if lock else "select a lock first")

    def do_waiters(self) -> None:
        """To the first row of those who wait for the selected lock, or the next one."""
        lock = self.owner.monitor.shown.lock(self._path())
        if lock is None or not lock.waiters:
            self.notice("nobody waits here" if lock else "select a lock first")
            return
        rows = [f"{lock.path}\0{waiter.wheel}" for waiter in lock.waiters]
        position = rows.index(self.table.selected) + 1 if self.table.selected in rows else 0
        self.table.select(rows[position % len(rows)])
        self.moved()
        self.refresh_view()
