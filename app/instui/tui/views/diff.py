"""One overwritten file: who had it, who has it, and what differs between the two texts."""

import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress

from textual.message import Message
from textual.widget import Widget

from instui.monitor import units
from instui.monitor.model import Snapshot
from instui.tui.actions import DIFF
from instui.tui.rows.difference import Content, Difference, compare, laid
from instui.tui.rows.labels import lock_label
from instui.tui.rows.overwrites import File
from instui.tui.text.columns import Column, Rows
from instui.tui.text.pieces import Line, fit, line, middle, plain, safe
from instui.tui.views.file_content import read
from instui.tui.widgets.table import Table

from .view import View

COLUMNS = (Column("text", "", 10, weight=1),)


class DiffView(View):
    """Pushed on top of the overwrites; esc goes back.

    The files are read and compared in a thread, which the screen does not wait for: a network file system may take
    its time, and the program may end before it answers.
    """

    scope = DIFF

    class Compared(Message):
        """The files have been read."""

        def __init__(self, difference: Difference) -> None:
            self.difference = difference
            super().__init__()

    def __init__(self, file: File) -> None:
        super().__init__()
        self.file = file
        self.difference: Difference | None = None
        self._stopped = threading.Event()
        self._laid: tuple[object, list[Line]] = (None, [])

    def body(self) -> Iterable[Widget]:
        """Lines of text."""
        yield Table(COLUMNS, self.owner.glyphs, id="body")

    def on_mount(self) -> None:
        """Begin to read."""
        session = self.owner.monitor.shown.session
        threading.Thread(target=self._read, args=(session.top if session else "",), name="diff", daemon=True).start()

    def on_unmount(self) -> None:
        """Nobody waits for it any longer."""
        self._stopped.set()

    def _read(self, top: str) -> None:
        stopped = self._stopped.is_set
        difference = compare(*(read(top, path, stopped) if path else Content() for path in paths(self.file)))
        if not stopped():
            with suppress(RuntimeError):  # the program has ended
                self.post_message(self.Compared(difference))

    def on_diff_view_compared(self, message: Compared) -> None:
        """Show it."""
        self.difference = message.difference
        self.refresh_view()

    def show_body(self, snapshot: Snapshot) -> None:
        """The facts, and under them the difference."""
        width = self.size.width - 3
        basis = (width, self.difference, snapshot.session)
        if basis != self._laid[0]:
            self._laid = basis, lines_of(snapshot, self.file, self.difference, width)
        lines = self._laid[1]

        def cells(key: str, _: Mapping[str, int]) -> Mapping[str, Line]:
            return {"": lines[int(key)]} if int(key) < len(lines) else {}

        table = self.query_one(Table)
        keys = table.keys if len(table.keys) == len(lines) else [str(number) for number in range(len(lines))]
        table.show_rows(Rows(keys, cells))

    def _tabs(self, snapshot: Snapshot, width: int) -> Line:
        title = f" {middle(lock_label(snapshot, self.file.path), max(width - 25, 8))} "
        back = ((" ", "text"), (title, "chosen"), ("  ", "text"))
        return fit((*line(*back), *_BACK), width)

    def copied(self, key: str) -> str:
        """The line with its sign and indentation."""
        lines = self._laid[1]
        return plain(lines[int(key)]) if int(key) < len(lines) else ""

    def do_back(self) -> None:
        """To the overwrites."""
        if self.zoomed:
            self.do_zoom()
        else:
            self.dismiss()

    def do_open(self) -> None:
        """The wheel that wrote the file."""
        wheel = self.file.wheel
        if self.owner.monitor.shown.wheel(wheel):
            self.owner.open_wheel(wheel)
        else:
            self.notice(f"{safe(self.file.new)} is not part of this session")


_BACK = fit(line(("esc", "key"), (" back to the list", "dim")), 20)


def paths(file: File) -> tuple[str, str]:
    """Where the old and the new content are, "" for one that is nowhere."""
    if file.back:
        return "", file.path
    if file.t < 0:  # planned, or given up
        return file.path, ""
    return file.kept, file.moved or file.path


def lines_of(snapshot: Snapshot, file: File, difference: Difference | None, width: int) -> list[Line]:
    """All that is known of an overwritten file, as lines."""
    old, new = (difference.old, difference.new) if difference else (Content(), Content())
    here = _place(snapshot, file.path, width)
    lines: list[Line] = [line(("path       ", "dim"), (middle(safe(file.path), width - 11), "text"))]
    lines += _side("old owner", file.old or "nobody", old, difference, _old_place(file, width), width)
    lines += _side("new owner", file.new or "nobody", new, difference, _new_place(file, here, width), width)
    lines.append(())
    if difference is None:
        return [*lines, line(("reading …", "dim"))]
    if file.back:
        return [*lines, line(("the file that had been overwritten is back", "commit"))]
    if file.same:
        return [*lines, line(("same content", "commit"), (", so only one of them is there", "dim"))]
    if file.t < 0:
        told = "it was not replaced" if snapshot.finished else "not replaced yet; there is nothing to compare"
        return [*lines, line((told, "dim"))]
    style = "commit" if difference.verdict == "same content" else "text"
    lines.append(line((difference.verdict, style)))
    return [*lines, *([()] if difference.rows else []), *laid(difference, width)]


def _place(snapshot: Snapshot, path: str, width: int) -> str:
    return middle(lock_label(snapshot, path), max(width - 40, 12))


def _old_place(file: File, width: int) -> str:
    if file.back:
        return "its own is gone"
    if file.t < 0:
        return "as it is now"
    if file.kept:
        return f"kept in {middle(safe(file.kept), max(width - 20, 12))}"
    return "not kept, as the new one is equal" if file.same else "not kept"


def _new_place(file: File, here: str, width: int) -> str:
    if file.t < 0:
        return f"to come at {here}"
    if file.moved:
        return f"replaced in turn, and kept in {middle(safe(file.moved), max(width - 50, 12))}"
    return "as it is now"


def _side(
    title: str, owner: str, content: Content, difference: Difference | None, place: str, width: int
) -> Iterable[Line]:
    yield line((f"{title:<11}", "dim"), (middle(safe(owner), width - 11), "strong"))
    facts = place
    if difference is not None and (content.there or content.why):
        facts = f"{place}: {content.why}" if not content.there else f"{units.size(content.size)}, {place}"
    yield line((" " * 11, "dim"), (middle(facts, width - 11), "text" if content.there else "dim"))
    if content.there and content.text is None:
        yield line((" " * 11, "dim"), (f"{content.why}; {units.number(content.size)} bytes", "text"))
        yield line((" " * 11, "dim"), (middle(f"sha256 {content.digest}", width - 11), "dim"))
