"""Samples for the curves lie on a grid of time, however the events come, and there is a limit to them."""

from itertools import pairwise

from instui.monitor.fold import Fold
from instui.monitor.session import MOST_SAMPLES, SAMPLE_SECONDS
from instui_engine.journal import events


def test_samples_lie_on_a_grid_of_time_when_nothing_happens_too() -> None:
    fold = Fold()
    fold.feed(0.0, events.FetchStarted("a", 0, 1000))
    fold.feed(0.1, events.FetchProgress("a", 500, 1000))
    fold.feed(2.0, events.FetchFinished("a", 1000))
    fold.feed(2.3, events.SessionFinished(0, "", 0, 2.3))
    samples = fold.snapshot(2.3).samples
    assert [sample.t for sample in samples] == [*(number * SAMPLE_SECONDS for number in range(10)), 2.3]
    assert [sample.running for sample in samples] == [0, *[1] * 8, 0, 0]
    assert [sample.fetched_bytes for sample in samples] == [0, *[500] * 8, 1000, 1000]


def test_what_is_unpacked_is_sampled_to_the_last_byte() -> None:
    fold = Fold()
    fold.feed(0.0, events.UnpackStarted("a", 2, 1000))
    fold.feed(0.1, events.UnpackProgress("a", 400, 1000))
    fold.feed(0.2, events.UnpackFinished("a", 2, 1000))
    fold.feed(0.3, events.SessionFinished(0, "", 0, 0.3))
    assert fold.snapshot(0.3).samples[-1].unpacked_bytes == 1000


def test_the_samples_of_hours_are_fewer_and_still_on_a_grid() -> None:
    fold = Fold()
    early = fold.snapshot(0.0).samples
    for minute in range(600):
        fold.feed(60.0 * minute, events.FetchProgress("a", minute, 1000))
        if minute == 10:
            early = fold.snapshot(0.0).samples
    samples = fold.snapshot(36000.0).samples
    assert MOST_SAMPLES / 4 < len(samples) <= MOST_SAMPLES
    steps = {round(b.t - a.t, 6) for a, b in pairwise(samples)}
    assert len(steps) == 1
    assert len(early) == 10 * 60 / SAMPLE_SECONDS + 1  # what a snapshot has stays as it was
    assert early[1].t == SAMPLE_SECONDS


def test_a_clock_that_leaps_for_years_costs_no_more() -> None:
    fold = Fold()
    fold.feed(1e12, events.Caption("later"))
    assert len(fold.snapshot(1e12).samples) <= MOST_SAMPLES


def test_the_greatest_rate_so_far_never_falls_however_long_the_session_goes_on() -> None:
    fold = Fold()
    fold.feed(0.0, events.FetchStarted("a", 0, 10**9))
    fold.feed(0.2, events.FetchProgress("a", 10**6, 10**9))
    fold.feed(0.3, events.FetchProgress("a", 10**6 + 1, 10**9))
    assert fold.snapshot(0.3).peaks.fetched == 10**6 / SAMPLE_SECONDS
    for t in range(1, 3 * int(MOST_SAMPLES * SAMPLE_SECONDS)):  # samples are thinned meanwhile
        fold.feed(t, events.FetchProgress("a", 10**6 + t, 10**9))
    assert fold.snapshot(4000.0).peaks.fetched == 10**6 / SAMPLE_SECONDS
    fold.feed(4000.001, events.FetchProgress("a", 2 * 10**6, 10**9))
    fold.feed(4000.002, events.SessionFinished(0, "", 0, 4000.002))
    assert fold.snapshot(4001.0).peaks.fetched == 10**6 / SAMPLE_SECONDS  # nor does the last moment invent a rate
