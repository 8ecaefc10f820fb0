"""What plain output says about work that takes long, where no terminal shows it."""

import io
import re
from itertools import pairwise

import pytest

from instui.lines.downloads import so_far
from instui.lines.progress import LONGEST, SHORTEST, interval
from instui_engine.journal import events
from instui_engine.journal.events import Event
from support.plain_lines import START, Stage, Terminal

MB = 1_000_000
Script = list[tuple[float, Event]]


def wheel(name: str, megabytes: float = 0, cached: bool = False) -> events.WheelAdded:
    return events.WheelAdded(name, "1", f"{name}.whl", int(megabytes * MB), cached, not cached)


def resolved(*wheels: events.WheelAdded) -> Script:
    return [(0.0, START), (0.0, events.ResolveFinished(len(wheels), 0)), *((0.0, one) for one in wheels)]


def download(name: str, megabytes: int, begin: float, end: float, told: bool = True) -> Script:
    """A steady download, with an event each second; its size is only `told` by the server if that is set."""
    size = megabytes * MB
    steps = [begin + step for step in range(1, int(end - begin))]
    started = events.FetchStarted(name, 0, size if told else 0)
    middle = [(t, events.FetchProgress(name, int(size * (t - begin) / (end - begin)), size)) for t in steps]
    return [(begin, started), *middle, (end, events.FetchFinished(name, size))]


def said(*parts: Script, until: float = 0.0, stage: Stage | None = None) -> list[str]:
    """The lines of these events, and of silence `until` then; each begins with its time."""
    script = sorted((entry for part in parts for entry in part), key=lambda entry: entry[0])
    stage, lines = stage or Stage(io.StringIO()), []
    for tick in range(int(max(until, script[-1][0]) * 10) + 1):
        t = tick / 10
        due = []
        while script and script[0][0] <= t:
            due.append(script.pop(0)[1])
        lines += [f"{t:.1f} {line}" for line in stage.at(t, *due).splitlines()]
    return lines


def asked(end: float = 99.0, *steps: tuple[float, str]) -> Script:
    done: Script = [(end, events.ResolveFinished(3, 2))]
    middle: Script = [(t, events.ResolveProgress(doing)) for t, doing in steps]
    return [(0.0, START), (0.0, events.ResolveStarted(["a", "b"])), *middle, *done]


def test_a_resolution_says_at_once_what_it_found_and_how_long_it_took() -> None:
    assert said(asked(0.8)) == ["0.8 resolved 3 wheels (2 already installed) in 0.80 s"]
    assert said([(0.0, START), (0.3, events.ResolveFinished(1, 0))]) == ["0.3 resolved 1 wheel"]  # uv was not asked


def test_a_resolution_that_takes_longer_than_a_second_says_so_and_then_ever_less_often() -> None:
    lines = said(asked(600.0, (0.0, "deciding"), (4.0, "listing\x1b")))
    assert lines[:3] == [
        "1.0 resolving 2 requirements (deciding), for 1.0 s",
        "6.0 resolving 2 requirements (listing\\x1b), for 6 s",
        "12.0 resolving 2 requirements (listing\\x1b), for 12 s",
    ]
    assert len(lines) < 18  # in ten minutes


def test_what_only_uv_has_read_is_not_counted() -> None:
    events_of_a_project: Script = [(0.0, START), (0.0, events.ResolveStarted([])), (0.0, events.ResolveProgress("x"))]
    assert said(events_of_a_project, until=1.5) == ["1.0 resolving (x), for 1.0 s"]


def test_verbose_says_what_uv_does() -> None:
    lines = said(asked(0.9, (0.0, "deciding"), (0.5, "listing")), stage=Stage(io.StringIO(), verbose=True))
    assert lines[1:] == ["0.0 uv: deciding", "0.5 uv: listing", "0.9 resolved 3 wheels (2 already installed) in 0.90 s"]


