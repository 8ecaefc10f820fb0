"""Files without a name, in memory if possible, for what a child process and its parent have to tell each other."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from .files import write_all


@contextmanager
def memory_file(text: str) -> Iterator[int]:
    """A descriptor of an anonymous file with this text, for a child process to open as /dev/fd/N."""
    descriptor = unnamed_file()
    try:
        write_all(descriptor, text.encode("utf-8", "surrogateescape"))
        os.lseek(descriptor, 0, os.SEEK_SET)  # outside Linux the child gets this very position
        yield descriptor
    finally:
        os.close(descriptor)


def unnamed_file() -> int:
    """A descriptor of an empty file that nobody else can open, for reading and writing."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("instui")
    from tempfile import TemporaryFile

    with TemporaryFile() as file:
        return os.dup(file.fileno())
