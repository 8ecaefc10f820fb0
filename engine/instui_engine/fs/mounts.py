"""Mounts: in which one a file lies, the type of its file system, and the device by which the kernel knows it.

stat(2) does not tell the device: on btrfs each subvolume has a number of its own, and on overlayfs a file may show the
numbers of its layer. The mount of an open descriptor is exact, and /proc/locks names a file by the device of its mount
and by the inode that fdinfo shows. Only Linux tells any of this.
"""

import os
import sys
from typing import NamedTuple

MOUNTS = "/proc/self/mountinfo"
_DESCRIPTORS = "/proc/self/fdinfo"


class Place(NamedTuple):
    """Where a file lies. What the system does not tell is taken from `status`; then `kind` is ""."""

    device: int
    inode: int
    kind: str  # the type of the file system, as in /proc/filesystems
    status: os.stat_result


class Mounts:
    """The mounts that this process sees, at one moment."""

    def __init__(self) -> None:
        try:
            with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
                self._text = f"\n{file.read()}"
        except OSError:
            self._text = ""

    def locate(self, path: str | os.PathLike[str]) -> Place:
        """Where the file or directory at `path` lies. It is neither read nor waited for. Raises OSError."""
        flags = os.O_PATH if sys.platform == "linux" else os.O_RDONLY | os.O_NONBLOCK
        descriptor = os.open(path, flags | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            shown = _shown(descriptor)
        finally:
            os.close(descriptor)
        device, kind = self._mount(shown.get("mnt_id", 0)) or (status.st_dev, "")
        return Place(device, shown.get("ino", status.st_ino), kind, status)

    def _mount(self, identity: int) -> tuple[int, str] | None:
        """Device and type of the file system that is mounted there; None where the mount is not to be seen."""
        # "36 35 98:0 /root /mount/point rw shared:1 - ext3 /dev/root rw"
        _, found, rest = self._text.partition(f"\n{identity} ")
        if not found:
            return None
        line = rest.partition("\n")[0]
        major, _, minor = line.split(maxsplit=2)[1].partition(":")
        return os.makedev(int(major), int(minor)), line.partition(" - ")[2].partition(" ")[0]


def _shown(descriptor: int) -> dict[str, int]:
    """What the system shows of an open descriptor, as far as it is decimal numbers: `mnt_id`, and `ino` since 5.14."""
    try:
        with open(f"{_DESCRIPTORS}/{descriptor}", encoding="ascii", errors="replace") as file:
            pairs = [line.split() for line in file]
    except OSError:
        return {}
    return {pair[0].rstrip(":"): int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}