@pytest.mark.parametrize(
    ("wheels", "expected"),
    [
        ([wheel("a", 3)], "a 1, 3.0 MB"),
        ([wheel("a")], "a 1 of unknown size"),
        ([wheel("a"), wheel("b")], "2 wheels of unknown size"),
        ([wheel("a", 3), wheel("b"), wheel("c", 1)], "3 wheels, 4.0 MB and 1 of unknown size"),
        ([wheel("a", 3), wheel("b", 2), wheel("c", 1, True)], "2 wheels, 5.0 MB (1 is in the cache)"),
        (
            [wheel("a", 3), *(wheel(f"b{n}", 10 * n) for n in range(1, 5))],
            "5 wheels, 103 MB; the largest: b4 1 (40 MB), b3 1 (30 MB), b2 1 (20 MB)",
        ),
    ],
)
def test_what_is_fetched_is_said_before_the_first_byte(wheels: list[events.WheelAdded], expected: str) -> None:
    begin: Script = [(0.1, events.FetchStarted("a", 0, wheels[0].size))]
    begin += [(0.2, events.FetchStarted("b", 0, 0))] if len(wheels) > 1 else []
    assert said(resolved(*wheels), begin)[1:] == [f"0.1 fetching {expected}"]


def test_what_turns_out_to_be_in_the_store_is_not_said_to_be_fetched() -> None:
    begin: Script = [(1.0, wheel("b", 20, True)), (2.0, events.FetchStarted("a", 0, 3 * MB))]
    lines = said(resolved(wheel("a", 3), wheel("b", 20)), begin, [(4.0, events.FetchFinished("a", 3 * MB))])
    assert lines[1:] == ["2.0 fetching a 1, 3.0 MB", "4.0 fetched 1 wheel, 3.0 MB in 2.0 s (1.5 MB/s)"]


def test_the_only_wheel_is_said_to_be_fetched_once() -> None:
    lines = said(resolved(wheel("a", 30)), download("a", 30, 0.0, 4.0))
    assert lines[1:] == ["0.0 fetching a 1, 30 MB", "4.0 fetched 1 wheel, 30 MB in 4.0 s (7.5 MB/s)"]


def test_a_download_that_starts_over_has_no_negative_rate_and_a_short_one_none() -> None:
    wheels = resolved(wheel("a", 9), wheel("b", 1))
    begin: Script = [(0.0, events.FetchStarted("a", 0, 9 * MB)), (4.0, events.FetchProgress("a", 5 * MB, 9 * MB))]
    again: Script = [(6.0, events.FetchProgress("a", 0, 9 * MB)), (7.0, events.FetchProgress("a", MB, 9 * MB))]
    assert "1.0 MB of 10 MB, 200 kB/s" in said(wheels, begin, again, until=10.0)[-1]
    quick: Script = [(0.0, events.FetchStarted("a", 0, 9 * MB)), (0.0, events.FetchFinished("a", 9 * MB))]
    assert said(resolved(wheel("a", 9)), quick)[-1] == "0.0 fetched 1 wheel, 9.0 MB in 0.00 s"


def test_the_wheels_with_the_most_left_are_named() -> None:
    wheels = resolved(*(wheel(f"w{n}", n) for n in range(1, 6)))
    lines = said(wheels, [(0.0, events.FetchStarted(f"w{n}", 0, n * MB)) for n in range(1, 6)], until=5.0)
    assert lines[-1].endswith("under way: w5 1 (0 B of 5.0 MB), w4 1 (0 B of 4.0 MB), w3 1 (0 B of 3.0 MB) and 2 more")


def test_nothing_is_said_to_be_fetched_that_comes_from_the_cache() -> None:
    unpack: Script = [(1.0, events.UnpackStarted("c", 1, MB)), (1.5, events.UnpackFinished("c", 1, MB))]
    local = wheel("c")._replace(fetch=False)
    lines = said(resolved(wheel("a", 3, True), wheel("b", 2), local), [(0.5, wheel("b", 2, True))], unpack)
    assert lines == ["0.0 resolved 3 wheels", "1.5 unpacked 1 wheel, 1.0 MB in 0.50 s"]


