"""The lock of a source tree, without a build."""

import errno
import os
import sys
from pathlib import Path

import pytest

from instui_engine.build import tree_lock
from instui_engine.build.tree_lock import alone_in
from instui_engine.errors import Interrupted
from instui_engine.fs.flock import try_lock


def hold(tree: Path) -> int:
    descriptor = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    assert try_lock(descriptor, shared=False)
    return descriptor


@pytest.mark.skipif(sys.platform != "linux", reason="the holder is known by /proc/locks")
def test_a_build_of_the_same_process_is_waited_for_however_long_it_takes(tmp_path: Path) -> None:
    descriptor, looks = hold(tmp_path), 0

    def look() -> bool:
        nonlocal looks
        looks += 1
        if looks == 10:
            os.close(descriptor)
        return False

    with alone_in(str(tmp_path), 0.001, look, lambda holders: None):
        assert looks >= 10


def test_who_is_cancelled_waits_no_longer(tmp_path: Path) -> None:
    descriptor = hold(tmp_path)
    try:
        with (
            pytest.raises(Interrupted),
            alone_in(str(tmp_path), 60, lambda: True, lambda holders: None),
        ):
            pass
    finally:
        os.close(descriptor)


def test_where_there_are_no_locks_a_build_goes_on_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(descriptor: int, *, shared: bool) -> bool:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(tree_lock, "try_lock", refused)
    with alone_in(str(tmp_path), 60, lambda: False, lambda holders: None):
        pass
    with alone_in(str(tmp_path / "nowhere"), 60, lambda: False, lambda holders: None):
        pass
