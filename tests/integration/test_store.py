"""The store: one process unpacks a wheel and the others use it; what is damaged or half-done is never seen."""

import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path
from stat import S_IMODE
from typing import Any

import pytest

from conftest import Start
from instui_engine.journal.events import CommitFinished, UnpackFinished, UnpackStarted, WaitStarted, WheelAdded
from instui_engine.locks.phrases import waited_for
from instui_engine.store import local
from instui_engine.store import store as store_module
from instui_engine.store.store import Store
from instui_engine.wheel.manifest import Manifest, load
from support import trees
from support.environments import Venv
from support.wheelsmith import build_wheel


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Large enough for a reader to come in between: it does not compress."""
    content = random.Random(str(tmp_path)).randbytes(1 << 20)
    return build_wheel(tmp_path, "big", "1.0", {f"big/{n}.bin": content[n:] for n in range(6)})


@pytest.fixture
def own_cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def digest_of(wheel: Path) -> str:
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def unsealed(manifest: bytes) -> Manifest:
    """The manifest without its seal, which is the second of the unpacking."""
    return load(manifest)._replace(sealed=0)


def visible(cache: Path) -> list[Path]:
    """The entries that a reader would find."""
    return [path.parent for path in cache.glob("store-*/??/*/manifest")]


def test_two_processes_unpack_one_wheel_once(
    wheel: Path, own_cache: Path, venv: Callable[[], Venv], start_instui: Start
) -> None:
    one, two = venv(), venv()
    slowly = ["--cache-dir", own_cache, "--slow", 5, wheel]
    first = start_instui(one, *slowly)
    first.wait_for(UnpackStarted)
    with first.stopped():
        second = start_instui(two, *slowly)
        added = second.wait_for(WheelAdded)
        assert isinstance(added, WheelAdded)
        assert not added.cached
        assert visible(own_cache) == []
    assert first.finish() == second.finish() == (0, "")
    assert [len(session.lines.of(UnpackFinished)) for session in (first, second)] == [1, 0]
    assert len(visible(own_cache)) == 1
    for target in (one, two):
        assert trees.complete(target.site, "big-1.0")


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs /proc/locks")
def test_who_waits_for_a_wheel_says_which_process_unpacks_it(
    wheel: Path, own_cache: Path, venv: Callable[[], Venv], start_instui: Start
) -> None:
    first = start_instui(venv(), "--cache-dir", own_cache, "--slow", 5, wheel)
    first.wait_for(UnpackStarted)
    with first.stopped():
        patient = start_instui(venv(), "--cache-dir", own_cache, wheel)
        wait = patient.wait_for(WaitStarted)
        assert isinstance(wait, WaitStarted)
        assert (wait.wheel, wait.what) == ("big", "wheel")
        assert [(holder.pid, holder.state) for holder in wait.holders] == [(first.process.pid, "stopped")]
        said = waited_for(wait)
        assert said.startswith(f"pid {first.process.pid} (")
        assert said.endswith("stopped, which fetches or unpacks it")
        code, error = start_instui(venv(), "--cache-dir", own_cache, "--lock-timeout", 0.2, wheel).finish()
        assert code == 4
        assert len(error.splitlines()) == 1
        assert "waited 0.2 s for the lock of big-1.0-py3-none-any.whl" in error
        assert f"held by pid {first.process.pid} (" in error
        cancelled = start_instui(venv(), "--cache-dir", own_cache, wheel)
        cancelled.wait_for(WaitStarted)
        cancelled.process.terminate()
        assert cancelled.finish()[0] == 143
    assert first.finish() == patient.finish() == (0, "")
    assert [len(session.lines.of(UnpackFinished)) for session in (first, patient)] == [1, 0]


def test_a_killed_unpack_leaves_nothing_that_anybody_sees(
    wheel: Path, own_cache: Path, venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = venv()
    before = trees.tree(target.top)
    session = start_instui(target, "--cache-dir", own_cache, "--slow", 20, wheel)
    session.wait_for(UnpackStarted)
    session.process.kill()
    session.finish()
    assert session.lines.of(UnpackFinished) == []
    assert visible(own_cache) == []
    assert Store(own_cache).load(digest_of(wheel)) is None
    assert trees.differences(before, trees.tree(target.top)) == []
    again = start_instui(target, "--cache-dir", own_cache, wheel)
    assert again.finish() == (0, "")
    assert trees.complete(target.site, "big-1.0")


def test_a_killed_owner_hands_the_wheel_to_who_waits(
    wheel: Path, own_cache: Path, venv: Callable[[], Venv], start_instui: Start
) -> None:
    target = venv()
    first = start_instui(venv(), "--cache-dir", own_cache, "--slow", 20, wheel)
    first.wait_for(UnpackStarted)
    with first.stopped():
        second = start_instui(target, "--cache-dir", own_cache, wheel)
        second.wait_for(WaitStarted)  # it waits
        first.process.kill()
    assert second.finish() == (0, "")
    assert len(second.lines.of(UnpackFinished)) == 1
    assert trees.complete(target.site, "big-1.0")


def test_what_a_killed_unpack_left_is_removed_after_a_day(
    wheel: Path, own_cache: Path, venv: Callable[[], Venv], tmp_path: Path
) -> None:
    new = own_cache / f"store-{store_module.FORMAT}" / "new"
    for name, age in (("old", 25 * 3600), ("young", 60)):
        (new / name / "files").mkdir(parents=True)
        mtime = os.stat(new / name).st_mtime - age
        os.utime(new / name, (mtime, mtime))
    target = Venv(venv().top, own_cache)
    target.put(wheel)
    assert [path.name for path in new.iterdir()] == ["young"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "missing"])
def test_a_damaged_manifest_is_made_again(damage: str, wheel: Path, own_cache: Path, venv: Callable[[], Venv]) -> None:
    target, other = Venv(venv().top, own_cache), Venv(venv().top, own_cache)
    target.put(wheel)
    (entry,) = visible(own_cache)
    manifest = entry / "manifest"
    data = manifest.read_bytes()
    place = len(data) // 2
    broken = {
        "cut": data[:place],
        "flipped": data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :],
        "empty": b"",
    }
    if damage == "missing":
        manifest.unlink()
    else:
        manifest.write_bytes(broken[damage])
    assert Store(own_cache).load(digest_of(wheel)) is None
    other.put(wheel)
    assert len(other.lines.of(UnpackFinished)) == 1
    assert unsealed(manifest.read_bytes()) == unsealed(data)
    for each in (target, other):
        assert trees.complete(each.site, "big-1.0")


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest of a file that was written just now is relied upon, too."""
    monkeypatch.setattr(local, "SETTLED", -1.0)


