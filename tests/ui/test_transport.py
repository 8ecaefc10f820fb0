"""Where in a session the display stands: playing, holding, stepping, seeking; the clock goes on by being told."""

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from instui.monitor.history import History
from instui.monitor.landmarks import Landmarks
from instui.monitor.rates import Measured
from instui.monitor.reader import decoded
from instui.tui.rows.transport import Stand, bar, layout
from instui.tui.tape import Tape
from instui.tui.text.glyphs import ASCII, UNICODE
from instui.tui.text.pieces import plain, width_of
from instui.tui.transport import FASTEST, SLOWEST, Transport
from instui.tui.views.registry import BY_ID
from instui.tui.watch import Watch
from instui_engine.journal import events
from instui_engine.journal.codec import encode
from support.screens import RECORDINGS, Recorded
from support.tapes import Clock, come, folded, tape_of, told
from support.time_left import INSTALLS

KEYS = [BY_ID[id] for id in ("step_previous", "step_next", "news_previous", "news_next", "slower", "faster", "live")]


def lines_of(name: str) -> list[str]:
    return (RECORDINGS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()


def playing(name: str, **settings: float) -> tuple[Transport, Clock, Tape]:
    clock, tape = Clock(), tape_of(list(decoded(lines_of(name))))
    transport = Transport(tape, clock, **settings)  # type: ignore[arg-type]
    transport.complete = True
    return transport, clock, tape


def test_it_plays_at_its_speed_and_ends_where_the_session_does() -> None:
    transport, clock, tape = playing("busy", speed=2.0)
    assert come(transport).t == 0.0
    clock.now += 3.0
    assert come(transport).t == pytest.approx(6.0)
    transport.set_speed(0.5)
    clock.now += 2.0
    assert come(transport).t == pytest.approx(7.0)
    clock.now += 1000.0
    shown = come(transport)
    assert transport.ended
    assert not transport.moves
    assert shown.finished is not None
    assert shown.t == tape.end


def test_held_it_stands_still_and_goes_on_from_there() -> None:
    transport, clock, _ = playing("busy")
    clock.now += 5.0
    transport.hold()
    clock.now += 100.0
    assert come(transport).t == pytest.approx(5.0)
    transport.play()
    clock.now += 1.0
    assert come(transport).t == pytest.approx(6.0)


@pytest.mark.parametrize("holds", [True, False])
def test_held_or_stepped_between_two_looks_it_shows_all_until_this_moment(holds: bool) -> None:
    transport, clock, tape = playing("busy", speed=128.0)
    come(transport)
    clock.now += 0.09  # the screen looks every 0.1 s, in which 12.8 s go by
    if holds:
        transport.hold()
        assert told(come(transport)) == told(folded(tape, tape.place(transport.t), transport.t))
    transport.go(tape.after_next(transport.place) or 0)
    assert come(transport).t > 11.52


def test_after_the_end_it_plays_from_the_beginning() -> None:
    transport, clock, _ = playing("quiet")
    clock.now += 1000.0
    come(transport)
    assert transport.ended
    transport.play()
    come(transport)
    clock.now += 0.5
    assert come(transport).t == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["busy", "crash", "two-sessions", "removal", "slow"])
def test_wherever_it_goes_it_shows_what_folding_up_to_there_shows(name: str) -> None:
    transport, clock, tape = playing(name)
    chance = random.Random(1)
    moves: list[Callable[[], object]] = [
        lambda: transport.seek(chance.uniform(-1.0, tape.end + 1.0)),
        lambda: transport.go(chance.randrange(len(tape) + 1)),
        lambda: transport.go(tape.before_last(transport.place) or 0),
        lambda: transport.go(tape.after_next(transport.place) or len(tape)),
        lambda: (transport.play(), setattr(clock, "now", clock.now + chance.uniform(0.0, 3.0))),
        transport.hold,
        transport.go_to_end,
    ]
    for _ in range(30):
        chance.choice(moves)()
        shown = come(transport)
        assert transport.reached == transport.place
        assert told(shown) == told(folded(tape, transport.place, transport.t))


