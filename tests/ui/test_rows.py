"""What the screens say, computed from snapshots without a screen; and names that try to be more than text."""

import asyncio
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
from rich.cells import cell_len

from instui.explain.summary import summary
from instui.monitor.model import Snapshot
from instui.tui.rows import frame, locks, overwrites, wheels
from instui.tui.rows.counters import counters
from instui.tui.rows.detail import detail
from instui.tui.rows.event_text import event_text
from instui.tui.rows.filter import parse
from instui.tui.rows.frame import Facts
from instui.tui.rows.help import help_lines
from instui.tui.rows.keys import FOLD
from instui.tui.rows.labels import short
from instui.tui.rows.transport import Stand
from instui.tui.tape import KEPT, Log, Tape
from instui.tui.text.columns import Column, widths
from instui.tui.text.glyphs import ASCII, UNICODE, Glyphs, bar, curve
from instui.tui.text.pieces import Piece, fit, line, plain, spread, width_of
from instui.tui.views.registry import ACTIONS, FOOTER, tabs
from instui.tui.views.throttled import Throttled
from instui.tui.widgets.theme import STYLES
from instui_engine.journal import events
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Event, Holder
from support.made_up import snapshot_of
from support.screens import Recorded, press, settle, shown, text_of

PURE = "lib/python3.11/site-packages"
SESSION = events.SessionStarted(
    1, "s1", 42, 0.0, 100.0, "0.1", ["instui", "install", "a"], "/home/user/.venv", "py", {"purelib": PURE}, 2
)
HOSTILE = [
    "uvicorn[standard]",
    "x[/bad]",
    "[@click=app.quit]y[/]",
    "\x1b[31mred\x07",
    "日本語パッケージ" * 6,
    "a" * 200,
]


def snapshot(*timed: tuple[float, Event], at: float = 10.0) -> Snapshot:
    return snapshot_of(SESSION, *timed, at=at)


def added(key: str) -> tuple[float, Event]:
    return 1.0, events.WheelAdded(key, "1.0", f"{key}.whl", 100, False)


def wheel_row(shot: Snapshot, key: str, width: int = 118) -> str:
    sizes = widths(wheels.COLUMNS, width)
    cells = wheels.cells(shot, key, sizes, UNICODE)
    return " ".join(plain(cells[column.id]).strip() for column in wheels.COLUMNS if column.id in cells)


def test_wheels_come_failed_first_then_waiting_then_running_and_the_rest_is_folded() -> None:
    shot = snapshot(
        *(added(key) for key in "abcdef"),
        (2.0, events.FetchStarted("a", 0, 100)),
        (3.0, events.FetchStarted("b", 0, 100)),
        (4.0, events.LockWaiting("c", f"{PURE}/jwt", "X", [Holder("d")])),
        (5.0, events.WheelFailed("e", "bad RECORD")),
    )
    assert wheels.keys(shot, wheels.WheelQuery()) == ["e", "c", "a", "b", FOLD]
    assert wheels.keys(shot, wheels.WheelQuery(selected="f")) == ["e", "c", "a", "b", "f", FOLD]
    assert wheels.keys(shot, wheels.WheelQuery(everything=True)) == ["e", "c", "a", "b", "d", "f"]
    assert "bad RECORD" in wheel_row(shot, "e")


def test_who_had_come_furthest_stands_first_when_the_session_has_ended() -> None:
    shot = snapshot(
        *(added(key) for key in "abcd"),
        (2.0, events.FetchStarted("b", 0, 100)),
        (3.0, events.StageStarted("d", 9)),
        (3.0, events.UnpackStarted("c", 1, 9)),
        (5.0, events.SessionFinished(1, "stopped", 0, 5.0)),
    )
    assert wheels.keys(shot, wheels.WheelQuery(everything=True)) == ["d", "c", "b", "a"]


def test_a_waiting_row_names_the_lock_and_its_present_holder() -> None:
    shot = snapshot(
        added("a"),
        added("b"),
        (1.0, events.PlanWheel("a", 0, 1, 1, [f"{PURE}/jwt/"], [PURE], "")),
        (1.0, events.PlanWheel("b", 1, 1, 1, [f"{PURE}/jwt/"], [PURE], "")),
        (2.0, events.LockGranted("a", 0.0)),
        (3.0, events.LockWaiting("b", f"{PURE}/jwt", "X", [Holder("gone")])),
    )
    assert wheel_row(shot, "b").endswith("wait   1st in line jwt/ → a 1.0 7 s")
    tree = locks.arrange(shot, locks.LockQuery())
    assert tree.keys == [PURE, f"{PURE}/jwt", f"{PURE}/jwt\0b", locks.FOLD][: len(tree.keys)]
    sizes = widths(locks.COLUMNS, 118)
    assert plain(locks.cells(shot, tree, f"{PURE}/jwt\0b", sizes, UNICODE)["holder"]) == "waits for a 1.0"


