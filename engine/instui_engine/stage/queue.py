"""A queue of jobs from which several processes take, and what they say about them.

The jobs lie in an anonymous file; their numbers are in a pipe. Each number is read once, by whoever is first, so each
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

_PLACE = struct.Struct("=?QQ")  # whether a job was dropped, where it begins in the file, and its length
_RUNNING, _PAUSED = b"r", b"p"  # the first byte of the file
_NUMBER = 4  # bytes

BEGUN, DONE, FAILED = range(3)
"""What a process says of a job."""
_MESSAGE = 4  # bytes; like a number it is never read in part, as the size of a pipe is a multiple of it


def message(number: int, what: int) -> bytes:
    """What to write of a job."""
    return (number << 2 | what).to_bytes(_MESSAGE, "big")


def messages(data: bytes) -> list[tuple[int, int]]:
    """The messages in `data`: number of the job, and what is said of it."""
    words = [int.from_bytes(data[place : place + _MESSAGE], "big") for place in range(0, len(data), _MESSAGE)]
    return [(word >> 2, word & 3) for word in words]


class Queue:
    """The queue as its takers see it. `numbers` is the pipe, `jobs` the file."""

    def __init__(self, numbers: int, jobs: int) -> None:
        self._numbers = numbers
        self._jobs = jobs

    def take(self) -> int | None:
        """Take the number of the next job, when the queue is not paused. None if there will be no more."""
        while os.pread(self._jobs, 1, 0) == _PAUSED:
            time.sleep(0.05)
        number = os.read(self._numbers, _NUMBER)
        return int.from_bytes(number, "big") if number else None

    def read(self, number: int) -> Any:
        """The job of that number; None if it was dropped."""
        dropped, place, length = _PLACE.unpack(os.pread(self._jobs, _PLACE.size, 1 + number * _PLACE.size))
        if dropped:
            return None
        return marshal.loads(os.pread(self._jobs, length, place))  # noqa: S302 - from the parent process


class FilledQueue:
    """The queue in the process that fills it. `takers` are the descriptors for a `Queue` in other processes."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._jobs = unnamed_file()
        try:
            numbers, self._feed = os.pipe()
        except OSError:
            os.close(self._jobs)
            raise
        os.set_blocking(self._feed, False)
        self.takers = (numbers, self._jobs)
        self._queue = Queue(*self.takers)
        self._rest: list[int] = []  # what the pipe does not hold yet; it holds some 16,000 numbers

    def fill(self, jobs: Sequence[Any]) -> None:
        """Put plain data in, once. Raises OSError."""
        packed = [marshal.dumps(job, 4) for job in jobs]
        place = 1 + len(packed) * _PLACE.size
        places = []
        for data in packed:
            places.append(_PLACE.pack(False, place, len(data)))
            place += len(data)
        view = memoryview(b"".join([_RUNNING, *places, *packed]))
        while view:
            view = view[os.write(self._jobs, view) :]
        self._rest = list(range(len(jobs)))
        self._pour()

    def _pour(self) -> None:
        """Put as many numbers into the pipe as it holds. Its end is shown to all when there are no more."""
        data = b"".join(number.to_bytes(_NUMBER, "big") for number in self._rest)
        try:
            written = os.write(self._feed, data) if data else 0
        except BlockingIOError:
            return
        del self._rest[: written // _NUMBER]
        if not self._rest:
            self._end()

    def take(self) -> int | None:
        """Take the number of a job; None if there are no more. Never waits for other processes."""
        if not self._rest:
            return self._queue.take()
        number = self._rest.pop()
        self._pour()
        return number

    def pause(self, paused: bool) -> None:
        """Let nobody take a job, or go on."""
        os.pwrite(self._jobs, _PAUSED if paused else _RUNNING, 0)

    def drop(self, number: int) -> None:
        """Let nobody do that job: whoever takes its number from now on finds none."""
        os.pwrite(self._jobs, b"\1", 1 + number * _PLACE.size)

    def _end(self) -> None:
        if self._feed >= 0:
            os.close(self._feed)
            self._feed = -1

    def close(self) -> None:
        """Let go of the queue. May be called once."""
        self._end()
        for descriptor in self.takers:
            os.close(descriptor)
