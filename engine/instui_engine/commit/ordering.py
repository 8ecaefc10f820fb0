"""The order in which the changes of one transaction reach the disks, where it touches several file systems.

Within one file system a power cut keeps the order of renames; between two it does not. So whatever must be on the disk
earlier is synced before the next step: the old `.dist-info` has to be gone first, the new one comes last, and the
record stays until all of it is there. Mounts of one device need no more than any directory.
"""

import os
from pathlib import Path

from instui_engine.fs.durability import sync_filesystem
from instui_engine.fs.paths import join
from instui_engine.target.environment import PRIVATE, Environment

from .steps import Steps
from .transaction import Step, Transaction, volumes_of


class Ordering:
    """The syncs of one transaction."""

    def __init__(self, environment: Environment, transaction: Transaction, fsync: bool, steps: Steps) -> None:
        """Without `fsync`, or if the transaction stays on the file system of the top, nothing is ever synced."""
        self._environment = environment
        self._steps = steps
        self._first = transaction.replaces
        self._last = transaction.info
        self._has_begun = False
        volumes = volumes_of(transaction) if fsync and environment.volumes else ()
        self._top = self._device("") if volumes else 0
        self._devices = {self._device(volume): volume for volume in volumes}
        self._devices.pop(self._top, None)

    def before(self, step: Step) -> None:
        """Sync what must be on the disk before `step`. Raises OSError."""
        if not self._devices:
            return
        if step.action == "place" and step.path == self._last:
            self._sync(but=self._device(self._environment.volumes.of(self._last)))
        elif self._first and step.path != self._first and not self._has_begun:
            self._has_begun = True
            self._sync(only=self._device(self._environment.volumes.of(self._first)))

    def finish(self) -> None:
        """Sync what must be on the disk before the record goes. Raises OSError."""
        if self._devices:
            self._sync(but=self._top)

    def _sync(self, but: int = -1, only: int = -1) -> None:
        for device, volume in (*self._devices.items(), (self._top, "")):
            if device != but and only in (-1, device):
                with self._steps.measure("sync"):
                    sync_filesystem(self._place(volume))

    def _device(self, volume: str) -> int:
        return os.stat(self._place(volume)).st_dev

    def _place(self, volume: str) -> Path:
        return self._environment.top / join(volume, PRIVATE)
