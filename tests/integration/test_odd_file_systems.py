"""File systems and systems that lack a call: it goes on where that is harmless, or says what helps."""

import ctypes
import errno
import os
import resource
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from instui_engine.errors import CACHE, reason, remedy
from instui_engine.fs import durability
from instui_engine.fs.files import NEW, write_note
from instui_engine.journal.events import UnpackFinished, Warned
from instui_engine.store import local
from support import trees
from support.environments import Venv
from support.wheelsmith import build_wheel

TEXT = b"answer = 42\n"
SCRIPT = b"#!python\nprint('true')\n"
REFUSED = (errno.EPERM, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    files = {"tool/a.py": TEXT, "tool/b.py": b"b\n", "one.py": b"", "tool/deep/c.py": b""}
    points = "[console_scripts]\ntool = tool:main\n"
    return build_wheel(tmp_path, "tool", "1.0", files, data={"scripts/run": SCRIPT}, entry_points=points)


@pytest.fixture
def fresh(venv: Callable[[], Venv], tmp_path: Path) -> Callable[[], Venv]:
    """Environments that share a cache of this test's own."""
    return lambda: Venv(venv().top, tmp_path / "cache")


def refusing(code: int) -> Callable[..., None]:
    def refused(*arguments: Any, **options: Any) -> None:
        raise OSError(code, os.strerror(code))

    return refused


@pytest.mark.parametrize("code", REFUSED, ids=lambda code: errno.errorcode[code])
@pytest.mark.parametrize("mode", ["hardlink", "copy"])
def test_modes_that_cannot_be_set_are_left_as_they_are(
    code: int, mode: str, wheel: Path, fresh: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = fresh()
    before = os.umask(0o077)  # so that modes have to be set
    try:
        for call in ("chmod", "fchmod"):
            monkeypatch.setattr(os, call, refusing(code))
        target.put(wheel, link_mode=mode)
    finally:
        os.umask(before)
    assert trees.complete(target.site, "tool-1.0")


@pytest.mark.parametrize("code", REFUSED, ids=lambda code: errno.errorcode[code])
def test_without_a_seal_files_are_copied_and_an_edited_one_is_never_installed(
    code: int, wheel: Path, fresh: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third, fourth = fresh(), fresh(), fresh(), fresh()
    monkeypatch.setattr(os, "utime", refusing(code))
    first.put(wheel)
    assert trees.complete(first.site, "tool-1.0")
    (stored,) = first.cache.glob("store-*/??/*/files/tool/a.py")
    assert stored.stat().st_nlink == 1
    second.put(wheel)
    assert second.lines.of(UnpackFinished) == []
    for target, path, wrong in ((third, "tool/a.py", b"answer = 13\n"), (fourth, "tool-1.0.data/scripts/run", b"no")):
        (stored,) = first.cache.glob(f"store-*/??/*/files/{path}")
        stored.write_bytes(wrong)
        target.put(wheel)
        (warning,) = target.lines.of(Warned)
        assert str(stored) in warning.text
        assert trees.complete(target.site, "tool-1.0")
    assert (third.site / "tool" / "a.py").read_bytes() == TEXT
    assert b"true" in (fourth.top / "bin" / "run").read_bytes()


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP])
def test_without_syncfs_everything_is_synced(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(os, "sync", lambda: synced.append(True))
    monkeypatch.setattr(ctypes, "CDLL", lambda *arguments, **options: _Library())
    monkeypatch.setattr(ctypes, "get_errno", lambda: code)
    durability.sync_filesystem(tmp_path)
    assert synced == [True]
    monkeypatch.setattr(ctypes, "get_errno", lambda: errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        durability.sync_filesystem(tmp_path)


class _Library:
    """A C library whose syncfs fails."""

    @staticmethod
    def syncfs(descriptor: int) -> int:
        return -1


def test_a_file_that_cannot_be_synced_at_all_is_no_error_and_a_broken_disk_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for code in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
        monkeypatch.setattr(os, "fdatasync", refusing(code))
        durability.sync_file(0)
    monkeypatch.setattr(os, "fdatasync", refusing(errno.EIO))
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        durability.sync_file(0)


def test_limits_that_cannot_be_asked_for_are_no_error(
    wheel: Path, fresh: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = fresh()
    for call in ("getrlimit", "setrlimit"):
        monkeypatch.setattr(resource, call, refusing(errno.EPERM))
    target.put(wheel)


HELP = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "ulimit -f",
    errno.EMFILE: "ulimit -n",
    errno.ENFILE: "ulimit -n",
    errno.EIO: "check that disk",
    errno.EROFS: "choose another cache with --cache-dir",
    errno.EACCES: "choose another cache with --cache-dir",
    errno.EPERM: "choose another cache with --cache-dir",
    errno.ENAMETOOLONG: "choose another cache with --cache-dir",
}


@pytest.mark.parametrize("code", HELP, ids=lambda code: errno.errorcode[code])
def test_an_error_of_the_cache_names_its_place_and_what_helps(
    code: int, wheel: Path, fresh: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = fresh()
    monkeypatch.setattr(os, "utime", refusing(code))
    if code == errno.EPERM:
        monkeypatch.undo()  # is no error there
        assert HELP[code] == remedy(OSError(code, ""), CACHE)
        return
    outcome = target.install(wheel)
    assert outcome.exit_code == 1
    assert f"{target.cache}/store-" in outcome.error
    assert os.strerror(code) in outcome.error
    assert HELP[code] in outcome.error
    assert ("free some space" in outcome.error) == (code in (errno.ENOSPC, errno.EDQUOT))
    assert list(target.cache.glob("store-*/new/*")) == []


def acl_entry(tag: int, bits: int, who: int = 0xFFFFFFFF) -> bytes:
    return struct.pack("<HHI", tag, bits, who)


@pytest.mark.needs("root")
def test_packages_inherit_group_and_acl_of_their_directory(wheel: Path, venv: Callable[[], Venv]) -> None:
    target = venv()
    os.chown(target.site, -1, 1234)
    target.site.chmod(0o2775)
    acl = struct.pack("<I", 2)
    acl += acl_entry(1, 7) + acl_entry(2, 7, 1234) + acl_entry(4, 5) + acl_entry(16, 7) + acl_entry(32, 5)
    try:
        os.setxattr(target.site, "system.posix_acl_default", acl)
    except OSError:
        pytest.skip("this file system keeps no ACL")
    target.put(wheel)
    for name in ("tool", "tool/deep", "tool-1.0.dist-info"):
        status = (target.site / name).stat()
        assert (status.st_gid, bool(status.st_mode & stat.S_ISGID)) == (1234, True), name
        assert os.getxattr(target.site / name, "system.posix_acl_default") == acl, name
    assert (target.site / "tool-1.0.dist-info" / "RECORD").stat().st_gid == 1234


def test_a_cache_of_another_user_that_cannot_be_read_is_one_line(
    wheel: Path, fresh: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh().put(wheel)
    target = fresh()
    call = os.open

    def closed(path: Any, *arguments: Any, **options: Any) -> int:
        if str(path).endswith("/manifest"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return call(path, *arguments, **options)

    monkeypatch.setattr(os, "open", closed)
    outcome = target.install(wheel)
    assert outcome.error.startswith(f"the cache cannot be read ({target.cache}/store-")
    assert outcome.error.endswith("Permission denied); choose another cache with --cache-dir")


def test_an_entry_is_readable_for_all_who_share_the_cache_whatever_the_umask(
    wheel: Path, fresh: Callable[[], Venv]
) -> None:
    target = fresh()
    before = os.umask(0o077)
    try:
        target.put(wheel)
    finally:
        os.umask(before)
    (entry,) = target.cache.glob("store-*/??/*")
    for path in (entry, *entry.rglob("*")):
        wanted = 0o005 if path.is_dir() else 0o004
        assert path.stat().st_mode & wanted == wanted, path


def test_an_error_of_a_descriptor_has_a_place_too() -> None:
    error = OSError(errno.EIO, os.strerror(errno.EIO), 7)
    assert reason(error, "/some/where") == f"/some/where: {os.strerror(errno.EIO)}"
    assert reason(error) == os.strerror(errno.EIO)


def test_a_note_that_cannot_be_finished_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for method in ("write_text", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, method, _half_done(getattr(Path, method)) if method == "write_text" else refusing(5))
            with pytest.raises(OSError):
                write_note(tmp_path / "notes" / "one", "text")
        assert list((tmp_path / "notes").iterdir()) == []


def _half_done(write: Callable[..., int]) -> Callable[..., int]:
    def half(path: Path, text: str, **options: Any) -> int:
        write(path, text[:1], **options)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return half


def test_a_full_cache_keeps_no_unfinished_note(
    wheel: Path, fresh: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = fresh()
    monkeypatch.setattr(local, "SETTLED", -1.0)  # so that a digest is noted
    monkeypatch.setattr(Path, "write_text", _half_done(Path.write_text))
    target.put(wheel)
    assert trees.complete(target.site, "tool-1.0")
    assert [path for path in target.cache.rglob("*") if path.name.startswith(NEW)] == []


def test_the_same_wheel_under_another_spelling_of_its_version_is_the_same_version(
    tmp_path: Path, fresh: Callable[[], Venv]
) -> None:
    wheel = build_wheel(tmp_path, "odd", "1.0", {"odd.py": b""})
    fresh().put(wheel)
    other = wheel.rename(wheel.with_name(wheel.name.replace("1.0", "1.0.0")))
    target = fresh()
    target.put(other)
    assert trees.complete(target.site, "odd-1.0")
