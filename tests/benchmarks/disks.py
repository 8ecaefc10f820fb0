"""The disks that are measured: the one of the work directory, and a new ext4 with a journal in a file on it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.measure import Skip, prepare

Name = Literal["own", "journal"]
_LARGEST, _SPARE = 40e9, 2e9  # bytes of the file, which is sparse; bytes that stay free beside it
_SMALLEST = 1e9


@dataclass(frozen=True, slots=True)
class Disk:
    """A directory on a disk."""

    name: Name
    place: Path

    @property
    def description(self) -> str:
        """The file system, and what holds it."""
        kind, source, number = _mounted(self.place)
        if kind == "ext4":
            kind += " with a journal" if _has_journal(source) else " without a journal"
        where = "in a file of the work directory's disk" if self.name == "journal" else source or number
        return f"{kind}, {where}"


def _mounted(place: Path) -> tuple[str, str, str]:
    """Type and source of the file system, and its device number."""
    device = os.stat(place).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown file system", "", number
    for line in lines:
        left, _, right = line.partition(" - ")
        if left.split()[2] == number:
            kind, source = right.split()[:2]
            return kind, source, number
    return "unknown file system", "", number


def _has_journal(source: str) -> bool:
    """Whether ext4 keeps a journal on that device: the kernel lists its journals."""
    name = Path(source).resolve().name
    return any(path.name.startswith(f"{name}-") for path in Path("/proc/fs/jbd2").glob("*"))


@contextmanager
def disk(name: Name, work: Path) -> Iterator[Disk]:
    """A disk with an empty directory. Raises Skip where it cannot be had."""
    place = work / f"runs-{name}"
    if name == "own":
        place.mkdir()
        yield Disk(name, place)
        return
    if os.geteuid() != 0:
        raise Skip("needs root, to mount a file system")
    if missing := [tool for tool in ("mkfs.ext4", "mount", "umount") if shutil.which(tool) is None]:
        raise Skip(f"needs {', '.join(missing)} (Debian: e2fsprogs, mount)")
    image = work / "journal.img"
    size = min(_LARGEST, shutil.disk_usage(work).free - _SPARE)
    if size < _SMALLEST:
        raise Skip(f"needs {(_SMALLEST + _SPARE) / 1e9:.0f} GB on the disk")
    place.mkdir()
    try:
        with image.open("wb") as file:
            file.truncate(int(size))
        # many small files: an inode for each 8 KB
        prepare("make a file system", ["mkfs.ext4", "-q", "-F", "-i", "8192", str(image)], os.environ)
        # the kernel would go on writing empty inode tables while others are timed
        prepare("mount it", ["mount", "-o", "loop,noinit_itable", str(image), str(place)], os.environ)
        try:
            yield Disk(name, place)
        finally:
            subprocess.run(["umount", str(place)], check=True)
    finally:
        image.unlink()
        place.rmdir()
