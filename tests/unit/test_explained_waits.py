"""What is explained of waits: for whom, for what, and what would help."""

import pytest

from instui.explain.explanation import explain, headline
from instui.lines.explained import report
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder
from support.explained import FLOCK, added, ended, predicted, snapshot_of, the, waiting


def test_the_holder_of_the_environments_lock_is_named_with_its_state_and_start() -> None:
    explanation = waiting(FLOCK)
    finding = the("environment-lock", explanation)
    assert (
        finding.text == "waited for .venv/.lock, held by pid 31817 `flock -x .lock` (asleep; started 1.00 s before us)"
    )
    assert finding.remedy == "it could only be waited for; --lock-timeout 3 would have failed instead"
    assert (finding.seconds, finding.holder, finding.critical) == (7.7, FLOCK, True)
    assert headline(explanation) == "why 8.1 s, of which 0.40 s was work"


def test_a_timeout_is_offered_only_where_one_of_the_waits_would_have_reached_it() -> None:
    waits = [
        event
        for n in range(5)
        for event in (
            (n * 2.0, events.EnvironmentWaiting(".lock", [FLOCK])),
            (n * 2.0 + 1.5, events.EnvironmentGranted(".lock", 1.5)),
        )
    ]
    finding = the("environment-lock", explain(snapshot_of((0.0, events.SpanStarted("commit")), *waits, ended(10.0))))
    assert (finding.seconds, finding.remedy) == (7.5, "it could only be waited for")


def test_while_it_lasts_a_wait_is_told_as_such() -> None:
    finding = the("environment-lock", waiting(FLOCK, end=False))
    assert finding.text.startswith("waits for .venv/.lock, held by pid 31817")
    assert finding.remedy == "wait for it, or end pid 31817 (flock)"  # the same from one look to the next


def test_a_stopped_holder_can_be_let_go_on() -> None:
    assert "kill -CONT 31817" in the("environment-lock", waiting(FLOCK._replace(state="stopped"))).remedy


def test_a_holder_whose_name_is_hostile_controls_no_terminal() -> None:
    finding = the("environment-lock", waiting(FLOCK._replace(command="x\x1b[2J\u202e", state="\x07")))
    assert finding.text.isprintable()
    assert "\\x1b" in finding.text


def test_a_claim_of_another_session_is_named_with_its_wheel() -> None:
    other = Holder("celery", "t", 77, "instui install celery")
    explanation = explain(
        snapshot_of(
            *added("django"),
            (0.0, events.SpanStarted("commit")),
            (0.0, events.LockRequested("django")),
            (0.0, events.LockWaiting("django", "lib/shared", "X", [other])),
            (3.0, events.LockGranted("django", 3.0)),
            (3.5, events.CommitFinished("django", 1)),
            (3.5, events.SpanFinished("commit", 3.5, 0.0, -1.0)),
            ended(3.5),
        )
    )
    finding = the("claim", explanation)
    assert finding.text == "django 1.0 waited for lib/shared, held by celery of pid 77 `instui install celery`"
    assert finding.wheels == ("django",)
    assert predicted(explanation)["no lock held by others"] == pytest.approx(0.75)


def test_claims_of_several_wheels_of_another_session_are_not_all_said_to_be_of_one() -> None:
    steps: list[tuple[float, Event]] = [*added("a", "b"), (0.0, events.SpanStarted("commit"))]
    for wheel, begin in (("a", 0.0), ("b", 3.0)):
        other = Holder(f"other-{wheel}", "t", 77, "instui install x")
        steps += [
            (begin, events.LockRequested(wheel)),
            (begin, events.LockWaiting(wheel, f"lib/{wheel}", "X", [other])),
            (begin + 3.0, events.LockGranted(wheel, 3.0)),
            (begin + 3.0, events.CommitFinished(wheel, 1)),
        ]
    end = (6.0, events.SpanFinished("commit", 6.0, 0.0, -1.0))
    finding = the("claim", explain(snapshot_of(*steps, end, ended(6.0))))
    assert finding.text.endswith("waited for lib/a and 1 more path, held by pid 77 `instui install x`")


