"""Live sessions: what those that run in an environment hold and wait for now, according to their journals.

A session is alive while its journal is locked, and the system says which process holds that lock. Journals are read
whole, so this is only for naming holders in a long wait or on request, never for a wait that ends soon. Another
session's journal may be damaged or of another version; no line of it stops the reading.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path

from instui_engine.fs.files import open_regular
from instui_engine.fs.paths import TOP, neutral
from instui_engine.journal.codec import decode
from instui_engine.journal.events import (
    SCHEMA,
    EnvironmentGranted,
    EnvironmentReleased,
    EnvironmentWaiting,
    Event,
    LockGranted,
    LockReleased,
    LockRequested,
    LockWaiting,
    PlanWheel,
    SessionStarted,
    SpanFinished,
    SpanName,
    SpanStarted,
    WheelCancelled,
)
from instui_engine.session import life
from instui_engine.session.session import alive
from instui_engine.target.environment import common_roots
from instui_engine.values import NamedTuple

from .claims import Claims, Mode, lock_set
from .names import bucket_of, lock_name
from .proc_locks import Locks

ENVIRONMENT = ".lock"  # the path under which journals name the environment's lock
_NEWS = (
    b'"event":"lock.',
    b'"event":"plan.wheel"',
    b'"event":"wheel.cancelled"',
    b'"event":"environment.',
    b'"event":"session.started"',
    b'"event":"span.',
)
_DOING: dict[SpanName, str] = {
    "open": "looks at the environment",
    "resolve": "resolves",
    "acquire": "fetches and unpacks",
    "compile": "compiles byte code",
    "plan": "plans",
    "stage": "stages",
    "commit": "commits",
    "clean": "cleans up",
}


class LockState(NamedTuple):
    """The state of a wheel's claims or, with `wheel` "", of the session's share in the environment's lock.

    `since` is Unix time. `wants` is the path and mode that it waits for, if it does.
    """

    wheel: str
    since: float
    held: dict[str, Mode]
    wants: tuple[str, Mode] | None


class LiveSession(NamedTuple):
    """A running session. `pid` is 0 if the system does not say which process it is.

    `doing` says, in words, at which part of its work it is. `began` is the Unix time at which its program was started.
    """

    session: str
    pid: int
    command: str
    states: tuple[LockState, ...]
    doing: str = ""
    began: float = 0.0

    def holding(self, path: str) -> list[tuple[LockState, Mode]]:
        """The states that hold a lock on exactly `path`, and in which mode."""
        return [(state, state.held[path]) for state in self.states if path in state.held]

    def beside(self, path: str) -> list[tuple[LockState, str, Mode]]:
        """The states that hold another path with the same lock file as `path`: which path, and in which mode."""
        name = lock_name(path)
        return [
            (state, other, how)
            for state in self.states
            for other, how in state.held.items()
            if other not in (path, ENVIRONMENT) and lock_name(other) == name
        ]


def live_sessions(private: Path, locks: Locks, own: str = "") -> list[LiveSession]:
    """The sessions that run in the environment whose `.instui` is `private`, oldest first.

    `own` is the id of a session of this process, which is known even if the system says nothing.
    """
    found = []
    try:
        names = sorted(os.listdir(private / "sessions"))
    except OSError:  # there are none, or they are not for us to read (`target.private`)
        names = []
    for journal in (private / "sessions" / name for name in names if name.endswith(".jsonl")):
        if own and journal.stem == own:
            found.append(_read(journal, os.getpid()))
            continue
        pids = [line.pid for line in locks.at(journal) if line.mode == "X" and not line.waits]
        if pids or alive(journal):
            found.append(_read(journal, pids[0] if pids else life.process(journal)))
        else:
            _known.pop(journal, None)
    return found


_known: dict[Path, "_Reading"] = {}  # so that a repeated reading only takes what is new
_reading = threading.Lock()


def _read(journal: Path, pid: int) -> LiveSession:
    with _reading:
        reading = _known.setdefault(journal, _Reading())
        with suppress(OSError):
            reading.read_on(journal)
        states = tuple(reading.states.values())
        return LiveSession(journal.stem, pid, reading.command, states, reading.doing, reading.program_began)


class _Reading:
    """The fold of one journal into what is held and waited for at its end."""

    def __init__(self) -> None:
        self.command = self.doing = ""
        self.program_began = 0.0
        self.states: dict[str, LockState] = {}
        self._began = 0.0  # Unix time of t = 0
        self._claims: dict[str, Claims] = {}
        self._unlocked: frozenset[str] = frozenset()  # directories that are locked by nobody, as nobody claims them
        self._asked: set[str] = set()
        self._offset = 0
        self._readable = True

    def read_on(self, journal: Path) -> None:
        """Take in the complete lines that came since the last call."""
        with open(open_regular(journal, follow=False), "rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                if any(news in line for news in _NEWS):
                    self.feed(line)

    def feed(self, line: bytes) -> None:
        """Take in one line; skip a damaged or unknown one."""
        try:
            decoded = decode(line)
        except ValueError:
            return
        if decoded is not None and self._readable:
            self._take(self._began + decoded[0], decoded[1])

    def _take(self, now: float, event: Event) -> None:
        match event:
            case SessionStarted():
                self._began, self.command = event.wall, " ".join(event.command)
                self.program_began = round(event.wall - event.ran, 2)
                self._unlocked = neutral(common_roots(event.top, event.python))
                self._readable = event.schema <= SCHEMA  # else the other lines may have another meaning
            case SpanStarted(name=name):
                self.doing = _DOING.get(name, "")
            case SpanFinished():
                self.doing = ""
            case PlanWheel(wheel=wheel):
                exclusive = (path.removesuffix("/") for path in event.exclusive)
                self._claims[wheel] = Claims(tuple(exclusive), tuple(event.shared))
            case LockRequested(wheel=wheel):
                self._asked.add(wheel)
            case LockWaiting(wheel=wheel, path=path):
                mode: Mode = "X" if event.mode == "X" else "IX"
                self.states[wheel] = LockState(wheel, now, self._held_while_waiting(wheel, path), (path, mode))
            case LockGranted(wheel=wheel):
                held = self._locks(wheel) | ({TOP: "X"} if event.whole else {})
                self.states[wheel] = LockState(wheel, now, held, None)
            case LockReleased(wheel=wheel) | WheelCancelled(wheel=wheel):
                self.states.pop(wheel, None)
            case EnvironmentWaiting():
                self.states[""] = LockState("", now, {}, (ENVIRONMENT, "IX"))
            case EnvironmentGranted():
                self.states[""] = LockState("", now, {ENVIRONMENT: "IX"}, None)
            case EnvironmentReleased():
                self.states.pop("", None)
            case _:
                pass  # it is not about locks

    def _held_while_waiting(self, wheel: str, path: str) -> dict[str, Mode]:
        """What the wheel holds while it waits for `path`."""
        if wheel in self._asked:  # it waits within its own session, and holds nothing
            self._asked.remove(wheel)
            return {}
        # lock files are taken in the order of their numbers, so it holds all that come before
        bucket = bucket_of(path)
        return {held: how for held, how in self._locks(wheel).items() if bucket_of(held) < bucket}

    def _locks(self, wheel: str) -> dict[str, Mode]:
        claims = self._claims.get(wheel)
        if claims is None:
            return {}
        return {path: mode for path, mode in lock_set(claims) if mode == "X" or path not in self._unlocked - {TOP}}