def test_a_slow_build_says_how_many_are_built_and_a_failed_one_is_none() -> None:
    sources: Script = [(0.0, events.WheelAdded(name, "", name, 0, False, source=f"/src/{name}")) for name in "abc"]
    builds: Script = [(0.0, events.BuildStarted(name, f"/src/{name}", "", False)) for name in "abc"]
    ends: Script = [(1.0, events.BuildFinished("a", "a-1-py3-none-any.whl", 9)), (1.0, events.WheelFailed("b", "no"))]
    lines = said(resolved(), sources, builds, ends, [(2.0, events.BuildProgress("c", "cc c.c"))], until=7.0)
    assert lines[-1].endswith("built 1 of 3 wheels; under way: c (cc c.c)")


def test_a_slow_download_says_how_far_it_is_how_fast_and_what_is_under_way() -> None:
    wheels = resolved(wheel("big", 200), wheel("small", 2), wheel("mid", 50))
    lines = said(
        wheels, download("big", 200, 0.0, 20.0), download("small", 2, 0.0, 2.0), download("mid", 50, 2.0, 12.0)
    )
    assert lines == [
        "0.0 resolved 3 wheels",
        "0.0 fetching 3 wheels, 252 MB; the largest: big 1 (200 MB), mid 1 (50 MB)",
        "5.0 fetched 1 of 3 wheels, 67 MB of 252 MB, 13 MB/s; under way: big 1 (50 MB of 200 MB), "
        "mid 1 (15 MB of 50 MB)",
        "10.0 fetched 1 of 3 wheels, 142 MB of 252 MB, 15 MB/s; under way: big 1 (100 MB of 200 MB), "
        "mid 1 (40 MB of 50 MB)",
        "12.0 fetched mid 1, 50 MB in 10.0 s (5.0 MB/s)",
        "15.0 fetched 2 of 3 wheels, 202 MB of 252 MB, 12 MB/s; under way: big 1 (150 MB of 200 MB)",
        "20.0 fetched big 1, 200 MB in 20.0 s (10 MB/s)",
        "20.0 fetched 3 wheels, 252 MB in 20.0 s (13 MB/s)",
    ]


def test_no_total_is_said_before_all_sizes_are_known() -> None:
    both = resolved(wheel("a"), wheel("b"))
    lines = said(
        both, download("a", 40, 0.0, 20.0, told=False), [(0.0, events.FetchStarted("b", 0, 0))],
        [(9.0, events.FetchProgress("b", MB, 2 * MB))], until=12.0,
    )  # fmt: skip
    assert lines[1:5] == [
        "0.0 fetching 2 wheels of unknown size",
        "1.0 a 1 is 40 MB",
        "5.0 fetched 0 of 2 wheels, 10 MB, 2.0 MB/s; under way: a 1 (10 MB of 40 MB), b 1 (0 B)",
        "10.0 fetched 0 of 2 wheels, 21 MB of 42 MB, 2.2 MB/s; under way: a 1 (20 MB of 40 MB), b 1 (1.0 MB of 2.0 MB)",
    ]


@pytest.mark.parametrize(
    ("done", "total", "expected"),
    [
        (0, 0, "0 B"), (40 * MB, 0, "40 MB"), (0, 670 * MB, "0 B of 670 MB"), (40 * MB, 670 * MB, "40 MB of 670 MB"),
        (669_900_000, 670 * MB, "99 % of 670 MB"), (670 * MB, 670 * MB, "670 MB of 670 MB"),
    ],
)  # fmt: skip
def test_nothing_looks_complete_before_it_is(done: int, total: int, expected: str) -> None:
    assert so_far(done, total) == expected


