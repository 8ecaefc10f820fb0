"""What the kernel reports about file locks and processes: /proc/locks, and a few files of /proc/<pid>.

Only Linux does, and only for processes of the same pid namespace: a lock that is held in another container looks free.
Everything here is a snapshot.
"""

import os
import time
from pathlib import Path

from instui_engine.errors import printable
from instui_engine.fs.mounts import Mounts
from instui_engine.redaction import redacted
from instui_engine.values import NamedTuple

from .claims import Mode

LOCKS = "/proc/locks"
FileId = tuple[int, int]
"""Device and inode, as the kernel knows a file."""


class LockLine(NamedTuple):
    """A process that holds one flock, or is blocked on it."""

    pid: int
    mode: Mode
    waits: bool


class Locks:
    """All flocks of the machine at one moment, by file. `known`: whether the system reports any of this."""

    def __init__(self, text: str | None) -> None:
        """`text` is the content of /proc/locks, None if there is no such file."""
        self.known = text is not None
        self.files: dict[FileId, list[LockLine]] = {}
        self._mounts: Mounts | None = None
        for line in (text or "").splitlines():
            _parse(line, self.files)

    def at(self, path: Path | str) -> list[LockLine]:
        """The holders of the lock file at `path`, and the waiters for it; [] also if there is no such file."""
        if not self.files:
            return []
        if self._mounts is None:
            self._mounts = Mounts()
        try:
            place = self._mounts.locate(path)
        except (OSError, ValueError):  # ValueError: a journal can contain anything as a path
            return []
        lines = self.files.get((place.device, place.status.st_ino), [])
        if lines and place.device != place.status.st_dev:
            # the subvolumes of a btrfs share one device in /proc/locks, but each has its own inode numbers
            lines = [line for line in lines if _may_have_open(line.pid, place.status)]
        return lines


def read_locks() -> Locks:
    """The present locks."""
    try:
        with open(LOCKS, encoding="ascii") as file:
            return Locks(file.read())
    except (OSError, UnicodeDecodeError):
        return Locks(None)


def _parse(line: str, files: dict[FileId, list[LockLine]]) -> None:
    # "1: FLOCK  ADVISORY  WRITE 4242 fe:00:1234 0 EOF"; a waiter's line has "->" after the number
    fields = line.split()
    waits = fields[1:2] == ["->"]
    if waits:
        del fields[1]
    if len(fields) < 6 or fields[1] != "FLOCK":
        return
    try:
        major, minor, inode = fields[5].split(":")
        file = os.makedev(int(major, 16), int(minor, 16)), int(inode)
        pid = int(fields[4])
    except ValueError:
        return
    if pid > 0:  # 0 or less for a process in another pid namespace
        files.setdefault(file, []).append(LockLine(pid, "X" if fields[3] == "WRITE" else "IX", waits))


def _may_have_open(pid: int, status: os.stat_result) -> bool:
    """Whether the process has that file open, as far as we may see its open files."""
    directory = f"/proc/{pid}/fd"
    try:
        names = os.listdir(directory)
    except OSError:
        return True
    for name in names:
        try:
            found = os.stat(f"{directory}/{name}")
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (status.st_dev, status.st_ino):
            return True
    return False


def exclusive_waiter(path: Path | str) -> bool:
    """Whether a process is blocked on the exclusive lock of that file."""
    return any(line.waits and line.mode == "X" for line in read_locks().at(path))


def command_of(pid: int) -> str:
    """The command line of a process, for people to read: without passwords; "" if it is gone or may not be seen."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return ""
    return printable(" ".join(redacted(argument.decode(errors="replace")) for argument in arguments))[:200]


class Life(NamedTuple):
    """What a process does, in words ("" if it runs or is gone), and the Unix time of its start (0.0: unknown)."""

    state: str
    began: float


_STATES = {"T": "stopped", "t": "traced", "S": "asleep", "D": "waits for the disk"}
_TICKS = os.sysconf("SC_CLK_TCK")


def life_of(pid: int) -> Life:
    """The life of a process.

    "stopped" is one that keeps its locks but does not run (SIGSTOP, ctrl+z) until SIGCONT. One that is "traced" is held
    by a debugger or, for a moment, by strace; SIGCONT does not help.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        fields = text.rpartition(")")[2].split()
        # of the clock in which the system counts; the time of its boot in /proc/stat is in whole seconds
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / _TICKS
    except (OSError, ValueError, IndexError):
        return Life("", 0.0)
    return Life(_STATES.get(fields[0], ""), round(time.time() - age, 2))
