"""What made work slow, where the journal has measured it: other programs, silent servers, files that changed."""

import pytest

from instui.explain.explanation import Explanation, explain
from instui_engine.journal import events
from instui_engine.journal.events import Event
from support import made_up
from support.explained import START, added, ended, in_order, snapshot_of, the, unpack
from support.made_up import span


def unpacked(cpu: float, idle: float, stalled: float = 0.0) -> Explanation:
    """Two wheels that were unpacked for 6 s on two processors."""
    parts = unpack("a", 0.0, 6.0), unpack("b", 0.0, 5.0, 2)
    steps = in_order(added("a", "b"), span("acquire", 0.0, 6.0, cpu, stalled, 0.5, idle), *parts)
    return explain(snapshot_of(*steps, ended(6.0)))


def test_other_programs_that_used_the_processors_are_told() -> None:
    finding = the("crowded", unpacked(cpu=2.0, idle=0.1))
    assert (
        finding.text
        == "other programs used the processors: unpacking took 6.0 s, but got the processors for 2.0 s only"
    )
    assert finding.remedy == "install while the machine is less busy"  # what --jobs change, "what if" says
    assert finding.seconds == pytest.approx(6.0)


def test_each_part_that_other_programs_slowed_down_is_called_by_its_name() -> None:
    steps = in_order(added("a"), span("plan", 0.0, 6.0, 2.0, 0.0, 0.5, 0.1))
    text = the("crowded", explain(snapshot_of(*steps, ended(6.0)))).text
    assert text.startswith("other programs used the processors: planning took 6.0 s, ")


@pytest.mark.parametrize(
    ("cpu", "idle", "stalled"),
    [
        (5.0, 0.1, 0.0),  # it had a processor nearly all the time
        (2.0, 8.0, 0.0),  # nobody used them
        (0.05, 0.1, 0.0),  # each program has its turn, so it did not ask for one
        (2.0, -1.0, 0.0),  # an earlier journal
        (2.0, 0.1, 5.0),  # a disk was slow as well
    ],
)
def test_others_are_not_to_blame_without_evidence(cpu: float, idle: float, stalled: float) -> None:
    assert "crowded" not in [finding.kind for finding in unpacked(cpu, idle, stalled).findings]


def test_idle_processors_say_that_no_other_program_was_in_the_way() -> None:
    assert "or other programs were busy" in the("disk", unpacked(cpu=0.5, idle=0.5)).text
    assert "which were idle: the disk is slow or remote, or a program" in the("disk", unpacked(cpu=0.5, idle=11.0)).text


def test_what_is_staged_in_vain_belongs_to_the_entry_that_was_damaged() -> None:
    steps = in_order(
        added("a", cached=True),
        span("stage", 0.0, 4.0, 4.0),
        [(0.0, events.StageStarted("a", 10))],  # until the file that changed is found, and the wheel is read
        unpack("a", 1.5, 3.0),
        [(3.0, events.StageStarted("a", 10)), (4.0, events.StageFinished("a", False))],
    )
    explanation = explain(snapshot_of(*steps, ended(4.0)))
    assert the("unpacked-again", explanation).seconds == pytest.approx(3.0)
    assert the("stage", explanation).seconds == pytest.approx(1.0)


def fetched(*between: tuple[float, Event]) -> str:
    steps = in_order(
        span("acquire", 0.0, 6.0),
        added("a"),
        [(0.0, events.FetchStarted("a", 0, 4_000_000))],
        list(between),
        [(6.0, events.FetchFinished("a", 4_000_000))],
    )
    finding = the("fetch", explain(snapshot_of(*steps, ended(6.0))))
    return f"{finding.text} -> {finding.remedy}"


def progress(*times: float) -> list[tuple[float, Event]]:
    return [(t, events.FetchProgress("a", int(t * 100), 4_000_000)) for t in times]


