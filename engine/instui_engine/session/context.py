"""The context that all steps of a session share: options, the journal, and requests to stop."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from instui_engine.errors import InstuiError, Interrupted
from instui_engine.fs.durability import flushing, sync_filesystem
from instui_engine.journal.events import (
    Event,
    LoadSampled,
    SpanFinished,
    SpanName,
    SpanStarted,
    SyncFinished,
    SyncStarted,
    WheelFailed,
)
from instui_engine.journal.writer import Journal
from instui_engine.redaction import redacted

from .control import Control
from .load import load
from .options import Options
from .slow_motion import SlowMotion
from .standstill import Standstill

_SAMPLE = 0.5  # seconds between two samples of the load


class Context:
    """The context of one session."""

    def __init__(self, options: Options, journal: Journal, control: Control, session: str = "") -> None:
        """`session` is the id under which this work has a journal in the environment; "" if it has none."""
        self.options = options
        self.journal = journal
        self.control = control
        self.session = session
        self.slow_motion = SlowMotion(options.slow)
        self.failure: BaseException | None = None  # the first failure; it makes all workers stop
        self.tells_failures = True  # of single wheels; False for a command that does so itself
        self._told: list[InstuiError] = []  # which failures were told, each once
        self.standstill = Standstill(lambda event: control.report(event))  # as requests are told
        self._load = load()  # at the beginning
        self._next_sample = time.monotonic() + _SAMPLE

    def emit(self, *events: Event) -> None:
        """Write events to the journal, at once, and now and then one about the load."""
        for event in events:
            self.control.progress.take(event)
        self.journal.emit(*events)
        now = time.monotonic()
        self.standstill.note(now)
        if now >= self._next_sample:
            self._next_sample = now + _SAMPLE
            used = load().since(self._load)
            self.journal.emit(LoadSampled(used.cpu, used.stalled))

    @contextmanager
    def span(self, name: SpanName) -> Iterator[None]:
        """Write to the journal that the block is that part of the session's work."""
        begun, before = time.monotonic(), load()
        self.emit(SpanStarted(name))
        try:
            yield
        finally:
            self.emit(SpanFinished(name, round(time.monotonic() - begun, 6), *load().since(before)))

    def sync(self, what: str, *paths: Path) -> None:
        """Wait until the file systems of `paths` are on their disks, unless `fsync` is off. Raises OSError."""
        if self.options.fsync:
            begun = time.monotonic()
            self.emit(SyncStarted(what))
            for path in _one_of_each_file_system(paths):
                sync_filesystem(path)
            self.emit(SyncFinished(what, round(time.monotonic() - begun, 6)))

    def flushing(self, *paths: Path) -> AbstractContextManager[Callable[[], None]]:
        """`durability.flushing` for a block that a `sync` of `paths` follows. Does nothing if `fsync` is off."""
        return flushing(_one_of_each_file_system(paths)) if self.options.fsync else nullcontext(lambda: None)

    def stopping(self) -> bool:
        """Whether no new work may begin."""
        return self.failure is not None or self.control.cancelled()

    def gives_up(self, wheel: str) -> bool:
        """Whether no more work may be done on that wheel: it was cancelled, or the session stops."""
        return wheel in self.control.wheels or self.stopping()

    @property
    def workers(self) -> int:
        """The number of workers, as it is wanted now."""
        return self.control.workers or self.options.jobs

    def rest(self) -> None:
        """Wait while the session is paused."""
        while self.control.paused and not self.stopping():
            time.sleep(0.05)

    def fail(self, error: BaseException) -> None:
        """Record a failure, if it is the first."""
        if self.failure is None:
            self.failure = error

    def wheel_failed(self, wheel: str, error: InstuiError) -> None:
        """Write to the journal that this is why `wheel` could not be installed, unless that was said, or is no fault.

        A worker that stops because of the failure of another one raises the same error.
        """
        if isinstance(error, Interrupted) or any(error is told for told in self._told):
            return
        self._told.append(error)
        self.emit(WheelFailed(wheel, redacted(str(error))))

    @contextmanager
    def failing(self, wheel: str) -> Iterator[None]:
        """Write to the journal that an error of the block is the failure of `wheel`, unless the command tells it."""
        try:
            yield
        except InstuiError as error:
            if self.tells_failures:
                self.wheel_failed(wheel, error)
            raise

    def check(self) -> None:
        """Raise the first failure, or Interrupted."""
        if self.failure is not None:
            raise self.failure
        self.control.check()


def _one_of_each_file_system(paths: Sequence[Path]) -> list[Path]:
    return list({os.stat(path).st_dev: path for path in reversed(paths)}.values())


class Throttle:
    """A limit of ten reports a second, so that the journal stays small."""

    _INTERVAL = 0.1  # seconds

    def __init__(self, report: Callable[[int], Any]) -> None:
        self._report = report
        self._next = time.monotonic() + self._INTERVAL
        self._sum = 0

    def add(self, amount: int) -> None:
        """Count `amount` more, and report the sum if it is due."""
        self._sum += amount
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._INTERVAL
            self._report(self._sum)
