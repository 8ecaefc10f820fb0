"""Who unpacks wheels: this process, or helper processes, which share no GIL with it.

Two threads that unpack hand the GIL to and fro: the same work takes a third more of the processor's time than in two
processes. A helper is not worth its start for a few small wheels.
"""

import marshal
import os
import select
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from instui_engine import errors, helper
from instui_engine.errors import InstuiError, Interrupted
from instui_engine.fs.rmtree import remove_tree
from instui_engine.hashes import Demands
from instui_engine.wheel.manifest import Manifest, load

from .local import Digest, LocalDigests
from .unpack import Job, Progress, unpack
from .unpack_helper import send

WORTHWHILE = 4 << 20  # bytes of wheel files for which one more process is worth its start
EACH = 64 << 10  # bytes that take as long to unpack as there is to do for each wheel, however small
_POLL = 100  # milliseconds between two looks whether to stop


class Unpacker(Protocol):
    """Reads and unpacks one wheel at a time; `stopping` says whether to give up, with Interrupted."""

    def read(self, local: LocalDigests, path: str, demands: Demands, stopping: Callable[[], bool]) -> Digest:
        """See `LocalDigests.read`."""

    def unpack(self, job: Job, progress: Progress, stopping: Callable[[], bool]) -> Manifest:
        """See `unpack.unpack`."""


class InThisProcess:
    """Unpacks in this process."""

    def read(self, local: LocalDigests, path: str, demands: Demands, stopping: Callable[[], bool]) -> Digest:
        """See `Unpacker`."""
        return local.read(path, demands)

    def unpack(self, job: Job, progress: Progress, stopping: Callable[[], bool]) -> Manifest:
        """See `Unpacker`."""
        return unpack(job, progress, stopping)


class _Lost(Exception):
    """The helper process has ended, whatever the reason."""


class InHelper:
    """Unpacks in a helper process, and here from the moment when that is lost."""

    def __init__(self, process: helper.Helper) -> None:
        self._process: Final = process
        self._is_lost = False
        self._received = bytearray()
        self._poll = select.poll()
        self._poll.register(process.answers.fileno(), select.POLLIN)

    def read(self, local: LocalDigests, path: str, demands: Demands, stopping: Callable[[], bool]) -> Digest:
        """See `Unpacker`."""
        try:
            return Digest(*self._ask(("read", str(local.cache), path, demands), None, stopping))
        except _Lost:
            return local.read(path, demands)

    def unpack(self, job: Job, progress: Progress, stopping: Callable[[], bool]) -> Manifest:
        """See `Unpacker`."""
        try:
            return load(self._ask(("unpack", *job), progress, stopping))
        except _Lost:
            remove_tree(f"{job.directory}/files")
            return unpack(job, progress, stopping)

    def close(self) -> None:
        """End the process."""
        self._is_lost = True
        self._process.close()

    def _ask(self, request: tuple[Any, ...], progress: Progress | None, stopping: Callable[[], bool]) -> Any:
        """The result of a request. Raises the error that it ended with, and _Lost."""
        try:
            result = self._converse(request, progress, stopping)
        except (_Lost, OSError) as error:
            self.close()
            raise _Lost from error
        except BaseException:
            self.close()  # it is in the middle of something, and the caller cleans up
            raise
        if isinstance(result, InstuiError):
            raise result
        return result

    def _converse(self, request: tuple[Any, ...], progress: Progress | None, stopping: Callable[[], bool]) -> Any:
        """The result of a request, or the error that it ended with."""
        if self._is_lost:
            raise _Lost
        send(self._process.requests, request)
        while True:
            match self._answer(stopping):
                case ("started", files, size) if progress:
                    progress.started(files, size)
                case ("advanced", done, files) if progress:
                    progress.advanced(done, files)
                case ("done", result):
                    return result
                case ("failed", name, line, fields):
                    return _error(name, line, fields)

    def _answer(self, stopping: Callable[[], bool]) -> Any:
        """The next message of the process."""
        while True:
            size = int.from_bytes(self._received[:4], "big")
            if len(self._received) >= 4 + size > 4:
                message = marshal.loads(self._received[4 : 4 + size])  # noqa: S302 - of our own process
                del self._received[: 4 + size]
                return message
            if stopping():
                raise Interrupted("interrupted while unpacking")
            if self._poll.poll(_POLL):
                data = os.read(self._process.answers.fileno(), 1 << 16)
                if not data:
                    raise _Lost
                self._received += data


def _error(name: str, line: str, fields: dict[str, Any]) -> InstuiError:
    """The error of `errors` that was raised in a helper process."""
    error: InstuiError = getattr(errors, name)(line)
    vars(error).update(fields)
    return error


def unpackers(number: int, processes: Sequence[helper.Helper]) -> list[Unpacker]:
    """`number` unpackers, as many as possible of them in `processes`."""
    return [*map(InHelper, processes[:number]), *(InThisProcess() for _ in range(number - len(processes)))]
