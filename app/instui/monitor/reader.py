"""Where journal lines come from: this process, a file that another process writes, or a finished file.

`Feed` and `Tail` are both a `Source`: whoever shows a session polls it, at its own pace and in its own thread, and
whoever writes the lines never waits for that.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Event as Flag
from typing import BinaryIO, Protocol, Self

from instui_engine.fs.files import open_regular
from instui_engine.journal.codec import decode
from instui_engine.journal.events import Event

CHUNK = 1 << 20  # bytes a poll may bring: some thousands of events, so that a screen stays alive while it catches up


class Source(Protocol):
    """Whole lines of a journal, as they appear."""

    @property
    def ended(self) -> bool:
        """No line will come any more."""

    def poll(self, wait: float = 0.0) -> list[str]:
        """The lines since the last call, without newlines; where there are none, those of the next `wait` seconds."""

    def finish(self) -> None:
        """Say from any thread that the session is over: what is there already still comes, then `ended`."""

    def close(self) -> None:
        """Give it up, in the thread that polls: nothing comes any more, and no file stays open."""


class Feed:
    """Lines from this process. `put` is an append that wakes nobody, so the engine may call it freely."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._finished = Flag()
        self._ended = False

    def put(self, line: str) -> None:
        """Add one line, without its newline; from any thread, never blocks. Nothing may be put after `finish`."""
        self._lines.append(line)

    def finish(self) -> None:
        """The session is over."""
        self._finished.set()

    def close(self) -> None:
        """Give it up."""
        self._finished.set()
        self._lines.clear()
        self._ended = True

    @property
    def ended(self) -> bool:
        """The session is over, and every line was polled."""
        return self._ended

    def poll(self, wait: float = 0.0) -> list[str]:
        """All lines of the next `wait` seconds; sooner when the session is over."""
        # Not woken by `put`: a reader that woke for each line would take the engine's time for nothing.
        finished = self._finished.wait(wait) if wait else self._finished.is_set()
        lines = self._lines
        batch = [lines.popleft() for _ in range(len(lines))]
        self._ended = finished
        return batch


class Tail:
    """The journal at `path`, which another process writes and which need not exist yet.

    It ends with `session.finished`, or when `dead` says that the session is no more; `dead` is asked only when there is
    nothing new. A last line without its newline is a write that was cut off, and is left out. Raises OSError where the
    file cannot be read.
    """

    def __init__(self, path: Path, dead: Callable[[], bool] | None = None) -> None:
        self._path = path
        self._dead = dead
        self._file: BinaryIO | None = None
        self._rest = b""
        self._finished = Flag()
        self._ended = False

    @property
    def ended(self) -> bool:
        """The session's last line was polled; the file is closed."""
        return self._ended

    def finish(self) -> None:
        """Read what is there, then end."""
        self._finished.set()

    def close(self) -> None:
        """Give it up: the file is closed."""
        self._ended = True
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def poll(self, wait: float = 0.0) -> list[str]:
        """New whole lines, about a mebibyte at most; waits up to `wait` seconds where there are none."""
        if self._ended:
            return []
        lines, more = self._read()
        if not more and not self._ended:
            over = self._finished.wait(wait) if wait else self._finished.is_set()
            # Asked before the last read, so that what was written between the two is not lost.
            over = over or (not lines and self._dead is not None and self._dead())
            further, more = self._read()
            lines += further
            if over and not more:
                self.close()
        return lines

    def _read(self) -> tuple[list[str], bool]:
        """New lines, and whether there may be more at once."""
        if self._ended:
            return [], False
        if self._file is None:
            try:
                self._file = open(open_regular(self._path), "rb", buffering=0)  # noqa: SIM115 - `close` closes it
            except FileNotFoundError:
                return [], False
        data = self._file.read(CHUNK)
        *whole, self._rest = (self._rest + data).split(b"\n")
        lines = [line.decode("utf-8", "replace") for line in whole]
        if any(map(_is_last, lines)):
            self.close()
        return lines, len(data) == CHUNK


def _is_last(line: str) -> bool:
    if "session.finished" not in line:
        return False
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and fields.get("event") == "session.finished"


def decoded(lines: Iterable[str]) -> Iterator[tuple[float, Event]]:
    """The events of `lines` with their times; unknown kinds and damaged lines are left out."""
    for line in lines:
        try:
            event = decode(line)
        except (ValueError, TypeError, AttributeError, RecursionError):
            continue
        if event is not None:
            yield event


def read(path: Path) -> Iterator[tuple[float, Event]]:
    """The events of a journal that nobody writes any more, with their times. Raises OSError."""
    with open(open_regular(path), encoding="utf-8", errors="replace") as lines:
        yield from decoded(lines)
