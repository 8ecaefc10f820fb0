"""A disk that fails while a wheel is unpacked or linked: one line and nothing left, or the wheel is there and whole."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from instui_engine.commands.install import Outcome
from instui_engine.stage import linker
from instui_engine.store import local
from instui_engine.store.store import Store
from support import trees
from support.environments import Venv
from support.wheelsmith import build_wheel

CODES = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EMFILE)


class Faults:
    """Fails the n-th call that changes something below `place`, and from there on if `lasting`; counts from 1."""

    def __init__(self, place: Path, number: int, code: int, lasting: bool) -> None:
        self.calls = 0
        self.place = place
        self._number = number
        self._code = code
        self._lasting = lasting

    def install(self, patch: pytest.MonkeyPatch) -> None:
        self._descriptors: set[int] = set()
        for name in ("mkdir", "rename", "replace", "utime", "write", "chmod"):
            patch.setattr(os, name, self._failing(getattr(os, name)))
        patch.setattr(os, "open", self._opening(os.open))

    def _strike(self, what: Any) -> None:
        self.calls += 1
        if self.calls == self._number or (self.calls > self._number and self._lasting):
            raise OSError(self._code, os.strerror(self._code), what if isinstance(what, str) else None)

    def _concerned(self, first: Any) -> bool:
        if isinstance(first, int):
            return first in self._descriptors
        return os.fspath(first).startswith(os.fspath(self.place))

    def _failing(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(first: Any, *rest: Any, **options: Any) -> Any:
            if self._concerned(first):
                self._strike(first)
            return call(first, *rest, **options)

        return wrapped

    def _opening(self, call: Callable[..., int]) -> Callable[..., int]:
        def wrapped(path: Any, flags: int, *rest: Any, **options: Any) -> int:
            concerned = bool(flags & os.O_CREAT) and self._concerned(path)
            if concerned:
                self._strike(path)
            descriptor = call(path, flags, *rest, **options)
            (self._descriptors.add if concerned else self._descriptors.discard)(descriptor)
            return descriptor

        return wrapped


@pytest.mark.parametrize("code", CODES, ids=lambda code: errno.errorcode[code])
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
def test_a_fault_at_any_call_that_changes_the_cache(
    code: int,
    lasting: bool,
    tmp_path: Path,
    wheel: Path,
    venv: Callable[[], Venv],
    sweeping: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local, "SETTLED", -1.0)  # so that a digest is noted, too
    calls = attempt(venv(), wheel, Faults(tmp_path / "cache", 1 << 30, code, lasting))[1]
    assert calls > 15
    refused = 0
    for number in range(1, calls + 1, 1 if sweeping or code == errno.ENOSPC else 4):
        target = venv()
        before = trees.tree(target.top)
        cache = tmp_path / f"cache{number}"
        outcome, _ = attempt(target, wheel, Faults(cache, number, code, lasting))
        assert "internal error" not in outcome.error
        assert "\n" not in outcome.error
        if outcome.exit_code:
            refused += 1
            assert os.strerror(code) in outcome.error
            assert trees.differences(before, trees.tree(target.top)) == []
            assert list(cache.glob("store-*/new/*")) == []
        else:
            assert trees.complete(target.site, "tool-1.0")
        target.put(wheel, reinstall=True)
        assert trees.complete(target.site, "tool-1.0")
    assert refused >= calls // 6


def attempt(target: Venv, wheel: Path, faults: Faults) -> tuple[Outcome, int]:
    """Install from a new cache whose disk fails; the outcome, and how many calls there were to fail."""
    target.cache = faults.place
    with pytest.MonkeyPatch.context() as patch:
        faults.install(patch)
        outcome = target.install(wheel)
    return outcome, faults.calls


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return build_wheel(tmp_path, "tool", "1.0", {"tool/a.py": b"x = 1\n", "tool/b/c.py": b"y" * 3000, "one.py": b""})


@pytest.fixture
def fresh(venv: Callable[[], Venv], tmp_path: Path) -> Callable[[], Venv]:
    """Environments that share a cache of this test's own."""
    return lambda: Venv(venv().top, tmp_path / "cache")


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE)
COPIED = (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP)


@pytest.mark.parametrize("code", FULL + COPIED, ids=lambda code: errno.errorcode[code])
@pytest.mark.parametrize("kind", ["once", "from then on"])
def test_a_link_that_fails_is_a_copy_or_one_line(
    code: int, kind: str, wheel: Path, fresh: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh().put(wheel)
    target = fresh()
    before = trees.tree(target.top)
    calls = 0
    link = os.link

    def failing(source: str, to: str, **options: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 3 or (calls > 3 and kind == "from then on"):
            raise OSError(code, os.strerror(code), source, None, to)
        link(source, to, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", failing)
        outcome = target.install(wheel)
    if code in COPIED:
        assert (outcome.exit_code, outcome.error) == (0, "")
        assert trees.complete(target.site, "tool-1.0")
    else:
        assert outcome.exit_code == 1
        assert "cannot stage tool 1.0" in outcome.error
        assert os.strerror(code) in outcome.error
        assert calls == 3, "no second attempt"
        assert trees.differences(before, trees.tree(target.top)) == []
        assert target.stages() == []
        target.put(wheel)
    assert outcome.error.isascii()


@pytest.mark.parametrize("code", FULL, ids=lambda code: errno.errorcode[code])
def test_a_full_disk_is_no_reason_to_copy_file_by_file(
    code: int, wheel: Path, fresh: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = fresh()
    target.put(wheel)
    entry = Store(target.cache).load(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert entry is not None

    def failing(source: str, to: str) -> None:
        raise OSError(code, os.strerror(code), source, None, to)

    monkeypatch.setattr(os, "link", failing)
    with pytest.raises(OSError, match=os.strerror(code)):
        linker.Linker("hardlink")(f"{entry.files}/tool/a.py", str(tmp_path / "copy"), entry.manifest.sealed)
    assert not (tmp_path / "copy").exists()
