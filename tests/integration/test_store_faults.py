"""A disk that fails while a wheel is unpacked: one line and nothing left, or the wheel is there and whole."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import trees
from environments import Venv
from instui_engine.install import Outcome
from wheelsmith import build_wheel

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
        for name in ("mkdir", "rename", "replace", "utime", "write", "fchmod"):
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
    code: int, lasting: bool, tmp_path: Path, venv: Callable[[], Venv], sweeping: bool
) -> None:
    wheel = build_wheel(tmp_path, "tool", "1.0", {"tool/a.py": b"x = 1\n", "tool/b/c.py": b"y" * 3000})
    os.utime(wheel, (0, 0))
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
