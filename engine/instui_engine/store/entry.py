"""An entry of the store: an unpacked wheel whose files carry a seal, by which a change of them is seen."""

import os
import stat
from typing import NamedTuple

from instui_engine.wheel.manifest import Manifest


class Entry(NamedTuple):
    """An unpacked wheel. `files`: the directory with its files, as in the archive."""

    sha256: str
    files: str
    manifest: Manifest


def is_sealed(status: os.stat_result, sealed: int) -> bool:
    """Whether a file of an entry is as it was when the entry was made: no write leaves its mtime alone."""
    return status.st_mtime_ns == sealed and stat.S_ISREG(status.st_mode)
