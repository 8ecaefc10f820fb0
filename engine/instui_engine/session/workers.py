"""Worker threads. The first failure stops them all, and the call returns when all have ended."""

import threading
from collections.abc import Callable, Sequence
from functools import partial

from .context import Context

_POLL = 0.1  # seconds: a signal just before a wait begins does not end it


def run_workers(context: Context, works: Sequence[Callable[[], None]]) -> None:
    """Run each of `works` in a thread of its own, the last one in this thread; then raise the first failure.

    A work gets its tasks by its own means, and returns when there are no more or when `context.stopping()`. None of
    them outlives the call, even if it is interrupted by ctrl+c: then all are told to stop, and waited for.
    """
    threads: list[_Thread] = []
    try:
        for work in works[:-1]:
            thread = _Thread(context, work)
            thread.start()
            threads.append(thread)
        works[-1]()
    except BaseException as error:  # also if no more threads are available: the running ones must stop
        context.fail(error)
    _wait(context, threads)
    context.check()


class _Thread(threading.Thread):
    """A thread that tells when its work `is_over`. A `join` that ctrl+c has interrupted takes any thread for ended."""

    def __init__(self, context: Context, work: Callable[[], None]) -> None:
        super().__init__(name="worker")
        self._context = context
        self._work = work
        self.is_over = threading.Event()

    def run(self) -> None:
        """Do the work. If it fails, all are told to stop."""
        try:
            self._work()
        except BaseException as error:
            self._context.fail(error)
        finally:
            self.is_over.set()


def _wait(context: Context, threads: Sequence[_Thread]) -> None:
    """Wait until all have ended. What interrupts it is a failure, so all are told to stop."""
    while True:
        try:
            for thread in threads:
                while not thread.is_over.wait(_POLL):
                    pass
            break
        except BaseException as error:
            context.fail(error)
    for thread in threads:
        thread.join()


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
        self._threads: list[_Thread] = []
        self._is_over = False

    @property
    def wanted(self) -> int:
        """How many workers there should be."""
        return max(1, min(self._context.workers, self._most))

    def run(self) -> None:
        """Let them work, the first one in this thread; then raise the first failure."""
        try:
            self.fill()
            self._work(1)
        except BaseException as error:  # a signal, for example: the running ones must stop
            self._context.fail(error)
        with self._lock:
            self._is_over = True
        _wait(self._context, self._threads)
        self._context.check()

    def fill(self) -> str:
        """Start the workers that are missing; return why there are fewer, "" if there are as many as wanted."""
        with self._lock:
            for worker in range(2, self.wanted + 1):
                if worker not in self._at_work and not self._is_over:
                    thread = _Thread(self._context, partial(self._work, worker))
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
