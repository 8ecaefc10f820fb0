"""The Locks view as text: by lock, by wheel and as wait chains, with wheels of this session and processes outside."""

import asyncio
from collections.abc import Mapping

import pytest

from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.tui.rows import chains, locks, locks_by_wheel, wheels
from instui.tui.rows.filter import parse
from instui.tui.rows.gauges import gauges
from instui.tui.rows.keys import ENVIRONMENT, About, closest
from instui.tui.rows.labels import blocker_of, holder_pieces
from instui.tui.rows.lock_history import lanes
from instui.tui.rows.locks import LockQuery
from instui.tui.tape import Log, Tape
from instui.tui.text.columns import widths
from instui.tui.text.glyphs import UNICODE
from instui.tui.text.pieces import Line, plain
from instui.tui.views.locks import GROUPINGS
from instui_engine.journal import events
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Event, Holder
from support.screens import Recorded, press, shown, text_of

PURE = "lib/python3.11/site-packages"
SHAPES, TOOLS = f"{PURE}/shapes", f"{PURE}/tools"
COMMAND = ["instui", "install", "a"]
OTHER = Holder("circle", "s2", 5120, "instui install /tmp/second")
STOPPED = OTHER._replace(state="stopped")
UV = Holder(pid=77, command="/usr/bin/uv pip install ruff")


def started(command: list[str] = COMMAND) -> tuple[float, Event]:
    top = "/home/user/.venv"
    return 0.0, events.SessionStarted(1, "s1", 42, 0.0, 0.0, "0.1", command, top, "py", {"purelib": PURE}, 2)


def wheel(key: str, order: int, path: str) -> list[tuple[float, Event]]:
    planned = events.PlanWheel(key, order, 4, 2, [f"{path}/", f"@{key}"], [PURE, "."], "")
    return [(1.0, events.WheelAdded(key, "1.0", f"{key}.whl", 100, True)), (2.0, planned)]


PLANNED = [started(), *wheel("square", 0, SHAPES), *wheel("triangle", 1, SHAPES), *wheel("caliper", 2, TOOLS)]
# triangle waits for square, which waits for a wheel of another session; caliper has what it wants
CHAIN: list[tuple[float, Event]] = [
    *PLANNED,
    (3.0, events.LockRequested("triangle")),
    (3.0, events.LockWaiting("triangle", SHAPES, "X", [Holder("square", "s1", 42)])),
    (4.0, events.LockGranted("caliper", 0.0)),
    (5.0, events.LockWaiting("square", SHAPES, "X", [STOPPED])),
]
OVER: list[tuple[float, Event]] = [
    *CHAIN,
    (7.0, events.LockGranted("square", 2.0)),
    (8.0, events.LockReleased("square", 1.0)),
    (8.0, events.LockGranted("triangle", 5.0)),
    (9.0, events.LockReleased("triangle", 1.0)),
]
UV_HOLDS: list[tuple[float, Event]] = [*PLANNED, (4.0, events.EnvironmentWaiting(".lock", [UV]))]


def snapshot(timed: list[tuple[float, Event]], at: float = 10.0) -> Snapshot:
    fold = Fold()
    for t, event in timed:
        fold.feed(t, event)
    return fold.snapshot(at)


def rows(grouping: int, shot: Snapshot, query: LockQuery = LockQuery(), width: int = 118) -> list[str]:  # noqa: B008
    """The rows of a grouping as text, columns apart by a bar."""
    way = GROUPINGS[grouping]
    found, sizes = way.arrange(shot, query), widths(way.columns, width)
    return [
        _text(way.cells(shot, found, key, sizes, UNICODE), [column.id for column in way.columns]) for key in found.keys
    ]


def _text(cells: Mapping[str, Line], columns: list[str]) -> str:
    texts = (plain(cells[column]).rstrip() for column in ("", *columns) if column in cells)
    return "|".join(text for text in texts if text)


