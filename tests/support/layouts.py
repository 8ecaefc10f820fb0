"""Recorded environments: a `--target` directory as a killed session left it, to be settled by later versions.

    python tests/support/layouts.py DIRECTORY ARCHIVE

A write-ahead record knows files by inode and mtime in nanoseconds, which no archive keeps. So the archive has a list of
them, and `restore` puts the inodes of the restored files into the record.
"""

import json
import os
import sys
import tarfile
from pathlib import Path

LIST = "recorded.json"


def record(top: Path, archive: Path) -> None:
    """Write all below `top` into `archive`, hard links among them kept."""
    found = {}
    with tarfile.open(archive, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(top.rglob("*")):
            status = path.lstat()
            found[path.relative_to(top).as_posix()] = (status.st_ino, status.st_mtime_ns)
            tar.add(path, path.relative_to(top).as_posix(), recursive=False)
        listing = top.parent / LIST
        listing.write_text(json.dumps(found))
        tar.add(listing, LIST)
    listing.unlink()


def restore(archive: Path, top: Path) -> None:
    """Unpack `archive` into the new directory `top`, as if it had been left there."""
    top.mkdir()
    with tarfile.open(archive) as tar:
        tar.extractall(top, filter="tar")
    found: dict[str, tuple[int, int]] = json.loads((top / LIST).read_text())
    (top / LIST).unlink()
    inodes = {inode: (top / path).lstat().st_ino for path, (inode, _) in found.items()}
    for place in (top / ".instui" / "records").glob("*.json"):
        fields = json.loads(place.read_text())
        for step in fields["steps"]:
            for fingerprint in filter(None, step[4:]):
                fingerprint[0] = inodes.get(fingerprint[0], -1)
        place.write_text(json.dumps(fields))
    for path, (_, mtime) in sorted(found.items(), reverse=True):  # a directory after what is in it
        os.utime(top / path, ns=(mtime, mtime), follow_symlinks=False)


if __name__ == "__main__":
    record(Path(sys.argv[1]), Path(sys.argv[2]))
