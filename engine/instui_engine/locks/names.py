"""How the lock file of a claimed path is called; readable as far as it goes, and never a name that means something."""

import os
from hashlib import sha256

from instui_engine.fs.paths import TOP

GATE = "%environment"  # the turnstile before the environment's lock, see `environmentlock`
_TOP_FILE = "%top"


def file_name(path: str) -> str:
    """The lock file's name for a claimed path: the path where it fits into 255 bytes, else a hash."""
    if path == TOP:
        return _TOP_FILE
    name = path.replace("%", "%25").replace("/", "%2F")
    if len(os.fsencode(name)) <= 200:
        return name
    return f"%sha256-{sha256(os.fsencode(path)).hexdigest()}"


def path_of(name: str) -> str:
    """The path that a lock file stands for; what cannot be told (a hash, a turnstile) as the file is called."""
    if name == _TOP_FILE:
        return TOP
    if name.startswith("%") and not name.startswith("%25"):
        return name
    return name.replace("%2F", "/").replace("%25", "%")
