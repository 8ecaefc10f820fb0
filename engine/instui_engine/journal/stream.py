"""Output of the journal to a pipe, a terminal or a device, which never delays a session if nobody reads it.

Writing to such a file may block for ever. So a thread of its own writes, and the others only put lines into a buffer.
The descriptor may be shared with other processes, so O_NONBLOCK is never set here: it would apply to them, too.
"""

import os
import select
import threading
import time
from collections.abc import Callable

_MOST = 4 << 20  # the most bytes that wait for a reader: about 30,000 events
_PATIENCE = 2.0  # the most seconds without progress, at the end of the session
_LONGEST = 5.0  # the most seconds that the end of the session waits for a reader
_PIECE = 4096  # bytes of one write; a pipe that is writable takes so many at once
_POLL = 0.1  # seconds between checks of whether the stream was given up


class Stream:
    """An output that takes data immediately and writes it when the reader is ready. If it fails, it is given up."""

    def __init__(self, descriptor: int, given_up: Callable[[str], None]) -> None:
        """The stream owns the descriptor from now on. `given_up` is called once, from any thread, with the reason."""
        self._descriptor = descriptor
        self._given_up = given_up
        self._change = threading.Condition()
        self._buffer = bytearray()
        self._written = 0  # bytes so far
        self._closing = False
        self._why = ""  # the stream was given up
        self._reported = False
        threading.Thread(target=self._run, name="journal", daemon=True).start()

    def put(self, data: bytes) -> None:
        """Write `data` as soon as the reader takes it; never block."""
        with self._change:
            self._buffer += data
            if len(self._buffer) > _MOST:
                self._give_up("nobody reads it")
            elif self._why:
                self._buffer.clear()
            self._change.notify_all()

    def flush(self) -> None:
        """Wait until all is written. A reader that takes nothing for two seconds, or not all in five, is given up."""
        with self._change:
            written, moved = self._written, time.monotonic()
            end = moved + _LONGEST
            while self._buffer:
                self._change.wait(_POLL)
                if time.monotonic() >= end:
                    self._give_up("its reader is too slow")
                elif self._written != written:
                    written, moved = self._written, time.monotonic()
                elif time.monotonic() - moved >= _PATIENCE:
                    self._give_up("nobody reads it")
        self._tell()

    def close(self) -> None:
        """Flush, and let the thread close the file."""
        self.flush()
        with self._change:
            self._closing = True
            self._change.notify_all()

    def _give_up(self, why: str) -> None:
        """Drop all waiting data. The caller holds the condition."""
        self._why = self._why or why
        self._buffer.clear()
        self._change.notify_all()

    def _tell(self) -> None:
        """Report once that the stream was given up; not from `put`, whose callers may hold the journal's lock."""
        with self._change:
            why, reported, self._reported = self._why, self._reported, self._reported or bool(self._why)
        if why and not reported:
            self._given_up(why)

    def _run(self) -> None:
        try:
            while data := self._next():
                count = self._write(data)
                with self._change:
                    if not self._why:
                        del self._buffer[:count]
                        self._written += count
                        self._change.notify_all()
        except OSError as error:
            with self._change:
                self._give_up(error.strerror or str(error))
        finally:
            os.close(self._descriptor)
        self._tell()

    def _next(self) -> bytes:
        """The data to write next; b"" when there will be no more."""
        with self._change:
            while not (self._buffer or self._closing or self._why):
                self._change.wait()
            return bytes(self._buffer[:_PIECE])

    def _write(self, data: bytes) -> int:
        """Write some of `data` if the reader is ready soon; return the number of bytes written."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        if not poll.poll(_POLL * 1000):
            return 0
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:  # another process writes there, too, and was quicker
            return 0
