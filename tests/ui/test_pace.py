"""The pace of the screen, in counts: frames have a share of a core, and a quiet screen wakes up seldom."""

import asyncio

from instui.tui.app import InstuiApp
from instui.tui.controller import ReadOnly
from instui.tui.outgoing import Flow
from instui.tui.pace import BANDWIDTH, QUIET, SHARE, Pace
from instui.tui.showing import Showing
from support.screens import Recorded


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
    pace = Pace(clock=clock, cpu=used)
    assert frames(pace, clock, 10, news=True) == 100
    assert 9 <= frames(pace, clock, 10, news=False) <= 11


def test_frames_that_cost_much_are_fewer_so_that_they_have_their_share_of_a_core() -> None:
    clock, used = Clock(), Clock()
    pace = Pace(clock=clock, cpu=used)
    painted = frames(pace, clock, 100, news=True, used=used, cost=0.04)
    assert 0.6 * SHARE <= painted * 0.04 / 100 <= SHARE * 1.02


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


def test_a_key_is_answered_at_once() -> None:
    clock, used = Clock(), Clock()
    pace = Pace(clock=clock, cpu=used)
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