def test_a_server_that_answers_late_is_not_told_as_one_that_sends_slowly() -> None:
    late = fetched(*progress(5.0, 5.3, 5.6, 5.9))
    assert "; of a 1.0 nothing came for 5.0 s" in late
    assert "answers sooner" in late
    steady = fetched(*progress(*(n * 0.4 for n in range(1, 15))))
    assert "nothing came" not in steady
    assert "nearer mirror" in steady


def test_why_a_download_was_tried_again_is_told() -> None:
    reason = "the server answered 503 Service Unavailable"
    tries = [(1.0, events.FetchRetried("a", 1, reason)), (3.0, events.FetchRetried("a", 2, f"{reason}\x1b[2J"))]
    text = fetched(*tries)
    assert "; 2 retries: the server answered 503 Service Unavailable" in text
    assert text.isprintable()


@pytest.mark.parametrize(
    ("command", "end", "remedy"),
    [
        ("install", events.WheelFailed("b", "it is not the file that is demanded"), ""),  # which no mirror mends
        ("install-many", events.WheelFailed("b", "404 Not Found"), "nearer mirror"),  # the others go on
        ("install", events.WheelCancelled("b"), "nearer mirror"),
    ],
)
def test_a_download_that_was_given_up_is_not_told_as_fetched(command: str, end: Event, remedy: str) -> None:
    steps = in_order(
        added("a", "b"),
        span("acquire", 0.0, 4.0, 1.0),
        [(0.0, events.FetchStarted(wheel, 0, 1_000_000)) for wheel in ("a", "b")],
        [(n * 0.4, events.FetchProgress(wheel, n * 100_000, 1_000_000)) for n in range(1, 10) for wheel in ("a", "b")],
        [(3.7, events.FetchFinished("a", 1_000_000)), (4.0, end)],
    )
    start = START._replace(command=["instui", command])
    over = 4.0, events.SessionFinished(1, "", 0, 4.0)
    finding = the("fetch", explain(made_up.snapshot_of(start, *steps, over, at=0.0)))
    assert finding.text.startswith("fetched 1 wheel, 1.0 MB in 4.0 s; the slowest: ")
    assert finding.text.endswith("; 1 download was given up")
    assert remedy in finding.remedy and bool(remedy) == bool(finding.remedy)


def resolved(cpu: float, idle: float = -1.0) -> str:
    steps = [*span("resolve", 0.0, 4.0, cpu, idle=idle), (0.1, events.ResolveProgress("deciding"))]
    finding = the("resolve", explain(snapshot_of(*in_order(steps), ended(4.0))))
    return f"{finding.text} -> {finding.remedy}"


def test_what_uv_computed_and_what_it_waited_for_are_told_apart() -> None:
    waiting, computing = resolved(0.5), resolved(3.8)
    assert "; it computed for 0.50 s, and waited for 3.5 s" in waiting
    assert "an index that answers sooner: --index-url; a lock file" in waiting
    assert "; it computed for 3.8 s -> a lock file" in computing
    assert "computed" not in resolved(0.0)  # an earlier journal


def test_who_may_have_waited_for_a_processor_is_not_sent_to_another_index() -> None:
    crowded, alone = resolved(0.5, idle=0.1), resolved(0.5, idle=7.0)
    assert "; it computed for 0.50 s, and waited for 3.5 s, for an index or for a processor: other" in crowded
    assert "--index-url" not in crowded
    assert alone == resolved(0.5)


def test_large_wheel_files_of_this_machine_are_read_and_hashed() -> None:
    steps = in_order(added("a", size=90_000_000), span("acquire", 0.0, 2.0), unpack("a", 1.0, 2.0))
    text = the("acquire", explain(snapshot_of(*steps, ended(2.0)))).text
    assert text == "read and hashed 1 wheel file, 90 MB, and looked for wheels in the cache"


