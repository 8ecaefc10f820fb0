"""`instui serve`: the screen of `attach` or `replay` in a browser, which may watch and change nothing.

textual-serve does it, an extra: for each page it runs that command here, and carries its screen over a WebSocket.
"""

import argparse
import ipaddress
import shlex
import socket
import sys
from typing import TYPE_CHECKING

from instui_engine.errors import InstuiError, UsageError, printable, reason

from .output import print_error, print_lines

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

_MISSING = "`instui serve` needs an extra: pip install 'instui[web]'"
_STEERS = "--control"
_POLICY = "default-src 'self' 'unsafe-inline' data:; connect-src 'self' ws:"  # the page asks a font of a foreign host


def serve(parsed: argparse.Namespace) -> int:
    """Run the command until ctrl+c; return the exit code. Raises InstuiError."""
    if parsed.viewed[:1] not in (["attach"], ["replay"]):
        raise UsageError("say what to show: instui serve replay SESSION, or instui serve attach")
    if any(word == _STEERS or word.startswith(f"{_STEERS}=") for word in parsed.viewed):
        raise UsageError("a browser only watches: `instui attach --control` works in a terminal")
    try:
        from textual_serve.server import Server
    except ImportError as error:
        raise UsageError(_MISSING) from error
    from aiohttp import web

    host, port = parsed.host, _free(parsed.host, parsed.port)

    class Viewer(Server):
        """The server, quiet, and deaf to pages of other origins: any page may open a WebSocket to any host."""

        async def _make_app(self) -> "web.Application":
            app: web.Application = await super()._make_app()
            app.middlewares.append(_same_origin)
            return app

        async def on_startup(self, app: "web.Application") -> None:
            print_lines([f"{' '.join(map(printable, parsed.viewed))} is at {self.public_url}; ctrl+c ends it"])

        def initialize_logging(self) -> None:
            """Log nothing: what fails is said by the screen that fails."""

    @web.middleware
    async def _same_origin(
        request: "web.Request", handler: "Callable[[web.Request], Awaitable[web.StreamResponse]]"
    ) -> "web.StreamResponse":
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            raise web.HTTPForbidden(text="this page is of another origin")
        if is_loopback(host) and not is_loopback(request.host.rpartition(":")[0] or request.host):
            raise web.HTTPForbidden(text="this host name is not this machine's own")  # a name that was bound anew
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = _POLICY
        return response

    if not is_loopback(host):
        print_error(f"whoever reaches {printable(host)}:{port} can watch, without a password")
    command = shlex.join([sys.executable, "-P", "-m", "instui", *parsed.viewed])
    viewer = Viewer(command, host=host, port=port, title="instui", public_url=f"http://{_in_url(host)}:{port}")
    viewer.serve()
    return 0


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`, a name or an address."""
    name = host.strip("[]")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _free(host: str, port: int) -> int:
    """The port to listen at: `port`, or any that is free for 0. Raises InstuiError if it cannot be listened at."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    except OSError as error:
        raise InstuiError(f"cannot listen at {printable(host)}:{port}: {reason(error)}; take another --port") from error
