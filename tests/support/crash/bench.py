"""What the crash tests of one test session share: the library, a place in memory, and a sweep for each setting."""

import atexit
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

from support.crash.injector import build
from support.crash.lane import Setting
from support.crash.scenarios import small
from support.crash.sweep import Sweep, memory
from support.needs import require


def each_kind(*kinds: str) -> pytest.MarkDecorator:
    """Runs a test for each `kind`; all tests of one kind in one process, since what they start from is made there."""
    return pytest.mark.parametrize(
        "kind", [pytest.param(kind, marks=pytest.mark.xdist_group(f"crash-{kind}")) for kind in kinds]
    )


class Bench:
    """Sweeps that are made when they are asked for the first time."""

    def __init__(self) -> None:
        scratch = tempfile.mkdtemp(prefix="instui-crash-", dir=memory())
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)
        self.place = Path(scratch).resolve()
        self._library: Path | None = None
        self._sweeps: dict[tuple[str, Setting], Sweep] = {}

    @property
    def library(self) -> Path:
        """The library to preload; skips the test where it cannot be made."""
        if sys.platform != "linux":
            pytest.skip("preloads a library as Linux does")
        require("gcc")
        if self._library is None:
            self._library = build(self.place)
        return self._library

    def sweep(self, kind: str, setting: Setting | None = None) -> Sweep:
        """The small install of one kind."""
        key = kind, setting or Setting()
        library = self.library
        if key not in self._sweeps:
            # one lane: another would have to judge the same states, and there are other tests for the other cores
            self._sweeps[key] = Sweep(self.place, small(kind, self.place / "wheels"), key[1], library, lanes=1)
        return self._sweeps[key]


@cache
def bench() -> Bench:
    """The one of this test session; what it made goes when the session ends."""
    return Bench()
