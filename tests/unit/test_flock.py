"""What the system's answers to flock(2) mean."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from instui_engine.fs.flock import open_lock, try_lock

CASES = [(errno.EWOULDBLOCK, False, False), (errno.EWOULDBLOCK, True, False), (errno.EACCES, False, False)]
CASES += [(errno.EACCES, True, True), (errno.EPERM, False, True), (errno.EPERM, True, True)]


@pytest.mark.parametrize(("code", "shared", "raises"), CASES)
def test_only_a_lock_that_somebody_has_is_not_free(
    code: int, shared: bool, raises: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(descriptor: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    descriptor = open_lock(tmp_path / "lock")
    monkeypatch.setattr(fcntl, "flock", refused)
    try:
        if raises:
            with pytest.raises(PermissionError):
                try_lock(descriptor, shared=shared)
        else:
            assert not try_lock(descriptor, shared=shared)
    finally:
        os.close(descriptor)
