"""Which recorded session is "the newest": that which began last, and of these the last that did or tried some work."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from instui.monitor.newest import Newest, in_order, newest
from instui.monitor.sessions import recorded
from instui_engine.journal import events
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Event
from support.cli import error_line, ok
from support.environments import Venv
from support.wheelsmith import build_wheel


def write(directory: Path, identity: str, wall: float, *happened: Event) -> Path:
    """A session that began at `wall`, and did something at each second."""
    command = ["instui", "install", identity]
    start = events.SessionStarted(2, identity, 42, wall, 100.0, "0", command, "/v", "3", {"purelib": "lib"}, 2)
    path = directory / f"{identity}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{encode(t / 10, event)}\n" for t, event in enumerate((start, *happened))))
    return path


def end(code: int, error: str = "", installed: int = 0, took: float = 0.2) -> Event:
    return events.SessionFinished(code, error, installed, took)


WHEEL = events.WheelAdded("a", "1", "a.whl", 9, True)
DONE = end(0, installed=1)
TYPO = end(2, "si x is not a requirement")


def test_two_sessions_of_one_second_are_ordered_by_their_journals_and_not_by_their_pids(tmp_path: Path) -> None:
    late = write(tmp_path, "20261101-120000-99-aaaa", 1000.2, DONE)
    last = write(tmp_path, "20261101-120000-100-aaaa", 1000.7, DONE)
    summer = write(tmp_path, "20261101-125959-98-aaaa", 900.0, DONE)  # before the clock was put back
    assert in_order(tmp_path.glob("*")) == [summer, late, last]
    assert newest(tmp_path.glob("*")) == Newest(last)


def test_an_empty_journal_is_as_new_as_its_file(tmp_path: Path) -> None:
    whole = write(tmp_path, "b", 1000.0, DONE)
    for seconds, order in ((999, ["a", "b"]), (1001, ["b", "a"])):
        (empty := tmp_path / "a.jsonl").write_bytes(b"")
        os.utime(empty, (seconds, seconds))
        assert [path.stem for path in in_order([whole, empty])] == order


@pytest.mark.parametrize(
    ("last", "counts"),
    [
        ([TYPO], False),
        ([end(0)], False),  # all was installed already
        ([end(2, "-r: the server does not answer", took=1.5)], True),
        ([end(1, "no solution: ...")], True),
        ([end(0, took=1.5)], True),
        ([end(130, "interrupted")], True),
        ([WHEEL, end(1, "a: RECORD says 3 bytes, has 7")], True),
        ([WHEEL, end(2, "a conflicts")], True),
        ([events.RecoveryStarted("a", "1", "s"), end(2, "no such file")], True),
        ([], True),  # it was killed
        ([DONE], True),
    ],
)
def test_what_failed_at_once_or_had_nothing_to_do_is_passed_over(
    last: list[Event], counts: bool, tmp_path: Path
) -> None:
    before = write(tmp_path, "a", 1000.0, WHEEL, DONE)
    after = write(tmp_path, "b", 1001.0, *last)
    found = newest(tmp_path.glob("*"))
    assert found is not None
    assert (found.journal, found.passed is None) == ((after if counts else before), counts)


def test_where_no_session_did_anything_the_newest_one_counts(tmp_path: Path) -> None:
    write(tmp_path, "a", 1000.0, end(0))
    typo = write(tmp_path, "b", 1001.0, TYPO)
    assert newest(tmp_path.glob("*")) == Newest(typo)
    assert newest([]) is None


def test_after_a_typo_explain_report_and_trace_are_about_the_install_before_it(
    tmp_path: Path, venv: Callable[[], Venv], run_instui: Run
) -> None:
    target = venv()
    target.put(build_wheel(tmp_path, "tool", "1.0", {"tool.py": b""}))
    (work,) = target.journals()
    target.install("si x")
    typo = next(path for path in target.journals() if path != work)
    about = f"after it, {typo.stem} failed at once: si x is not a requirement"
    for command in (
        ("explain", "--json"),
        ("report", "-o", tmp_path / "r.html"),
        ("trace", "-o", tmp_path / "t.json"),
    ):
        done = run_instui(*command, "--python", target.top)
        assert done.returncode == 0
        assert done.stderr.startswith("instui: this is the newest session that did something; ")
        assert about in done.stderr and done.stderr.count("\n") == 1
        if command[0] == "explain":
            assert json.loads(done.stdout)["session"] == work.stem
    assert work.stem in (tmp_path / "r.html").read_text()
    assert "needs a terminal" in run_instui("replay", "--python", target.top).stderr
    assert typo.stem in ok(run_instui("sessions", "--python", target.top))  # it is still listed
    assert [one.session for one in recorded(target.environment)] == [typo.stem, work.stem]
    assert "0 wheels" not in run_instui("explain", typo.stem, "--python", target.top).stderr
    unknown = error_line(run_instui("explain", "1999", "--python", target.top), 2)
    assert unknown.endswith(f"the newest one is {typo.stem}")