def test_silence_is_said_as_such_and_names_the_host() -> None:
    begin: Script = [(0.0, events.FetchStarted("a", 0, 9 * MB)), (4.0, events.FetchProgress("a", MB, 9 * MB))]
    trouble: Script = [
        (14.0, events.FetchStalled("a", "files.test\x1b", 10.0)),
        (34.0, events.FetchRetried("a", 1, "timed out")),
    ]
    lines = said(resolved(wheel("a", 9)), begin, trouble)
    under_way = "under way: a 1 (1.0 MB of 9.0 MB)"
    assert lines[2:6] == [
        f"5.0 fetched 0 of 1 wheel, 1.0 MB of 9.0 MB, 200 kB/s; {under_way}",
        f"10.0 fetched 0 of 1 wheel, 1.0 MB of 9.0 MB, nothing in the last 5 s; {under_way}",
        "14.0 no data for 10 s from files.test\\x1b: a 1",
        f"15.0 fetched 0 of 1 wheel, 1.0 MB of 9.0 MB, nothing in the last 5 s; {under_way}",
    ]
    assert lines[-1] == "34.0 retry 1 for a 1: timed out"


def test_a_download_that_goes_on_counts_only_what_comes() -> None:
    again: Script = [
        (0.0, events.FetchStarted("a", 6 * MB, 9 * MB)),
        (2.0, events.FetchFinished("a", 9 * MB)),
    ]
    assert said(resolved(wheel("a", 9)), again)[1:] == [
        "0.0 fetching a 1, 3.0 MB",
        "0.0 a 1: 6.0 MB of 9.0 MB are here from an earlier attempt",
        "2.0 fetched 1 wheel, 3.0 MB in 2.0 s (1.5 MB/s)",
    ]
    ahead: Script = [(0.0, events.FetchStarted("a", 6 * MB, 9 * MB, ahead=6 * MB)), *again[1:]]
    assert said(resolved(wheel("a", 9)), ahead)[1:] == [
        "0.0 fetching a 1, 9.0 MB",
        "2.0 fetched 1 wheel, 9.0 MB in 2.0 s (1.5 MB/s), 6.0 MB of it while uv decided",
    ]
    all_ahead: Script = [(0.0, events.FetchStarted("a", 9 * MB, 9 * MB, ahead=9 * MB)), *again[1:]]
    assert said(resolved(wheel("a", 9)), all_ahead)[1:] == ["2.0 fetched 1 wheel, 9.0 MB while uv decided"]
    complete: Script = [(0.0, events.FetchStarted("a", 9 * MB, 9 * MB)), (0.0, events.FetchFinished("a", 9 * MB))]
    assert not any("fetch" in line for line in said(resolved(wheel("a", 9)), complete)[1:])


def test_small_or_quick_wheels_get_no_line_of_their_own_and_many_big_ones_few() -> None:
    small = resolved(*(wheel(f"w{n}", 0.5) for n in range(50)), wheel("quick", 99))
    parts = [[(0.0, events.FetchStarted(f"w{n}", 0, 0)), (6.0, events.FetchFinished(f"w{n}", 5000))] for n in range(50)]
    quick: Script = [(6.0, events.FetchStarted("quick", 0, 99 * MB)), (6.5, events.FetchFinished("quick", 99 * MB))]
    lines = said(small, *parts, quick)  # type: ignore[arg-type]
    assert not any(line.startswith(("6.0 fetched w", "6.5 fetched quick")) for line in lines)
    assert lines[-1].startswith("6.5 fetched 51 wheels, 99 MB in 6.5 s")
    big = resolved(*(wheel(f"w{n}", 20) for n in range(300)))
    lines = said(big, *(download(f"w{n}", 20, n / 10, n / 10 + 1.5) for n in range(300)))
    assert 10 < sum(bool(re.match(r"[\d.]+ fetched w\d+ 1, 20 MB in 1.50 s", line)) for line in lines) <= 30


def test_many_retries_are_counted_not_listed() -> None:
    begin = resolved(*(wheel(f"w{n}", 1) for n in range(100)))
    start: Script = [(0.0, events.FetchStarted(f"w{n}", 0, MB)) for n in range(100)]
    retries: Script = [(2.0, events.FetchRetried(f"w{n}", 1, "no route")) for n in range(100)]
    lines = said([*begin, *start], retries, [(8.0, events.FetchRetried("w0", 2, "no route"))])
    assert sum("retry 1" in line for line in lines) == 5
    assert lines[-2:] == ["8.0 95 more retries and silences", "8.0 retry 2 for w0 1: no route"]
    rest: Script = [(9.0, events.SessionFinished(1, "no", 0, 9.0))]
    stage = Stage(io.StringIO())
    said([*begin, *start], retries, rest, stage=stage)
    assert stage.at(9.0, ended=True).splitlines() == ["95 more retries and silences"]