def test_a_foreign_holder_is_shown_by_pid_and_command() -> None:
    holder = Holder(pid=5120, command="uv pip install ruff")
    shot = snapshot(added("a"), (3.0, events.LockWaiting("a", f"{PURE}/ruff", "X", [holder])))
    assert "pid 5120" in wheel_row(shot, "a", 200)
    tree = locks.arrange(shot, locks.LockQuery())
    cells = locks.cells(shot, tree, f"{PURE}/ruff", widths(locks.COLUMNS, 118), UNICODE)
    assert plain(cells["holder"]) == "pid 5120 (uv pip install ruff)"


def test_a_conflict_of_the_plan_becomes_an_overwrite_and_equal_content_stays_folded() -> None:
    planned = (2.0, events.PlanConflict(f"{PURE}/x.py", "a 1", "b 1"))
    shot = snapshot(added("a"), planned)
    assert "b 1 will replace a 1" in event_text(shot, planned[1]).text
    assert "b 1 would replace a 1" in event_text(shot, planned[1]._replace(refused=True)).text
    assert [file.t for file in overwrites.arrange(shot, overwrites.OverwriteQuery()).files.values()] == [-1.0]
    done = (3.0, events.Overwrite("b", f"{PURE}/x.py", "a 1", "b 1", False))
    same = (3.0, events.Overwrite("b", f"{PURE}/y.py", "a 1", "b 1", True))
    found = overwrites.arrange(snapshot(added("a"), planned, done, same), overwrites.OverwriteQuery())
    assert [file.path for file in found.files.values()] == [f"{PURE}/x.py"]
    assert found.equal == 1


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", True),
        ("jwt", True),
        ("!jwt", False),
        ("wheel:jwt state:wait", True),
        ("wheel:cv2", False),
        ("lock:cv2", True),
        ("lock:cv2 !state:wait", False),
        ("wheel:", True),
        ("JWT", True),
    ],
)
def test_filters(text: str, kept: bool) -> None:
    assert parse(text).keeps(lambda: {"wheel": "jwt 1.0", "lock": "cv2/", "state": "wait"}) is kept


@pytest.mark.parametrize("name", [*HOSTILE, "e\u0301" * 30, "👩‍👩‍👧" * 20])
@pytest.mark.parametrize("width", [1, 2, 7, 20])
def test_a_cell_is_exactly_as_wide_as_its_column(name: str, width: int) -> None:
    pieces = fit(line((short(f"{name} 1.0", width), "text")), width)
    assert sum(cell_len(piece.text) for piece in pieces) == width


def test_a_version_is_cut_before_a_name() -> None:
    assert short("opencv-python-headless 4.12.0.88", 26) == "opencv-python-headless 4.…"
    assert short("opencv-python-headless 4.12.0.88", 15) == "opencv-…eadless"


@pytest.mark.parametrize("width", [50, 80, 120, 200])
@pytest.mark.parametrize("columns", [wheels.COLUMNS, locks.COLUMNS, overwrites.COLUMNS])
def test_columns_fit_into_the_screen(columns: tuple[Column, ...], width: int) -> None:
    sizes = widths(columns, width - 3)
    assert 2 + sum(sizes.values()) + 2 * (len(sizes) - 1) <= width - 3


@pytest.mark.parametrize("width", [40, 50, 64, 80, 100, 120, 200])
def test_header_counters_and_footer_fill_the_line_exactly(width: int) -> None:
    shot = snapshot(added("a"), (2.0, events.FetchStarted("a", 0, 100)))
    facts = Facts(UNICODE)
    for pieces in (
        frame.header(shot, facts, width),
        counters(shot, UNICODE, width),
        frame.tabs(tabs(shot), "Dashboard", width, UNICODE),
        frame.footer(FOOTER, width, UNICODE, {}),
        frame.footer(FOOTER, width, ASCII, {}, leaves_in=3),
    ):
        assert width_of(pieces) == width


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(UNICODE), "LIVE"),
        (Facts(UNICODE, badge="ATTACHED"), "ATTACHED pid 42 read-only"),
        (Facts(UNICODE, stand=Stand(speed=2.0)), "REPLAY 2.0x"),
        (Facts(UNICODE, stand=Stand(speed=0.25)), "REPLAY 0.25x"),
        (Facts(UNICODE, stand=Stand(held=True)), "PAUSED"),
        (Facts(UNICODE, stand=Stand(held=True, ended=True)), "REPLAY ended"),
        (Facts(UNICODE, stand=Stand(held=True, recorded=False, lag=12.0)), "PAUSED 12 s behind"),
    ],
)
def test_the_badge_says_what_is_on_the_screen(facts: Facts, expected: str) -> None:
    assert frame.badge(snapshot(), facts).text == expected