def test_by_lock_holders_outside_the_session_are_named_with_pid_command_and_state() -> None:
    assert rows(0, snapshot(CHAIN), width=160) == [
        "lib/python3.11/site-packages/|IX|caliper 1.0|6 s|1|0 %",
        "  shapes/|X|circle of pid 5120 (instui install /tmp/s…), stopped|2|7 s|100 %",
        "  ║ triangle 1.0|X|behind square 1.0|7 s",
        "  ║ square 1.0|X|waits for circle of pid 5120, stopped|5 s",
        "  tools/|X|caliper 1.0|6 s|1|0 %",
        "… 5 more paths without waits   (a shows all)",
    ]


def test_by_wheel_what_each_lost_and_cost() -> None:
    assert rows(1, snapshot(CHAIN)) == [
        "circle of pid 5120, stopped|holds shapes/|5 s",
        "triangle 1.0|shapes/ → square 1.0|7 s|7 s|2|2",
        "square 1.0|shapes/ → pid 5120, stopped|5 s|5 s|7 s|2|2",
        "… 1 wheel that neither waited nor made others wait   (a shows all)",
    ]
    assert rows(1, snapshot(OVER)) == [
        "circle of pid 5120, stopped|held shapes/|2.0 s",
        "square 1.0|staged|2.0 s|2.0 s|5.0 s|2|2",
        "triangle 1.0|staged|5.0 s|5.0 s|2|2",
        "… 1 wheel that neither waited nor made others wait   (a shows all)",
    ]
    assert rows(1, snapshot(CHAIN), LockQuery(everything=True))[-1] == "caliper 1.0|holds tools/|2|2"


def test_a_chain_begins_with_who_does_not_wait() -> None:
    assert rows(2, snapshot(CHAIN)) == [
        "▾ circle of pid 5120 (instui install /tmp/s…), stopped|shapes/|2",
        "  ║ square 1.0|shapes/|X|5 s|1",
        "    ║ triangle 1.0|shapes/|X|7 s",
    ]


def test_chains_of_the_past_are_shown_when_they_are_asked_for_or_all_is_over() -> None:
    assert rows(2, snapshot(OVER)) == []
    past = [
        "▾ circle of pid 5120 (instui install /tmp/s…), stopped|shapes/|2",
        "  ║ square 1.0|shapes/|X|2.0 s|1",
        "    ║ triangle 1.0|shapes/|X|5.0 s",
    ]
    assert rows(2, snapshot(OVER), LockQuery(everything=True)) == past
    assert rows(2, snapshot([*OVER, (9.5, events.SessionFinished(0, "", 3, 9.5))])) == past


def test_the_environments_lock_is_a_chain_of_its_own() -> None:
    shot = snapshot(UV_HOLDS)
    assert rows(0, shot)[:2] == [
        ".lock (environment)|X|pid 77 (uv pip install ruff)|1|6 s",
        "║ this session, all of it|SH|waits for pid 77|6 s",
    ]
    assert rows(1, shot)[0] == "pid 77 (uv pip install ruff)|holds .lock|6 s"
    assert rows(2, shot) == [
        "▾ pid 77 (uv pip install ruff)|.lock|1",
        "  ║ this session, all of it|.lock|SH|6 s",
    ]
    assert wheels.keys(shot, wheels.WheelQuery())[0] == ENVIRONMENT
    assert plain(lanes(shot, ENVIRONMENT, 100, 6, UNICODE)[1]) == "this session waited 6 s"  # and has held nothing yet


@pytest.mark.parametrize(("size", "row"), [((50, 15), "wait pid 77 "), ((120, 40), ".lock → pid 77 ")])
def test_the_dashboard_names_who_holds_the_environments_lock_at_every_width(size: tuple[int, int], row: str) -> None:
    async def run() -> None:
        running = Recorded([encode(t, event) for t, event in (*UV_HOLDS, (9.0, events.Caption("on")))])
        async with shown(running, 8.0, size) as (app, _):
            assert row in next(line for line in text_of(app).split("\n") if "this session" in line)

    asyncio.run(run())


