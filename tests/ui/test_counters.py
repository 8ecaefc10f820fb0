"""The counters: they keep their places, and what matters most is left at every width."""

import pytest

from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.tui.rows.counters import counters
from instui.tui.rows.event_words import WORDS
from instui.tui.rows.frame import Facts, header
from instui.tui.rows.transport import Stand
from instui.tui.rows.wheels import folded
from instui.tui.text.glyphs import UNICODE
from instui.tui.text.pieces import plain, width_of
from instui_engine.journal import events
from instui_engine.journal.events import Event
from support.plain_lines import START

WIDTHS = (50, 64, 80, 100, 120, 200)


def snapshot(*happened: Event, wheels: int = 3, cached: int = 0) -> Snapshot:
    fold = Fold()
    fold.feed(0.0, START)
    for number in range(wheels):
        fold.feed(1.0, events.WheelAdded(f"w{number}", "1", "w.whl", 9, number < cached))
    for event in happened:
        fold.feed(2.0, event)
    return fold.snapshot(3.0)


def text(shot: Snapshot, width: int) -> str:
    line = counters(shot, UNICODE, width)
    assert width_of(line) == width
    return plain(line)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("wheels", [3, 123, 1234])
def test_failures_survive_at_every_width(width: int, wheels: int) -> None:
    shot = snapshot(events.WheelFailed("w0", "torn"), wheels=wheels)
    assert "fail" in text(shot, width)
    assert "1" in text(shot, width).rpartition("fail")[2]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_long_word_at_the_right_moves_no_counter(width: int) -> None:
    calm, syncing = text(snapshot(), width), text(snapshot(events.SyncStarted("environment")), width)
    end = calm.index(" 0", calm.index("fail")) + 2
    assert syncing[:end] == calm[:end]


@pytest.mark.parametrize("width", WIDTHS)
def test_beside_a_session_that_failed_there_is_no_failed_0(width: int) -> None:
    shot = snapshot(events.SessionFinished(1, "no solution", 0, 2.0))
    assert "fail" not in text(shot, width)
    assert "not installed 3" in text(shot, width)
    assert "fail" not in text(snapshot(events.SessionFinished(1, "no solution", 0, 2.0), wheels=0), width)


def test_a_wheel_that_another_process_fetches_waits() -> None:
    waits = events.WaitStarted("w0", "wheel", "/cache/w0.lock", [])
    shot = snapshot(waits)
    assert "waiting 1 " in text(shot, 120)
    assert (shot.totals.waiting, shot.peaks.waiting, shot.samples[-1].waiting) == (1, 1, 0)
    assert "waiting 0 " in text(snapshot(waits, events.WaitFinished("w0", "wheel", "/cache/w0.lock", 0.5)), 120)


def test_what_comes_from_the_cache_is_neither_fetched_nor_unpacked() -> None:
    assert "resolved 3 · cached 3 · fetched 0 · unpacked 0 ·" in text(snapshot(cached=3), 120)
    assert text(snapshot(wheels=123, cached=120), 80).startswith(" cached 120  fetch   0  unpack   0  stage   0  wait ")


def test_the_time_that_locks_took_is_that_of_the_clock() -> None:
    shot = snapshot(events.EnvironmentWaiting(".lock", []))
    assert text(shot, 200).rstrip().endswith("waits for locks  1.0 s")


def test_every_event_has_a_word() -> None:
    assert set(WORDS) == set(events.KINDS)
    assert not any("." in word.replace(".lock", "") for word in WORDS.values())


def test_wheels_that_are_not_shown_are_called_by_what_was_done_to_them() -> None:
    shot = snapshot(events.FetchStarted("w1", 0, 9), events.FetchFinished("w1", 9), cached=1)
    assert folded(shot) == "… 1 unpacked, 1 fetched, 1 queued   (a shows all)"


GOES = events.PlanWheel("old", 0, 3, 3, [], [], "1")  # never announced as a wheel: a removal


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("wheels", [3, 1234])
def test_a_session_that_installs_and_removes_counts_both_at_every_width(width: int, wheels: int) -> None:
    gone = events.DistributionRemoved("old", "1", 3)
    shot = snapshot(GOES, gone, events.WheelFailed("w0", "torn"), wheels=wheels)
    assert (shot.removes, shot.done, shot.totals.resolved) == (False, "changed", wheels)
    word = "gone" if "gone" in text(shot, width) else "removed"
    is_smallest = (wheels, width) == (1234, 50)
    assert is_smallest or text(shot, width).partition(word)[2].split()[0] == "1"
    assert "1" in text(shot, width).rpartition("fail")[2]
    only = snapshot(GOES, gone, wheels=0)
    assert (only.removes, only.done, only.totals.resolved) == (True, "removed", 1)
    assert "removing 1" in text(only, 120)


def test_of_what_is_folded_removals_are_done_and_take_nothing_from_what_is_staged() -> None:
    staged = events.StageFinished("w0", False)
    shot = snapshot(GOES, staged, events.DistributionRemoved("old", "1", 3))
    assert folded(shot).startswith("… 1 done, 1 staged, 2 queued ")


def test_the_header_tells_what_the_user_has_waited_and_beside_a_transport_bar_the_time_of_events() -> None:
    fold = Fold()
    fold.feed(0.0, START._replace(ran=1.5))
    assert plain(header(fold.snapshot(5.0), Facts(UNICODE), 80)).endswith("    6 s ")
    fold.feed(7.0, events.SessionFinished(0, "", 0, 7.0))
    assert plain(header(fold.snapshot(7.0), Facts(UNICODE), 80)).endswith("  8.5 s ")
    assert plain(header(fold.snapshot(7.0), Facts(UNICODE, stand=Stand(7.0, 0.0, 7.0)), 80)).endswith("  7.0 s ")
