"""A queue of jobs from which several processes take, and what they say about them.

The jobs lie in one anonymous file. Another one, the index, has a record of the same size for each. All processes have
the same position in the index, which the system moves on with every read. So each job is taken once, whoever dies.
"""

import marshal
import os
import struct
import time
from collections.abc import Sequence
from typing import Any

_TICKET = struct.Struct("=QQQ")
_RUNNING, _PAUSED = b"r", b"p"  # the first byte of the jobs' file

Ticket = tuple[int, int, int]
"""The number of a job, its place and its length in the file of the jobs."""

BEGUN, DONE, FAILED = range(3)
"""What a process says of a job."""
MESSAGE = 4  # bytes


def message(number: int, what: int) -> bytes:
    """A message of fixed size, so that none is ever written or read in part: a pipe's size is a multiple of it."""
    return (number << 2 | what).to_bytes(MESSAGE, "big")


def messages(data: bytes) -> list[tuple[int, int]]:
    """The messages in `data`: number of the job, and what is said of it."""
    words = [int.from_bytes(data[place : place + MESSAGE], "big") for place in range(0, len(data), MESSAGE)]
    return [(word >> 2, word & 3) for word in words]


class Queue:
    """The queue, in each of the processes. Its descriptors stay their owner's."""

    def __init__(self, index: int, jobs: int) -> None:
        self._index = index
        self._jobs = jobs

    def fill(self, jobs: Sequence[Any]) -> None:
        """Put plain data in: once, before anybody takes any. Raises OSError."""
        packed = [marshal.dumps(job, 4) for job in jobs]
        place = 1
        tickets = []
        for number, data in enumerate(packed):
            tickets.append(_TICKET.pack(number, place, len(data)))
            place += len(data)
        self._write(self._jobs, _RUNNING + b"".join(packed))
        self._write(self._index, b"".join(tickets))

    @staticmethod
    def _write(file: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]
        os.lseek(file, 0, os.SEEK_SET)

    def pause(self, paused: bool) -> None:
        """Let nobody take a job, or go on."""
        os.pwrite(self._jobs, _PAUSED if paused else _RUNNING, 0)

    def take(self) -> Ticket | None:
        """Take the next job, when the queue is not paused; None if there is none."""
        while os.pread(self._jobs, 1, 0) == _PAUSED:
            time.sleep(0.05)
        record = os.read(self._index, _TICKET.size)
        return _TICKET.unpack(record) if len(record) == _TICKET.size else None

    def read(self, ticket: Ticket) -> Any:
        """The job of that ticket."""
        _, place, length = ticket
        return marshal.loads(os.pread(self._jobs, length, place))  # noqa: S302 - from the parent process