def test_a_way_back_is_made_in_slices_and_shows_nothing_until_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("instui.tui.transport.BUDGET", 0.0)
    transport, clock, tape = playing("busy")
    transport.go_to_end()
    come(transport)
    transport.seek(12.0)
    transport.advance()
    assert transport.behind
    assert transport.snapshot() is None
    clock.now += 50.0  # meanwhile its time stands still
    assert come(transport).t == pytest.approx(12.0)
    transport.seek(tape.end)
    transport.advance()
    partly = transport.snapshot()
    assert partly is not None  # forwards, every step can be seen
    assert 12.0 <= partly.t < tape.end


def test_speed_has_bounds() -> None:
    transport, _, _ = playing("quiet")
    for _ in range(20):
        transport.set_speed(transport.speed * 2)
    assert transport.speed == FASTEST
    for _ in range(30):
        transport.set_speed(transport.speed / 2)
    assert transport.speed == SLOWEST


def test_what_is_read_while_it_waits_at_the_end_is_played_from_there() -> None:
    clock, tape = Clock(), tape_of([(0.0, events.SessionResumed()), (1.0, events.SessionResumed())])
    transport = Transport(tape, clock)
    clock.now += 500.0
    assert come(transport).t == pytest.approx(1.0)
    tape.add(3.0, events.SessionResumed())
    clock.now += 1.0
    assert come(transport).t == pytest.approx(2.0)


def test_steps_stop_at_what_the_log_tells_and_news_at_news() -> None:
    progress, wait, note = (
        events.FetchProgress("a", 1, 2),
        events.LockWaiting("a", "x", "X", []),
        events.SessionResumed(),
    )
    tape = tape_of([(0.0, note), (1.0, progress), (2.0, note), (3.0, wait), (4.0, progress), (5.0, wait)])
    assert [tape.after_next(place) for place in range(7)] == [1, 3, 3, 4, 6, 6, None]
    assert [tape.before_last(place) for place in range(7)] == [None, 0, 0, 2, 3, 3, 5]
    assert [tape.after_next_news(place) for place in range(7)] == [4, 4, 4, 4, 6, 6, None]
    assert [tape.after_last_news(place) for place in range(7)] == [None, None, None, None, None, 4, 4]


def test_a_gap_is_a_stretch_in_which_nothing_is_heard() -> None:
    note = events.SessionResumed()
    tape = tape_of([(0.0, note), (0.05, note), (3.0, note), (3.1, note), (3.2, note), (9.0, note)])
    assert tape.gap(0, 1) == (2, pytest.approx(2.95))
    assert tape.gap(2, 1) == (5, pytest.approx(5.8))
    assert tape.gap(5, 1) is None
    assert tape.gap(5, -1) == (2, pytest.approx(2.95))
    assert tape.gap(2, -1) is None


def test_times_that_fall_do_not_lead_back() -> None:
    note = events.SessionResumed()
    tape = tape_of([(0.0, note), (5.0, note), (-3.0, note), (1e18, note), (2.0, note)])
    assert (tape.begin, tape.end) == (0.0, 1e18)
    assert [tape.place(t) for t in (-1.0, 0.0, 4.9, 5.0, 1e18)] == [0, 1, 1, 3, 5]
    transport = Transport(tape, Clock())
    transport.seek(6.0)
    assert come(transport).t == 6.0
    assert plain(bar(Stand(6.0, tape.begin, tape.end), tape.landmarks, [], 80, UNICODE))


def test_the_bar_fits_and_a_click_on_it_means_the_time_that_is_seen_there() -> None:
    landmarks = tape_of(list(decoded(lines_of("busy")))).landmarks
    stands = (Stand(4.31, 0.0, 12.2, 2.0), Stand(), Stand(3700.0, 0.0, 3700.5, 0.125, held=True))
    for width in (50, 80, 120, 200):
        for stand in stands:
            for glyphs in (UNICODE, ASCII):
                pieces = bar(stand, landmarks, KEYS, width, glyphs)
                assert width_of(pieces) == width
                assert plain(pieces).isascii() or glyphs is UNICODE
            parts = layout(stand, KEYS, width, UNICODE)
            text = plain(bar(stand, landmarks, KEYS, width, UNICODE))
            at = text.index(UNICODE.live)
            t = parts.time_at(stand, at)
            assert t == pytest.approx(stand.t, abs=(stand.end - stand.begin) / (parts.cells - 1))
            assert parts.time_at(stand, parts.start - 1) is None
            assert parts.time_at(stand, parts.start + parts.cells) is None


