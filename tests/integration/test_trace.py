"""`instui trace`: where the file is written, and what is refused."""

import json
import stat
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event as ThreadEvent
from typing import NoReturn

import pytest

from conftest import Run
from instui.cli import telemetry
from instui.cli.child import Child
from support import trace_events
from support.cli import error_line, ok
from support.collector import collecting
from support.environments import Venv
from support.wheelsmith import build_wheel

RECORDING = Path(__file__).parents[2] / "screenshots" / "recordings" / "quiet.jsonl"


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


def test_without_a_name_it_is_called_as_the_session_and_nothing_is_overwritten(run_instui: Run, tmp_path: Path) -> None:
    name = "instui-20261122-101500-4242.json"
    assert ok(run_instui("trace", RECORDING, cwd=tmp_path)).startswith(f"{name}: ")
    first = (tmp_path / name).read_bytes()
    assert trace_events.read(first.decode()).facts["session"] == "20261122-101500-4242"
    assert error_line(run_instui("trace", RECORDING, cwd=tmp_path), 2).startswith(f"{name} is there already")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == first


def test_the_journal_itself_is_not_overwritten(run_instui: Run, tmp_path: Path) -> None:
    journal = tmp_path / "x.jsonl"
    journal.write_bytes(RECORDING.read_bytes())
    assert "is the journal itself" in error_line(run_instui("trace", journal, "-o", journal), 2)
    assert journal.read_bytes() == RECORDING.read_bytes()
    unwritten = error_line(run_instui("trace", journal, "-o", tmp_path / "no" / "x"), 1)
    assert unwritten == f"cannot write the file: {tmp_path / 'no' / 'x'}: No such file or directory"
    assert json.loads(ok(run_instui("trace", journal, "-o", "-")))["otherData"]["session"] == "20261122-101500-4242"


def test_a_trace_is_replaced_in_one_go_and_what_is_no_regular_file_is_left_alone(
    run_instui: Run, tmp_path: Path
) -> None:
    target = tmp_path / "x.json"
    target.write_text("old")
    target.chmod(0o640)
    with target.open() as before:
        ok(run_instui("trace", RECORDING, "-o", target))
        assert before.read() == "old"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    (tmp_path / "link.json").symlink_to("x.json")
    assert "is no regular file" in error_line(run_instui("trace", RECORDING, "-o", tmp_path / "link.json"), 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.json", "x.json"]


def test_an_install_is_sent_when_it_is_over_to_where_the_variables_say(
    venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    wheel = build_wheel(tmp_path, "a", "1.0", files={"a.py": b"1"})
    with collecting() as collector:
        given = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=token"}
        ok(run_instui("install", "--python", venv().top, "--no-index", wheel, env=given))
        assert collector.bodies == []  # the variable alone does not ask for it
        ok(run_instui("install", "--python", venv().top, "--no-index", wheel, env={**given, "INSTUI_OTLP": "1"}))
    assert collector.named("instui install").attributes["instui.outcome"] == "done"
    assert collector.named("a 1.0").attributes["instui.outcome"] == "done"
    assert collector.metrics["instui.wheels"] == [({"instui.outcome": "done"}, 1)]
    assert {headers["authorization"] for headers in collector.headers} == {"token"}


def test_what_is_sent_has_no_passwords(venv: Callable[[], Venv], run_instui: Run, tmp_path: Path) -> None:
    with collecting() as collector:
        url = collector.url.replace("http://", "http://joe:hunter2@")
        index = "http://jim:hunter2@127.0.0.1:1/simple"
        run_instui("install", "--python", venv().top, "--index-url", index, "no-such-thing", f"--otlp={url}")
    assert collector.named("instui install").attributes["instui.outcome"] == "failed"
    assert all(b"hunter2" not in body for body in collector.bodies)


def test_an_install_never_fails_by_a_collector(venv: Callable[[], Venv], run_instui: Run, tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path, "a", "1.0", files={"a.py": b"1"})
    with collecting(hangs=True) as collector:
        for url in ("http://127.0.0.1:1", collector.url):
            done = run_instui("install", "--python", venv().top, "--no-index", wheel, f"--otlp={url}")
            assert done.returncode == 0
            assert done.stderr.startswith("instui: the session was not sent to the collector")
            assert done.stderr.count("\n") == 1
            assert ("at http://127.0.0.1:1: Connection refused" if url != collector.url else "answer") in done.stderr


def test_an_install_waits_so_long_for_all_that_a_collector_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    released = ThreadEvent()

    def slow(*_: object) -> NoReturn:
        released.wait(60)  # as with very many wheels on a busy machine
        raise AssertionError

    monkeypatch.setattr("instui.trace.otlp.Message", slow)
    monkeypatch.setattr(telemetry, "_PATIENCE", 0.2)
    try:
        telemetry.tell(RECORDING.read_text().splitlines(), "http://127.0.0.1:1")
        assert "that took more than 3 s; `instui trace --otlp` sends it" in capsys.readouterr().err
    finally:
        released.set()


def test_what_an_install_says_of_a_collector_is_seen_below_the_screen(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = build_wheel(tmp_path, "a", "1.0", files={"a.py": b"1"})
    monkeypatch.setattr("instui.cli.child.possible", lambda: False)
    arguments = ["install", "--python", str(venv().top), "--no-index", str(wheel), "--otlp=http://127.0.0.1:1"]
    with closing(Child(arguments, "identity", tmp_path / "journal")) as child:
        assert child.wait() == 0
        assert child.error() == ""
        (remark,) = child.remarks()
        assert remark.startswith("the session was not sent to the collector")


def test_without_the_extra_an_install_goes_well_and_trace_says_what_to_install(
    venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    (tmp_path / "opentelemetry.py").write_text("raise ImportError('missing')")
    environment, wheel = venv(), build_wheel(tmp_path, "a", "1.0", files={"a.py": b"1"})
    without = {"PYTHONPATH": str(tmp_path)}
    done = run_instui("install", "--python", environment.top, "--no-index", wheel, "--otlp", env=without)
    assert done.returncode == 0
    remedy = f"instui install --python {sys.executable} opentelemetry-exporter-otlp-proto-http"
    assert remedy in done.stderr
    refused = run_instui("trace", "--python", environment.top, "--otlp", env=without)
    assert remedy in error_line(refused, 1)


def test_a_name_is_not_taken_for_a_collector(run_instui: Run) -> None:
    assert "must be the URL of a collector, not 'a'" in error_line(run_instui("install", "--otlp", "a"), 2)
