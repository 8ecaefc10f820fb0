"""What is explained of work: downloads, unpacking, the disk, and what it was done for."""

import pytest

from instui.explain.explanation import explain
from instui_engine.journal import events
from support.explained import START, added, ended, in_order, snapshot_of, the, unpack, unpacked
from support.made_up import span


@pytest.mark.parametrize(("killed", "counted"), [("x", "1 killed session"), ("xy", "2 killed sessions")])
def test_of_what_was_settled_the_killed_sessions_are_counted_not_their_wheels(killed: str, counted: str) -> None:
    steps = [(0.0, events.SpanStarted("open"))]
    for wheel, session in zip("ab", (killed * 2)[:2], strict=True):
        steps.append((0.1, events.RecoveryStarted(wheel, "1.0", session)))
        steps.append((0.2, events.RecoveryFinished(wheel, "1.0", session, "completed", [])))
    steps += [(0.3, events.SpanFinished("open", 0.3, 0.0, -1.0)), ended(0.3)]
    text = the("open", explain(snapshot_of(*steps))).text
    assert text == f"looked at the environment, and settled what {counted} had left"


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


def test_one_giant_wheel_is_named() -> None:
    finding = the("giant-wheel", unpacked(unpack("torch", 0.0, 8.0), unpack("a", 0.0, 1.0, 2)))
    assert finding.text == (
        "torch 1.0 (10 MB, 10 files) was unpacked for 8.0 s; more workers do not help, since a wheel has one"
    )
    assert finding.wheels == ("torch",)


def test_one_worker_is_named_where_there_are_more_processors() -> None:
    parts = [unpack("a", 0.0, 3.0), unpack("b", 3.0, 6.0)]
    finding = the("one-worker", unpacked(*parts, jobs=1))
    assert (finding.seconds, finding.remedy) == (6.0, "--jobs 2")
    assert the("unpack", unpacked(*parts, jobs=1, cpus=1)).remedy == ""


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


def test_a_distribution_that_was_removed_is_no_old_version() -> None:
    goes = [(0.5, events.PlanWheel("d", 0, 3, 3, [], [], "4")), (1.0, events.DistributionRemoved("d", "4", 3))]
    explanation = explain(snapshot_of(*goes, *span("clean", 1.0, 4.0), ended(4.0)))
    assert the("clean", explanation).text == "removed the files of 1 distribution"
