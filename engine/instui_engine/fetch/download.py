"""Downloads of wheels: resumed where an earlier attempt stopped, retried if that can help, hashed on the fly.

The hash in the lock file decides whether a download is right; nothing that a server says is trusted.
"""

import contextlib
import errno
import hashlib
import os
import queue
import random
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

from instui_engine.errors import FetchError, printable, reason
from instui_engine.fs.files import write_all

from .credentials import Credentials, origin
from .transport import CHUNK, Fault, Head, Stream, Transport, host_of

_POLL_SECONDS = 0.1
_BACKOFF_SECONDS = 0.3
_MAX_BACKOFF_SECONDS = 10.0
_FRESH_BYTES = 64 * 1024  # after an attempt that gained this many bytes, the count of retries starts again
_MAX_UNPROMISED = 16 << 30  # the most bytes of a body of unstated length: an endless one must stop somewhere


class FetchCancelled(Exception):
    """The download was cancelled, which is no error; what was received stays in the partial file."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file to get: http(s) `url`, the wheel's file `name`, `sha256` in hex, `size` in bytes (0: unknown)."""

    url: str
    name: str
    sha256: str
    size: int


class Progress(Protocol):
    """What `Client.fetch` reports, in the thread that called it. Sizes are in bytes, 0 if unknown."""

    def started(self, done: int, size: int) -> None:
        """Called once; `done` bytes were there already."""

    def progress(self, done: int, size: int) -> None:
        """Called at most about ten times a second, and at the end; `done` goes back to 0 on a restart."""

    def retried(self, attempt: int, reason: str) -> None:
        """An attempt failed with `reason`; this is retry number `attempt` since the last progress."""


