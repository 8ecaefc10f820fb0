"""The writer of the journal. It never stops an install: a file that cannot be written is given up."""

import os
import stat
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from instui_engine.fs.files import write_all

from .codec import encode
from .events import Caption, Event, SessionFinished, SessionStarted, Warned

if TYPE_CHECKING:
    from .stream import Stream

Listener = Callable[[str], None]
Captions = Callable[[Event], str]
"""A function that returns the caption before an event (after it for the first one), "" for none."""


class Journal:
    """A journal. It takes events from any thread; all files and listeners get the same lines in the same order.

    A listener gets the line without its newline and must not block. One that raises hears nothing more, and that is a
    warning for all others. Lines that come before the session's file is attached are kept and written to it then.
    Nothing is taken after the end of the session: other threads may still have something to say.
    """

    def __init__(self, listeners: Sequence[Listener] = (), captions: Captions | None = None) -> None:
        self._captions = captions
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._listeners = list(listeners)
        self._dropped: list[str] = []  # reasons why listeners were dropped, not yet reported
        self._files: list[int] = []  # to write to
        self._open: list[int] = []  # to close; the lock on one of them shows that the session is alive
        self._streams: list[Stream] = []  # outputs that may block
        self._early: list[str] | None = []
        self._over = False  # the session has finished

    @property
    def start(self) -> float:
        """CLOCK_MONOTONIC at t = 0."""
        return self._start

    def now(self) -> float:
        """Seconds since the session began."""
        return time.monotonic() - self._start

    def emit(self, *events: Event) -> None:
        """Write events, at once."""
        with self._lock:
            self._emit(events)

    def _emit(self, events: Sequence[Event]) -> None:
        lines = []
        for event in events:
            if self._over:
                break
            self._over = isinstance(event, SessionFinished)
            for one in self._with_caption(event) if self._captions else (event,):
                lines.append(encode(time.monotonic() - self._start, one))
        self._put(lines)
        while self._dropped and not self._over:
            why = self._dropped.pop()
            failed = Warned("", f"a listener of the session failed and hears nothing more: {why}")
            self._put([encode(self.now(), failed)])

    def _with_caption(self, event: Event) -> Sequence[Event]:
        caption = self._captions(event) if self._captions else ""
        if not caption:
            return (event,)
        return (event, Caption(caption)) if isinstance(event, SessionStarted) else (Caption(caption), event)

    def _put(self, lines: Sequence[str]) -> None:
        for listener in tuple(self._listeners):
            try:
                for line in lines:
                    listener(line)
            except Exception as error:  # a listener never stops an install
                self._listeners.remove(listener)
                self._dropped.append(f"{type(error).__name__}: {error}")
        if self._early is not None:
            self._early += lines
        elif lines:
            self._write("\n".join(lines))

    def attach(self, descriptors: Sequence[int]) -> None:
        """Write everything emitted so far, and from now on, to these files; `close` closes them.

        A regular file is written immediately. Any other is written when its reader is ready and, if the reader never
        is, given up with a warning in the journal.
        """
        with self._lock:
            early, self._early = self._early or [], None
            for descriptor in descriptors:
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    self._files.append(descriptor)
                    self._open.append(descriptor)
                else:
                    from .stream import Stream  # imported only if needed

                    self._streams.append(Stream(descriptor, self._given_up))
            if early:
                self._write("\n".join(early))

    def flush(self) -> None:
        """Wait, for some seconds at most, until readers of pipes have taken what was written so far."""
        for stream in self._streams:
            stream.flush()

    def close(self) -> None:
        """Close the files. From now on the session is dead, as its journal is no longer locked."""
        for stream in self._streams:
            stream.close()
        with self._lock:
            self._early = None
            for descriptor in self._open:
                with suppress(OSError):
                    os.close(descriptor)
            self._files, self._open, self._streams = [], [], []

    def _write(self, lines: str) -> None:
        data = f"{lines}\n".encode("ascii")
        for descriptor in tuple(self._files):
            try:
                write_all(descriptor, data)
            except OSError:
                self._files.remove(descriptor)
        for stream in self._streams:
            stream.put(data)

    def _given_up(self, why: str) -> None:
        self.emit(Warned("", f"the journal is no longer written to the file of --journal: {why}"))
