"""The unpacking of one wheel into a directory of its own: checks, files, manifest.

It knows nothing of sessions, locks and journals, so a helper process can do it (`unpack_helper`).
"""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from instui_engine.errors import CACHE, InstuiError, Interrupted, printable, reason, remedy
from instui_engine.fs.files import set_mode, set_times
from instui_engine.values import NamedTuple
from instui_engine.wheel.archive import open_archive
from instui_engine.wheel.extract import extract
from instui_engine.wheel.manifest import Manifest, build, dump

from .entry import UNSEALED
from .examine import examine


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
    done = complete = 0

    def advanced(size: int, number: int) -> None:
        nonlocal done, complete
        done, complete = done + size, complete + number
        progress.advanced(done, complete)
        if cancelled():
            raise Interrupted("interrupted while unpacking")

    files.mkdir()
    now = int(time.time()) * 1_000_000_000
    sealed = now if set_times(files, now, now) else None
    space = os.statvfs(directory)
    room = space.f_bavail * space.f_frsize
    with open_archive(Path(job.wheel), room, job.filename, str(directory.parent)) as archive:
        progress.started(len(archive.members), sum(member.size for member in archive.members))
        metadata, rows, flaws = examine(archive, job.filename, job.allow_record)
        extracted = extract(archive, files, rows, advanced, sealed)
    # read back, as the file system may round it
    seal = UNSEALED if sealed is None else (files / next(iter(extracted))).stat().st_mtime_ns
    shebangs = _shebangs(files, metadata.data_dir, extracted)
    sizes = {path: row.size or 0 for path, row in extracted.items()}
    manifest = build(metadata, extracted, sizes, shebangs, seal, job.unsynced, flaws)
    (directory / "manifest").write_bytes(dump(manifest))
    set_mode(directory / "manifest", 0o644)  # several users may share a cache, whatever the umask of the first
    set_mode(files, 0o755)
    set_mode(directory, 0o755)
    return manifest


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
