"""The recordings of uv that demonstrations show: what they say, and the script that makes them."""

import json
from collections import Counter
from pathlib import Path

import pytest

from instui.demo import without_locks
from instui.demo.performance import SCENARIOS
from instui.demo.scenarios import NAMES
from instui.monitor.ownership import ABSENT
from support.uv_recording import SUBJECTS, Run, recording, run_uv, typical


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_recording_names_the_wheels_of_its_demonstration_and_ends_as_its_run_did(name: str, tmp_path: Path) -> None:
    found = without_locks.recording(name)
    assert found is not None
    assert list(found.owners) == [path.name.partition("-")[0] for path in SCENARIOS[name].make(tmp_path)]
    assert found.program.startswith("uv ")
    assert len(found.runs) == 15
    assert found.cells(found.seconds) in found.runs
    assert found.writes[0].t == 0.0
    assert set(found.cells(-1.0)) == {ABSENT}
    assert list(found.writes) == sorted(found.writes, key=lambda write: write.t)


def test_without_locks_the_directory_is_mixed_more_often_than_not() -> None:
    found = without_locks.recording("same-module")
    assert found is not None
    assert 2 * found.mixed > len(found.runs)


def test_there_is_no_recording_for_the_others() -> None:
    assert [name for name in NAMES if without_locks.recording(name) is not None] == list(SUBJECTS)


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_recording_that_is_made_now_has_the_same_form(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a mix is left in two runs is up to the timing; that the files are there at the end is not."""
    runs = [run_uv(name, tmp_path) for _ in range(2)]
    made = recording(name, runs)
    committed = json.loads(without_locks.path_of(name).read_text(encoding="utf-8"))
    assert list(made) == list(committed)
    assert made["command"] == committed["command"]
    assert made["files"] == committed["files"]
    monkeypatch.setattr(without_locks, "path_of", lambda _: tmp_path / "made.json")
    (tmp_path / "made.json").write_text(json.dumps(made), encoding="utf-8")
    read = without_locks.recording.__wrapped__(name)
    assert read is not None
    assert len(read.runs) == 2
    assert all(0 <= owner < len(read.owners) for run in read.runs for owner in run)
    assert read.writes


def test_the_run_that_is_shown_is_the_median_of_those_that_left_a_mix() -> None:
    def run(odd: int) -> Run:
        last = {str(number): "b" if number < odd else "a" for number in range(10)}
        return Run([(0.0, file, owner) for file, owner in last.items()], last)

    assert typical([run(0), run(3), run(1), run(0), run(4)]).odd == 3
    assert Counter(typical([run(0)]).last.values()) == {"a": 10}
    unseen = run(2)._replace(writes=[])
    assert typical([run(0), unseen, run(1)]).odd == 1
