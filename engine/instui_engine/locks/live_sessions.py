"""Live sessions: what those that run in an environment hold and wait for now, according to their journals.

A session is alive while its journal is locked, and the system says which process holds that lock. Journals are read
whole (`reading`), so this is only for naming holders in a long wait or on request, never for a wait that ends soon.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from instui_engine.session import life
from instui_engine.values import NamedTuple

from .names import ENVIRONMENT, lock_name
from .proc_locks import Locks

if TYPE_CHECKING:
    from .claims import Mode
    from .reading import LockState, Reading


class LiveSession(NamedTuple):
    """A running session. `pid` is 0 if the system does not say which process it is.

    `doing` says, in words, at which part of its work it is. `began` is the Unix time at which its program was started.
    """

    session: str
    pid: int
    command: str
    states: "tuple[LockState, ...]"
    doing: str = ""
    began: float = 0.0

    def holding(self, path: str) -> "list[tuple[LockState, Mode]]":
        """The states that hold a lock on exactly `path`, and in which mode."""
        return [(state, state.held[path]) for state in self.states if path in state.held]

    def beside(self, path: str) -> "list[tuple[LockState, str, Mode]]":
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
        if pids or life.alive(journal):
            found.append(_read(journal, pids[0] if pids else life.process(journal)))
        else:
            _known.pop(journal, None)
    return found


_known: dict[Path, "Reading"] = {}  # so that a repeated reading only takes what is new
_reading = threading.Lock()


def _read(journal: Path, pid: int) -> LiveSession:
    from .reading import Reading  # it loads all events, and most often no session is live

    with _reading:
        reading = _known.setdefault(journal, Reading())
        with suppress(OSError):
            reading.read_on(journal)
        states = tuple(reading.states.values())
        return LiveSession(journal.stem, pid, reading.command, states, reading.doing, reading.program_began)
