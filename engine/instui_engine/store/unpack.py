"""The unpacking of one wheel into a directory of its own: checks, files, manifest.

It knows nothing of sessions, locks and journals, so a helper process can do it (`unpack_helper`).
"""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from instui_engine.errors import CACHE, BadWheelError, InstuiError, Interrupted, printable, reason, remedy
from instui_engine.fs.files import set_mode, set_times
from instui_engine.fs.rmtree import remove_tree
from instui_engine.values import NamedTuple
from instui_engine.wheel import inflaters
from instui_engine.wheel.archive import DEFLATED, Archive, open_archive
from instui_engine.wheel.extract import Extracted, extract
from instui_engine.wheel.manifest import Manifest, build, dump
from instui_engine.wheel.record import Row

from .entry import UNSEALED
from .examine import Examined, examine


class Job(NamedTuple):
    """One wheel to unpack: the file at `wheel`, which messages call `filename`, into the empty `directory`.

    `allow_record`: see `Options`. `unsynced`: see `Manifest`.
    """

    wheel: str
    filename: str
    directory: str
    allow_record: tuple[str, ...]
    unsynced: str


class Progress(NamedTuple):
    """The progress of an unpack: `started(files, bytes)` is called first, then `advanced(bytes, files so far)`."""

    started: Callable[[int, int], None]
    advanced: Callable[[int, int], None]


def unpack(job: Job, progress: Progress, cancelled: Callable[[], bool]) -> Manifest:
    """Check and unpack a wheel file, and write its manifest beside the files.

    Raises BadWheelError if the wheel is malformed, InstuiError if the disk fails, and Interrupted when `cancelled()`;
    the caller then removes the directory.
    """
    try:
        return _unpack(job, progress, cancelled)
    except OSError as error:
        raise InstuiError(
            f"cannot unpack {printable(job.filename)} into the cache ({reason(error, job.directory)}); "
            f"{remedy(error, CACHE)}"
        ) from error


def _unpack(job: Job, progress: Progress, cancelled: Callable[[], bool]) -> Manifest:
    directory = Path(job.directory)
    files = directory / "files"
    files.mkdir()
    now = int(time.time()) * 1_000_000_000
    sealed = now if set_times(files, now, now) else None
    space = os.statvfs(directory)
    room = space.f_bavail * space.f_frsize
    with open_archive(Path(job.wheel), room, job.filename, str(directory.parent)) as archive:
        progress.started(len(archive.members), sum(member.size for member in archive.members))
        (metadata, rows, flaws), extracted = _read(archive, job, files, _Advance(progress, cancelled), sealed)
    # read back, as the file system may round it
    seal = UNSEALED if sealed is None else (files / extracted[0].path).stat().st_mtime_ns
    shebangs = _shebangs(files, metadata.data_dir, [file.path for file in extracted])
    written = {file.path: file.size for file in extracted}
    rows = {file.path: Row(file.algorithm, file.digest, file.size) for file in extracted}
    manifest = build(metadata, rows, written, shebangs, seal, job.unsynced, flaws)
    (directory / "manifest").write_bytes(dump(manifest))
    set_mode(directory / "manifest", 0o644)  # several users may share a cache, whatever the umask of the first
    set_mode(files, 0o755)
    set_mode(directory, 0o755)
    return manifest


class _Advance:
    """The sum of what was written, which `progress` is told as long as it grows."""

    def __init__(self, progress: Progress, cancelled: Callable[[], bool]) -> None:
        self._progress = progress
        self._cancelled = cancelled
        self._bytes = self._files = self._told = 0

    def add(self, size: int, files: int) -> None:
        """So much was written. Raises Interrupted."""
        self._bytes += size
        self._files += files
        if self._bytes >= self._told:
            self._told = self._bytes
            self._progress.advanced(self._bytes, self._files)
        if self._cancelled():
            raise Interrupted("interrupted while unpacking")

    def begin_again(self) -> None:
        """Nothing of it is left."""
        self._bytes = self._files = 0


def _read(
    archive: Archive, job: Job, files: Path, advance: _Advance, sealed: int | None
) -> tuple[Examined, list[Extracted]]:
    """Check the archive and write its files, by the fastest inflater. What that refuses is begun again by zlib.

    So which wheels are refused, and by which words, does not depend on what is installed. That costs a wheel that is
    refused twice the time, and no other.
    """

    def read_by(inflater: inflaters.Inflater) -> tuple[Examined, list[Extracted]]:
        read = archive.by(inflater)
        examined = examine(read, job.filename, job.allow_record)
        return examined, extract(read, files, examined.rows, advance.add, sealed)

    if any(member.method == DEFLATED for member in archive.members) and (isal := inflaters.isal()):
        try:
            return read_by(isal)
        except BadWheelError:
            remove_tree(files)
            files.mkdir()
            advance.begin_again()
    return read_by(inflaters.ZLIB)


def _shebangs(files: Path, data_dir: str, paths: Iterable[str]) -> list[str]:
    """The wheel's scripts (relative to the scheme) whose first line must be rewritten (binary distribution format)."""
    prefix = f"{data_dir}/scripts/"
    found = []
    for path in paths:
        if data_dir and path.startswith(prefix):
            with open(files / path, "rb") as file:
                if file.read(8) == b"#!python":
                    found.append(path.removeprefix(prefix))
    return found
