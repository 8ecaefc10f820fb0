"""What is left of an entry of the store that was made without a sync, when the system has been started anew since."""

import os
from base64 import urlsafe_b64encode
from contextlib import suppress
from hashlib import file_digest
from typing import TYPE_CHECKING

from instui_engine.stage.linker import is_sealed
from instui_engine.wheel.manifest import Manifest, dump
from instui_engine.wheel.record import parse

if TYPE_CHECKING:
    from .store import Entry


def settle(entry: "Entry") -> "Entry | None":
    """The entry if all its files are whole, after reading them all, and as a synced one from now on; else None.

    What is read after a boot is what the disk has, so there is nothing left to sync.
    """
    if not _whole(entry):
        return None
    manifest = entry.manifest._replace(unsynced="")
    with suppress(OSError):  # a cache that one cannot write to: read again the next time
        _replace(os.path.dirname(entry.files), manifest)
    return entry._replace(manifest=manifest)


def _whole(entry: "Entry") -> bool:
    manifest = entry.manifest
    rows = parse(manifest.record, manifest.name) | manifest.data_files()
    for path, row in rows.items():
        try:
            with open(f"{entry.files}/{path}", "rb") as file:
                if not is_sealed(os.fstat(file.fileno()), manifest.sealed):
                    return False
                digest = file_digest(file, row.algorithm).digest()
        except OSError:
            return False
        if urlsafe_b64encode(digest).rstrip(b"=").decode() != row.digest:
            return False
    return True


def _replace(directory: str, manifest: Manifest) -> None:
    """Put another manifest into the entry that lies at `directory` now, which may be taken away meanwhile."""
    place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        name = f"manifest.{os.getpid()}"
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666, dir_fd=place)
        try:
            os.write(descriptor, dump(manifest))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(name, "manifest", src_dir_fd=place, dst_dir_fd=place)
    finally:
        os.close(place)
