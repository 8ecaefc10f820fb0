"""Network file systems, on which flock may not exclude processes on other machines."""

import os
from pathlib import Path

from instui_engine.errors import UsageError, printable
from instui_engine.fs.mounts import Mounts

BACKEND = "INSTUI_LOCK_BACKEND"  # "soft" or "flock": the user's choice
SOFT_LOCK = "environment.lock"  # in `.instui`; used instead of flock
_NAMES = {
    "nfs": "NFS",
    "nfs4": "NFS",
    "cifs": "SMB",
    "smb3": "SMB",
    "smbfs": "SMB",
    "lustre": "Lustre",
    "gpfs": "GPFS",
}


def network_name(top: Path) -> str:
    """The type of the network file system that `top` is on; "" if it is local, or unknown."""
    try:
        return _NAMES.get(Mounts().locate(top).kind, "")  # Python has no statfs(2) that gives the type
    except OSError:
        return ""


def chosen_backend() -> str:
    """The kind of locks that the user has chosen; "" for none. Raises UsageError if there is no such kind."""
    chosen = os.environ.get(BACKEND, "")
    if chosen not in ("", "soft", "flock"):
        raise UsageError(f"{BACKEND} must be soft or flock, not {printable(chosen)!r}")
    return chosen


def soft_reason(top: Path) -> str:
    """Why the claims of the environment at `top` must not be flocks; "" if they may. Raises UsageError."""
    chosen = chosen_backend()
    if chosen == "flock":
        return ""
    name = network_name(top)
    if name:
        return f"the environment lies on a network file system ({name}), where file locks may end at this machine"
    return f"{BACKEND}=soft" if chosen == "soft" else ""
