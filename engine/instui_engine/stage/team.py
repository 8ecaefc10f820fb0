"""A team: this process and its helpers, which take jobs of hard links from one queue."""

import os
import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from instui_engine import helper
from instui_engine.session.context import Context

from .linking import Job
from .queue import FilledQueue, messages

FILES_EACH = 1500  # a process pays off from about this number of files
_PATIENCE = 50  # milliseconds


@contextmanager
def team(context: Context, files: int, sign_of_life: int = -1) -> "Iterator[Team]":
    """Start a team for that number of files, early, so that its helpers are ready when there is work.

    `sign_of_life` is the descriptor whose lock shows others that the session is alive. Helpers inherit it, so the
    session counts as alive as long as anything writes into its stage.
    """
    options = context.options
    members = min(context.workers, os.cpu_count() or 1, files // FILES_EACH)
    if options.link_mode != "hardlink" or context.slow_motion.factor:
        members = 1
    made = Team(members - 1, sign_of_life)
    try:
        yield made
    finally:
        made.close()


class Team:
    """The members; without helpers, this process alone."""

    def __init__(self, helpers: int = 0, sign_of_life: int = -1) -> None:
        self._helpers: dict[int, helper.Helper] = {}  # by the descriptor of its answers
        self._numbers: dict[int, int] = {}  # of the helpers, from 2, by the same
        self._poll = select.poll()
        self._alone: Iterator[int] = iter(())
        self._queue: FilledQueue | None = None
        if helpers:
            with suppress(OSError):  # no more descriptors are available: the work is done here, more slowly
                self._queue = FilledQueue()
                self._start(helpers, self._queue, (sign_of_life,) if sign_of_life >= 0 else ())

    def _start(self, helpers: int, queue: FilledQueue, kept: Sequence[int]) -> None:
        for _ in range(helpers):
            started = helper.start("instui_engine.stage.linking", (*queue.takers, *kept))
            if started is not None:
                answers = started.answers.fileno()
                self._helpers[answers] = started
                self._numbers[answers] = 1 + len(self._helpers)
                self._poll.register(answers, select.POLLIN)

    def share(self, jobs: Sequence[Job]) -> None:
        """Offer `jobs` to all members: the helpers begin, and this process calls `take`."""
        if self._queue is not None and self._helpers:
            with suppress(OSError):  # no memory for another copy of the jobs
                self._queue.fill(jobs)
                return
        self.close()
        self._alone = iter(range(len(jobs)))

    def take(self) -> int | None:
        """The number of the next job for this process, None if there is none."""
        return next(self._alone, None) if self._queue is None else self._queue.take()

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
