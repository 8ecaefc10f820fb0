"""The base of all screens that show the session: the frame around a body, the selection, and notices."""

import time
from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.events import ScreenResume
from textual.message import Message
from textual.widget import Widget

from instui.monitor.model import Snapshot
from instui.tui.rows import frame
from instui.tui.rows.counters import counters
from instui.tui.rows.frame import News
from instui.tui.rows.transport import bar, layout
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, Piece, fit, tail
from instui.tui.widgets.held import HeldScreen
from instui.tui.widgets.paint import ActionClicked, Lines
from instui.tui.widgets.table import Table
from instui.tui.widgets.transport import TransportBar
from instui_engine.values import NamedTuple

from .application import Application, application_of

NOTICE_SECONDS = 4.0
SHORT = 20  # rows below which a screen has no blank ones
_FAR = 1 << 60  # more rows than there are


class Notice(NamedTuple):
    """A text that is shown until the time `until`, unless it is `stale` before: no longer true."""

    text: str
    until: float
    stale: Callable[[], bool]


class View(HeldScreen[None]):
    """A screen that shows the session. Subclasses name the widgets in `body` and fill them in `show_body`.

    An action is done by the method `do_ID`; a method `no_ID` says why it cannot be done now. The registry of views
    makes a tab or a key from what a subclass says about itself here.
    """

    scope: ClassVar[str] = ""  # its id
    heading: ClassVar[str] = ""  # how it is called
    about: ClassVar[str] = ""  # what is seen there, for the help on its key
    opened_by: ClassVar[str] = ""  # its key, if it has no tab and opens without more being said
    place: ClassVar[int] = 0  # of that key in the footer: the higher, the further left; 0: not there
    captioned: ClassVar[bool] = True  # whether it shows the caption
    gives_way: bool = False  # whether its rows give way to what the caption says at a good end
    without: ClassVar[frozenset[str]] = frozenset()  # ids of actions of its base classes that make no sense in it
    AUTO_FOCUS = ""  # no widget gets the keys unless it is focused explicitly
    ALLOW_SELECT = False  # at each click Textual would paint the whole screen; terminals select text with shift
    DEFAULT_CSS = """
    View { layout: vertical; background: $background; color: $foreground; }
    View #header, View #counters { background: $panel; }
    View #footer { background: $panel; }
    View #caption { display: none; height: auto; margin: 1 0 0 0; }
    View #finding { display: none; margin: 1 0 0 0; }
    View #body { height: 1fr; }
    View.short #caption, View.short #finding { margin: 0; }
    View.short #notice { display: none; }
    View.zoomed #counters, View.zoomed .aside { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.veiled = True
        self.zoomed = False
        self._notice: Notice | None = None
        self._caption_height = self._finding_height = 0
        self._styles = -1  # the number of the styles that it has

    @property
    def application(self) -> Application:
        """The application, as far as a view needs it."""
        return application_of(self.app)

    @property
    def glyphs(self) -> Glyphs:
        """The set of symbols."""
        return self.application.glyphs

    @property
    def snapshot(self) -> Snapshot:
        """The session as it is on the screen."""
        return self.application.watched.shown

    @property
    def jumps(self) -> int:
        """How often the display went back: what was made of a later time may name what is not there yet."""
        return self.application.watched.jumps

    @property
    def table(self) -> Table:
        """The table of the screen, in which the selection moves."""
        return self.query_one(Table)

    def lines(self, id: str) -> Lines:
        """The `Lines` widget of that id."""
        return self.query_one(f"#{id}", Lines)

    # -- what subclasses say

    def body(self) -> Iterable[Widget]:
        """The widgets between the tabs and the footer."""
        raise NotImplementedError

    def show_body(self, snapshot: Snapshot) -> None:
        """Show the session in the widgets of the body."""
        raise NotImplementedError

    @classmethod
    def news(cls, snapshot: Snapshot) -> News:
        """The number at its tab: how much happened that the user should know."""
        return News()

    def tabs(self, snapshot: Snapshot, width: int) -> Line:
        """The line below the counters: the views, with the present one highlighted."""
        return frame.tabs(self.application.tabs(snapshot), self.heading, width, self.glyphs)

    def footer_labels(self) -> dict[str, str]:
        """The labels in the footer that depend on the state of the view, by action."""
        return {}

    def footer(self, width: int) -> Line:
        """The bottom line."""
        application = self.application
        labels = application.footer_labels | self.footer_labels()
        return frame.footer(application.offered(), width, self.glyphs, labels, application.leaves_in)

    def moved(self) -> None:
        """Handle a change of the selection."""

    def resumed(self) -> None:
        """Mark the wheel that was selected meanwhile in another view, so that keys act on what is marked."""

    def copied(self, key: str) -> str:
        """The text of a row for the clipboard."""
        return self.table.text_of(key)

    # -- painting

    def compose(self) -> ComposeResult:
        """Lay out the frame, with the body in it."""
        yield Lines(self.glyphs, id="header")
        yield Lines(self.glyphs, id="counters")
        yield Lines(self.glyphs, id="tabs")
        yield Lines(self.glyphs, id="caption")
        yield Lines(self.glyphs, id="finding")
        yield Lines(self.glyphs, id="notice")
        yield from self.body()
        yield TransportBar(self.glyphs, id="transport")
        yield Lines(self.glyphs, id="footer")

    def show(self, snapshot: Snapshot) -> None:
        """Show the session. Unchanged parts are not painted again."""
        if not self.is_mounted:  # the user has just come here, and the widgets do not exist yet
            return
        width, facts = self.size.width, self.application.facts
        self.set_class(self.size.height < SHORT, "short")
        self.lines("header").show_lines([frame.header(snapshot, facts, width)])
        self._show_top(snapshot, width)
        self._show_finding(snapshot, width)
        self._show_transport(width)
        self.lines("footer").show_lines([self.footer(width)])
        self.show_body(snapshot)
        self._show_caption(snapshot, width)
        self.filled()

    def refresh_view(self) -> None:
        """Show immediately what a key has changed."""
        self.show(self.snapshot)

    def notice(self, text: str, stale: Callable[[], bool] = lambda: False) -> None:
        """Show a notice for a few seconds, but no longer than until it is `stale`. "" takes the last one away."""
        self._notice = Notice(text, time.monotonic() + NOTICE_SECONDS, stale) if text else None
        if self.is_mounted:
            self._show_top(self.snapshot, self.size.width)

    def _show_top(self, snapshot: Snapshot, width: int) -> None:
        """Show the counters, the tabs, and the notice: in the blank row or, if there is none, instead of counters."""
        said = self._said(width)
        short = self.size.height < SHORT
        stead = ("tabs" if self.zoomed else "counters") if said and short else "notice"
        top = {"counters": counters(snapshot, self.glyphs, width), "tabs": self.tabs(snapshot, width), "notice": ()}
        for id, usual in top.items():
            self.lines(id).show_lines([said if id == stead else usual])

    def has_caption(self, snapshot: Snapshot) -> bool:
        """Whether it shows the caption now."""
        return self.captioned

    def _show_caption(self, snapshot: Snapshot, width: int) -> None:
        tall = self.size.height
        height = 3 if tall >= 24 else 2
        if snapshot.over:  # it says how it went, so it gets what the rows leave free
            asides = sum(_height(aside) for aside in self.query(".aside"))
            well = snapshot.finished is not None and snapshot.finished.exit == 0
            least = tall // 3 if not well else tall // 2 if self.gives_way and tall >= 24 else height
            height = max(least, tall - 8 - asides - len(self.table.keys))
        lines = frame.caption(self.application.caption_texts, width, height, self.glyphs)
        caption = self.lines("caption")
        caption.display = bool(lines) and not self.zoomed and self.has_caption(snapshot)
        caption.show_lines(lines)
        if lines and len(lines) != self._caption_height:
            caption.styles.height = self._caption_height = len(lines)

    def _show_finding(self, snapshot: Snapshot, width: int) -> None:
        most = 2 if self.size.height >= 24 else 1
        found = self.application.finding_line(snapshot, width * most)
        lines = frame.finding(found, width, most) if found is not None else []
        finding = self.lines("finding")
        finding.display = bool(lines) and not self.zoomed
        finding.show_lines(lines)
        if lines and len(lines) != self._finding_height:
            finding.styles.height = self._finding_height = len(lines)

    def _show_transport(self, width: int) -> None:
        application = self.application
        stand, transport = application.stand, self.lines("transport")
        transport.display = stand is not None
        if stand is not None:
            landmarks = application.watched.tape.landmarks
            transport.show_lines([bar(stand, landmarks, application.transport_keys, width, self.glyphs)])

    def _said(self, width: int) -> Line:
        """The notice; nothing if there is none."""
        if self._notice is not None and (time.monotonic() >= self._notice.until or self._notice.stale()):
            self._notice = None
        text = self._notice.text if self._notice is not None else ""
        return fit((Piece(" "), Piece(tail(text, width - 2), "strong")), width) if text else ()

    # -- messages of Textual, of the widgets, and of threads

    class Made(Message):
        """What is shown has been made in a thread."""

    def made(self) -> None:
        """Say, in a thread, that there is something new to show."""
        self.post_message(self.Made())

    def on_view_made(self) -> None:
        """Show it."""
        if self.is_current:
            self.refresh_view()

    def on_screen_suspend(self) -> None:
        """Take the notice away: when this screen is in front again, it is an old one. So is all else until then."""
        self._notice = None
        self.veiled = True

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Show what happened while another screen was in front."""
        styles = self.app._css_update_count
        event.refresh_styles, self._styles = styles != self._styles, styles  # else they are applied to all widgets anew
        if self.is_mounted:  # the message may come before the widgets
            self.resumed()
            self.application.watched.advance()  # a terminal that is slow shows this for a while
            self.refresh_view()

    def on_resize(self) -> None:
        """Lay everything out for the new size."""
        self.refresh_view()

    def on_action_clicked(self, message: ActionClicked) -> None:
        """Do what a click on a tab or on a key of the footer asks for."""
        self.application.perform(message.action)

    def on_transport_bar_sought(self, message: TransportBar.Sought) -> None:
        """Go to the time that was clicked on."""
        application = self.application
        if (stand := application.stand) is not None:
            parts = layout(stand, application.transport_keys, self.size.width, self.glyphs)
            if (t := parts.time_at(stand, message.column)) is not None:
                application.seek(t)

    def on_table_row_clicked(self, message: Table.RowClicked) -> None:
        """Select a row; open it if it is selected already."""
        if message.again:
            self.application.perform("open")
        else:
            self.select(message.key)

    # -- actions

    def select(self, key: str) -> None:
        """Select a row, make it visible and show what depends on it."""
        self.table.select(key)
        self.moved()
        self.refresh_view()

    def move(self, rows: int) -> None:
        """Move the selection by `rows` rows: down, or up if negative."""
        before = self.table.selected
        self.table.move(rows)
        self.moved()
        if self.table.selected == before:
            self.notice("this is the last row" if rows > 0 else "this is the first row")
        self.refresh_view()

    def no_down(self) -> str:
        """There are no rows."""
        return "" if self.table.keys else "there is no row to go to"

    no_up = no_top = no_bottom = no_page_down = no_page_up = no_down

    def do_down(self) -> None:
        """Select the next row."""
        self.move(1)

    def do_up(self) -> None:
        """Select the row above."""
        self.move(-1)

    def do_top(self) -> None:
        """Select the first row."""
        self.move(-_FAR)

    def do_bottom(self) -> None:
        """Select the last row."""
        self.move(_FAR)

    def do_page_down(self) -> None:
        """Move down by half a page."""
        self.move(max(1, self.table.size.height // 2))

    def do_page_up(self) -> None:
        """Move up by half a page."""
        self.move(-max(1, self.table.size.height // 2))

    def do_zoom(self) -> None:
        """Show the table alone, or everything again."""
        self.zoomed = not self.zoomed
        self.set_class(self.zoomed, "zoomed")
        self.refresh_view()
        now = self.zoomed
        text = "maximized; z or esc brings the rest back" if now else "everything is back"
        self.notice(text, stale=lambda: self.zoomed != now)

    def no_copy(self) -> str:
        """No row is selected."""
        return "" if self.table.selected else "select a row first (j, k or a click)"

    def do_copy(self) -> None:
        """Copy the selected row."""
        text = self.copied(self.table.selected)
        self.app.copy_to_clipboard(text)
        self.notice(f"copied: {text}")


def _height(widget: Widget) -> int:
    """The lines of a widget, also if it has not been laid out since it got them."""
    height = widget.styles.height
    fixed = int(height.value) if height is not None and height.is_cells else widget.size.height
    return fixed + widget.styles.margin.height if widget.display else 0
