"""One wheel in detail: facts, phases, locks, overwrites and its events."""

from collections.abc import Sequence
from contextlib import suppress
from threading import Thread

from textual.message import Message

from instui.monitor.build_log import last_lines, log_of
from instui.monitor.model import Snapshot
from instui.tui.rows.detail import detail
from instui.tui.rows.labels import blocker_of, waiters_of, wheel_label
from instui.tui.text.columns import text_rows
from instui.tui.text.pieces import middle

from .pushed import PushedView

_OUTPUT = 20  # lines of a build that are shown


class DetailView(PushedView):
    """The detail: everything known about one wheel."""

    scope = "detail"
    heading = "detail"
    without = frozenset({"open"})

    class OutputRead(Message):
        """The end of a build's log has been read."""

        def __init__(self, path: str, lines: Sequence[str]) -> None:
            self.path = path
            self.lines = lines
            super().__init__()

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key
        self._output: tuple[str, Sequence[str]] = ("", ())  # the path of a log, and its last lines
        self._wanted: tuple[str, str] = ("", "")  # what was read last, or is being read: a log, up to which line
        self._is_reading = False

    def show_body(self, snapshot: Snapshot) -> None:
        """Show the wheel as it is now."""
        path = self._follow(snapshot)
        output = self._output[1] if path and self._output[0] == path else ()
        log = self.application.watched.log
        self.table.show_rows(text_rows(detail(snapshot, self.key, self.size.width - 4, self.glyphs, log, output)))

    def _follow(self, snapshot: Snapshot) -> str:
        """The path of the log of its build, which is read again if there are more lines: by a thread, as it may take
        a while."""
        path, wheel = log_of(snapshot, self.key), snapshot.wheel(self.key)
        if not path or wheel is None or wheel.build is None:
            return ""
        wanted = path, f"{wheel.phase.value} {wheel.build.line}"
        if wanted != self._wanted and not self._is_reading:
            self._wanted, self._is_reading = wanted, True
            Thread(target=self._read, args=(path,), name="build log", daemon=True).start()
        return path

    def _read(self, path: str) -> None:
        lines = last_lines(path, _OUTPUT)
        with suppress(RuntimeError):  # the program has ended
            self.post_message(self.OutputRead(path, lines))

    def on_detail_view_output_read(self, message: OutputRead) -> None:
        """Show what was read."""
        self._is_reading = False
        self._output = message.path, message.lines
        self.refresh_view()

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
