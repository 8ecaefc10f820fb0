"""The version of `.instui`'s layout, and the rules for two versions of this program in one environment.

    <top>/.instui/layout    the number of the layout; there is no such file for layout 1

The layout is how claims become lock files and how write-ahead records are written. Versions that differ in it would not
see each other's locks, so only one layout is in use at a time:

* A session checks the number when it begins, and again under the claims of each commit and each recovery. It continues
  only if the number is its own; an older version refuses an environment of a newer layout in one line.
* A newer version raises the number. It first takes the older layout's claim on the whole environment, so no older
  session is in a commit; one that is still running finds the new number at its next commit, and stops there.
* What older sessions left unsettled is settled by the newer version, which reads the records of all earlier formats.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from instui_engine.errors import TargetError, printable, reason
from instui_engine.fs.files import read_regular, write_all
from instui_engine.fs.paths import TOP

from .claims import Claims
from .protocol import ClaimLocks, OnClaimWait

LAYOUT = 1
WHOLE = Claims((TOP,), ())
"""The claim that excludes all other claims of an environment, in every layout so far."""


def check(private: Path, *, under_claims: bool = False) -> None:
    """Raise TargetError if the environment whose `.instui` is `private` has the layout of a newer version.

    With `under_claims`, the caller has entered this layout and holds claims in it, so any other layout is an error.
    """
    found = _read(private)
    if found > LAYOUT or (under_claims and found != LAYOUT):
        raise TargetError(
            f"{printable(str(private.parent))} is in use by a newer version of instui (layout {found}, this one has "
            f"{LAYOUT}); use that version here"
        )


def enter(
    private: Path, older: Callable[[int], ClaimLocks], on_wait: OnClaimWait, cancelled: Callable[[], bool]
) -> None:
    """Record that this layout is in use from now on. `older` makes the claim locks of an earlier layout, by number.

    Raises TargetError for a newer layout, and LockTimeoutError or Interrupted if sessions of an older one keep their
    claims.
    """
    check(private)
    found = _read(private)
    if found == LAYOUT:
        return
    locks = older(found)
    held = locks.acquire(WHOLE, on_wait, cancelled)
    try:
        check(private)  # an even newer version may have come first
        _write(private)
    finally:
        locks.release(held)


def _read(private: Path) -> int:
    try:
        text = read_regular(private / "layout").decode("ascii", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return 1
    except OSError as error:
        raise TargetError(f"cannot read the layout of the environment ({reason(error)})") from error
    if not text.isascii() or not text.isdigit():
        raise TargetError(f"{printable(str(private / 'layout'))} does not say which layout the environment has")
    return int(text[:9])


def _write(private: Path) -> None:
    """Write the number; it is on the disk before it is visible, so that no power cut leaves an empty file."""
    new = private / f"layout.{os.getpid()}"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        try:
            write_all(descriptor, f"{LAYOUT}\n".encode("ascii"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(new, private / "layout")
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise
