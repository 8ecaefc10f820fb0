"""What a session says of its load: what it used, what the system took of it, and what processors were left."""

import resource
from pathlib import Path
from types import SimpleNamespace

import pytest

from instui_engine.journal.events import SpanFinished
from instui_engine.journal.writer import Journal
from instui_engine.session import load
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from support.environments import Lines


def finished() -> SpanFinished:
    lines: list[str] = []
    context = Context(Options(), Journal((lines.append,)), Control())
    with context.span("plan"):
        sum(range(300_000))
    (event,) = Lines(lines).of(SpanFinished)
    return event


def test_the_end_of_a_part_says_what_the_system_took_and_what_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uptime = tmp_path / "uptime"
    uptime.write_text("100.00 150.25\n")
    monkeypatch.setattr(load, "_UPTIME", str(uptime))
    event = finished()
    assert 0 <= event.system <= event.cpu
    assert event.idle == 0.0  # the file says the same all the time


@pytest.mark.parametrize("text", [None, "", "100.00", "100.00 0.00", "a b"])
def test_where_nobody_knows_what_was_left_that_is_said(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uptime = tmp_path / "uptime"
    if text is not None:
        uptime.write_text(text)
    monkeypatch.setattr(load, "_UPTIME", str(uptime))
    assert finished().idle == -1.0


def test_what_the_system_took_is_a_part_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_utime=3.0, ru_stime=1.0))
    now = load.load()
    assert (now.cpu, now.system) == (8.0, 2.0)  # of this process and of its children


def test_idle_time_that_falls_is_unknown() -> None:
    assert load.Load(2, -1, 1, 7.0).since(load.Load(1, -1, 1, 7.5)) == (1, -1, 0, -1)
