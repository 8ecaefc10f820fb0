"""The file that gets the output of a build: of a very long one the beginning and the end."""

import os

from instui_engine.fs.files import write_all

_HEAD = 2 << 20  # bytes at the beginning that stay
_TAIL = 2 << 20  # bytes at the end that stay, at least
_LEFT_OUT = b"\n[... a part of the output is left out here ...]\n"


class Log:
    """Keeps what is written to `descriptor`, -1 for none. The caller closes that."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = 0

    def write(self, data: bytes) -> None:
        """Write more. With a disk that is full, the log ends there: the build may succeed all the same."""
        if self._descriptor < 0:
            return
        try:
            write_all(self._descriptor, data)
            self._size += len(data)
            if self._size > _HEAD + 2 * _TAIL:
                self._shorten()
        except OSError:
            self._descriptor = -1

    def _shorten(self) -> None:
        last = os.pread(self._descriptor, _TAIL, self._size - _TAIL)
        os.ftruncate(self._descriptor, _HEAD)
        os.lseek(self._descriptor, _HEAD, os.SEEK_SET)
        write_all(self._descriptor, _LEFT_OUT + last)
        self._size = _HEAD + len(_LEFT_OUT) + len(last)
