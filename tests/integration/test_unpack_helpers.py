"""Wheels that helper processes unpack: the same entries and the same errors, and a lost process loses nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Start
from instui_engine import helper
from instui_engine.commands.command import Recording
from instui_engine.commands.install import install
from instui_engine.errors import BadWheelError, InstuiError, Interrupted
from instui_engine.fetch import transport
from instui_engine.fs.rmtree import remove_tree
from instui_engine.journal.events import (
    FetchFinished,
    ResolveFinished,
    ResolveProgress,
    UnpackFinished,
    UnpackProgress,
    UnpackStarted,
)
from instui_engine.resolve.request import Request
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.store import obtain, store
from instui_engine.store.local import LocalDigests
from instui_engine.store.unpack import Job, Progress, unpack
from instui_engine.store.unpackers import InHelper, InThisProcess
from instui_engine.wheel.manifest import dump
from support import trees
from support.corpus import CASES
from support.corpus.model import Refused
from support.environments import Lines, Venv, until
from support.indexes import add_wheel
from support.webserver import WebServer
from support.wheelsmith import build_wheel

QUIET = Progress(lambda files, size: None, lambda done, files: None)


@pytest.fixture
def there() -> Iterator[InHelper]:
    process = helper.start("instui_engine.store.unpack_helper")
    assert process is not None
    unpacker = InHelper(process)
    yield unpacker
    unpacker.close()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Helpers are worth their start for the smallest wheels; the pids of those that were started."""
    pids = []
    start = helper.start

    def noted(*arguments: Any) -> Any:
        process = start(*arguments)
        assert process is not None
        pids.append(process.pid)
        return process

    monkeypatch.setattr(obtain, "WORTHWHILE", 1)
    monkeypatch.setattr(helper, "start", noted)
    return pids


@pytest.fixture
def fresh(venv: Callable[[], Venv], tmp_path: Path) -> Callable[[], Venv]:
    """Environments that share a cache of this test's own."""
    return lambda: Venv(venv().top, tmp_path / "cache")


def make_wheels(place: Path, count: int) -> list[Path]:
    place.mkdir()
    return [
        build_wheel(place, f"w{n}", "1.0", {f"w{n}/{m}.py": os.urandom(200_000) for m in range(10)})
        for n in range(count)
    ]


def left(cache: Path) -> list[Path]:
    return list(cache.glob("store-*/new/*"))


def test_what_is_wrong_with_a_download_is_said_of_the_wheel_not_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "0123.part").write_bytes(b"no archive, but long enough to be looked at")
    job = Job(str(tmp_path / "0123.part"), "a-1.0-py3-none-any.whl", str(tmp_path / "place"), (), "")
    with pytest.raises(BadWheelError, match=r"^a-1\.0-py3-none-any\.whl: ") as caught:
        unpack(job, QUIET, lambda: False)
    assert caught.value.wheel == job.filename


def test_helper_processes_unpack_what_is_worth_it(
    started: list[int], fresh: Callable[[], Venv], tmp_path: Path
) -> None:
    target = fresh()
    target.put(*make_wheels(tmp_path / "in", 6), jobs=3)
    assert len(started) == 2  # this process is the third
    assert [trees.complete(target.site, f"w{n}-1.0") for n in range(6)] == [True] * 6
    assert len(target.lines.of(UnpackStarted)) == len(target.lines.of(UnpackFinished)) == 6
    assert left(target.cache) == []
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_few_small_wheels_are_not_worth_a_helper(
    fresh: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper, "start", lambda *_: pytest.fail("not worth it"))
    fresh().put(*(build_wheel(tmp_path, f"w{n}", "1.0", {f"w{n}.py": b""}) for n in range(3)), jobs=3)


def test_a_helper_gives_the_same_manifest(there: InHelper, tmp_path: Path) -> None:
    (wheel,) = make_wheels(tmp_path / "in", 1)
    manifests = []
    for number, unpacker in enumerate((InThisProcess(), there)):
        directory = tmp_path / str(number)
        directory.mkdir()
        seen: list[tuple[int, int]] = []
        progress = Progress(lambda files, size, seen=seen: seen.append((files, size)), lambda done, files: None)  # type: ignore[misc]
        manifest = unpacker.unpack(Job(str(wheel), wheel.name, str(directory), (), ""), progress, lambda: False)
        assert dump(manifest) == (directory / "manifest").read_bytes()
        assert seen == [(13, manifest.size)]
        manifests.append(manifest._replace(sealed=0))
    assert manifests[0] == manifests[1]
    digests = LocalDigests(tmp_path / "cache")
    demands = (frozenset({f"sha512:{'0' * 128}"}),)
    assert [each.read(digests, str(wheel), demands, lambda: False) for each in (InThisProcess(), there)] == [
        digests.read(str(wheel), demands)
    ] * 2


