"""One build at a time in a source tree: backends write into it, and two at once would mix what they write.

uv has such a lock, too, but for the tree that it is given, which is not this one for an editable build.
"""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from instui_engine.errors import printable
from instui_engine.fs.flock import take_exclusive, try_lock

if TYPE_CHECKING:
    from instui_engine.locks.wait import OnWait


@contextmanager
def alone_in(tree: str, timeout: float, cancelled: Callable[[], bool], on_wait: "OnWait") -> Iterator[None]:
    """Have the lock of the directory `tree` in the block; `on_wait` is called with those who have it.

    Without a lock where the file system has none. Raises Interrupted as soon as `cancelled()`, and LockTimeoutError
    after `timeout` seconds, unless it is another build of this process that has the lock: that ends by itself.
    """
    descriptor = _locked(tree, timeout, cancelled, on_wait)
    try:
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _locked(tree: str, timeout: float, cancelled: Callable[[], bool], on_wait: "OnWait") -> int:
    """The descriptor that has the lock; -1 for a tree that cannot be opened, of which the build says why."""
    try:
        descriptor = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return -1
    try:
        if try_lock(descriptor, shared=False):
            return descriptor
    except OSError:  # there are no locks
        return descriptor
    # imported only if it has to wait
    from instui_engine.locks.holders import holders_of
    from instui_engine.locks.wait import LockWait

    is_own = any(holder.pid == os.getpid() for holder in holders_of(tree))
    wait = LockWait(
        f"the source tree {printable(tree)}",
        tree,
        math.inf if is_own else timeout,
        holders=lambda: holders_of(tree),
        on_wait=on_wait,
        cancelled=cancelled,
    )
    wait.take(descriptor, take_exclusive)
    return descriptor
