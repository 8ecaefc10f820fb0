"""Following a session: its events as an iterator, for programs that are written with or without async.

The session runs in a thread of its own. As a block that cannot be left while it runs (structured concurrency), it never
outlives the program's interest in it.
"""

import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Protocol, Self

from instui_engine.journal.codec import decode
from instui_engine.journal.events import Event
from instui_engine.session.control import Control

from .command import Outcome, Recording

_INTERRUPTED = 130


class Followed(Protocol):
    """A command that still lacks its control and its recording: `partial(install, request, environment)`."""

    def __call__(self, *, control: Control, recording: Recording) -> Outcome:
        """Run the session to its end."""


class Following:
    """A session and its events, each with its time in seconds since the session began.

    Iterate with `for` inside `with`, or with `async for` inside `async with` (asyncio and trio, by anyio). The
    iteration ends with the session. An event that nobody has taken is kept, so one may stop and go on with another
    loop. To leave the block before the end cancels the session: what it has in hand is done or undone first. `control`
    works from any thread.
    """

    def __init__(self, work: Followed, control: Control, recording: Recording) -> None:
        self.control = control
        self._work = work
        self._recording = recording._replace(listeners=(*recording.listeners, self._hear))
        self._lines: deque[str] = deque()
        self._changed = threading.Condition()  # a line has come, or the end
        self._ended = False
        self._outcome: Outcome | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)

    @property
    def outcome(self) -> Outcome:
        """How the session ended. Raises RuntimeError while it runs, and what its thread raised, if it did."""
        if self._error is not None:
            raise self._error
        if self._outcome is None:
            raise RuntimeError("the session still runs: iterate over its events, or leave the block, first")
        return self._outcome

    def _run(self) -> None:
        try:
            self._outcome = self._work(control=self.control, recording=self._recording)
        except BaseException as error:
            self._error = error  # for whoever asks for the outcome
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _hear(self, line: str) -> None:
        with self._changed:
            self._lines.append(line)
            self._changed.notify_all()

    def _wait(self) -> None:
        """Wait until a line can be taken, or there are no more. Nothing is taken, so a wait may be left alone."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._ended)

    def _take(self) -> Iterator[tuple[float, Event]]:
        """The events that are there."""
        while self._lines:
            if (event := decode(self._lines.popleft())) is not None:
                yield event

    # --- without async

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._cancel()
        self._thread.join()

    def __iter__(self) -> Iterator[tuple[float, Event]]:
        while not (self._ended and not self._lines):
            self._wait()
            yield from self._take()
        self._thread.join()

    # --- with async

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        from anyio import CancelScope, to_thread

        self._cancel()
        with CancelScope(shield=True):  # no session outlives its block
            await to_thread.run_sync(self._thread.join)

    async def __aiter__(self) -> AsyncIterator[tuple[float, Event]]:
        from anyio import to_thread

        while not (self._ended and not self._lines):
            # left alone when the task is cancelled: the session's next event, or its end, ends the thread
            await to_thread.run_sync(self._wait, abandon_on_cancel=True)
            for event in self._take():
                yield event

    def _cancel(self) -> None:
        if self._outcome is None and self._error is None:
            self.control.cancel(_INTERRUPTED)


def follow(work: Followed, *, control: Control | None = None, recording: Recording | None = None) -> Following:
    """Run a session in a thread, and iterate over its events while it runs.

        with follow(partial(install, request, environment)) as session:
            for seconds, event in session:
                print(f"{seconds:6.2f}", type(event).__name__)
        print(session.outcome.installed)

    The classes of events are in `instui_engine.journal.events`.
    """
    return Following(work, control or Control(), recording or Recording())
