"""`install-many`: lines that fail alone, winners by position whatever happened before, and what a run leaves."""

import hashlib
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from conftest import Run, Start
from instui.explain.summary import summary
from instui.monitor.fold import Fold
from instui_engine.commands import install_many as module
from instui_engine.commands.command import Outcome, Recording
from instui_engine.commands.install_many import install_many
from instui_engine.errors import FetchError, LinesError, ResolutionError, UsageError
from instui_engine.fs import files
from instui_engine.journal import events
from instui_engine.resolve import many, uv
from instui_engine.resolve.request import Request
from instui_engine.session.options import Options
from support.cli import error_line, everything, installed, ok
from support.environments import PATIENCE, Lines, Venv
from support.many_wheels import make_many
from support.trees import complete, differences, tree, unlisted
from support.wheelsmith import build_wheel

OPTIONS = ("--no-fsync", "--ui", "plain", "--no-index")


class Many:
    """A list of wheel files, and runs of it within this process, which need no uv."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.place.mkdir()
        self.file = place / "list.txt"
        self.lines = Lines([])

    def wheel(self, name: str, files: dict[str, bytes], **options: Any) -> Path:
        return build_wheel(self.place, name, "1", {f"{name}.py": name.encode(), **files}, **options)

    def write(self, *lines: object) -> None:
        self.file.write_text("".join(f"{line}\n" for line in lines))

    def run(self, venv: Venv, request: Request | None = None, limit: int = 0, **options: Any) -> Outcome:
        lines: list[str] = []
        chosen = Options(**{"cache": venv.cache, "jobs": 2, "fsync": False, "lock_timeout": PATIENCE, **options})
        recording = Recording((lines.append,), ("instui", "install-many"))
        outcome = install_many(
            str(self.file), venv.environment, chosen, recording=recording, limit=limit, request=request
        )
        self.lines = Lines(lines)
        return outcome

    def put(self, venv: Venv, **options: Any) -> None:
        outcome = self.run(venv, **options)
        assert (outcome.exit_code, outcome.error) == (0, "")

    def failed(self) -> dict[str, str]:
        return {event.wheel: event.error for event in self.lines.of(events.WheelFailed)}


@pytest.fixture
def listed(tmp_path: Path) -> Many:
    return Many(tmp_path / "listed")


def numbers(outcome: Outcome) -> tuple[int, ...]:
    assert isinstance(outcome.failure, LinesError), outcome.error
    return outcome.failure.numbers


# --- what is chosen


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Two versions of alpha of which the newer has no wheel for this platform, beta in two, gamma, which needs beta."""
    place = tmp_path / "index"
    place.mkdir()
    for version in ("1", "2"):
        build_wheel(place, "alpha", version, {"alpha.py": version.encode(), "shared/a.py": b"of alpha"})
        build_wheel(place, "beta", version, {"beta.py": version.encode()})
    build_wheel(place, "alpha", "3", {"alpha.py": b"3"}, tag="cp311-cp311-win_amd64")
    build_wheel(place, "gamma", "1", {"gamma.py": b"", "shared/a.py": b"of gamma"}, requires=["beta", "delta"])
    return place