def test_what_other_programs_took_of_the_rest_is_not_promised() -> None:
    def cached(idle: float) -> bool:
        steps = in_order(
            added("a"),
            span("acquire", 0.0, 2.0, 2.0, 0.0, 0.0, idle),
            unpack("a", 0.0, 2.0),
            span("plan", 2.0, 3.0, 0.3, 0.0, 0.0, idle),
        )
        found = explain(snapshot_of(*steps, ended(3.0))).what_if
        return next(one.uncertain for one in found if one.change == "everything cached")

    assert cached(0.0)
    assert not cached(1.7)


def test_a_wheel_that_was_stopped_in_the_stage_is_not_told_as_staged() -> None:
    def staged(exit: int, *more: tuple[float, Event]) -> str:
        begun = [(1.0, events.StageStarted(wheel, 10)) for wheel in ("a", "b")]
        unpacks = unpack("a", 0.0, 1.0), unpack("b", 0.0, 1.0, 2)
        end = 4.0, events.SessionFinished(exit, "", 0, 4.0)
        whole = (2.0, events.StageFinished("a", False))
        steps = in_order(added("a", "b"), *unpacks, span("stage", 1.0, 4.0), begun, [whole, *more])
        return the("stage", explain(snapshot_of(*steps, end))).text

    assert staged(0, (3.0, events.StageFinished("b", False))) == "staged 20 files of 2 wheels"
    assert staged(1) == "staged 10 files of 1 wheel, and a part of 1 more wheel"


def test_a_wheel_that_was_stopped_while_it_was_unpacked_is_not_told_as_unpacked() -> None:
    def unpacked(exit: int, *more: tuple[float, Event]) -> str:
        begun = [(0.0, events.UnpackStarted(wheel, 10, 1000)) for wheel in ("a", "b")]
        end = 0.3, events.SessionFinished(exit, "", 0, 0.3)
        whole = (0.2, events.UnpackFinished("a", 10, 1000))
        steps = in_order(added("a", "b"), span("acquire", 0.0, 0.3, 0.5), begun, [whole, *more])
        return the("unpack", explain(snapshot_of(*steps, end))).text

    assert unpacked(0, (0.3, events.UnpackFinished("b", 10, 1000))).startswith("unpacked 2 wheels")
    for more in ((), ((0.3, events.WheelFailed("b", "RECORD")),), ((0.3, events.WheelCancelled("b")),)):
        text = unpacked(1, *more)
        assert text.startswith("unpacked 1 wheel,") and text.endswith(", and a part of 1 more wheel")
        assert " 10 files" in text


@pytest.mark.parametrize("removes", [False, True])
def test_a_wheel_that_was_stopped_in_its_commit_is_not_told_as_committed(removes: bool) -> None:
    def committed(exit: int, *more: tuple[float, Event]) -> str:
        plans = [(0.0, events.PlanWheel(wheel, 0, 10, 1, [wheel], [], "1" if removes else "")) for wheel in ("a", "b")]
        begun = [(1.0, events.CommitStarted(wheel, 1)) for wheel in ("a", "b")]
        end = 3.0, events.SessionFinished(exit, "", 0, 3.0)
        steps = in_order([] if removes else added("a", "b"), plans, span("commit", 1.0, 3.0), begun, [done("a"), *more])
        return the("remove" if removes else "commit", explain(snapshot_of(*steps, end))).text

    def done(wheel: str) -> tuple[float, Event]:
        if removes:
            return 2.0, events.DistributionRemoved(wheel, "1", 10)
        return 2.0, events.CommitFinished(wheel, 10)

    if removes:
        assert committed(0, done("b")) == "removed 2 distributions, 20 files"
        assert (
            committed(1, (3.0, events.WheelFailed("b", "EIO")))
            == "removed 1 distribution, 10 files, and a part of 1 more"
        )
    else:
        assert committed(0, done("b")) == "committed 2 wheels, 20 files"
        for more in ((), ((3.0, events.WheelFailed("b", "EIO")),)):
            assert committed(1, *more) == "committed 1 wheel, 10 files, and a part of 1 more wheel"
