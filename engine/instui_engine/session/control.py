"""Control of a session from outside: by signals, or by commands over its Unix socket.

Cancel and pause act between two commits; abort immediately undoes the distribution in hand. The socket lies in a
directory that only its owner can enter, the uid of every client is checked as well, and the path of the socket is in
the journal.
"""

import os
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

from instui_engine.errors import InstuiError, Interrupted, reason
from instui_engine.journal.events import CancelRequested, Event, SessionPaused, SessionResumed

Word = Literal["cancel", "abort", "pause", "resume"]
_WORDS: dict[str, Word] = {word: word for word in get_args(Word)}
_TIMEOUT = 2.0  # seconds for one exchange
_LONGEST = 103  # bytes of a socket's path: 108 on Linux and 104 on macOS, one of them for the end
_NEW = ".new"


class Control:
    """Requests to a running session. Safe to call from signal handlers and from any thread."""

    def __init__(self) -> None:
        self.exit_code = 0
        self.paused = False
        self.aborted = False
        self.report: Callable[[Event], None] = lambda event: None

    def cancel(self, exit_code: int) -> None:
        """Stop between two commits and end with `exit_code` (130, 143). The second call undoes what is in hand."""
        self.aborted = self.cancelled()
        self.exit_code = self.exit_code or exit_code

    def obey(self, word: Word) -> None:
        """Do what a command says."""
        match word:
            case "pause":
                if not self.paused:
                    self.paused = True
                    self.report(SessionPaused())
            case "resume":
                if self.paused:
                    self.paused = False
                    self.report(SessionResumed())
            case "cancel" | "abort":
                self.cancel(130)
                self.aborted = self.aborted or word == "abort"
                self.report(CancelRequested(self.exit_code))

    def cancelled(self) -> bool:
        """Whether somebody asked the session to stop."""
        return self.exit_code != 0

    def check(self) -> None:
        """Raise Interrupted if the session was asked to stop."""
        if self.exit_code:
            raise Interrupted("interrupted", self.exit_code)


class ControlServer:
    """The server of a session's socket. If none can be made, `path` is "" and only signals control the session."""

    def __init__(self, control: Control, session: str) -> None:
        self.path = ""
        self._control = control
        for directory in _runtime_directories():
            path = f"{directory}/{session}.sock"
            if len(os.fsencode(f"{path}{_NEW}")) > _LONGEST:
                continue  # and no directory is made that would stay empty
            try:
                self._socket = _listen_in(directory, path)
            except OSError:
                continue
            self.path = path
            threading.Thread(target=self._serve, name="control", daemon=True).start()
            return

    def close(self) -> None:
        """Stop listening; remove the socket, and its directory unless other sessions have sockets there."""
        if self.path:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            with suppress(OSError):
                Path(self.path).unlink()
            with suppress(OSError):
                Path(self.path).parent.rmdir()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with peer, suppress(OSError):
                peer.settimeout(_TIMEOUT)
                if not _is_own(peer):
                    continue
                word = _WORDS.get(peer.recv(64).decode("ascii", "replace").strip())
                if word is not None:
                    self._control.obey(word)
                peer.sendall(b"ok\n" if word is not None else b"unknown\n")


def send(path: str, word: str) -> None:
    """Send a command to the session whose socket is at `path`. Raises InstuiError if it does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_TIMEOUT)
        try:
            connection.connect(path)
            connection.sendall(f"{word}\n".encode("ascii"))
            answer = connection.recv(64)
        except OSError as error:
            raise InstuiError(f"the session does not answer ({reason(error)}); it may have ended") from error
    if answer != b"ok\n":
        raise InstuiError("the session did not understand; it may be of another version of instui")


def _runtime_directories() -> list[Path]:
    """The directories for the socket, best first.

    A long TMPDIR leaves no room for the name of a socket.
    """
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    temporary = (os.environ.get("TMPDIR", ""), "/tmp")  # noqa: S108 - the owner of what we make there is checked
    name = f"instui-{os.getuid()}"
    found = [Path(base) / "instui"] if base else []
    return [*found, *(Path(place) / name for place in temporary if os.path.isabs(place))]


def _make_private(directory: Path) -> None:
    """Make a directory that only we can enter, and clear it of dead sockets. Raises OSError if it is not ours."""
    directory.mkdir(mode=0o700, exist_ok=True)
    status = directory.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or directory.is_symlink():
        raise PermissionError(f"{directory} is not private")
    for leftover in directory.glob("*.sock"):
        _remove_if_dead(leftover)


def _listen_in(directory: Path, path: str) -> socket.socket:
    """Make a socket that listens at `path` in a private directory. Raises OSError."""
    for _ in range(10):
        _make_private(directory)
        with suppress(FileNotFoundError):  # another session, the last one there, has just removed the directory
            return _listen(path)
    raise FileNotFoundError(directory)


def _listen(path: str) -> socket.socket:
    """Make a socket that listens at `path`. Raises OSError."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # it gets its final name once it listens, else another session would take it for dead
        listening.bind(f"{path}{_NEW}")
        listening.listen(8)
        Path(f"{path}{_NEW}").rename(path)
    except OSError:
        listening.close()
        raise
    return listening


def _remove_if_dead(path: Path) -> None:
    """Remove the socket of a killed session: nobody answers it."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(0.1)
        try:
            connection.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()


def _is_own(peer: socket.socket) -> bool:
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # the directory's mode has to suffice
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return bool(uid in (os.getuid(), 0))