@pytest.mark.timeout(600)
def test_a_helper_refuses_hostile_wheels_with_the_same_error(there: InHelper, tmp_path: Path) -> None:
    """Class, line and fields; a bomb among them, and wheels that cannot be read."""
    refused = 0
    digests = LocalDigests(tmp_path / "cache")
    for number, case in enumerate(CASES):
        if not isinstance(case.outcome, Refused):
            continue
        wheel = case.write(tmp_path / f"in{number}")
        errors = []
        for unpacker in (InThisProcess(), there):
            directory = tmp_path / "out"
            directory.mkdir()
            try:
                unpacker.read(digests, str(wheel), (), lambda: False)
                unpacker.unpack(Job(str(wheel), wheel.name, str(directory), (), ""), QUIET, lambda: False)
            except InstuiError as error:
                errors.append((type(error), str(error), vars(error)))
            remove_tree(directory)
        assert len(errors) in (0, 2), case.name
        assert not errors or errors[0] == errors[1]
        refused += bool(errors)
    assert refused > 200
    assert not there._is_lost


@pytest.mark.parametrize("moment", [UnpackStarted, UnpackProgress])
def test_a_wheel_whose_helper_is_killed_is_unpacked_again(
    moment: type, there: InHelper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wheel,) = make_wheels(tmp_path / "in", 1)
    directory = tmp_path / "out"
    directory.mkdir()

    def kill(*_: int) -> None:
        if not there._is_lost:
            os.kill(there._process.pid, signal.SIGKILL)

    progress = Progress(
        *((kill, lambda done, files: None) if moment is UnpackStarted else (lambda files, size: None, kill))
    )
    manifest = there.unpack(Job(str(wheel), wheel.name, str(directory), (), ""), progress, lambda: False)
    assert manifest.files == 13
    assert dump(manifest) == (directory / "manifest").read_bytes()
    assert len(list((directory / "files").rglob("*.py"))) == 10
    assert there.read(LocalDigests(tmp_path), str(wheel), (), lambda: False).sha256


