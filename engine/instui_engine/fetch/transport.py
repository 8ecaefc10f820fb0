"""HTTP for `fetch`: one GET from a byte offset, as a stream that can be dropped at any moment.

urllib3 and its dependencies are imported inside functions: an install from the cache needs none of them.
"""

import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin

from instui_engine.errors import printable
from instui_engine.values import NamedTuple
from instui_engine.version import __version__

from .attempt import Attempt
from .body import ENCODINGS, Body, Decoded, Plain
from .credentials import Credentials, Origin, bare, basic, origin, split
from .faults import Fault, fault_of, host_of
from .route import Trust, proxy_for, tls_context, trust_in
from .uv_settings import UvSettings

if TYPE_CHECKING:
    import ssl

    from urllib3 import BaseHTTPResponse, PoolManager

CHUNK = 256 * 1024
_RECEIVED = 64 * 1024  # the most bytes of one recv(2); more cost a new mapping of memory each time
_FLUSH_SECONDS = 0.1
_CONNECT_SECONDS = 10.0
_MAX_REDIRECTS = 10  # as uv
_MAX_RETRY_AFTER = 30.0
_DRAIN = 8192  # reading a remainder of this size is cheaper than a new connection
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REFUSALS = frozenset({401, 403, 404})  # some servers say "not found" to those who may not look
_DENIED = "give user and password in the index URL, in UV_INDEX_<NAME>_USERNAME and _PASSWORD, or in a netrc file"


def load_library() -> None:
    """Import what a download needs, and load the certificates: some 100 ms, sooner or later."""
    import urllib3  # noqa: F401

    tls_context("checked")


class Wanted(NamedTuple):
    """What to request: the bytes of `url` from `offset` on.

    The rest is wanted only if the file is still the one with the validator `if_range`, and the file only if it is no
    longer the one with the tag `if_none_match`; "" makes no condition.
    """

    url: str
    offset: int = 0
    if_range: str = ""
    if_none_match: str = ""


class Head(NamedTuple):
    """What the server is about to send: the bytes from `start` on, of `total` (0 if it does not say).

    `etag` and `validator` identify this version of the file, byte for byte; they are "" if the server gives none.
    `is_encoded`: the server compresses the body, and offsets in it mean nothing. `is_unchanged`: the version is that of
    `Wanted.if_none_match`, and no body follows.
    """

    start: int
    total: int
    etag: str = ""
    validator: str = ""
    is_encoded: bool = False
    is_unchanged: bool = False