@pytest.mark.parametrize(("width", "height"), [(80, 1), (120, 5)])
def test_a_wait_for_the_environments_lock_that_is_over_is_contention(width: int, height: int) -> None:
    over = snapshot([*UV_HOLDS, (8.0, events.EnvironmentGranted(".lock", 4.0))])
    text = "\n".join(plain(one) for one in gauges(over, Log(Tape()), width, height, UNICODE))
    assert "no contention" not in text
    assert ".lock" in text
    assert "4.0 s" in text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "2 paths are to be locked, and no two wheels want the same one"),
        ([events.SessionFinished(130, "cancelled", 0, 5.0)], "2 paths were to be locked, and no wheel waited"),
        (
            [events.LockGranted("a", 0.0), events.LockReleased("a", 1.0), events.SessionFinished(130, "x", 0, 5.0)],
            "1 of 2 paths were locked, and no wheel waited for another",
        ),
    ],
)
def test_of_a_session_that_is_over_it_is_not_said_what_it_will_lock(more: list[Event], said: str) -> None:
    start = events.SessionStarted(2, "s", 42, 0.0, 0.0, "0", ["instui", "install"], "/v", "py", {}, 2)
    plans = [events.PlanWheel(wheel, n, 1, 1, [f"lib/{wheel}"], [], "") for n, wheel in enumerate("ab")]

    lines = [*(encode(1.0, event) for event in (start, *plans, *more)), encode(9.0, events.Caption("on"))]

    async def run() -> None:
        async with shown(Recorded(lines), 8.0) as (app, pilot):
            await press(pilot, "2")
            assert said in text_of(app)

    asyncio.run(run())


def test_a_circle_in_a_damaged_journal_is_no_endless_loop() -> None:
    circle: list[tuple[float, Event]] = [
        *PLANNED,
        (3.0, events.LockWaiting("square", SHAPES, "X", [Holder("triangle", "s1", 42)])),
        (3.0, events.LockWaiting("triangle", SHAPES, "X", [Holder("square", "s1", 42)])),
    ]
    assert len(rows(2, snapshot(circle))) == 4
    unknown = (3.0, events.LockWaiting("ghost", SHAPES, "X", [Holder("nobody", "s1", 42), Holder()]))
    assert rows(2, snapshot([*PLANNED, unknown])) == ["▾ nobody|shapes/|1", "  ║ ghost +1|shapes/|X|7 s"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [("wheel:triangle", ["triangle"]), ("lock:tools", []), ("state:held", ["circle"]), ("pid", ["circle", "square"])],
)
def test_chains_are_filtered_by_either_side(text: str, kept: list[str]) -> None:
    found = rows(2, snapshot(CHAIN), LockQuery(filter=parse(text)))
    assert [row.lstrip(" ▾║").split()[0] for row in found] == kept


def test_wheels_are_sorted_by_what_they_lost_or_cost() -> None:
    shot = snapshot(OVER)
    for sort, first in (("waited", "triangle"), ("blocked", "square"), ("wheel", "square"), ("x", "square")):
        found = rows(1, shot, LockQuery(sort=sort))
        assert found[1].startswith(first), sort
    assert rows(1, shot, LockQuery(sort="waited", reverse=True))[2].startswith("triangle")


def test_a_selection_is_found_again_in_every_grouping() -> None:
    shot = snapshot(CHAIN)
    found = [way.arrange(shot, LockQuery()) for way in GROUPINGS]
    for wanted in (About(SHAPES, "square"), About(SHAPES, "triangle")):
        for one in found:
            assert one.rows[closest(wanted, one.rows)].wheel == wanted.wheel
    assert [closest(About(TOOLS, "caliper"), one.rows) for one in found] == [TOOLS, "", ""]
    held = [locks_by_wheel.arrange(shot, LockQuery(about=About(TOOLS, "caliper"))), locks.arrange(shot, LockQuery())]
    assert all(closest(About(TOOLS, "caliper"), one.rows) for one in held)
    uv = [way.arrange(snapshot(UV_HOLDS), LockQuery()) for way in GROUPINGS]
    assert all(closest(About(ENVIRONMENT), one.rows) for one in uv)