@pytest.mark.parametrize("width", [60, 80, 120, 121])
def test_the_lines_of_an_explanation_are_as_wide_as_the_terminal_at_most(width: int) -> None:
    holder = Holder("", "", 77, "cp", "asleep", 998.0)
    snapshot = snapshot_of(
        *added("a", "b"),
        (0.0, events.SpanStarted("commit")),
        (0.0, events.LockWaiting("a", "lib/x", "X", [holder])),
        (3.0, events.LockGranted("a", 3.0)),
        (3.1, events.CommitFinished("a", 1)),
        (3.1, events.SpanFinished("commit", 3.1, 0.0, -1.0)),
        (3.1, events.SessionFinished(1, "a failed, and " + "so on " * 30, 0, 3.1)),
    )
    lines = report(explain(snapshot), snapshot, [], 2000.0, width)
    assert max(map(len, lines)) <= width
    assert {len(line) for line in lines if line.endswith("(critical path)")} <= {width}
    assert any(line.endswith("(critical path)") for line in lines) == (width >= 80)


def test_a_wait_beside_other_work_is_told_without_seconds() -> None:
    other = Holder("", "", 77, "cp -r")
    explanation = explain(
        snapshot_of(
            *added("a", "b"),
            (0.0, events.SpanStarted("commit")),
            (0.0, events.LockGranted("b", 0.0)),
            (0.0, events.LockWaiting("a", "lib/x", "X", [other])),
            (1.0, events.LockGranted("a", 1.0)),
            (1.1, events.CommitFinished("a", 1)),
            (5.0, events.CommitFinished("b", 1)),
            (5.0, events.SpanFinished("commit", 5.0, 0.0, -1.0)),
            ended(5.0),
        )
    )
    finding = the("claim", explanation)
    assert (finding.seconds, finding.critical) == (0.0, False)


def test_wheels_that_stand_behind_another_one_are_counted() -> None:
    ours = [Holder("big", "s", 42)]
    steps: list[tuple[float, Event]] = [
        *added("big", "a", "b", "c"),
        (0.0, events.SpanStarted("commit")),
        (0.0, events.LockGranted("big", 0.0)),
        (0.0, events.CommitStarted("big", 2400)),
        *((0.0, events.LockWaiting(wheel, "lib/x", "X", ours)) for wheel in "abc"),
    ]
    now = the("turns", explain(snapshot_of(*steps, at=2.0)))
    assert now.text == "3 wheels stand behind big 1.0, which commits 2 400 renames"
    assert now.wheels == ("big", "a", "b", "c")
    over = [
        (3.0, events.CommitFinished("big", 2600)),
        (3.0, events.LockReleased("big", 3.0)),
        (3.0, events.SpanFinished("commit", 3.0, 0.0, -1.0)),
        ended(3.0),
    ]
    assert the("turns", explain(snapshot_of(*steps, *over))).text == (
        "3 wheels stood behind big 1.0, which committed 2 600 files"
    )


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("wheel", "to fetch or unpack a 1.0"),
        ("cache", "being pruned"),
        ("name", "changes a 1.0"),
        ("recovery", "killed"),
    ],
)
def test_every_other_wait_says_what_for(what: events.WaitKind, says: str) -> None:
    explanation = explain(
        snapshot_of(
            *added("a"),
            (0.0, events.SpanStarted("acquire")),
            (0.0, events.WaitStarted("a", what, "p", [FLOCK])),
            (2.0, events.WaitFinished("a", what, "p", 2.0)),
            (2.0, events.SpanFinished("acquire", 2.0, 0.0, -1.0)),
            ended(2.0),
        )
    )
    finding = the(f"wait-{what}", explanation)
    assert says in finding.text
    assert "pid 31817" in finding.text


def test_a_pause_is_no_work() -> None:
    explanation = explain(snapshot_of((1.0, events.SessionPaused()), (3.0, events.SessionResumed()), ended(3.0)))
    assert the("pause", explanation).seconds == 2.0
    assert explanation.work + explanation.unexplained == pytest.approx(1.25)
