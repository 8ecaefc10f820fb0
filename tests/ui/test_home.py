"""Home: what its rows say, what its keys do, and the input."""

import asyncio
import itertools
import os
from pathlib import Path

import pytest
from textual.events import Key

from instui.tui.actions import HOME_KEYS
from instui.tui.host import Place, Sight
from instui.tui.rows import home
from instui.tui.rows.completion import complete
from instui.tui.rows.filter import NOTHING, parse
from instui.tui.text.glyphs import ASCII, UNICODE
from instui.tui.text.pieces import plain
from instui.tui.views.dialogs import Ask
from instui.tui.views.help import Help
from instui.tui.views.registry import BY_ID
from instui_engine.errors import UsageError
from support.at_home import FIRST_TIME, NOWHERE, RECORDED, RUNNING, SIGHT, MadeUpHost, at_home, home_of, over, rows_of
from support.screens import press, settle, text_of

EXPECTED = Path(__file__).parent / "screens"
SIZES = ((50, 15), (80, 24), (120, 40), (200, 50))
MOMENTS = {
    "home": (SIGHT, []),
    "home-typing": (SIGHT, ["i", *"-"]),
    "home-first-time": (FIRST_TIME, []),
    "home-nowhere": (NOWHERE, []),
}


async def _screens(
    sight: Sight, keys: list[str], ascii: bool = False, theme: str = "dark"
) -> dict[tuple[int, int], str]:
    found = {}
    async with at_home(MadeUpHost(sight), SIZES[0], ascii=ascii, theme=theme) as (app, pilot):
        await press(pilot, *keys)
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await settle(pilot)
            found[size] = text_of(app)
    return found


@pytest.mark.parametrize("name", MOMENTS)
def test_the_screen_is_as_it_was(name: str) -> None:
    found = asyncio.run(_screens(*MOMENTS[name]))
    text = "\n\n".join(f"{width}x{height}\n{found[width, height]}" for width, height in SIZES) + "\n"
    path = EXPECTED / f"{name}.txt"
    if os.environ.get("INSTUI_UPDATE_SCREENS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MOMENTS)
@pytest.mark.parametrize("ascii", [False, True], ids=["", "ascii"])
def test_no_line_is_wider_than_the_screen(name: str, ascii: bool) -> None:
    for (width, height), text in asyncio.run(_screens(*MOMENTS[name], ascii=ascii)).items():
        lines = text.split("\n")
        assert len(lines) == height
        assert max(map(len, lines)) <= width
        assert text.isascii() or not ascii


def test_every_theme_shows_the_same_text() -> None:
    assert len({str(asyncio.run(_screens(SIGHT, [], theme=theme))) for theme in ("dark", "light", "ansi", "mono")}) == 1


# -- rows


def text(sight: Sight, key: str, width: int = 118) -> str:
    sizes = {"section": 8, "command": 34, "environment": 14, "when": 10, "took": 7, "facts": 60}
    cells = home.table_rows(sight, 30, NOTHING, True, UNICODE).cells(key, sizes)
    return "  ".join(" ".join(plain(cell).split()) for cell in cells.values())


def test_a_recording_says_how_it_ended_when_how_long_and_what_it_did() -> None:
    rows = {one.session: text(SIGHT, f"recorded\0{one.session}") for one in RECORDED}
    assert rows["h"] == "recorded  ✓ install flask  project/.venv  2 min ago  9.8 s  98 wheels waited 0.30 s"
    assert "✗ install wheels/bad" in rows["g"]
    assert "rotten: RECORD says 3 bytes, has 7" in rows["g"]
    assert "✓ uninstall numpy  project/.venv  2 h ago" in rows["f"]
    assert "‖ install -U jupyterlab  project/.venv  1 d ago  2m11s  cancelled 12 wheels" in rows["e"]
    assert "† install --reinstall pandas" in rows["d"]
    assert "killed" in rows["d"]
    assert "nothing to do" in rows["c"]


def test_what_runs_says_where_it_is_and_what_it_waits_for() -> None:
    assert "pid 4242  12 s  unpack 61 % 2 wait for cv2 0 of 38 wheels" in text(SIGHT, "running\0a")
    assert "api/.venv  pid 4310  3 s  paused commit 20 % 19 of 97 wheels" in text(SIGHT, "running\0b")
    assert text(SIGHT, "running\0pid 5120").endswith("not ours has .lock")


def test_the_sign_differs_for_each_end_also_in_ascii() -> None:
    for glyphs in (UNICODE, ASCII):
        rows = home.table_rows(SIGHT, 30, NOTHING, True, glyphs)
        sizes = {"command": 30, "took": 7, "facts": 20}
        signs = [plain(rows.cells(f"recorded\0{key}", sizes)["command"])[0] for key in "hged"]
        assert len(set(signs)) == 4


def test_old_recordings_are_folded_where_there_is_no_room_but_some_always_stay() -> None:
    many = SIGHT._replace(recorded=[over(f"s{number:02}", "install a", 60, 1.0) for number in range(50)])
    for room in (5, 15, 30):
        keys = home.table_rows(many, room, NOTHING, False, UNICODE).keys
        assert home.FOLD in keys
        assert sum(key.startswith("recorded") for key in keys) >= 2
        assert len([key for key in keys if not home.is_blank(key)]) <= max(room, 14)
    assert len([key for key in home.table_rows(many, 5, NOTHING, True, UNICODE).keys if "recorded" in key]) == 50


def test_hostile_names_are_escaped() -> None:
    evil = over("x", "install \x1b[31mred\u202e", 5, 1.0, "failed", 0, "no\x1b]0;title\x07")
    row = text(SIGHT._replace(recorded=[evil]), "recorded\0x")
    assert row.isprintable()
    lines = home.about(SIGHT._replace(recorded=[evil]), "recorded\0x", 80, 5)
    assert all(plain(row).isprintable() for row in lines)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (Place("p/.venv", "CPython 3.11.7", ("a",)), "1 distribution · whole"),
        (Place("p/.venv", "CPython 3.11.7", ("a",), unfinished=2), "2 changes half done"),
        (Place("p/.venv", "CPython 3.11.7", ("a",), incomplete=1), "1 incomplete: see instui doctor"),
        (Place("p/.venv", "CPython 3.11.7", ("a",), leftovers=2), "2 killed sessions left files: see instui doctor"),
        (Place("p/.venv", "CPython 3.11.7", ("a",), strays=1), "1 leftover of pip or uv: see instui doctor"),
        (Place(missing="none"), "no environment"),
        (Place(), "looking for the environment"),
    ],
)
def test_the_first_line_says_how_the_environment_is(place: Place, words: str) -> None:
    assert words in plain(home.header(Sight(place), 120, UNICODE))


