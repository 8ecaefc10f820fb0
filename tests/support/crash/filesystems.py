"""Real file systems for tests: ext4 in a file that can lose its power, overlayfs, tmpfs with limits, bind mounts.

They need root. Where mounting is not possible the test that asks is skipped, with what `mount` said.
"""

import errno
import fcntl
import os
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.needs import require

_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
_LOG_FLUSH, _NO_LOG_FLUSH = 1, 2
_MOST_LINKS = 65000  # of one file on ext4
_SMALLEST_BTRFS = 120 << 20  # bytes
_PATIENCE = 10.0  # seconds for somebody to let go of a file system


class Mounts:
    """What one test has mounted below `place`; all of it is unmounted in the end."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._mounted: list[Path] = []

    def mount(self, target: Path, *arguments: object) -> Path:
        """`mount WORDS target`; a directory is made if nothing is there. Skips the test where that is not allowed."""
        require("root")
        if not target.exists():
            target.mkdir(parents=True)
        done = subprocess.run(
            ["mount", *map(str, arguments), target], capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"cannot mount here: {' '.join(done.stderr.split())[:200]}")
        self._mounted.append(target)
        return target

    def unmount(self, target: Path) -> None:
        """Waits for who still has a file open there."""
        end = time.monotonic() + _PATIENCE
        while subprocess.run(["umount", target], capture_output=True, timeout=60, check=False).returncode != 0:
            assert time.monotonic() < end, f"{target} stays busy"
            time.sleep(0.02)
        self._mounted.remove(target)

    def tmpfs(self, name: str, **limits: object) -> Path:
        """`limits`: options of tmpfs, `size` and `nr_inodes`."""
        options = ",".join(f"{key}={value}" for key, value in limits.items())
        return self.mount(self._place / name, "-t", "tmpfs", *(["-o", options] if options else []), "tmpfs")

    def overlay(self, name: str, lower: Path, upper: Path, options: str = "redirect_dir=off") -> Path:
        """`lower` with changes that go to `upper`, a new directory. Its directories cannot be renamed, as in images."""
        for directory in (upper / "changes", upper / "work"):
            directory.mkdir(parents=True)
        layers = f"lowerdir={lower},upperdir={upper / 'changes'},workdir={upper / 'work'},{options}"
        return self.mount(self._place / name, "-t", "overlay", "-o", layers, "overlay")

    def btrfs(self, name: str) -> Path:
        """A new btrfs. Skips the test where there are no tools for it, or the kernel does not know it."""
        require("root", "mkfs.btrfs")
        image = self._place / f"{name}.img"
        with image.open("wb") as file:
            file.truncate(_SMALLEST_BTRFS)
        subprocess.run(["mkfs.btrfs", "-q", image], check=True, capture_output=True, timeout=60)
        return self.mount(self._place / name, "-t", "btrfs", "-o", "loop", image)

    def bind(self, source: Path, target: Path) -> Path:
        """What is at `source` is also at `target`, as a mount of its own: a rename from one to the other is EXDEV."""
        return self.mount(target, "--bind", source)

    def remount(self, target: Path, options: str) -> None:
        """Change the options of what is mounted at `target` while files are open there."""
        subprocess.run(["mount", "-o", f"remount,{options}", target], check=True, capture_output=True, timeout=60)

    def disk(self, name: str, size: str = "48M", options: str = "") -> "Disk":
        """A new ext4, mounted."""
        require("root", "mkfs.ext4")
        image = self._place / f"{name}.img"
        with image.open("wb") as file:
            file.truncate(int(size.removesuffix("M")) << 20)
        subprocess.run(["mkfs.ext4", "-q", image], check=True, capture_output=True, timeout=60)
        disk = Disk(self, image, self._place / name, options)
        disk.mount()
        return disk

    def close(self) -> None:
        """Unmount everything, whoever still uses it."""
        while self._mounted:
            subprocess.run(["umount", "-l", self._mounted.pop()], capture_output=True, timeout=60, check=False)


class Disk:
    """An ext4 in a file; always mounted at the same place `top`, which launchers contain."""

    def __init__(self, mounts: Mounts, image: Path, top: Path, options: str = "") -> None:
        self._mounts = mounts
        self.image = image
        self.top = top
        self._options = f"loop,{options}" if options else "loop"

    def mount(self) -> None:
        """Mount it, with the replay of the journal that it may need."""
        self._mounts.mount(self.top, "-o", self._options, self.image)

    def unmount(self) -> None:
        self._mounts.unmount(self.top)

    def cut(self, *, log: bool) -> None:
        """The power goes: nothing that is not on the disk by now will ever get there.

        `log`: but for what the file system's journal has of names and sizes until now, without the content that
        belongs to them. That is the harder case: all renames are there, and the files may be empty.
        """
        directory = os.open(self.top, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(directory, _SHUTDOWN, struct.pack("I", _LOG_FLUSH if log else _NO_LOG_FLUSH))
        finally:
            os.close(directory)

    def turn_read_only(self) -> None:
        """What the kernel does after an error with `errors=remount-ro`, whoever writes there."""
        (device,) = (line.split()[0] for line in _mounted() if line.split()[1] == str(self.top))
        trigger = Path("/sys/fs/ext4", Path(device).name, "trigger_fs_error")
        if not trigger.exists():
            pytest.skip("this kernel cannot be asked for an error of ext4")
        trigger.write_text("a test")

    def restart(self) -> None:
        """The power comes back."""
        self.unmount()
        self.mount()

    def save(self, image: Path) -> None:
        """Keep what is on the disk now as `image`. It is mounted again afterwards."""
        self.unmount()
        _copy(self.image, image)
        self.mount()

    def load(self, image: Path) -> None:
        """Replace what is on the disk by what `save` has kept."""
        self.unmount()
        _copy(image, self.image)
        self.mount()


def _mounted() -> list[str]:
    return Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", source, target], check=True, timeout=60)


def link_until_refused(path: Path, place: Path) -> None:
    """Make all links to the file `path` that it can have, in the new directory `place`."""
    place.mkdir()
    with pytest.raises(OSError) as failure:
        for number in range(_MOST_LINKS + 1):
            os.link(path, place / str(number))
    assert failure.value.errno == errno.EMLINK


@contextmanager
def mounting(place: Path) -> Iterator[Mounts]:
    """Mounts below `place` that are gone afterwards."""
    mounts = Mounts(place)
    try:
        yield mounts
    finally:
        mounts.close()
