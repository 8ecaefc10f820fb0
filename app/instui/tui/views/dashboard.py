"""The dashboard: one row for each wheel, and below them contention, wheels at work and throughput."""

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from instui.monitor.model import Snapshot
from instui.tui.dashboard_columns import chosen
from instui.tui.rows import comparison, over, recoveries, session_waits, wheels
from instui.tui.rows.gauges import gauges, height_of
from instui.tui.rows.keys import ENVIRONMENT, FOLD, is_session_wait, session_number
from instui.tui.rows.labels import blocker_of, waiters_of, wheel_label
from instui.tui.text.columns import TableRows
from instui.tui.text.pieces import Line, line, safe
from instui.tui.widgets.paint import Lines
from instui.tui.widgets.table import Table

from .overview import Overview
from .throttled import Throttled

_MARGIN = 2  # rows that are left for waits of the session and for the environment's lock


class DashboardView(Overview):
    """The dashboard: what every wheel is doing now."""

    scope = "wheels"
    heading = "Dashboard"
    about = "the wheels and what each does now"
    DEFAULT_CSS = """
    DashboardView #owners { display: none; margin: 1 0 0 0; }
    DashboardView.short #owners { margin: 0; }
    DashboardView #gauges { height: 1; }
    DashboardView.tiny #gauges { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._keys: Throttled[list[str]] = Throttled()
        self._asked = False  # whether the user has said which rows are to be shown
        self.gives_way = True  # to why it took so long: all its wheels are done
        self._compares = True  # a demonstration that has something to compare shows it
        self._compared: Throttled[comparison.Comparison | None] = Throttled()
        self._owners_height = 0

    def body(self) -> Iterable[Widget]:
        """Who owns what in a demonstration, the table of wheels, and the gauges."""
        yield Lines(self.glyphs, id="owners", classes="aside")
        yield Table(wheels.COLUMNS, self.glyphs, id="body")
        yield Lines(self.glyphs, id="gauges", classes="aside")

    def show_body(self, snapshot: Snapshot) -> None:
        """Fill the table and the gauges."""
        table, glyphs = self.table, self.glyphs
        if not self._asked:  # no row is folded away while there is room for it
            self.everything = len(snapshot.wheels) < table.size.height - _MARGIN
        query = wheels.WheelQuery(self.filter, self.everything, table.sort, table.reverse, table.selected)
        environment = snapshot.environment.state if snapshot.environment else ""
        waits = session_waits.present_keys(snapshot), session_waits.waiting_members(snapshot)
        state = (snapshot.over, environment, snapshot.recoveries, waits, self.jumps)
        # A selection that has a row already changes nothing, and ten thousand rows take a while.
        news = table.selected if table.position(table.selected) is None else ""
        key = (query._replace(selected=news), state)
        keys = self._keys.get(key, snapshot.wheels, lambda: wheels.keys(snapshot, query))
        width, height = self.size
        is_over = snapshot.finished is not None
        table.columns = wheels.columns(width, table.row_width, table.sort, snapshot.t, is_over, chosen())
        scaled = width >= wheels.SCALED
        rows = TableRows(keys, lambda key, sizes: wheels.cells(snapshot, key, sizes, glyphs, scaled))
        table.show_rows(rows, () if keys else self._empty(snapshot))
        shows_owners = self._show_owners(snapshot)
        panel, lines = height_of(width, height), self.lines("gauges")
        if shows_owners:
            panel = min(panel, 1 if height < 30 else 5)
        self.set_class(not panel, "tiny")
        if lines.styles.height is None or lines.styles.height.value != panel:
            lines.styles.height = panel
        lines.show_lines(gauges(snapshot, self.application.watched.log, width, panel, glyphs))

    def _show_owners(self, snapshot: Snapshot) -> bool:
        """Show whose the contested files are, if this is a demonstration of that."""
        totals = snapshot.totals
        basis = (snapshot.session, len(snapshot.conflicts), len(snapshot.overwrites), totals.committed, totals.running)
        compared = self._compared.get(basis, None, lambda: comparison.comparison(snapshot)) if self._compares else None
        lines = self.lines("owners")
        lines.display = compared is not None and not self.zoomed
        self.gives_way = compared is None
        if compared is None:
            return False
        width, height = self.size
        tall = comparison.height_of(compared, height)
        below = int(height >= 30)  # a blank line
        if tall + below != self._owners_height:
            lines.styles.height = self._owners_height = tall + below
        lines.show_lines(comparison.halves(compared, snapshot, width, tall, self.glyphs))
        return True

    def no_owners(self) -> str:
        """There is nothing to compare."""
        shown = self.lines("owners").display or not self._compares
        return "" if shown else "Overwrites shows whose each contested file is"

    def do_owners(self) -> None:
        """Show whose the contested files are, or the table alone."""
        self._compares = not self._compares
        self.refresh_view()

    def _empty(self, snapshot: Snapshot) -> Sequence[Line]:
        if self.filter:
            return [line((f"no wheel matches “{self.filter.text}”", "text")), line(("esc clears the filter", "dim"))]
        if snapshot.session is None:
            return [line(("waiting for the session to begin", "dim"))]
        if over.failed(snapshot):
            return over.why(snapshot, f"nothing was {snapshot.done}")
        if snapshot.finished:
            return [line((f"nothing was to be {snapshot.done}", "text")), *_satisfied(snapshot)]
        if snapshot.removes:
            return [line(("looking for what is to be removed", "dim"))]
        if not snapshot.resolving and not snapshot.wheels and not snapshot.requirements:
            return [line(("the session begins", "dim"))]
        if snapshot.resolving or not snapshot.wheels:
            asked = safe(", ".join(snapshot.requirements[:6])) + (" …" if len(snapshot.requirements) > 6 else "")
            return [
                line(("asking uv which wheels satisfy", "text"), (f" {asked}", "dim")),
                line((safe(snapshot.doings[-1].doing), "text")) if snapshot.doings else (),
                line(("the first wheel appears here as soon as the set is known", "dim")),
            ]
        return []

    @property
    def sortable(self) -> Sequence[str]:
        """Every column that has an order."""
        return tuple(wheels.SORTS)

    def moved(self) -> None:
        """Keep the selected wheel selected in the other views."""
        selected = self.table.selected
        if recoveries.is_recovery(selected):
            row = recoveries.of(self.snapshot, selected)
            selected = row.wheel if row and self.snapshot.wheel(row.wheel) else ""
        if is_session_wait(selected):
            place = session_waits.find(self.snapshot, selected)
            selected = place.waits[-1].wheel if place else ""
        is_wheel = selected not in (FOLD, ENVIRONMENT) and not session_number(selected)
        self.application.wheel = selected if is_wheel else ""

    def resumed(self) -> None:
        """Mark the row of the wheel that is selected."""
        if self.application.wheel:
            self.table.selected = self.application.wheel
            self.refresh_view()
            self.table.select(self.application.wheel if self.application.wheel in self.table.keys else "")

    def copied(self, key: str) -> str:
        """The wheel in a sentence."""
        return wheels.describe(self.snapshot, key)

    def no_open(self) -> str:
        """There are no rows."""
        return "" if self.table.keys else "no wheel yet"

    def no_all(self) -> str:
        """Every wheel has a row anyway."""
        shown = self.snapshot.finished is not None or not self.snapshot.wheels
        return "all wheels are shown" if shown and not self.filter else ""

    def do_all(self) -> None:
        """Show all wheels, or only those that are at work, wait or have failed."""
        self._asked = True
        super().do_all()

    def do_open(self) -> None:
        """Open the detail of the wheel, or show what is hidden."""
        key = self.table.selected or (self.table.keys[0] if self.table.keys else "")
        if key == FOLD:
            self.do_all()
        elif session_number(key):
            self.notice("open a wheel of it, or attach to it alone by its pid")
        elif key == ENVIRONMENT or is_session_wait(key):
            self.application.perform("view_locks")
        elif recoveries.is_recovery(key):
            self._open_recovery(key)
        elif key:
            self.application.open_wheel(key)

    def _open_recovery(self, key: str) -> None:
        row = recoveries.of(self.snapshot, key)
        if row is not None:
            self.application.open_wheel(row.wheel)
        else:
            self.application.show_events("state:recovery")

    def no_blocker(self) -> str:
        """No wheel is selected."""
        return "" if self.table.selected else "select a wheel first"

    no_waiters = no_blocker

    def do_blocker(self) -> None:
        """Select the wheel that the selected one waits for."""
        key, why = blocker_of(self.snapshot, self.table.selected)
        self._go(key, why, "blocks the one you came from")

    def do_waiters(self) -> None:
        """Select the first wheel that waits for the selected one."""
        snapshot = self.snapshot
        waiting = waiters_of(snapshot, self.table.selected)
        why = f"nobody waits for {wheel_label(snapshot, self.table.selected)}"
        self._go(waiting[0] if waiting else "", why, "waits for the one you came from")

    def _go(self, key: str, why: str, what: str) -> None:
        """Select a wheel and say what it is doing, or say why there is none."""
        if not key:
            self.notice(why)
            return
        if key not in self.table.keys:
            self._asked = self.everything = True
        self.table.selected = key
        self.refresh_view()
        self.table.select(key)
        self.moved()
        self.notice(f"{wheel_label(self.snapshot, key)} {what}")


def _satisfied(snapshot: Snapshot) -> Sequence[Line]:
    names = [safe(f"{row.name} {row.version}") for row in snapshot.satisfied[:8]]
    return [line(("installed already: ", "dim"), (", ".join(names), "dim"))] if names else []
