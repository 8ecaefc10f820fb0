"""A disk of its own in a file, whose writes the kernel slows down to a rate (blkio throttling of cgroup v1)."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

_RATES = Path("/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device")  # of the root group: the kernel's own writes, too
_BYTES = 256 << 20  # of the file, which is sparse


class SlowDisk:
    """A mounted file system at `place`."""

    def __init__(self, place: Path, device: str) -> None:
        self.place = place
        self._device = device

    @contextmanager
    def throttled(self, rate: int) -> Iterator[None]:
        """For the time of the block at most `rate` bytes are written in a second. What was written before is on it."""
        os.sync()
        _limit(self._device, rate)
        try:
            yield
        finally:
            _limit(self._device, 0)


def _limit(device: str, rate: int) -> None:
    number = os.stat(device).st_rdev
    _RATES.write_text(f"{os.major(number)}:{os.minor(number)} {rate}\n")


@contextmanager
def slow_disk(place: Path) -> Iterator[SlowDisk]:
    """A new disk, mounted below `place`. It skips the test where the kernel refuses one."""
    if not _RATES.exists():
        pytest.skip("the kernel throttles no disk here: no blkio controller of cgroup v1")
    image, top = place / "disk.img", place / "disk"
    with image.open("wb") as file:
        file.truncate(_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    top.mkdir()
    with ExitStack() as undo:
        device = _run("losetup", "--find", "--show", str(image)).strip()
        undo.callback(subprocess.run, ["losetup", "--detach", device], check=True)
        _run("mount", device, str(top))
        undo.callback(subprocess.run, ["umount", str(top)], check=True)
        try:
            _limit(device, 0)
        except OSError as error:
            pytest.skip(f"the kernel throttles no disk here: {error}")
        yield SlowDisk(top, device)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the kernel refuses a disk in a file here: {done.stderr.strip()}")
    return done.stdout
