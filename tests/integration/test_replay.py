"""`instui replay`: which recording is meant, what is said if it cannot be shown, and that journals of anybody open."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from instui.monitor import recording
from instui.monitor.embedded import embed
from instui.monitor.reader import decoded
from instui.monitor.recording import Recording, begun, open_recording
from instui_engine.errors import UsageError
from support.cli import error_line
from support.environments import Venv
from support.screens import RECORDINGS

BUSY = RECORDINGS / "busy.jsonl"
FIRST = BUSY.read_bytes().splitlines(keepends=True)[0]


def replayed(path: Path) -> list[str]:
    source = Recording(begun(path))
    found: list[str] = []
    while not source.ended:
        found += source.poll()
    return found


def test_a_journal_and_a_page_that_carries_it_have_the_same_lines(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(f"<!doctype html><title>x</title>{embed(BUSY.read_bytes())}<p>end</p>")
    assert replayed(BUSY) == BUSY.read_text().splitlines()
    assert replayed(page) == replayed(BUSY)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "is empty: no session is recorded in it"),
        (b"\n\n", "is empty: no session is recorded in it"),
        (b"hello\n", "is no journal of a session: it does not begin with session.started"),
        (b'{"t":0.0,"event":"session.resumed"}\n' * 2000, "does not begin with session.started"),
        (FIRST.replace(b'"schema":1', b'"schema":99'), "is of a newer instui (0.1.0), and this one cannot replay it"),
        (b"<!DOCTYPE html><p>no journal</p>", "is a page without a journal"),
        (b"\0" * 100_000, "is no journal of a session"),
    ],
)
def test_what_is_no_recording_is_refused_in_one_line(
    content: bytes, error: str, tmp_path: Path, run_instui: Run
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    assert error in error_line(run_instui("replay", path), 2)


def test_a_directory_a_missing_file_and_stdin_are_refused_in_one_line(tmp_path: Path, run_instui: Run) -> None:
    assert "is a directory; --python" in error_line(run_instui("replay", tmp_path), 2)
    assert "No such file" in error_line(run_instui("replay", tmp_path / "no.jsonl"), 2)
    assert "save it to a file" in error_line(run_instui("replay", "-"), 2)
    assert "from 0.125 to 128" in error_line(run_instui("replay", BUSY, "--speed", "fast"), 2)


def test_without_a_terminal_it_points_to_explain(run_instui: Run) -> None:
    assert "replay needs a terminal; `instui explain`" in error_line(run_instui("replay", BUSY), 2)


def test_a_session_is_found_by_the_beginning_of_its_id(venv: Callable[[], Venv], run_instui: Run) -> None:
    made = venv()
    sessions = made.top / ".instui" / "sessions"
    sessions.mkdir(parents=True)
    (sessions / "20261101-1.jsonl").write_bytes(BUSY.read_bytes())
    (sessions / "20261102-2.jsonl").write_bytes(b"")
    assert "needs a terminal" in error_line(run_instui("replay", "20261101", "--python", made.top), 2)
    assert "20261102-2.jsonl is empty" in error_line(run_instui("replay", "--python", made.top), 2)  # the newest
    assert "no session of" in error_line(run_instui("replay", "2025", "--python", made.top), 2)


def test_a_damaged_journal_opens_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = BUSY.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"\xff\xfe{\n" + b"".join(lines[:100]) + b"{{{\n" + lines[100] + lines[101][:40])
    found = replayed(path)
    assert len(found) == 103  # the incomplete last line is left out
    assert len(list(decoded(found))) == 101


def test_a_last_line_without_a_newline_is_read_if_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(BUSY.read_bytes().rstrip(b"\n"))
    assert json.loads(replayed(path)[-1])["event"] == "session.finished"


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "_LONGEST", 4096)
    path = tmp_path / "x.jsonl"
    path.write_bytes(FIRST + b"[" * 100_000 + b"\n" + FIRST)
    lines = list(open_recording(path))
    assert lines == [FIRST, b"\n", FIRST]


def test_a_journal_of_more_lines_than_can_be_kept_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MOST", 50)
    source = Recording(begun(BUSY))
    assert len(source.poll()) == 50
    assert source.ended
    assert source.cut


def test_the_lines_come_in_parts_so_that_the_screen_stays_responsive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_CHUNK", 1000)
    source = Recording(begun(BUSY))
    assert 1 <= len(source.poll()) < 20
    assert not source.ended


def test_a_disk_that_fails_ends_the_recording_there() -> None:
    def lines() -> object:
        yield FIRST
        raise UsageError("cannot read the journal")

    source = Recording(lines())  # type: ignore[arg-type]
    assert len(source.poll()) == 1
    assert source.ended
