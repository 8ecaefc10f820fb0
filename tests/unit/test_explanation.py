"""Why a session was slow: that all seconds are accounted for, and how the answer is given."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from instui.explain.explanation import as_json, explain
from instui.explain.summary import summary
from instui.explain.where_time_went import where_time_went
from instui.lines.explained import report
from instui.monitor.fold import Fold
from instui.monitor.reader import read
from instui_engine.journal import events
from instui_engine.journal.events import Event
from support.explained import FLOCK, added, adds_up, in_order, snapshot_of, unpack, waiting
from support.made_up import span
from unit.test_attribution import RECORDINGS, histories


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_of_every_recording_the_seconds_of_all_findings_are_the_wall_clock_at_every_time(recording: Path) -> None:
    fold, steps = Fold(), list(read(recording))
    for number, (t, event) in enumerate(steps):
        fold.feed(t, event)
        if number % 50 == 0 or number == len(steps) - 1:
            snapshot = fold.snapshot(t)
            assert adds_up(explain(snapshot), snapshot)


@settings(max_examples=300, deadline=None)
@given(histories())
def test_of_any_history_the_seconds_of_all_findings_are_the_wall_clock(timed: list[tuple[float, Event]]) -> None:
    snapshot = snapshot_of(*timed, at=timed[-1][0] if timed else 0.0)
    explanation = explain(snapshot)
    assert adds_up(explanation, snapshot)
    assert all(finding.begin <= finding.end for finding in explanation.findings)
    assert report(explanation, snapshot, [], 0.0, 80)


def test_the_closing_lines_count_from_the_start_of_the_program_as_the_line_before_them() -> None:
    timed = in_order(span("acquire", 0.0, 3.0), added("a"), unpack("a", 0.0, 3.0))
    done = (3.0, events.CommitFinished("a", 1))
    snapshot = snapshot_of(*timed, done, (3.0, events.SessionFinished(0, "", 1, 3.0)))
    assert snapshot.wall == 3.25  # with what the program needed before it had a journal
    assert where_time_went(snapshot)[0] == "  why 3.2 s, without a wait for other processes:"
    assert summary(snapshot)[0] == "installed 1 wheel, 1 file in 3.2 s"


def test_the_json_is_that_of_the_documentation() -> None:
    plain = as_json(waiting(FLOCK))
    assert list(plain) == ["session", "wall", "work", "unexplained", "stages", "findings", "what_if"]
    stages, findings = plain["stages"], plain["findings"]
    assert isinstance(stages, list)
    assert [list(stage) for stage in stages] == [["name", "start", "seconds"]] * 2
    assert isinstance(findings, list)
    assert list(findings[0]) == ["kind", "seconds", "share", "critical", "text", "remedy", "holder", "wheels"]
    assert list(findings[0]["holder"]) == ["pid", "command", "state", "wheel", "session", "began"]
    assert [one["holder"] for one in findings[1:]] == [None] * (len(findings) - 1)


def test_nothing_is_predicted_before_the_end() -> None:
    assert explain(snapshot_of(*added("a"), at=5.0)).what_if == ()


def test_a_session_is_over_when_it_says_so_however_much_later_a_demonstration_tells_it() -> None:
    timed = in_order(span("acquire", 0.0, 3.0), [(5.0, events.SessionFinished(4, "waited", 0, 3.0))])
    snapshot = snapshot_of(*timed, at=5.0)
    assert explain(snapshot).wall == snapshot.wall