def test_the_badge_says_how_the_session_ended_and_what_was_asked_of_it() -> None:
    assert frame.badge(snapshot((1.0, events.SessionPaused())), Facts(UNICODE)).text == "INSTALL PAUSED"
    assert frame.badge(snapshot((1.0, events.CancelRequested(130))), Facts(UNICODE)).text == "CANCELLING"
    assert frame.badge(snapshot((1.0, events.SessionFinished(0, "", 1, 1.0))), Facts(UNICODE)).text == "FINISHED"
    assert frame.badge(snapshot()._replace(over=True), Facts(UNICODE)).text == "DIED"
    ended = snapshot((1.0, events.SessionFinished(130, "interrupted", 1, 1.0)))
    assert frame.badge(ended, Facts(UNICODE)).text == "FAILED exit 130"


def test_small_things() -> None:
    assert [bar(share, 10) for share in (0, 0.001, 0.5, 0.999, 1)] == [0, 1, 5, 9, 10]
    assert curve([0, 1, 8], 5, 8, UNICODE) == "   ▁█"
    assert curve([0, 1, 8], 3, 8, ASCII).isascii()
    assert plain(spread(line("left"), line("right"), 12)) == "left   right"
    assert fit((Piece("abc"),), 0) == ()


def test_the_log_keeps_the_latest_events() -> None:
    tape = Tape()
    log = Log(tape)
    for number in range(KEPT + 5):
        tape.add(number, events.SessionResumed())
    assert (log.first, log.total) == (5, KEPT + 5)
    assert log[5][0] == 5


def test_what_is_costly_is_made_less_often() -> None:
    now = [0.0]

    def slow() -> int:
        now[0] += 0.1
        made.append(1)
        return len(made)

    made: list[int] = []
    paced: Throttled[int] = Throttled(lambda: now[0])
    assert paced.get("key", object(), slow) == 1
    assert paced.get("key", object(), slow) == 1  # too soon
    assert paced.get("other", object(), slow) == 2  # the user asked for something else
    now[0] += 10
    assert paced.get("other", object(), slow) == 3


@pytest.mark.parametrize("view", ["1", "2", "3", "4", "5", "enter"])
@pytest.mark.parametrize("size", [(50, 15), (120, 40)])
def test_hostile_names_are_shown_as_they_are(view: str, size: tuple[int, int]) -> None:
    timed: list[tuple[float, Event]] = [(0.0, SESSION), (0.1, events.Caption("[b]see[/b] [/x] \x1b[2J"))]
    timed += [added(name) for name in HOSTILE]
    timed += [(2.0, events.LockWaiting(HOSTILE[1], f"{PURE}/[/x]", "X", [Holder(HOSTILE[0])]))]
    timed += [(2.0, events.LockWaiting(HOSTILE[0], f"{PURE}/[/x]", "X", [Holder(pid=1, command="[b]uv[/]\x1b[0m")]))]
    timed += [(3.0, events.WheelFailed(HOSTILE[2], "[/] is \x1b]0;bad\x07"))]
    timed += [(3.0, events.Overwrite(HOSTILE[1], f"{PURE}/[/x]/\x1b.py", "a[/] 1", "b[] 2", False))]
    timed += [(4.0, events.CommitFinished(HOSTILE[3], 1))]
    text = painted(timed, 3.9, size, "a", "j", view)
    assert is_harmless(text)
    assert "[" in text


@pytest.mark.parametrize(
    "timed",
    [
        [(1.0, events.ResolveStarted(["\x1b[2J", "[/x]"]))],
        [(1.0, events.RequirementSatisfied("\x1b[2J", "\x07")), (2.0, events.SessionFinished(0, "", 0, 2.0))],
        [added("a"), (2.0, events.SyncStarted("\x1b[2J"))],
        [added("a"), (2.0, events.LockWaiting("a", f"{PURE}/x", "\x1b[2J", [Holder("b")]))],
    ],
)
@pytest.mark.parametrize("keys", ["", "2", "2v", "2vv", "3", "3v", "3vv", "5"])
def test_no_field_of_a_journal_steers_the_terminal(timed: list[tuple[float, Event]], keys: str) -> None:
    """Also those that are no names, such as a mode: a journal is only a file."""
    assert is_harmless(painted([(0.0, SESSION), *timed], 3.0, (120, 30), *keys))


def painted(timed: list[tuple[float, Event]], at: float, size: tuple[int, int], *keys: str) -> str:
    async def run() -> str:
        async with shown(Recorded([encode(t, event) for t, event in timed]), at, size) as (app, pilot):
            await press(pilot, *keys)
            await settle(pilot)
            return text_of(app)

    return asyncio.run(run())


