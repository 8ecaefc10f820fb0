"""What the sessions that run in an environment hold and wait for now, as their journals say.

A session is alive while its journal is locked; which process holds that lock is the system's to tell. Journals are read
whole, so this is for the moment in which somebody asks who is in the way, never for the way itself.
"""

import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from instui_engine.journal.events import (
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
    decode,
)
from instui_engine.session.session import alive

from .claims import Claims, Mode, lock_set
from .kernel import Locks

ENVIRONMENT = ".lock"  # the path under which journals name the environment's lock
_NEWS = (b'"event":"lock.', b'"event":"plan.wheel"', b'"event":"environment.', b'"event":"session.started"')


class LockState(NamedTuple):
    """A wheel at its claims, or ("") the session at the environment's lock. `since` is Unix time.

    `wants`: the path and mode that it waits for, when it does.
    """

    wheel: str
    since: float
    held: dict[str, Mode]
    wants: tuple[str, Mode] | None


class LiveSession(NamedTuple):
    """A session that runs. `pid` is 0 where the system does not say which process it is."""

    session: str
    pid: int
    command: str
    states: tuple[LockState, ...]

    def holding(self, path: str) -> list[tuple[LockState, Mode]]:
        """Those that hold a lock on exactly `path`, and how."""
        return [(state, state.held[path]) for state in self.states if path in state.held]


def live_sessions(private: Path, locks: Locks) -> list[LiveSession]:
    """The sessions that run in the environment whose `.instui` is `private`, the oldest first."""
    found = []
    for journal in sorted((private / "sessions").glob("*.jsonl")):
        pids = [line.pid for line in locks.at(journal) if line.mode == "X" and not line.waits]
        if pids or alive(journal):
            found.append(_read(journal, pids[0] if pids else 0))
        else:
            _known.pop(journal, None)
    return found


_known: dict[Path, "_Reading"] = {}  # so that who waits often reads only what is new
_reading = threading.Lock()


def _read(journal: Path, pid: int) -> LiveSession:
    with _reading:
        reading = _known.setdefault(journal, _Reading())
        with suppress(OSError):
            reading.read_on(journal)
        return LiveSession(journal.stem, pid, reading.command, tuple(reading.states.values()))


class _Reading:
    """Folds one journal down to what is held and waited for at its end."""

    def __init__(self) -> None:
        self.command = ""
        self.states: dict[str, LockState] = {}
        self._began = 0.0  # Unix time of t = 0
        self._claims: dict[str, Claims] = {}
        self._asked: set[str] = set()
        self._offset = 0

    def read_on(self, journal: Path) -> None:
        """Take in the whole lines that came since the last time."""
        with journal.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                if any(news in line for news in _NEWS):
                    self.feed(line)

    def feed(self, line: bytes) -> None:
        """Take in one line; what is broken or unknown is skipped."""
        try:
            decoded = decode(line)
        except ValueError:
            return
        if decoded is not None:
            self._take(self._began + decoded[0], decoded[1])

    def _take(self, now: float, event: Event) -> None:
        if isinstance(event, SessionStarted):
            self._began, self.command = event.wall, " ".join(event.command)
        elif isinstance(event, PlanWheel):
            self._claims[event.wheel] = Claims(
                tuple(path.removesuffix("/") for path in event.exclusive), tuple(event.shared)
            )
        elif isinstance(event, LockWaiting):
            mode: Mode = "X" if event.mode == "X" else "IX"
            held: dict[str, Mode] = {}
            if event.wheel in self._asked:  # in its own session, where who waits holds nothing
                self._asked.remove(event.wheel)
            else:  # lock files are taken in sorted order, so what comes before is in its hands
                held = {path: how for path, how in self._locks(event.wheel).items() if path < event.path}
            self.states[event.wheel] = LockState(event.wheel, now, held, (event.path, mode))
        elif isinstance(event, LockRequested):
            self._asked.add(event.wheel)
        elif isinstance(event, LockGranted):
            self.states[event.wheel] = LockState(event.wheel, now, self._locks(event.wheel), None)
        elif isinstance(event, LockReleased):
            self.states.pop(event.wheel, None)
        elif isinstance(event, EnvironmentWaiting):
            self.states[""] = LockState("", now, {}, (ENVIRONMENT, "IX"))
        elif isinstance(event, EnvironmentGranted):
            self.states[""] = LockState("", now, {ENVIRONMENT: "IX"}, None)
        elif isinstance(event, EnvironmentReleased):
            self.states.pop("", None)

    def _locks(self, wheel: str) -> dict[str, Mode]:
        claims = self._claims.get(wheel)
        return dict(lock_set(claims)) if claims is not None else {}
