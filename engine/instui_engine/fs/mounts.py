"""Mounts: which one a file is on, the type of its file system, and the device by which the kernel knows it.

/proc/locks names a file by the device of its mount and by its inode. stat(2) shows another device on btrfs, where each
subvolume has its own, and on an overlay of two file systems, where each layer has its own. The mount of an open
descriptor is exact. Only Linux has this information.
"""

import os
import re
import sys

from instui_engine.values import NamedTuple

MOUNTS = "/proc/self/mountinfo"
_DESCRIPTORS = "/proc/self/fdinfo"


class Place(NamedTuple):
    """The place of a file. If the system does not name the mount, `device` is that of `status`, and `kind` is ""."""

    device: int
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
        """The place of the file or directory at `path`, found without reading or blocking. Raises OSError."""
        flags = os.O_PATH if sys.platform == "linux" else os.O_RDONLY | os.O_NONBLOCK
        descriptor = os.open(path, flags | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            device, kind = self._mount(_mount_id(descriptor)) or (status.st_dev, "")
        finally:
            os.close(descriptor)
        return Place(device, kind, status)

    def _mount(self, identity: int) -> tuple[int, str] | None:
        """Device and type of the file system mounted there; None if the mount is not visible."""
        # "36 35 98:0 /root /mount/point rw shared:1 - ext3 /dev/root rw"
        _, found, rest = self._text.partition(f"\n{identity} ")
        if not found:
            return None
        line = rest.partition("\n")[0]
        major, _, minor = line.split(maxsplit=2)[1].partition(":")
        return os.makedev(int(major), int(minor)), line.partition(" - ")[2].partition(" ")[0]


def mount_points_below(directory: str) -> list[str]:
    """The mount points below `directory`, a path without links, that can be seen there; [] if the system names none."""
    try:
        with open(MOUNTS, "rb") as file:
            text = file.read()
    except OSError:
        return []
    start = os.fsencode(directory).rstrip(b"/") + b"/"
    escaped = re.sub(rb"[ \t\n\\]", lambda match: b"\\%03o" % match[0][0], start)
    if b" " + escaped not in text:  # as nearly everywhere
        return []
    found = []
    for line in text.splitlines():
        identity, _, _, _, point = line.split(b" ", 5)[:5]
        path = re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), point)
        if path.startswith(start) and path != start and _is_mounted(path, int(identity)):
            found.append(os.fsdecode(path))
    return found


def _is_mounted(path: bytes, identity: int) -> bool:
    """Whether that mount is at `path`, and not hidden by a later one at or above it."""
    try:
        descriptor = os.open(path, getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return _mount_id(descriptor) in (identity, 0)
    finally:
        os.close(descriptor)


def _mount_id(descriptor: int) -> int:
    """The number of an open descriptor's mount in the table of mounts; 0 if the system does not give it."""
    try:
        with open(f"{_DESCRIPTORS}/{descriptor}", "rb") as file:
            return next((int(line[7:]) for line in file if line.startswith(b"mnt_id:")), 0)
    except OSError:
        return 0
