"""Why a session was slow: each rule on a session made for it, and that all seconds are accounted for."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings

from instui.explain import parallel
from instui.explain.attribution import attribute
from instui.explain.explanation import Explanation, as_json, explain, headline, kept
from instui.explain.findings import MICRO, Finding
from instui.explain.schedule import Task, schedule, unshared
from instui.explain.where_time_went import where_time_went
from instui.lines.explained import report
from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.monitor.reader import read
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder
from instui_engine.stage import team
from instui_engine.store import unpackers
from support import made_up
from support.made_up import span
from unit.test_attribution import RECORDINGS, histories

START = events.SessionStarted(
    2, "s", 42, 1000.0, 100.0, "0.1", ["instui", "install"], "/v/.venv", "py", {"purelib": "lib"}, 2, "", 0.25, 2
)
FLOCK = Holder("", "", 31817, "/usr/bin/flock -x .lock", "asleep", 998.75)


def snapshot_of(*timed: tuple[float, Event], start: events.SessionStarted = START, at: float = 0.0) -> Snapshot:
    return made_up.snapshot_of(start, *timed, at=at)


def ended(t: float) -> tuple[float, Event]:
    return t, events.SessionFinished(0, "", 0, t)


def unpack(wheel: str, begin: float, end: float, worker: int = 1) -> list[tuple[float, Event]]:
    return [
        (begin, events.UnpackStarted(wheel, 10, 1000, worker)),
        (end, events.UnpackFinished(wheel, 10, 1000)),
    ]


def added(*wheels: str, size: int = 1_000_000, cached: bool = False) -> list[tuple[float, Event]]:
    return [(0.0, events.WheelAdded(wheel, "1.0", f"{wheel}.whl", size, cached)) for wheel in wheels]


def in_order(*parts: list[tuple[float, Event]]) -> list[tuple[float, Event]]:
    return sorted((one for part in parts for one in part), key=lambda one: one[0])


def adds_up(explanation: Explanation, snapshot: Snapshot) -> bool:
    """Whether the findings are all of the wall clock but what the attribution cannot explain."""
    parts = [*(finding.seconds for finding in explanation.findings), explanation.unexplained]
    gaps = [piece for piece in attribute(snapshot).pieces if piece.kind == "unexplained"]
    unexplained = sum(round(piece.end * MICRO) - round(piece.begin * MICRO) for piece in gaps)
    return (
        sum(round(part * MICRO) for part in parts) == round(explanation.wall * MICRO)
        and round(explanation.unexplained * MICRO) == unexplained
    )


def the(kind: str, explanation: Explanation) -> Finding:
    (found,) = [finding for finding in explanation.findings if finding.kind == kind]
    assert explanation.unexplained >= 0  # no piece is in two findings
    return found


def predicted(explanation: Explanation) -> dict[str, float]:
    return {one.change: one.predicted for one in explanation.what_if}


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


# -- waits


def waiting(holder: Holder, *more: tuple[float, Event], end: bool = True) -> Explanation:
    steps = [
        (0.0, events.SpanStarted("commit")),
        (0.1, events.EnvironmentWaiting(".lock", [holder])),
    ]
    over = [
        (7.8, events.EnvironmentGranted(".lock", 7.7)),
        (7.85, events.SpanFinished("commit", 7.85, 0.0, -1.0)),
        ended(7.85),
    ]
    return explain(snapshot_of(*steps, *(over if end else []), *more, at=7.0))


def test_the_holder_of_the_environments_lock_is_named_with_its_state_and_start() -> None:
    explanation = waiting(FLOCK)
    finding = the("environment-lock", explanation)
    assert (
        finding.text == "waited for .venv/.lock, held by pid 31817 `flock -x .lock` (asleep; started 1.00 s before us)"
    )
    assert finding.remedy == "nothing of ours helps; --lock-timeout 3 would have failed instead of waiting"
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
    assert (finding.seconds, finding.remedy) == (7.5, "nothing of ours helps")


def test_while_it_lasts_a_wait_is_told_as_such() -> None:
    finding = the("environment-lock", waiting(FLOCK, end=False))
    assert finding.text.startswith("waits for .venv/.lock, held by pid 31817")
    assert "would fail" in finding.remedy


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
    assert {len(line) for line in lines if line.endswith("on the critical path")} <= {width}
    assert any(line.endswith("on the critical path") for line in lines) == (width >= 80)


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


# -- work


def resolved(*doings: tuple[float, str], end: float = 4.0, asked: Sequence[str] = ("a", "b")) -> Explanation:
    return explain(
        snapshot_of(
            (0.0, events.SpanStarted("resolve")),
            (0.0, events.ResolveStarted(list(asked))),
            *((t, events.ResolveProgress(doing)) for t, doing in doings),
            (end, events.SpanFinished("resolve", end, 0.0, -1.0)),
            ended(end),
        )
    )


def test_what_only_uv_has_read_is_not_counted() -> None:
    finding = the("resolve", resolved((0.0, "deciding"), asked=()))
    assert finding.text == "uv decided which wheels satisfy what is asked for: deciding 4.0 s"


def test_what_uv_did_is_said_with_its_seconds_the_longest_first() -> None:
    finding = the("resolve", resolved((0.0, "deciding"), (1.0, "listing"), (3.5, "deciding")))
    assert finding.text == "uv decided which wheels satisfy 2 requirements: listing 2.5 s, deciding 1.50 s"
    assert "--pylock" in finding.remedy


def test_a_session_without_an_index_is_told_of_the_place_of_its_wheels() -> None:
    def remedies(*arguments: str) -> tuple[str, str]:
        steps = in_order(
            added("a"),
            [(0.0, events.ResolveStarted(["a"])), (1.0, events.ResolveProgress("waiting for files.example"))],
            span("resolve", 0.0, 8.0),
            span("acquire", 8.0, 12.0),
            [(8.0, events.FetchStarted("a", 0, 100))],
            [(8.0 + part / 4, events.FetchProgress("a", part, 100)) for part in range(1, 16)],
            [(12.0, events.FetchFinished("a", 100))],
        )
        start = START._replace(command=["instui", "install", *arguments])
        found = explain(snapshot_of(*steps, ended(12.0), start=start))
        return the("resolve", found).remedy, the("fetch", found).remedy

    assert remedies("a") == (
        "an index that answers: --index-url; --offline takes what is cached",
        "--index-url of a nearer mirror; what is fetched stays in the cache",
    )
    assert remedies("a", "--no-index", "--find-links", "http://files.example/") == (
        "a place that answers: --find-links; --offline takes what is cached",
        "--find-links of a nearer place; what is fetched stays in the cache",
    )


def test_a_server_of_which_uv_reads_whole_wheels_is_told() -> None:
    found = the("resolve", resolved((0.0, "waiting for files.example to send whole wheels, asked about a")))
    assert "; uv reads whole wheels for their metadata, as this server has no range requests" in found.text
    assert found.remedy.startswith("a server with range requests, or with the metadata beside each wheel")
    assert "whole wheels" not in the("resolve", resolved((0.0, "waiting for files.example, asked about a"))).text


def test_what_took_longer_than_usual_says_so() -> None:
    earlier = [resolved((0.0, "deciding"), end=1.0)]
    fold = snapshot_of(
        (0.0, events.SpanStarted("resolve")),
        (0.0, events.ResolveProgress("deciding")),
        (4.0, events.SpanFinished("resolve", 4.0, 0.0, -1.0)),
        ended(4.0),
    )
    assert the("resolve", explain(fold, earlier)).text.endswith("; 4 x its usual time (1.00 s)")
    assert "usual" not in the("resolve", explain(fold)).text


def test_a_download_says_how_fast_it_was_and_what_stood_still() -> None:
    steps = in_order(
        added("a", "b"),
        span("acquire", 0.0, 4.0),
        [
            (0.0, events.FetchStarted("a", 0, 4_000_000)),
            (0.0, events.FetchStarted("b", 0, 1_000_000)),
            (0.5, events.FetchFinished("b", 1_000_000)),
            (3.0, events.FetchStalled("a", "files.example", 2.5)),
            (3.1, events.FetchRetried("a", 1, "reset")),
            (4.0, events.FetchFinished("a", 4_000_000)),
        ],
    )
    finding = the("fetch", explain(snapshot_of(*steps, ended(4.0))))
    assert finding.text == (
        "fetched 2 wheels, 5.0 MB in 4.0 s, 1.2 MB/s; the slowest: a 1.0, 4.0 MB in 4.0 s; "
        "files.example sent nothing for 2.5 s; 1 retry: reset"
    )


def test_a_server_that_fails_is_told_with_the_waits_before_it_was_asked_again() -> None:
    steps = in_order(
        added("a"),
        span("acquire", 0.0, 9.0),
        [
            (0.0, events.FetchStarted("a", 0, 4_000_000)),
            (0.5, events.FetchRetried("a", 1, "answered 503", 2.0)),
            (3.0, events.FetchRetried("a", 2, "answered 503", 4.0)),
            (9.0, events.FetchFinished("a", 4_000_000)),
        ],
    )
    finding = the("fetch", explain(snapshot_of(*steps, ended(9.0))))
    assert "; of a 1.0 nothing came for 3.0 s; 2 retries after waits of 6.0 s: answered 503" in finding.text
    assert finding.remedy.startswith("the server fails, or limits how often it is asked: try again later")


def test_steps_of_uv_of_one_kind_are_one_and_its_waits_began_before_they_were_told() -> None:
    def resolved(*doings: tuple[float, str]) -> Finding:
        told = [(t, events.ResolveProgress(doing)) for t, doing in doings]
        steps = [(0.0, events.ResolveStarted(["a"])), *told]
        return the("resolve", explain(snapshot_of(*in_order(span("resolve", 0.0, 9.0), steps), ended(9.0))))

    found = resolved(
        (0.0, "reading the metadata of 1 package, the last a"),
        (1.0, "reading the metadata of 2 packages, the last b"),
        (3.0, "waiting for the address of x.example, asked about b"),
        (8.0, "reading the metadata of 9 packages, the last c"),
    )
    last = "reading the metadata of 9 packages, the last c 3.0 s"
    assert f": waiting for the address of x.example, asked about b 6.0 s, {last}" in found.text
    assert found.remedy.startswith("a name server")
    found = resolved((1.0, "trying versions of b (9 so far)"), (5.0, "trying versions of b (70 so far)"))
    assert found.text.endswith(": trying versions of b (70) 8.0 s")
    assert found.remedy.startswith("a version of b, or bounds for it, leave less to try; a lock file")
    assert resolved((0.0, "1" * 1_000_000))  # of a damaged journal: a search from each digit would take an hour


def test_a_prediction_says_what_it_keeps_of_uv_and_of_servers() -> None:
    steps = in_order(
        added("a"),
        [(0.0, events.ResolveStarted(["a"])), (0.1, events.ResolveProgress("reading"))],
        span("resolve", 0.0, 2.0, 0.2),
        span("acquire", 2.0, 6.0),
        [(2.0, events.FetchStarted("a", 0, 100)), (5.0, events.FetchFinished("a", 100))],
        [(5.0, events.UnpackStarted("a", 1, 100)), (6.0, events.UnpackFinished("a", 1, 100))],
    )
    explanation = explain(snapshot_of(*steps, ended(6.0)))
    keeps = {one.change: one.keeps for one in explanation.what_if}
    assert keeps["jobs 4"] == keeps["no lock held by others"] == pytest.approx(5.0)
    assert keeps["everything cached"] == 0.0  # nothing is fetched then, and what uv takes is in the range
    same = "5.0 s of uv and servers as in this run"
    assert kept(explanation.what_if, explanation.wall) == f"{same}, except for everything cached"
    assert kept([one for one in explanation.what_if if one.keeps], explanation.wall) == same
    doubtful = [one._replace(uncertain=one.change == "jobs 4") for one in explanation.what_if]
    assert kept(doubtful, explanation.wall) == f"{same}, except for jobs 4 and everything cached"
    assert kept([one._replace(uncertain=True) for one in explanation.what_if], explanation.wall) == ""


def unpacked(
    *parts: list[tuple[float, Event]],
    jobs: int = 2,
    cpus: int = 2,
    cpu: float = 9.0,
    size: int = 10_000_000,
    system: float = 0.0,
    idle: float = -1.0,
) -> Explanation:
    wheels = dict.fromkeys(
        event.wheel for part in parts for _, event in part if isinstance(event, events.UnpackStarted)
    )
    end = max(t for part in parts for t, _ in part)
    steps = in_order(added(*wheels, size=size), span("acquire", 0.0, end, cpu, -1.0, system, idle), *parts)
    start = START._replace(jobs=jobs, cpus=cpus)
    return explain(snapshot_of(*steps, ended(end), start=start))


def test_one_worker_is_named_where_there_are_more_processors() -> None:
    parts = [unpack("a", 0.0, 3.0), unpack("b", 3.0, 6.0)]
    finding = the("one-worker", unpacked(*parts, jobs=1))
    assert (finding.seconds, finding.remedy) == (6.0, "--jobs 2")
    assert the("unpack", unpacked(*parts, jobs=1, cpus=1)).remedy == ""


def test_two_workers_on_two_processors_take_half_as_long_and_four_no_less() -> None:
    explanation = unpacked(unpack("a", 0.0, 3.0), unpack("b", 3.0, 6.0), jobs=1, cpu=6.0)
    assert predicted(explanation)["jobs 2"] == pytest.approx(3.3)  # with the start of the helper
    assert predicted(explanation)["jobs 4"] == pytest.approx(3.3)
    assert not any(one.uncertain for one in explanation.what_if)


def test_how_long_helpers_take_to_start_is_not_known_and_counts_where_the_work_is_short() -> None:
    def jobs_8(each: float) -> tuple[float, bool]:
        """What eight workers take longer than two, which have unpacked four wheels each, the helper a little later."""
        began = [
            (f"{number}{worker}", number * each + late)
            for number in range(4)
            for worker, late in (("a", 0.0), ("b", 0.05))
        ]
        found = unpacked(*[unpack(name, t, t + each) for name, t in began], cpu=8 * each + 0.05, idle=0.0)
        return next((one.predicted - found.wall, one.uncertain) for one in found.what_if if one.change == "jobs 8")

    assert jobs_8(1.0) == (pytest.approx(0.13, abs=0.03), False)
    assert jobs_8(0.05)[1]


def test_a_prediction_of_so_little_that_any_two_runs_differ_by_it_is_no_promise_unless_much_is_saved() -> None:
    def cached(took: float) -> tuple[float, bool]:
        what_if = unpacked(unpack("a", 0.0, took)).what_if
        return next((one.predicted, one.uncertain) for one in what_if if one.change == "everything cached")

    assert cached(0.5) == (pytest.approx(0.25), True)
    assert cached(2.0) == (pytest.approx(0.25), False)
    waits = [(0.0, events.EnvironmentWaiting(".lock", [FLOCK])), (2.0, events.EnvironmentGranted(".lock", 2.0))]
    alone = explain(snapshot_of(*added("a"), *waits, ended(2.0))).what_if[-1]
    assert (alone.predicted, alone.uncertain) == (pytest.approx(0.25), False)


def test_wheels_for_which_no_helper_is_started_take_turns_whatever_the_workers() -> None:
    parts = [unpack("a", 0.0, 3.0), unpack("b", 3.0, 6.0)]
    assert predicted(unpacked(*parts, jobs=1, cpu=6.0, size=100_000))["jobs 4"] == pytest.approx(6.25)


def test_the_rules_of_the_engine_for_helpers_are_known() -> None:
    assert (parallel.WORTHWHILE, parallel.EACH) == (unpackers.WORTHWHILE, unpackers.EACH)
    assert parallel.FILES_EACH == team.FILES_EACH


def jobs_2(cpu: float = 6.0, system: float = 0.0, idle: float = 6.0) -> tuple[float, bool]:
    """What is predicted of two workers, after one that took 6 s, for work that this is known of."""
    parts = unpack("a", 0.0, 3.0), unpack("b", 3.0, 6.0)
    found = unpacked(*parts, jobs=1, cpu=cpu, system=system, idle=idle).what_if
    return next((one.predicted, one.uncertain) for one in found if one.change == "jobs 2")


def test_what_the_operating_system_takes_is_not_promised() -> None:
    assert jobs_2(system=1.0) == (pytest.approx(3.3), False)
    assert jobs_2(system=5.0)[1]
    assert jobs_2(system=-1.0)[1]  # an earlier journal, which does not know


def test_what_other_programs_leave_of_the_processors_is_not_promised() -> None:
    assert jobs_2(idle=6.0) == (pytest.approx(3.3), False)
    predicted, uncertain = jobs_2(idle=0.0)  # one worker had one processor, and the other one was in use
    assert predicted == pytest.approx((3.3 + 6.3) / 2, abs=0.1)
    assert uncertain


def test_what_processors_did_not_do_is_not_promised() -> None:
    assert jobs_2(cpu=1.0, idle=11.0)[1]  # nobody else was at work: so it was the disk
    assert not jobs_2(cpu=4.4, idle=7.6)[1]  # little of it
    assert jobs_2(cpu=4.4, idle=6.0)[1]  # others were at work, who may be gone, and the wait with them


def test_a_number_of_workers_that_changes_nothing_is_told_whatever_the_work_was() -> None:
    explanation = unpacked(unpack("a", 0.0, 6.0), jobs=2, cpu=1.0, system=1.0, idle=0.0)
    assert {one.predicted for one in explanation.what_if if one.change.startswith("jobs")} == {explanation.wall}
    assert not any(one.uncertain for one in explanation.what_if)


def test_builds_that_follow_the_number_of_workers_are_not_promised() -> None:
    def built(*wheels: str) -> list[bool]:
        steps = [(0.0, events.SpanStarted("build")), *added(*wheels)]
        for wheel in wheels:
            steps += [
                (0.0, events.BuildStarted(wheel, "/src", "", False)),
                (6.0, events.BuildFinished(wheel, f"{wheel}.whl", 1)),
            ]
        return [one.uncertain for one in explain(snapshot_of(*in_order(steps), ended(6.0))).what_if][:2]

    assert built("a", "b") == [True, True]
    assert built("a") == [False, False]


def test_workers_share_processors_and_claims_exclude_each_other() -> None:
    assert schedule([Task(0.0, 3.0, 0.0)] * 4, 4, 2.0) == pytest.approx(6.0)
    assert schedule([Task(0.0, 3.0, 0.0)] * 4, 1, 2.0) == pytest.approx(12.0)
    assert schedule([Task(5.0, 1.0, 0.0), Task(1.0, 2.0, 1.0)], 2, 2.0) == pytest.approx(6.0)
    one = frozenset({"lib/x"})
    turns = [Task(0.0, 2.0, 0.0, one), Task(0.0, 2.0, 1.0, frozenset(), one), Task(0.0, 2.0, 2.0, frozenset(), one)]
    assert schedule(turns, 4, 4.0) == pytest.approx(4.0)  # the last two only pass through
    assert unshared([(0.0, 4.0)] * 4, 2.0) == [2.0] * 4


def test_one_giant_wheel_is_named() -> None:
    finding = the("giant-wheel", unpacked(unpack("torch", 0.0, 8.0), unpack("a", 0.0, 1.0, 2)))
    assert finding.text == (
        "torch 1.0 (10 MB, 10 files) was unpacked for 8.0 s; more workers do not help, since a wheel has one"
    )
    assert finding.wheels == ("torch",)


def test_everything_cached_takes_away_what_is_fetched_and_unpacked() -> None:
    assert predicted(unpacked(unpack("a", 0.0, 3.0)))["everything cached"] == pytest.approx(0.25)


def test_with_everything_cached_no_file_is_read_before_it_is_unpacked() -> None:
    steps = in_order(span("acquire", 0.0, 3.0), added("a"), unpack("a", 1.0, 3.0))
    assert predicted(explain(snapshot_of(*steps, ended(3.0))))["everything cached"] == pytest.approx(0.25)
    steps = in_order(span("acquire", 0.0, 5.0), added("a"), unpack("a", 1.0, 3.0))
    assert predicted(explain(snapshot_of(*steps, ended(5.0))))["everything cached"] == pytest.approx(2.25)
    cached = in_order(span("acquire", 0.0, 4.0), added("a", cached=True))
    assert predicted(explain(snapshot_of(*cached, ended(4.0))))["everything cached"] == pytest.approx(4.25)


def test_with_everything_cached_uv_takes_as_long_as_it_computes_where_that_is_known() -> None:
    def cached(resolving: float, cpu: float, *, asked: bool = True) -> tuple[float, bool]:
        steps = in_order(
            span("resolve", 0.0, resolving, cpu),
            [(0.0, events.ResolveProgress("deciding"))] if asked else [],
            [(resolving, events.WheelAdded("a", "1.0", "a.whl", 100, False))],
            [(resolving, events.FetchStarted("a", 0, 100)), (resolving + 2, events.FetchFinished("a", 100))],
            span("acquire", resolving, resolving + 2),
        )
        what_if = explain(snapshot_of(*steps, ended(resolving + 2))).what_if
        return next((one.predicted, one.uncertain) for one in what_if if one.change == "everything cached")

    assert cached(4.0, 0.5) == (pytest.approx(0.25 + 0.3), False)  # it waited for the index
    assert cached(4.0, 0.0)[1]  # an earlier journal
    assert cached(4.0, 5.0)[1]  # it computed, and who knows for what
    assert cached(4.0, 0.0, asked=False)[1]  # a lock file needs no uv, but was it read before?
    assert cached(0.05, 0.05, asked=False) == (pytest.approx(0.2625), False)


def test_an_uncertain_prediction_says_so_first_and_why_if_that_is_known() -> None:
    steps = in_order(
        span("resolve", 0.0, 8.0, 5.0),
        [(0.0, events.ResolveProgress("deciding")), (8.0, events.WheelAdded("a", "1.0", "a.whl", 100, False))],
        [(8.0, events.FetchStarted("a", 0, 100)), (10.0, events.FetchFinished("a", 100))],
        span("acquire", 8.0, 10.0),
    )
    snapshot = snapshot_of(*steps, ended(10.0))
    lines = report(explain(snapshot), snapshot, [], 2000.0, 0)
    what_if = next(line for line in lines if line.startswith("what if:"))
    assert "   everything cached: cannot tell; perhaps 3.2 s" in what_if
    assert any(line.strip().endswith(", except for everything cached)") for line in lines)
    assert "          (everything cached: how long uv takes with a full cache is not known)" in lines


def test_of_a_resolution_beside_busy_programs_nobody_can_tell_how_long_it_takes_again() -> None:
    def cached(idle: float, *, fetched: bool = True) -> bool:
        steps = in_order(
            span("resolve", 0.0, 4.0, 1.0, 0.0, 0.2, idle),
            [(0.0, events.ResolveProgress("deciding")), (4.0, events.WheelAdded("a", "1.0", "a.whl", 1, not fetched))],
            [(4.0, events.FetchStarted("a", 0, 100)), (4.5, events.FetchFinished("a", 100))] if fetched else [],
            span("acquire", 4.0, 4.5, 0.5, 0.0, 0.1, 0.5),
        )
        what_if = explain(snapshot_of(*steps, ended(4.5))).what_if
        return next(one.uncertain for one in what_if if one.change == "everything cached")

    assert not cached(idle=7.0)  # it waited for an index
    assert cached(idle=0.0)
    assert not cached(idle=0.0, fetched=False)  # it was cached, so that changes nothing


def test_with_everything_cached_links_to_files_that_are_not_new_cost_the_system_less() -> None:
    def cached(system: float, *, made: bool = True) -> tuple[float, bool]:
        steps = in_order(
            span("acquire", 0.0, 2.0),
            added("a", cached=not made),
            unpack("a", 0.0, 2.0) if made else [],
            span("stage", 2.0, 4.0, 2.0, 0.0, system, 2.0),
            [(2.0, events.StageStarted("a", 10, 1)), (4.0, events.StageFinished("a"))],
        )
        what_if = explain(snapshot_of(*steps, ended(4.0))).what_if
        return next((one.predicted, one.uncertain) for one in what_if if one.change == "everything cached")

    assert cached(0.0) == (pytest.approx(2.25), False)
    assert cached(0.8) == (pytest.approx(2.01), False)
    assert cached(2.0) == (pytest.approx(1.65), True)
    assert cached(2.0, made=False) == (pytest.approx(4.25), False)


def test_a_damaged_entry_that_is_unpacked_again_is_told() -> None:
    steps = in_order(
        added("a", cached=True), span("stage", 0.0, 3.0), unpack("a", 0.5, 2.5), [(3.0, events.StageStarted("a", 3))]
    )
    finding = the("unpacked-again", explain(snapshot_of(*steps, ended(3.0))))
    assert finding.text.startswith("a 1.0 was unpacked again")
    assert finding.seconds >= 2.0


def test_a_slow_disk_is_told_by_how_little_the_processors_did() -> None:
    steps = in_order(
        added("a", "b"), span("acquire", 0.0, 6.0, 1.0, 5.5), unpack("a", 0.0, 6.0), unpack("b", 0.0, 5.0, 2)
    )
    finding = the("disk", explain(snapshot_of(*steps, ended(6.0))))
    assert finding.text.startswith("the disk is slow: unpacking took 6.0 s, but used the processors for 1.00 s only")
    busy = in_order(
        added("a", "b"), span("acquire", 0.0, 6.0, 5.0, 5.5), unpack("a", 0.0, 6.0), unpack("b", 0.0, 5.0, 2)
    )
    assert "disk" not in [finding.kind for finding in explain(snapshot_of(*busy, ended(6.0))).findings]


def test_a_slow_disk_is_one_finding_with_all_syncs_though_the_last_one_is_followed_by_a_moment_of_cleaning() -> None:
    steps = in_order(
        span("stage", 0.0, 2.0, 0.01),
        [(0.0, events.SyncStarted("stage")), (2.0, events.SyncFinished("stage", 2.0))],
        span("commit", 2.0, 4.0, 0.01),
        [(2.0, events.SyncStarted("environment")), (4.0, events.SyncFinished("environment", 2.0))],
        span("clean", 4.0, 4.004),
    )
    explanation = explain(snapshot_of(*steps, ended(4.005)))
    assert the("disk", explanation).seconds == pytest.approx(4.0, abs=0.01)
    assert "sync" not in [finding.kind for finding in explanation.findings]


def test_copies_that_leave_the_processors_idle_are_copies() -> None:
    steps = in_order(
        added("a", cached=True),
        span("stage", 0.0, 3.0, 0.1),
        [(0.0, events.StageStarted("a", 700)), (3.0, events.StageFinished("a", True))],
    )
    assert explain(snapshot_of(*steps, ended(3.0))).findings[0].kind == "copy"


def test_copies_instead_of_links_are_told_with_a_remedy() -> None:
    steps = in_order(
        added("a", cached=True),
        span("stage", 0.0, 3.0),
        [
            (0.0, events.PlanWheel("a", 0, 700, 1, [], [], "")),
            (0.0, events.StageStarted("a", 700)),
            (3.0, events.StageFinished("a", True)),
        ],
    )
    finding = the("copy", explain(snapshot_of(*steps, ended(3.0))))
    assert finding.text.startswith("copied 700 files of 1 wheel from the cache")
    assert "--cache-dir" in finding.remedy
    asked = START._replace(command=["instui", "install", "--link-mode", "copy"])
    assert the("copy", explain(snapshot_of(*steps, ended(3.0), start=asked))).remedy == "--link-mode hardlink"


def test_an_upgrade_of_many_is_told_as_one() -> None:
    steps = in_order(
        added(*"abc", cached=True),
        span("commit", 0.0, 3.0),
        [(0.0, events.PlanWheel(wheel, 0, 5, 1, [], [], "0.9")) for wheel in "abc"],
        [(float(n), events.LockGranted(wheel, 0.0)) for n, wheel in enumerate("abc")],
        [(n + 1.0, events.CommitFinished(wheel, 5)) for n, wheel in enumerate("abc")],
    )
    finding = the("replace", explain(snapshot_of(*steps, ended(3.0))))
    assert finding.text == "replaced 3 old versions by 3 wheels, 15 files"


@pytest.mark.parametrize("arguments", [["--slow", "3"], ["--slow=3"]])
def test_a_session_that_was_slowed_down_says_so_and_advises_no_workers(arguments: list[str]) -> None:
    def remedies(*arguments: str) -> list[str]:
        steps = in_order(
            added("a"),
            span("stage", 0.0, 4.0, 4.0),
            [(0.0, events.StageStarted("a", 10, 1)), (4.0, events.StageFinished("a"))],
            span("commit", 4.0, 8.0, 4.0),
            [(4.0, events.CommitStarted("a", 3)), (8.0, events.CommitFinished("a", 10))],
        )
        start = START._replace(command=["instui", "install", "a", *arguments], jobs=1, cpus=2)
        found = explain(snapshot_of(*steps, ended(8.0), start=start))
        return [the(kind, found).remedy for kind in ("stage", "commit")]

    assert all(remedy.startswith("--slow was given") for remedy in remedies(*arguments))
    assert remedies() == ["--jobs 2, as this machine has so many processors", ""]


# -- the answer


@pytest.mark.parametrize(("took", "remark"), [(3.0, " with the start of Python"), (3.25, "")])
def test_the_closing_lines_say_from_when_they_count_where_the_line_before_counts_otherwise(
    took: float, remark: str
) -> None:
    timed = in_order(span("acquire", 0.0, 3.0), added("a"), unpack("a", 0.0, 3.0))
    snapshot = snapshot_of(*timed, (3.0, events.SessionFinished(0, "", 1, took)))
    assert where_time_went(snapshot)[0] == f"  why 3.2 s{remark}, without a wait for others:"


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


def test_a_distribution_that_was_removed_is_no_old_version() -> None:
    goes = [(0.5, events.PlanWheel("d", 0, 3, 3, [], [], "4")), (1.0, events.DistributionRemoved("d", "4", 3))]
    explanation = explain(snapshot_of(*goes, *span("clean", 1.0, 4.0), ended(4.0)))
    assert the("clean", explanation).text == "removed the files of 1 distribution"
