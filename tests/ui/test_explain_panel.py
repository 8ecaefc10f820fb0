"""The panel that says why a session takes so long: its rows, what they open, and the line above the table."""

import asyncio
from collections.abc import Sequence

from instui.explain.explanation import explain
from instui.tui.rows.explain import in_full, table_rows, top_line
from instui.tui.text.glyphs import UNICODE
from instui.tui.text.pieces import plain
from instui.tui.views.detail import DetailView
from instui.tui.views.explain import ExplainView
from instui.tui.views.view import View
from instui_engine.journal import events
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Event
from support.explained import FLOCK, START, added, ended, snapshot_of
from support.screens import Recorded, press, shown, text_of

WAITED: list[tuple[float, Event]] = [
    *added("a"),
    (0.0, events.SpanStarted("commit")),
    (0.1, events.EnvironmentWaiting(".lock", [FLOCK])),
    (7.8, events.EnvironmentGranted(".lock", 7.7)),
    (7.8, events.LockGranted("a", 0.0)),
    (8.4, events.CommitFinished("a", 1)),
    (8.4, events.SpanFinished("commit", 8.4, 0.0, -1.0)),
    ended(8.4),
]
SIZES = {"place": 2, "share": 5, "took": 8, "bar": 20, "text": 200}


def texts(timed: Sequence[tuple[float, Event]], height: int = 50, room: int = 200) -> list[str]:
    rows = table_rows(explain(snapshot_of(*timed)), UNICODE, height, room)
    assert len(rows.keys) == len(set(rows.keys))
    return [plain(rows.cells(key, SIZES).get("") or rows.cells(key, SIZES)["text"]) for key in rows.keys]


def on_screen(*keys: str) -> tuple[str, type[object], str]:
    """The text, the view and its scope after these keys."""

    async def run() -> tuple[str, type[object], str]:
        journal = [encode(0.0, START), *(encode(t, event) for t, event in WAITED)]
        async with shown(Recorded(journal), 60.0) as (app, pilot):
            await press(pilot, *keys)
            return text_of(app), type(app.screen), app.screen.scope if isinstance(app.screen, View) else ""

    return asyncio.run(run())


def test_findings_what_helps_and_what_if_are_rows_of_their_own() -> None:
    found = texts(WAITED)
    assert found[0].startswith("waited for .venv/.lock, held by pid 31817")
    assert found[1].startswith("→ it could only be waited for")
    assert "what if" in found
    assert "no lock held by others: 0.95 s" in found
    assert not any(text.startswith("→") for text in texts(WAITED, height=5))  # the selected row says it


def test_two_wheels_behind_which_others_stood_are_two_rows() -> None:
    steps: list[tuple[float, Event]] = [*added("a", "b", "c"), (0.0, events.SpanStarted("commit"))]
    for n, wheel in enumerate("ab"):
        holder = [events.Holder(wheel, "s", 42)]
        steps += [
            (n * 2.0, events.LockGranted(wheel, 0.0)),
            (n * 2.0, events.LockWaiting("c", f"lib/{wheel}", "X", holder)),
            (n * 2.0 + 2.0, events.CommitFinished(wheel, 1)),
            (n * 2.0 + 2.0, events.LockGranted("c", 2.0)),
        ]
    assert len([text for text in texts([*steps, ended(4.0)]) if text.startswith("c 1.0 stood behind")]) == 2


def test_the_selected_row_says_in_full_what_helps_and_when_it_was() -> None:
    explanation = explain(snapshot_of(*WAITED))
    key = table_rows(explanation, UNICODE, 50, 200).keys[0]
    lines = [plain(line).strip() for line in in_full(explanation, key, 200, 6)]
    assert lines[1].startswith("helps   it could only be waited for")
    assert lines[2] == "when    from 0.10 s to 7.8 s of the session, on the critical path"


def test_enter_goes_to_the_locks_or_to_the_wheel_or_says_that_there_is_none() -> None:
    assert on_screen("e")[1:] == (ExplainView, "explain")
    assert on_screen("e", "enter")[2] == "locks"
    findings = [text for text in texts(WAITED) if not text.startswith("→")]  # j goes from finding to finding
    place = next(n for n, text in enumerate(findings) if text.startswith("committed"))
    assert on_screen("e", *["j"] * place, "enter")[1] is DetailView
    assert "nothing to open" in on_screen("e", "G", "enter")[0]


def test_a_second_e_opens_no_second_panel_and_esc_goes_back() -> None:
    assert on_screen("e", "e", "escape")[2] == "wheels"


def test_the_line_above_the_table_says_what_holds_the_session_up_and_is_not_there_if_nothing_does() -> None:
    line = top_line(snapshot_of(*WAITED[:3], at=7.1), 60, UNICODE)
    assert line is not None
    assert plain(line).startswith(" ▲ waiting 7 s for .lock, held by pid 31817")
    assert len(plain(line)) <= 60
    assert top_line(snapshot_of(*WAITED), 60, UNICODE) is None


def test_at_the_end_the_whole_answer_is_in_sight_and_rows_of_finished_wheels_give_way() -> None:
    names = [f"w{n}" for n in range(30)]
    done: list[tuple[float, Event]] = [(8.3, events.CommitFinished(name, 1)) for name in names]
    journal = [encode(t, event) for t, event in [(0.0, START), *added(*names), *WAITED[:-3], *done, *WAITED[-3:]]]

    async def run(size: tuple[int, int]) -> str:
        async with shown(Recorded(journal), 60.0, size) as (app, _):
            return text_of(app)

    for size in ((120, 40), (80, 24)):
        text = asyncio.run(run(size))
        assert "installed 31 wheels" in text
        assert "held by pid 31817" in text, text
        assert "more line" not in text


def test_a_long_text_goes_on_in_a_second_row_where_there_is_room() -> None:
    found = texts(WAITED, room=40)
    assert not found[0].endswith("…")
    assert " ".join(found[:2]).split() == texts(WAITED)[0].split() or found[1].endswith("…")
    assert found[2].startswith("→")
    assert texts(WAITED, height=5, room=40)[0].endswith("…")


def test_what_holds_the_session_up_goes_on_in_a_second_line_and_loses_no_word() -> None:
    async def run(size: tuple[int, int]) -> str:
        journal = [encode(0.0, START), *(encode(t, event) for t, event in WAITED)]
        async with shown(Recorded(journal), 7.1, size) as (app, _):
            return " ".join(text_of(app).split())

    assert "held by pid 31817 `flock -x .lock` (asleep; started 1.00 s before us)" in asyncio.run(run((80, 24)))