def test_a_failed_session_says_how_much_of_all_was_fetched() -> None:
    stage = Stage(io.StringIO())
    both = resolved(wheel("a", 2), wheel("b", 2))
    said(both, download("a", 2, 0.0, 2.0), [(0.0, events.FetchStarted("b", 0, 2 * MB))], stage=stage)
    text = stage.at(3.0, events.SessionFinished(1, "no route", 0, 3.0), ended=True)
    assert text == "fetched 1 of 2 wheels, 2.0 MB in 2.0 s (1.0 MB/s)\n"


def test_what_is_slow_to_unpack_stage_and_install_says_how_far_it_is() -> None:
    wheels = resolved(wheel("a", 2, True), wheel("b")._replace(fetch=False), wheel("c")._replace(fetch=False))
    unpack: Script = [
        (0.0, events.UnpackStarted("b", 3, 40 * MB)),
        (0.0, events.UnpackStarted("c", 3, 4 * MB)),
        (4.0, events.UnpackProgress("b", 10 * MB, 40 * MB)),
        (4.0, events.UnpackFinished("c", 3, 4 * MB)),
        (8.0, events.UnpackFinished("b", 3, 40 * MB)),
        (8.0, events.SyncStarted("store")),
        (14.0, events.SyncFinished("store", 6.0)),
        (20.0, events.PlanFinished(3, 9, 0, 0)),
    ]
    stage: Script = [
        (20.0, events.StageStarted("a", 1000)),
        (23.0, events.StageProgress("a", 500, 1000)),
        (26.0, events.StageFinished("a")),
        (26.0, events.StageStarted("b", 3)),
        (26.0, events.StageStarted("c", 3)),
        (26.0, events.StageFinished("b")),
        (26.0, events.StageFinished("c")),
    ]
    commit: Script = [
        (26.0, events.CommitStarted("a", 7)),
        (27.0, events.CommitProgress("a", 4, 7)),
        (36.0, events.CommitFinished("a", 1000)),
    ]
    assert said(wheels, unpack, stage, commit)[1:] == [
        "5.0 unpacked 1 of 2 wheels; under way: b 1 (10 MB of 40 MB)",
        "8.0 unpacked b 1, 3 files, 40 MB in 8.0 s",
        "8.0 unpacked 2 wheels, 44 MB in 8.0 s",
        "13.0 writing the store to disk, for 5 s",
        "18.0 planning 3 wheels",
        "23.0 staged 0 of 3 wheels; under way: a 1 (500 of 1 000 files)",
        "26.0 staged 3 wheels, 1 006 files in 6.0 s",
        "31.2 installed 0 of 3 wheels; under way: a 1 (4 of 7 renames)",
        "36.0 installed a 1",
    ]


def test_beside_downloads_only_what_is_slow_to_unpack_is_told() -> None:
    wheels = resolved(wheel("a", 200), wheel("b")._replace(fetch=False))
    fetch: Script = [(0.0, events.FetchStarted("a", 0, 200 * MB))]
    lines = said(wheels, fetch, [(4.0, events.UnpackStarted("b", 1, MB))], until=11.0)
    assert [line[:14] for line in lines[2:]] == ["5.0 fetched 0 ", "10.0 fetched 0", "10.0 unpacked "]


def test_a_slow_removal_says_how_far_it_is() -> None:
    plan: Script = [(0.0, START)]
    plan += [(0.0, events.PlanWheel(name, 0, 9, 1, ["lib"], [], "1")) for name in "ab"]
    lines = said(plan, [(0.0, events.CommitStarted("a", 9))], until=6.0)
    assert lines == ["5.0 removed 0 of 2 distributions; under way: a 1 (0 of 9 renames)"]


