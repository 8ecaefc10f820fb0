"""Whether the process of a running session stands still: of that the journal says nothing before it goes on."""

import os

from instui_engine.journal.events import SessionStarted

from .model import Snapshot
from .spans import Halt

_QUIET = 1.0  # seconds without an event after which the system is asked, once a second
_NEAR = 2.0  # seconds by which the clock may have been set; a process of another start has got the same pid


class Standstill:
    """One running session, which is looked at again and again."""

    def __init__(self) -> None:
        self._looked = self._ran = 0.0  # when the system was asked last, and last said that it runs
        self._since: float | None = None

    def shown(self, snapshot: Snapshot, last: float) -> Snapshot:
        """The snapshot, with the standstill that has not ended. `last`: the time of the latest event."""
        t, session = snapshot.t, snapshot.session
        if session is None or snapshot.over or snapshot.sessions or t - last < _QUIET or session.pid == os.getpid():
            self._since = None
            return snapshot
        if not self._looked <= t < self._looked + _QUIET:
            self._looked = t
            if not is_stopped(session):
                self._since, self._ran = None, t
            elif self._since is None:
                self._since = max(last, self._ran)
        if self._since is None:
            return snapshot
        return snapshot._replace(halts=(*snapshot.halts, Halt(self._since)))


def is_stopped(session: SessionStarted) -> bool:
    """Whether the process of the session is there and stopped, as far as the system says."""
    from instui_engine.locks.proc_locks import life_of

    life = life_of(session.pid)
    return life.state == "stopped" and session.wall - session.ran - _NEAR <= life.began <= session.wall + _NEAR
