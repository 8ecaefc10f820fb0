"""What new directories take over from the one they are made in: its group, if it is setgid, and its default ACL.

What is made elsewhere and renamed into place gets it from where it was made. So that place is made alike first.
"""

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

_DEFAULT_ACL = "system.posix_acl_default"


def inherit(source: Path, directory: Path) -> None:
    """Let what is made in `directory` inherit what it would in `source`, or in the nearest parent of that which exists.

    A group to which this user does not belong, and an ACL that the file system does not keep, are left out.
    """
    while not source.is_dir() and source != source.parent:
        source = source.parent
    with suppress(OSError):
        status = os.stat(source)
        if status.st_mode & stat.S_ISGID:
            os.chown(directory, -1, status.st_gid)
            os.chmod(directory, stat.S_IMODE(os.stat(directory).st_mode) | stat.S_ISGID)
    if sys.platform == "linux":
        with suppress(OSError):
            os.setxattr(directory, _DEFAULT_ACL, os.getxattr(source, _DEFAULT_ACL))