class Client:
    """The HTTP client of one session, shared by its threads; a context manager that closes its connections.

    `index_urls` may carry credentials. `connections` is the maximum for one host, `retries` the maximum in a row
    without progress, and `timeout` the seconds for which a server may stay silent. `pause` sleeps between attempts.
    """

    def __init__(
        self,
        *,
        index_urls: Sequence[str] = (),
        connections: int = 10,
        retries: int = 4,
        timeout: float = 30,
        offline: bool = False,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = Transport(Credentials(index_urls), connections, timeout)
        self._retries = retries
        self._offline = offline
        self._pause = pause

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def fetch(self, download: Download, partial: Path, progress: Progress, cancelled: Callable[[], bool]) -> None:
        """Download into `partial`, continuing after the bytes in it; afterwards it is complete and verified.

        The caller holds the lock of `partial`. Raises FetchError, which leaves the file only if it can be resumed, and
        FetchCancelled within 0.2 s after `cancelled()` becomes true.
        """
        if self._offline:
            problem = f"{printable(download.name)} is not in the cache; run once without --offline to get it"
            raise FetchError(problem, wheel=download.name)
        try:
            usable = urlsplit(download.url).scheme in ("http", "https") and origin(urlsplit(download.url))[1] != ""
        except ValueError:
            usable = False
        if not usable:
            problem = f"cannot download {printable(download.name)}: its URL is not a valid http or https one"
            raise FetchError(problem, wheel=download.name)
        target = _Target(download, partial)
        try:
            _Run(self._transport, download, target, progress, cancelled, self._retries, self._pause).run()
        finally:
            target.close()


class _Target:
    """The partial file, and the hash of the `done` bytes in it. Raises FetchError if the disk fails."""

    def __init__(self, download: Download, path: Path) -> None:
        self._download = download
        self._path = path
        self._hash = hashlib.sha256()
        self.done = 0
        with self._disk():
            # A planted symlink or FIFO must not redirect or block the write.
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            self._fd = os.open(path, flags, 0o644)
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            os.close(self._fd)
            problem = f"cannot store {printable(download.name)}: {printable(str(path))} is not a regular file"
            raise FetchError(problem, wheel=download.name)

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self.delete()  # free space on the disk is worth more than a resume
            why, name = reason(error), printable(self._download.name)
            problem = f"cannot store {name} in the cache: {why}; check the cache directory"
            raise FetchError(problem, wheel=self._download.name) from error

    def adopt(self) -> Iterator[None]:
        """Adopt what an earlier attempt has left, one chunk per step."""
        with self._disk():
            while data := os.read(self._fd, CHUNK):
                self._hash.update(data)
                self.done += len(data)
                yield
        if 0 < self._download.size < self.done:
            self.rewind()

    def write(self, data: bytes) -> None:
        """Append `data`."""
        with self._disk():
            write_all(self._fd, data)
        self._hash.update(data)
        self.done += len(data)

    def rewind(self) -> None:
        """Discard all bytes."""
        with self._disk():
            os.ftruncate(self._fd, 0)
            os.lseek(self._fd, 0, os.SEEK_SET)
        self._hash = hashlib.sha256()
        self.done = 0

    def digest(self) -> str:
        """The digest of the bytes so far."""
        return self._hash.hexdigest()

    def delete(self) -> None:
        """Remove the file."""
        self.done = 0
        with contextlib.suppress(OSError):
            self._path.unlink()

    def close(self) -> None:
        """Close the file; an empty one is removed."""
        os.close(self._fd)
        if not self.done:
            self.delete()


class _Run:
    """One call of `Client.fetch`."""

    def __init__(
        self,
        transport: Transport,
        download: Download,
        target: _Target,
        progress: Progress,
        cancelled: Callable[[], bool],
        retries: int,
        pause: Callable[[float], None],
    ) -> None:
        self._transport = transport
        self._download = download
        self._target = target
        self._progress = progress
        self._cancelled = cancelled
        self._retries = retries
        self._pause = pause
        self._size = download.size
        self._reported = 0.0

    def run(self) -> None:
        for _ in self._target.adopt():
            self._check()
        self._progress.started(self._target.done, self._size)
        if self._target.done and self._right():
            return
        resumed = self._get_all()
        if not self._right() and resumed:
            # The earlier bytes may have been wrong; only a download in one piece proves the server wrong.
            self._target.rewind()
            self._progress.retried(1, "the resumed file has a wrong hash; starting over")
            self._get_all()
        self._progress.progress(self._target.done, self._size)
        if not self._right():
            self._refuse(f"sha256 {self._download.sha256[:12]} was expected, {self._target.digest()[:12]} came")

    def _right(self) -> bool:
        return self._target.digest() == self._download.sha256.lower()

    def _check(self) -> None:
        if self._cancelled():
            raise FetchCancelled

    def _get_all(self) -> bool:
        """Fetch to the end of the file, with retries; return whether it came in several pieces. Raises FetchError."""
        # Only bytes beyond the furthest point count as progress: a server that cannot resume, and always breaks
        # off at the same place, must not be asked for ever.
        attempt, furthest = 0, self._target.done
        while True:
            try:
                return self._get_rest()
            except Fault as fault:
                if fault.restart:
                    self._target.rewind()
                if self._target.done >= furthest + _FRESH_BYTES:
                    attempt, furthest = 0, self._target.done
                attempt += 1
                if not fault.retry or attempt > self._retries:
                    raise self._error(fault.why, fault.hint) from fault
                self._progress.retried(attempt, fault.why)
                self._wait(max(fault.after, self._backoff(attempt)))

    def _get_rest(self) -> bool:
        """Make one attempt; return whether it continued from earlier bytes. Raises Fault if it did not complete."""
        stream = Stream(self._transport, self._download.url, self._target.done)
        try:
            head = self._next(stream)
            assert isinstance(head, Head)
            if head.start != self._target.done:
                self._target.rewind()  # the server does not resume
            if self._download.size and head.total not in (0, self._download.size):
                self._refuse(f"the lock file promises {self._download.size} bytes, the server has {head.total}")
            self._size = self._download.size or head.total
            while data := self._next(stream):
                assert isinstance(data, bytes)
                if self._target.done + len(data) > (self._size or _MAX_UNPROMISED):
                    self._refuse(f"more came than the {self._size or _MAX_UNPROMISED} bytes promised")
                self._target.write(data)
                self._report()
        finally:
            stream.drop()
        if self._target.done < self._size:
            raise Fault("the connection broke (it ended early)", retry=True)
        return head.start > 0

    def _next(self, stream: Stream) -> Head | bytes | None:
        while True:
            self._check()
            with contextlib.suppress(queue.Empty):
                return stream.next(_POLL_SECONDS)

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._reported >= _POLL_SECONDS:
            self._reported = now
            self._progress.progress(self._target.done, self._size)

    def _wait(self, seconds: float) -> None:
        while seconds > 0:
            self._check()
            self._pause(min(seconds, _POLL_SECONDS))
            seconds -= _POLL_SECONDS
        self._check()

    @staticmethod
    def _backoff(attempt: int) -> float:
        # threads that failed together should not retry together
        jitter = random.uniform(0.5, 1)  # noqa: S311 - nothing secret
        return min(_BACKOFF_SECONDS * 2.0 ** (attempt - 1), _MAX_BACKOFF_SECONDS) * jitter

    def _refuse(self, why: str) -> None:
        """Delete a download that is not what the lock file promises, and raise FetchError."""
        self._target.delete()
        raise self._error(f"it is not the file that was locked ({why})", "resolve again, and do not trust this index")

    def _error(self, why: str, hint: str = "") -> FetchError:
        name, host = printable(self._download.name), host_of(urlsplit(self._download.url))
        problem = f"cannot download {name} from {host}: {why}" + (f"; {hint}" if hint else "")
        return FetchError(problem, wheel=self._download.name)
