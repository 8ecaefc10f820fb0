"""`python -m support.slow_names SECONDS WHEEL -- COMMAND`: runs COMMAND where each host's name takes so long to find.

It is to be run in namespaces of its own (`APART`). There is a name server that answers late, and an index of that wheel
at a name; uv and instui are told of it by UV_DEFAULT_INDEX.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import NamedTemporaryFile

from support.indexes import add_wheel
from support.webserver import WebServer

APART = ("unshare", "--user", "--map-root-user", "--net", "--mount")
_NAME = "index.example"
_SET_FLAGS, _IS_UP = 0x8914, 1  # of an interface: SIOCSIFFLAGS, IFF_UP
_ADDRESS = 1  # the type of a question for an IPv4 address
_HEADER = 12  # bytes before the question


def main(seconds: float, wheel: Path, command: list[str]) -> int:
    """The exit code of the command."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh", b"lo", _IS_UP))
    with NamedTemporaryFile("w") as settings, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names:
        settings.write("nameserver 127.0.0.1\noptions timeout:30\n")
        settings.flush()
        subprocess.run(["mount", "--bind", settings.name, os.path.realpath("/etc/resolv.conf")], check=True)
        names.bind(("127.0.0.1", 53))
        threading.Thread(target=_serve, args=(names, seconds), daemon=True).start()
        with WebServer() as web:
            add_wheel(web, wheel)
            index = f"http://{_NAME}:{web.port}/simple"
            return subprocess.run(command, env={**os.environ, "UV_DEFAULT_INDEX": index}, check=False).returncode


def _serve(names: socket.socket, seconds: float) -> None:
    while True:
        question, asker = names.recvfrom(4096)
        threading.Thread(target=_answer, args=(names, question, asker, seconds), daemon=True).start()


def _answer(names: socket.socket, question: bytes, asker: object, seconds: float) -> None:
    time.sleep(seconds)
    end = question.index(b"\0", _HEADER) + 5  # the name, its end, a type and a class
    (kind,) = struct.unpack("!H", question[end - 4 : end - 2])
    found = b"\xc0\x0c" + struct.pack("!HHIH4B", _ADDRESS, 1, 60, 4, 127, 0, 0, 1) if kind == _ADDRESS else b""
    counts = struct.pack("!4H", 1, bool(found), 0, 0)
    names.sendto(question[:2] + b"\x81\x80" + counts + question[_HEADER:end] + found, asker)


if __name__ == "__main__":
    given, path, _, *words = sys.argv[1:]
    raise SystemExit(main(float(given), Path(path), words))
