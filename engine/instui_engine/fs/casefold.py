"""File systems on which `Foo` and `foo` are the same file: detection, and one spelling for all names of a file.

ext4, XFS and others can be set up like that, and macOS is by default. Most of these also treat the composed and the
decomposed form of a letter as the same. Where names are folded, claims, conflicts and clashes are found on folded
paths.
"""

import os
import unicodedata
from contextlib import suppress
from pathlib import Path


def fold(path: str) -> str:
    """The common form of all spellings of a path: case folded, letters decomposed."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def folds(top: Path, private: Path, writable: bool) -> bool:
    """Whether the file system of the environment at `top` folds names.

    If it is `writable`, a file is made in its `private` directory and looked up by another spelling. Otherwise this is
    done with a file that every virtual environment has.
    """
    if not writable:
        return _is_one(top / "pyvenv.cfg", top / "PYVENV.CFG")
    _clear(private)
    probe = private / f"probe-{os.getpid()}-a"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError:
        return False
    try:
        return _is_one(probe, probe.with_name(probe.name.upper()))
    finally:
        with suppress(OSError):
            probe.unlink()


def _clear(private: Path) -> None:
    """Remove the probe files of processes that were killed before they could remove them."""
    with suppress(OSError):
        for name in os.listdir(private):
            pid = name.removeprefix("probe-").removesuffix("-a")
            if name.startswith("probe-") and pid.isdigit():
                try:
                    os.kill(int(pid), 0)
                except ProcessLookupError:
                    (private / name).unlink(missing_ok=True)
                except (OSError, OverflowError):
                    continue


def _is_one(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
