"""A team: this process and its helpers, which take jobs of hard links from one queue."""

import os
import select
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from instui_engine import helper
from instui_engine.session.context import Context

from .linking import Job
from .queue import FilledQueue, messages

FILES_EACH = 1500  # a process pays off from about this number of files
_PATIENCE = 50  # milliseconds


def number_of_helpers(context: Context, files: int) -> int:
    """The number of helpers that are worth their start for that number of files."""
    options = context.options
    if options.link_mode != "hardlink" or context.slow_motion.factor:
        return 0
    return max(0, min(context.workers, os.cpu_count() or 1, files // FILES_EACH) - 1)


class Team:
    """The members; without helpers, this process alone. Whoever makes one closes it."""

    def __init__(self, helpers: int = 0, sign_of_life: int = -1) -> None:
        """`sign_of_life` is the descriptor whose lock shows others that the session is alive.

        Helpers inherit it, so the session counts as alive as long as anything writes into its stage.
        """
        self._kept = (sign_of_life,) if sign_of_life >= 0 else ()
        self._helpers: dict[int, helper.Helper] = {}  # by the descriptor of its answers
        self._numbers: dict[int, int] = {}  # of the helpers, from 2, by the same
        self._poll = select.poll()
        self._shared = 0  # the number of jobs so far
        self._alone: deque[int] = deque()  # those that only this process can take
        self._queue: FilledQueue | None = None
        self.start(helpers)

    def start(self, helpers: int) -> None:
        """Start what is missing to that number of helpers, early, so that they are ready when there is work."""
        if len(self._helpers) >= helpers:
            return
        with suppress(OSError):  # no more descriptors are available: the work is done here, more slowly
            queue = self._queue = self._queue or FilledQueue()
            for _ in range(helpers - len(self._helpers)):
                started = helper.start("instui_engine.stage.linking", (*queue.takers, *self._kept))
                if started is not None:
                    answers = started.answers.fileno()
                    self._helpers[answers] = started
                    self._numbers[answers] = 1 + len(self._helpers)
                    self._poll.register(answers, select.POLLIN)

    def share(self, jobs: Sequence[Job], *, more: bool = False) -> None:
        """Offer `jobs` to all members: helpers begin at once, and this process calls `take` if no `more` will come.

        They are numbered from 0, in the order in which they are shared.
        """
        first = self._shared
        self._shared += len(jobs)
        try:
            if self._queue is None or not self._helpers:
                self._alone.extend(range(first, self._shared))
            else:
                self._queue.add(first, jobs)
        except OSError:  # no memory for another copy of the jobs
            self._alone.extend(range(first, self._shared))
        if self._queue is not None and not more:
            self._queue.complete()

    def take(self) -> int | None:
        """The number of the next job for this process, None if there is none."""
        number = None if self._queue is None else self._queue.take()
        return self._alone.popleft() if number is None and self._alone else number

    def pause(self, paused: bool) -> None:
        """Let helpers take no job, or go on."""
        if self._queue is not None:
            self._queue.pause(paused)

    def drop(self, number: int) -> None:
        """Let no helper begin that job."""
        if self._queue is not None:
            self._queue.drop(number)

    def news(self, *, wait: bool = False) -> list[tuple[int, int, int]]:
        """What helpers have said since the last call: the number of a job, BEGUN, DONE or FAILED, and the helper's."""
        news = []
        for answers, _ in self._poll.poll(_PATIENCE if wait else 0) if self._helpers else ():
            if said := os.read(answers, 1 << 16):
                news += [(job, what, self._numbers[answers]) for job, what in messages(said)]
            else:
                self._dismiss(answers)
        return news

    def _dismiss(self, answers: int) -> None:
        self._poll.unregister(answers)
        self._helpers.pop(answers).close()

    @property
    def members(self) -> int:
        """The number of processes that take jobs."""
        return 1 + len(self._helpers)

    @property
    def helping(self) -> bool:
        """Whether any helper is still at work."""
        return bool(self._helpers)

    def close(self) -> None:
        """End the helpers, whatever they are doing. Then this process is alone, and may share jobs again."""
        for answers in list(self._helpers):
            self._dismiss(answers)
        if self._queue is not None:
            self._queue.close()
            self._queue = None
        self._shared = 0
        self._alone.clear()
