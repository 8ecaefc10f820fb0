"""When files were made, and how far apart two changes must be to get different timestamps."""

import errno
import os
import struct
import time

# Nanoseconds. The system's clock for files ticks every 1-10 ms; some file systems count seconds, or pairs of them.
_TICK, _COARSE_TICK = 100_000_000, 2_100_000_000

# of statx(2) on Linux
_AT_FDCWD, _STATX_BTIME, _STATX_SIZE, _BTIME_OFFSET = -100, 0x800, 256, 80


def is_settled(changed: int) -> bool:
    """Whether whatever is changed from now on gets another time than `changed` (mtime or ctime, in nanoseconds)."""
    return time.time_ns() - changed > (_TICK if changed % 1_000_000_000 else _COARSE_TICK)


def made_at(path: str) -> int:
    """When the file or directory at `path` was made, in nanoseconds. Raises OSError where that is not known."""
    import ctypes

    try:
        ask = ctypes.CDLL(None, use_errno=True).statx  # os.stat does not tell it on Linux
    except AttributeError as error:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), path) from error
    found = ctypes.create_string_buffer(_STATX_SIZE)
    if ask(_AT_FDCWD, os.fsencode(path), 0, _STATX_BTIME, found) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    (mask,) = struct.unpack_from("=I", found)
    if not mask & _STATX_BTIME:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), path)
    seconds, nanoseconds = struct.unpack_from("=qI", found, _BTIME_OFFSET)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
