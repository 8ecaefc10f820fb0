"""`instui serve`: the screen of `attach` or `replay` in a browser, which may watch and change nothing.

textual-serve does it, an extra: for each page it runs that command here, and carries its screen over a WebSocket.
"""

import argparse
import errno
import ipaddress
import socket
import sys

from instui.monitor.recording import begun
from instui.monitor.sessions import known
from instui.program import adding
from instui_engine.errors import InstuiError, UsageError, printable, reason

from .attach import choose
from .journals import find
from .output import print_error

_STEERS = "--control"


def serve(parsed: argparse.Namespace) -> int:
    """Run the command until ctrl+c; return the exit code. Raises InstuiError."""
    if parsed.viewed[:1] not in (["attach"], ["replay"]):
        raise UsageError("say what to show: instui serve replay SESSION, or instui serve attach")
    if any(word == _STEERS or word.startswith(f"{_STEERS}=") for word in parsed.viewed):
        raise UsageError("a browser only watches: `instui attach --control` works in a terminal")
    if any(word.partition("=")[0] in ("--host", "--port") for word in parsed.viewed):
        raise UsageError(f"--host and --port stand before the command: instui serve --port 8000 {parsed.viewed[0]}")
    from .parser import parse

    viewed = parse(parsed.viewed)  # what is wrong with it is said here, and not on each page
    if viewed.command == "replay" and (path := find(viewed)) is not None:
        begun(path)
    if viewed.command == "attach" and viewed.sessions:  # without a name it may be one that begins later
        choose(viewed.sessions, known(None), None, everything=viewed.all)
    try:
        from .pages import Pages
    except ImportError as error:
        raise UsageError(f"`instui serve` needs textual-serve: {adding('textual-serve')}") from error
    import asyncio

    host, port = parsed.host, _free(parsed.host, parsed.port)
    if not is_loopback(host):
        print_error(f"whoever reaches {printable(host)}:{port} can watch, without a password")
    command = [sys.executable, "-P", "-m", "instui", *parsed.viewed]
    pages = Pages(command, " ".join(map(printable, parsed.viewed)), host, port)
    return asyncio.run(pages.until_told())


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`, a name or an address."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _free(host: str, port: int) -> int:
    """The port to listen at: `port`, or any that is free for 0. Raises InstuiError if it cannot be listened at."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    except OSError as error:
        other = "--port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "--host"
        where = f"{printable(host)}:{port}"
        raise InstuiError(f"cannot listen at {where}: {reason(error)}; take another {other}") from error