def test_a_session_whose_helpers_are_killed_installs_all(
    started: list[int], fresh: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = InHelper.unpack

    def kill(self: InHelper, job: Job, *rest: Any) -> Any:
        if started:
            os.kill(started.pop(), signal.SIGKILL)
        return real(self, job, *rest)

    monkeypatch.setattr(InHelper, "unpack", kill)
    target = fresh()
    target.put(*make_wheels(tmp_path / "in", 6), jobs=3)
    assert [trees.complete(target.site, f"w{n}-1.0") for n in range(6)] == [True] * 6
    assert left(target.cache) == []


def test_a_session_that_is_stopped_while_helpers_unpack_leaves_nothing(
    started: list[int], fresh: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a helper that does not run any more does not keep it."""
    control = Control()
    real = InHelper._converse

    def stop(self: InHelper, request: tuple[Any, ...], *rest: Any) -> Any:
        if request[0] == "unpack":
            os.kill(self._process.pid, signal.SIGSTOP)
            control.cancel(143)
        return real(self, request, *rest)

    monkeypatch.setattr(InHelper, "_converse", stop)
    target = fresh()
    before = trees.tree(target.top)
    outcome = target.install(*make_wheels(tmp_path / "in", 6), jobs=3, control=control)
    assert (outcome.exit_code, outcome.error) == (
        143,
        "interrupted: 0 of 6 distributions are installed; run the same command again to go on",
    )
    assert left(target.cache) == []
    assert trees.differences(before, trees.tree(target.top)) == []
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_session_that_is_killed_while_helpers_unpack_leaves_none_of_them_and_is_made_up_for(
    fresh: Callable[[], Venv], tmp_path: Path, start_instui: Start
) -> None:
    target = fresh()
    wheels = make_wheels(tmp_path / "in", 8)  # 16 MB
    arguments = ("--cache-dir", target.cache, "--jobs", 3, *wheels)
    session = start_instui(target, *arguments)
    session.wait_for(UnpackStarted)
    with session.stopped():
        children = Path(f"/proc/{session.process.pid}/task/{session.process.pid}/children").read_text().split()
        assert len(children) == 2
        session.process.kill()
    session.process.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))
    assert not list(target.site.glob("w*"))
    assert start_instui(target, *arguments).finish() == (0, "")
    assert [trees.complete(target.site, f"w{n}-1.0") for n in range(8)] == [True] * 8


def test_a_helper_that_is_in_the_middle_when_its_work_is_dropped_is_ended(there: InHelper, tmp_path: Path) -> None:
    (wheel,) = make_wheels(tmp_path / "in", 1)
    directory = tmp_path / "out"
    directory.mkdir()
    with pytest.raises(Interrupted):
        there.unpack(Job(str(wheel), wheel.name, str(directory), (), ""), QUIET, lambda: True)
    with pytest.raises(ProcessLookupError):
        os.kill(there._process.pid, 0)


def test_a_helper_loads_only_what_unpacking_needs() -> None:
    code = "import sys; sys.path += sys.argv[1:]; import instui_engine.store.unpack_helper; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, *sys.path], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert "instui_engine.wheel.extract" in loaded
    others = ("instui.", "urllib3", "instui_engine.session", "instui_engine.fetch", "instui_engine.journal")
    assert [name for name in loaded if name.startswith(others)] == []


def test_each_directory_is_swept_once_for_all_wheels(
    fresh: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = []
    real = store.sweep
    monkeypatch.setattr(store, "sweep", lambda place, *prefix: (listed.append(place.name), real(place, *prefix)))
    fresh().put(*make_wheels(tmp_path / "in", 5))
    assert sorted(listed) == ["downloads", "new"]


def test_what_is_unpacked_is_flushed_meanwhile_and_a_disk_that_fails_then_fails_the_install(
    fresh: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the disk is reported once: the sync before the entries appear would not see it again."""
    monkeypatch.setattr(obtain, "_FLUSH", 0.001)
    failing = [True]

    def fail(path: Path) -> None:
        if failing.pop() if failing else False:
            raise OSError(5, os.strerror(5), str(path))

    monkeypatch.setattr(store, "sync_filesystem", fail)
    (wheel,) = make_wheels(tmp_path / "in", 1)
    target = fresh()
    outcome = target.install(wheel, fsync=True, slow=0.5)
    assert outcome.exit_code == 1
    assert "the cache is not writable" in outcome.error
    assert os.strerror(5) in outcome.error
    assert left(target.cache) == []
    target.put(wheel, fsync=True)


@pytest.mark.parametrize("is_new", [True, False], ids=["empty store", "used store"])
def test_what_is_sure_to_be_needed_is_loaded_while_uv_decides_and_started_while_it_lists_the_files(
    is_new: bool, fresh: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the store has anything, it may have all."""
    target = fresh()
    if not is_new:
        target.put(build_wheel(tmp_path, "other", "1.0", {"other.py": b""}))
    lines: list[str] = []
    questions: dict[str, list[int]] = {"helper": [], "library": []}  # how often uv was asked by then

    def note(what: str) -> None:
        if not Lines(lines).of(ResolveFinished):
            asked = [
                step for step in Lines(lines).of(ResolveProgress) if step.doing.startswith(("deciding", "listing"))
            ]
            questions[what].append(len(asked))

    monkeypatch.setattr(helper, "start", lambda *_: note("helper"))
    monkeypatch.setattr(transport, "load_library", lambda: note("library"))
    monkeypatch.setenv("UV_OFFLINE", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    names = [f"w{n}" for n in range(8)]
    with WebServer() as server:
        for name in names:
            add_wheel(server, build_wheel(tmp_path, name, "1.0", {f"{name}.py": b""}))
        request = Request(arguments=tuple(names), index_url=server.url("/simple"))
        options = Options(cache=target.cache, jobs=2, fsync=False)
        outcome = install(request, target.environment, options, recording=Recording((lines.append,)))
    assert (outcome.exit_code, outcome.error) == (0, "")
    assert len(Lines(lines).of(FetchFinished)) == 8
    assert questions == ({"helper": [2], "library": [1]} if is_new else {"helper": [], "library": []})


def test_what_cannot_be_loaded_ahead_ends_nothing(
    fresh: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fail() -> None:
        calls.append("load")
        raise ImportError("no module named x")

    monkeypatch.setattr(transport, "load_library", fail)
    monkeypatch.setenv("UV_OFFLINE", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    target = fresh()
    with WebServer() as server:
        add_wheel(server, build_wheel(tmp_path, "w", "1.0", {"w.py": b""}))
        request = Request(arguments=("w",), index_url=server.url("/simple"))
        outcome = install(request, target.environment, Options(cache=target.cache, fsync=False))
    assert (calls, outcome.exit_code, outcome.error) == (["load"], 0, "")
