"""Downloads: resumed where an earlier attempt stopped, retried if that can help, hashed on the fly.

The demands on its hashes decide whether a download is right; nothing that a server says is trusted. If there are none,
bytes of an earlier session count for nothing, and an attempt continues an earlier one only if the server confirms that
the file is still the same.
"""

import contextlib
import queue
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from instui_engine.errors import FetchError, printable
from instui_engine.hashes import Demands, unmet
from instui_engine.values import NamedTuple

from .credentials import Credentials, origin, split
from .faults import Fault, host_of
from .sink import Document, PartialFile, Sink
from .transport import Head, Stream, Transport, Wanted
from .uv_settings import UvSettings, settings_here

_POLL_SECONDS = 0.1
_BACKOFF_SECONDS = 0.3
_MAX_BACKOFF_SECONDS = 10.0
_FRESH_BYTES = 64 * 1024  # after an attempt that gained this many bytes, the count of retries starts again
_TIMEOUT_SECONDS = 30.0
_STALL_SECONDS = 10.0  # a silence of this length is reported
_CONNECT_SECONDS = 2.0  # so is this, until there is a connection


class FetchCancelled(Exception):
    """The download was cancelled, which is no error; what was received stays in the partial file."""


class Download(NamedTuple):
    """One file to get: http(s) `url`, the wheel's file `name`, the `demands` on it, `size` in bytes (0: unknown).

    `etag` identifies a version that is there already and need not come again; "" if there is none.
    """

    url: str
    name: str
    demands: Demands = ()
    size: int = 0
    etag: str = ""


class Fetched(NamedTuple):
    """What came: its sha256 in hex, all `hashes` that were computed, and the server's tag for it ("" for none)."""

    sha256: str
    hashes: frozenset[str]
    etag: str


class Progress(Protocol):
    """What `Client.fetch` reports, in the thread that called it. Sizes are in bytes, 0 if unknown."""

    def started(self, done: int, size: int) -> None:
        """Called once; `done` bytes were there already."""

    def progress(self, done: int, size: int) -> None:
        """Called at most about ten times a second, and at the end; `done` goes back to 0 on a restart."""

    def stalled(self, host: str, seconds: float, connecting: bool) -> None:
        """`host` has sent nothing for `seconds`; called again whenever the silence has doubled.

        `connecting`: there is no connection yet, to `host` or through it.
        """

    def retried(self, attempt: int, reason: str, wait: float = 0.0) -> None:
        """An attempt failed with `reason`; retry number `attempt` since the last progress follows in `wait` seconds."""


class Client:
    """The HTTP client of one session, shared by its threads; a context manager that closes its connections.

    `index_urls` may carry credentials. `connections` is the maximum for one host, `retries` the maximum in a row
    without progress, and `timeout` the seconds for which a server may stay silent (default: as `settings` say, or 30).
    `settings` are uv's by default. `pause` sleeps between attempts.
    """

    def __init__(
        self,
        *,
        index_urls: Sequence[str] = (),
        connections: int = 10,
        retries: int = 4,
        timeout: float = 0,
        offline: bool = False,
        pause: Callable[[float], None] = time.sleep,
        settings: UvSettings | None = None,
    ) -> None:
        if settings is None:
            settings = UvSettings() if offline else settings_here()
        timeout = timeout or settings.timeout or _TIMEOUT_SECONDS
        self._transport = Transport(Credentials(index_urls, settings), connections, timeout, settings)
        self._retries = retries
        self._pause = pause
        self.offline = offline or settings.offline

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def fetch(
        self, download: Download, partial: Path, progress: Progress, cancelled: Callable[[], bool]
    ) -> Fetched | None:
        """Download into `partial`, continuing after the bytes in it; afterwards it is complete and verified.

        The result is None, and no file is left, if the server says that `download.etag` is still right. The caller
        holds the lock of `partial`. Raises FetchError, which leaves the file only if it can be resumed, and
        FetchCancelled within 0.2 s after `cancelled()` becomes true.
        """
        if self.offline:
            raise offline_error(download.name)
        _check_url(download)
        target = PartialFile(partial, download.name, download.demands, download.size)
        try:
            run = _Run(self._transport, download, target, progress, cancelled, self._retries, self._pause)
            return run.run()
        finally:
            target.close()

    def read(self, url: str, name: str, cancelled: Callable[[], bool] = lambda: False) -> bytes:
        """The content of a document of at most 64 MiB; `name` is what messages call it. Raises as `fetch`."""
        download = Download(url, name)
        _check_url(download)
        if self.offline:
            host = host_of(split(url))
            raise FetchError(
                f"cannot read {printable(name)} from {host}: --offline or UV_OFFLINE forbids it", wheel=name
            )
        document = Document()
        _Run(self._transport, download, document, _Silent(), cancelled, self._retries, self._pause).run()
        return bytes(document.content)


def offline_error(name: str) -> FetchError:
    """The error for a wheel that would have to be fetched under --offline."""
    return FetchError(
        f"{printable(name)} is not in the cache; run once without --offline and UV_OFFLINE to get it", wheel=name
    )


def _check_url(download: Download) -> None:
    try:
        usable = split(download.url).scheme in ("http", "https") and origin(split(download.url))[1] != ""
    except ValueError:
        usable = False
    if not usable:
        problem = f"cannot download {printable(download.name)}: its URL is not a valid http or https one"
        raise FetchError(problem, wheel=download.name)


