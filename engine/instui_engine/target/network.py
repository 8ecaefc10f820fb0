"""File systems whose locks may not exclude processes on other machines."""

import os
from pathlib import Path

from instui_engine.errors import UsageError, printable
from instui_engine.fs.mounts import Mounts

BACKEND = "INSTUI_LOCK_BACKEND"  # "soft" or "flock": the user's choice
SOFT_LOCK = "environment.lock"  # in `.instui`; used instead of flock

# By type of mount. In these, flock ends at this machine, or does so unless the server or the mount is set up for it: in
# NFS (`local_lock`, or no lock daemon), SMB, Lustre (`localflock`), BeeGFS (`tuneUseGlobalFileLocks` is off), and in
# what a virtual machine shares with its host (virtiofsd has `no_flock`). Not here: file systems of a cluster on one
# block device (ocfs2, gfs2), where the lock manager makes flock exclude all nodes.
_NAMES = {
    "9p": "9P",
    "acfs": "ACFS",
    "afs": "AFS",
    "beegfs": "BeeGFS",
    "ceph": "Ceph",
    "cifs": "SMB",
    "coda": "Coda",
    "davfs": "WebDAV",
    "davfs2": "WebDAV",
    "drvfs": "a Windows drive",
    "fhgfs": "BeeGFS",
    "glusterfs": "GlusterFS",
    "gpfs": "GPFS",
    "lustre": "Lustre",
    "mmfs": "GPFS",
    "ncpfs": "NCP",
    "nfs": "NFS",
    "nfs3": "NFS",
    "nfs4": "NFS",
    "openafs": "AFS",
    "orangefs": "OrangeFS",
    "osxfs": "a folder of the host",
    "panfs": "PanFS",
    "prl_fs": "a folder of the host",
    "pvfs2": "OrangeFS",
    "smb2": "SMB",
    "smb3": "SMB",
    "smbfs": "SMB",
    "vboxsf": "a folder of the host",
    "virtiofs": "a folder of the host",
    "vmhgfs": "a folder of the host",
    "wekafs": "WekaFS",
}
# The same for mounts whose type is "fuse." with one of these names.
_FUSE_NAMES = {
    "blobfuse": "Azure Blob Storage",
    "blobfuse2": "Azure Blob Storage",
    "ceph": "Ceph",
    "ceph-fuse": "Ceph",
    "curlftpfs": "FTP",
    "davfs": "WebDAV",
    "gcsfuse": "Google Cloud Storage",
    "glusterfs": "GlusterFS",
    "goofys": "S3",
    "grpcfuse": "a folder of the host",
    "gvfsd-fuse": "GVfs",
    "juicefs": "JuiceFS",
    "JuiceFS": "JuiceFS",
    "mfs": "MooseFS",
    "moosefs": "MooseFS",
    "mfsmount": "MooseFS",
    "mount-s3": "S3",
    "osxfs": "a folder of the host",
    "prl_fsd": "a folder of the host",
    "quobyte": "Quobyte",
    "rclone": "rclone",
    "s3fs": "S3",
    "seaweedfs": "SeaweedFS",
    "smbnetfs": "SMB",
    "sshfs": "SSHFS",
    "vmhgfs-fuse": "a folder of the host",
    "weed": "SeaweedFS",
}


def network_name(top: Path) -> str:
    """The type of the network file system that `top` is on; "" if it is local, or unknown."""
    try:
        kind = Mounts().locate(top).kind  # Python has no statfs(2) that gives the type
    except OSError:
        return ""
    return _FUSE_NAMES.get(kind[5:], "") if kind.startswith("fuse.") else _NAMES.get(kind, "")


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
