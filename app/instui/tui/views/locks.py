"""The Locks view: claimed paths, their holders and waiters, in three groupings; below, the history of one lock."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from textual.widget import Widget

from instui.monitor import units
from instui.monitor.model import Snapshot
from instui.tui.rows import chains, locks, locks_by_wheel, over, session_waits
from instui.tui.rows.frame import News
from instui.tui.rows.keys import ENVIRONMENT, FOLD, About, closest
from instui.tui.rows.labels import blocker_of, holder_label, lock_label, own_holder, waiters_of, wheel_label
from instui.tui.rows.lock_history import lanes
from instui.tui.rows.locks import LockQuery
from instui.tui.text.columns import Column, TableRows
from instui.tui.text.pieces import Line, Piece, line, safe, spread, trimmed, width_of
from instui.tui.widgets.paint import Lines
from instui.tui.widgets.table import Table
from instui_engine.values import NamedTuple

from .overview import Overview
from .throttled import Throttled

LANES = 6  # lines of the history on a tall screen, including its title


class Grouping(NamedTuple):
    """A grouping of the locks. `arrange` gives the rows and their subjects, `cells` the cells of one row."""

    id: str
    title: str
    columns: Sequence[Column]
    sorts: Sequence[str]
    arrange: Callable[[Snapshot, LockQuery], Any]
    cells: Callable[..., Mapping[str, Line]]


GROUPINGS = (
    Grouping("lock", "by lock", locks.COLUMNS, tuple(locks.SORTS), locks.arrange, locks.cells),
    Grouping(
        "wheel",
        "by wheel",
        locks_by_wheel.COLUMNS,
        tuple(locks_by_wheel.SORTS),
        locks_by_wheel.arrange,
        locks_by_wheel.cells,
    ),
    Grouping("chain", "wait chains", chains.COLUMNS, (), chains.arrange, chains.cells),
)


class LocksView(Overview):
    """The Locks view: which path is held by whom, and who waits for it."""

    scope = "locks"
    heading = "Locks"
    about = "which path is held by whom, and who waits for it"
    unsorted = "the longest wait comes first here"
    DEFAULT_CSS = """
    LocksView #lane { height: 7; }
    LocksView.low #lane { height: 5; }
    LocksView.tiny #lane { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.grouping = GROUPINGS[0]
        self._found: Throttled[Any] = Throttled()
        self._lanes: Throttled[list[Line]] = Throttled()
        self._rows: Mapping[str, About] = {}
        self._paths: set[str] = set()  # that the rows are about
        self._about = About()  # what the user selected last; another grouping selects the row with the same subject

    @classmethod
    def news(cls, snapshot: Snapshot) -> News:
        """How many wait, this session among them."""
        return News(len(snapshot.waiting) + sum(wait.end is None for wait in snapshot.session_waits), "wait")

    def body(self) -> Iterable[Widget]:
        """The table, and the history of one lock."""
        yield Table(locks.COLUMNS, self.glyphs, id="body")
        yield Lines(self.glyphs, id="lane", classes="aside")

    def show_body(self, snapshot: Snapshot) -> None:
        """Fill the table and the history."""
        table, glyphs, grouping = self.table, self.glyphs, self.grouping
        found = self._look(snapshot)
        keys = found.keys
        rows = TableRows(keys, lambda key, sizes: grouping.cells(snapshot, found, key, sizes, glyphs))
        table.show_rows(rows, () if keys else self._empty(snapshot))
        self.set_class(self.size.height < 30, "low")
        self.set_class(self.size.height < 22, "tiny")
        self._show_lane(snapshot)

    def _look(self, snapshot: Snapshot) -> Any:
        table, grouping = self.table, self.grouping
        query = LockQuery(self.filter, self.everything, table.sort, table.reverse, self._about)
        state = (snapshot.environment.state if snapshot.environment else "", snapshot.session_waits)
        basis = snapshot.locks if grouping is GROUPINGS[0] else snapshot.wheels
        # Whatever is selected has a row already, so a selection alone arranges nothing anew: with ten thousand wheels
        # that takes half a second.
        key = (
            grouping.id,
            query._replace(about=About()),
            state,
            snapshot.finished is None,
            self.jumps,
        )
        found = self._found.get(key, basis, lambda: grouping.arrange(snapshot, query))
        if found.rows is not self._rows:
            self._rows, self._paths = found.rows, {row.path for row in found.rows.values()}
        return found

    def _show_lane(self, snapshot: Snapshot) -> None:
        path = self._row.path or self._about.path or self._interesting(snapshot)
        width, glyphs = self.size.width, self.glyphs
        if not path:
            self.lines("lane").show_lines([])
            return

        def make() -> list[Line]:
            return lanes(snapshot, path, width - 2, LANES if self.size.height >= 30 else LANES - 2, glyphs)

        found = self._lanes.get((path, width, len(snapshot.waiting), self.jumps), snapshot, make)
        rule: Line = (Piece(glyphs.rule * width, "rule"),)
        self.lines("lane").show_lines([rule, *((Piece(" "), *lane) for lane in found)])

    @property
    def _row(self) -> About:
        """The subject of the selected row."""
        return self._rows.get(self.table.selected, About())

    def _interesting(self, snapshot: Snapshot) -> str:
        """The lock whose history is shown without a selection: the most contended one among the rows."""
        if snapshot.environment is not None and snapshot.environment.state == "waiting":
            return ENVIRONMENT
        most = [lock.path for lock in locks.most_contended(snapshot, len(snapshot.contended))]
        planned = sorted(snapshot.collisions, key=lambda path: snapshot.lock_index[path])
        return next((path for path in (*most, *planned) if path in self._paths), "")

    def tabs(self, snapshot: Snapshot, width: int) -> Line:
        """The tabs and, beside them, the groupings."""
        tabs = trimmed(super().tabs(snapshot, width))
        choices = [
            Piece(f" {grouping.title} ", "accent" if grouping is self.grouping else "dim", "group")
            for grouping in GROUPINGS
        ]
        every = (Piece("v ", "key", "group"), *choices, Piece(" "))
        if width_of(tabs) + width_of(every) >= width:
            every = (Piece("v ", "key", "group"), Piece(f"{self.grouping.title} ", "accent", "group"))
        return spread(tabs, every if width_of(tabs) + width_of(every) < width else (), width)

    def _empty(self, snapshot: Snapshot) -> Sequence[Line]:
        if self.filter:
            return [
                line((f"nothing here matches “{self.filter.text}”", "text")),
                line(("esc clears the filter", "dim")),
            ]
        if not snapshot.planned and not snapshot.locks:
            if over.failed(snapshot):
                return over.why(snapshot, "no path was locked")
            if snapshot.finished:
                return [line(("no path was locked", "text")), line(("there was nothing to write", "dim"))]
            return [
                line(("no locks yet", "text")),
                line(("each wheel locks the paths that it will write, once all of them are unpacked", "dim")),
            ]
        waits = len(snapshot.waits)
        if waits and not snapshot.finished and self.grouping is GROUPINGS[2]:
            return [line(("nobody waits now", "commit")), line(("a shows the waits that are over", "dim"))]
        claims = sum(lock.claims_x + lock.claims_ix > 0 for lock in snapshot.locks)
        collisions = len(snapshot.collisions)
        if collisions and not snapshot.finished:
            return [
                line(("nobody waits yet", "text")),
                line((f"{collisions} of {claims} paths to be locked are wanted by more than one wheel", "dim")),
            ]
        lock = snapshot.environment
        if lock is not None and lock.waited >= 0.05:
            return [
                line(("no wheel waited for another", "commit")),
                line((f"all of the session waited {units.seconds(lock.waited)} for {safe(lock.path)}", "dim")),
            ]
        return [
            line(("no contention", "commit")),
            line((_all_well(snapshot, claims), "dim")),
            line(("a shows everything", "dim")),
        ]

    @property
    def sortable(self) -> Sequence[str]:
        """The sortable columns of the grouping; sorted locks are not a tree."""
        return self.grouping.sorts

    def matches(self) -> list[str]:
        """The matching rows, without the directories above them that are shown only for the tree."""
        return [key for key in super().matches() if not self._is_context(key)]

    def _is_context(self, key: str) -> bool:
        snapshot = self.snapshot
        lock = snapshot.lock(key) if self.grouping is GROUPINGS[0] else None
        return lock is not None and not self.filter.keeps(lambda: locks.fields(lock, snapshot))

    def footer_labels(self) -> dict[str, str]:
        """The label of the key for the grouping: what it shows next."""
        following = GROUPINGS[(GROUPINGS.index(self.grouping) + 1) % len(GROUPINGS)]
        return super().footer_labels() | {"group": following.title}

    def do_group(self) -> None:
        """Show the next grouping; the selection keeps its subject."""
        self.grouping = GROUPINGS[(GROUPINGS.index(self.grouping) + 1) % len(GROUPINGS)]
        table = self.table
        table.columns, table.sort, table.reverse = self.grouping.columns, "", False
        found = self._look(self.snapshot)
        table.selected = closest(self._about, found.rows)
        self.refresh_view()
        table.select(table.selected)
        table.refresh()
        self.notice(self.grouping.title)

    def no_open(self) -> str:
        """No row is selected."""
        return "" if self.table.selected else "select a row first (j, k or a click)"

    no_blocker = no_waiters = no_open

    def do_open(self) -> None:
        """Open the detail of the wheel that waits in this row, or that holds the lock."""
        snapshot, row = self.snapshot, self._row
        if row.wheel and snapshot.wheel(row.wheel):
            self.application.open_wheel(row.wheel)
        elif self.table.selected == FOLD:
            self.do_all()
        else:
            self.notice(self._who_else(row.path) or "no wheel holds this lock now; its history is below")

    def moved(self) -> None:
        """Keep the wheel of the row selected in the other views."""
        self._about = self._row
        self.application.wheel = self._row.wheel or self.application.wheel

    def resumed(self) -> None:
        """Mark a row about the wheel that is selected, unless the present one is."""
        wheel = self.application.wheel
        if wheel and self._row.wheel != wheel and (self._row.wheel or not self.table.selected):
            self._about = About("", wheel)
            key = closest(self._about, self._look(self.snapshot).rows)
            self.table.select(key if key and self._rows[key].wheel == wheel else "")

    def do_blocker(self) -> None:
        """Go to the wheel that holds the selected lock, or that the selected wheel waits for."""
        snapshot, row = self.snapshot, self._row
        if self.grouping is GROUPINGS[0]:
            lock = snapshot.lock(row.path)
            holder = own_holder(snapshot, lock) if lock else ""
            if holder:
                self.application.show_wheel(
                    holder, f"{wheel_label(snapshot, holder)} holds {lock_label(snapshot, row.path)}"
                )
            else:
                self.notice(self._who_else(row.path) or "nobody holds it now")
        else:
            key, why = blocker_of(snapshot, row.wheel)
            self._go(key, self._who_else(row.path) or why)

    def _who_else(self, path: str) -> str:
        """A sentence that names the holder outside this session; "" if there is none."""
        snapshot = self.snapshot
        if path == ENVIRONMENT and snapshot.environment is not None:
            holders = snapshot.environment.holders if snapshot.environment.state == "waiting" else ()
        elif place := session_waits.find(snapshot, path):
            holders = place.present.holders if place.present else ()
        else:
            lock = snapshot.lock(path)
            holders = lock.foreign if lock is not None and not lock.holders else ()
        who = ", ".join(holder_label(snapshot, holder) for holder in holders)
        return f"held from outside this session, by {who}" if who else ""

    def do_waiters(self) -> None:
        """Go to the first waiter for the selected lock or wheel; from a waiter, to the next one."""
        if self.grouping is GROUPINGS[0]:
            self._next_waiter(self._row.path)
        else:
            snapshot, wheel = self.snapshot, self._row.wheel
            waiting = waiters_of(snapshot, wheel)
            who = wheel_label(snapshot, wheel) if wheel else "it"
            self._go(waiting[0] if waiting else "", f"nobody waits for {who}")

    def _next_waiter(self, path: str) -> None:
        rows = [key for key, row in self._rows.items() if row.path == path and key != path and key != ENVIRONMENT]
        if not rows:
            self.notice("nobody waits here")
            return
        position = rows.index(self.table.selected) + 1 if self.table.selected in rows else 0
        self.select(rows[position % len(rows)])

    def _go(self, wheel: str, why: str) -> None:
        """Select the row of a wheel in this grouping, or say why that is impossible."""
        key = closest(About(self._row.path, wheel), self._rows) if wheel else ""
        if key and self._rows[key].wheel == wheel:
            self.select(key)
        else:
            self.notice(why if not wheel else "its row is not shown; a shows everything")


def _all_well(snapshot: Snapshot, claims: int) -> str:
    """What is said of so many claimed paths for which nobody waited."""
    if not snapshot.over:
        return f"{claims} paths are to be locked, and no two wheels want the same one"
    locked = sum(lock.acquisitions > 0 for lock in snapshot.locks)
    were = f"{locked} of {claims} paths were locked" if locked else f"{claims} paths were to be locked"
    return f"{were}, and no wheel waited for another"
