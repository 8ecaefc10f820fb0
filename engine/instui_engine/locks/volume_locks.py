"""Claims of an environment with volumes: other environments may have the same volumes, and know nothing of its claims.

Two containers that mount one directory as their site-packages have a `.instui` each, so their lock files exclude
nobody. What they have in common is the volume's own directory. So a session locks that, with flock, in addition to its
claims: for all of its wheels together, as such environments are rare and their commits short. Claims come first, then
volumes in the order of devices and inodes, which is the same in all environments, so sessions cannot wait in a circle.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

from instui_engine.errors import printable
from instui_engine.fs.flock import LocksMissingError, take_exclusive, try_lock
from instui_engine.target.volumes import Volumes

from .claims import Claims
from .coarse import CoarseLock
from .protocol import ClaimLocks, OnClaimWait

_REST = 0.02  # seconds for which volumes are left to others, who wait in the kernel


class VolumeLocks:
    """The claims of `files`, and all `volumes`. See `ClaimLocks`."""

    def __init__(self, files: ClaimLocks, volumes: Volumes, timeout: float) -> None:
        """`timeout` is in seconds, for the wait for one volume."""
        self.files = files
        self._volumes = volumes
        self._timeout = timeout
        self._together = CoarseLock(_REST)
        self._held: list[int] = []

    def acquire(self, claims: Claims, on_wait: OnClaimWait, cancelled: Callable[[], bool]) -> list[int]:
        """Take every claim, and the volumes unless another wheel of this session has them."""
        held = self.files.acquire(claims, on_wait, cancelled)
        try:
            self._together.enter(lambda: self._take(on_wait, cancelled))
        except BaseException:
            self.files.release(held)
            raise
        return held

    def release(self, held: list[int]) -> None:
        """Release the claims; the last wheel releases the volumes."""
        self._together.leave(self._let_go)
        self.files.release(held)

    def _take(self, on_wait: OnClaimWait, cancelled: Callable[[], bool]) -> None:
        try:
            for volume, descriptor in self._opened():
                self._held.append(descriptor)
                with suppress(LocksMissingError):  # then nobody has locks there
                    if not try_lock(descriptor, shared=False):
                        self._wait(self._held.pop(), volume, on_wait, cancelled)
                        self._held.append(descriptor)
        except BaseException:
            self._let_go()
            raise

    def _wait(self, descriptor: int, volume: str, on_wait: OnClaimWait, cancelled: Callable[[], bool]) -> None:
        """Wait for a volume. If it raises, the descriptor is closed."""
        from .holders import holders_of
        from .wait import LockWait

        place = self._volumes.place(volume)
        LockWait(
            f"the volume {printable(volume)}, which another environment has, too",
            volume,
            self._timeout,
            holders=lambda: holders_of(place),
            on_wait=lambda holders: on_wait(volume, "X", list(holders)),
            cancelled=cancelled,
        ).take(descriptor, take_exclusive)

    def _opened(self) -> Iterator[tuple[str, int]]:
        """The volumes and descriptors of them, in the order in which they are locked. A mounted file has no lock."""
        found = []
        for volume in self._volumes:
            with suppress(OSError):
                status = os.stat(self._volumes.place(volume))
                found.append((status.st_dev, status.st_ino, volume))
        for _, _, volume in sorted(found):
            with suppress(NotADirectoryError):
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
                yield volume, os.open(self._volumes.place(volume), flags)

    def _let_go(self) -> None:
        while self._held:
            os.close(self._held.pop())
