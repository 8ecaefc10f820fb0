"""Two changes with the same timestamp are never taken for one."""

import ctypes
import os
import sys
import time
from pathlib import Path

import pytest

from instui_engine.fs import timestamps
from instui_engine.fs.timestamps import is_settled, made_at

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


@pytest.mark.skipif(sys.platform != "linux", reason="statx(2)")
def test_a_directory_was_made_once(tmp_path: Path) -> None:
    made = made_at(str(tmp_path))
    assert made <= tmp_path.stat().st_ctime_ns
    while not is_settled(made):
        time.sleep(0.01)
    (tmp_path / "file").touch()
    assert made_at(str(tmp_path)) == made < made_at(str(tmp_path / "file"))
    with pytest.raises(FileNotFoundError):
        made_at(str(tmp_path / "nothing"))


class _Library:
    """A C library whose statx, if there is one, does well and tells nothing."""

    def __init__(self, has_call: bool) -> None:
        if has_call:
            self.statx = lambda *words: 0


@pytest.mark.parametrize("has_call", [True, False])
def test_where_it_is_not_known_when_something_was_made(
    has_call: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *words, **more: _Library(has_call))
    with pytest.raises(OSError, match="not"):
        made_at(str(tmp_path))
