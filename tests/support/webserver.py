"""A web server on the loopback interface that misbehaves on request, and records what it did."""

import base64
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_PIECES = 20  # of a body whose rate is limited, in each second


@dataclass
class Page:
    """One file. The lists and `hold` are used up from the front, one entry for each request."""

    body: bytes
    ranges: bool = True  # honour Range
    wrong_range: bool = False  # answer 206 with another range
    cuts: list[int] = field(default_factory=list)  # break off after so many bytes of the body
    always_cut: int = 0  # break off every answer after so many bytes
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # other statuses to give first
    length: int | None = None  # lie about Content-Length
    chunked: bool = False  # no Content-Length
    auth: str = ""  # user:password that is demanded
    refusal: int = 401  # what others get
    ignores_conditions: bool = False  # If-Range, that is
    headers: dict[str, str] = field(default_factory=dict)  # more headers; an ETag is honoured in conditions
    hold_after: int | None = None  # fall silent after so many bytes of the body until the server closes
    mute: bool = False  # never answer at all
    late: float = 0.0  # seconds before an answer
    after: str = ""  # the path that has to be asked for before there is an answer; 404 if that takes 20 s
    rate: int = 0  # bytes of the body that are sent in a second, at most


@dataclass
class Seen:
    """One request that was answered; `sent` counts bytes of the body."""

    path: str
    target: str
    headers: dict[str, str]
    status: int = 0
    sent: int = 0


class WebServer:
    """A context manager: serves `pages` by path on a free port until it is left."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, Page] = {}
        self.seen: list[Seen] = []
        self.released = threading.Event()
        self.holding = threading.Event()  # set once an answer has fallen silent
        self.gave_up = threading.Event()  # set once one has been silent for a minute
        server = self

        class Handler(_Handler):
            web = server

        self._http = _Server(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.block_on_close = False
        if context:
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self._scheme = "https" if context else "http"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    def add(self, path: str, page: Page) -> str:
        """Serve `page`; returns its URL."""
        self.pages[path] = page
        return self.url(path)

    def url(self, path: str = "", user: str = "") -> str:
        return f"{self._scheme}://{user + '@' if user else ''}127.0.0.1:{self.port}{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # a connection that finds the queue full is tried again by the kernel, a second later


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    web: WebServer

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        seen = Seen(path, self.path, {name.lower(): value for name, value in self.headers.items()})
        self.web.seen.append(seen)
        page = self.web.pages.get(path)
        if page is None or (page.after and not self._comes(page.after)):
            self._short(seen, 404, {})
        elif page.mute:
            self._hold()
        elif page.late and self.web.released.wait(page.late):
            self.close_connection = True
        elif page.auth and self.headers.get("Authorization") != _basic(page.auth):
            self._short(seen, page.refusal, {"WWW-Authenticate": 'Basic realm="test"'})
        elif page.answers:
            self._short(seen, *page.answers.pop(0))
        elif self.headers.get("If-None-Match", "none") == page.headers.get("ETag"):
            seen.status = 304
            self.send_response(304)
            self.end_headers()
        else:
            self._body(seen, page)

    def do_HEAD(self) -> None:
        """For uv, which asks so whether a server knows ranges. It is not among what was `seen`."""
        page = self.web.pages.get(urlsplit(self.path).path)
        self.send_response(200 if page else 404)
        self.send_header("Content-Length", str(len(page.body) if page else 0))
        self.end_headers()

    def _short(self, seen: Seen, status: int, headers: dict[str, str]) -> None:
        seen.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"nope")

    def _comes(self, path: str) -> bool:
        end = time.monotonic() + 20
        while not any(seen.path == path for seen in self.web.seen):
            if self.web.released.wait(0.01) or time.monotonic() > end:
                return False
        return True

    def _hold(self) -> None:
        self.web.holding.set()
        if not self.web.released.wait(60):
            self.web.gave_up.set()
        self.close_connection = True

    def _body(self, seen: Seen, page: Page) -> None:
        start = 0
        asked = self.headers.get("Range", "")
        same = page.ignores_conditions or self.headers.get("If-Range") in (None, page.headers.get("ETag"))
        if page.ranges and same and asked.startswith("bytes="):
            start = int(asked[6:].partition("-")[0])
            if start >= len(page.body):
                self._short(seen, 416, {})
                return
        rest = memoryview(page.body)[start:]
        seen.status = 206 if start else 200
        self.send_response(seen.status)
        for name, value in page.headers.items():
            self.send_header(name, value)
        if start:
            shown = start + 1 if page.wrong_range else start
            self.send_header("Content-Range", f"bytes {shown}-{len(page.body) - 1}/{len(page.body)}")
        if page.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(rest) if page.length is None else page.length))
        self.end_headers()
        cut = page.cuts.pop(0) if page.cuts else page.always_cut or None
        until = page.hold_after if page.hold_after is not None else cut
        try:
            step = page.rate // _PIECES or 1 << 20
            for begin in range(0, len(rest[:until]), step):
                piece = rest[:until][begin : begin + step]
                if page.rate and self.web.released.wait(1 / _PIECES):
                    return
                seen.sent += len(piece)  # before the write: the client may be done before it returns
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), bytes(piece)) if page.chunked else piece)
            if page.hold_after is not None:
                self._hold()
            elif page.chunked and until is None:
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True  # the client has had enough
        if until is not None or page.length is not None:
            self.close_connection = True


def _basic(userinfo: str) -> str:
    return "Basic " + base64.b64encode(userinfo.encode()).decode()