@pytest.mark.usefixtures("settled")
def test_a_second_install_unpacks_nothing(wheel: Path, own_cache: Path, venv: Callable[[], Venv]) -> None:
    for expected in (1, 0):
        target = Venv(venv().top, own_cache)
        target.put(wheel)
        assert len(target.lines.of(UnpackStarted)) == expected
        assert target.lines.of(WheelAdded)[0].cached == (not expected)


def test_a_wheel_file_that_changed_is_unpacked_again(tmp_path: Path, own_cache: Path, venv: Callable[[], Venv]) -> None:
    target = Venv(venv().top, own_cache)
    for content in (b"one", b"two", b"six"):
        wheel = build_wheel(tmp_path, "same", "1.0", {"same.py": content})
        target.put(wheel, reinstall=True)
        assert (target.site / "same.py").read_bytes() == content


@pytest.mark.usefixtures("settled")
def test_a_wheel_file_that_was_rewritten_with_its_old_size_and_mtime_is_seen(
    tmp_path: Path, own_cache: Path, venv: Callable[[], Venv]
) -> None:
    target = Venv(venv().top, own_cache)
    wheel = build_wheel(tmp_path, "same", "1.0", {"same.py": b"one"})
    before = wheel.stat()
    target.put(wheel)
    (tmp_path / "other").mkdir()
    others = (build_wheel(tmp_path / "other", "same", "1.0", {"same.py": b"%03d" % n}) for n in range(1000))
    other = next(other for other in others if other.stat().st_size == before.st_size)
    wheel.write_bytes(other.read_bytes())
    os.utime(wheel, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (wheel.stat().st_size, wheel.stat().st_ino) == (before.st_size, before.st_ino)
    target.put(wheel, reinstall=True)
    assert (target.site / "same.py").read_bytes() != b"one"


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("moment", ["_digests", "unpack"])
def test_a_wheel_file_that_changes_while_it_is_read_is_refused(
    moment: str, tmp_path: Path, own_cache: Path, venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the store would have its new content under its old hash."""
    target = Venv(venv().top, own_cache)
    wheel = build_wheel(tmp_path, "same", "1.0", {"same.py": b"one"})
    (tmp_path / "other").mkdir()
    content = build_wheel(tmp_path / "other", "same", "1.0", {"same.py": b"two"}).read_bytes()
    place: Any = local if moment == "_digests" else Store
    real = getattr(place, moment)

    def late(*arguments: Any) -> Any:
        result = real(*arguments) if moment == "_digests" else None
        wheel.write_bytes(content)
        return result or real(*arguments)

    monkeypatch.setattr(place, moment, late)
    outcome = target.install(wheel)
    assert (outcome.exit_code, "it was changed while it was read" in outcome.error) == (1, True)
    assert visible(own_cache) == []
    assert list((own_cache / f"store-{store_module.FORMAT}").glob("new/*")) == []
    assert (moment == "unpack") == bool(list(own_cache.glob("local-*/*")))  # a note of what it was before
    monkeypatch.undo()
    target.put(wheel)
    assert (target.site / "same.py").read_bytes() == b"two"


def test_a_wheel_that_is_refused_leaves_nothing_in_the_store(
    tmp_path: Path, wheel: Path, own_cache: Path, venv: Callable[[], Venv]
) -> None:
    bad = tmp_path / "bad-1.0-py3-none-any.whl"
    bad.write_bytes(wheel.read_bytes()[:-100])
    target = Venv(venv().top, own_cache)
    assert target.install(bad).exit_code == 1
    assert visible(own_cache) == []
    new = own_cache / f"store-{store_module.FORMAT}" / "new"
    assert not new.exists() or list(new.iterdir()) == []


def test_the_modes_in_the_store_do_not_depend_on_the_umask(
    tmp_path: Path, own_cache: Path, venv: Callable[[], Venv], start_instui: Start
) -> None:
    wheel = build_wheel(tmp_path, "x", "1.0", {"x/a.py": b"", "x/run": b"#!/bin/sh\n"}, executable=["x/run"])
    target = venv()
    session = start_instui(target, "--cache-dir", own_cache, wheel, preexec_fn=lambda: os.umask(0o077))
    assert session.finish() == (0, "")
    assert S_IMODE((target.site / "x" / "a.py").stat().st_mode) == 0o644
    assert S_IMODE((target.site / "x" / "run").stat().st_mode) == 0o755


def test_the_same_file_under_two_paths_is_unpacked_once(
    tmp_path: Path, wheel: Path, own_cache: Path, venv: Callable[[], Venv]
) -> None:
    (tmp_path / "copy").mkdir()
    copy = tmp_path / "copy" / wheel.name
    copy.write_bytes(wheel.read_bytes())
    one, two = Venv(venv().top, own_cache), Venv(venv().top, own_cache)
    one.put(wheel)
    two.put(copy)
    assert two.lines.of(UnpackStarted) == []
    assert [(event.cached, event.fetch) for event in two.lines.of(WheelAdded)] == [(False, False), (True, False)]
    assert [event.wheel for event in two.lines.of(CommitFinished)] == ["big"]
