"""Sessions without their journals: those that run now, in all of the user's environments, and those that are recorded.

A running session is asked over its control socket. Of a recording only the first and the last line are read, which say
all that a list of sessions shows; so fifty long journals take no longer than fifty short ones.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal

from instui_engine.errors import InstuiError, printable
from instui_engine.fs.files import open_regular
from instui_engine.journal.codec import decode
from instui_engine.journal.events import SessionFinished, SessionStarted
from instui_engine.session.control import Listening, ask, listener, listening
from instui_engine.session.session import alive
from instui_engine.target.environment import PRIVATE, Environment
from instui_engine.values import NamedTuple

State = Literal[
    "running",
    "paused",
    "waiting for .lock",
    "cancelling",
    "stopped",  # its process is: SIGSTOP, ctrl+z
    "silent",  # it lives but does not answer: very busy, or of a process that is not seen
    "done",
    "failed",
    "cancelled",
    "killed",
]
LIVE: frozenset[State] = frozenset({"running", "paused", "waiting for .lock", "cancelling", "stopped", "silent"})
RECORDED = 20  # recordings that a list shows
_PATIENCE = 0.7  # seconds for an answer
_AT_ONCE = 16  # sessions that are asked at the same time
_PIECE = 4096  # bytes; the first line is rarely longer, nor the last one
_LONGEST = 1 << 20  # bytes of a line that is read at all
_INTERRUPTED = (130, 143)  # exit codes


class KnownSession(NamedTuple):
    """A session as a list shows it. `started` is Unix time. `wall` is in seconds, from the start of the program (of
    one that runs: from that of the session, up to now).

    `wheels` counts the distributions: those that a running session has to do (`done` of them are complete), those that
    a recorded one has done, -1 if that is unknown. `doing` says where it is, in words, as "unpack 61 %". `control` is
    the path of its socket; "" if it cannot be asked. `exit` is the code it ended with, -1 if it has not ended or was
    killed. What is unknown is "" or 0.
    """

    session: str
    pid: int
    state: State
    environment: str
    command: str
    started: float
    wall: float
    error: str
    journal: str
    wheels: int
    done: int = 0
    doing: str = ""
    waits: tuple[tuple[str, int], ...] = ()  # path -> how many wheels wait for it
    control: str = ""
    exit: int = -1

    @property
    def is_live(self) -> bool:
        """Whether it runs."""
        return self.state in LIVE


# -- those that run


def running(now: float | None = None) -> list[KnownSession]:
    """The running sessions of this user in all environments, the oldest first. `now` is Unix time."""
    sockets = listening()
    if not sockets:
        return []
    moment = time.time() if now is None else now
    with ThreadPoolExecutor(min(len(sockets), _AT_ONCE)) as threads:
        found = threads.map(lambda socket: _asked(socket, moment), sockets)
        return [one for one in found if one is not None]


def _asked(socket: Listening, now: float) -> KnownSession | None:
    """What a session says of itself; None if nobody listens there any more."""
    try:
        answer = ask(socket.path, "state", _PATIENCE)
    except InstuiError:
        pid = listener(socket.path)
        return _silent(socket, pid, _why_silent(pid)) if pid else None
    try:
        said = json.loads(answer)
        return _from_state(socket, said, now)
    except (ValueError, TypeError, KeyError, AttributeError):  # it is of an earlier version, which has no such request
        return _silent(socket, listener(socket.path), "running")


def _from_state(socket: Listening, said: dict[str, Any], now: float) -> KnownSession:
    waits = tuple((str(path), int(many)) for path, many in said["waits"])
    share = said["share"]
    return KnownSession(
        session=str(said["session"]),
        pid=int(said["pid"]),
        state=_state(said, waits),
        environment=str(said["environment"]),
        command=str(said["command"]),
        started=float(said["started"]),
        wall=max(0.0, now - float(said["started"])),
        error="",
        journal=str(said["journal"]),
        wheels=int(said["wheels"]),
        done=int(said["done"]),
        doing=str(said["part"]) + ("" if share is None else f" {int(100 * float(share))} %"),
        waits=waits,
        control=socket.path,
    )


def _state(said: dict[str, Any], waits: Sequence[tuple[str, int]]) -> State:
    if said["cancelling"]:
        return "cancelling"
    if said["paused"]:
        return "paused"
    return "waiting for .lock" if any(path == ".lock" for path, _ in waits) else "running"


def _why_silent(pid: int) -> State:
    from instui_engine.locks.proc_locks import life_of

    return "stopped" if life_of(pid).state == "stopped" else "silent"


def _silent(socket: Listening, pid: int, state: State) -> KnownSession:
    return KnownSession(socket.session, pid, state, "", "", 0.0, 0.0, "", "", -1, control=socket.path)


def journal_of(session: KnownSession) -> Path:
    """The journal of a running session. Raises InstuiError if the session does not say where that is."""
    if session.journal:
        return Path(session.journal)
    why = "it is busy, or of an earlier version of instui"
    if session.state == "stopped":
        why = f"it is stopped; name its environment with --python, or let it go on with kill -CONT {session.pid}"
    raise InstuiError(
        f"session {printable(session.session)} (pid {session.pid}) does not say where its journal is: {why}"
    )


def lives(session: KnownSession) -> bool:
    """Whether a session still lives: its sign of life is in the environment, wherever the journal is that it keeps."""
    return alive(Path(session.environment) / PRIVATE / "sessions" / f"{session.session}.jsonl")


# -- those that are recorded


def journal_directories(environment: Environment) -> Iterator[Path]:
    """Where the journals of an environment are; a bare directory has those of past sessions elsewhere."""
    if environment.is_bare:
        from instui_engine.session.bare import journals

        if (kept := journals(environment)) is not None:
            yield kept
            with suppress(OSError):
                kept.rmdir()  # if it was made only because it was asked for
    yield environment.private / "sessions"


def recorded(environment: Environment, most: int = RECORDED) -> list[KnownSession]:
    """The newest recordings of an environment, the newest first; also of sessions that still run."""
    paths = {path.stem: path for directory in journal_directories(environment) for path in directory.glob("*.jsonl")}
    found = [one for one in map(recording, paths.values()) if one is not None]
    # the ids of one second are in no order
    return sorted(found, key=lambda one: (one.started, one.session), reverse=True)[:most]


def recording(path: Path) -> KnownSession | None:
    """What the ends of a journal say; None if it is none, or cannot be read."""
    is_alive = alive(path)  # before it is read: what ends meanwhile has written so
    try:
        with open(open_regular(path), "rb", buffering=0) as file:
            first, last = _first_line(file), _last_line(file)
    except OSError:
        return None
    begun, end = _decoded(first), _decoded(last)
    if begun is None or not isinstance(begun[1], SessionStarted):
        return None
    started = begun[1]
    t = end[0] if end is not None else 0.0
    finished = end[1] if end is not None and isinstance(end[1], SessionFinished) else None
    return KnownSession(
        session=started.session,
        pid=started.pid,
        state=_outcome(finished, is_alive),
        environment=started.top,
        command=" ".join(started.command),
        started=started.wall,
        wall=(finished.seconds if finished is not None else t) + max(started.ran, 0.0),
        error=finished.error if finished is not None else "",
        journal=str(path),
        wheels=finished.installed if finished is not None else -1,
        control=started.control if is_alive else "",
        exit=finished.exit if finished is not None else -1,
    )


def started(path: Path) -> SessionStarted | None:
    """The first event of a journal; None if it is none, or cannot be read."""
    with suppress(OSError), open(open_regular(path), "rb", buffering=0) as file:
        begun = _decoded(_first_line(file))
        if begun is not None and isinstance(begun[1], SessionStarted):
            return begun[1]
    return None


def _outcome(finished: SessionFinished | None, is_alive: bool) -> State:
    if finished is None:
        return "running" if is_alive else "killed"
    if finished.exit in _INTERRUPTED:
        return "cancelled"
    return "failed" if finished.exit else "done"


def _decoded(line: bytes) -> tuple[float, object] | None:
    try:
        return decode(line)
    except ValueError:
        return None


def _first_line(file: BinaryIO) -> bytes:
    data = b""
    while b"\n" not in data and len(data) < _LONGEST and (more := file.read(_PIECE)):
        data += more
    return data.partition(b"\n")[0]


def _last_line(file: BinaryIO) -> bytes:
    """The last line that is whole, b"" if there is none."""
    end = file.seek(0, os.SEEK_END)
    data, begin = b"", end
    while begin > 0 and end - begin < _LONGEST and data.rstrip(b"\n").count(b"\n") < 2:
        size = min(_PIECE, begin)
        begin = file.seek(begin - size)
        data = file.read(size) + data
    lines = data.split(b"\n")  # what follows the last newline is an incomplete write
    return next((line for line in reversed(lines[:-1]) if line), b"")


def known(environment: Environment | None) -> list[KnownSession]:
    """The running sessions of all environments, then the recordings of `environment`, the newest first.

    Of one that does not answer, as it is stopped, the recording says what it is.
    """
    here = {one.session: one for one in recorded(environment)} if environment is not None else {}
    live = [
        here[one.session]._replace(state=one.state, control=one.control)
        if not one.journal and one.session in here
        else one
        for one in running()
    ]
    listed = {one.session for one in live}
    others = [one for one in here.values() if one.session not in listed]
    mute = [one for one in others if one.is_live]  # without a socket
    return [*live, *mute, *(one for one in others if not one.is_live)]
