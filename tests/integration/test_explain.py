"""`instui explain`: which journal is meant, what is printed of it, and what is said if there is none."""

import fcntl
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.journal import events
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Event, Holder
from support.cli import error_line, everything, ok
from support.environments import Venv
from support.wheelsmith import build_wheel

FLOCK = Holder("", "", 31817, "flock -x .lock", "asleep", 998.75)


def journal_of(
    identity: str, waited: float = 7.5, command: Sequence[str] = ("install", "a")
) -> list[tuple[float, Event]]:
    """A session that waited for the environment's lock, and did little else."""
    start = events.SessionStarted(
        2,
        identity,
        42,
        1000.0,
        100.0,
        "0.1",
        ["instui", *command],
        "/v/.venv",
        "py",
        {"purelib": "lib"},
        2,
        "",
        0.25,
        2,
    )
    return [
        (0.0, start),
        (0.0, events.SpanStarted("commit")),
        (0.0, events.WheelAdded("a", "1", "a.whl", 1000, True)),
        (0.1, events.EnvironmentWaiting(".lock", [FLOCK])),
        (0.1 + waited, events.EnvironmentGranted(".lock", waited)),
        (0.2 + waited, events.SpanFinished("commit", 0.2 + waited, 0.0, -1.0)),
        (0.2 + waited, events.SessionFinished(0, "", 1, 0.2 + waited)),
    ]


