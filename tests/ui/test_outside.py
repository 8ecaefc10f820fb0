"""What the title and the progress of the window say of a session."""

import pytest

from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.monitor.reader import decoded
from instui.tui.outside import said
from instui.tui.rows.frame import Facts
from instui.tui.text.glyphs import UNICODE
from instui.window import Said
from instui_engine.journal import events
from support.screens import Recorded

FACTS = Facts(UNICODE)


def at(name: str, t: float) -> Snapshot:
    source = Recorded.of(name)
    source.t = t
    fold = Fold()
    for moment, event in decoded(source.poll()):
        fold.feed(moment, event)
    return fold.snapshot(t)


def test_the_title_says_how_far_it_is_and_how_many_wait() -> None:
    assert said(at("busy", 13.5), FACTS) == Said("instui 86 %, 5 wait", "running", 86)


def test_progress_never_goes_back_and_the_end_is_its_own() -> None:
    percents = [found.percent for tenth in range(0, 250, 5) if (found := said(at("busy", tenth / 10), FACTS)).percent]
    assert percents == sorted(percents)
    assert said(at("busy", 100.0), FACTS) == Said("instui finished", "none", 100)


@pytest.mark.parametrize(("recording", "title"), [("conflict", "instui failed exit 3")])
def test_a_failure_is_told_as_one(recording: str, title: str) -> None:
    assert said(at(recording, 100.0), FACTS) == Said(title, "failed", 100)


def test_before_the_wheels_are_known_there_is_no_percentage() -> None:
    found = said(Fold().snapshot(0.0), FACTS)
    assert found.title == "instui"
    assert found.percent is None


def test_progress_does_not_go_back_between_a_download_a_build_and_what_follows() -> None:
    wheel = "one"
    happened = [
        events.WheelAdded(wheel, "", "one.tar.gz", 10, False, fetch=True, source="one.tar.gz"),
        events.FetchStarted(wheel, 0, 10),
        events.FetchFinished(wheel, 10),
        events.BuildStarted(wheel, "one.tar.gz", "", False, 1),
        events.BuildFinished(wheel, "one-1-py3-none-any.whl", 10),
        events.UnpackStarted(wheel, 1, 10),
        events.UnpackFinished(wheel, 1, 10),
        events.StageStarted(wheel, 1),
        events.StageFinished(wheel),
        events.LockGranted(wheel, 0.0),
        events.LockReleased(wheel, 0.0),  # without a commit: its plan was stale
    ]
    fold, percents = Fold(), []
    for t, event in enumerate(happened):
        fold.feed(t, event)
        percents.append(said(fold.snapshot(t), FACTS).percent)
    assert percents == [0, 10, 10, 20, 20, 30, 50, 50, 80, 90, 90]
