"""Names of lock files: the claimed path itself as far as possible, and never `..` or a subdirectory."""

import os
from hashlib import sha256

from instui_engine.fs.paths import TOP

TURNSTILE = "%environment"  # the turnstile before the environment's lock, see `environment`
_TOP_FILE = "%top"


def file_name(path: str) -> str:
    """The lock file's name for a claimed path: the path if it fits into 255 bytes, else a hash."""
    if path == TOP:
        return _TOP_FILE
    name = path.replace("%", "%25").replace("/", "%2F")
    if len(_encoded(name)) <= 200:
        return name
    return f"%sha256-{sha256(_encoded(path)).hexdigest()}"


def path_of(name: str) -> str:
    """The path that a lock file stands for; the file's own name if that is a hash or the turnstile."""
    if name == _TOP_FILE:
        return TOP
    if name.startswith("%") and not name.startswith("%25"):
        return name
    return name.replace("%2F", "/").replace("%25", "%")


def _encoded(path: str) -> bytes:
    """The bytes of a path; some bytes even for a path that no file system has, as a damaged journal may contain one."""
    try:
        return os.fsencode(path)
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogatepass")
