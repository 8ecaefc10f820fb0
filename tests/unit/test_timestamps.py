"""Two changes with the same timestamp are never taken for one."""

import os
import time
from pathlib import Path

import pytest

from instui_engine.fs import timestamps
from instui_engine.fs.timestamps import is_settled

NOW = 1_700_000_000_500_000_000


@pytest.mark.parametrize(
    ("changed", "settled"),
    [
        (NOW - 50_000_000, False),
        (NOW - 300_000_000, True),
        (NOW - 500_000_000, False),  # a whole second: perhaps of a file system that counts those
        (NOW - 1_500_000_000, False),
        (NOW - 2_500_000_000, True),
        (NOW + 1, False),
    ],
)
def test_a_time_is_settled_when_the_clock_has_surely_gone_on(
    changed: int, settled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timestamps.time, "time_ns", lambda: NOW)
    assert is_settled(changed) is settled


def test_a_change_after_that_has_another_time(tmp_path: Path) -> None:
    before = os.stat(tmp_path).st_mtime_ns
    while not is_settled(before):
        time.sleep(0.01)
    (tmp_path / "file").touch()
    assert os.stat(tmp_path).st_mtime_ns != before
