"""Whatever the bytes of a wheel are, it is refused in one line, or read as others read it (support/fuzzing.py)."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from support import fuzzing

SWEPT = {
    "archive": 40_000,
    "inflate": 20_000,
    "unpack": 12_000,
    "metadata": 20_000,
    "wheel": 15_000,
    "points": 20_000,
    "record": 20_000,
}


@pytest.mark.parametrize("target", fuzzing.TARGETS)
def test_random_wheels_are_refused_in_one_line_or_read_as_others_read_them(
    target: str, rounds: Callable[[int, int], range]
) -> None:
    if target == "inflate":
        pytest.importorskip("isal", reason="there are no wheels of isal for this machine")
    count = len(rounds(200, SWEPT[target]))
    command = [sys.executable, fuzzing.__file__, target, "0", str(count)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert found["failures"] == {}
    assert found["refused"] + found["accepted"] == count
    assert found["accepted"], "the mutations are too coarse: nothing was read to its end"
