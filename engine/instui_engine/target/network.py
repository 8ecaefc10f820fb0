"""Whether an environment lies on a network file system, where flock may exclude nobody on other machines."""

import os
from pathlib import Path

BACKEND = "INSTUI_LOCK_BACKEND"  # "soft" or "flock": the user knows better
SOFT_LOCK = "environment.lock"  # in `.instui`; what is used then
MOUNTS = "/proc/self/mountinfo"
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
    """The network file system on which `top` lies; "" for a local one, and where the system does not tell.

    By the device number in the table of mounts, as Python has no statfs(2) that gives the type.
    """
    try:
        device = os.stat(top).st_dev
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            return _NAMES.get(type_of(file.read(), device), "")
    except OSError:
        return ""


def type_of(mounts: str, device: int) -> str:
    """The type of the file system with that device number, in the text of /proc/self/mountinfo; "" for none."""
    wanted = f" {os.major(device)}:{os.minor(device)} "
    for line in mounts.splitlines():
        # "36 35 98:0 /root /mount/point rw shared:1 - ext3 /dev/root rw"
        if wanted in line[:40] and line.split(maxsplit=3)[2] == wanted.strip():
            return line.partition(" - ")[2].partition(" ")[0]
    return ""


def soft_reason(top: Path) -> str:
    """Why the claims of the environment at `top` are not to be flocks; "" when they are."""
    chosen = os.environ.get(BACKEND, "")
    if chosen == "flock":
        return ""
    name = network_name(top)
    if name:
        return f"the environment lies on a network file system ({name}), where file locks may end at this machine"
    return f"{BACKEND}=soft" if chosen == "soft" else ""
