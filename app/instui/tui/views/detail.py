"""One wheel in detail: facts, phases, locks, overwrites and its events."""

from instui.monitor.model import Snapshot
from instui.tui.rows.detail import detail
from instui.tui.rows.labels import blocker_of, waiters_of, wheel_label
from instui.tui.text.columns import text_rows
from instui.tui.text.pieces import middle

from .pushed import PushedView


class DetailView(PushedView):
    """The detail: everything known about one wheel."""

    scope = "detail"
    heading = "detail"
    without = frozenset({"open"})

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def show_body(self, snapshot: Snapshot) -> None:
        """Show the wheel as it is now."""
        lines = detail(snapshot, self.key, self.size.width - 4, self.glyphs, self.application.watched.log)
        self.table.show_rows(text_rows(lines))

    def title_of(self, snapshot: Snapshot, width: int) -> str:
        """Name and version."""
        return middle(wheel_label(snapshot, self.key), width)

    def do_blocker(self) -> None:
        """Show the detail of the wheel in the way."""
        key, why = blocker_of(self.snapshot, self.key)
        self._turn_to(key, why)

    def do_waiters(self) -> None:
        """Show the detail of the first wheel that waits for this one."""
        waiting = waiters_of(self.snapshot, self.key)
        self._turn_to(waiting[0] if waiting else "", "nobody waits for it")

    def _turn_to(self, key: str, why: str) -> None:
        """Show the detail of another wheel, or say why there is none."""
        if not key:
            self.notice(why)
            return
        self.key = self.application.wheel = key
        self.refresh_view()
        self.table.scroll_to(y=0, animate=False, force=True, immediate=True)
        self.table.refresh()
