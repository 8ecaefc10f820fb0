"""Sources of journal lines: this process, a file that another process writes, or a finished file.

`Feed` and `Tail` are both a `Source`. A user interface polls it, as often as it likes and in its own thread; the writer
of the lines never waits for that.
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

CHUNK = 1 << 20  # bytes per poll, some thousands of events, so that a screen stays responsive while it catches up


class Source(Protocol):
    """A source of whole journal lines, as they appear."""

    @property
    def ended(self) -> bool:
        """Whether no more lines will come."""

    def poll(self, wait: float = 0.0) -> list[str]:
        """The lines since the last call, without newlines; if there are none, those of the next `wait` seconds."""

    def finish(self) -> None:
        """Declare, from any thread, that the session is over: lines already there still come, then `ended`."""

    def close(self) -> None:
        """Give the source up, in the thread that polls: no more lines come, and no file stays open."""


class Feed:
    """Lines from this process. `put` only appends and wakes nobody, so the engine may call it freely."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._finished = Flag()
        self._ended = False

    def put(self, line: str) -> None:
        """Add one line, without its newline, from any thread; never block. Nothing may be put after `finish`."""
        self._lines.append(line)

    def finish(self) -> None:
        """Declare that the session is over."""
        self._finished.set()

    def close(self) -> None:
        """Give the source up."""
        self._finished.set()
        self._lines.clear()
        self._ended = True

    @property
    def ended(self) -> bool:
        """Whether the session is over and every line was polled."""
        return self._ended

    def poll(self, wait: float = 0.0) -> list[str]:
        """All lines of the next `wait` seconds; sooner if the session is over."""
        # Not woken by `put`: waking for each line would waste the engine's time.
        finished = self._finished.wait(wait) if wait else self._finished.is_set()
        lines = self._lines
        batch = [lines.popleft() for _ in range(len(lines))]
        self._ended = finished
        return batch


class Tail:
    """The journal at `path`, which another process writes and which need not exist yet.

    It ends with `session.finished`, or when `dead` says that the session is dead; `dead` is called only when there is
    nothing new. A last line without its newline is an incomplete write, and is left out. Raises OSError if the file
    cannot be read.
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
        """Whether the session's last line was polled; the file is then closed."""
        return self._ended

    def finish(self) -> None:
        """Read what is there, then end."""
        self._finished.set()

    def close(self) -> None:
        """Give the source up and close the file."""
        self._ended = True
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def poll(self, wait: float = 0.0) -> list[str]:
        """New whole lines, at most about a mebibyte. Wait up to `wait` seconds if there are none."""
        if self._ended:
            return []
        lines, more = self._read()
        if not more and not self._ended:
            over = self._finished.wait(wait) if wait else self._finished.is_set()
            # Called before the last read, so that nothing written between the two is lost.
            over = over or (not lines and self._dead is not None and self._dead())
            further, more = self._read()
            lines += further
            if over and not more:
                self.close()
        return lines

    def _read(self) -> tuple[list[str], bool]:
        """New lines, and whether there may be more immediately."""
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
    """The events of a finished journal, with their times. Raises OSError."""
    with open(open_regular(path), encoding="utf-8", errors="replace") as lines:
        yield from decoded(lines)
