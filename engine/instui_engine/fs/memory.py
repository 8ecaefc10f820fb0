"""Files that exist only in memory, to give a child process what nobody else may read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from .files import write_all


@contextmanager
def memory_file(text: str) -> Iterator[int]:
    """A descriptor of an anonymous file with this text, for a child process to open as /dev/fd/N."""
    descriptor = os.memfd_create("instui") if hasattr(os, "memfd_create") else _unnamed_file()
    try:
        write_all(descriptor, text.encode("utf-8", "surrogateescape"))
        os.lseek(descriptor, 0, os.SEEK_SET)  # outside Linux the child gets this very position
        yield descriptor
    finally:
        os.close(descriptor)


def _unnamed_file() -> int:
    from tempfile import TemporaryFile

    with TemporaryFile() as file:
        return os.dup(file.fileno())
