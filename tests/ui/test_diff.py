"""The diff of an overwritten file: of real files, hostile in path and content, read without following links."""

import asyncio
import os
import random
from collections.abc import Callable, Coroutine
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from instui.overwritten.content import MOST, read_content
from instui.overwritten.difference import MOST_LINES, DiffLine, FileContent, compare, unified
from instui.tui.app import InstuiApp
from instui.tui.controller import Result
from instui.tui.rows.difference import laid
from instui.tui.text.pieces import plain, width_of
from instui.tui.views.detail import DetailView
from instui.tui.views.diff import DiffView
from instui.tui.views.overwrites import OverwritesView
from instui.tui.widgets.table import Table
from instui_engine.journal import events
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Event
from support.counting import lines_run
from support.screens import OVERWRITES, Recorded, press, settle, shown, text_of

SITE = "lib/site"
OLD = ".instui/kept/old"


def content(text: str) -> FileContent:
    return FileContent(len(text), sha256(text.encode()).hexdigest(), text)


# --- reading


def test_a_text_is_read_with_its_size_and_hash(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.py").write_text("é\n")
    assert read_content(str(tmp_path), "a/x.py") == FileContent(3, sha256("é\n".encode()).hexdigest(), "é\n")


def test_no_symbolic_link_is_followed_neither_at_the_end_nor_on_the_way(tmp_path: Path) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    for directory in (top, outside):
        directory.mkdir()
    (outside / "secret").write_text("secret")
    (top / "file").symlink_to(outside / "secret")
    (top / "directory").symlink_to(outside)
    for path in ("file", "directory/secret"):
        found = read_content(str(top), path)
        assert (found.text, found.there) == (None, False)
        assert found.why
    assert "symbolic link" in read_content(str(top), "file").why


@pytest.mark.parametrize("path", ["../outside", "a/../../outside", "/etc/passwd", "a//b", "./a", "", "a\0b", "\ud800"])
def test_a_path_that_leads_elsewhere_is_refused(path: str, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    (tmp_path / "top" / "a").mkdir(parents=True)
    found = read_content(str(tmp_path / "top"), path)
    assert (found.text, found.there) == (None, False)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    assert (
        read_content(str(tmp_path), "pipe").why == read_content(str(tmp_path), "directory").why == "is no regular file"
    )
    assert (
        read_content(str(tmp_path), "missing").why == read_content(str(tmp_path / "missing"), "x").why == "is not there"
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"a\0b", "is no text"), (b"\xff\xfe", "is no text"), (b"x" * (MOST + 1), "is larger than 256 KiB"), (b"", "")],
)
def test_of_what_is_no_text_or_too_large_only_size_and_hash_are_told(data: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    found = read_content(str(tmp_path), "x")
    assert (found.size, found.digest, found.why) == (len(data), sha256(data).hexdigest(), why)
    assert (found.text is None) is bool(why)


# --- comparing


def applied(old: list[str], rows: list[DiffLine]) -> list[str]:
    """What a patch program makes of `old`, by the rows of a diff."""
    new: list[str] = []
    at = 0
    for row in rows:
        if row.sign == "@":
            start, _, count = row.text.split()[1].removeprefix("-").partition(",")
            begin = int(start) - (count != "0")
            new += old[at:begin]
            at = begin
        elif row.sign == "!":
            continue
        else:
            assert row.sign == "+" or old[at] == row.text
            at += row.sign in " -"
            new += [row.text] if row.sign in " +" else []
    return new + old[at:]


def test_a_diff_makes_the_new_text_of_the_old_one() -> None:
    chance = random.Random(3)
    for _ in range(500):
        lines = [chance.choice("abcde") for _ in range(chance.randrange(0, 40))]
        other = [chance.choice("abcdexy") if chance.random() < 0.2 else line for line in lines]
        del other[chance.randrange(0, len(other) + 1) :: chance.choice([7, 11, 100])]
        rows = list(unified([*lines, ""], [*other, ""]))
        assert applied(lines, rows) == other
        assert (rows == []) is (lines == other)


def test_a_missing_newline_at_the_end_is_a_difference_and_is_said() -> None:
    rows = compare(content("a\nb\n"), content("a\nb")).rows
    assert [row.sign for row in rows] == ["@", " ", "-", "+", "!"]
    assert rows[-1].text == "no newline at the end"


def test_the_verdict_says_what_kind_of_difference_there_is() -> None:
    binary = FileContent(3, "00", None, "is no text")
    assert compare(content("a"), content("a")).verdict == "same content"
    assert compare(content("a\n"), content("a\nb\nc\n")).verdict == "0 lines less, 2 lines more"
    assert compare(content("a"), binary).verdict == "different content, which is not shown as text"
    assert compare(content("a"), FileContent(why="is not there")).verdict == "there is nothing to compare"
    assert compare(binary, binary).verdict == "same content"


def test_the_work_for_texts_without_a_line_in_common_does_not_grow_with_pairs_of_lines() -> None:
    """One line in three stands often in both texts: a search for the longest common part would meet all those pairs."""

    def texts(lines: int) -> list[FileContent]:
        return [content("".join(f"{side}{n}\n" if n % 3 else f"{n % 150}\n" for n in range(lines))) for side in "ab"]

    few, many = texts(2_500), texts(7_500)
    assert lines_run(lambda: compare(*many)) < 3.3 * lines_run(lambda: compare(*few))


def test_the_largest_texts_without_a_line_in_common_are_shown_in_part() -> None:
    old, new = ("".join(f"{side}{number}\n" for number in range(30_000)) for side in "ab")
    found = compare(content(old), content(new))
    assert len(found.rows) == MOST_LINES + 1
    assert found.rows[-1].text == "… 56 001 more changed lines"


@pytest.mark.parametrize("width", [20, 47, 117])
def test_every_line_fits_and_nothing_in_it_steers_a_terminal(width: int) -> None:
    old = "\x1b[2J\x1b]0;bad\x07\r\t\u202e[/x][@click=app.quit]\n" + "x" * 5000 + "\n"
    new = "日本語" * 300 + "\ne\u0301" * 3 + "👩‍👩‍👧" * 200
    lines = laid(compare(content(old), content(new)), width)
    assert max(width_of(pieces) for pieces in lines) <= width
    text = "\n".join(plain(pieces) for pieces in lines)
    assert not any(ord(character) < 32 and character != "\n" for character in text)
    assert "\u202e" not in text
    assert "\\x1b[2J" in text.replace("\n  ", "")
    assert "[/x][@click=app.quit]" in text.replace("\n  ", "")
    assert "…" in text  # a line that is folded too often is cut


# --- on the screen


def journal(top: Path, *happened: Event) -> Recorded:
    start = events.SessionStarted(1, "s1", 42, 0.0, 100.0, "0.1", ["instui"], str(top), "py", {"purelib": SITE}, 2)
    timed = [
        (0.0, start),
        (0.5, events.WheelAdded("b", "2.0", "b.whl", 1, True)),
        *((1.0, event) for event in happened),
    ]
    return Recorded([encode(t, event) for t, event in timed])


def overwritten(path: str = f"{SITE}/x.py", same: bool = False, kept: str = OLD) -> events.Overwrite:
    return events.Overwrite("b", path, "a 1.0", "b 2.0", same, kept)


def put(top: Path, path: str, data: str | bytes) -> None:
    (top / path).parent.mkdir(parents=True, exist_ok=True)
    (top / path).write_bytes(data.encode() if isinstance(data, str) else data)


async def compared(pilot: Pilot[Result]) -> DiffView:
    """The screen of the file under the selected pair, with the files read."""
    await press(pilot, OVERWRITES, "j", "j", "enter")
    view = pilot.app.screen
    assert isinstance(view, DiffView)
    for _ in range(500):
        if view.difference is not None:
            break
        await pilot.pause(0.01)
    await settle(pilot)
    return view


def on_screen(source: Recorded, size: tuple[int, int] = (100, 30), **options: Any) -> str:
    async def run() -> str:
        async with shown(source, 5.0, size, **options) as (app, pilot):
            await compared(pilot)
            return text_of(app)

    return asyncio.run(run())


Play = Callable[[InstuiApp, Pilot[Result]], Coroutine[Any, Any, None]]


def played(source: Recorded, play: Play) -> None:
    async def run() -> None:
        async with shown(source, 5.0, (100, 30)) as (app, pilot):
            await play(app, pilot)

    asyncio.run(run())


def test_enter_on_a_file_shows_both_owners_and_the_diff_and_esc_goes_back(tmp_path: Path) -> None:
    put(tmp_path, OLD, "import os\nprint('old [/x] \x1b[31m')\n")
    put(tmp_path, f"{SITE}/x.py", "import os\nprint('new')\n")

    async def play(app: InstuiApp, pilot: Pilot[Result]) -> None:
        await compared(pilot)
        lines = [line.strip() for line in text_of(app).splitlines()]
        assert "old owner  a 1.0" in lines
        assert "new owner  b 2.0" in lines
        assert "- print('old [/x] \\x1b[31m')" in lines
        assert "+ print('new')" in lines
        assert "1 line less, 1 line more" in lines
        await press(pilot, "j")
        assert app.screen.query_one(Table).selected == "0"
        await press(pilot, "G", "y")
        assert "copied: + print('new')" in text_of(app)
        await press(pilot, "escape")
        assert isinstance(app.screen, OverwritesView)
        assert app.screen.table.selected.endswith("x.py")
        await press(pilot, "enter", "enter")
        assert isinstance(app.screen, DetailView)
        await press(pilot, "escape")
        assert isinstance(app.screen, DiffView)
        await press(pilot, "1", OVERWRITES)  # another view closes what was opened above this one
        assert isinstance(app.screen, OverwritesView)

    played(journal(tmp_path, overwritten()), play)


def test_a_file_that_was_replaced_in_turn_is_compared_as_it_was_then(tmp_path: Path) -> None:
    for path, text in ((OLD, "first\n"), (f"{OLD}2", "second\n"), (f"{SITE}/x.py", "third\n")):
        put(tmp_path, path, text)
    again = events.Overwrite("c", f"{SITE}/x.py", "b 2.0", "c 3.0", False, f"{OLD}2")
    text = on_screen(journal(tmp_path, overwritten(), again))
    assert "- first" in text
    assert "+ second" in text
    assert "third" not in text


def test_a_hostile_path_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret of others")
    (tmp_path / "top").mkdir()
    text = on_screen(journal(tmp_path / "top", overwritten("../secret", kept="../../secret")))
    assert "secret of others" not in text
    assert "is no path below the environment" in text


@pytest.mark.parametrize(
    ("old", "new", "event", "expected"),
    [
        (None, "new", overwritten(), "kept in .instui/kept/old: is not there"),
        ("old", None, overwritten(), "as it is now: is not there"),
        ("x\n", "x\n", overwritten(same=True, kept=""), "same content, so only one of them is there"),
        ("x\n", "x\n", overwritten(), "same content"),
        (b"\0old", "new", overwritten(), "is no text; 4 bytes"),
        ("old", "n" * (MOST + 1), overwritten(), "is larger than 256 KiB; 262 145 bytes"),
        ("old", "new", overwritten(kept=""), "not kept"),
        ("old", "new", events.PlanConflict(f"{SITE}/x.py", "a 1.0", "b 2.0"), "not replaced yet"),
        ("old", "new", events.Restored("b", f"{SITE}/x.py", "a 1.0"), "the file that had been overwritten is back"),
    ],
)
def test_where_there_is_no_diff_that_is_said(
    old: str | bytes | None, new: str | None, event: Event, expected: str, tmp_path: Path
) -> None:
    if old is not None:
        put(tmp_path, OLD, old)
    if new is not None:
        put(tmp_path, f"{SITE}/x.py", new)

    async def run() -> str:
        async with shown(journal(tmp_path, event), 5.0, (100, 30)) as (app, pilot):
            await press(pilot, OVERWRITES, "a")
            await compared(pilot)
            return text_of(app)

    text = asyncio.run(run())
    assert expected in text
    assert "@@" not in text
    if isinstance(old, bytes):
        assert sha256(old).hexdigest() in text


@pytest.mark.parametrize("size", [(50, 15), (80, 24), (200, 50)])
def test_it_fits_on_every_screen_in_ascii_and_without_colour(size: tuple[int, int], tmp_path: Path) -> None:
    put(tmp_path, OLD, "old line\n" * 3)
    put(tmp_path, f"{SITE}/x.py", "a new line that is rather long, so that it has to go on below on small screens\n")
    text = on_screen(journal(tmp_path, overwritten()), size, ascii=True, theme="mono")
    assert text.isascii()
    assert "+ a new line" in text or size[1] == 15
    assert "? help" in text.splitlines()[-1]


def test_a_large_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    put(tmp_path, OLD, "old\n")
    put(tmp_path, f"{SITE}/x.py", "")
    os.truncate(tmp_path / f"{SITE}/x.py", 20 << 30)  # a hole: it takes no space, but long to read

    async def play(app: InstuiApp, pilot: Pilot[Result]) -> None:
        await press(pilot, OVERWRITES, "j", "j", "enter")
        view = app.screen
        assert isinstance(view, DiffView)
        assert "reading" in text_of(app)
        await press(pilot, "escape")
        assert isinstance(app.screen, OverwritesView)
        assert view.difference is None  # which takes as long as reading does

    played(journal(tmp_path, overwritten()), play)
