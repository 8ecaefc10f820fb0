"""The pace of the screen, in counts: frames have a share of a core, and of what a slow terminal reads.

`test_pty_slow_reader` measures what that is good for; here is each mechanism by itself.
"""

import asyncio
import time
from pathlib import Path
from typing import Any, cast

import pytest

from instui.tui.app import InstuiApp
from instui.tui.controller import ReadOnly
from instui.tui.outgoing import Flow, Outgoing
from instui.tui.pace import BANDWIDTH, BUSY, QUIET, SHARE, Pace, cores_are_busy
from instui.tui.showing import Showing
from support.screens import EVENTS, Recorded, press, settle, shown, text_of
from support.terminal import PATIENCE


class Clock:
    """A clock that goes on by being told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def frames(pace: Pace, clock: Clock, seconds: float, news: bool, used: Clock | None = None, cost: float = 0.0) -> int:
    """How many frames are painted in that time, if it is asked ten times a second."""
    painted = 0
    for _ in range(round(seconds * 10)):
        clock.now += 0.1
        pace.note(news)
        if pace.is_due():
            painted += 1
            if used is not None:
                used.now += cost
    return painted


def test_what_moves_is_painted_each_time_and_what_rests_once_a_second() -> None:
    clock, used = Clock(), Clock()
    pace = Pace(clock=clock, cpu=used, busy=lambda: False)
    assert frames(pace, clock, 10, news=True) == 100
    assert 9 <= frames(pace, clock, 10, news=False) <= 11


def test_frames_that_cost_much_are_fewer_so_that_they_have_their_share_of_a_core() -> None:
    clock, used = Clock(), Clock()
    pace = Pace(clock=clock, cpu=used, busy=lambda: False)
    painted = frames(pace, clock, 100, news=True, used=used, cost=0.04)
    assert 0.6 * SHARE <= painted * 0.04 / 100 <= SHARE * 1.02


def test_while_every_core_is_wanted_frames_have_half_of_that_share() -> None:
    clock, used, asked = Clock(), Clock(), []
    pace = Pace(clock=clock, cpu=used, busy=lambda: asked.append(True) or True)
    painted = frames(pace, clock, 100, news=True, used=used, cost=0.02)
    assert 0.6 * BUSY * SHARE <= painted * 0.02 / 100 <= BUSY * SHARE * 1.02
    pace = Pace(clock=clock, cpu=used, busy=lambda: False)
    painted = frames(pace, clock, 100, news=True, used=used, cost=0.02)
    assert BUSY * SHARE * 1.4 <= painted * 0.02 / 100 <= SHARE * 1.02
    asked.clear()
    pace = Pace(clock=clock, cpu=used, busy=lambda: asked.append(True) or True)
    assert frames(pace, clock, 10, news=True, used=used, cost=0.003) == 100  # they are cheap, so nobody is asked
    assert not asked


@pytest.mark.parametrize(
    ("loads", "busy"),
    [("0.53 0.40 0.30 3/250 4711\n", True), ("9.53 0.40 0.30 2/250 4711\n", False), ("", False), ("odd", False)],
)
def test_the_kernel_says_whether_every_core_is_wanted_now(loads: str, busy: bool, tmp_path: Path) -> None:
    (tmp_path / "loadavg").write_text(loads)
    assert cores_are_busy(tmp_path / "loadavg", cores=2) == busy
    assert not cores_are_busy(tmp_path / "none", cores=2)


def test_frames_of_many_bytes_are_fewer_so_that_a_slow_terminal_keeps_up() -> None:
    clock, sent = Clock(), [0]
    pace = Pace(lambda: sent[0], clock, Clock())
    for _ in range(1000):
        clock.now += 0.1
        pace.note(True)
        sent[0] += 5000 if pace.is_due() else 0
    assert 0.6 * BANDWIDTH <= sent[0] / 100 <= BANDWIDTH * 1.02


def test_what_the_kernel_keeps_for_a_terminal_is_known_from_when_a_write_has_waited() -> None:
    clock = Clock()
    flow = Flow(clock)
    flow.wrote(10_000, waited=False)
    assert flow.clears_in() == 0.0
    flow.wrote(2000, waited=True)
    left = flow.clears_in()
    assert 0.5 < left < 1.0
    clock.now += left
    assert flow.clears_in() < 0.01
    flow.wrote(10_000, waited=False)
    assert 0.3 < flow.clears_in() < 0.5
    clock.now += 60.0  # the user has gone to another terminal
    flow.wrote(10_000, waited=False)
    assert flow.clears_in() < 0.01


class SlowTerminal:
    """A terminal to which each write takes so long."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds

    def encoded(self, text: str) -> bytes:
        return text.encode()

    def put(self, what: bytes) -> None:
        self._clock.now += self._seconds


