"""`instui cache`: what nobody uses goes, what somebody uses stays, and no running install ever notices."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from conftest import Run, Start
from instui_engine.fs.files import NEW
from instui_engine.journal.events import StageStarted, UnpackFinished, UnpackStarted, WaitFinished, WaitStarted, Warned
from instui_engine.locks.proc_locks import read_locks
from instui_engine.store import built, local
from instui_engine.store import prune as pruning
from instui_engine.store.gc_lock import excluding, lock_file, using
from instui_engine.store.prune import Freed, prune
from instui_engine.store.store import hide
from instui_engine.target import interpreter
from instui_engine.wheel.manifest import FORMAT
from support import trees
from support.cli import error_line, ok
from support.environments import Venv, until
from support.wheelsmith import build_wheel

TEXTS = {"tool/a.py": b"x" * 3000, "tool/b.py": b"b\n"}


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return build_wheel(tmp_path, "tool", "1.0", TEXTS)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def clean(cache: Path) -> Freed:
    return prune(cache, 10, lambda: False, lambda text: None)


def entries(cache: Path) -> list[str]:
    names = (path.parent.name for path in cache.glob("store-*/??/*/manifest"))
    return sorted(name for name in names if not name.endswith(".gone"))


def kept_build(cache: Path, name: str, size: int) -> None:
    """What a build leaves whose wheel no environment has."""
    home = cache / built.DIRECTORY / ("cd" * 32)
    (home / "0123abcd").mkdir(parents=True)
    (home / "0123abcd" / name).write_bytes(b"x" * size)
    (home / built.NOTE).write_text(f"{'ef' * 32} 0123abcd/{name}")


def hidden(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.rglob("*.gone"))


def test_what_no_environment_links_to_is_removed(
    tmp_path: Path, wheel: Path, own: Path, venv: Callable[[], Venv], run_instui: Run
) -> None:
    kept, gone = Venv(venv().top, own), Venv(venv().top, own)
    kept.put(wheel)
    (used,) = entries(own)
    other = build_wheel(tmp_path, "other", "1.0", {"other.py": b"y" * 5000})
    gone.put(wheel, other)
    shutil.rmtree(gone.top)
    lines = ok(run_instui("cache", "prune", "--cache-dir", own)).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("1 unused wheel removed, 5.")
    assert lines[0].endswith(" kB freed; 1 wheel in use")
    assert entries(own) == [used]
    assert hidden(own) == []
    assert trees.complete(kept.site, "tool-1.0")
    again = Venv(venv().top, own)
    again.put(wheel, other)
    assert [event.wheel for event in again.lines.of(UnpackFinished)] == ["other"]


def test_a_dry_run_names_what_would_go_with_sizes_and_removes_nothing(
    tmp_path: Path, wheel: Path, own: Path, venv: Callable[[], Venv], run_instui: Run
) -> None:
    kept, gone = Venv(venv().top, own), Venv(venv().top, own)
    kept.put(wheel)
    small, large = (build_wheel(tmp_path, name, "1.0", {f"{name}.py": b"y" * n}) for name, n in (("b", 1), ("a", 9000)))
    gone.put(small, large)
    shutil.rmtree(gone.top)
    (own / "downloads").mkdir()
    (own / "downloads" / "x.part").write_bytes(b"12345")
    damaged = own / f"store-{FORMAT}" / "ab" / ("ab" * 32)
    damaged.mkdir(parents=True, exist_ok=True)
    (damaged / "manifest").write_bytes(b"junk")
    kept_build(own, "made-1.0-py3-none-any.whl", 2000)
    before = trees.digest(own)
    words = ("cache", "prune", "--cache-dir", own)
    *lines, summary = ok(run_instui(*words, "--dry-run")).splitlines()
    assert trees.digest(own) == before
    assert [line[10:] for line in lines] == [
        "a 1.0",
        "made-1.0-py3-none-any.whl (as it was built)",
        "b 1.0",
        "downloads (no wheel)",
        "a damaged wheel, abababababab",
    ]
    assert lines[0].lstrip().startswith("9.")
    assert lines[1].startswith("  2.1 kB")  # with its note
    assert summary.startswith("3 unused wheels and 1 build would be removed, 1")
    assert lines[3:] == ["     5 B  downloads (no wheel)", "     4 B  a damaged wheel, abababababab"]
    done = ok(run_instui(*words))
    assert summary.replace("would be removed", "removed") == done.strip()
    assert ok(run_instui(*words, "--dry-run")) == "0 unused wheels would be removed, 0 B freed; 1 wheel in use\n"


def test_a_dry_run_waits_for_nobody_but_names_who_may_still_link(wheel: Path, own: Path, run_instui: Run) -> None:
    with using(own, 1, lambda: False, lambda text: None):
        done = run_instui("cache", "prune", "--dry-run", "--cache-dir", own, "--lock-timeout", "0")
    assert done.returncode == 0
    assert done.stdout.startswith("0 unused wheels would be removed")
    assert f"pid {os.getpid()}" in done.stderr and len(done.stderr.splitlines()) == 1


def test_one_link_to_one_file_keeps_a_wheel(wheel: Path, own: Path, venv: Callable[[], Venv], tmp_path: Path) -> None:
    target = Venv(venv().top, own)
    target.put(wheel)
    os.link(target.site / "tool" / "b.py", tmp_path / "link")
    shutil.rmtree(target.top)
    assert clean(own) == Freed(0, 0, 1)
    (tmp_path / "link").unlink()
    assert clean(own).entries == 1


def test_an_environment_of_copies_needs_no_entry(wheel: Path, own: Path, venv: Callable[[], Venv]) -> None:
    target = Venv(venv().top, own)
    target.put(wheel, link_mode="copy")
    assert clean(own).entries == 1
    assert trees.complete(target.site, "tool-1.0")


def test_symbolic_links_into_the_store_are_not_broken(wheel: Path, own: Path, venv: Callable[[], Venv]) -> None:
    target = Venv(venv().top, own)
    target.put(wheel, link_mode="symlink")
    assert clean(own) == Freed(0, 0, 1)
    assert trees.complete(target.site, "tool-1.0")


def test_what_killed_processes_and_other_versions_left_is_removed(
    wheel: Path, own: Path, venv: Callable[[], Venv]
) -> None:
    target = Venv(venv().top, own)
    target.put(wheel)
    store = own / f"store-{FORMAT}"
    left = [
        own / "downloads" / "x.part",
        store / "new" / "abc" / "files" / "a.py",
        store / "ab" / f"{'ab' * 32}.01234567.gone" / "files" / "a.py",
        own / "store-1" / "ab" / ("ab" * 32) / "manifest",
        own / "store-0.76543210.gone" / "x",
        own / "local-1" / "note",
        own / interpreter.DIRECTORY / f"{interpreter.FORMAT - 1}-abc.json",
    ]
    stays = [
        own / local.DIRECTORY / "note",
        own / interpreter.DIRECTORY / f"{interpreter.FORMAT}-abc.json",
        own / "store-of-somebody" / "x",
    ]
    for path in (*left, *stays):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    assert clean(own) == Freed(0, 5 * len(left), 1)
    assert [path for path in left if path.exists()] == []
    assert [path for path in stays if not path.exists()] == []
    assert hidden(own) == []
    assert clean(own) == Freed(0, 0, 1)


def test_a_cache_that_is_not_there_is_clean(own: Path, run_instui: Run) -> None:
    assert "0 unused wheels" in ok(run_instui("cache", "prune", "--cache-dir", own))
    assert not own.exists()
    assert ok(run_instui("cache", "dir", "--cache-dir", own)) == f"{own}\n"


def test_a_file_is_no_cache(run_instui: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for words in ((), ("--dry-run",)):
        line = error_line(run_instui("cache", "prune", *words, "--cache-dir", tmp_path / "file"), 1)
        assert line == f"{tmp_path / 'file'} is not a directory, so there is no cache in it"


@pytest.mark.parametrize("state", ["unpacks", "stages"])
def test_a_running_install_is_waited_for_and_named(
    state: str, wheel: Path, own: Path, venv: Callable[[], Venv], start_instui: Start, run_instui: Run
) -> None:
    target = Venv(venv().top, own)
    if state == "stages":
        Venv(venv().top, own).put(wheel, link_mode="copy")
    session = start_instui(target, "--cache-dir", own, "--slow", 10, wheel)
    session.wait_for(UnpackStarted if state == "unpacks" else StageStarted)
    with session.stopped():
        done = run_instui("cache", "prune", "--cache-dir", own, "--lock-timeout", "0.3")
        assert done.returncode == 4
        waiting, error = done.stderr.splitlines()
        assert waiting.startswith("instui: waiting for the cache")
        for line in (waiting, error):
            assert f"pid {session.process.pid}" in line
    assert session.finish() == (0, "")
    assert session.lines.of(Warned) == []
    assert trees.complete(target.site, "tool-1.0")


def test_a_cleaning_goes_on_when_the_install_has_staged(
    wheel: Path, own: Path, venv: Callable[[], Venv], start_instui: Start, clean_environ: dict[str, str]
) -> None:
    Venv(venv().top, own).put(wheel, link_mode="copy")
    target = Venv(venv().top, own)
    session = start_instui(target, "--cache-dir", own, "--slow", 5, wheel)
    session.wait_for(StageStarted)
    command = [sys.executable, "-m", "instui", "cache", "prune", "--cache-dir", str(own)]
    with (
        session.stopped(),
        subprocess.Popen(command, env=clean_environ, stdout=subprocess.PIPE, text=True) as cleaning,
    ):
        until(lambda: any(line.waits for line in read_locks().at(lock_file(own))), cleaning)
        session.process.send_signal(signal.SIGCONT)
        output, _ = cleaning.communicate(timeout=60)
    assert output.startswith("0 unused wheels removed")
    assert session.finish() == (0, "")
    assert trees.complete(target.site, "tool-1.0")


def test_an_install_waits_for_a_cleaning_and_says_so(
    wheel: Path, own: Path, venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = Venv(venv().top, own)
    with excluding(own, 1, lambda: False, lambda text: None):
        session = start_instui(target, "--cache-dir", own, wheel)
        wait = session.wait_for(WaitStarted)
        assert isinstance(wait, WaitStarted)
        assert (wait.wheel, wait.what, wait.path) == ("", "cache", str(lock_file(own)))
        assert [holder.pid for holder in wait.holders] == [os.getpid()]
    assert session.finish() == (0, "")
    (over,) = session.lines.of(WaitFinished)
    assert over[:3] == wait[:3] and over.waited > 0
    assert not session.lines.of(Warned)  # it is said once
    with excluding(own, 1, lambda: False, lambda text: None):
        late = start_instui(target, "--cache-dir", own, "--reinstall", "--lock-timeout", "0.2", wheel)
        code, error = late.finish()
    assert code == 4
    assert f"pid {os.getpid()}" in error
    assert len(error.splitlines()) == 1


def test_installs_and_cleanings_at_once_all_end_well(
    wheel: Path, own: Path, venv: Callable[[], Venv], start_instui: Start, rounds: Callable[[int, int], range]
) -> None:
    over = threading.Event()
    freed: list[int] = []

    def keep_cleaning() -> None:
        while not over.is_set():
            freed.append(clean(own).entries)

    thread = threading.Thread(target=keep_cleaning)
    thread.start()
    try:
        for _ in rounds(4, 40):
            targets = [Venv(venv().top, own) for _ in range(3)]
            sessions = [start_instui(target, "--cache-dir", own, "--link-mode", "copy", wheel) for target in targets]
            assert [session.finish() for session in sessions] == [(0, "")] * 3
            for target, session in zip(targets, sessions, strict=True):
                assert [event for event in session.lines.of(Warned) if "changed" in event.text] == []
                assert trees.complete(target.site, "tool-1.0")
    finally:
        over.set()
        thread.join()
    assert sum(freed) > 0


def test_a_note_that_is_finished_meanwhile_is_no_failure(
    wheel: Path, own: Path, venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    Venv(venv().top, own).put(wheel, link_mode="copy")
    (own / "interpreters").mkdir(exist_ok=True)
    note = own / "interpreters" / f"{NEW}0"
    note.write_bytes(b"")

    def finishing(path: Path) -> Path:
        if path == note:
            note.unlink()  # as a rename does
        return hide(path)

    monkeypatch.setattr("instui_engine.store.prune.hide", finishing)
    assert clean(own).entries == 1


def test_a_killed_cleaning_leaves_no_half_entry(
    wheel: Path, own: Path, venv: Callable[[], Venv], clean_environ: dict[str, str]
) -> None:
    Venv(venv().top, own).put(wheel, link_mode="copy")
    script = (
        "import os, pathlib, sys, instui_engine.store.prune as it, instui_engine.fs.rmtree as cleanup\n"
        "cleanup.os.unlink = lambda *path, **options: os.kill(os.getpid(), 9)\n"  # at the first file
        "it.prune(pathlib.Path(sys.argv[1]), 1, lambda: False, print)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, own], env=clean_environ, check=False)
    assert done.returncode == -9
    assert entries(own) == []
    assert len(hidden(own)) == 1
    target = Venv(venv().top, own)
    target.put(wheel)
    assert trees.complete(target.site, "tool-1.0")
    assert clean(own).size > 3000
    assert hidden(own) == []


def test_a_cache_that_cannot_be_written_to_is_one_line(own: Path, run_instui: Run) -> None:
    own.mkdir()
    (own / "locks").write_bytes(b"")
    assert "cache" in error_line(run_instui("cache", "prune", "--cache-dir", own), 1)


def test_what_a_session_has_linked_before_the_prune_began_stays(
    wheel: Path, own: Path, venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was in nobody's use when the cache was listed, before the wait for the sessions."""
    target = Venv(venv().top, own)
    target.put(wheel)
    target.remove("tool")
    (kept,) = own.glob("store-*/??/*/files/tool/a.py")

    def excluding_late(*arguments: Any) -> AbstractContextManager[None]:
        os.link(kept, tmp_path / "linked")
        return excluding(*arguments)

    monkeypatch.setattr(pruning, "excluding", excluding_late)
    assert (clean(own).entries, len(entries(own))) == (0, 1)
    assert kept.exists()