def test_keys_go_before_anything_that_says_where_the_display_stands() -> None:
    long = Stand(34567.25, 0.0, 99999.9, 0.125, held=True, reading=True, recorded=False)
    stands = ((long, "held"), (Stand(1.0, 0.0, 12.2, 2.0), "plays"), (Stand(5.0, 0.0, 5.0, ended=True), "ended"))
    for width in (80, 60, 50):
        for stand, word in stands:
            text = plain(bar(stand, Landmarks(), KEYS, width, UNICODE))
            assert f"{stand.speed:g}x" in text
            assert f"{stand.t:.2f} of {stand.end:.1f}" in text
            assert text.rstrip().endswith(" s") or width == 80
            assert UNICODE.live in text
            assert word in text or (width == 50 and stand is long)
    keys = plain(bar(Stand(1.0, 0.0, 12.2), Landmarks(), KEYS, 120, UNICODE))
    assert all(name in keys for name in ("step", "news", "speed", "live"))
    parts = layout(long, KEYS, 35, UNICODE)
    assert parts.cells == 0 and parts.time_at(long, parts.start) is None
    assert "34567.25 of 99999.9" in plain(bar(long, Landmarks(), KEYS, 38, UNICODE))


def test_the_bar_shows_waits_overwritten_files_and_failures() -> None:
    landmarks = Landmarks()
    landmarks.add(2.0, events.LockWaiting("a", "x", "X", []))
    landmarks.add(5.0, events.LockGranted("a", 3.0))
    landmarks.add(7.0, events.Overwrite("b", "x", "a", "b", False))
    landmarks.add(8.0, events.Overwrite("b", "y", "a", "b", True))  # the same content: nothing is lost
    landmarks.add(9.0, events.WheelFailed("c", "broken"))
    text = plain(bar(Stand(0.0, 0.0, 10.0), landmarks, [], 43, UNICODE))
    track = text[text.index("├") + 1 : text.index("┤")]
    assert [sign for sign in track if sign not in "─"] == ["●", *"░" * track.count("░"), "▲", "✗"]
    assert 0.2 <= track.count("░") / len(track) <= 0.5


def test_a_wait_goes_on_until_the_last_one_who_waits_goes_on() -> None:
    landmarks = Landmarks()
    landmarks.add(1.0, events.EnvironmentWaiting(".lock", []))
    landmarks.add(2.0, events.LockWaiting("a", "x", "X", []))
    landmarks.add(3.0, events.EnvironmentGranted(".lock", 2.0))
    landmarks.add(4.0, events.WheelFailed("a", "timeout"))
    landmarks.add(6.0, events.WaitStarted("flush", "", "", []))
    assert [landmarks.is_waited(t, t + 0.5) for t in (0.0, 1.0, 3.2, 4.0, 5.0, 6.0, 100.0)] == [
        False,
        True,
        True,
        False,
        False,
        True,
        True,
    ]


# -- the watched session


def live(name: str, t: float) -> tuple[Watch, Recorded]:
    source = Recorded.of(name)
    watch = Watch(source, source.clock)
    go_on(watch, source, t)
    return watch, source


def go_on(watch: Watch, source: Recorded, t: float) -> None:
    source.t = t
    watch.read()
    while watch.behind:
        watch.read()
    watch.advance()


def test_a_held_live_session_is_gone_through_while_it_goes_on_and_then_shown_as_it_is() -> None:
    watch, source = live("busy", 13.5)
    watch.hold()
    go_on(watch, source, 16.0)
    assert watch.shown.t == pytest.approx(13.5)
    assert watch.lag == pytest.approx(2.5)
    assert watch.latest.t == pytest.approx(16.0)
    assert watch.transport is not None
    watch.transport.seek(5.0)
    go_on(watch, source, 17.0)
    assert watch.shown.t == pytest.approx(5.0)
    assert told(watch.shown) == told(folded(watch.tape, watch.transport.place, 5.0))
    watch.to_present()
    go_on(watch, source, 18.0)
    assert watch.shown.t == pytest.approx(18.0)
    assert told(watch.shown) == told(live("busy", 18.0)[0].shown)


