"""Following a session: its events as an iterator, for programs that are written with or without async.

The session runs in a thread of its own. As a block that cannot be left while it runs (structured concurrency), it never
outlives the program's interest in it.
"""

import threading
from collections.abc import AsyncIterator, Iterator
from queue import Empty, SimpleQueue
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

    Iterate once, with `for` inside `with`, or with `async for` inside `async with` (asyncio and trio, by anyio). The
    iteration ends with the session; events that nobody takes are kept. To leave the block before that cancels the
    session: what it has in hand is done or undone first. `control` works from any thread.
    """

    def __init__(self, work: Followed, control: Control, recording: Recording) -> None:
        self.control = control
        self._work = work
        self._recording = recording._replace(listeners=(*recording.listeners, self._hear))
        self._lines: SimpleQueue[str | None] = SimpleQueue()  # None: there are no more
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
            self._lines.put(None)

    def _hear(self, line: str) -> None:
        self._lines.put(line)

    def _take(self) -> list[str | None]:
        """Wait for a line; return it and all others that are there."""
        lines = [self._lines.get()]
        while lines[-1] is not None:
            try:
                lines.append(self._lines.get_nowait())
            except Empty:
                break
        return lines

    # --- without async

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._cancel()
        self._thread.join()

    def __iter__(self) -> Iterator[tuple[float, Event]]:
        while True:
            for line in self._take():
                if line is None:
                    self._thread.join()
                    return
                if (event := decode(line)) is not None:
                    yield event

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

        while True:
            # left alone when the task is cancelled: the session's next event, or its end, ends the thread
            for line in await to_thread.run_sync(self._take, abandon_on_cancel=True):
                if line is None:
                    return
                if (event := decode(line)) is not None:
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
