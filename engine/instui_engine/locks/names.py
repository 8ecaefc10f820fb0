"""Names of lock files, and of files that stand for a path.

Claimed paths share a fixed number of lock files, the *buckets*: a hash of the path decides which. Two paths that share
one by chance only make somebody wait: two wheels of different sessions with four claims each do in one case of 250.
"""

import os
import re

from instui_engine.fs.paths import TOP
from instui_engine.sha256 import sha256

ENVIRONMENT = ".lock"  # the path under which journals name the environment's lock
TURNSTILE = "%environment"  # the turnstile before the environment's lock, see `environment`
TOP_FILE = "%top"  # every wheel locks it, so it is no bucket; it has had this name in all layouts
BUCKETS = 4096  # part of the layout: whoever counts differently must not work in the same environment

_BUCKET_FILE = "%b[0-9a-f]{3}"


def bucket_of(path: str) -> int:
    """The number of the lock file for a claimed path, -1 for the top. Lock files are taken in this order."""
    if path == TOP:
        return -1
    return int.from_bytes(sha256(_encoded(path)).digest()[:4], "big") % BUCKETS


def lock_name(path: str) -> str:
    """The name of the lock file for a claimed path; no path has such a name in layout 1."""
    bucket = bucket_of(path)
    return TOP_FILE if bucket < 0 else f"%b{bucket:03x}"


def is_lock_name(name: str) -> bool:
    """Whether this layout has a lock file of that name."""
    return name in (TURNSTILE, TOP_FILE) or re.fullmatch(_BUCKET_FILE, name) is not None


def file_name(path: str) -> str:
    """A file name that stands for a path: the path itself if it fits into 255 bytes, else a hash."""
    name = path.replace("%", "%25").replace("/", "%2F")
    if len(_encoded(name)) <= 200:
        return name
    return f"%sha256-{sha256(_encoded(path)).hexdigest()}"


def _encoded(path: str) -> bytes:
    """The bytes of a path; some bytes even for a path that no file system has, as a damaged journal may contain one."""
    try:
        return os.fsencode(path)
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogatepass")