class Transport:
    """Connection pools, proxies and credentials of one session; for any number of threads."""

    def __init__(self, credentials: Credentials, connections: int, timeout: float, settings: UvSettings) -> None:
        self._credentials = credentials
        self._connections = connections
        self._timeout = timeout
        self._settings = settings
        self._lock = threading.Lock()
        self._managers: dict[tuple[str, Trust], PoolManager] = {}

    def close(self) -> None:
        """Close the idle connections."""
        self._credentials.close()
        with self._lock:
            for manager in self._managers.values():
                manager.clear()
            self._managers.clear()

    def open(self, wanted: Wanted, dropped: threading.Event) -> "tuple[BaseHTTPResponse, Head]":
        """Request what is wanted, following redirects. Raises Fault."""
        url = start = split(wanted.url)
        try:
            for _ in range(_MAX_REDIRECTS + 1):
                response = self._get_with_credentials(url, origin(start), wanted, dropped)
                if response.status not in _REDIRECTS:
                    return response, _head(response, wanted)
                location = _text(response.headers.get("Location", ""))
                _discard(response)
                url = split(urljoin(url.geturl(), location))
                if not location or url.scheme not in ("http", "https"):
                    raise Fault("the server redirects to nowhere", "check the index URL", retry=False)
            raise Fault(f"more than {_MAX_REDIRECTS} redirects", "check the index URL", retry=False)
        except Exception as error:
            fault = fault_of(error)
            if isinstance(fault, Fault) and url.netloc != start.netloc:
                fault.why = f"redirected to {host_of(url)}: {fault.why}"
            raise fault from None

    def _get_with_credentials(
        self, url: SplitResult, first: Origin, wanted: Wanted, dropped: threading.Event
    ) -> "BaseHTTPResponse":
        """Request `url` with one set of credentials after another, until the server does not refuse them."""
        refusal: BaseHTTPResponse | None = None
        is_named = False
        for header in self._credentials.headers(url, first):
            response = self._get(url, header, wanted, dropped)
            if response.status not in _REFUSALS:
                if response.status < 400:
                    self._credentials.accepted(url, first, header)
                return response
            _discard(response)
            # what is said to someone who may look is worth more than what is said to anybody
            refusal = response if refusal is None or not is_named else refusal
            is_named = is_named or header != ""
            if dropped.is_set():
                break
        assert refusal is not None, "there is always one header"
        return refusal

    def _get(self, url: SplitResult, header: str, wanted: Wanted, dropped: threading.Event) -> "BaseHTTPResponse":
        import urllib3

        proxy = proxy_for(url, self._settings.proxies)
        # The hash is of the bytes as stored, so nothing may compress them on the way.
        headers = {"User-Agent": f"instui/{__version__}", "Accept-Encoding": "identity"}
        if wanted.offset:
            headers["Range"] = f"bytes={wanted.offset}-"
        if wanted.offset and wanted.if_range:
            headers["If-Range"] = wanted.if_range
        if wanted.if_none_match:
            headers["If-None-Match"] = wanted.if_none_match
        if header:
            headers["Authorization"] = header
        timeout = urllib3.Timeout(connect=min(self._timeout, _CONNECT_SECONDS), read=self._timeout)
        while True:
            try:
                return self._manager(proxy, trust_in(url, self._settings.insecure_hosts)).urlopen(
                    "GET", bare(url).geturl(), headers=headers, timeout=timeout, retries=False, redirect=False,
                    preload_content=False, decode_content=False, pool_timeout=1,
                )  # fmt: skip
            except urllib3.exceptions.EmptyPoolError:
                if dropped.is_set():
                    raise

    def _manager(self, proxy: str, trust: Trust) -> "PoolManager":
        with self._lock:
            if (proxy, trust) not in self._managers:
                self._managers[proxy, trust] = self._new_manager(proxy, trust)
            return self._managers[proxy, trust]

    def _new_manager(self, proxy: str, trust: Trust) -> "PoolManager":
        import urllib3

        from .connecting import POOLS

        # Certificates cost 20 ms to load, so only for https.
        context = None if trust == "plain" else tls_context(trust)
        if proxy:
            manager = self._new_proxy_manager(proxy, context)
        else:
            manager = urllib3.PoolManager(64, maxsize=self._connections, block=True, ssl_context=context)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def _new_proxy_manager(self, proxy: str, context: "ssl.SSLContext | None") -> "PoolManager":
        import urllib3

        url = split(proxy)
        headers = {}
        if url.username is not None:
            from urllib.parse import unquote

            headers["Proxy-Authorization"] = basic(unquote(url.username), unquote(url.password or ""))
        own = tls_context(trust_in(url, self._settings.insecure_hosts)) if url.scheme == "https" else None
        return urllib3.ProxyManager(
            f"{url.scheme}://{url.netloc.rpartition('@')[2]}", 64, proxy_headers=headers, proxy_ssl_context=own,
            maxsize=self._connections, block=True, ssl_context=context,
        )  # fmt: skip


class Stream:
    """The network side of one attempt, in a daemon thread, which also passes the body on.

    Name resolution, connecting and a silent server can block for seconds; only a thread of its own lets the caller drop
    all of them at once. It passes nothing on after `drop`, so one that is still blocked then does no harm.
    """

    def __init__(self, transport: Transport, wanted: Wanted) -> None:
        self._transport = transport
        self._wanted = wanted
        self._attempt = Attempt()
        self._dropped = threading.Event()
        self._passing = threading.Lock()  # held while something is passed on
        self._take: Callable[[bytes], None] | None = None
        self._awaited = threading.Event()  # the body is wanted, or nothing is any more
        self._news: queue.SimpleQueue[Head | Exception | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="fetch", daemon=True).start()

    def next(self, timeout: float) -> Head | None:
        """The head, then None at the end of the body; waits `timeout` seconds at most.

        Raises queue.Empty if that has not come in time, Fault if the attempt failed, and what `take` raised.
        """
        news = self._news.get(timeout=timeout)
        if isinstance(news, Exception):
            raise news
        return news

    def pass_on(self, take: Callable[[bytes], None]) -> None:
        """From now on call `take` with the body, piece by piece, in the thread that receives it.

        To hand the pieces over to another thread costs a quarter more processor time.
        """
        self._take = take
        self._awaited.set()

    @property
    def peer(self) -> str:
        """What a connection is being made to, in words; "" if none is."""
        return self._attempt.peer

    @property
    def is_passing(self) -> bool:
        """Whether something is being passed on: whoever waits then does not wait for the server."""
        return self._passing.locked()

    def drop(self) -> None:
        """Pass nothing more on; the connection is closed as soon as its thread wakes up."""
        self._dropped.set()
        self._awaited.set()
        with self._passing:  # what is being passed on is the last
            pass

    def _pass(self, pieces: list[bytes], take: Callable[[bytes], None]) -> bool:
        """Pass on what came, which is no longer in `pieces` then; False if nobody wants it."""
        data = b"".join(pieces)
        pieces.clear()
        with self._passing:
            if self._dropped.is_set():
                return False
            take(data)
        return True

    def _run(self) -> None:
        end: Exception | None = None
        self._attempt.begin()
        try:
            response, head = self._transport.open(self._wanted, self._dropped)
            self._news.put(head)
            try:
                self._awaited.wait()
                if self._take is not None:
                    self._read(response, head, self._take)
            finally:
                if not response.closed:
                    response.close()
        except Exception as error:
            end = fault_of(error)
        self._news.put(end)

    def _read(self, response: "BaseHTTPResponse", head: Head, take: Callable[[bytes], None]) -> None:
        """Pass the body on in pieces of CHUNK bytes, or of what came in _FLUSH_SECONDS."""
        body: Body = Decoded() if head.is_encoded else Plain()
        pieces: list[bytes] = []
        held, flush = 0, time.monotonic() + _FLUSH_SECONDS
        try:
            while response.length_remaining != 0:
                # One recv(2) each: a larger read would hold back the bytes of a slow server.
                received = response.read1(min(_RECEIVED, response.length_remaining or _RECEIVED))
                if not received:
                    break
                for data in body.pieces(received):
                    pieces.append(data)
                    held += len(data)
                    if held >= CHUNK or time.monotonic() >= flush:
                        if not self._pass(pieces, take):
                            return
                        held, flush = 0, time.monotonic() + _FLUSH_SECONDS
        finally:
            # What came before a failure counts: the next attempt resumes after it.
            if pieces:
                self._pass(pieces, take)
        if not body.is_complete:
            raise Fault("the connection broke (it ended early)", retry=True)