def test_the_filter_finds_commands_states_and_demonstrations() -> None:
    keys = home.table_rows(SIGHT, 30, parse("flask"), False, UNICODE).keys
    assert [key for key in keys if not home.is_blank(key)] == ["recorded\0h", "recorded\0c"]
    assert "learn\0crash" in home.table_rows(SIGHT, 30, parse("killed"), False, UNICODE).keys


# -- completion


@pytest.mark.parametrize(
    ("typed", "words", "completed"),
    [
        ("install fl", ["flask", "numpy"], "install flask "),
        ("install fl", ["flask", "flask-cors"], "install flask"),
        ("install flask num", ["flask", "numpy"], "install flask numpy "),
        ("install x", ["flask"], "install x"),
        ("uni", [], "uninstall "),
        ("install flask fl", ["flask"], "install flask fl"),  # it is there already
        ("install ./wh", ["./wheels/"], "install ./wheels/"),  # a directory goes on
    ],
)
def test_the_last_word_is_completed(typed: str, words: list[str], completed: str) -> None:
    assert complete(typed, words).text == completed


# -- keys


def test_enter_watches_replays_and_demonstrates_what_is_selected() -> None:
    host = MadeUpHost()

    async def run() -> None:
        async with at_home(host) as (_, pilot):
            await press(pilot, "enter", "j", "j", "j", "enter", "e", "G", "enter", "3")

    asyncio.run(run())
    assert host.asked == [("watch", "a"), ("replay", "h"), ("explain", "h"), ("demo", "crash"), ("demo", "etc-race")]


def test_tab_goes_from_section_to_section_and_round() -> None:
    async def run() -> list[str]:
        selected = []
        async with at_home(MadeUpHost(), (120, 40)) as (app, pilot):
            for _ in range(3):
                await press(pilot, "tab")
                selected.append(home_of(app).table.selected)
            await press(pilot, "shift+tab")
            selected.append(home_of(app).table.selected)
        return selected

    assert asyncio.run(run()) == ["recorded\0h", "learn\0same-module", "running\0a", "learn\0same-module"]


def test_no_blank_row_is_ever_selected() -> None:
    async def run() -> None:
        async with at_home(MadeUpHost(), (120, 50)) as (app, pilot):
            assert any(home.is_blank(key) for key in rows_of(app))
            for key in [*["j"] * 20, *["k"] * 20, "ctrl+d", "ctrl+d", "ctrl+u", "g", "G"]:
                await press(pilot, key)
                assert not home.is_blank(home_of(app).table.selected)

    asyncio.run(run())