class _Silent:
    """A Progress for which nobody waits."""

    def started(self, done: int, size: int) -> None:
        """Ignore it."""

    def progress(self, done: int, size: int) -> None:
        """Ignore it."""

    def stalled(self, host: str, seconds: float, connecting: bool) -> None:
        """Ignore it."""

    def retried(self, attempt: int, reason: str, wait: float = 0.0) -> None:
        """Ignore it."""


class _Run:
    """One call of `Client.fetch`."""

    def __init__(
        self,
        transport: Transport,
        download: Download,
        target: Sink,
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
        self._has_started = False
        self._etag = self._validator = ""
        self._is_unchanged = self._is_encoded = False

    def run(self) -> Fetched | None:
        for _ in self._target.adopt():
            self._check()
        if not self._download.etag:
            self._start()
        if self._target.done and not self._unmet():
            return self._fetched()
        resumed = self._get_all()
        if self._is_unchanged:
            return None
        if self._unmet() and resumed:
            # The earlier bytes may have been wrong; only a download in one piece proves the server wrong.
            self._target.rewind()
            self._progress.retried(1, "the resumed file has a wrong hash; starting over")
            self._get_all()
        self._progress.progress(self._target.done, self._size)
        if wrong := self._unmet():
            self._refuse(wrong)
        return self._fetched()

    def _start(self) -> None:
        if not self._has_started:
            self._has_started = True
            self._progress.started(self._target.done, self._size)

    def _unmet(self) -> str:
        """What is wrong with the bytes that are there; "" if they meet all demands."""
        return _explain_unmet(self._download.demands, self._target.digests.all())

    def _fetched(self) -> Fetched:
        digests = self._target.digests
        return Fetched(digests.sha256, digests.all(), self._etag)

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
                if fault.missing and self._target.missing:
                    raise self._error(self._target.missing) from fault
                if not fault.retry or attempt > self._retries:
                    raise self._error(fault.why, fault.hint) from fault
                wait = max(fault.after, self._backoff(attempt))
                self._progress.retried(attempt, fault.why, round(wait, 3))
                self._wait(wait)

    def _get_rest(self) -> bool:
        """Make one attempt; return whether it continued from earlier bytes. Raises Fault if it did not complete."""
        done, demands = self._target.done, self._download.demands
        if done and not demands and not self._validator:
            self._target.rewind()  # nothing would tell whether the rest belongs to these bytes
            done = 0
        stream = Stream(
            self._transport, Wanted(self._download.url, done, "" if demands else self._validator, self._download.etag)
        )
        try:
            head = self._next(stream)
            assert head is not None
            self._is_unchanged = head.is_unchanged
            if head.is_unchanged:
                self._target.delete()
                return False
            if head.start and not demands and head.validator != self._validator:
                raise Fault("the file has changed meanwhile", retry=True, restart=True)
            if head.start != self._target.done:
                self._target.rewind()  # the server does not resume
            self._expect(head)
            stream.pass_on(self._take)
            self._next(stream)
        except Fault as fault:
            fault.restart = fault.restart or self._is_encoded
            raise
        finally:
            stream.drop()
        if self._target.done < self._size:
            raise Fault("the connection broke (it ended early)", retry=True)
        return head.start > 0

    def _expect(self, head: Head) -> None:
        if self._download.size and head.total not in (0, self._download.size):
            self._refuse(f"the lock file promises {self._download.size} bytes, the server has {head.total}")
        self._size = self._download.size or head.total
        if self._size > self._target.limit:
            self._refuse(f"it has {self._size} bytes, which is too much")
        self._etag, self._validator, self._is_encoded = head.etag, head.validator, head.is_encoded
        self._start()

    def _take(self, data: bytes) -> None:
        most = self._size or self._target.limit
        if self._target.done + len(data) > most:
            self._refuse(f"more came than the {most} bytes promised")
        self._target.write(data)

    def _next(self, stream: Stream) -> Head | None:
        """What the stream has to say next. Reports meanwhile how far it is."""
        silence, told, done = 0.0, 0.0, self._target.done
        while True:
            self._check()
            with contextlib.suppress(queue.Empty):
                return stream.next(_POLL_SECONDS)
            if self._target.done != done:
                silence, told, done = 0.0, 0.0, self._target.done
                self._progress.progress(done, self._size)
                continue
            if stream.is_passing:
                continue  # a slow disk is not a silent server
            silence += _POLL_SECONDS
            peer = stream.peer
            due = max(_CONNECT_SECONDS if peer else _STALL_SECONDS, 2 * told)
            if silence >= due:
                self._progress.stalled(peer or host_of(split(self._download.url)), due, peer != "")
                told = due

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
        if isinstance(self._target, Document):
            raise self._error(why)
        hint = "check the hash where it is written; if that is right, do not trust this server"
        raise self._error(f"it is not the file that is demanded ({why})", hint)

    def _error(self, why: str, hint: str = "") -> FetchError:
        name, host = printable(self._download.name), host_of(split(self._download.url))
        problem = f"cannot download {name} from {host}: {why}" + (f"; {hint}" if hint else "")
        return FetchError(problem, wheel=self._download.name)


def _explain_unmet(demands: Demands, found: frozenset[str]) -> str:
    """In which demand the hashes `found` fail, with the first digits of what was expected and of what came."""
    wrong = unmet(demands, found)
    if wrong is None:
        return ""
    expected = [value.partition(":") for value in sorted(wrong)[:3]]
    came = dict(value.split(":", 1) for value in found)
    shown = " or ".join(f"{algorithm} {digest[:12]}" for algorithm, _, digest in expected)
    return f"{shown} was expected, {came[expected[0][0]][:12]} came"
