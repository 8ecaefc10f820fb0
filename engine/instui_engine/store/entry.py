"""An entry of the store: an unpacked wheel, and the seal that shows a change to its files."""

import os
import stat

from instui_engine.values import NamedTuple
from instui_engine.wheel.manifest import Manifest

UNSEALED = -1
"""The seal of an entry whose file system cannot set an mtime: no file of it is trusted but by its hash."""


class Entry(NamedTuple):
    """An unpacked wheel. `files` is the directory with its files, as in the archive.

    `compiled`: byte code lies beside its modules, and its manifest lists that, too (room `bytecode`).
    """

    sha256: str
    files: str
    manifest: Manifest
    compiled: bool = False


def is_sealed(status: os.stat_result, sealed: int) -> bool:
    """Whether a file of an entry is as it was unpacked. `sealed` is the mtime from then; any write changes it."""
    return status.st_mtime_ns == sealed and stat.S_ISREG(status.st_mode)


def unsealed(entry: Entry) -> Entry:
    """The same entry, of which no file is trusted but by its hash."""
    return entry._replace(manifest=entry.manifest._replace(sealed=UNSEALED))
