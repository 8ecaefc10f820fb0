"""Worker threads. The first failure stops them all, and the call returns when all have ended."""

import threading
from collections.abc import Callable, Sequence

from .context import Context


def run_workers(context: Context, works: Sequence[Callable[[], None]]) -> None:
    """Run each of `works` in a thread of its own, the last one in this thread; then raise the first failure.

    A work gets its tasks by its own means, and returns when there are no more or when `context.stopping()`.
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
    except BaseException as error:  # no more threads are available, for example: the running ones must stop
        context.fail(error)
    for thread in threads:
        thread.join()
    context.check()
