"""The timeline: the session, its workers and its wheels to the scale of time; what is below explains the selection."""

from collections.abc import Iterable, Mapping, Sequence

from textual.events import Click
from textual.widget import Widget

from instui.explain.activity import Activity, activity, without_wheels
from instui.explain.attribution import Piece as Bar
from instui.monitor.model import Snapshot
from instui.tui.rows import timeline, timeline_panel
from instui.tui.rows.keys import FOLD
from instui.tui.rows.timeline import GUTTER, Look, layout
from instui.tui.rows.timeline_lanes import MODES, LaneQuery, Lanes, Mode, Spent, arrange, lane_of
from instui.tui.rows.timeline_track import Cell
from instui.tui.rows.timeline_window import Window
from instui.tui.text.columns import TableRows
from instui.tui.text.pieces import Line, Piece, line, safe
from instui.tui.widgets.lanes import LaneTable
from instui.tui.widgets.paint import Lines
from instui.tui.widgets.table import Table

from .over_time import OverTime
from .throttled import Apart, Throttled

_PAN = 0.25  # of the window
_CURVES_FROM = 20  # lines of a screen with the curves, too


class TimelineView(OverTime):
    """The timeline: the session, and lanes of its wheels, its workers or its locks."""

    scope = "timeline"
    heading = "Timeline"
    about = "when the session, its workers, wheels and locks did what, to scale"
    without = frozenset({"sort_next", "sort_previous", "reverse"})  # lanes are in the order of time
    DEFAULT_CSS = """
    TimelineView #status { height: 1; }
    TimelineView #head { height: 5; }
    TimelineView.short #head { height: 3; }
    TimelineView #panel { height: 7; }
    TimelineView.low #panel { height: 5; }
    TimelineView.tiny #panel { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.mode: Mode = "wheel"
        self._at_end = True  # of the lanes: the newest are shown, until the user scrolls
        self._activity: Apart[Activity] = Apart(self.made, self.once_painted)
        self._bare: Throttled[Activity] = Throttled()
        self._lanes: Throttled[Lanes] = Throttled()
        self._spent = Spent()
        self._head: Apart[list[Line]] = Apart(self.made, self.once_painted)
        self._drawn: dict[str, list[Cell]] = {}  # the bars of lanes, by key
        self._drawn_for: tuple[Lanes | None, Window | None, int] = (None, None, 0)
        self._moment: Throttled[list[Line]] = Throttled()
        self._why: Apart[list[Line]] = Apart(self.made, self.once_painted)

    def body(self) -> Iterable[Widget]:
        """The session above, the lanes, and below what explains the selection."""
        yield Lines(self.glyphs, id="status")
        yield Lines(self.glyphs, id="head", classes="aside")
        yield LaneTable(self.glyphs, GUTTER, id="body")
        yield Lines(self.glyphs, id="panel", classes="aside")

    # -- what is shown

    @property
    def lanes(self) -> LaneTable:
        """The table."""
        return self.query_one(LaneTable)

    @property
    def columns(self) -> int:
        """The width of the bars."""
        return layout(self.lanes.line_width).track

    def activity(self, snapshot: Snapshot) -> Activity:
        """What happened: made at most as often as it is cheap; of many wheels, at first only what the session did."""
        basis = snapshot.wheels if snapshot.over else snapshot
        key = (snapshot.over, self.jumps)
        found = self._activity.latest(key, basis, lambda: activity(snapshot), len(snapshot.wheels))
        return found or self._bare.get(key, basis, lambda: activity(without_wheels(snapshot)))

    def show_body(self, snapshot: Snapshot) -> None:
        """Fill the head, the lanes and the panel."""
        width, height = self.size
        self.set_class(height < 30, "low")
        self.set_class(height < 22, "tiny")
        found, look, glyphs = self.activity(snapshot), self.look(snapshot), self.glyphs
        self.lines("status").show_lines([timeline.status(snapshot, found, self.mode, look, width, glyphs)])
        curves = height >= _CURVES_FROM
        many = len(snapshot.wheels)
        key = (look, width, curves, self.jumps)
        drawn = self._head.latest(key, found, lambda: timeline.head(snapshot, found, look, width, glyphs, curves), many)
        head = drawn or timeline.head(without_wheels(snapshot), found, look, width, glyphs, curves)
        self.lines("head").show_lines(head)
        lanes = self._arranged(snapshot, found)
        table = self.lanes
        table.titles = timeline.titles(self.mode, table.line_width)

        def cells(key: str, _: Mapping[str, int]) -> Mapping[str, Line]:
            sign = line((glyphs.critical, "age")) if timeline.is_critical(found, key) else ()
            return {"sign": sign, "": self._row(snapshot, found, lanes, key, look, table.line_width)}

        table.show_rows(TableRows(lanes.keys, cells), () if lanes.keys else self._empty(snapshot))
        if self.following and self._at_end and not table.selected and not snapshot.over:
            table.scroll_to(y=len(lanes.keys) - table.size.height + 1, animate=False, force=True, immediate=True)
        self._show_panel(snapshot, found, lanes, look)

    def _row(self, snapshot: Snapshot, found: Activity, lanes: Lanes, key: str, look: Look, width: int) -> Line:
        """A lane. The bars of a worker or a lock may be thousands: they are drawn once for a window."""
        lane = lane_of(snapshot, found, lanes, key)
        if key == FOLD or lane is None:
            return line((timeline.folded(lanes), "dim")) if key == FOLD else ()
        made = (lanes, look.window, width)
        if made[1:] != self._drawn_for[1:] or lanes is not self._drawn_for[0]:
            self._drawn_for, self._drawn = made, {}
        bars = self._drawn.get(key) if key in lanes.made else None
        if bars is None:
            bars = timeline.drawn(lane, self.mode == "lock", look.window, width, self.glyphs)
            self._drawn[key] = bars
        return timeline.row(snapshot, found, key, lane, bars, look, width, self.glyphs)

    def _arranged(self, snapshot: Snapshot, found: Activity) -> Lanes:
        selected = self.lanes.selected
        # A selection that has a lane already changes nothing, and ten thousand wheels take a while.
        news = selected if self.lanes.position(selected) is None else ""
        query = LaneQuery(self.mode, self.filter, self.everything, news, self.lanes.size.height - 2)

        def make() -> Lanes:
            return arrange(snapshot, found, query, self._spent)

        return self._lanes.get((query, snapshot.over, self.jumps), found, make)

    def _show_panel(self, snapshot: Snapshot, found: Activity, lanes: Lanes, look: Look) -> None:
        width, glyphs, key = self.size.width, self.glyphs, self.lanes.selected
        height = 6 if self.size.height >= 30 else 4
        lane = lane_of(snapshot, found, lanes, key) if key else None
        if lane is not None:
            shown = timeline_panel.of_lane(snapshot, found, key, lane, look, width, height, glyphs)
        elif self.cursor is not None:
            shown = self._moment.get(
                (look, width, height, self.jumps),
                found,
                lambda: timeline_panel.of_moment(snapshot, found, look, width, height, glyphs),
            )
        else:
            made = self._why.latest(
                (width, height, self.jumps),
                found,
                lambda: timeline_panel.why(snapshot, width, height),
                len(snapshot.wheels),
            )
            shown = made or []
        self.lines("panel").show_lines([(Piece(glyphs.rule * width, "faint"),), *shown])

    def _empty(self, snapshot: Snapshot) -> Sequence[Line]:
        if self.filter:
            return [line((f"no lane matches “{self.filter.text}”", "text")), line(("esc clears the filter", "dim"))]
        if snapshot.session is None:
            return [line(("waiting for the session to begin", "dim"))]
        if self.mode == "lock":
            return [line(("nobody has waited for a lock", "text"))]
        if snapshot.finished is not None:
            return [line(("no wheel was worked on", "text"))]
        doing = f"uv: {safe(snapshot.doings[-1].doing)}" if snapshot.doings and snapshot.resolving else ""
        return [line(("no wheel is worked on yet", "text")), line((doing, "dim"))]

    def has_caption(self, snapshot: Snapshot) -> bool:
        """Not at an end that is good: what it would say stands in the counters and below the lanes."""
        return snapshot.finished is None or snapshot.finished.exit != 0

    def footer_labels(self) -> dict[str, str]:
        """The labels that depend on the state: the next grouping, and whether the end is followed."""
        following = MODES[(MODES.index(self.mode) + 1) % len(MODES)]
        follow = "the end" if self.snapshot.over else "let go" if self.following else "follow"
        return super().footer_labels() | {
            "group": f"by {following}",
            "follow": follow,
        }

    # -- the selection

    def moved(self) -> None:
        """Keep the wheel of the lane selected in the other views."""
        self._at_end = False
        if self.snapshot.wheel(self.lanes.selected):
            self.application.wheel = self.lanes.selected

    def on_table_scrolled(self) -> None:
        """Stay where the user has scrolled to."""
        self._at_end = False

    def on_table_row_clicked(self, message: Table.RowClicked) -> None:
        """Select the lane; a click on its track is a time, too. A second click on its name opens it."""
        message.prevent_default()
        column = self._column(self.lanes.pointed)
        if column is not None:
            self.set_cursor(self.look(self.snapshot).window.time(column, self.columns))
        if message.again and column is None:
            self.application.perform("open")
        else:
            self.select(message.key)

    def on_click(self, event: Click) -> None:
        """Put the cursor where the session's lane or the axis is clicked."""
        column = self._column(event.screen_x)
        if self.lines("head").region.contains(event.screen_x, event.screen_y) and column is not None:
            self.set_cursor(self.look(self.snapshot).window.time(column, self.columns))
            self.refresh_view()

    def _column(self, x: int) -> int | None:
        """The column of the track at column `x` of the screen; None for one outside."""
        sizes = layout(self.lanes.line_width)
        column = x - GUTTER - sizes.label - 1
        return column if 0 <= column < sizes.track else None

    def selected_bar(self, t: float | None) -> Bar | None:
        """The bar at `t` in the selected lane, without a time the longest."""
        snapshot, found = self.snapshot, self.activity(self.snapshot)
        lane = lane_of(snapshot, found, self._arranged(snapshot, found), self.lanes.selected)
        return timeline_panel.bar_at(lane.pieces, t) if lane is not None else None

    @property
    def has_selection(self) -> bool:
        """Whether a lane is selected."""
        return self.lanes.selected not in ("", FOLD)

    def selected_time(self) -> tuple[float, float] | None:
        """From the first bar of the selected lane to its last."""
        snapshot, found = self.snapshot, self.activity(self.snapshot)
        lane = lane_of(snapshot, found, self._arranged(snapshot, found), self.lanes.selected)
        if lane is None or not lane.pieces:
            return None
        return min(piece.begin for piece in lane.pieces), max(piece.end for piece in lane.pieces)

    def reveal(self, wheel: str) -> None:
        """Select the lane of that wheel, where wheels have lanes."""
        if self.mode == "wheel":
            self.lanes.selected = wheel
            self.refresh_view()  # it may not have had a lane before
            self.lanes.reveal()

    def _wheel_at(self) -> str:
        """The wheel of the selected bar."""
        key = self.lanes.selected
        if not key or self.snapshot.wheel(key):
            return key
        bar = self.selected_bar(self.cursor)
        return bar.wheel if bar is not None else ""

    def no_open(self) -> str:
        """No lane is selected, or its bar is that of no wheel."""
        if not self.lanes.selected:
            return "select a lane first (j, k or a click)"
        return "" if self.lanes.selected == FOLD or self._wheel_at() else "no wheel is in this bar"

    def do_open(self) -> None:
        """Open the wheel of the selected bar, or show what is folded."""
        if self.lanes.selected == FOLD:
            self.do_all()
        else:
            self.application.open_wheel(self._wheel_at())

    def do_group(self) -> None:
        """Show lanes by the next of wheel, worker and lock; a wheel that is selected stays selected."""
        wheel = self._wheel_at()
        self.mode = MODES[(MODES.index(self.mode) + 1) % len(MODES)]
        self.lanes.selected = wheel if self.mode == "wheel" else ""
        self.notice(f"lanes by {self.mode}")
        self.refresh_view()
        self.lanes.reveal()
        self.lanes.refresh()

    def do_follow(self) -> None:
        """Keep the end in sight, or let go."""
        super().do_follow()
        self._at_end = self.following
