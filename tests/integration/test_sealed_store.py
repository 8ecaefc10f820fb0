"""What is done to a file of the store, on purpose or through an environment's hard link, never gets anywhere else."""

import ctypes
import hashlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import Run, Start
from instui_engine.errors import InstuiError
from instui_engine.fs.durability import boot
from instui_engine.journal.events import StageFinished, StageStarted, UnpackFinished, Warned
from instui_engine.journal.writer import Journal
from instui_engine.plan.planner import plan_wheels
from instui_engine.resolve.request import LockedWheel
from instui_engine.session.context import Context, Control
from instui_engine.session.options import Options
from instui_engine.session.session import alive
from instui_engine.stage import linker, together
from instui_engine.stage.linker import read_sealed
from instui_engine.stage.linking import Changed, Job
from instui_engine.stage.staging import Staging
from instui_engine.stage.team import Team
from instui_engine.store.acquire import Damage, rebuild
from instui_engine.store.entry import Entry
from instui_engine.store.store import Store
from instui_engine.target.installed import scan
from instui_engine.wheel import manifest as manifests
from support import trees
from support.cli import error_line
from support.environments import Venv, until
from support.processes import is_alive, state
from support.webserver import Page, WebServer
from support.wheelsmith import build_wheel

MODES = ("hardlink", "copy", "clone", "symlink")
TEXT = b"answer = 42\n"
WRONG = b"answer = 13\n"
SCRIPT = b"#!python\nprint('true')\n"


def make_wheel(place: Path) -> Path:
    return build_wheel(
        place, "tool", "1.0", {"tool/a.py": TEXT, "tool/b.py": b"b\n", "one.py": b""}, data={"scripts/run": SCRIPT}
    )


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return make_wheel(tmp_path)


@pytest.fixture
def fresh(venv: Callable[[], Venv], tmp_path: Path) -> Callable[[], Venv]:
    """Environments that share a cache of this test's own."""
    return lambda: Venv(venv().top, tmp_path / "cache")


def in_store(cache: Path, path: str) -> Path:
    (found,) = cache.glob(f"store-*/??/*/files/{path}")
    return found


