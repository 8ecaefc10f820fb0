"""The view of one overwritten file: its old and new owner, and the difference between the two contents."""

import threading
from contextlib import suppress

from textual.message import Message

from instui.monitor.model import Snapshot
from instui.overwritten.content import read_content
from instui.overwritten.difference import Difference, FileContent, compare
from instui.overwritten.files import OverwrittenFile, paths
from instui.tui.rows.labels import lock_label
from instui.tui.rows.overwritten_file import lines_of
from instui.tui.text.columns import NO_ROWS, TableRows, text_rows
from instui.tui.text.pieces import Line, middle, plain, safe

from .pushed import PushedView


class DiffView(PushedView):
    """The difference in one overwritten file.

    A thread reads and compares the two contents, and nothing waits for it: a network file system may be slow, and the
    program may end before it answers.
    """

    scope = "diff"
    heading = "diff"

    class Compared(Message):
        """The contents have been read and compared."""

        def __init__(self, difference: Difference) -> None:
            self.difference = difference
            super().__init__()

    def __init__(self, file: OverwrittenFile) -> None:
        super().__init__()
        self.file = file
        self.difference: Difference | None = None
        self._stopped = threading.Event()
        self._basis: object = None  # the basis of the lines shown
        self._lines_shown: list[Line] = []
        self._rows: TableRows = NO_ROWS

    def on_mount(self) -> None:
        """Start to read."""
        session = self.snapshot.session
        threading.Thread(target=self._read, args=(session.top if session else "",), name="diff", daemon=True).start()

    def on_unmount(self) -> None:
        """Let the thread end: its result is no longer needed."""
        self._stopped.set()

    def _read(self, top: str) -> None:
        stopped = self._stopped.is_set
        old, new = (read_content(top, path, stopped) if path else FileContent() for path in paths(self.file))
        difference = compare(old, new)
        if not stopped():
            with suppress(RuntimeError):  # the program has ended
                self.post_message(self.Compared(difference))

    def on_diff_view_compared(self, message: Compared) -> None:
        """Show the difference."""
        self.difference = message.difference
        self.refresh_view()

    def show_body(self, snapshot: Snapshot) -> None:
        """Show the facts and, below them, the difference; they are made again only if something has changed."""
        width = self.size.width - 3
        basis = (width, self.difference, snapshot.session)
        if basis != self._basis:
            self._basis = basis
            self._lines_shown = lines_of(snapshot, self.file, self.difference, width)
            self._rows = text_rows(self._lines_shown)
        self.table.show_rows(self._rows)

    def title_of(self, snapshot: Snapshot, width: int) -> str:
        """The path."""
        return middle(lock_label(snapshot, self.file.path), width)

    def copied(self, key: str) -> str:
        """The line with its sign and its indentation."""
        lines = self._lines_shown
        return plain(lines[int(key)]) if int(key) < len(lines) else ""

    def no_open(self) -> str:
        """Another session installs the wheel."""
        return "" if self.snapshot.wheel(self.file.wheel) else f"{safe(self.file.new)} is not part of this session"

    def do_open(self) -> None:
        """Show the wheel that wrote the file."""
        self.application.open_wheel(self.file.wheel)