def test_k_asks_before_it_cancels_and_only_sessions_of_ours() -> None:
    host = MadeUpHost()

    async def run() -> None:
        async with at_home(host) as (app, pilot):
            await press(pilot, "K")
            assert isinstance(app.screen, Ask)
            assert "Stop `install torch torchvision`, pid 4242?" in text_of(app)
            await press(pilot, "escape")
            assert host.asked == []
            await press(pilot, "K", "c")
            assert host.asked == [("cancel", "a")]
            await press(pilot, "j", "j", "K")
            assert "pid 5120 is no session of instui" in text_of(app)
            await press(pilot, "j", "K")
            assert "select a running session first" in text_of(app)

    asyncio.run(run())


def test_a_question_about_what_is_over_closes() -> None:
    host = MadeUpHost()

    async def run() -> None:
        async with at_home(host) as (app, pilot):
            await press(pilot, "K")
            host.sight = SIGHT._replace(running=RUNNING[1:])
            home_of(app).look()
            await settle(pilot)
            assert not isinstance(app.screen, Ask)
            assert host.asked == []

    asyncio.run(run())


def test_the_selection_stays_with_its_session_when_another_one_appears() -> None:
    host = MadeUpHost(SIGHT._replace(running=()))

    async def run() -> None:
        async with at_home(host) as (app, pilot):
            await press(pilot, "tab", "j")
            assert home_of(app).table.selected == "recorded\0g"
            host.sight = SIGHT
            home_of(app).look()
            await settle(pilot)
            assert home_of(app).table.selected == "recorded\0g"

    asyncio.run(run())


def test_what_is_typed_begins_and_what_is_wrong_with_it_stands_below() -> None:
    host = MadeUpHost()

    async def run() -> None:
        async with at_home(host) as (app, pilot):
            await press(pilot, "i", "enter")
            assert "nothing to install: name a requirement" in text_of(app)
            assert host.asked == []
            await press(pilot, *"fla", "tab", "enter")
            assert host.asked == [("begin", "install flask")]
            assert "press i to type what to install" in text_of(app)  # the keys are those of the list again

    asyncio.run(run())


def test_after_a_flag_a_path_is_completed_from_its_first_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "zenv").mkdir()
    monkeypatch.chdir(tmp_path)
    host = MadeUpHost()

    async def run() -> None:
        async with at_home(host) as (app, pilot):
            await press(pilot, "i", *"ze", "tab")
            assert "none begins like that" in text_of(app)
            await press(pilot, "backspace", "backspace", *"--python ze", "tab", "space", *"fla", "tab", "enter")
            assert host.asked == [("begin", "install --python zenv/ flask")]

    asyncio.run(run())


@pytest.mark.parametrize("size", SIZES[:3])
def test_a_problem_is_said_with_its_remedy_however_narrow_the_screen(size: tuple[int, int]) -> None:
    problem = (
        "no environment found: none is active and there is no .venv here or above; "
        "make one with `python3 -m venv .venv`, or name one with --python"
    )

    class Refusing(MadeUpHost):
        def begin(self, typed: str) -> None:
            raise UsageError(problem)

    async def run() -> None:
        async with at_home(Refusing(NOWHERE), size) as (app, pilot):
            await press(pilot, "i", *"flask", "enter")
            await settle(pilot)
            assert problem in " ".join(text_of(app).split())
            above = app.screen.query_one("#body").region.y
            await press(pilot, "escape")
            await settle(pilot)
            assert problem not in " ".join(text_of(app).split())
            assert app.screen.query_one("#body").region.y < above or size[0] >= len(problem)

    asyncio.run(run())


def test_what_has_begun_is_selected_when_it_appears_and_stays_so_when_it_is_over() -> None:
    host = MadeUpHost(SIGHT._replace(running=RUNNING[1:]))

    async def run() -> None:
        async with at_home(host) as (app, pilot):
            await press(pilot, "tab", "i", *"a", "enter")
            host.sight = SIGHT
            home_of(app).look()
            assert home_of(app).table.selected == "running\0a"
            ended = over("a", "install torch torchvision", 12, 12.0)
            host.sight = SIGHT._replace(running=RUNNING[1:], recorded=[ended, *RECORDED])
            home_of(app).look()
            assert home_of(app).table.selected == "recorded\0a"

    asyncio.run(run())


def test_letters_in_the_list_begin_nothing_and_esc_leaves_the_input() -> None:
    host = MadeUpHost()

    async def run() -> None:
        async with at_home(host) as (app, pilot):
            await press(pilot, *"numpy flsk")
            assert host.asked == []
            await press(pilot, "i", *"num", "escape", "j", "j")
            assert home_of(app).table.selected == "running\0pid 5120"
            await press(pilot, "i")
            assert "install num" in text_of(app)  # what was typed is kept

    asyncio.run(run())


def test_up_and_down_in_the_input_take_earlier_commands() -> None:
    async def run() -> None:
        async with at_home(MadeUpHost()) as (app, pilot):
            await press(pilot, "i", "up")
            assert " > install flask" in text_of(app)
            await press(pilot, "up", "up")
            assert " > uninstall numpy" in text_of(app)
            await press(pilot, "down", "down", "down")
            assert " > install\n" in text_of(app)

    asyncio.run(run())