def edit_in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(WRONG[: path.stat().st_size])


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def make_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def remove_parent(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_bytes(b"")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "edited": edit_in_place,
    "truncated": lambda path: os.truncate(path, 3),
    "appended": append,
    "touched": os.utime,
    "replaced": replace,
    "removed": Path.unlink,
    "link": make_link,
    "directory": make_directory,
    "pipe": make_pipe,
    "parent": remove_parent,
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_goes_to_no_other_environment(
    damage: str, mode: str, wheel: Path, fresh: Callable[[], Venv]
) -> None:
    first, second, third = fresh(), fresh(), fresh()
    first.put(wheel)
    stored = in_store(first.cache, "tool/a.py")
    DAMAGES[damage](stored)
    second.put(wheel, link_mode=mode)
    (warning,) = second.lines.of(Warned)
    assert str(stored) in warning.text
    assert len(second.lines.of(UnpackFinished)) == 1
    assert trees.complete(second.site, "tool-1.0")
    assert (second.site / "tool" / "a.py").read_bytes() == TEXT
    third.put(wheel, link_mode=mode)
    assert (third.lines.of(Warned), third.lines.of(UnpackFinished)) == ([], [])
    assert trees.complete(third.site, "tool-1.0")


def test_an_edit_through_an_environment_stays_in_it(wheel: Path, fresh: Callable[[], Venv]) -> None:
    first, second = fresh(), fresh()
    first.put(wheel)
    edit_in_place(first.site / "tool" / "a.py")
    assert in_store(first.cache, "tool/a.py").read_bytes() == WRONG, "they are one file"
    second.put(wheel)
    assert (first.site / "tool" / "a.py").read_bytes() == WRONG
    assert (second.site / "tool" / "a.py").read_bytes() == in_store(first.cache, "tool/a.py").read_bytes() == TEXT
    first.put(wheel, reinstall=True)
    assert trees.complete(first.site, "tool-1.0")


def test_a_damaged_script_is_not_generated_from(wheel: Path, fresh: Callable[[], Venv]) -> None:
    first, second = fresh(), fresh()
    first.put(wheel)
    edit = in_store(first.cache, "*.data/scripts/run")
    edit.write_bytes(SCRIPT.replace(b"true", b"lies"))
    second.put(wheel)
    assert len(second.lines.of(UnpackFinished)) == 1
    assert b"true" in (second.top / "bin" / "run").read_bytes()
    assert trees.complete(second.site, "tool-1.0")


def test_what_was_staged_of_a_damaged_wheel_is_in_no_ones_way(tmp_path: Path, fresh: Callable[[], Venv]) -> None:
    scripts = {f"scripts/{name}": SCRIPT for name in ("first", "last")}
    wheel = build_wheel(tmp_path, "tool", "1.0", {"tool/a.py": TEXT}, data=scripts)
    first, second = fresh(), fresh()
    first.put(wheel)
    in_store(first.cache, "*.data/scripts/last").write_bytes(SCRIPT.replace(b"true", b"lies"))
    second.put(wheel)
    assert len(second.lines.of(UnpackFinished)) == 1, "it was staged again"
    assert trees.complete(second.site, "tool-1.0")


def test_what_the_helper_process_links_is_checked_too(tmp_path: Path, fresh: Callable[[], Venv]) -> None:
    wheels = [
        build_wheel(tmp_path, name, "1.0", {f"{name}/{n}.py": b"%d" % n for n in range(1600)}) for name in ("aa", "bb")
    ]
    first, second = fresh(), fresh()
    first.put(*wheels, jobs=2)
    for name in ("aa", "bb"):
        edit_in_place(in_store(first.cache, f"{name}/1000.py"))
    second.put(*wheels, jobs=2)
    assert sorted(event.wheel for event in second.lines.of(Warned)) == ["aa", "bb"]
    for name in ("aa", "bb"):
        assert trees.complete(second.site, f"{name}-1.0")


def test_an_entry_that_vanishes_while_a_session_stages_is_made_again(
    wheel: Path, fresh: Callable[[], Venv], start_instui: Start
) -> None:
    first, second = fresh(), fresh()
    first.put(wheel)
    session = start_instui(second, "--cache-dir", first.cache, "--slow", 20, wheel)
    session.wait_for(StageStarted)
    with session.stopped():
        assert session.lines.of(StageFinished) == []
        shutil.rmtree(in_store(first.cache, "tool").parent.parent)
    assert session.finish() == (0, "")
    assert len(session.lines.of(Warned)) == 1
    assert trees.complete(second.site, "tool-1.0")


def test_two_sessions_that_find_an_entry_damaged_both_get_it_whole(
    wheel: Path, fresh: Callable[[], Venv], start_instui: Start
) -> None:
    first = fresh()
    first.put(wheel)
    edit_in_place(in_store(first.cache, "tool/a.py"))
    targets = [fresh() for _ in range(3)]
    sessions = [start_instui(target, "--cache-dir", first.cache, wheel) for target in targets]
    assert [session.finish() for session in sessions] == [(0, "")] * 3
    for target in targets:
        assert trees.complete(target.site, "tool-1.0")
    assert in_store(first.cache, "tool/a.py").read_bytes() == TEXT


def test_without_the_wheel_file_one_line_says_what_to_do(wheel: Path, fresh: Callable[[], Venv]) -> None:
    first, second = fresh(), fresh()
    first.put(wheel)
    stored = in_store(first.cache, "tool/a.py")
    edit_in_place(stored)
    before = trees.tree(second.top)
    context = Context(Options(cache=first.cache, jobs=1), Journal(()), Control())
    store = Store(first.cache)
    entry = store.load(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert entry is not None
    wheel.unlink()
    locked = LockedWheel("tool", "1.0", wheel.name, path=str(wheel))
    with pytest.raises(InstuiError, match=r"changed or removed .*; put .* back"):
        rebuild(context, store, [Damage(locked, entry, str(stored))], (), False)
    assert store.load(entry.sha256) is not None, "the entry stays as it is"
    assert trees.differences(before, trees.tree(second.top)) == []


def test_offline_without_the_wheel_one_line_says_what_to_do(
    wheel: Path, fresh: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    body = wheel.read_bytes()
    lock = tmp_path / "pylock.toml"
    first, second = fresh(), fresh()
    with WebServer() as server:
        url = server.add(f"/{wheel.name}", Page(body))
        digest = hashlib.sha256(body).hexdigest()
        lock.write_text(
            'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "tool"\nversion = "1.0"\n'
            f'[[packages.wheels]]\nname = "{wheel.name}"\nurl = "{url}"\nhashes = {{sha256 = "{digest}"}}\n'
        )
        arguments = ("install", "--pylock", lock, "--cache-dir", first.cache, "--ui", "none", "--python")
        online = {"UV_OFFLINE": "0"}
        assert run_instui(*arguments, first.top, env=online).returncode == 0
        edit_in_place(in_store(first.cache, "tool/a.py"))
        before = trees.tree(second.top)
        line = error_line(run_instui(*arguments, second.top, "--offline"), 1)
        assert "tool 1.0: cached files were changed or removed" in line
        assert "run once without --offline" in line
        assert trees.differences(before, trees.tree(second.top)) == []
        assert run_instui(*arguments, second.top, env=online).returncode == 0
        assert [seen.path for seen in server.seen] == [f"/{wheel.name}"] * 2
    assert trees.complete(second.site, "tool-1.0")


def planned(target: Venv, wheel: Path) -> tuple[Context, Store, LockedWheel, Entry]:
    store = Store(target.cache)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    entry = store.load(digest)
    assert entry is not None
    context = Context(Options(cache=target.cache, jobs=1), Journal(()), Control())
    return context, store, LockedWheel("tool", "1.0", wheel.name, path=str(wheel), sha256=digest), entry


def test_files_that_change_again_and_again_end_in_one_line(
    wheel: Path, fresh: Callable[[], Venv], tmp_path: Path
) -> None:
    target = fresh()
    target.put(wheel)
    context, _, locked, entry = planned(target, wheel)
    plans = plan_wheels(target.environment, scan(target.environment), [(locked, entry)])
    rounds = []

    def spoil(damages: object) -> list[Entry]:
        edit_in_place(in_store(target.cache, "tool/a.py"))
        rounds.append(damages)
        return [entry]

    spoil(None)
    stage = tmp_path / "stage"
    stage.mkdir()
    with pytest.raises(InstuiError, match="change or vanish again and again"):
        Staging(context, target.environment, stage, Team()).run(plans, spoil)
    assert len(rounds) == 3


def test_where_no_seal_stays_files_are_copied_and_compared_with_their_hashes(
    wheel: Path, fresh: Callable[[], Venv]
) -> None:
    """As on a file system that shows another mtime each time."""
    target = fresh()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linker, "link_sealed", _never_sealed)
        patch.setattr(together, "link_job", _never_linked)
        target.put(wheel)
    assert trees.complete(target.site, "tool-1.0")
    assert (target.site / "tool" / "a.py").stat().st_nlink == 1


def _never_linked(job: Job) -> None:
    raise Changed("anything")


def _never_sealed(sealed: int) -> Callable[[str, str], None]:
    def link(source: str, target: str) -> None:
        raise Changed(source)

    return link


def test_an_entry_that_somebody_has_made_again_is_taken_as_it_is(wheel: Path, fresh: Callable[[], Venv]) -> None:
    target = fresh()
    target.put(wheel)
    context, store, locked, entry = planned(target, wheel)
    stored = in_store(target.cache, "tool/a.py")
    before = stored.stat().st_ino
    assert rebuild(context, store, [Damage(locked, entry, str(stored))], (), False) == [entry]
    assert stored.stat().st_ino == before


def test_an_edit_while_a_file_is_copied_shows(wheel: Path, fresh: Callable[[], Venv], tmp_path: Path) -> None:

    target = fresh()
    target.put(wheel)
    _, _, _, entry = planned(target, wheel)
    stored = in_store(target.cache, "tool/a.py")
    assert read_sealed(str(stored), entry.manifest.sealed) == TEXT

    with pytest.raises(Changed), linker._opened(str(stored), entry.manifest.sealed) as file:
        assert file.read() == TEXT
        edit_in_place(stored)


def test_all_files_of_an_entry_have_the_time_of_its_unpacking(wheel: Path, fresh: Callable[[], Venv]) -> None:
    begun = int(time.time())
    target = fresh()
    target.put(wheel)
    entry = planned(target, wheel)[3]
    files = [path for path in Path(entry.files).rglob("*") if path.is_file()]
    assert {path.stat().st_mtime_ns for path in files} == {entry.manifest.sealed}
    assert begun * 10**9 <= entry.manifest.sealed <= time.time_ns()
    assert entry.manifest.sealed % 10**9 == 0


@pytest.mark.skipif(not boot(), reason="the system does not name its boot")
def test_an_unsynced_entry_counts_as_missing_after_a_boot(wheel: Path, fresh: Callable[[], Venv]) -> None:
    first, second = fresh(), fresh()
    first.put(wheel, fsync=False)
    _, store, _, entry = planned(first, wheel)
    assert entry.manifest.unsynced == boot()
    # as if the system had been started anew since, and a power cut had torn a file, which its seal does not show
    place = Path(entry.files).parent / "manifest"
    place.write_bytes(manifests.dump(entry.manifest._replace(unsynced="another boot")))
    stored = in_store(first.cache, "tool/a.py")
    stored.write_bytes(bytes(len(TEXT)))
    os.utime(stored, ns=(entry.manifest.sealed, entry.manifest.sealed))
    assert store.load(entry.sha256) is None
    second.put(wheel)
    assert len(second.lines.of(UnpackFinished)) == 1
    assert trees.complete(second.site, "tool-1.0")


def test_a_synced_entry_needs_no_second_look(wheel: Path, fresh: Callable[[], Venv]) -> None:
    target = fresh()
    target.put(wheel, fsync=True)
    assert planned(target, wheel)[3].manifest.unsynced == ""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_session_lives_as_long_as_its_helper(tmp_path: Path, fresh: Callable[[], Venv], start_instui: Start) -> None:
    """What a killed session's helper still writes is not taken for a dead session's leftovers."""
    wheels = [
        build_wheel(tmp_path, name, "1.0", {f"{name}/{n}.py": b"" for n in range(4000)}) for name in ("aa", "bb", "cc")
    ]
    fresh().put(*wheels)
    for _ in range(50):  # on a busy machine it is not seen each time
        target = fresh()
        session = start_instui(target, "--jobs", 2, "--cache-dir", target.cache, *wheels)
        helper = _helper_of(session.process.pid)
        if helper and _stop(session.process.pid) and _stop(helper):  # the session first: it kills a helper that is done
            break
        session.process.send_signal(signal.SIGCONT)
        session.finish()
    else:
        pytest.fail("the helper was never caught at work")
    try:
        with orphans_adopted():
            session.process.kill()
            session.process.wait()
            (journal,) = target.journals()
            assert alive(journal)
    finally:
        os.kill(helper, signal.SIGCONT)
    until(lambda: not alive(journal))
    os.waitpid(helper, 0)


@contextmanager
def orphans_adopted() -> Iterator[None]:
    """Children of killed children become ours: the system sends a hang-up to a stopped one that nobody here adopts."""
    prctl = ctypes.CDLL(None).prctl
    adopt = 36  # PR_SET_CHILD_SUBREAPER
    if prctl(adopt, 1, 0, 0, 0):
        pytest.skip("this system does not let us adopt processes")
    try:
        yield
    finally:
        prctl(adopt, 0, 0, 0, 0)


def _helper_of(parent: int) -> int:
    """The process that links for that session, as soon as there is one; 0 when the session has ended before."""
    while True:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                children = task.read_text().split()
            except OSError:
                continue
            for child in children:
                try:
                    if b"stage.linking" in Path(f"/proc/{child}/cmdline").read_bytes():
                        return int(child)
                except OSError:
                    continue
        if not is_alive(parent):
            return 0


def _stop(pid: int) -> bool:
    """Stop that process; whether it is one that still works."""
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        return False
    return bool(until(lambda: state(pid) in "TtZ") and is_alive(pid))
