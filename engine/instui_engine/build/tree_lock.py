"""One build at a time in a source tree: backends write into it, and two at once would mix what they write.

uv has such a lock, too, but for the tree that it is given, which is not this one for an editable build.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from instui_engine.errors import Interrupted
from instui_engine.fs.flock import try_lock

_POLL = 0.1  # seconds between two attempts


@contextmanager
def alone_in(tree: str, cancelled: Callable[[], bool], on_wait: Callable[[], None]) -> Iterator[None]:
    """Have the lock of the directory `tree` in the block; `on_wait` is called if another process has it.

    Without a lock where the file system has none. Raises Interrupted as soon as `cancelled()`.
    """
    descriptor = -1
    try:
        with suppress(OSError):
            descriptor = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if not try_lock(descriptor, shared=False):
                on_wait()
                while not try_lock(descriptor, shared=False):
                    if cancelled():
                        raise Interrupted("interrupted while building")
                    time.sleep(_POLL)
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)
