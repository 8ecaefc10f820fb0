"""Durability: written data is on the disk before anything relies on it.

One syncfs(2) of the file system costs 40-130 ms for a whole install; an fsync of each file costs seconds.
"""

import errno
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_NO_SYNCFS = {errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.EOPNOTSUPP}  # EPERM, ENOSYS: the seccomp of a container
_NO_FSYNC = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}  # a file system that has nothing to wait for


def sync_filesystem(path: Path) -> None:
    """Wait until everything written to the file system of `path` is on its disk. Raises OSError (EIO, ENOSPC)."""
    import ctypes

    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except AttributeError:  # no such call outside Linux
        os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            if code not in _NO_SYNCFS:
                raise OSError(code, os.strerror(code), str(path))
            os.sync()
    finally:
        os.close(descriptor)


@contextmanager
def flushing(paths: Sequence[Path]) -> Iterator[Callable[[], None]]:
    """Give a function that begins to write back the file systems of `paths` while the block writes more to them.

    The sync that must follow then has little left to do. This one promises nothing. But the system tells an error only
    to who asks first, so the block ends with it: raises OSError.
    """
    errors: list[OSError] = []
    threads: list[threading.Thread] = []

    def flush() -> None:
        try:
            for path in paths:
                sync_filesystem(path)
        except OSError as error:
            errors.append(error)

    def begin() -> None:
        thread = threading.Thread(target=flush, name="flush")
        with suppress(RuntimeError):  # no more threads are available
            thread.start()
            threads.append(thread)

    try:
        yield begin
    finally:
        for thread in threads:
            thread.join()
    for error in errors:
        raise error


def sync_file(descriptor: int) -> None:
    """Wait until what was written to the file is on its disk, as far as its file system can wait. Raises OSError."""
    try:
        os.fdatasync(descriptor) if hasattr(os, "fdatasync") else os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise


@cache
def boot() -> str:
    """The id of this boot of the system; "" if the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().decode("ascii").strip()
    except OSError:
        return ""
