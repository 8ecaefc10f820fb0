"""What the system tells about file locks and processes: /proc/locks, and a few files of /proc/<pid>.

Only Linux tells, and only of processes of the same pid namespace: a lock that is held by another container looks like
one that nobody holds. Everything here is a picture of a moment.
"""

import os
from pathlib import Path
from typing import NamedTuple

from instui_engine.errors import printable

from .claims import Mode

LOCKS = "/proc/locks"
FileId = tuple[int, int]
"""Device and inode."""


class LockLine(NamedTuple):
    """One process at one flock: it holds it, or is blocked on it."""

    pid: int
    mode: Mode
    waits: bool


class Locks:
    """All flocks of the machine at one moment, by file. `told`: whether the system says anything at all."""

    def __init__(self, text: str | None) -> None:
        """`text`: the content of /proc/locks, None where there is none."""
        self.told = text is not None
        self.files: dict[FileId, list[LockLine]] = {}
        for line in (text or "").splitlines():
            _parse(line, self.files)

    def at(self, path: Path | str) -> list[LockLine]:
        """Who holds or waits for the lock file at `path`; [] for nobody, and where there is no such file."""
        try:
            status = os.stat(path)
        except OSError:
            return []
        return self.files.get((status.st_dev, status.st_ino), [])


def read_locks() -> Locks:
    """The locks of now."""
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
    if len(fields) < 6 or fields[1] != "FLOCK" or int(fields[4]) <= 0:
        return
    major, minor, inode = fields[5].split(":")
    file = os.makedev(int(major, 16), int(minor, 16)), int(inode)
    found = LockLine(int(fields[4]), "X" if fields[3] == "WRITE" else "IX", waits)
    files.setdefault(file, []).append(found)


def exclusive_waiter(path: Path | str) -> bool:
    """Whether somebody is blocked on the exclusive lock of that file."""
    return any(line.waits and line.mode == "X" for line in read_locks().at(path))


def command_of(pid: int) -> str:
    """The command line of a process, for people to read; "" when it is gone or not ours to see."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return ""
    return printable(" ".join(word.decode(errors="replace") for word in words))[:200]


def state_of(pid: int) -> str:
    """The word "stopped" for a process that has its locks but does not run (SIGSTOP, ctrl+z, a debugger), else ""."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "stopped" if text.rpartition(")")[2].split()[:1] in (["T"], ["t"]) else ""
