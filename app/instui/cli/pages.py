"""The server of `instui serve`: its pages, who may open them, and how all of it ends. Needs the extra `web`.

Each page has a viewer: a process of this program, which textual-serve speaks to by stdin and stdout. No viewer outlives
its page, and no page the server. A viewer whose server is gone sees the end of its stdin (`signals.end_with_stdin`).
"""

import asyncio
import re
import shlex
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp_jinja2
from aiohttp import WSCloseCode, web
from textual_serve.app_service import AppService
from textual_serve.server import Server, to_int

from .output import print_lines
from .serve import is_loopback
from .signals import EXIT_CODES

_HOST = re.compile(r"[A-Za-z0-9._\-\[\]:]+")  # what may stand in a policy
_PATIENCE = 1.0  # seconds that a page and its viewer have to end by themselves


class Pages(Server):
    """The server, quiet, and deaf to pages of other origins: any page may open a WebSocket to any host."""

    def __init__(self, command: list[str], shown: str, host: str, port: int) -> None:
        super().__init__(
            shlex.join(command), host, port, "instui", f"http://{f'[{host}]' if ':' in host else host}:{port}"
        )
        self._shown = shown
        self._open: dict[web.WebSocketResponse, _Viewer] = {}

    async def until_told(self) -> int:
        """Serve until a signal ends it; return the exit code. Raises OSError if it cannot listen."""
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        heard: list[signal.Signals] = []

        def end(number: signal.Signals) -> None:
            heard.append(number)
            told.set()
            for each in listened:
                loop.remove_signal_handler(each)  # the second one has its default effect

        listened = [one for one in EXIT_CODES if one != signal.SIGHUP or signal.getsignal(one) != signal.SIG_IGN]
        for one in listened:
            loop.add_signal_handler(one, end, one)
        runner = web.AppRunner(await self._make_app(), access_log=None, shutdown_timeout=3 * _PATIENCE)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port).start()
            print_lines([f"{self._shown} is at {self.public_url}; ctrl+c ends it"])
            await told.wait()
        finally:
            await runner.cleanup()
        return EXIT_CODES[heard[0]]

    async def _make_app(self) -> web.Application:
        app: web.Application = await super()._make_app()
        app.middlewares.append(self._own_pages)
        app.on_response_prepare.append(_say_policy)
        return app

    @web.middleware
    async def _own_pages(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            raise web.HTTPForbidden(text="this page is of another origin")
        if is_loopback(self.host) and not is_loopback(_name(request.host)):
            raise web.HTTPForbidden(text="this host name is not this machine's own")  # a name that was bound anew
        return await handler(request)

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing yet: it does not listen."""

    async def on_shutdown(self, app: web.Application) -> None:
        """Close all pages, also those that do not answer, and end their viewers."""
        ends = [page.close(code=WSCloseCode.GOING_AWAY) for page in self._open]
        await asyncio.gather(*ends, *(viewer.stop() for viewer in self._open.values()), return_exceptions=True)

    async def handle_index(self, request: web.Request) -> web.Response:
        """The page, which asks the host that it was asked from: that may be any name of this machine."""
        context = {
            "font_size": to_int(request.query.get("fontsize", "16"), 16),
            "app_websocket_url": f"ws://{request.host}/ws",
            "config": {"static": {"url": "/static/"}},
            "application": {"name": self.title},
        }
        return aiohttp_jinja2.render_template("app_index.html", request, context)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """One page: a viewer runs as long as it is open."""
        page = web.WebSocketResponse(heartbeat=15, timeout=_PATIENCE)
        await page.prepare(request)
        self._open[page] = viewer = _Viewer(self.command, page, self.download_manager)
        try:
            await viewer.start(to_int(request.query.get("width", ""), 80), to_int(request.query.get("height", ""), 24))
            with suppress(ValueError, TypeError, LookupError, AttributeError, AssertionError):  # it sends nonsense
                await self._process_messages(page, viewer)
        finally:
            del self._open[page]
            await viewer.stop()
            await page.close()
        return page


class _Viewer(AppService):
    """The process that paints one page."""

    def __init__(self, command: str, page: web.WebSocketResponse, downloads: Any) -> None:
        async def close() -> None:
            await page.close()

        super().__init__(
            command,
            write_bytes=page.send_bytes,
            write_str=page.send_str,
            close=close,
            download_manager=downloads,
        )

    async def _open_app_process(self, width: int = 80, height: int = 24) -> asyncio.subprocess.Process:
        # In a group of its own: ctrl+c at the terminal reaches the server, which ends it.
        pipe = asyncio.subprocess.PIPE
        environment = self._build_environment(width=width, height=height)
        self._process = process = await asyncio.create_subprocess_exec(
            *shlex.split(self.command), stdin=pipe, stdout=pipe, stderr=pipe, env=environment, process_group=0
        )
        self._stdin = process.stdin
        return process

    async def run(self) -> None:
        """Carry what it paints, until it ends; then its page ends, too."""
        await super().run()
        await self.remote_close()

    async def stop(self) -> None:
        """Ask the process to end, and see to it that it does. May be called again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await super().stop()
        if self._process is None:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _PATIENCE)
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


def _name(host: str) -> str:
    """The name or address in a request's host, which may have a port."""
    try:
        return (urlsplit(f"//{host}").hostname or "") if _HOST.fullmatch(host) else ""
    except ValueError:
        return ""


async def _say_policy(request: web.Request, response: web.StreamResponse) -> None:
    # Of each answer, also of errors. The page of textual-serve asks a font of a foreign host.
    socket = f" ws://{request.host}" if _HOST.fullmatch(request.host) else ""  # 'self' is not a WebSocket's everywhere
    policy = f"default-src 'self' 'unsafe-inline' data:; connect-src 'self'{socket}; frame-ancestors 'none'"
    response.headers["Content-Security-Policy"] = policy
