"""Sizes, durations and texts of a given width."""

import pytest

from instui.monitor import units


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (units.size(0), "0 B"),
        (units.size(999.4), "999 B"),
        (units.size(1_234), "1.2 kB"),
        (units.size(9_960), "10 kB"),
        (units.size(999_600), "1.0 MB"),
        (units.size(190_400_000), "190 MB"),
        (units.size(3e15), "3000 TB"),
        (units.seconds(0.314), "0.31 s"),
        (units.seconds(1.24), "1.24 s"),
        (units.seconds(9.8), "9.8 s"),
        (units.seconds(59.96), "1m00s"),
        (units.seconds(3725), "1h02m"),
        (units.age(1.94), "1.9 s"),
        (units.age(1.96), "2 s"),
        (units.age(9.4), "9 s"),
        (units.age(59.5), "1m00s"),
        (units.age(-1), "0.0 s"),
        (units.number(1234567), "1 234 567"),
        (units.cut("abcdefghij", 5), "ab…ij"),
        (units.cut("abc", 0), ""),
        (units.cut("e\u0301" * 5, 3), "e\u0301…e\u0301"),
        (units.cut("包包包", 4), "包…"),
        (units.pad("包", 4), "包  "),
    ],
)
def test_units(text: str, expected: str) -> None:
    assert text == expected