def is_harmless(text: str) -> bool:
    return not any(ord(character) < 32 and character != "\n" for character in text)


@pytest.mark.parametrize("kind", events.KINDS)
def test_every_event_can_be_told(kind: str) -> None:
    values = {int: 3, float: 1.5, str: "some", bool: True, list[str]: [f"{PURE}/some/", "@some"], dict[str, str]: {}}

    def one(name: str, hint: object) -> object:
        if get_origin(hint) is Literal:
            return get_args(hint)[0]
        return [Holder("b")] if name == "holders" else values[hint]

    fields = get_type_hints(events.KINDS[kind])
    event = events.KINDS[kind](*(one(name, of) for name, of in fields.items()))
    piece = event_text(snapshot(added("some")), event)
    assert piece.style in STYLES["dark"]
    assert piece.text or kind.endswith((".progress", ".paused", ".resumed")) or kind in SPEAKS_FOR_ITSELF


SPEAKS_FOR_ITSELF = {"caption", "load.sampled", "stage.finished", "lock.requested"}


def test_a_dry_run_ends_with_what_is_planned_for_each_wheel() -> None:
    shot = snapshot(
        added("a"),
        (2.0, events.PlanWheel("a", 0, 3, 1, [f"{PURE}/a/"], [PURE], "0.9")),
        (3.0, events.SessionFinished(0, "", 0, 3.0)),
    )
    assert wheel_row(shot, "a").rstrip().endswith("planned replaces 0.9")
    assert "  a 1.0 (replaces 0.9)" in summary(shot)
    assert summary(shot, names=False)[1:] == ["  1 wheel is not in the cache: its files are not known"]
    shot = snapshot(
        (2.0, events.PlanWheel("b", 0, 3, 1, [f"{PURE}/b/"], [PURE], "2.0")),
        (3.0, events.SessionFinished(0, "", 0, 3.0)),
    )
    assert wheel_row(shot, "b").rstrip().endswith("planned 3 files")


def test_a_failed_session_does_not_say_that_there_was_nothing_to_do() -> None:
    async def text(*events_: Event) -> str:
        recorded = Recorded([encode(float(t), event) for t, event in enumerate((SESSION, *events_))])
        async with shown(recorded, 10.0) as (app, _):
            return text_of(app)

    asked = events.ResolveStarted(["a"])
    failed = asyncio.run(text(asked, events.SessionFinished(1, "no solution: a was not found", 0, 1.0)))
    assert "nothing was installed" in failed
    assert "nothing was to be" not in failed
    assert "no solution: a was not found" in failed
    assert "nothing was to be installed" in asyncio.run(text(asked, events.SessionFinished(0, "", 0, 1.0)))


@pytest.mark.parametrize("width", [46, 76])
def test_help_cuts_no_word_where_the_screen_is_narrow(width: int) -> None:
    why_not = "select a wheel first (j, k or a click)"
    lines = help_lines([(action, why_not) for action in ACTIONS], UNICODE, width)
    assert max(map(width_of, lines)) <= width
    whole = " ".join(" ".join(plain(line) for line in lines).split())
    assert all(f"{action.help}; not now: {why_not}" in whole for action in ACTIONS)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_help_leaves_a_gap_beside_the_longest_key(glyphs: Glyphs) -> None:
    lines = [plain(line) for line in help_lines([(action, "") for action in ACTIONS], glyphs, 200)]
    rows = [line for action in ACTIONS for line in lines if line.endswith(f"  {action.help}")]
    assert len(rows) == len(ACTIONS)
    assert all("  " in row.strip() for row in rows)
    assert len({row.index(action.help) for action, row in zip(ACTIONS, rows, strict=True)}) == 1


def test_the_detail_of_a_wheel_says_why_it_is_fetched_again_and_when() -> None:
    steps: list[tuple[float, Event]] = [
        (0.0, events.WheelAdded("a", "1.0", "a-1.0-py3-none-any.whl", 9, False, fetch=True)),
        (1.0, events.FetchStarted("a", 0, 9)),
        (2.0, events.FetchRetried("a", 1, "it answered 429", 30.0)),
    ]
    lines = ["".join(piece.text for piece in one) for one in detail(snapshot(*steps), "a", 80, UNICODE)]
    assert "retries    1, again in 22.0 s; last reason: it answered 429" in lines
    steps.append((33.0, events.FetchFinished("a", 9)))
    lines = ["".join(piece.text for piece in one) for one in detail(snapshot(*steps), "a", 80, UNICODE)]
    assert "retries    1; last reason: it answered 429" in lines