def test_the_lane_of_a_lock_shows_who_had_it_outside_the_session() -> None:
    texts = [plain(one) for one in lanes(snapshot(OVER), SHAPES, 118, 6, UNICODE)]
    assert texts[0] == "shapes/   over 6.0 s"
    assert [text.split("  ")[0].strip() for text in texts[1:]] == [
        "circle of pid 5120, stopped",
        "triangle 1.0",
        "square 1.0",
    ]
    assert texts[1].endswith("held  2.0 s")
    assert texts[2].endswith("waited  5.0 s  held 1.00 s")
    waiting = [plain(one) for one in lanes(snapshot(CHAIN), SHAPES, 118, 6, UNICODE)]
    assert waiting[3].startswith("square 1.0")
    assert waiting[3].endswith("waited    5 s")


def test_why_there_is_no_wheel_to_go_to() -> None:
    shot = snapshot(CHAIN)
    assert blocker_of(shot, "triangle") == ("square", "")
    outside = "held from outside this session, by circle of pid 5120 (instui install /tmp/second), stopped"
    assert blocker_of(shot, "square") == ("", outside)
    assert blocker_of(shot, "caliper") == ("", "caliper 1.0 waits for nobody")
    expected = "the whole session waits for .lock, held from outside by pid 77 (uv pip install ruff)"
    assert blocker_of(snapshot(UV_HOLDS), "caliper") == ("", expected)


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (80, "circle of pid 5120 (instui install /tmp/second), stopped"),
        (50, "circle of pid 5120 (instui install /tmp…), stopped"),
        (30, "circle of pid 5120, stopped"),
        (20, "pid 5120, stopped"),
        (10, "pid 5120"),
        (5, "pid …"),
    ],
)
def test_a_process_is_named_in_whatever_room_there_is(width: int, text: str) -> None:
    assert plain(holder_pieces(snapshot(CHAIN), STOPPED, width)) == text


def test_nobody_waits_after_the_end() -> None:
    shot = snapshot([*CHAIN, (9.0, events.SessionFinished(4, "waited", 1, 9.0))])
    assert shot.waiting == ()
    assert shot.totals.waiting == 0
    assert sorted(wait.seconds for wait in shot.waits) == [4.0, 6.0]
    uv = snapshot([*UV_HOLDS, (9.0, events.SessionFinished(4, "waited", 0, 9.0))])
    assert uv.environment is not None
    assert (uv.environment.state, uv.environment.waited) == ("free", 5.0)


LATER: tuple[float, Event] = (99.0, events.SessionResumed())  # so that the session still goes on


def test_keys_say_who_is_in_the_way_outside_the_session() -> None:
    async def run() -> None:
        async with shown(Recorded([encode(t, event) for t, event in (*CHAIN, LATER)]), 9.0) as (app, pilot):
            await press(pilot, "g", "j", "b")
            assert "held from outside this session, by circle of pid 5120" in text_of(app)
            await press(pilot, "2", "slash", *"shapes", "enter", "n", "b")
            assert "held from outside this session, by circle of pid 5120" in text_of(app)
            await press(pilot, "escape", "v", "v", "g", "b")
            assert "held from outside this session, by circle of pid 5120" in text_of(app)
            await press(pilot, "enter")
            assert "held from outside this session" in text_of(app)
        async with shown(Recorded([encode(t, event) for t, event in (*UV_HOLDS, LATER)]), 9.0) as (app, pilot):
            await press(pilot, "g", "b")
            assert "the whole session waits for .lock" in text_of(app)
            await press(pilot, "enter")
            assert app.current_mode == "locks"

    asyncio.run(run())


def test_chain_columns_fit_into_the_screen() -> None:
    for columns in (chains.COLUMNS, locks_by_wheel.COLUMNS):
        for width in (50, 80, 120, 200):
            sizes = widths(columns, width - 3)
            assert 2 + sum(sizes.values()) + 2 * (len(sizes) - 1) <= width - 3