def write(path: Path, timed: Sequence[tuple[float, Event]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{encode(t, event)}\n" for t, event in timed))
    return path


@pytest.fixture
def recorded(venv: Callable[[], Venv]) -> Venv:
    """An environment with three sessions."""
    made = venv()
    for identity, waited in (("20261101-1", 0.5), ("20261102-2", 0.5), ("20261103-3", 7.5)):
        write(made.top / ".instui" / "sessions" / f"{identity}.jsonl", journal_of(identity, waited))
    return made


def test_the_newest_session_is_explained_and_compared_and_nothing_is_written(recorded: Venv, run_instui: Run) -> None:
    before = everything(recorded.top)
    lines = ok(run_instui("explain", "--python", recorded.top)).splitlines()
    assert lines[0] == "why 8.0 s, of which 0.45 s was work"
    assert lines[1].startswith("instui install a (20261103-3, 1970-01-01")
    held = "waited for .venv/.lock, held by pid 31817 `flock -x .lock` (asleep; started 1.00 s before us)"
    assert lines[3] == f" 1   94 %    7.5 s  {held}; 15 x its usual time (0.50 s)  (critical path)"
    assert lines[4].strip() == "-> it could only be waited for; --lock-timeout 3 would have failed instead"
    assert "no lock held by others: 0.45 s" in lines[-2]
    assert lines[-1] == "2 earlier sessions of this kind here took 0.95 s as a rule"
    assert everything(recorded.top) == before


def test_a_session_is_found_by_how_its_id_begins(recorded: Venv, run_instui: Run) -> None:
    def explain(name: str) -> str:
        return ok(run_instui("explain", name, "--python", recorded.top)).splitlines()[1]

    assert "20261101-1," in explain("20261101")
    assert "20261102-2," in explain("20261102-2")
    several = error_line(run_instui("explain", "2026", "--python", recorded.top), 2)
    assert several.startswith("3 sessions of ")
    assert several.endswith("begin with 2026; give more of the id")
    unknown = error_line(run_instui("explain", "1999", "--python", recorded.top), 2)
    assert unknown.endswith("is called 1999; the newest one is 20261103-3")


def test_where_nothing_is_recorded_that_is_said(venv: Callable[[], Venv], run_instui: Run) -> None:
    text = error_line(run_instui("explain", "--python", venv().top), 2)
    assert text.startswith("no session is recorded in ")
    assert text.endswith(", or name another environment with --python")
    assert "yet; install something first (--journal FILE keeps a failed install, too)" in text


def test_a_journal_and_stdin_are_explained_and_what_is_none_is_refused(tmp_path: Path, run_instui: Run) -> None:
    path = write(tmp_path / "j.jsonl", journal_of("s"))
    assert ok(run_instui("explain", path)).startswith("why 8.0 s")
    assert ok(run_instui("explain", "-", input=path.read_text())).startswith("why 8.0 s")
    text = tmp_path / "text.jsonl"
    text.write_text("hello\n")
    refused = error_line(run_instui("explain", text), 2)
    assert refused == f"{text} is no journal of a session: it does not begin with session.started"
    assert "No such file" in error_line(run_instui("explain", tmp_path / "none.jsonl"), 2)
    assert error_line(run_instui("explain", f"{tmp_path}/"), 2).endswith("means its last session")


def test_damaged_lines_are_left_out_and_counted(tmp_path: Path, run_instui: Run) -> None:
    path = write(tmp_path / "j.jsonl", journal_of("s"))
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([first, "{", "\x1b[2J", *rest, '{"t": 9, "event": "li']))
    done = run_instui("explain", path)
    assert (done.returncode, done.stderr) == (0, "instui: 2 damaged lines of the journal are left out\n")
    assert done.stdout.startswith("why 8.0 s")


def test_the_json_is_the_object_of_the_documentation(tmp_path: Path, run_instui: Run) -> None:
    answer = json.loads(ok(run_instui("explain", "--json", write(tmp_path / "j.jsonl", journal_of("s")))))
    assert list(answer) == ["session", "wall", "work", "unexplained", "stages", "findings", "what_if"]
    assert (answer["session"], answer["wall"], answer["work"]) == ("s", 7.95, 0.45)
    assert sum(one["seconds"] for one in answer["findings"]) + answer["unexplained"] == pytest.approx(answer["wall"])
    assert answer["findings"][0]["holder"] == {
        "pid": 31817,
        "command": "flock -x .lock",
        "state": "asleep",
        "wheel": "",
        "session": "",
        "began": 998.75,
    }
    alone = [one for one in answer["what_if"] if one["change"] == "no lock held by others"]
    expected = {"change": "no lock held by others", "predicted": 0.45, "uncertain": False, "keeps": 0.0, "within": 0.0}
    assert alone == [expected]


@contextmanager
def alive(path: Path) -> Iterator[None]:
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_a_session_that_runs_is_explained_so_far_and_one_that_was_killed_says_so(
    tmp_path: Path, run_instui: Run
) -> None:
    path = write(tmp_path / "j.jsonl", journal_of("s")[:4])
    with alive(path):
        lines = ok(run_instui("explain", path)).splitlines()
    assert lines[0].startswith("still running, ")
    assert any("waits for .venv/.lock, held by pid 31817" in line for line in lines)
    lines = ok(run_instui("explain", path)).splitlines()
    assert lines[0].startswith("why 0.35 s")
    assert "the session ended abruptly: its journal has no end" in lines


def test_a_real_install_is_explained_by_its_spans(venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> None:
    made = venv()
    wheel = build_wheel(tmp_path, "one", "1.0", {"one.py": b"pass\n"})
    ok(run_instui("install", "--no-deps", "--ui", "none", "--python", made.top, wheel))
    answer = json.loads(ok(run_instui("explain", "--json", "--python", made.top)))
    names = [stage["name"] for stage in answer["stages"]]
    assert names == ["start", "open", "resolve", "acquire", "plan", "stage", "commit", "clean"]
    assert {"start"} <= {one["kind"] for one in answer["findings"]}


@pytest.mark.parametrize(
    ("command", "size"), [(["instui", "install", "a", "--slow", "2"], 1000), (["instui", "install", "a"], 9_000_000)]
)
def test_sessions_that_were_slowed_down_or_of_another_size_say_nothing_of_what_is_usual(
    command: list[str], size: int, recorded: Venv, run_instui: Run
) -> None:
    for identity in ("20261101-1", "20261102-2"):
        other = [
            (t, event._replace(command=command))
            if isinstance(event, events.SessionStarted)
            else (t, event._replace(size=size) if isinstance(event, events.WheelAdded) else event)
            for t, event in journal_of(identity, 0.5)
        ]
        write(recorded.top / ".instui" / "sessions" / f"{identity}.jsonl", other)
    assert "of this kind" not in ok(run_instui("explain", "--python", recorded.top))
