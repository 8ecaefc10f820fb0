"""`instui trace`: where the file is written, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

from conftest import Run
from support import trace_events
from support.cli import error_line, ok
from support.environments import Venv
from support.wheelsmith import build_wheel


def test_an_install_is_a_trace(venv: Callable[[], Venv], run_instui: Run, tmp_path: Path) -> None:
    environment = venv()
    wheel = build_wheel(tmp_path, "a", "1.0", files={"a.py": b"1"})
    ok(run_instui("install", "--python", environment.top, "--no-index", wheel))
    made = run_instui("trace", "--python", environment.top, "-o", tmp_path / "x.json")
    assert ok(made).endswith("ui.perfetto.dev or chrome://tracing shows it\n")
    read = trace_events.read((tmp_path / "x.json").read_text())
    assert {"stages", "a 1.0", "commit 1"} <= {one.thread for one in read.slices}
    assert {"open", "plan", "stage", "commit"} <= {one.name for one in read.slices if one.thread == "stages"}
    assert read.facts["outcome"] == "done"
    assert ok(run_instui("trace", "--python", environment.top, "-o", "-")) == (tmp_path / "x.json").read_text()


def test_the_journal_itself_is_not_overwritten(run_instui: Run, tmp_path: Path) -> None:
    journal = tmp_path / "x.jsonl"
    recording = Path(__file__).parents[2] / "screenshots" / "recordings" / "quiet.jsonl"
    journal.write_bytes(recording.read_bytes())
    assert "is the journal itself" in error_line(run_instui("trace", journal, "-o", journal), 2)
    assert journal.read_bytes() == recording.read_bytes()
    assert "cannot write the trace" in error_line(run_instui("trace", journal, "-o", tmp_path / "no" / "x"), 1)
    assert json.loads(ok(run_instui("trace", journal, "-o", "-")))["otherData"]["session"] == "20261122-101500-4242"
