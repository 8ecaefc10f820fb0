"""Control of a session from outside: by signals, or by requests over its Unix socket.

Cancel and pause act between two commits; abort immediately undoes the distribution in hand. The socket lies in a
directory that only its owner can enter, the uid of every client is checked as well, and the path of the socket is in
the journal. A connection takes one request, one line, and gets one line as its answer:

    cancel | abort | pause | resume    ok
    cancel WHEEL                       ok, perhaps with a remark, or: no, and why not
    workers N                          ok, and what takes effect, or: no, and why not
    state                              an object in JSON: `Facts` and `progress.Position`

Any other request is answered by `unknown`, and so are the last three by sessions of older versions.
"""

import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Literal, get_args

from instui_engine.errors import InstuiError, Interrupted, printable, reason
from instui_engine.journal.events import (
    CancelRequested,
    Event,
    SessionPaused,
    SessionResumed,
    Warned,
    WheelCancelled,
    WorkersChanged,
)
from instui_engine.values import NamedTuple
from instui_engine.wheel.filename import normalized

from .cancelled import CancelledWheels
from .progress import Progress
from .standstill import EVERY, Standstill

Word = Literal["cancel", "abort", "pause", "resume"]
_WORDS: dict[str, Word] = {word: word for word in get_args(Word)}
MOST_WORKERS = 256
_NAMED = 5  # wheels, at most, in a warning
_TIMEOUT = 2.0  # seconds for one exchange, however slowly the other side sends
_PAUSE = 0.1  # seconds until the next client is accepted when none could be
_MOST_AT_ONCE = 32  # clients that are served by threads of their own
_LONGEST_REQUEST, _LONGEST_ANSWER = 4096, 1 << 20  # bytes
_LONGEST = 103  # bytes of a socket's path: 108 on Linux and 104 on macOS, one of them for the end
_NEW = ".new"


class Facts(NamedTuple):
    """What is known of a session from its beginning. `started` is Unix time."""

    session: str
    pid: int
    environment: str
    command: str
    journal: str
    started: float


class Control:
    """Requests to a running session. Safe to call from signal handlers and from any thread."""

    def __init__(self) -> None:
        self.exit_code = 0
        self.paused = False
        self.aborted = False
        self.workers = 0  # that somebody has asked for; 0: as the options say
        self.wheels = CancelledWheels()
        self.progress = Progress()
        self._dependents: Callable[[str], Sequence[str]] | None = None
        self.resize: Callable[[int], str] | None = None  # tells a part of the work its new number; returns what it does
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

    def cancel_wheel(self, name: str) -> str:
        """Leave a wheel out, if its commit has not begun; return the answer."""
        name = normalized(name)
        if self.cancelled():
            return "no the session is being cancelled"
        if why := self.wheels.cancel(name):
            return f"no {why}"
        self.report(WheelCancelled(name))
        if self._dependents is None:
            return "ok what requires it is installed all the same"
        return " ".join(["ok", *self._warn_of(name, self._dependents)])

    def know_dependents(self, dependents: Callable[[str], Sequence[str]]) -> None:
        """From now on it is known which wheels require one; warn of those whose wheel is cancelled already."""
        self._dependents = dependents
        for name in self.wheels.names:
            self._warn_of(name, dependents)

    def _warn_of(self, name: str, dependents: Callable[[str], Sequence[str]]) -> list[str]:
        """Warn of the wheels that require a cancelled one; return the warning, if there is any."""
        needing = [other for other in dependents(name) if other not in self.wheels]
        if not needing:
            return []
        more = f" and {len(needing) - _NAMED} more" if len(needing) > _NAMED else ""
        verb = "requires it and is" if len(needing) == 1 else "require it and are"
        text = f"{', '.join(map(printable, needing[:_NAMED]))}{more} {verb} installed all the same"
        self.report(Warned(name, f"it was cancelled; {text}"))
        return [text]

    def change_workers(self, number: int) -> str:
        """Change the number of workers; return the answer, which says what takes effect."""
        if not 1 <= number <= MOST_WORKERS:
            return f"no it must be a number between 1 and {MOST_WORKERS}"
        self.workers = number
        self.report(WorkersChanged(number))
        resize = self.resize  # the part of the work that knows it may end at any moment
        effect = resize(number) if resize is not None else "from the next part of the work on"
        return f"ok {number} {'worker' if number == 1 else 'workers'}: {effect}"

    def answer(self, request: str, facts: Facts) -> str:
        """Do what a request says, and answer it by one line."""
        match request.split():
            case [word] if word in _WORDS:
                self.obey(_WORDS[word])
                return "ok"
            case ["cancel", name]:
                return self.cancel_wheel(name)
            case ["workers", number]:
                return self.change_workers(int(number) if number.isdecimal() and len(number) < 10 else 0)
            case ["state"]:
                return self._state(facts)
            case _:
                return "unknown"

    def _state(self, facts: Facts) -> str:
        import json

        position = self.progress.position()._asdict()
        asked = {"paused": self.paused, "cancelling": self.cancelled(), "cancelled": self.wheels.names}
        return json.dumps({**facts._asdict(), **position, **asked})

    def cancelled(self) -> bool:
        """Whether somebody asked the session to stop."""
        return self.exit_code != 0

    def check(self) -> None:
        """Raise Interrupted if the session was asked to stop."""
        if self.exit_code:
            raise Interrupted("interrupted", self.exit_code)


