"""Ten thousand wheels open: on a real terminal, and by the work that is done until they are seen.

How soon they are is measured by `benchmarks/recordings.py`; here they only have to come.
"""

import asyncio
import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from benchmarks.made_up_journal import put_down, running, whole
from instui.monitor.fold import Fold
from instui.monitor.reader import Source, Tail
from instui.monitor.recording import Recording, begun
from instui.monitor.units import number
from instui.tui import watch
from instui.tui.app import InstuiApp
from instui.tui.checkpoints import EVERY
from instui.tui.controller import ReadOnly, Result
from instui.tui.rows import wheels
from instui.tui.showing import Showing
from support.environments import Venv
from support.on_screen import DASHBOARD, TIMELINE, VIEWS, Open
from support.screens import settle, text_of

pytest_plugins = ("support.screen_fixtures",)

WHEELS = 10_000
ALL = number(WHEELS)
ROWS = 40


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("many") / "whole.jsonl"
    put_down(path, whole(WHEELS))
    return path


@contextmanager
def living(target: Venv) -> Iterator[str]:
    """A session of ten thousand wheels that runs in an environment, by its id; nobody goes on with it."""
    path = target.top / ".instui" / "sessions" / "made-up.jsonl"
    path.parent.mkdir(parents=True)
    put_down(path, running(WHEELS, str(target.top)))
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield path.stem


@pytest.mark.pty
def test_ten_thousand_wheels_of_a_recording_open_and_are_gone_through(on_terminal: Open, recording: Path) -> None:
    terminal = on_terminal("replay", recording, size=(120, ROWS))
    terminal.shows(VIEWS[DASHBOARD].strip(), ALL)
    terminal.until(lambda: "…" not in terminal.screen.lines[-2], "the end of the recording")
    terminal.send(" ")
    terminal.shows("held")
    for column in (60, 20, 45):
        terminal.send(f"\x1b[<0;{column};{ROWS - 1}M\x1b[<0;{column};{ROWS - 1}m")  # a click into the track
        before = terminal.screen.lines[-2]
        terminal.until(lambda before=before: terminal.screen.lines[-2] != before, "another place")  # type: ignore[misc]
        terminal.send(",")
        terminal.shows(" wheel0")
    terminal.send(TIMELINE)
    terminal.shows(VIEWS[TIMELINE].strip())
    terminal.send("q")
    assert terminal.finish() == 0


@pytest.mark.pty
def test_a_session_of_ten_thousand_wheels_that_runs_is_attached_to_held_and_shown_as_it_is(
    on_terminal: Open, venv: Callable[[], Venv]
) -> None:
    target = venv()
    with living(target) as session:
        terminal = on_terminal("attach", session, "--python", target.top, size=(120, ROWS))
        terminal.shows("ATTACHED", VIEWS[DASHBOARD].strip(), ALL)
        terminal.shows(f"committed {ALL}")
        terminal.send(" ")
        terminal.shows("PAUSED")
        terminal.send(",,,")
        terminal.shows(f"committed  {number(WHEELS - 1)}/{ALL}")
        terminal.send("L")
        terminal.hides("PAUSED")
        terminal.shows(f"committed {ALL}")
        terminal.send("q")
        assert terminal.finish() == 0


# -- the work


class Work:
    """What was done until now."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.decoded = self.folded = self.rows = 0
        decode, feed, cells = watch.decode, Fold.feed, wheels.cells

        def count(name: str, call: Callable[..., object]) -> Callable[..., object]:
            def counted(*given: object) -> object:
                setattr(self, name, getattr(self, name) + 1)
                return call(*given)

            return counted

        monkeypatch.setattr(watch, "decode", count("decoded", decode))
        monkeypatch.setattr(Fold, "feed", count("folded", feed))
        monkeypatch.setattr(wheels, "cells", count("rows", cells))


@pytest.mark.parametrize("recorded", [False, True], ids=["attach", "replay"])
def test_until_ten_thousand_wheels_are_seen_each_event_is_read_once_and_only_visible_rows_are_made(
    recorded: bool, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(monkeypatch)
    source: Source = Recording(begun(recording)) if recorded else Tail(recording)
    speed = 1e9 if recorded else None  # all of it at once

    async def check() -> None:
        showing = Showing(source, ReadOnly("LIVE"), speed=speed)
        app = InstuiApp(showing, timer=False)
        async with app.run_test(size=(120, ROWS), notifications=False) as pilot:
            await opened(app, pilot)

    async def opened(app: InstuiApp, pilot: Pilot[Result]) -> None:
        events = len(whole(WHEELS))
        first = 0
        while len(app.watched.tape) < events or app.watched.behind:
            before = work.rows
            app.pull()
            await pilot.pause(0)
            if work.rows > before and not first:
                first = len(app.watched.tape)
            assert work.rows - before <= 2 * ROWS
            assert work.decoded == len(app.watched.tape)
            assert work.folded <= len(app.watched.tape) + EVERY  # what is prepared may be passed, too
        assert work.decoded == events
        assert 0 < first < events  # the first frame does not wait for the last event
        await settle(pilot)
        assert ALL in text_of(app)

    asyncio.run(check())
