"""A thread between a session and an output that may be slow, blocked or closed."""

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable
from typing import TextIO

from instui.monitor.reader import Source

_PIECE = 4096  # bytes a write takes at once, so that a slow reader shows as progress
_ASCII = str.maketrans({"·": "-", "…": "~", "»": ">", "→": ">"})


class Output:
    """Text to a stream that may go away: after the first error it swallows everything.

    It writes to the stream's descriptor, not through its buffer: a thread that hangs in a buffered write holds the
    buffer's lock, and the interpreter cannot exit then. So flush before what was printed otherwise.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._descriptor: int | None = None
        with contextlib.suppress(AttributeError, OSError, ValueError):
            self._descriptor = stream.fileno() if stream is not None else None
        try:
            "·…»→".encode(self._encoding)
            self._plain_ascii = False
        except (UnicodeEncodeError, LookupError):
            self._plain_ascii = True
        self.gone = stream is None
        self.written = 0  # bytes or characters that went through; only ever grows

    def write(self, text: str) -> None:
        """Write all of `text`, however long it takes; never raises for the stream."""
        if self._plain_ascii:
            text = text.translate(_ASCII)
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
        data = memoryview(text.encode(self._encoding, "replace"))
        while data and not self.gone:
            try:
                count = os.write(descriptor, data[:_PIECE])
            except BlockingIOError:  # somebody made the terminal non-blocking
                poll = select.poll()
                poll.register(descriptor, select.POLLOUT)
                poll.poll(1000)
                continue
            self.written += count
            data = data[count:]


class OutputThread:
    """Renders the lines of `source` and writes them to `output`, in a daemon thread, until the source ends.

    `render(lines, ended)` makes the text of one batch; it is called about every `pace` seconds, without lines where
    nothing happened. An output that blocks stops this thread and nothing else.
    """

    def __init__(
        self, source: Source, output: Output, render: Callable[[list[str], bool], str], pace: float = 0.1
    ) -> None:
        self._source = source
        self._output = output
        self._render = render
        self._pace = pace
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        self.error: Exception | None = None  # a defect of `render`; the lines after it are dropped

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def finish(self, grace: float = 5.0) -> bool:
        """End the source and wait until all is written; False when the output did not move for `grace` seconds."""
        self._source.finish()
        written, moved = self._output.written, time.monotonic()
        while not self._done.wait(min(0.05, grace)):
            if self._output.written != written:
                written, moved = self._output.written, time.monotonic()
            elif time.monotonic() - moved >= grace:
                self._output.gone = True  # the rest of the text is dropped, should the write ever return
                return False
        return self.error is None

    def _run(self) -> None:
        try:
            while not self._source.ended:
                lines = self._source.poll(self._pace)
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
