"""The promises of `Output`: what a build prints is told line by line, without what it must not show."""

import pytest

from instui_engine.build import running
from instui_engine.build.running import Output, readable


def test_half_a_password_is_not_shown() -> None:
    assert readable(f"https://u:SECRET{'x' * 5000}@host/") == "https://"
    assert readable(f"{'x' * 150} https://u:SEC RET{' x' * 5000}@host/") == f"{'x' * 150} https://****@"


def test_a_long_line_is_cut_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(running, "redacted", lambda text: read.append(text) or text)
    assert readable("a:" * 50_000) == f"{'a:' * 98}a..."
    assert len(read[0]) <= 2100


def test_the_beginning_of_a_line_is_shown_however_long_it_is() -> None:
    told: list[str] = []
    output = Output(-1, told.append, 0)
    output.feed(b"https://u:SECRET@host/ " + b"x" * 70_000)
    output.feed(b"y" * 70_000)
    output.feed(b"\n")
    assert told == [f"https://host/ {'x' * 183}..."]


def test_a_reason_has_no_half_line() -> None:
    output = Output(-1, lambda line: None, 0)
    output.feed(b"https://u:SECRET@host/".ljust(1 << 16) + b"\nlast\n")
    assert output.lines == ["last"]
    output.feed(b"x" * (1 << 16))
    assert not output.lines
