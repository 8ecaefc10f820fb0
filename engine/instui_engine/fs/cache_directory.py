"""The default location of the cache: below the user's home, or else below the directory for temporary files.

A container may run under any user id: without a home, without an entry among the users, or with a home that it cannot
write to. The cache then lies in the directory for temporary files. There anybody could have made a directory of that
name, with unpacked wheels of their own in it. So it is used only if it is ours alone.
"""

import os
import stat
import sys
from pathlib import Path

from instui_engine.errors import InstuiError, printable, reason

_NAME = "instui"
_REMEDY = "name another place with --cache-dir or INSTUI_CACHE_DIR"


def default_cache() -> Path:
    """The directory for this program's cache on this system. Raises InstuiError if there is no place for one."""
    return user_cache(_NAME) or _temporary()


def user_cache(program: str) -> Path | None:
    """The cache of that program below the user's home, which may still be missing; None if it can never be made."""
    cache = _customary(program)
    home = os.path.expanduser("~")
    if not os.path.isabs(cache) or (cache.startswith(home) and not os.path.isdir(home)):
        return None
    return Path(cache) if _can_be_made(cache) else None


def _customary(program: str) -> str:
    """Where the cache of a program lies by the customs of the system; "" or relative if there is no home."""
    if sys.platform == "linux":  # as platformdirs decides it, without its import
        named = os.environ.get("XDG_CACHE_HOME", "")
        return f"{named if os.path.isabs(named) else os.path.expanduser('~/.cache')}/{program}"
    from platformdirs import user_cache_dir

    try:
        return user_cache_dir(program)
    except (RuntimeError, KeyError):  # no HOME, and no entry among the users
        return ""


def _can_be_made(cache: str) -> bool:
    """Whether the directory is there and can be read, or can be made."""
    if os.path.isdir(cache):
        return os.access(cache, os.R_OK | os.X_OK)
    above = os.path.dirname(cache)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    return not os.path.lexists(cache) and os.path.isdir(above) and os.access(above, os.W_OK | os.X_OK)


def _temporary() -> Path:
    """A directory of our own below the one for temporary files. It is made here, so that nobody else makes it."""
    cache = f"{_temporary_place()}/{_NAME}-cache-{os.getuid()}"
    try:
        os.mkdir(cache, 0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise InstuiError(
            f"there is no home directory for the cache, and none for now: {reason(error)}; {_REMEDY}"
        ) from error
    status = os.lstat(cache)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise InstuiError(
            f"{printable(cache)}, the cache of a user without a home directory, is not a directory of this user alone; "
            f"remove it, or {_REMEDY}"
        )
    return Path(cache)


def _temporary_place() -> str:
    """TMPDIR or the system's own. Unlike `tempfile`, never the working directory, where a cache would surprise."""
    for place in (os.environ.get("TMPDIR", ""), "/tmp", "/var/tmp"):  # noqa: S108 - its owner is checked
        if os.path.isabs(place) and os.access(place, os.W_OK | os.X_OK) and os.path.isdir(place):
            return place
    raise InstuiError(f"there is no directory for the cache: no home, and none for temporary files; {_REMEDY}")
