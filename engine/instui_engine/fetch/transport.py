"""HTTP for `fetch`: one GET from a byte offset, as a stream that can be dropped at any moment.

urllib3 and its dependencies are imported inside functions: an install from the cache needs none of them.
"""

import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from instui_engine.errors import printable
from instui_engine.version import __version__

from .credentials import Credentials, Origin, basic, origin

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

CHUNK = 256 * 1024
_FLUSH_SECONDS = 0.1
_CONNECT_SECONDS = 10.0
_MAX_REDIRECTS = 5
_MAX_RETRY_AFTER = 30.0
_DRAIN = 8192  # reading a remainder of this size is cheaper than a new connection
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NETWORK_HINT = "check the network or use --offline with a filled cache"
_DENIED = "give user and password in the index URL, in UV_INDEX_<NAME>_USERNAME and _PASSWORD, or in a netrc file"


class Fault(Exception):
    """An attempt failed; `fetch` tries again, or tells the user `why` and `hint`.

    With `retry`, another attempt may succeed, no sooner than `after` seconds from now; with `restart`, only from the
    first byte.
    """

    def __init__(self, why: str, hint: str = "", *, retry: bool, after: float = 0, restart: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint
        self.retry = retry
        self.after = after
        self.restart = restart


class Head(NamedTuple):
    """What the server is about to send: the bytes from `start` on, of `total` (0 if it does not say)."""

    start: int
    total: int


def host_of(url: SplitResult) -> str:
    """Host and port for messages: never with credentials."""
    return printable(url.netloc.rpartition("@")[2])


class Transport:
    """Connection pools, proxies and credentials of one session; for any number of threads."""

    def __init__(self, credentials: Credentials, connections: int, timeout: float) -> None:
        self._credentials = credentials
        self._connections = connections
        self._timeout = timeout
        self._lock = threading.Lock()
        self._managers: dict[tuple[str, bool], PoolManager] = {}

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            for manager in self._managers.values():
                manager.clear()
            self._managers.clear()

    def open(self, address: str, offset: int, dropped: threading.Event) -> "tuple[BaseHTTPResponse, Head]":
        """Request the bytes of `address` from `offset` on, following redirects. Raises Fault."""
        url = start = urlsplit(address)
        try:
            for _ in range(_MAX_REDIRECTS + 1):
                response = self._get(url, origin(start), offset, dropped)
                if response.status not in _REDIRECTS:
                    return response, _head(response, offset)
                location = response.headers.get("Location", "")
                _discard(response)
                url = urlsplit(urljoin(url.geturl(), location))
                if not location or url.scheme not in ("http", "https"):
                    raise Fault("the server redirects to nowhere", "check the index URL", retry=False)
            raise Fault(f"more than {_MAX_REDIRECTS} redirects", "check the index URL", retry=False)
        except Exception as error:
            fault = _fault(error)
            if isinstance(fault, Fault) and url.netloc != start.netloc:
                fault.why = f"redirected to {host_of(url)}: {fault.why}"
            raise fault from None

    def _get(self, url: SplitResult, first: Origin, offset: int, dropped: threading.Event) -> "BaseHTTPResponse":
        import urllib3

        proxy = proxy_for(url)
        # The hash is of the bytes as stored, so nothing may compress them on the way.
        headers = {"User-Agent": f"instui/{__version__}", "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        if authorization := self._credentials.header(url, first):
            headers["Authorization"] = authorization
        bare = url._replace(netloc=url.netloc.rpartition("@")[2], fragment="").geturl()
        timeout = urllib3.Timeout(connect=min(self._timeout, _CONNECT_SECONDS), read=self._timeout)
        while True:
            try:
                return self._manager(proxy, url.scheme == "https").urlopen(
                    "GET", bare, headers=headers, timeout=timeout, retries=False, redirect=False,
                    preload_content=False, decode_content=False, pool_timeout=1,
                )  # fmt: skip
            except urllib3.exceptions.EmptyPoolError:
                if dropped.is_set():
                    raise

    def _manager(self, proxy: str, secure: bool) -> "PoolManager":
        with self._lock:
            if (proxy, secure) not in self._managers:
                self._managers[proxy, secure] = self._new_manager(proxy, secure)
            return self._managers[proxy, secure]

    def _new_manager(self, proxy: str, secure: bool) -> "PoolManager":
        import ssl

        import urllib3

        # OpenSSL itself honours SSL_CERT_FILE and SSL_CERT_DIR; loading them costs 20 ms, so only for https.
        context = ssl.create_default_context() if secure or proxy.startswith("https") else None
        if not proxy:
            return urllib3.PoolManager(64, maxsize=self._connections, block=True, ssl_context=context)
        url = urlsplit(proxy)
        headers = {}
        if url.username is not None:
            from urllib.parse import unquote

            headers["Proxy-Authorization"] = basic(unquote(url.username), unquote(url.password or ""))
        bare = f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
        return urllib3.ProxyManager(
            bare, 64, proxy_headers=headers, proxy_ssl_context=context,
            maxsize=self._connections, block=True, ssl_context=context,
        )  # fmt: skip


class Stream:
    """The network side of one attempt, in a daemon thread.

    Name resolution, connecting and a silent server can block for seconds; only a thread of its own lets the caller drop
    all of them at once. The thread never touches the file, so one that is still blocked after `drop` does no harm.
    """

    def __init__(self, transport: Transport, url: str, offset: int) -> None:
        self._transport = transport
        self._url = url
        self._offset = offset
        self._dropped = threading.Event()
        self._items: queue.Queue[Head | bytes | Exception | None] = queue.Queue(4)
        threading.Thread(target=self._run, name="fetch", daemon=True).start()

    def next(self, timeout: float) -> Head | bytes | None:
        """The head, then pieces of the body, then None at its end; waits `timeout` seconds at most.

        Raises queue.Empty if nothing came in time, and Fault if the attempt failed.
        """
        item = self._items.get(timeout=timeout)
        if isinstance(item, Exception):
            raise item
        return item

    def drop(self) -> None:
        """Stop reading; the connection is closed as soon as its thread wakes up."""
        self._dropped.set()

    def _put(self, item: Head | bytes | Exception | None) -> bool:
        while not self._dropped.is_set():
            with contextlib.suppress(queue.Full):
                self._items.put(item, timeout=0.2)
                return True
        return False

    def _run(self) -> None:
        pieces: list[bytes] = []
        try:
            response, head = self._transport.open(self._url, self._offset, self._dropped)
            try:
                if self._put(head):
                    self._read(response, pieces)
            finally:
                if not response.closed:
                    response.close()
        except Exception as error:
            end: Exception | None = _fault(error)
        else:
            end = None
        # What came before a failure counts: the next attempt resumes after it.
        if not pieces or self._put(b"".join(pieces)):
            self._put(end)

    def _read(self, response: "BaseHTTPResponse", pieces: list[bytes]) -> None:
        """Pass the body on in pieces of CHUNK bytes, or of what came in _FLUSH_SECONDS."""
        held, flush = 0, time.monotonic() + _FLUSH_SECONDS
        while response.length_remaining != 0:
            # One recv(2) each: a larger read would hold back the bytes of a slow server.
            data = response.read1(min(CHUNK, response.length_remaining or CHUNK))
            if not data:
                return
            pieces.append(data)
            held += len(data)
            if held >= CHUNK or time.monotonic() >= flush:
                if not self._put(b"".join(pieces)):
                    return
                pieces.clear()
                held, flush = 0, time.monotonic() + _FLUSH_SECONDS


def proxy_for(url: SplitResult) -> str:
    """The proxy that the environment names for `url`, "" for none. Raises Fault for kinds that cannot be used."""
    from urllib.request import getproxies_environment, proxy_bypass

    proxies = getproxies_environment()
    proxy = proxies.get(url.scheme) or proxies.get("all") or ""
    if not proxy or proxy_bypass(url.netloc.rpartition("@")[2]):
        return ""
    if "://" not in proxy:
        proxy = f"http://{proxy}"  # as curl reads it
    parts = urlsplit(proxy)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Fault(
            f"the proxy {printable(parts.scheme)}://{host_of(parts)} is not an HTTP proxy",
            f"set {url.scheme.upper()}_PROXY to an http:// proxy, or name the host in NO_PROXY",
            retry=False,
        )
    return proxy


def _discard(response: "BaseHTTPResponse") -> None:
    """Return the connection to the pool if the rest of the response is small, else close it."""
    if response.length_remaining is not None and response.length_remaining <= _DRAIN:
        response.drain_conn()
    if not response.closed:
        response.close()


def _head(response: "BaseHTTPResponse", offset: int) -> Head:
    """Check the status line and headers. Raises Fault, and drops the connection, unless a usable body follows."""
    if response.status in (200, 206):
        try:
            return _extent(response, offset)
        except Fault:
            response.close()
            raise
    _discard(response)
    status = response.status
    if status == 416 and offset:
        raise Fault("the server cannot resume at this point", retry=True, restart=True)
    if status in (401, 403):
        raise Fault(f"the server denies access ({status})", _DENIED, retry=False)
    if status == 407:
        raise Fault("the proxy denies access (407)", "give user and password in the proxy URL", retry=False)
    if status in (404, 410):
        raise Fault(f"the index lists it but does not have it ({status})", "resolve again", retry=False)
    text = f"the server answered {status} {printable(response.reason or '')}".rstrip()
    if status in (408, 425, 429) or status >= 500:
        raise Fault(text, "try again later", retry=True, after=_retry_after(response.headers.get("Retry-After", "")))
    raise Fault(text, retry=False)


def _extent(response: "BaseHTTPResponse", offset: int) -> Head:
    if response.status == 200:
        return Head(0, response.length_remaining or 0)
    unit, _, extent = response.headers.get("Content-Range", "").partition(" ")
    span, _, total = extent.partition("/")
    if unit.lower() != "bytes" or span.partition("-")[0] != str(offset):
        raise Fault("the server sent another range than asked for", retry=True, restart=True)
    return Head(offset, int(total) if total.isascii() and total.isdigit() else 0)


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


def _fault(error: Exception) -> Exception:
    """What a failure of urllib3 means; `error` itself if it is not one of the network."""
    if isinstance(error, Fault):
        return error
    import ssl
    from http.client import HTTPException

    from urllib3 import exceptions

    text = _detail(error)
    if isinstance(error, exceptions.ProxyError):
        denied = "407" in text
        hint = "give user and password in the proxy URL" if denied else "check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY"
        return Fault(f"the proxy failed ({text})", hint, retry=not denied)
    if isinstance(error, exceptions.SSLError):
        reason = error.args[0] if error.args else None
        if isinstance(reason, ssl.SSLCertVerificationError):
            why = f"its certificate is not trusted ({printable(reason.verify_message)})"
            return Fault(why, "for a private authority set SSL_CERT_FILE", retry=False)
        return Fault(f"TLS failed ({text})", "check the scheme and port of the index URL", retry=True)
    if isinstance(error, exceptions.NameResolutionError):
        return Fault("no route to the host (name resolution failed)", _NETWORK_HINT, retry=True)
    if isinstance(error, exceptions.NewConnectionError):
        return Fault(f"no connection ({text})", _NETWORK_HINT, retry=True)
    if isinstance(error, exceptions.TimeoutError):
        return Fault("no answer in time", _NETWORK_HINT, retry=True)
    if isinstance(error, exceptions.ProtocolError):
        return Fault(f"the connection broke ({text})", _NETWORK_HINT, retry=True)
    if isinstance(error, (exceptions.HTTPError, HTTPException, OSError, ValueError)):
        return Fault(f"the request failed ({text})", "check the index URL", retry=False)
    return error


def _detail(error: BaseException) -> str:
    """The innermost cause in a few words: urllib3's own texts contain object addresses, and URLs with their queries."""
    from http.client import IncompleteRead

    seen: BaseException | None = error
    for _ in range(8):  # chains can be circular
        if seen is None:
            break
        if isinstance(seen, IncompleteRead):
            return "it ended early"
        if isinstance(seen, OSError):
            return printable(seen.strerror or str(seen)) or type(seen).__name__
        nested = [arg for arg in seen.args if isinstance(arg, BaseException)]
        seen = nested[-1] if nested else seen.__cause__
    return type(error).__name__
