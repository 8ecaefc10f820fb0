"""The timeline as data: windows of time, bars in columns, lanes, and what stands below them."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instui.explain.activity import Concurrency, activity
from instui.explain.attribution import Piece
from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.tui.rows import timeline, timeline_lanes, timeline_panel
from instui.tui.rows.counters import counters
from instui.tui.rows.filter import parse
from instui.tui.rows.keys import ENVIRONMENT, FOLD
from instui.tui.rows.timeline import Look
from instui.tui.rows.timeline_lanes import LaneQuery, Lanes, arrange, contended, lane_of
from instui.tui.rows.timeline_track import joined, track, with_cursor
from instui.tui.rows.timeline_window import Window, exact, extent
from instui.tui.text.glyphs import ASCII, UNICODE
from instui.tui.text.pieces import plain, width_of
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder
from support.made_up import snapshot_of

PURE = "lib/python3.11/site-packages"
SESSION = events.SessionStarted(2, "s", 42, 0.0, 0.0, "0", ["instui", "install"], "/v", "py", {"purelib": PURE}, 2)
UV = Holder(pid=31817, command="uv pip sync")
WIDE = 118


def shot(*timed: tuple[float, Event], at: float = 10.0) -> Snapshot:
    return snapshot_of(SESSION, *timed, at=at)


def wheel(
    key: str, *, unpack: tuple[float, float], stage: tuple[float, float], worker: int = 0
) -> list[tuple[float, Event]]:
    return [
        (0.0, events.WheelAdded(key, "1.0", f"{key}.whl", 2_000_000, False)),
        (unpack[0], events.UnpackStarted(key, 40, 2_000_000, worker)),
        (unpack[1], events.UnpackFinished(key, 40, 2_000_000)),
        (stage[0], events.StageStarted(key, 40, worker)),
        (stage[1], events.StageFinished(key)),
    ]


TWO = sorted(
    [
        (0.0, events.SpanStarted("acquire")),
        *wheel("a", unpack=(0.0, 4.0), stage=(5.0, 6.0), worker=1),
        *wheel("b", unpack=(1.0, 2.0), stage=(6.0, 7.0), worker=2),
        (5.0, events.SpanStarted("stage")),
        (7.0, events.SpanStarted("commit")),
        (7.0, events.PlanWheel("a", 0, 40, 1, [f"{PURE}/x/"], [PURE], "")),
        (7.0, events.PlanWheel("b", 1, 40, 1, [f"{PURE}/x/"], [PURE], "")),
        (7.0, events.LockRequested("b")),
        (7.0, events.LockGranted("a", 0.0)),
        (7.0, events.LockWaiting("b", f"{PURE}/x", "X", [Holder("a", "s", 42)])),
        (7.0, events.CommitStarted("a", 1, 1)),
        (9.0, events.CommitFinished("a", 40)),
        (9.0, events.LockReleased("a", 2.0)),
        (9.0, events.LockGranted("b", 2.0)),
        (9.0, events.CommitStarted("b", 1, 2)),
        (10.0, events.CommitFinished("b", 40)),
        (10.0, events.LockReleased("b", 1.0)),
        (10.0, events.SessionFinished(0, "", 2, 10.0)),
    ],
    key=lambda entry: entry[0],
)


def look_at(snapshot: Snapshot, cursor: float | None = None) -> Look:
    whole = extent(0.0, snapshot.t, snapshot.finished is not None)
    return Look(whole, whole, cursor)


BY_WHEEL = LaneQuery()


def rows(snapshot: Snapshot, query: LaneQuery = BY_WHEEL, width: int = WIDE) -> dict[str, str]:
    """The lanes as text, by key."""
    found = activity(snapshot)
    lanes, look = arrange(snapshot, found, query), look_at(snapshot)
    texts = {}
    for key in lanes.keys:
        lane = lane_of(snapshot, found, lanes, key)
        if lane is None:
            texts[key] = timeline.folded(lanes)
            continue
        bars = timeline.drawn(lane, query.mode == "lock", look.window, width, UNICODE)
        texts[key] = plain(timeline.row(snapshot, found, key, lane, bars, look, width, UNICODE)).rstrip()
    return texts


def bars(pieces: Sequence[tuple[str, float, float]], end: float, width: int, begin: float = 0.0) -> str:
    made = [Piece(kind, since, until) for kind, since, until in pieces]  # type: ignore[arg-type]
    return plain(joined(track(made, Window(begin, end), width, UNICODE)))


# -- windows


def test_a_running_session_has_a_scale_that_changes_in_steps() -> None:
    ends = [extent(-0.5, tenth / 10, over=False).end for tenth in range(600)]
    assert len(set(ends)) < 16
    assert all(end > tenth / 10 for tenth, end in enumerate(ends))
    assert all(later >= earlier for earlier, later in pairwise(ends))
    assert extent(-0.5, 21.86, over=True) == (-0.5, 21.86)


def test_zoom_keeps_the_cursor_where_it_is_and_stays_within_the_session() -> None:
    whole = Window(0.0, 100.0)
    near = whole.zoomed(0.5, 30.0, whole)
    assert near.seconds == 50.0
    assert near.column(30.0, 80) == whole.column(30.0, 80)
    assert near.zoomed(0.5, 50.0, whole).zoomed(8.0, 50.0, whole) == whole
    assert near.moved(10.0, whole) == (50.0, 100.0)
    assert near.moved(-10.0, whole) == (0.0, 50.0)


def test_a_window_that_follows_the_end_moves_in_steps() -> None:
    windows = [Window(0.0, 4.0).following(10.0 + tenth / 10) for tenth in range(40)]
    assert len(set(windows)) <= 5
    assert all(window.begin <= 10.0 + tenth / 10 < window.end for tenth, window in enumerate(windows))


@given(st.floats(0.0, 1000.0), st.floats(0.001, 1000.0), st.integers(1, 300), st.integers(0, 299))
def test_the_time_of_a_column_lies_in_it(begin: float, length: float, width: int, column: int) -> None:
    window = Window(begin, begin + length)
    column = min(column, width - 1)
    assert window.column(window.time(column, width), width) == column


def test_times_are_as_exact_as_the_window() -> None:
    assert exact(12.0, Window(0.0, 21.9), 80) == "12.00 s"
    assert exact(-0.0001, Window(0.0, 21.9), 80) == "0.00 s"
    assert exact(12.0, Window(11.99, 12.01), 80) == "12.0000 s"


# -- bars


def test_bars_are_to_scale_and_idle_time_is_dotted() -> None:
    pieces = [Piece("unpack", 2.0, 4.0), Piece("claim", 5.0, 7.0), Piece("commit", 7.0, 8.0)]
    text = plain(joined(track(pieces, Window(0.0, 10.0), 20, UNICODE, idle=(1.0, 9.0))))
    assert text == "  ··━━━━··╍╍╍╍━━··  "


def test_what_is_too_short_for_a_column_is_seen_beside_what_is_long() -> None:
    assert bars([("claim", 0.0, 9.99), ("commit", 9.99, 10.0)], 10.0, 10) == "╍╍╍╍╍╍╍╍╍━"


def test_neighbours_too_short_to_be_seen_are_one_bar_with_their_number() -> None:
    many = [("stage", tenth / 100, (tenth + 1) / 100) for tenth in range(100)]
    assert bars(many, 1.0, 10) == "━━━100━━━━"
    assert bars(many[:3], 1.0, 10) == "3         "
    assert bars(many, 10.0, 10) == "+         "


def test_two_long_bars_that_touch_are_two() -> None:
    assert bars([("stage", 0.0, 3.0), ("stage", 3.0, 6.0), ("unpack", 6.0, 8.0)], 8.0, 8) == "━━╸━━━━━"


def test_a_window_in_a_long_lane_shows_what_began_before_it() -> None:
    many = [("stage", float(second), second + 0.9) for second in range(200)]
    assert bars(many, 152.0, 15, begin=150.5) == "━━━━ ━━━━━━━━━ "


def test_the_cursor_goes_through_what_is_empty_and_leaves_bars_as_they_are() -> None:
    cells = track([Piece("stage", 0.0, 2.0)], Window(0.0, 4.0), 4, UNICODE)
    assert plain(with_cursor(cells, 3.5, Window(0.0, 4.0), UNICODE)) == "━━ ┊"
    on_bar = with_cursor(cells, 0.5, Window(0.0, 4.0), UNICODE)
    assert plain(on_bar) == "━━  "
    assert on_bar[0] == ("━", "strong", "")


kind = st.sampled_from(["stage", "claim", "commit"])
instant = st.floats(0.0, 20.0)


@given(st.lists(st.tuples(kind, instant, instant)), instant, st.floats(0.01, 30.0), st.integers(1, 120))
def test_a_track_has_its_width_whatever_is_in_it(
    raw: list[tuple[str, float, float]], begin: float, length: float, width: int
) -> None:
    pieces = sorted(
        (Piece(kind, min(a, b), max(a, b)) for kind, a, b in raw),  # type: ignore[arg-type]
        key=lambda piece: piece.begin,
    )
    for glyphs in (UNICODE, ASCII):
        cells = track(pieces, Window(begin, begin + length), width, glyphs, idle=(3.0, 18.0))
        assert width_of(joined(cells)) == width
        seen = [piece for piece in pieces if piece.end > begin and piece.begin < begin + length]
        assert bool(seen) <= any(cell[0] not in (" ", glyphs.idle) for cell in cells)


# -- curves


@given(st.lists(st.tuples(instant, instant).map(sorted), max_size=20), instant, instant)
def test_a_load_is_the_sum_of_what_lies_between_two_times(spans: list[list[float]], a: float, b: float) -> None:
    a, b = min(a, b), max(a, b)
    load = Concurrency((begin, end) for begin, end in spans)
    expected = sum(max(0.0, min(end, b) - max(begin, a)) for begin, end in spans)
    assert load.seconds(a, b) == pytest.approx(expected, abs=1e-9)
    assert load.at(a) == sum(begin <= a < end for begin, end in spans)
    times = sorted({a, b, *(t for span in spans for t in span if a <= t <= b)})
    idle = [(x, y) for x, y in pairwise(times) if not load.at((x + y) / 2)]
    assert sum(y - x for x, y in load.idle(a, b)) == pytest.approx(sum(y - x for x, y in idle), abs=1e-9)


# -- lanes


def test_wheels_stand_in_the_order_of_time_with_their_seconds_and_whom_they_waited_for() -> None:
    texts = rows(shot(*TWO))
    assert list(texts) == ["a", "b"]
    assert texts["a"].startswith("a 1.0")
    assert "7.0 s" in texts["a"]  # unpacked, staged and committed
    assert texts["b"].endswith("← a, x/")
    assert "╍╍╍╍╍╍╍╍╍" in texts["b"]
    assert "╍" not in texts["a"]


def test_a_holder_outside_the_session_is_named_by_its_process() -> None:
    texts = rows(shot(*TWO[:5], (3.0, events.LockWaiting("a", f"{PURE}/x", "X", [UV]))), width=200)
    assert texts["a"].endswith("← pid 31817 (uv pip sync), x")


def test_the_critical_path_is_marked_and_what_it_took_is_said() -> None:
    snapshot = shot(*TWO)
    found = activity(snapshot)
    assert timeline.is_critical(found, "a")
    assert found.path["a"] == 7.0
    assert sum(found.path.values()) <= found.attribution.wall
    assert "critical" in rows(snapshot)["a"]


def many(count: int) -> list[tuple[float, Event]]:
    made = []
    for number in range(count):
        t = 10.0 if number == 7 else number / 1000
        long = (t, t + 20.0) if number == 7 else (t, t + 0.0001)
        made += wheel(f"w{number:03}", unpack=long, stage=(31.0, 31.0001))
    return sorted(made, key=lambda entry: entry[0])


def test_lanes_that_do_little_are_folded_and_what_is_selected_or_failed_is_not() -> None:
    snapshot = shot(*many(100), (32.0, events.WheelFailed("w090", "bad")), at=32.0)
    found = activity(snapshot)
    lanes = arrange(snapshot, found, LaneQuery(selected="w050"))
    assert {"w007", "w050", "w090"} < set(lanes.keys)
    assert lanes.keys[-1] == FOLD
    assert lanes.hidden == 100 - (len(lanes.keys) - 1)
    assert timeline.folded(lanes).startswith(f"… {lanes.hidden} more wheels, 0.0")
    assert len(arrange(snapshot, found, LaneQuery(room=40)).keys) > len(lanes.keys)
    assert len(arrange(snapshot, found, LaneQuery(everything=True)).keys) == 100
    assert list(arrange(snapshot, found, LaneQuery(filter=parse("wheel:w05"))).keys) == [f"w05{n}" for n in range(10)]


def test_a_lane_does_not_move_while_the_session_goes_on() -> None:
    timed = many(100)
    before: list[str] = []
    for at in (0.06, 11.0, 25.0, 31.0):
        fold = Fold()
        fold.feed(0.0, SESSION)
        for t, event in timed:
            if t <= at:
                fold.feed(t, event)
        snapshot = fold.snapshot(at)
        keys = [key for key in arrange(snapshot, activity(snapshot), LaneQuery()).keys if key != FOLD]
        both = [key for key in before if key in keys]
        assert [key for key in keys if key in both] == both
        before = keys


def test_workers_have_lanes_of_their_own_and_unknown_ones_are_packed() -> None:
    texts = rows(shot(*TWO), LaneQuery("worker"))
    assert [text.split("  ")[0] for text in texts.values()] == [
        "unpack 1", "unpack 2", "stage 1", "stage 2", "commit 1", "commit 2",
    ]  # fmt: skip
    assert "1 wheel; a 4.0 s" in next(iter(texts.values()))
    unknown = sorted(
        [*wheel("a", unpack=(0.0, 4.0), stage=(5.0, 6.0)), *wheel("b", unpack=(1.0, 2.0), stage=(6.0, 7.0))],
        key=lambda entry: entry[0],
    )
    texts = rows(shot(*unknown), LaneQuery("worker"))
    assert [text.split("  ")[0] for text in texts.values()] == ["unpack 1?", "unpack 2?", "stage 1?"]


def test_the_lock_of_the_environment_is_first_and_then_the_most_waited_for() -> None:
    waited = [(7.0, events.EnvironmentWaiting(".lock", [UV])), (7.5, events.EnvironmentGranted(".lock", 0.5))]
    timed = sorted([*TWO, *waited], key=lambda entry: entry[0])
    texts = rows(shot(*timed), LaneQuery("lock"), 200)
    assert list(texts) == [ENVIRONMENT, f"{PURE}/x"]
    assert texts[ENVIRONMENT].startswith(".lock")
    assert texts[ENVIRONMENT].endswith("the session 0.50 s ← pid 31817 (uv pip sync)")
    assert texts[f"{PURE}/x"].endswith("b 2.0 s ← a")
    assert "╍╍╍╍━━━" in texts[f"{PURE}/x"]  # waited for while a held it, then held by b


def test_waits_of_the_session_come_after_that_for_the_environment() -> None:
    timed: list[tuple[float, Event]] = [
        (1.0, events.WaitStarted("", "cache", "x", [UV])),
        (2.0, events.WaitFinished("", "cache", "x", 1.0)),
        (3.0, events.EnvironmentWaiting(".lock", [UV])),
    ]
    assert list(rows(shot(*timed), LaneQuery("lock"))) == [ENVIRONMENT, "\0wait\0cache"]


def test_of_bars_upon_each_other_the_wait_is_meant() -> None:
    hold, wait = Piece("commit", 0.0, 10.0, "a"), Piece("claim", 2.0, 4.0, "b")
    assert timeline_panel.bar_at([hold, wait], 3.0) == wait
    assert timeline_panel.bar_at([hold, wait], 5.0) == hold
    assert timeline_panel.bar_at([hold, wait], None) == hold


def test_parts_of_the_session_are_told_apart_without_colour() -> None:
    pieces = [Piece("plan", 0.0, 5.0), Piece("stage", 5.0, 10.0)]
    assert plain(timeline.session(pieces, Window(0.0, 10.0), 10, UNICODE)) == "━━━━╸━━━━━"


def test_where_somebody_waits_for_a_lock_the_wait_is_shown_not_the_hold() -> None:
    hold, wait = Piece("commit", 0.0, 10.0, "a"), Piece("claim", 2.0, 4.0, "b")
    later = Piece("claim", 3.0, 5.0, "c")
    assert [(piece.kind, piece.begin, piece.end) for piece in contended([hold, wait, later])] == [
        ("commit", 0.0, 2.0),
        ("claim", 2.0, 5.0),
        ("commit", 5.0, 10.0),
    ]


# -- above and below


def test_the_session_is_drawn_by_what_held_it_up_with_its_parts_named_above() -> None:
    snapshot = shot(*TWO)
    lines = [plain(line) for line in timeline.head(snapshot, activity(snapshot), look_at(snapshot), 120, UNICODE, True)]
    assert "0 s" in lines[0]
    assert lines[1].split() == ["unpack", "stage", "commit"]
    assert "10.0 s" in lines[2]
    assert "wheels at work" in lines[3]
    assert "10.0 s" in lines[3]  # 4 + 1 + 1 + 1 + 2 + 1
    assert "in all, up to 2 at once" in lines[3]
    assert "2.0 s" in lines[4]
    narrow = timeline.head(snapshot, activity(snapshot), look_at(snapshot), 80, UNICODE, True)
    assert {width_of(line) for line in narrow} == {78}


def test_times_beside_the_curves_are_those_of_the_session_whatever_is_shown_of_it() -> None:
    snapshot = shot(*TWO)
    found, look = activity(snapshot), look_at(snapshot)
    whole = [plain(line)[-40:] for line in timeline.head(snapshot, found, look, 120, UNICODE, True)[3:]]
    near = look._replace(window=Window(0.0, 1.0))
    assert [plain(line)[-40:] for line in timeline.head(snapshot, found, near, 120, UNICODE, True)[3:]] == whole
    assert "2.0 s  in all, up to 1 at once" in whole[1]


def test_a_label_of_the_axis_gives_way_to_the_cursor_and_to_marks() -> None:
    window = Window(0.0, 10.0)
    assert plain(timeline.axis(Look(window, window), 30, UNICODE)) == "0 s   2 s   4 s   6 s   8 s   "
    pointed = Look(window, window, 2.5, (4.3, 6.0))
    assert plain(timeline.axis(pointed, 30, UNICODE)) == "0 s    ▼    A     B     8 s   "


def test_time_that_nobody_can_explain_is_hatched() -> None:
    timed = [(0.0, events.SpanStarted("open")), (2.0, events.SpanFinished("open", 2.0, 0.0, 0.0))]
    snapshot = shot(*timed, (8.0, events.SessionFinished(0, "", 0, 8.0)))
    lines = [
        plain(line) for line in timeline.head(snapshot, activity(snapshot), look_at(snapshot), 120, UNICODE, False)
    ]
    assert "━━━" in lines[2]
    assert "░░░" in lines[2]
    assert "6.0 s unexplained" in lines[2]


def test_between_two_marks_are_seconds_bytes_and_wheels() -> None:
    fetched = [(0.0, events.FetchStarted("a", 0, 5_000_000)), (0.9, events.FetchFinished("a", 5_000_000))]
    snapshot = shot(*sorted([*fetched, *TWO[1:]], key=lambda entry: entry[0]))
    look = look_at(snapshot)._replace(marks=(9.5, 0.0))
    text = timeline.between(snapshot, activity(snapshot), look, 80)
    assert text.startswith("0.00 to 9.50: 9.5 s, 5.0 MB fetched, 1 wheel done")


def panel_of(
    snapshot: Snapshot, key: str, cursor: float | None = None, mode: timeline_lanes.Mode = "wheel"
) -> list[str]:
    found = activity(snapshot)
    lanes: Lanes = arrange(snapshot, found, LaneQuery(mode))
    lane = lane_of(snapshot, found, lanes, key)
    assert lane is not None
    look = look_at(snapshot, cursor)
    return [plain(line).rstrip() for line in timeline_panel.of_lane(snapshot, found, key, lane, look, 120, 5, UNICODE)]


def test_the_bars_of_a_lane_are_told_and_the_one_at_the_cursor_is_marked() -> None:
    lines = panel_of(shot(*TWO), "a", cursor=5.5)
    assert lines[0].startswith(" a 1.0   7.0 s in 3 bars   ◆ 7.0 s of it on the critical path")
    assert [line[:10] for line in lines[1:]] == ["   unpack ", " ▌ stage  ", "   commit "]
    assert "0.00 to 4.00 s" in lines[1]
    assert "worker 1   40 files of 2.0 MB, 500 kB/s" in lines[1]
    assert "40 files, 40 files/s" in lines[2]
    lines = panel_of(shot(*TWO), "b", cursor=8.0)
    marked = next(line for line in lines if "▌" in line)
    assert "wait" in marked
    assert marked.endswith("for x/, held by a 1.0")


def test_what_happened_at_the_cursor_is_told() -> None:
    snapshot = shot(*TWO)
    found = activity(snapshot)

    def at(t: float) -> list[str]:
        lines = timeline_panel.of_moment(snapshot, found, look_at(snapshot, t), 120, 5, UNICODE)
        return [plain(line).rstrip() for line in lines]

    assert at(1.5)[0] == " at 1.50 s"
    assert at(1.5)[1].startswith(" ◆ unpacking a 1.0")
    assert at(1.5)[2] == "   at work  a 1.0 (unpack), b 1.0 (unpack)"
    assert at(8.0)[3] == "   waiting  b 1.0"
    assert at(4.5)[2] == "   nothing was at work"
    assert at(99.0)[1] == "   not yet"


def test_gaps_are_where_nothing_was_at_work_or_the_session_waited() -> None:
    assert activity(shot(*TWO)).gaps == [(4.0, 5.0)]
    assert activity(shot(*((t / 1000, event) for t, event in TWO))).gaps == []  # none of 0.00 s
    waited = [(8.0, events.WaitStarted("", "cache", "x", [UV])), (8.5, events.WaitFinished("", "cache", "x", 0.5))]
    gaps = activity(shot(*sorted([*TWO, *waited], key=lambda entry: entry[0]))).gaps
    assert gaps[0] == (4.0, 5.0)


# -- what there is not


def test_nothing_yet_one_wheel_and_a_removal() -> None:
    nothing = Fold().snapshot(0.0)
    assert rows(nothing) == {}
    for width in (20, 50, 120, 200):
        assert len(timeline.head(nothing, activity(nothing), look_at(nothing), width, ASCII, True)) == 5
    assert list(rows(shot(*wheel("a", unpack=(0.0, 1.0), stage=(2.0, 3.0))))) == ["a"]
    removal = [
        (0.0, events.PlanWheel("old", 0, 3, 3, [f"{PURE}/old/"], [PURE], "1.0")),
        (1.0, events.LockGranted("old", 0.0)),
        (1.0, events.CommitStarted("old", 3, 1)),
        (4.0, events.DistributionRemoved("old", "1.0", 3)),
    ]
    texts = rows(shot(*removal))
    assert texts["old"].startswith("old 1.0")
    assert "3.0 s" in texts["old"]


@pytest.mark.parametrize("name", ["uvicorn[standard]", "\x1b[31mred\x07", "日本語パッケージ" * 6, "a" * 200])
@pytest.mark.parametrize("mode", timeline_lanes.MODES)
def test_hostile_names_keep_their_columns(name: str, mode: timeline_lanes.Mode) -> None:
    timed = [
        *wheel(name, unpack=(0.0, 1.0), stage=(2.0, 3.0)),
        (4.0, events.LockWaiting(name, f"{PURE}/{name}", "X", [Holder(pid=3, command=name)])),
        (4.0, events.EnvironmentWaiting(name, [Holder(pid=3, command=name)])),
        (4.0, events.ResolveProgress(name)),
    ]
    snapshot = shot(*timed)
    found = activity(snapshot)
    lanes = arrange(snapshot, found, LaneQuery(mode))
    for width in (48, 78, 118, 198):
        look = look_at(snapshot, 4.5)
        for key in lanes.keys:
            lane = lane_of(snapshot, found, lanes, key)
            assert lane is not None
            drawn = timeline.drawn(lane, mode == "lock", look.window, width, UNICODE)
            row = timeline.row(snapshot, found, key, lane, drawn, look, width, UNICODE)
            assert width_of(row) == width - timeline.GUTTER
            panel = timeline_panel.of_lane(snapshot, found, key, lane, look, width, 5, UNICODE)
            moment = timeline_panel.of_moment(snapshot, found, look, width, 5, UNICODE)
            for line in (row, *panel, *moment, *timeline_panel.why(snapshot, width, 5)):
                assert plain(line).isprintable()
            assert all(width_of(line) <= width for line in (*panel, *moment))


def test_wheels_at_work_are_counted_as_on_the_dashboard() -> None:
    fetches = [
        (0.0, event)
        for key in "cde"
        for event in (
            events.WheelAdded(key, "1.0", f"{key}.whl", 9, False),
            events.FetchStarted(key, 0, 9),
        )
    ]
    again = [(3.0, events.UnpackProgress("a", 9, 9, 1)), (3.5, events.StageProgress("b", 1, 40))]
    snapshot = shot(*sorted([*fetches, *TWO, *again], key=lambda entry: entry[0]))
    lines = [plain(line) for line in timeline.head(snapshot, activity(snapshot), look_at(snapshot), 120, UNICODE, True)]
    assert "wheels at work" in lines[3]
    assert activity(snapshot).busy.most == snapshot.peaks.running == 5
    assert "in all, up to 5 at once" in lines[3]


def test_a_session_that_waits_for_its_lock_says_that_all_of_its_wheels_wait() -> None:
    waits = (0.0, events.EnvironmentWaiting(".lock", [UV]))
    snapshot = shot(*wheel("a", unpack=(0.0, 0.1), stage=(0.1, 0.2)), waits)
    line = plain(timeline.head(snapshot, activity(snapshot), look_at(snapshot), 120, UNICODE, True)[4])
    assert "none" not in line
    assert line.split()[-5:] == ["all", "the", "session,", "for", ".lock"]
    assert "waiting all" in plain(counters(snapshot, UNICODE, 120))
    over = shot(waits, (1.0, events.EnvironmentGranted(".lock", 1.0)))
    assert "waiting 0" in plain(counters(over, UNICODE, 120))


def test_locks_that_were_waited_for_are_found_by_that_word() -> None:
    snapshot = shot(*TWO)
    found = activity(snapshot)
    waited = arrange(snapshot, found, LaneQuery("lock", parse("state:wait")))
    assert waited.keys
    assert list(waited.keys) == list(arrange(snapshot, found, LaneQuery("lock")).keys)


def test_no_more_of_a_lane_is_on_the_critical_path_than_there_is_of_it() -> None:
    snapshot = shot(*TWO)
    found = activity(snapshot)
    found = found._replace(path=dict.fromkeys(found.path, 99.0) | {"a": 99.0})
    lane = lane_of(snapshot, found, arrange(snapshot, found, LaneQuery()), "a")
    assert lane is not None
    title = plain(timeline_panel.of_lane(snapshot, found, "a", lane, look_at(snapshot), 120, 4, UNICODE)[0])
    assert "on the critical path" in title
    assert "99" not in title
