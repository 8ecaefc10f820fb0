"""A queue of jobs from which several processes take while it is filled, and what they say about them.

The jobs lie in an anonymous file; their tickets are in a pipe. Each ticket is read once, by whoever is first, so each
job is taken once, whoever dies. (Processes that share the position in an anonymous file do not: the system lets two of
them read the same place.)
"""

import marshal
import os
import struct
import time
from collections.abc import Sequence
from typing import Any

from instui_engine.fs.memory import unnamed_file

_TICKET = struct.Struct("=IIQ")  # the number of a job, its length in the file, and where it begins there
_AT_ONCE = 1024  # tickets that are put into the pipe at once, at most; it holds some 4,000
_RUNNING, _PAUSED = b"r", b"p"  # the first byte of the file
_WANTED, _DROPPED = b"w", b"d"  # the first byte of a job

BEGUN, DONE, FAILED = range(3)
"""What a process says of a job."""
_MESSAGE = 4  # bytes; like a ticket it is never read in part, as the size of a pipe is a multiple of it


def message(number: int, what: int) -> bytes:
    """What to write of a job."""
    return (number << 2 | what).to_bytes(_MESSAGE, "big")


def messages(data: bytes) -> list[tuple[int, int]]:
    """The messages in `data`: number of the job, and what is said of it."""
    words = [int.from_bytes(data[place : place + _MESSAGE], "big") for place in range(0, len(data), _MESSAGE)]
    return [(word >> 2, word & 3) for word in words]


Ticket = tuple[int, int, int]
"""What is taken from the queue: the number of a job, its length, and its place."""


class Queue:
    """The queue as its takers see it. `tickets` is the pipe, `jobs` the file."""

    def __init__(self, tickets: int, jobs: int) -> None:
        self._tickets = tickets
        self._jobs = jobs

    def take(self) -> Ticket | None:
        """Take the next ticket, when there is one and the queue is not paused. None if there will be no more."""
        while os.pread(self._jobs, 1, 0) == _PAUSED:
            time.sleep(0.05)
        ticket = os.read(self._tickets, _TICKET.size)
        return _TICKET.unpack(ticket) if ticket else None

    def read(self, ticket: Ticket) -> Any:
        """The job of that ticket; None if it was dropped."""
        _, length, place = ticket
        data = os.pread(self._jobs, length, place)
        return None if data.startswith(_DROPPED) else marshal.loads(data[1:])  # noqa: S302 - from the parent process


class FilledQueue:
    """The queue in the process that fills it. `takers` are the descriptors for a `Queue` in other processes."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._jobs = unnamed_file()
        try:
            os.write(self._jobs, _RUNNING)
            tickets, self._feed = os.pipe()
        except OSError:
            os.close(self._jobs)
            raise
        os.set_blocking(self._feed, False)
        self.takers = (tickets, self._jobs)
        self._queue = Queue(*self.takers)
        self._places: dict[int, int] = {}  # number -> where the job begins
        self._end = 1  # of the jobs in the file
        self._rest: list[bytes] = []  # the tickets that the pipe does not hold yet
        self._is_complete = False

    def add(self, first: int, jobs: Sequence[Any]) -> None:
        """Put plain data in; the first of the jobs has that number. Raises OSError, with none of them added."""
        packed = [_WANTED + marshal.dumps(job, 4) for job in jobs]
        view, end = memoryview(b"".join(packed)), self._end
        while view:
            written = os.pwrite(self._jobs, view, end)
            view, end = view[written:], end + written
        for number, data in enumerate(packed, first):
            self._places[number] = self._end
            self._rest.append(_TICKET.pack(number, len(data), self._end))
            self._end += len(data)
        self._pour()

    def complete(self) -> None:
        """Nothing more will be added: takers learn that when the queue is empty."""
        self._is_complete = True
        self._pour()

    def _pour(self) -> None:
        """Put as many tickets into the pipe as it holds. Its end is shown to all when there will be no more."""
        while self._rest:
            try:
                written = os.write(self._feed, b"".join(self._rest[:_AT_ONCE]))
            except BlockingIOError:
                return
            del self._rest[: written // _TICKET.size]
        if self._is_complete:
            self._show_end()

    def take(self) -> int | None:
        """Take the number of a job; None if there are no more. Never waits for others once the queue is complete."""
        if self._rest:
            ticket: Ticket | None = _TICKET.unpack(self._rest.pop())
            self._pour()
        else:
            ticket = self._queue.take()
        return ticket[0] if ticket else None

    def pause(self, paused: bool) -> None:
        """Let nobody take a job, or go on."""
        os.pwrite(self._jobs, _PAUSED if paused else _RUNNING, 0)

    def drop(self, number: int) -> None:
        """Let nobody do that job, if it is in the queue: whoever takes its ticket from now on finds none."""
        if number in self._places:
            os.pwrite(self._jobs, _DROPPED, self._places[number])

    def _show_end(self) -> None:
        if self._feed >= 0:
            os.close(self._feed)
            self._feed = -1

    def close(self) -> None:
        """Let go of the queue. May be called once."""
        self._show_end()
        for descriptor in self.takers:
            os.close(descriptor)