def _text(header: str) -> str:
    """A header as it was meant: http.client takes the bytes for Latin-1, browsers for UTF-8."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def _discard(response: "BaseHTTPResponse") -> None:
    """Return the connection to the pool if the rest of the response is small, else close it."""
    if response.length_remaining is not None and response.length_remaining <= _DRAIN:
        response.drain_conn()
    if not response.closed:
        response.close()


def _head(response: "BaseHTTPResponse", wanted: Wanted) -> Head:
    """Check the status line and headers. Raises Fault, and drops the connection, unless a usable body follows."""
    if response.status in (200, 206):
        try:
            return _extent(response, wanted.offset)
        except Fault:
            response.close()
            raise
    _discard(response)
    status = response.status
    if status == 304 and wanted.if_none_match:
        return Head(0, 0, is_unchanged=True)
    if status == 416 and wanted.offset:
        raise Fault("the server cannot resume at this point", retry=True, restart=True)
    if status in (401, 403):
        raise Fault(f"the server denies access ({status})", _DENIED, retry=False)
    if status == 407:
        raise Fault("the proxy denies access (407)", "give user and password in the proxy URL", retry=False)
    if status in (404, 410):
        why = f"the index lists it but does not have it ({status})"
        raise Fault(why, "resolve again", retry=False, missing=True)
    text = f"the server answered {status} {printable(response.reason or '')}".rstrip()
    if status in (408, 425, 429) or status >= 500:
        raise Fault(text, "try again later", retry=True, after=_retry_after(response.headers.get("Retry-After", "")))
    raise Fault(text, retry=False)


def _extent(response: "BaseHTTPResponse", offset: int) -> Head:
    is_encoded = response.headers.get("Content-Encoding", "").strip().lower() in ENCODINGS
    tag = response.headers.get("ETag", "")
    etag = tag if tag.startswith('"') and tag.isascii() and tag.isprintable() else ""  # "W/" is not byte for byte
    identity = Head(0, 0, etag, etag or response.headers.get("Last-Modified", ""), is_encoded)
    if response.status == 200:
        return identity._replace(total=0 if is_encoded else response.length_remaining or 0)
    unit, _, extent = response.headers.get("Content-Range", "").partition(" ")
    span, _, total = extent.partition("/")
    if unit.lower() != "bytes" or span.partition("-")[0] != str(offset) or is_encoded:
        raise Fault("the server sent another range than asked for", retry=True, restart=True)
    return identity._replace(start=offset, total=int(total) if total.isascii() and total.isdigit() else 0)


def _retry_after(value: str) -> float:
    """The seconds until the server wants to be asked again, at most 30."""
    if value.isascii() and value.isdigit():
        return min(float(value), _MAX_RETRY_AFTER)
    if not value:
        return 0
    from email.utils import parsedate_to_datetime

    try:
        return min(max(parsedate_to_datetime(value).timestamp() - time.time(), 0), _MAX_RETRY_AFTER)
    except (ValueError, OverflowError):
        return 0
