"""The dashboard: a row a wheel, and below it contention, workers and throughput."""

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from instui.monitor.model import Snapshot
from instui.tui.actions import WHEELS
from instui.tui.rows import recoveries as recoveryrows
from instui.tui.rows import wheels as wheelrows
from instui.tui.rows.keys import ENVIRONMENT
from instui.tui.rows.labels import blocker_of, waiters_of, wheel_label
from instui.tui.rows.strip import strip
from instui.tui.text.columns import Rows
from instui.tui.text.pieces import Line, line
from instui.tui.views.throttled import Paced
from instui.tui.widgets.paint import Lines
from instui.tui.widgets.table import Table

from .view import View


class DashboardView(View):
    """What every wheel does now."""

    scope = WHEELS
    DEFAULT_CSS = """
    DashboardView #strip { height: 5; }
    DashboardView.narrow #strip { height: 1; }
    DashboardView.tiny #strip { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._keys: Paced[list[str]] = Paced()

    def body(self) -> Iterable[Widget]:
        """Wheels and strip."""
        yield Table(wheelrows.COLUMNS, self.owner.glyphs, id="body")
        yield Lines(self.owner.glyphs, id="strip", classes="aside")

    def show_body(self, snapshot: Snapshot) -> None:
        """Rows and diagrams."""
        table, glyphs = self.query_one(Table), self.owner.glyphs
        wish = wheelrows.Wish(self.wanted, self.everything, table.sort, table.reverse, table.selected)
        environment = snapshot.environment.state if snapshot.environment else ""
        state = (bool(snapshot.finished), environment, snapshot.recoveries)
        keys = self._keys.get((wish, state), snapshot.wheels, lambda: wheelrows.keys(snapshot, wish))
        rows = Rows(keys, lambda key, sizes: wheelrows.cells(snapshot, key, sizes, glyphs))
        table.show_rows(rows, self._empty(snapshot))
        width, height = self.size
        self.set_class(width < 100 or height < 24, "narrow")
        self.set_class(height < 20, "tiny")
        lines = strip(snapshot, width if height >= 24 else min(width, 99), glyphs)
        self.query_one("#strip", Lines).show_lines(lines)

    def _empty(self, snapshot: Snapshot) -> Sequence[Line]:
        if self.wanted:
            return [line((f"no wheel matches “{self.wanted.text}”", "text")), line(("esc clears the filter", "dim"))]
        if snapshot.session is None:
            return [line(("waiting for the session to begin", "dim"))]
        if snapshot.finished:
            done = "removed" if snapshot.removes else "installed"
            return [line((f"nothing was to be {done}", "text")), *_satisfied(snapshot)]
        if snapshot.removes:
            return [line(("looking for what is to be removed", "dim"))]
        if not snapshot.resolving and not snapshot.wheels and not snapshot.requirements:
            return [line(("the session begins", "dim"))]
        if snapshot.resolving or not snapshot.wheels:
            wishes = ", ".join(snapshot.requirements[:6]) + (" …" if len(snapshot.requirements) > 6 else "")
            return [
                line(("asking uv which wheels satisfy", "text"), (f" {wishes}", "dim")),
                line(("the first wheel appears here as soon as the set is known", "dim")),
            ]
        return []

    @property
    def sortable(self) -> Sequence[str]:
        """All columns that have an order."""
        return tuple(wheelrows.SORTS)

    def moved(self) -> None:
        """The selected wheel goes with the user into other views."""
        selected = self.table.selected
        if recoveryrows.is_recovery(selected):
            row = recoveryrows.of(self.owner.monitor.shown, selected)
            selected = row.wheel if row and self.owner.monitor.shown.wheel(row.wheel) else ""
        self.owner.wheel = "" if selected in (wheelrows.FOLD, ENVIRONMENT) else selected

    def copied(self, key: str) -> str:
        """A wheel in a sentence."""
        return wheelrows.describe(self.owner.monitor.shown, key)

    def do_open(self) -> None:
        """The wheel in detail, or what is folded away."""
        key = self.table.selected or (self.table.keys[0] if self.table.keys else "")
        if key == wheelrows.FOLD:
            self.do_all()
        elif key == ENVIRONMENT:
            self.owner.perform("view_2")
        elif recoveryrows.is_recovery(key):
            self._open_recovery(key)
        elif key:
            self.owner.open_wheel(key)
        else:
            self.notice("no wheel yet")

    def _open_recovery(self, key: str) -> None:
        row = recoveryrows.of(self.owner.monitor.shown, key)
        if row is not None:
            self.owner.open_wheel(row.wheel)
        else:
            self.owner.show_events("state:recovery")

    def do_blocker(self) -> None:
        """To the wheel in the way."""
        key, why = blocker_of(self.owner.monitor.shown, self.table.selected)
        self._go(key, why, "blocks the one you came from")

    def do_waiters(self) -> None:
        """To who waits for the selected wheel."""
        snapshot = self.owner.monitor.shown
        waiting = waiters_of(snapshot, self.table.selected)
        why = f"nobody waits for {wheel_label(snapshot, self.table.selected)}" if self.table.selected else ""
        self._go(waiting[0] if waiting else "", why or "select a wheel first", "waits for the one you came from")

    def _go(self, key: str, why: str, told: str) -> None:
        if not key:
            self.notice(why)
            return
        if key not in self.table.keys:
            self.everything = True
        self.table.selected = key
        self.refresh_view()
        self.table.select(key)
        self.moved()
        self.notice(f"{wheel_label(self.owner.monitor.shown, key)} {told}")


def _satisfied(snapshot: Snapshot) -> Sequence[Line]:
    names = [f"{row.name} {row.version}" for row in list(snapshot.satisfied)[:8]]
    return [line(("installed already: ", "dim"), (", ".join(names), "dim"))] if names else []
