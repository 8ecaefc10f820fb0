"""Recorded sessions: a journal, or a page that carries one, opened as lines, and as a source for a screen."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from instui_engine.errors import UsageError, printable, reason
from instui_engine.fs.files import open_regular
from instui_engine.journal.codec import decode
from instui_engine.journal.events import SCHEMA, SessionStarted

from .embedded import is_page, lines_in

MOST = 1_000_000  # lines; a longer journal is read as far as that
_LONGEST = 1 << 24  # bytes of a line; more would be the work of somebody who wants to fill the memory
_LARGEST_PAGE = 1 << 28  # bytes that are read of a page, which has to be in memory as a whole
_CHUNK = 1 << 19  # bytes per poll, so that a screen stays responsive while it reads
_HEAD = 1000  # lines among which the session begins, in a journal that is damaged at its beginning


def open_recording(path: Path) -> Iterator[bytes]:
    """The lines of the recording in a file, with their newlines. Raises UsageError, maybe while it is read."""
    try:
        with open(open_regular(path), "rb") as file:
            yield from lines_of(file)
    except OSError as error:
        raise UsageError(f"cannot read the journal {reason(error, path)}") from error
    except ValueError as error:
        raise UsageError(f"{printable(str(path))} is {error}") from None


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a journal, or of the one in a page. Raises ValueError for a page without one."""
    line = file.readline(_LONGEST)
    if is_page(line):
        yield from lines_in(line + file.read(_LARGEST_PAGE))
        return
    while line:
        if len(line) == _LONGEST and not line.endswith(b"\n"):
            while (rest := file.readline(_LONGEST)) and not rest.endswith(b"\n"):
                pass
            line = b"\n"  # whatever it was, it was no event
        yield line
        line = file.readline(_LONGEST)


def begun(path: Path) -> Iterator[bytes]:
    """The lines of a recording, of which it is known that they are a journal of a session, and of a known version.

    Raises UsageError if they are not.
    """
    lines, head = open_recording(path), []
    name = printable(str(path))
    for line in lines:
        head.append(line)
        try:
            event = decode(line)
        except ValueError:
            event = None
        if event is not None and isinstance(event[1], SessionStarted):
            if event[1].schema > SCHEMA:
                version = printable(event[1].version)
                raise UsageError(f"{name} is of a newer instui ({version}), and this one cannot replay it; update it")
            return chain(head, lines)
        if len(head) == _HEAD:
            break
    if not any(line.strip() for line in head):
        raise UsageError(f"{name} is empty: no session is recorded in it")
    raise UsageError(f"{name} is no journal of a session: it does not begin with session.started")


class Recording:
    """A recorded session as a source: all of its lines are there already."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._left = MOST
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the last line was polled."""
        return self._ended

    @property
    def cut(self) -> bool:
        """Whether there are more lines than are read."""
        return self._left == 0

    def finish(self) -> None:
        """Nothing to do: no session waits for that."""

    def close(self) -> None:
        """Give the source up."""
        self._ended = True

    def poll(self, wait: float = 0.0) -> list[str]:
        """The next lines, without their newlines."""
        found: list[str] = []
        size = 0
        while not self._ended and size < _CHUNK:
            try:
                line = next(self._lines, b"")
            except UsageError:  # the disk has failed: it ends here
                line = b""
            if not line or not self._left:
                self._ended = True
            elif line.endswith(b"\n") or _is_event(line):  # the last one may be incomplete
                found.append(line.rstrip(b"\r\n").decode("utf-8", "replace"))
                size += len(line)
                self._left -= 1
        return found


def _is_event(line: bytes) -> bool:
    try:
        decode(line)
    except ValueError:
        return False
    return True