def test_each_line_gets_its_newest_matching_wheel_and_no_dependencies(
    venv: Callable[[], Venv], index: Path, tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    listed = tmp_path / "list.txt"
    listed.write_text(
        "# a comment\n\ngamma  # needs beta\nalpha[extra]\nbeta<2; python_version > '3'\nnone; os_name=='x'\n"
    )
    said = ok(run_instui("install-many", listed, *OPTIONS, "--find-links", index, "--python", target.top))
    assert installed(target.site) == {"gamma": "1", "alpha": "2", "beta": "1"}
    assert all((target.site / f"{name}.dist-info" / "REQUESTED").exists() for name in ("gamma-1", "alpha-2", "beta-1"))
    assert "installed 3 wheels" in said
    assert (target.site / "shared" / "a.py").read_bytes() == b"of alpha"  # the later line, whatever uv's order is


def test_the_newest_wheel_replaces_what_is_installed_and_what_is_wanted_stays(
    venv: Callable[[], Venv], index: Path, tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    target.put(index / "alpha-1-py3-none-any.whl", index / "gamma-1-py3-none-any.whl")
    listed = tmp_path / "list.txt"
    listed.write_text("gamma\nalpha\n")
    arguments = ("install-many", listed, *OPTIONS, "--find-links", index, "--python", target.top)
    assert "already installed: 1 · replaced: 1 old version" in ok(run_instui(*arguments))
    assert installed(target.site) == {"alpha": "2", "gamma": "1"}
    assert ok(run_instui(*arguments)).endswith("already installed: gamma 1, alpha 2; nothing to do\n")


def test_only_so_many_lines_as_the_limit_are_read_also_from_stdin(
    venv: Callable[[], Venv], index: Path, run_instui: Run
) -> None:
    target = venv()
    options = (*OPTIONS, "--find-links", index, "--python", target.top, "--limit", 2)
    ok(run_instui("install-many", "-", *options, input="# two\nalpha\n\nbeta\ngamma\nnot a line\n"))
    assert installed(target.site) == {"alpha": "2", "beta": "2"}


# --- lines that fail


def test_lines_that_cannot_be_resolved_fail_alone_each_with_its_number_and_reason(
    venv: Callable[[], Venv], index: Path, tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    listed = tmp_path / "list.txt"
    listed.write_text(
        "nosuch\nalpha\nalpha==3\nbeta==9\n-r other.txt\nnot a line\n"
        "./missing-1-py3-none-any.whl\ngamma\nbeta\nbeta<2\n"
    )
    done = run_instui("install-many", listed, *OPTIONS, "--find-links", index, "--python", target.top)
    said = error_line(done, 1)
    assert said == (
        f"6 of 10 lines of {listed} failed, and the others are installed (lines 1, 3, 4, 5, 6, 7; the first one: no "
        "solution: because nosuch was not found in the provided package locations and you require nosuch)"
    )
    assert installed(target.site) == {"alpha": "2", "gamma": "1", "beta": "1"}
    for words in (
        "failed: nosuch: line 1: no solution: because nosuch was not found",
        "failed: alpha==3 (line 3): no solution: ",
        "failed: beta==9 (line 4): no solution: ",
        "failed: -r other.txt (line 5): -r other.txt is an option; give it to the command",
        "failed: not a line (line 6): not a line is not a requirement",
        "missing-1-py3-none-any.whl: No such file or directory",
    ):
        assert done.stdout.count(words) == 1, words


def test_what_contradicts_an_earlier_line_of_the_same_project_fails(
    venv: Callable[[], Venv], index: Path, tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    listed = tmp_path / "list.txt"
    wheel = index / "beta-1-py3-none-any.whl"
    listed.write_text(f"alpha<2\nalpha==2\nalpha>=1\n{wheel}\nbeta\n{wheel}\n")
    done = run_instui("install-many", listed, *OPTIONS, "--find-links", index, "--python", target.top)
    assert "(lines 2, 5; the first one: " in error_line(done, 1)
    assert "(line 2): no solution: because you require alpha<2 and alpha==2" in done.stdout
    assert f"(line 5): beta was asked for by line 4, from file://{wheel}" in done.stdout
    assert installed(target.site) == {"alpha": "1", "beta": "1"}


class Questions:
    """How often uv was run, and on how many lines it decided in all."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.runs = self.lines = 0
        finished, decide = uv.finished, uv.Uv.decide

        def counted(*arguments: Any) -> Any:
            self.runs += 1
            return finished(*arguments)

        def decided(asked: Any, *arguments: Any, **options: Any) -> Any:
            self.lines += len(asked._wanted.requirements)
            return decide(asked, *arguments, **options)

        patch.setattr(uv, "finished", counted)
        patch.setattr(uv.Uv, "decide", decided)


def _among(count: int, *bad: int) -> list[str]:
    return [f"nosuch{place}" if place in bad else f"many-{place:05}" for place in range(count)]


@pytest.fixture(scope="module")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The list of 100 wheels that collide now and then, beside them."""
    return make_many(tmp_path_factory.mktemp("hundred"), 100, files=10)


@pytest.fixture
def asking(clean_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Questions:
    for name, value in clean_environ.items():
        monkeypatch.setenv(name, value)
    return Questions(monkeypatch)


def test_uv_is_asked_once_for_all_lines_and_once_more_for_each_that_fails(
    listed: Many, venv: Callable[[], Venv], hundred: Path, asking: Questions
) -> None:
    here = Request(find_links=(str(hundred.parent),), no_index=True)
    listed.write(*_among(100))
    listed.put(venv(), request=here, dry_run=True)
    assert (asking.runs, asking.lines) == (2, 100)  # what to install, and its files
    asking.runs = asking.lines = 0
    listed.write(*_among(100, 7, 70, 71))
    assert numbers(listed.run(venv(), request=here, dry_run=True)) == (8, 71, 72)
    assert asking.runs <= 8
    assert asking.lines <= 300


def test_where_uv_does_not_name_the_line_it_is_found_by_halving(
    listed: Many, venv: Callable[[], Venv], hundred: Path, asking: Questions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "_named_in", lambda error, projects: None)
    listed.write(*_among(100, 7, 70))
    here = Request(find_links=(str(hundred.parent),), no_index=True)
    outcome = listed.run(venv(), request=here, dry_run=True)
    assert numbers(outcome) == (8, 71)
    assert len(listed.lines.of(events.PlanWheel)) == 98
    assert asking.runs <= 40


def test_an_index_that_does_not_answer_is_no_fault_of_the_lines(
    listed: Many, venv: Callable[[], Venv], asking: Questions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        uv.Uv, "decide", lambda *_, **__: (_ for _ in ()).throw(ResolutionError("the index answered 503"))
    )
    listed.write(*_among(100))
    outcome = listed.run(venv(), request=Request())
    assert type(outcome.failure) is ResolutionError
    assert listed.failed() == {}


def test_a_wheel_that_must_be_refused_or_is_not_the_one_that_is_demanded_fails_alone(
    listed: Many, venv: Callable[[], Venv]
) -> None:
    good = listed.wheel("good", {})
    cut = listed.wheel("cut", {})
    cut.write_bytes(cut.read_bytes()[:-30])
    other = listed.wheel("other", {})
    vital = listed.wheel("vital", {}, data={"data/pyvenv.cfg": b"home = /nowhere\n"})
    foreign = listed.wheel("foreign", {}, tag="cp27-cp27m-win32")
    last = listed.wheel("last", {})
    target = venv()
    before = everything(target.top)
    listed.write(cut, f"{other} --hash=sha256:{'0' * 64}", vital, foreign)
    assert numbers(listed.run(target)) == (1, 2, 3, 4)
    assert {path: what for path, what in everything(target.top).items() if ".instui" not in path} == {
        path: what for path, what in before.items() if ".instui" not in path
    }
    listed.write(good, cut, f"{other} --hash=sha256:{'0' * 64}", vital, foreign, last)
    outcome = listed.run(target)
    assert numbers(outcome) == (2, 3, 4, 5)
    assert set(outcome.installed) == {"good", "last"}
    failed = listed.failed()
    assert "not a zip archive" in failed["cut"] or "end record" in failed["cut"]
    assert "is not the file that is demanded" in failed["other"]
    assert "pyvenv.cfg would replace a vital part" in failed["vital"]
    assert "does not fit this environment" in failed["foreign"]
    assert installed(target.site) == {"good": "1", "last": "1"}
    assert unlisted(target.site) == []
    assert target.stages() == []


def test_a_file_where_an_earlier_line_has_a_directory_fails_the_later_one_in_its_chunk_or_another(
    listed: Many, venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed.write(
        listed.wheel("one", {"thing/a.py": b""}), listed.wheel("two", {"thing": b""}), listed.wheel("three", {})
    )
    for chunk in (10, 1):
        monkeypatch.setattr(module, "CHUNK", chunk)
        target = venv()
        assert numbers(listed.run(target)) == (2,)
        assert installed(target.site) == {"one": "1", "three": "1"}


def test_many_downloads_that_fail_are_the_networks_fault(
    listed: Many, venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_FETCHES", 3)
    listed.write(*(f"http://localhost:1/name{place}-1-py3-none-any.whl" for place in range(10)))
    outcome = listed.run(venv(), request=Request(offline=True))
    assert not isinstance(outcome.failure, LinesError | FetchError)
    assert "3 downloads have failed, so no more are tried" in outcome.error
    assert len(listed.failed()) == 2


# --- winners


def collide(listed: Many) -> list[Path]:
    """Wheels that meet in twos and threes, a command among them."""
    point = "[console_scripts]\ntool = {0}:main\n"
    return [
        listed.wheel("aa", {"tests/a.py": b"aa", "tests/b.py": b"aa", "LICENSE": b"aa"}),
        listed.wheel("bb", {"tests/b.py": b"bb", "space/__init__.py": b""}, entry_points=point.format("bb")),
        listed.wheel("cc", {"tests/a.py": b"cc", "space/__init__.py": b""}),
        listed.wheel("dd", {"LICENSE": b"dd", "tests/c.py": b"dd"}, entry_points=point.format("dd")),
        listed.wheel("ee", {"tests/c.py": b"ee", "tests/b.py": b"ee"}),
    ]


def same(one: Venv, other: Venv) -> None:
    """Both environments have the same tree; launchers and pyvenv.cfg name their own."""
    assert differences(_apart(one), _apart(other)) == []


def _apart(venv: Venv) -> dict[str, str]:
    found = tree(venv.site)
    tool = venv.top / "bin" / "tool"
    if tool.exists():
        found["bin/tool"] = tool.read_text().partition("\n")[2]
    return {path: what for path, what in found.items() if not path.endswith("RECORD")}


def test_the_later_line_wins_as_in_a_series_of_installs_whatever_the_chunks(
    listed: Many, venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = collide(listed)
    listed.write(*wheels)
    series = venv()
    for wheel in wheels:
        series.put(wheel)
    for chunk in (1, 2, 3, 100):
        monkeypatch.setattr(module, "CHUNK", chunk)
        target = venv()
        listed.put(target, jobs=4)
        same(target, series)
        assert [event.order for event in listed.lines.of(events.PlanWheel)] == [0, 1, 2, 3, 4]
        sizes = [event.wheels for event in listed.lines.of(events.PlanFinished)]
        assert (sum(sizes), max(sizes)) == (5, min(chunk, 5))  # so memory does not grow with the list
        assert target.stages() == []
    assert complete(target.site, "ee-1")


@pytest.mark.parametrize("late", [("aa",), ("bb",), ("aa", "bb"), ("aa", "dd"), ("cc",), ("bb", "ee")])
@pytest.mark.parametrize("chunk", [1, 100])
def test_a_line_that_failed_at_first_loses_to_the_lines_behind_it_when_it_is_installed(
    listed: Many, venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch, late: Sequence[str], chunk: int
) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    wheels = collide(listed)
    listed.write(*wheels)
    whole, target = venv(), venv()
    listed.put(whole)
    kept = {wheel: wheel.read_bytes() for wheel in wheels if wheel.name[:2] in late}
    for wheel in kept:
        wheel.write_bytes(b"broken")
    outcome = listed.run(target, cache=target.top / "cache")
    assert len(numbers(outcome)) == len(late)
    for wheel, content in kept.items():
        wheel.write_bytes(content)
    listed.put(target, cache=target.top / "cache")
    same(target, whole)
    listed.put(target, cache=target.top / "cache")
    assert listed.lines.of(events.CommitFinished) == []  # nothing is left to do
    # what lies under the winners is in order, too
    for name in ("ee", "dd", "cc", "bb", "aa"):
        whole.remove(name)
        target.remove(name)
        same(target, whole)


def test_reads_of_records_grow_with_the_list_and_not_with_the_chunks(
    listed: Many, venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 4)
    reads: list[str] = []
    read = files.read_regular

    def counted(path: str | os.PathLike[str], *, follow: bool = True) -> bytes:
        reads.extend([os.fspath(path)] if os.fspath(path).endswith("/RECORD") else [])
        return read(path, follow=follow)

    monkeypatch.setattr("instui_engine.target.installed.read_regular", counted)
    listed.write(*(listed.wheel(f"name{place:02}", {"shared.py": f"{place}".encode()}) for place in range(40)))
    listed.put(venv())
    assert 39 <= len(reads) <= 2 * 40  # the last one is asked by nobody


def test_a_run_that_ends_before_the_overwritten_are_installed_again_is_mended_by_the_next(
    listed: Many, venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = collide(listed)
    listed.write(*wheels)
    whole, target = venv(), venv()
    listed.put(whole)
    target.put(*wheels[1:])
    with monkeypatch.context() as killed:
        killed.setattr(module._Many, "_mend", lambda *_: None)
        listed.put(target)
    assert _apart(target) != _apart(whole)
    listed.put(target)
    same(target, whole)
    again = [event.wheel for event in listed.lines.of(events.CommitFinished)]
    assert again == ["bb", "cc", "dd", "ee"]


def test_files_of_what_is_not_in_the_list_are_overwritten_and_come_back(listed: Many, venv: Callable[[], Venv]) -> None:
    wheels = collide(listed)
    target = venv()
    target.put(wheels[4])
    listed.write(*wheels[:2])
    listed.put(target)
    assert (target.site / "tests" / "b.py").read_bytes() == b"bb"
    target.remove("bb", "aa")
    assert (target.site / "tests" / "b.py").read_bytes() == b"ee"


def test_under_fail_on_conflict_the_later_line_fails_and_overwrites_nothing(
    listed: Many, venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed.write(*collide(listed), listed.wheel("ff", {"tests/c.py": b"of ff"}))  # as dd, which fails before
    for chunk in (100, 1):
        monkeypatch.setattr(module, "CHUNK", chunk)
        target = venv()
        outcome = listed.run(target, fail_on_conflict=True)
        assert (numbers(outcome), outcome.exit_code) == ((2, 3, 4, 5), 3)
        assert "of aa 1 would be replaced by bb 1" in listed.failed()["bb"]
        assert installed(target.site) == {"aa": "1", "ff": "1"}
        assert complete(target.site, "aa-1")
        assert complete(target.site, "ff-1")


def test_a_dry_run_names_what_would_be_done_and_writes_nothing(listed: Many, venv: Callable[[], Venv]) -> None:
    wheels = collide(listed)
    listed.write(*wheels[:3], listed.place / "missing-1-py3-none-any.whl")
    target = venv()
    before = everything(target.top)
    outcome = listed.run(target, dry_run=True)
    assert numbers(outcome) == (4,)
    assert "would fail (line 4: " in outcome.error
    assert everything(target.top) == before
    assert [event.wheel for event in listed.lines.of(events.PlanWheel)] == ["aa", "bb", "cc"]


def test_a_list_that_cannot_be_read_or_asks_for_nothing_is_a_usage_error(
    listed: Many, venv: Callable[[], Venv]
) -> None:
    target = venv()
    assert isinstance(listed.run(target).failure, UsageError)
    listed.write("# nothing", "")
    assert isinstance(listed.run(target).failure, UsageError)


# --- what is shown


def test_the_screen_has_a_row_for_each_line_and_the_summary_each_failure(
    listed: Many, venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    wheels = collide(listed)
    broken = [f"bad line {place}" for place in range(15)]
    listed.write(*wheels, *broken)
    listed.run(venv())
    fold = Fold()
    rows_before = 0
    for t, event in listed.lines.events:
        fold.feed(t, event)
        if isinstance(event, events.PlanFinished) and not rows_before:
            rows_before = len(fold.snapshot(t).wheels)
    assert rows_before == 20  # all rows are there before the first chunk is committed
    snapshot = fold.snapshot(0.0)
    assert len(snapshot.wheels) == 20
    lines = summary(snapshot)
    assert lines[0].startswith("installed 5 wheels, ")
    assert [line for line in lines if line.startswith("  failed: ")] == [
        f"  failed: bad line {place} (line {place + 6}): bad line {place} is not a requirement: "
        "Expected semicolon (after name with no version specifier) or end"
        for place in range(15)
    ]


# --- the proof of growth


def _digest(venv: Venv) -> str:
    lines = [f"{path}\0{what}\n" for path, what in sorted(_apart(venv).items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def test_the_tree_is_the_same_in_one_go_and_killed_and_gone_on_with(
    venv: Callable[[], Venv],
    tmp_path: Path,
    hundred: Path,
    sweeping: bool,
    run_instui: Run,
    start_instui: Start,
) -> None:
    count = 1000 if sweeping else 100
    file = make_many(tmp_path / "thousand", count) if sweeping else hundred
    places = ("--no-index", "--find-links", file.parent)
    whole, killed = venv(), venv()
    ok(run_instui("install-many", file, *OPTIONS[:3], *places, "--python", whole.top))
    session = start_instui(killed, file, *places, "--slow", "0.2", command="install-many")
    for name in ("many-00007", "many-00011"):
        session.wait_for(events.CommitFinished, name)
    session.process.send_signal(signal.SIGKILL)
    session.process.wait()
    left = installed(killed.site)
    assert 1 <= len(left) < count
    ok(run_instui("install-many", file, *OPTIONS[:3], *places, "--python", killed.top))
    assert len(installed(killed.site)) == count
    assert _digest(killed) == _digest(whole)


@pytest.mark.network
def test_downloaded_packages_are_installed_from_the_index(
    venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    names = Path(__file__).with_name("most_downloaded.txt")
    target = venv()
    online = {**os.environ, "UV_OFFLINE": "0", "UV_CACHE_DIR": str(tmp_path / "uv")}
    options = ("--limit", 10, *OPTIONS[:3], "--python", target.top)
    ok(run_instui("install-many", names, *options, env=online, timeout=280))
    assert len(installed(target.site)) == 10
