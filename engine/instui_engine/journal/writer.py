"""The journal's writer. It never stops an install: a file that cannot be written is given up."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from .events import Caption, Event, SessionStarted, encode

Listener = Callable[[str], None]
Narrator = Callable[[Event], str]
"""The caption to put before an event (after it for the first one), "" for none."""


class Journal:
    """Takes events from any thread; each becomes one line in every file and for every listener, in one order.

    A listener gets the line without its newline and must not block. Lines that come before the session's file is
    attached are kept and written to it then.
    """

    def __init__(self, listeners: tuple[Listener, ...] = (), narrate: Narrator | None = None) -> None:
        self._narrate = narrate
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._listeners = listeners
        self._files: list[int] = []  # to write to
        self._open: list[int] = []  # to close; one of them is locked, and that is the session's sign of life
        self._early: list[str] | None = []

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
            caption = self._narrate(event) if self._narrate else ""
            events = (event, Caption(caption)) if isinstance(event, SessionStarted) else (Caption(caption), event)
            for one in events if caption else (event,):
                self._put(encode(time.monotonic() - self._start, one))

    def _put(self, line: str) -> None:
        for listener in self._listeners:
            listener(line)
        if self._early is not None:
            self._early.append(line)
        else:
            self._write(line)

    def attach(self, descriptors: list[int]) -> None:
        """Write to these files from now on, with all that was emitted before; they are closed by `close`."""
        with self._lock:
            early, self._early = self._early or [], None
            self._files, self._open = list(descriptors), list(descriptors)
            if early:
                self._write("\n".join(early))

    def close(self) -> None:
        """Close the files. A session is dead from now on, as its lock is that of its journal."""
        with self._lock:
            self._early = None
            for descriptor in self._open:
                with suppress(OSError):
                    os.close(descriptor)
            self._files, self._open = [], []

    def _write(self, line: str) -> None:
        data = line.encode("ascii") + b"\n"
        for descriptor in list(self._files):
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            except OSError:
                self._files.remove(descriptor)
