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


class Crew:
    """Worker threads whose number can be changed while they work. They are numbered from 1.

    `work` gets its number and its tasks by its own means. It returns when there are no more tasks, when
    `context.stopping()`, or when it `is_dismissed`, which it asks before each task.
    """

    def __init__(self, context: Context, work: Callable[[int], None], most: int) -> None:
        """There are never more than `most` workers; how many there are otherwise, `context` says."""
        self._context = context
        self._work = work
        self._most = most
        self._lock = threading.Lock()  # guards all that follows
        self._at_work: set[int] = set()
        self._threads: list[threading.Thread] = []
        self._is_over = False

    @property
    def wanted(self) -> int:
        """How many workers there should be."""
        return max(1, min(self._context.workers, self._most))

    def run(self) -> None:
        """Let them work, the first one in this thread; then raise the first failure."""
        try:
            self.fill()
            self._guarded(1)
        except BaseException as error:  # a signal, for example: the running ones must stop
            self._context.fail(error)
        with self._lock:
            self._is_over = True
        for thread in self._threads:
            thread.join()
        self._context.check()

    def fill(self) -> str:
        """Start the workers that are missing; return why there are fewer, "" if there are as many as wanted."""
        with self._lock:
            for worker in range(2, self.wanted + 1):
                if worker not in self._at_work and not self._is_over:
                    thread = threading.Thread(target=self._guarded, args=(worker,), name="worker")
                    try:
                        thread.start()
                    except RuntimeError:
                        return f"the system allows no more threads, so there are {1 + len(self._at_work)}"
                    self._at_work.add(worker)
                    self._threads.append(thread)
        return ""

    def is_dismissed(self, worker: int) -> bool:
        """Whether that worker is one too many, and has to return."""
        if worker <= self.wanted:
            return False
        with self._lock:
            if worker <= self.wanted:  # again: `fill` did not miss it
                return False
            self._at_work.discard(worker)  # so that another one may have its number
            return True

    def _guarded(self, worker: int) -> None:
        try:
            self._work(worker)
        except BaseException as error:
            self._context.fail(error)


def run_tasks(context: Context, works: Sequence[Callable[[], None]]) -> None:
    """As `run_workers`, by tasks of an event loop: for work that mostly waits for the network.

    None of them outlives the call, even if it is interrupted by ctrl+c: then all are told to stop, and waited for.
    """
    import anyio
    from anyio.to_thread import run_sync

    async def run_all() -> None:
        over = anyio.Event()
        left = len(works)

        async def guarded(work: Callable[[], None]) -> None:
            nonlocal left
            try:
                await run_sync(work, limiter=anyio.CapacityLimiter(1))  # as many threads as works
            except Exception as error:
                context.fail(error)
            left -= 1
            if not left:
                over.set()

        async with anyio.create_task_group() as group:
            for work in works:
                group.start_soon(guarded, work)
            try:
                while not over.is_set():
                    with anyio.move_on_after(0.1):  # a signal just before the loop sleeps does not wake it
                        await over.wait()
            except anyio.get_cancelled_exc_class():
                context.fail(KeyboardInterrupt())  # threads cannot be cancelled, but they ask whether to stop
                raise

    anyio.run(run_all)
    context.check()
