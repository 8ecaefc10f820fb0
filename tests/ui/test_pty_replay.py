"""`instui replay` on a terminal: it opens at once, goes where it is sent, and leaves the terminal as it was."""

import pytest

from support.on_screen import DASHBOARD, LOCKS, VIEWS, Open
from support.screens import RECORDINGS

pytest_plugins = ("support.screen_fixtures",)
pytestmark = pytest.mark.pty


def test_a_recording_is_played_held_sought_and_left(on_terminal: Open) -> None:
    terminal = on_terminal("replay", RECORDINGS / "busy.jsonl", "--speed", "128")
    terminal.shows("REPLAY ended")
    terminal.shows("24.48 of 24.5 s")
    terminal.send("\x1b[<0;30;33M\x1b[<0;30;33m")  # a click into the track
    terminal.hides("REPLAY ended")
    terminal.shows("REPLAY ended")  # it has played on
    terminal.send(",")
    terminal.shows("PAUSED", "24.25 of 24.5 s")
    terminal.send(LOCKS)
    terminal.shows(VIEWS[LOCKS].strip())
    terminal.send("]" * 200)
    terminal.shows("no news after this")
    terminal.send(DASHBOARD)
    terminal.send("q")
    assert terminal.finish() == 0
    assert not terminal.screen.full
    assert terminal.attributes == terminal.before
    assert terminal.screen.text.strip() == ""


def test_the_end_of_a_recording_stays_and_what_could_not_be_read_is_said_afterwards(
    on_terminal: Open, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = (RECORDINGS / "busy.jsonl").read_bytes().splitlines(keepends=True)
    path = tmp_path_factory.mktemp("damaged") / "x.jsonl"
    path.write_bytes(b"".join([*lines[:300], b"{\n", b"no line\n", *lines[300:700]]))
    terminal = on_terminal("replay", path, "--speed", "128", env={"CI": "1"})
    terminal.shows("REPLAY ended", "Its journal ends here, at 13.")
    terminal.send("q")
    assert terminal.finish() == 0
    assert terminal.screen.text.strip() == "instui: 2 lines of the journal could not be read"