@pytest.mark.parametrize(("seconds", "is_slow"), [(0.001, False), (0.5, True)])
def test_a_write_that_waits_shows_that_a_terminal_is_slow(seconds: float, is_slow: bool) -> None:
    clock, drained = Clock(), []
    terminal = cast(Any, SlowTerminal(clock, seconds))
    outgoing = Outgoing(terminal, lambda: drained.append(True), clock)
    outgoing.queue("é" * 3000)
    assert outgoing.pending and outgoing.queued == 6000
    outgoing.write("é" * 3000)
    assert not outgoing.pending and drained == [True]
    assert (outgoing.clears_in() > 0.5) == is_slow


class MadeUpOutgoing:
    """What is on its way, as a test says."""

    pending, queued, seconds = False, 0, 0.0

    def clears_in(self) -> float:
        return self.seconds


def test_nothing_is_painted_until_a_slow_terminal_has_read_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    pulled: list[bool] = []

    async def run() -> None:
        async with shown(Recorded.of("busy"), 13.5) as (app, pilot):
            outgoing = cast(Any, app._driver).outgoing = MadeUpOutgoing()
            outgoing.queued = 123
            assert app._pace._sent() == 123
            app.opened()
            assert app._pace._sent() == 123
            assert not app.holds_back()
            outgoing.seconds = 0.001
            assert app.holds_back()
            monkeypatch.setattr(app, "pull", lambda: pulled.append(True))
            app.output_drained()  # all is written
            await settle(pilot)
            assert app._held and not pulled
            outgoing.seconds = 0.0
            end = time.monotonic() + PATIENCE
            while app._held:  # until the timer has come
                assert time.monotonic() < end
                await settle(pilot)
            assert pulled

    asyncio.run(run())


def test_a_view_that_opens_shows_what_was_read_since_the_last_frame() -> None:
    async def run() -> None:
        source = Recorded.of("busy")
        async with shown(source, 13.5) as (app, pilot):
            source.t = 60.0
            while app.watched.read():
                pass
            assert "FINISHED" not in text_of(app)
            await press(pilot, EVENTS)
            assert "FINISHED" in text_of(app)

    asyncio.run(run())


@pytest.mark.parametrize(("term", "erases"), [("xterm-256color", True), ("screen-256color", False), ("vt100", False)])
def test_blanks_are_erased_where_the_terminal_erases_in_colour(
    term: str, erases: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    source = Recorded.of("busy")
    app = InstuiApp(Showing(source, ReadOnly("LIVE"), clock=source.clock))
    assert app._painted._erases == erases


def test_a_key_is_answered_at_once() -> None:
    clock, used = Clock(), Clock()
    pace = Pace(clock=clock, cpu=used, busy=lambda: False)
    assert pace.is_due()
    used.now += 10.0  # a frame that took all of a core
    assert not pace.is_due()
    pace.stir()
    assert pace.is_due()


def test_a_screen_on_which_nothing_moves_wakes_up_less_often_until_something_does() -> None:
    async def run() -> None:
        source = Recorded.of("busy")
        app = InstuiApp(Showing(source, ReadOnly("LIVE"), clock=source.clock))
        async with app.run_test(size=(80, 24), notifications=False):
            clock = Clock()
            app._pace = Pace(clock=clock, cpu=Clock())
            source.t = 5.0
            app.pull()
            while app.watched.behind:
                app.pull()
            ticks = app._ticks
            assert ticks is not None
            clock.now += QUIET / 2
            app.pull()
            assert ticks._active.is_set()
            clock.now += QUIET
            app.pull()
            assert not ticks._active.is_set()  # from now on only `_look` pulls
            app._look()
            assert not ticks._active.is_set()
            source.t = 6.0
            app._look()
            assert ticks._active.is_set()

    asyncio.run(run())
