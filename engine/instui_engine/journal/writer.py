"""The journal's writer. It never stops an install: a file that cannot be written is given up."""

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
"""Gives the caption that belongs before an event (after it for the first one), "" for none."""


class Journal:
    """Takes events from any thread. Each becomes one line in every file and for every listener, in one order.

    A listener gets the line without its newline and must not block. One that raises hears nothing more, and that is a
    warning for all others. Lines that come before the session's file is
    attached are kept and written to it then.
    """

    def __init__(self, listeners: Sequence[Listener] = (), captions: Captions | None = None) -> None:
        self._captions = captions
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._listeners = list(listeners)
        self._dropped: list[str] = []  # why a listener hears nothing more, before that is told
        self._files: list[int] = []  # to write to
        self._open: list[int] = []  # to close; one of them is locked, and that is the session's sign of life
        self._streams: list[Stream] = []  # files that may block
        self._early: list[str] | None = []
        self._over = False  # the session has finished

    @property
    def start(self) -> float:
        """CLOCK_MONOTONIC at t = 0."""
        return self._start

    def now(self) -> float:
        """Seconds since the session began."""
        return time.monotonic() - self._start

    def emit(self, event: Event) -> None:
        """Write one event."""
        with self._lock:
            self._emit(event)

    def _emit(self, event: Event) -> None:
        self._over = isinstance(event, SessionFinished)
        caption = self._captions(event) if self._captions else ""
        events = (event, Caption(caption)) if isinstance(event, SessionStarted) else (Caption(caption), event)
        for one in events if caption else (event,):
            self._put(encode(time.monotonic() - self._start, one))
        while self._dropped and not self._over:
            why = self._dropped.pop()
            self._put(encode(self.now(), Warned("", f"a listener of the session failed and hears nothing more: {why}")))

    def _put(self, line: str) -> None:
        for listener in list(self._listeners):
            try:
                listener(line)
            except Exception as error:  # whoever watches an install never stops it
                self._listeners.remove(listener)
                self._dropped.append(f"{type(error).__name__}: {error}")
        if self._early is not None:
            self._early.append(line)
        else:
            self._write(line)

    def attach(self, descriptors: Sequence[int]) -> None:
        """Write to these files from now on, with all that was emitted before; they are closed by `close`.

        A regular file is written at once. Any other is written when its reader takes it, and given up, with a warning
        in the journal, when the reader does not.
        """
        with self._lock:
            early, self._early = self._early or [], None
            for descriptor in descriptors:
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    self._files.append(descriptor)
                    self._open.append(descriptor)
                else:
                    from .stream import Stream  # only who needs it pays for it

                    self._streams.append(Stream(descriptor, self._given_up))
            if early:
                self._write("\n".join(early))

    def flush(self) -> None:
        """Wait, for some seconds at most, until whoever reads a pipe has taken what was written so far."""
        for stream in self._streams:
            stream.flush()

    def close(self) -> None:
        """Close the files. A session is dead from now on, as its lock is that of its journal."""
        for stream in self._streams:
            stream.close()
        with self._lock:
            self._early = None
            for descriptor in self._open:
                with suppress(OSError):
                    os.close(descriptor)
            self._files, self._open, self._streams = [], [], []

    def _write(self, line: str) -> None:
        data = line.encode("ascii") + b"\n"
        for descriptor in list(self._files):
            try:
                write_all(descriptor, data)
            except OSError:
                self._files.remove(descriptor)
        for stream in self._streams:
            stream.put(data)

    def _given_up(self, why: str) -> None:
        with self._lock:
            if not self._over:  # else it would stand behind the last event
                self._emit(Warned("", f"the journal is no longer written to the file of --journal: {why}"))