class ControlServer:
    """The server of a session's socket. If none can be made, `path` is "" and only signals control the session."""

    def __init__(
        self,
        control: Control,
        session: str,
        facts: Facts | None = None,
        standstill: Standstill | None = None,
    ) -> None:
        """The server's thread looks after `standstill` while nobody asks."""
        self.path = ""
        self._standstill = standstill or Standstill(lambda event: None)
        self._control = control
        self._is_closed = False
        self._threads = threading.Semaphore(_MOST_AT_ONCE)
        self._in_turn = threading.Lock()
        self._facts = facts or Facts(session, os.getpid(), "", "", "", time.time())
        for directory in _runtime_directories():
            path = f"{directory}/{session}.sock"
            if len(os.fsencode(f"{path}{_NEW}")) > _LONGEST:
                continue  # and no directory is made that would stay empty
            try:
                self._socket = _listen_in(directory, path)
            except OSError:
                continue
            self.path = path
            self._socket.settimeout(EVERY)  # here: before its thread runs, the session may be over, and this closed
            threading.Thread(target=self._serve, name="control", daemon=True).start()
            return

    def close(self) -> None:
        """Stop listening; remove the socket, and its directory unless other sessions have sockets there."""
        if self.path:
            self._is_closed = True
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            with suppress(OSError):
                Path(self.path).unlink()
            with suppress(OSError):
                Path(self.path).parent.rmdir()

    def _serve(self) -> None:
        while True:
            self._standstill.look()
            try:
                peer, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:
                if self._is_closed:
                    return
                time.sleep(_PAUSE)  # no more descriptors are available, for example
                continue
            if not self._serve_apart(peer):
                self._exchange(peer)
                self._standstill.skip()

    def _serve_apart(self, peer: socket.socket) -> bool:
        """Serve a client in a thread of its own, so that none waits for a slow one; False if there can be no more."""

        def serve() -> None:
            with suppress(OSError):
                self._exchange(peer)
            self._threads.release()

        if not self._threads.acquire(blocking=False):
            return False
        try:
            threading.Thread(target=serve, name="control", daemon=True).start()
        except RuntimeError:  # no more threads are available
            self._threads.release()
            return False
        return True

    def _exchange(self, peer: socket.socket) -> None:
        until = time.monotonic() + _TIMEOUT
        with peer, suppress(OSError):
            if _is_own(peer):
                answer = self._answer(_line(peer, _LONGEST_REQUEST, until))
                peer.settimeout(max(0.0, until - time.monotonic()))
                peer.sendall(f"{answer}\n".encode("ascii", "backslashreplace"))

    def _answer(self, request: str) -> str:
        """Requests are obeyed one after the other, except for those to stop, which wait for nothing."""
        try:
            with nullcontext() if request in ("cancel", "abort") else self._in_turn:
                return self._control.answer(request, self._facts)
        except Exception as error:  # the session and its other clients go on
            return printable(f"no it failed ({type(error).__name__}: {error})")


def send(path: str, request: str) -> str:
    """Send a request to the session whose socket is at `path`; return what it says beyond "ok", as a rule nothing.

    Raises InstuiError if it does not answer, or refuses.
    """
    answer = ask(path, request)
    word, _, rest = answer.partition(" ")
    if word == "no":
        raise InstuiError(rest)
    if word != "ok":
        raise InstuiError("the session did not understand; it may be of another version of instui")
    return rest


def ask(path: str, request: str, timeout: float = _TIMEOUT) -> str:
    """The answer of the session whose socket is at `path`, one line. Raises InstuiError if there is none."""
    until = time.monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(path)
            connection.sendall(f"{request}\n".encode("ascii"))
            answer = _line(connection, _LONGEST_ANSWER, until)
        except (OSError, UnicodeError) as error:
            why = reason(error) if isinstance(error, OSError) else "that is no name of a wheel"
            raise InstuiError(f"the session does not answer ({why}); it may have ended") from error
    if not answer:
        raise InstuiError("the session does not answer: it belongs to another user, or it has just ended")
    return answer


def listener(path: str) -> int:
    """The pid of who listens at the socket `path`, even if it does not answer; 0 for nobody, or if that is unknown."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_TIMEOUT)
        connection.connect(path)
        return _peer(connection)[0]
    return 0


class Listening(NamedTuple):
    """A session of this user that can be asked: its id, and the path of its socket."""

    session: str
    path: str


def listening() -> list[Listening]:
    """The sessions of this user in all environments, the oldest first. One that was killed may still be among them."""
    found: dict[str, str] = {}
    for directory in reversed(_runtime_directories()):
        with suppress(OSError):
            if _is_private(directory):
                found.update((socket.stem, str(socket)) for socket in directory.glob("*.sock"))
    return [Listening(*one) for one in sorted(found.items())]


def _line(connection: socket.socket, longest: int, until: float) -> str:
    """One line, without its end; what comes until then, if the other side closes or the line is too long.

    Raises OSError; TimeoutError if it is not whole at the time `until`.
    """
    received = b""
    while b"\n" not in received and len(received) < longest:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        connection.settimeout(left)
        data = connection.recv(_LONGEST_REQUEST)
        if not data:
            break
        received += data
    return received.partition(b"\n")[0].decode("ascii", "replace").strip()


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
    if not _is_private(directory):
        raise PermissionError(f"{directory} is not private")
    for leftover in directory.glob("*.sock"):
        _remove_if_dead(leftover)


def _is_private(directory: Path) -> bool:
    """Whether a directory is ours, and nobody else can enter it. Raises OSError."""
    status = directory.lstat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o077 and stat.S_ISDIR(status.st_mode)


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
    return _peer(peer)[1] in (os.getuid(), 0, -1)  # where it is not known, the directory's mode has to suffice


def _peer(connection: socket.socket) -> tuple[int, int]:
    """The pid and the uid of the other side; 0 and -1 where the system does not tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return 0, -1
    size = struct.calcsize("3i")
    pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(pid), int(uid)