def test_the_time_of_a_milestone_is_that_in_which_work_was_going_on() -> None:
    wheels = resolved(wheel("a", 1), wheel("b", 1))
    unpack: Script = [
        (1.0, events.UnpackStarted("a", 1, MB)), (1.5, events.UnpackFinished("a", 1, MB)),
        (90.0, events.UnpackStarted("b", 1, MB)), (90.5, events.UnpackFinished("b", 1, MB)),
    ]  # fmt: skip
    assert said(wheels, unpack)[-1] == "90.5 unpacked 2 wheels, 2.0 MB in 1.00 s"


def test_the_lines_of_an_hour_can_be_read() -> None:
    lines = said(resolved(wheel("a", 3600)), download("a", 3600, 0.0, 3600.0))
    assert 60 < len(lines) < 80
    assert (interval(0.0), interval(100.0), interval(9999.0)) == (SHORTEST, 20.0, LONGEST)
    at = [float(line.split()[0]) for line in lines]
    assert all(later - earlier <= LONGEST + 0.2 for earlier, later in pairwise(at))


def test_who_waits_or_pauses_or_is_done_gets_no_progress() -> None:
    begin = [*resolved(wheel("a", 200), wheel("b", 1, True)), (0.0, events.FetchStarted("a", 0, 200 * MB))]
    assert len(said(begin, [(1.0, events.SessionPaused())], until=60.0)) == 2
    assert len(said(begin, [(1.0, events.SessionFinished(1, "x", 0, 1.0))], until=60.0)) == 2


def test_a_terminal_has_its_block_and_quiet_nothing() -> None:
    events_: list[Script] = [
        resolved(wheel("a", 200), wheel("b", 20)),
        download("a", 200, 0.0, 20.0),
        download("b", 20, 0.0, 10.0),
        [(8.0, events.FetchStalled("a", "host", 10.0)), (9.0, events.FetchRetried("a", 1, "timed out"))],
        [
            (10.0, events.FetchStalled("b", "host", 2.0, connecting=True)),
            (11.0, events.FetchRetried("b", 1, "429", 5.0)),
        ],
    ]
    assert said(*events_, stage=Stage(io.StringIO(), quiet=True)) == []
    live = "\n".join(said(*events_, stage=Stage(Terminal())))
    assert "no data for 10 s from host: a 1" in live and "retry 1 for a 1: timed out" in live
    assert "no connection for 2 s to host: b 1" in live and "retry 1 in 5 s for b 1: 429" in live
    assert "fetching" not in live and "under way" not in live and "fetched a" not in live


def test_without_progress_there_is_no_block_and_no_line_about_how_far_it_is() -> None:
    parts = [resolved(wheel("a", 200), wheel("b", 20)), [(0.0, events.FetchStarted("a", 0, 200 * MB))]]
    assert any("a 1" in line for line in said(*parts, until=60.0) if not line.startswith("0.0 "))
    for stream in (io.StringIO(), Terminal()):
        lines = said(*parts, until=60.0, stage=Stage(stream, progress=False))
        assert [line for line in lines if "\x1b" in line or ("a 1" in line and not line.startswith("0.0 "))] == []


def test_verbose_names_every_wheel() -> None:
    stage = Stage(io.StringIO(), verbose=True)
    unpack: Script = [(3.0, events.UnpackStarted("a", 3, 4 * MB)), (3.2, events.UnpackFinished("a", 3, 4 * MB))]
    lines = said(
        resolved(wheel("a", 1), wheel("b", 1)), download("a", 1, 0.0, 2.0), download("b", 1, 1.0, 2.0), unpack,
        stage=stage,
    )  # fmt: skip
    assert lines[2:] == [
        "0.0 fetching 2 wheels, 2.0 MB",
        "0.0 fetching a 1, 1.0 MB",
        "1.0 fetching b 1, 1.0 MB",
        "2.0 fetched a 1, 1.0 MB in 2.0 s (500 kB/s)",
        "2.0 fetched b 1, 1.0 MB in 1.00 s (1.0 MB/s)",
        "2.0 fetched 2 wheels, 2.0 MB in 2.0 s (1.0 MB/s)",
        "3.2 unpacked a 1, 3 files, 4.0 MB in 0.20 s",
    ]
