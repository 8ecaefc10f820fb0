"""Installers of other programs that can be seen at work: they hold the lock of an environment, as uv does."""

import os
from collections.abc import Collection
from contextlib import suppress

from instui_engine.locks.names import ENVIRONMENT
from instui_engine.locks.proc_locks import command_of, life_of, read_locks
from instui_engine.values import NamedTuple


class Installer(NamedTuple):
    """A process that holds `.lock` of an environment. `state`: "stopped", "asleep"; `began` is Unix time, or 0.0."""

    pid: int
    command: str
    environment: str
    state: str
    began: float

    def seconds(self, now: float) -> float:
        """For how long it has run; 0.0 if that is unknown."""
        return max(0.0, now - self.began) if self.began else 0.0


def installers(but: Collection[int]) -> list[Installer]:
    """The processes that hold the lock of an environment now, without those whose pid is among `but`."""
    pids = {line.pid for lines in read_locks().files.values() for line in lines if not line.waits}
    found = []
    for pid in sorted(pids - {*but, os.getpid()}):
        for top in _environments(pid):
            found.append(Installer(pid, command_of(pid), top, *life_of(pid)))
    return found


def _environments(pid: int) -> list[str]:
    """The environments whose lock file the process has open, as far as we may see that."""
    directory = f"/proc/{pid}/fd"
    found: set[str] = set()
    with suppress(OSError):
        for name in os.listdir(directory):
            with suppress(OSError):
                top, _, file = os.readlink(f"{directory}/{name}").rpartition("/")
                if file == ENVIRONMENT and os.path.isfile(f"{top}/pyvenv.cfg"):
                    found.add(top)
    return sorted(found)
