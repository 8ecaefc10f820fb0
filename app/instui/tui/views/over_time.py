"""The base of a view over time: which stretch is shown, the cursor, two marks, and the keys that move them."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from instui.explain.activity import Activity
from instui.explain.attribution import Piece
from instui.monitor import units
from instui.monitor.landmarks import is_news
from instui.monitor.model import Snapshot
from instui.tui.rows import timeline, timeline_panel
from instui.tui.rows.event_text import event_text, wheel_of
from instui.tui.rows.timeline import Look
from instui.tui.rows.timeline_window import Window, exact, extent
from instui.tui.text.pieces import safe

from .overview import Overview

_PAN = 0.25  # of the window
_MARGIN = 0.05  # of what is to fit, on both of its sides
_ALL = 0.9  # of a gap: what is less is not all that happened in it
_NEAR = 1e-9  # seconds: the cursor stands on an event that it was sent to


class OverTime(Overview):
    """A view over time. It shows the whole session, or a window of it that may follow the end."""

    def __init__(self) -> None:
        super().__init__()
        self.following = True
        self.cursor: float | None = None
        self.marks: tuple[float, ...] = ()
        self._window: Window | None = None  # None: the whole session

    # -- what subclasses say

    @property
    def columns(self) -> int:
        """The number of columns that stand for the time of the window."""
        raise NotImplementedError

    def activity(self, snapshot: Snapshot) -> Activity:
        """What happened."""
        raise NotImplementedError

    def selected_bar(self, t: float | None) -> Piece | None:
        """The bar at `t` in what is selected, without a time the longest; None if nothing is."""
        raise NotImplementedError

    @property
    def has_selection(self) -> bool:
        """Whether a row with a time of its own is selected."""
        raise NotImplementedError

    def selected_time(self) -> tuple[float, float] | None:
        """From when to when there is something in what is selected; None if nothing is."""
        raise NotImplementedError

    def reveal(self, wheel: str) -> None:
        """Select what shows that wheel, if there is such a thing."""
        raise NotImplementedError

    # -- what is shown

    def look(self, snapshot: Snapshot) -> Look:
        """The window, the cursor and the marks."""
        begin = -snapshot.session.ran if snapshot.session is not None else 0.0
        over = snapshot.over
        whole = extent(begin, snapshot.t, over)
        window = self._window or whole
        if self._window is not None:
            window = window.following(snapshot.t) if self.following and not over else window
            window = window.within(whole)
        return Look(window, whole, self.cursor, self.marks)

    @property
    def _points(self) -> bool:
        """Whether there are marks or a cursor, and nothing lies above them."""
        above = self.filter or self.zoomed or self.query_one("#filter").display
        return not above and (bool(self.marks) or self.cursor is not None)

    def no_back(self) -> str:
        """Nothing is open, set or selected."""
        return "" if self._points else super().no_back()

    def do_back(self) -> None:
        """Take away the marks, then the cursor; else as in the other views."""
        if not self._points:
            super().do_back()
        elif self.marks:
            self.marks = ()
            self.notice("the marks are gone")
        else:
            self.cursor = None
            self.notice("the cursor is gone")
        self.refresh_view()

    # -- time

    def set_cursor(self, t: float) -> None:
        """Put the cursor on a time, and show it."""
        look = self.look(self.snapshot)
        self.cursor = min(max(t, look.whole.begin), look.whole.end)
        if not look.window.begin <= self.cursor <= look.window.end:
            self._set_window(look.window.with_time(self.cursor, look.whole), look)

    def _set_window(self, window: Window, look: Look, following: bool = False) -> None:
        """Show this window, which follows the end if that is asked for or if it shows everything."""
        self._window = None if window == look.whole else window
        self.following = self._window is None or following

    def _go_to(self, t: float, text: str) -> None:
        self.set_cursor(t)
        self.notice(text)
        self.refresh_view()

    def _start(self, look: Look) -> float:
        """Where the cursor begins if there is none: at the selected bar, else in the middle."""
        if self.cursor is not None:
            return self.cursor
        bar = self.selected_bar(None)
        return bar.begin if bar is not None else (look.window.begin + min(look.window.end, self.snapshot.t)) / 2

    def _step(self, columns: int) -> None:
        look = self.look(self.snapshot)
        t = self._start(look)
        if self.cursor is not None:
            t += columns * look.window.seconds / self.columns
        self.set_cursor(t)
        self.notice(f"cursor at {exact(self.cursor or 0.0, look.window, self.columns)}")
        self.refresh_view()

    def do_cursor_left(self) -> None:
        """Move the cursor to the column before."""
        self._step(-1)

    def do_cursor_right(self) -> None:
        """Move the cursor to the next column."""
        self._step(1)

    def _pan(self, share: float) -> None:
        look = self.look(self.snapshot)
        window = look.window.moved(share, look.whole)
        if window == look.window:
            self.notice(f"this is the {'end' if share > 0 else 'beginning'}")
        else:
            self._set_window(window, look)
        self.refresh_view()

    def no_earlier(self) -> str:
        """All is shown."""
        return "" if self._window is not None else "all is shown; + zooms in"

    no_later = no_zoom_out = no_zoom_all = no_earlier

    def do_earlier(self) -> None:
        """Show earlier times."""
        self._pan(-_PAN)

    def do_later(self) -> None:
        """Show later times."""
        self._pan(_PAN)

    def _zoom(self, factor: float) -> None:
        look = self.look(self.snapshot)
        about, following = self.cursor, False
        if about is None or not look.window.begin <= about <= look.window.end:
            following = self.following and not self.snapshot.over
            about = self.snapshot.t if following else self._middle(look)
        window = look.window.zoomed(factor, about, look.whole)
        if window == look.window:
            self.notice("closer it does not get")
        else:
            self._set_window(window, look, following)
            self.notice(f"{units.seconds(window.seconds)} are shown" if self._window else "all is shown")
        self.refresh_view()

    def _middle(self, look: Look) -> float:
        return (look.window.begin + look.window.end) / 2

    def do_zoom_in(self) -> None:
        """Show half of the time, around the cursor."""
        self._zoom(0.5)

    def do_zoom_out(self) -> None:
        """Show twice the time, around the cursor."""
        self._zoom(2.0)

    def do_zoom_all(self) -> None:
        """Show all of the session."""
        self._window, self.following = None, True
        self.notice("all is shown")
        self.refresh_view()

    def _to_fit(self) -> tuple[float, float] | None:
        """The time between the marks, else that of what is selected."""
        if len(self.marks) == 2 and self.marks[0] != self.marks[1]:
            return min(self.marks), max(self.marks)
        return self.selected_time()

    def no_fit(self) -> str:
        """Nothing says which time is meant."""
        return "" if len(self.marks) == 2 or self.has_selection else "select a row first, or set two marks (m)"

    def do_fit(self) -> None:
        """Show the time between the marks, or that of what is selected; again: everything."""
        times, look = self._to_fit(), self.look(self.snapshot)
        if times is None:
            self.notice("there is nothing in this row")
            return
        window = Window(*times).with_margin(_MARGIN, look.whole)
        if window == self._window:
            self.do_zoom_all()
            return
        self._set_window(window, look)
        self.notice(f"{units.seconds(window.seconds)} are shown; again: all of it" if self._window else "all is shown")
        self.refresh_view()

    def no_follow(self) -> str:
        """The end is there, and in sight."""
        over = self.snapshot.over and self._window is None
        return "the session is over, and all of it is shown" if over else ""

    def do_follow(self) -> None:
        """Keep the end in sight, or let go."""
        self.following = not self.following
        if self.snapshot.over:
            look = self.look(self.snapshot)
            self._set_window(look.window.moved(1e9, look.whole), look)
            self.notice("this is the end; the session is over")
        else:
            self.notice("following the end" if self.following else "no longer following")
        self.refresh_view()

    def do_mark(self) -> None:
        """Set a mark at the cursor. Two have a difference; the third begins anew."""
        if self.cursor is None:
            self.set_cursor(self._start(self.look(self.snapshot)))
        marks = self.marks if len(self.marks) < 2 else ()
        self.marks = (*marks, self.cursor or 0.0)
        look = self.look(self.snapshot)
        if len(self.marks) == 2:
            self.notice(timeline.between(self.snapshot, self.activity(self.snapshot), look, self.columns))
        else:
            self.notice(f"mark at {exact(self.marks[0], look.window, self.columns)}; move the cursor, and m again")
        self.refresh_view()

    def do_gap_next(self) -> None:
        """Put the cursor on the next stretch in which nothing was at work, or the session waited."""
        self._to_gap(1)

    def do_gap_previous(self) -> None:
        """Put the cursor on such a stretch before."""
        self._to_gap(-1)

    def _to_gap(self, step: int) -> None:
        found = self.activity(self.snapshot)
        place = self._beside([begin for begin, _ in found.gaps], step)
        if place is None and step > 0 and (further := self.application.on_to_gap()):
            self._go_to(further[0], f"nothing is heard for {units.seconds(further[1])}")
            return
        if place is None:
            self.notice("no gap after this" if step > 0 else "no gap before this")
            return
        begin, end = found.gaps[place]
        kind, share = found.mostly(begin, end)
        what = f": {'mostly ' if share < _ALL else ''}{timeline_panel.words(kind)}" if kind is not None else ""
        self._go_to(begin, f"gap of {units.seconds(end - begin)}{what}")

    def _beside(self, times: Sequence[float], step: int) -> int | None:
        """The place of the time after the cursor, or before it; without a cursor, the first or the last."""
        if self.cursor is None:
            place = 0 if step > 0 else len(times) - 1
        else:
            place = (
                bisect_right(times, self.cursor + _NEAR) if step > 0 else bisect_left(times, self.cursor - _NEAR) - 1
            )
        return place if 0 <= place < len(times) else None

    def do_news_next(self) -> None:
        """Put the cursor on the next event that is news."""
        self._to_news(1)

    def do_news_previous(self) -> None:
        """Put the cursor on the event before that is news."""
        self._to_news(-1)

    def _to_news(self, step: int) -> None:
        log = self.application.watched.log
        times = range(log.first, log.total)
        number = log.first - 1 if step > 0 else log.total
        if self.cursor is not None:
            if step > 0:
                number = log.first - 1 + bisect_right(times, self.cursor + _NEAR, key=lambda n: log[n][0])
            else:
                number = log.first + bisect_left(times, self.cursor - _NEAR, key=lambda n: log[n][0])
        number += step
        while log.first <= number < log.total and not is_news(log[number][1]):
            number += step
        if not log.first <= number < log.total:
            further = self.application.on_to_news() if step > 0 else None
            if further is None:
                self.notice("no news after this" if step > 0 else "no news before this")
                return
            t, event = self.application.watched.tape.events[further - 1]
        else:
            t, event = log[number]
        wheel = wheel_of(event)
        if self.snapshot.wheel(wheel):
            self.reveal(wheel)
        self._go_to(t, f"{safe(wheel)} {event_text(self.snapshot, event).text}".strip())
