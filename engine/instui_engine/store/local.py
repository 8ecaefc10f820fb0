"""Notes of the sha256 of local wheel files, so that an install from a warm store need not read them.

    <cache>/local-<format>/<hash of path>    what the file was like when it was read, and its sha256

A file counts as the same while its size, inode, mtime and ctime are the same. A program that rewrites it in place can
restore the old mtime, but not the old ctime.
"""

import errno
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from instui_engine.errors import BadWheelError, printable, reason
from instui_engine.fs.files import open_regular, read_regular, write_note
from instui_engine.hashes import Demands, Digests, unmet
from instui_engine.sha256 import sha256
from instui_engine.values import NamedTuple

FORMAT = 2
DIRECTORY = f"local-{FORMAT}"  # directory of the notes, below the cache
_CHUNK = 256 << 10  # for larger pieces the kernel gives new pages each time
SETTLED = 2  # seconds after which another change is sure to get another ctime


class Digest(NamedTuple):
    """The sha256 of a file, in hex, and all `hashes` of it. `state` is what the file was like when it was read."""

    sha256: str
    hashes: frozenset[str]
    state: str


class LocalDigests:
    """The notes below a cache directory. Thread-safe; shared by any number of processes."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self._directory = os.fspath(cache / DIRECTORY)

    def noted(self, wheel: str) -> str:
        """The sha256 of a file that is unchanged since it was read; else "". Raises OSError if there is no file."""
        state = _state(os.stat(wheel))
        try:
            found, _, digest = read_regular(self._note(wheel)).decode("ascii", "replace").rpartition(" ")
        except OSError:
            return ""
        return digest if found == state else ""

    def read(self, wheel: str, demands: Demands = ()) -> Digest:
        """Compute all the hashes that `demands` are about, and note the sha256.

        Raises BadWheelError if the file cannot be read, or changes meanwhile.
        """
        name = printable(os.path.basename(wheel))
        try:
            with open(open_regular(wheel), "rb") as file:
                status = os.fstat(file.fileno())
                digests = _digests(file, demands)
                digest = Digest(digests.sha256, digests.all(), _state(status))
                self.check(wheel, digest)
        except OSError as error:
            why = "not a regular file" if error.errno == errno.EINVAL else f"cannot be read: {reason(error)}"
            raise BadWheelError(f"{name}: {why}", wheel=os.path.basename(wheel)) from error
        # a file that was written a moment ago may be written again within the same ctime
        if time.time() - status.st_ctime > SETTLED:
            with suppress(OSError):
                write_note(Path(self._note(wheel)), f"{digest.state} {digest.sha256}")
        return digest

    @staticmethod
    def check(wheel: str, digest: Digest) -> None:
        """Raise BadWheelError if `wheel` is no longer the file that has `digest`, and OSError if it is gone."""
        if _state(os.stat(wheel)) != digest.state:
            name = os.path.basename(wheel)
            problem = f"{printable(name)}: it was changed while it was read; run again when it is complete"
            raise BadWheelError(problem, wheel=name)

    def _note(self, wheel: str) -> str:
        return f"{self._directory}/{sha256(os.fsencode(wheel)).hexdigest()[:40]}"


def check_demands(filename: str, demands: Demands, digest: Digest) -> None:
    """Raise BadWheelError if a file does not meet `demands`; `digest` has the hashes that they are about."""
    wrong = unmet(demands, digest.hashes)
    if wrong is not None:
        algorithm, _, expected = min(wrong).partition(":")
        came = next(value for value in digest.hashes if value.startswith(f"{algorithm}:"))
        raise BadWheelError(
            f"{printable(filename)} is not the file that is demanded: its {algorithm} is {came.partition(':')[2]}, "
            f"not {expected}",
            wheel=filename,
        )


def _digests(file: BinaryIO, demands: Demands) -> Digests:
    digests = Digests(demands)
    while data := file.read(_CHUNK):
        digests.update(data)
    return digests


def _state(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino} {status.st_dev}"