@pytest.mark.parametrize(("key", "how"), [("l", "running"), ("c", "cancel")])
def test_leaving_asks_what_becomes_of_installs_that_were_begun_here(key: str, how: str) -> None:
    host = MadeUpHost()

    async def run() -> None:
        async with at_home(host) as (app, pilot):
            host.running = 2
            await press(pilot, "q")
            assert "2 installs are still running." in text_of(app)
            await press(pilot, "s")
            assert not app._exit
            await press(pilot, "ctrl+c", key)
            assert host.asked == [("leave", how)]
            assert app._exit

    asyncio.run(run())


@pytest.mark.parametrize("between", [(0, 0), (0, 4), (2, 6), (4, 0)])
@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ([*"/flask", "enter"], "filter: flask"),
        ([*"/nump", "ctrl+u", *"flask", "enter"], "filter: flask"),
        (list("iflask"), "> install flask"),
        (["i", *"numpy", "ctrl+u", *"uninstall x"], "> uninstall x"),
    ],
)
def test_what_is_typed_faster_than_an_input_opens_is_typed_into_it(
    keys: list[str], found: str, between: tuple[int, int]
) -> None:
    """`between`: so many turns of the loop lie between two keys, in turn."""
    host = MadeUpHost()

    async def run() -> None:
        async with at_home(host) as (app, pilot):
            for key, turns in zip(keys, itertools.cycle(between), strict=False):
                app.post_message(Key("slash" if key == "/" else key, key if len(key) == 1 else None))
                for _ in range(turns):
                    await asyncio.sleep(0)
            await settle(pilot)
            await settle(pilot)
            assert found in text_of(app)
            assert host.asked == []

    asyncio.run(run())


LOUD = sorted(BY_ID.keys() - {"interrupt", "quit", "help", "palette", "filter", "picture"})


@pytest.mark.parametrize("name", ["home", "home-nowhere"])
def test_no_key_is_silent_at_home(name: str) -> None:
    async def run() -> list[str]:
        silent = []
        async with at_home(MadeUpHost(MOMENTS[name][0])) as (app, pilot):
            for id in LOUD:
                while app.screen is not home_of(app):
                    await press(pilot, "escape")
                if home_of(app)._types:
                    await press(pilot, "escape")
                await press(pilot, "G" if id in ("top", "up", "page_up") else "g")  # so that it has somewhere to go
                home_of(app).notice("")
                before, asked = text_of(app), len(home_of(app)._host.asked)  # type: ignore[attr-defined]
                await press(pilot, BY_ID[id].keys.split(",")[0])
                if text_of(app) == before and len(home_of(app)._host.asked) == asked:  # type: ignore[attr-defined]
                    silent.append(id)
        return silent

    assert asyncio.run(run()) == []


def test_help_lists_the_keys_of_home_and_not_those_of_a_session() -> None:
    async def run() -> None:
        async with at_home(MadeUpHost(), (120, 60)) as (app, pilot):
            await press(pilot, "question_mark")
            assert isinstance(app.screen, Help)
            for action in HOME_KEYS:
                assert action.help in text_of(app)
            assert BY_ID["freeze"].help not in text_of(app)

    asyncio.run(run())


def test_an_error_that_a_row_has_no_room_for_is_said_once_and_whole_below_it() -> None:
    error = "no space left on the disk of the cache, " * 4
    failed = over("x", "install a", 60, 1.0)._replace(state="failed", error=error)
    sight = SIGHT._replace(recorded=[failed])
    sizes = {"section": 8, "command": 34, "environment": 14, "when": 10, "took": 7, "facts": 30}

    def facts(told: str) -> str:
        rows = home.table_rows(sight, 30, NOTHING, True, UNICODE, told=told)
        return plain(rows.cells("recorded\0x", sizes)["facts"])

    assert facts("").startswith("no space left on the disk of")
    assert "…" in facts("")
    assert "no space" not in facts("recorded\0x")
    assert "no space" in "".join(plain(row) for row in home.about(sight, "recorded\0x", 80, 3))
    short = sight._replace(recorded=[failed._replace(error="rotten")])
    assert "rotten" not in "".join(plain(row) for row in home.about(short, "recorded\0x", 80, 3))


def test_where_nothing_is_recorded_it_is_said_of_which_environment_that_is() -> None:
    sight = SIGHT._replace(recorded=[])
    rows = home.table_rows(sight, 30, NOTHING, False, UNICODE)
    said = plain(rows.cells(home.INVITATION, {"section": 8})[""])
    assert f"nothing yet in {sight.place.name}: i installs there" in said
