"""The promises of `Output`: what a build prints is told line by line, without what it must not show."""

import os
import sys
import tracemalloc
from pathlib import Path

import pytest

from instui_engine.build import log, running
from instui_engine.build.running import Output, readable, run
from instui_engine.session.logs import open_log


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


def test_a_line_without_an_end_takes_no_memory() -> None:
    output = Output(-1, lambda line: None, 0)
    tracemalloc.start()
    try:
        for _ in range(100):
            output.feed(b"x" * (1 << 16))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20  # 6 MiB, if all of it is kept
    finally:
        tracemalloc.stop()


def test_a_reason_has_no_half_line() -> None:
    output = Output(-1, lambda line: None, 0)
    output.feed(b"https://u:SECRET@host/".ljust(1 << 16) + b"\nlast\n")
    assert output.lines == ["last"]
    output.feed(b"x" * (1 << 16))
    assert not output.lines


def test_of_a_long_log_the_beginning_and_the_end_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_HEAD", 100)
    monkeypatch.setattr(log, "_TAIL", 100)
    written = b"".join(b"%09d\n" % number for number in range(10_000))
    descriptor, path = open_log(tmp_path / "session.jsonl", "one")
    output = Output(descriptor, lambda line: None, 0)
    for place in range(0, len(written), 7):
        output.feed(written[place : place + 7])
        assert os.fstat(descriptor).st_size < 500
    os.close(descriptor)
    kept = Path(path).read_bytes()
    assert kept.startswith(written[:100] + b"\n[... a part of the output is left out here ...]\n0")
    assert kept.endswith(written[-100:])


def test_a_build_has_no_terminal_to_ask_at(tmp_path: Path) -> None:
    descriptor, path = open_log(tmp_path / "session.jsonl", "one")
    code = "import os; print(os.getsid(0)); open('/dev/tty')"
    command = [sys.executable, "-c", code]
    assert run(command, os.environ, Output(descriptor, lambda line: None, 0), lambda: False) == 1
    os.close(descriptor)
    session, *rest = Path(path).read_text().splitlines()
    assert int(session) != os.getsid(0)
    assert rest[-1].startswith("OSError: ")
