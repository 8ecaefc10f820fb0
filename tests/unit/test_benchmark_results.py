"""What the benchmarks compute from their samples, and how they say it."""

import json
import re

import pytest

from benchmarks.measure import Run, Sample, Variant, in_turn
from benchmarks.report import Outcome, Report
from benchmarks.results import Findings, Line, doubt, exponent, percentile, single, spread
from benchmarks.rows import ROWS
from benchmarks.system_calls import parse


def samples(*walls: float) -> list[Sample]:
    return [Sample(wall, 2 * wall, 10 * wall) for wall in walls]


def found() -> Findings:
    findings = Findings(samples={"ours": samples(1, 2, 9), "theirs": samples(2, 2, 3)}, notes=["a note"])
    findings.ratio("ours", "theirs", budget=1.2, aim=0.8)
    return findings


def test_a_ratio_is_the_median_of_the_pairs_and_not_the_ratio_of_the_medians() -> None:
    (line,) = found().lines
    assert line.value == (1.0, 0.5, 3.0)
    assert line.ours == (2, 4, 90) and line.theirs == (2, 4, 30)  # medians, and the largest peak


def test_a_ratio_can_be_of_processor_time() -> None:
    findings = Findings(samples={"ours": [Sample(9.0, 3.0, 0.0)], "theirs": [Sample(1.0, 2.0, 0.0)]})
    findings.ratio("ours", "theirs", of="cpu")
    assert findings.lines[0].value == (1.5, 1.5, 1.5)


def test_the_budget_judges_the_median_and_the_aim_is_named_where_it_is_missed() -> None:
    def verdict(median: float, budget: float | None, aim: float | None) -> str:
        return Line("", single(median), "x", budget=budget, aim=aim).verdict

    assert verdict(0.8, 1.0, 0.85) == "ok"
    assert verdict(0.9, 1.0, 0.85) == "ok (aim 0.85)"
    assert verdict(1.01, 1.0, 0.85) == "OVER (aim 0.85)"
    assert verdict(1.01, 1.0, None) == "OVER"
    assert verdict(9.0, None, None) == ""


def test_the_exponent_of_growth_is_fitted_and_spread_over_neighbours() -> None:
    assert exponent({count: 3.0 * count for count in (10, 100, 1000)}) == pytest.approx((1, 1, 1))
    assert exponent({count: 0.1 * count**2 for count in (1000, 10, 50)}) == pytest.approx((2, 2, 2))
    fitted, low, high = exponent({1: 1.0, 10: 10.0, 100: 1000.0})
    assert (low, high) == pytest.approx((1, 2))
    assert fitted == pytest.approx(1.5)


def test_growth_is_told_of_wall_and_cpu_and_of_both_sides() -> None:
    findings = Findings()
    findings.growth("fresh", {1: samples(1), 10: samples(10)}, {1: samples(1), 10: samples(100)}, 1.1)
    assert [line.what for line in findings.lines] == [
        "fresh: growth, wall (theirs n^2.00)",
        "fresh: growth, CPU (theirs n^2.00)",
    ]
    assert all(line.verdict == "ok" for line in findings.lines)


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3, 1, 2], 0.95) == 3
    assert percentile(list(range(1, 101)), 0.95) == 95
    assert percentile([7], 0.95) == 7
    assert spread([3, 1, 2]) == (2, 1, 3)


def test_every_other_round_runs_in_reverse() -> None:
    row = [Run(Variant(label, lambda *_: []), "", "") for label in "ab"]
    assert [[run.variant.label for run in in_turn(row, number)] for number in range(3)] == [
        ["a", "b"],
        ["b", "a"],
        ["a", "b"],
    ]


def test_the_table_of_strace_is_read_with_and_without_errors() -> None:
    table = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000600           6       100        10 openat
 40.00    0.000400           2       200           close
------ ----------- ----------- --------- --------- ----------------
100.00    0.001000           3       300        10 total
"""
    assert parse(table) == {"openat": 100, "close": 200}


def report() -> Report:
    outcomes = [
        Outcome("P1", "warm", "own", found()),
        Outcome("P3b", "index", "own", skipped="no index answers"),
        Outcome("P4", "small", "journal", failed="uv ended with 2"),
    ]
    return Report({"date": "2026-01-31", "uv": "0.13.9"}, {"own": "ext4", "journal": "ext4 with a journal"}, outcomes)


def test_the_text_has_a_table_for_each_disk_and_says_what_is_missing_and_why() -> None:
    text = report().text()
    assert text.startswith("date 2026-01-31, uv 0.13.9\n")
    own, journal = text.split("disk: ")[1:]
    assert re.search(r"P1 ours / theirs +2\.000 s +2\.000 s +1\.00 x +0\.50-3\.00 .* 1\.20 x +ok \(aim 0\.8\)", own)
    assert re.search(r"P3b index +skipped: no index answers", own)
    assert re.search(r"P4 small +failed: uv ended with 2", journal)
    assert text.endswith("a note")


def test_the_markdown_is_a_table_with_machine_and_date() -> None:
    lines = report().markdown().splitlines()
    assert lines[0] == "date 2026-01-31; uv 0.13.9"
    rows = [line for line in lines if line.startswith("|")]
    assert len({row.count("|") for row in rows}) == 1
    assert "- a note" in lines


def test_the_json_has_all_samples() -> None:
    read = json.loads(report().json())
    assert read["machine"] == {"date": "2026-01-31", "uv": "0.13.9"}
    assert read["disks"]["own"] == "ext4"
    first, second, third = read["rows"]
    assert first["samples"] == {
        "ours": [[1, 2, 10], [2, 4, 20], [9, 18, 90]],
        "theirs": [[2, 4, 20]] * 2 + [[3, 6, 30]],
    }
    assert first["lines"][0]["value"] == {"median": 1.0, "low": 0.5, "high": 3.0}
    assert first["lines"][0]["budget"] == 1.2
    assert second["skipped"] == "no index answers"
    assert third["failed"] == "uv ended with 2"


def test_there_is_a_row_for_each_budget() -> None:
    assert list(ROWS) == ["P1", "P2", "P3", "P3b", "P4", "P5", "P6", "P7", "P8", "waits", "calls", "what-if"]


def test_the_median_of_many_pairs_is_in_less_doubt_and_of_one_outlier_it_knows_nothing() -> None:
    few, many = [1.0, 1.1, 1.2, 1.3], [1.0, 1.1, 1.2, 1.3] * 9
    assert doubt(few) == pytest.approx(0.15)
    assert doubt(many) == pytest.approx(0.05)
    assert doubt([*many[:-1], 99.0]) == doubt(many)
    assert doubt([1.0]) == 0


def test_a_note_says_how_far_a_ratio_can_be_trusted() -> None:
    samples = {"a": [Sample(1.0, 1.0, 0.0), Sample(1.4, 1.02, 0.0)], "b": [Sample(1.0, 1.0, 0.0)] * 2}
    found = Findings(samples=samples)
    found.doubts("a", "b")
    assert found.notes == ["a / b: the median may be off by 0.200 by the clock, 0.010 of processor time"]
