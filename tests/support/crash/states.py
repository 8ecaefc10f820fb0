"""Whether two states of the disk are the same for all that comes after them, and what is known of each.

Two faults may leave the same: an error at any call before the first change is one state, whatever the call. Recovery
and its judgement run once for each.
"""

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from pathlib import Path

from support.crash.judge import Judge, leftovers

_SESSION = re.compile(rb"\d{8}-\d{6}-\d+-[0-9a-f]{4}")
_PROBE = re.compile(rb"(?<=/)probe-\d+-")
_FINGERPRINT = re.compile(rb"\[(\d+),(-?\d+),(\d+)\]")  # in a record: inode, size and mtime
_PRIVATE = f"{os.sep}.instui{os.sep}"
_SETTLED = 100_000_000  # ns; what is changed later than this after a change has another ctime


class Digests:
    """Digests of the state of what is below `top`: names, kinds, modes, content, and which names are one file.

    Equal states are equal but for what no later session can tell apart: the ids of sessions by their order, inodes by
    the names that they have, and times that nothing was recorded of. Of a journal it counts whether something is in it:
    sessions look at whether others live, and read the journals of those that do. `lasting` has names for inodes outside
    `top`; of `times` (mtimes in ns) each is one that can be told.
    """

    def __init__(self, top: Path, lasting: Mapping[int, str], times: frozenset[int]) -> None:
        self._top = top
        self._lasting = {inode: os.fsencode(path) for inode, path in lasting.items()}
        self._times = times
        self._known: dict[tuple[int, int, int], bytes] = {}  # inode, ctime and size -> digest of the content

    def take(self) -> str:
        """The digest of the state now."""
        found = [*_walk(self._top)]
        sessions = sorted({name for _, path, _ in found for name in _SESSION.findall(os.fsencode(path))})
        names = {name: b"session%d" % number for number, name in enumerate(sessions)}

        def neutral(text: bytes) -> bytes:
            return _SESSION.sub(lambda match: names.get(match[0], b"a session"), text)

        shown = [(neutral(_PROBE.sub(b"probe-", os.fsencode(name))), path, status) for name, path, status in found]
        shown.sort(key=itemgetter(0, 1))
        shared: dict[int, list[tuple[bytes, os.stat_result]]] = {}
        for name, _, status in shown:
            shared.setdefault(status.st_ino, []).append((name, status))
        missing: dict[int, int] = {}  # inode that a record names and nothing has -> which it is

        def fingerprint(match: re.Match[bytes]) -> bytes:
            inode, size, mtime = map(int, match.groups())
            here = [
                b"%s %d%d" % (name, size in (-1, status.st_size), mtime in (0, status.st_mtime_ns))
                for name, status in shared.get(inode, [])
            ]
            gone = b"" if here else b"%d" % missing.setdefault(inode, len(missing))
            return b"[%s %s %s %d]" % (b" ".join(here), gone, self._lasting.get(inode, b""), size < 0)

        lines = []
        for name, path, status in shown:
            first = next(other for other, kept in shared[status.st_ino] if kept.st_dev == status.st_dev)
            mtime = status.st_mtime_ns if status.st_mtime_ns in self._times and not _is_told(path) else 0
            line = b"%s\0%o\0%s\0%s\0%d\0" % (name, status.st_mode, first, self._lasting.get(status.st_ino, b""), mtime)
            if stat.S_ISLNK(status.st_mode):
                line += neutral(os.fsencode(os.readlink(path)))
            elif stat.S_ISREG(status.st_mode):
                if _is_told(path):
                    line += b"something" if status.st_size else b""
                elif f"{_PRIVATE}records{os.sep}" in path:
                    line += neutral(_FINGERPRINT.sub(fingerprint, _read(path)))
                else:
                    line += self._content(path, status)
            lines.append(line)
        return hashlib.sha256(b"\n".join(lines)).hexdigest()

    def _content(self, path: str, status: os.stat_result) -> bytes:
        key = status.st_ino, status.st_ctime_ns, status.st_size
        if key not in self._known:
            content = hashlib.sha256(_read(path)).digest()
            if time.time_ns() - status.st_ctime_ns < _SETTLED:
                return content
            self._known[key] = content
        return self._known[key]


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _is_told(path: str) -> bool:
    """Whether it is what a session tells of itself: its journal, or its sign of life."""
    return path.endswith((".jsonl", ".alive")) and _PRIVATE in path


def _walk(top: Path) -> Iterator[tuple[str, str, os.stat_result]]:
    """Name relative to `top`, path and status of everything there, links not followed."""
    length = len(os.fspath(top)) + 1
    todo = [os.fspath(top)]
    while todo:
        with os.scandir(todo.pop()) as entries:
            for entry in entries:
                status = os.lstat(entry.path)  # an entry's own lacks the device of a mount
                yield entry.path[length:], entry.path, status
                if stat.S_ISDIR(status.st_mode):
                    todo.append(entry.path)


def inodes(place: Path) -> tuple[dict[int, str], frozenset[int]]:
    """Inode -> path of all files below `place`, and their mtimes; nothing if nothing is there."""
    if not place.exists():
        return {}, frozenset()
    found = [(path, status) for _, path, status in _walk(place) if stat.S_ISREG(status.st_mode)]
    return {status.st_ino: path for path, status in found}, frozenset(status.st_mtime_ns for _, status in found)


class State:
    """What lies at `top`, and what comes of it. Each question is answered when the disk is in this state."""

    def __init__(self, judge: Judge, top: Path) -> None:
        self._judge = judge
        self._top = top
        self.recovered: dict[bool, tuple[str, ...]] = {}
        """What is wrong after the command has run again; by whether it ran a third time, too."""

    def after(self, thorough: bool) -> Sequence[str] | None:
        """What is wrong after the command has run again (`thorough`: and again); None if that is not known."""
        return self.recovered.get(True, self.recovered.get(thorough))

    def went_on(self, thorough: bool) -> bool:
        """Whether it is known that nothing is wrong, neither at once nor later."""
        return self.after(thorough) == () and not self.readers_view

    @cached_property
    def readers_view(self) -> Sequence[str]:
        return self._judge.readers_view(self._top)

    @cached_property
    def orderly(self) -> Sequence[str]:
        return self._judge.orderly(self._top)

    @cached_property
    def finished(self) -> Sequence[str]:
        return self._judge.finished(self._top)

    @cached_property
    def leftovers(self) -> Sequence[str]:
        return leftovers(self._top)

    @cached_property
    def untouched(self) -> bool:
        return self._judge.untouched(self._top)
