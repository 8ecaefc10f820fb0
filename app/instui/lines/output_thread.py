"""The output thread, between a session and an output that may be slow, blocked or closed."""

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable
from typing import TextIO

from instui.monitor.reader import Source
from instui.terminal import encodable

_PIECE = 4096  # bytes per write, so that a slow reader shows as progress


class Output:
    """An output to a stream that may go away: after the first error it discards everything.

    It writes to the stream's descriptor, not through its buffer: a thread that hangs in a buffered write holds the
    buffer's lock, and then the interpreter cannot exit. So flush the stream before, if it was printed to.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._descriptor: int | None = None
        with contextlib.suppress(AttributeError, OSError, ValueError):
            self._descriptor = stream.fileno() if stream is not None else None
        self.gone = stream is None
        self.written = 0  # bytes or characters written so far; it only grows

    def write(self, text: str) -> None:
        """Write all of `text`, however long it takes; never raise for the stream."""
        text = encodable(text, self._encoding)
        try:
            if self._descriptor is not None:
                self._write_descriptor(self._descriptor, text)
            elif not self.gone and self._stream is not None:
                self._stream.write(text)
                self._stream.flush()
                self.written += len(text)
        except (OSError, ValueError):
            self.gone = True

    def _write_descriptor(self, descriptor: int, text: str) -> None:
        data = memoryview(text.encode(self._encoding, "backslashreplace"))
        while data and not self.gone:
            try:
                count = os.write(descriptor, data[:_PIECE])
            except BlockingIOError:  # another process made the terminal non-blocking
                poll = select.poll()
                poll.register(descriptor, select.POLLOUT)
                poll.poll(1000)
                continue
            self.written += count
            data = data[count:]


class OutputThread:
    """A daemon thread that renders the lines of `source` and writes them to `output`, until the source ends.

    `render(lines, ended)` returns the text of one batch; it is called about every `interval` seconds, without lines if
    nothing happened. An output that blocks stops only this thread.
    """

    def __init__(
        self, source: Source, output: Output, render: Callable[[list[str], bool], str], interval: float = 0.1
    ) -> None:
        self._source = source
        self._output = output
        self._render = render
        self._interval = interval
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        self.error: Exception | None = None  # a defect of `render`; the lines after it are dropped

    def start(self) -> None:
        """Start to write."""
        self._thread.start()

    def finish(self, grace: float = 5.0) -> bool:
        """End the source and wait until everything is written; False if the output did not move for `grace` seconds."""
        self._source.finish()
        written, moved = self._output.written, time.monotonic()
        while not self._done.wait(min(0.05, grace)):
            if self._output.written != written:
                written, moved = self._output.written, time.monotonic()
            elif time.monotonic() - moved >= grace:
                self._output.gone = True  # the rest of the text is dropped if the write ever returns
                return False
        return self.error is None

    def _run(self) -> None:
        try:
            while not self._source.ended:
                lines = self._source.poll(self._interval)
                if self._output.gone or self.error is not None:
                    continue
                try:
                    text = self._render(lines, self._source.ended)
                except Exception as error:  # must neither stop an install nor let its lines pile up
                    self.error = error
                    continue
                if text:
                    self._output.write(text)
        except OSError as error:  # the journal cannot be read
            self.error = error
        finally:
            self._source.close()
            self._done.set()