def test_a_display_that_is_held_tells_the_same_time_that_is_left(tmp_path: Path) -> None:
    history = History(tmp_path / "history.json")
    for _ in range(3):
        history.add(Measured(unpack=1.3, link=1.3, copy=1.3, plan=1.3, clean=1.3, replace=1.3))
    source = Recorded(gzip.decompress((INSTALLS / "local.jsonl.gz").read_bytes()).decode().splitlines())
    watch = Watch(source, source.clock, history=history)
    told = 0
    for tenths in range(5, 100, 5):
        watch.to_present()
        go_on(watch, source, tenths / 10)
        left = watch.shown.left
        watch.hold()
        go_on(watch, source, tenths / 10)
        assert watch.shown.left == left
        told += left is not None
    assert told


def test_a_display_that_was_only_held_goes_back_to_the_present_and_one_that_went_back_plays() -> None:
    watch, source = live("busy", 13.5)
    watch.hold()
    watch.play()
    assert watch.transport is None
    watch.hold()
    assert watch.transport is not None
    watch.transport.seek(5.0)
    watch.play()
    go_on(watch, source, 13.5)
    go_on(watch, source, 14.5)
    assert watch.shown.t == pytest.approx(6.0)
    watch.transport.set_speed(8.0)
    go_on(watch, source, 16.0)
    assert watch.transport is None  # it has caught up
    go_on(watch, source, 16.5)
    assert watch.shown.t == pytest.approx(16.5)


def test_a_session_that_is_over_is_played_again() -> None:
    watch, source = live("busy", 60.0)
    assert watch.over
    watch.play()
    go_on(watch, source, 61.0)
    assert watch.shown.t == pytest.approx(1.0)
    assert watch.over  # it is, whatever is shown
    assert not watch.shown.over


def test_the_log_ends_where_the_display_stands() -> None:
    watch, source = live("busy", 60.0)
    total = watch.log.total
    watch.play()
    go_on(watch, source, 65.0)
    assert 0 < watch.log.total < total
    assert watch.log[watch.log.total - 1][0] <= watch.shown.t
    assert watch.jumps == 1


class Lines:
    """A source of lines that are there already."""

    ended = False

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def poll(self, wait: float = 0.0) -> list[str]:
        self.ended = True
        lines, self._lines = self._lines, []
        return lines

    def finish(self) -> None: ...

    def close(self) -> None: ...


def test_a_recording_without_an_end_is_settled_at_its_end_only() -> None:
    clock = Clock()
    watch = Watch(Lines([*lines_of("busy")[:700], "{", "no line", '{"t":1e999,"event":"caption"}']), clock, 1.0)
    watch.read()
    while watch.behind:
        watch.read()
    watch.advance()
    assert watch.damaged == 3
    assert not watch.shown.over
    clock.now += 100.0
    watch.read()
    while watch.behind:
        watch.read()
    watch.advance()
    assert watch.shown.over
    assert watch.shown.finished is None
    assert watch.transport is not None
    watch.transport.seek(5.0)
    while watch.behind:
        watch.read()
    watch.advance()
    assert not watch.shown.over


def test_a_journal_of_times_out_of_order_and_beyond_all_measure_opens() -> None:
    note = events.SessionResumed()
    clock = Clock()
    text = [encode(t, note) for t in (0.0, 9e18, -9e18, 5.0)]
    watch = Watch(Lines([*text, text[0].replace("0.0", "NaN"), "[" * 100_000]), clock, 128.0)
    for _ in range(5):
        clock.now += 1.0
        watch.read()
        watch.advance()
    assert watch.damaged == 2
    assert watch.transport is not None
    watch.transport.go_to_end()
    watch.read()
    watch.advance()
    assert watch.shown.t == 9e18
