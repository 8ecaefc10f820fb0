"""The version of `.instui`'s layout, and the rules for two versions of this program in one environment.

    <top>/.instui/layout    the number of the layout; there is no such file for layout 1

The layout is how claims become lock files and how write-ahead records are written. Versions that differ in it would not
see each other's locks, so only one layout is in use at a time:

* A session checks the number when it begins, and again under the claims of each commit and each recovery. It continues
  only if the number is its own; an older version refuses an environment of a newer layout in one line.
* A newer version raises the number. It first takes the older layout's claim on the whole environment, so no older
  session is in a commit; one that is still running finds the new number at its next commit, and stops there.
* What older sessions left unsettled is settled by the newer version, which reads the records of all earlier formats.

Layout 1 had a lock file for each claimed path, named like it. Layout 2 has the lock files of `names`, and that of the
top is the same. When layout 2 is entered, the other lock files of layout 1 are removed: nobody is in a commit then, and
whoever still opens one of them, or makes it anew, finds the new number under its claims and stops. The number is not
synced. An empty one, which a power cut may leave, counts as none: after it nobody is left in a commit either.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from instui_engine.errors import TargetError, printable, reason
from instui_engine.fs.files import read_regular, write_all
from instui_engine.fs.paths import TOP

from .claims import Claims
from .names import is_lock_name
from .protocol import ClaimLocks, OnClaimWait

LAYOUT = 2
WHOLE = Claims((TOP,), ())
"""The claim that excludes all other claims of an environment, in every layout so far: by the lock file `%top`, or by
the one soft lock."""


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
        _remove_old(private / "locks")
    finally:
        locks.release(held)


def _read(private: Path) -> int:
    try:
        text = read_regular(private / "layout").decode("ascii", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return 1
    except OSError as error:
        raise TargetError(f"cannot read the layout of the environment ({reason(error)})") from error
    if not text.strip("\0"):
        return 1
    if not text.isascii() or not text.isdigit():
        raise TargetError(f"{printable(str(private / 'layout'))} does not say which layout the environment has")
    return int(text[:9])


def _write(private: Path) -> None:
    """Write the number, such that no reader finds half of it."""
    new = private / f"layout.{os.getpid()}"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        try:
            write_all(descriptor, f"{LAYOUT}\n".encode("ascii"))
        finally:
            os.close(descriptor)
        os.rename(new, private / "layout")
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise


def _remove_old(locks: Path) -> None:
    """Remove the lock files that only layout 1 has."""
    with suppress(OSError):
        for name in os.listdir(locks):
            if not is_lock_name(name):
                (locks / name).unlink()
