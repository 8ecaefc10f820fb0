"""Worker threads: the call returns when all of them have ended, and the first failure stops them all.

They are plain threads and not anyio's, whose import takes as long as committing a hundred wheels: an install from a
warm store needs no event loop.
"""

import threading
from collections.abc import Callable, Sequence

from .context import Context


def run_workers(context: Context, works: Sequence[Callable[[], None]]) -> None:
    """Run each of `works` in a thread of its own, the last one in this thread; then raise the first failure, if any.

    A work takes its tasks from wherever it likes, and returns when there is none or when `context.stopping()`.
    """

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            context.fail(error)

    threads = []
    try:
        for work in works[:-1]:
            thread = threading.Thread(target=guarded, args=(work,), name="worker")
            thread.start()
            threads.append(thread)
        guarded(works[-1])
    except BaseException as error:  # no more threads to be had, say: those that run must stop
        context.fail(error)
    for thread in threads:
        thread.join()
    context.check()
