"""Reading the two files of an overwrite, to be looked at: no symbolic link is followed, and only so much is read.

Paths come from a journal, which is only a file: they may point anywhere, and what lies there may be anything.
"""

import errno
import os
import stat
from collections.abc import Callable
from hashlib import sha256

from instui.tui.rows.difference import Content

MOST = 256 * 1024  # bytes of a text that is shown
_PIECE = 1 << 20


def read(top: str, path: str, stopped: Callable[[], bool] = lambda: False) -> Content:
    """The file at `path`, which is relative to `top`. Never raises; returns early with what it has when `stopped()`."""
    try:
        descriptor = _open(top, path.split("/"))
    except (FileNotFoundError, NotADirectoryError):
        return Content(why="is not there")
    except ValueError:
        return Content(why="is no path below the environment")
    except OSError as error:
        link = error.errno == errno.ELOOP
        return Content(why="is a symbolic link, which is not followed" if link else f"cannot be read: {error.strerror}")
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return Content(why="is no regular file")
        return _look(descriptor, stopped)
    except OSError as error:
        return Content(why=f"cannot be read: {error.strerror}")
    finally:
        os.close(descriptor)


def _open(top: str, names: list[str]) -> int:
    """A descriptor of the file. Raises ValueError for a path that leads elsewhere, and OSError."""
    if any(name in ("", ".", "..") for name in names):
        raise ValueError(names)
    flags = os.O_RDONLY | os.O_CLOEXEC
    directory = os.open(top, flags | os.O_DIRECTORY)
    try:
        for name in names[:-1]:
            below = os.open(name, flags | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
            os.close(directory)
            directory = below
        # a symbolic link would be ELOOP; of a named pipe nobody waits for the other end
        return os.open(names[-1], flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    finally:
        os.close(directory)


def _look(descriptor: int, stopped: Callable[[], bool]) -> Content:
    digest, size, start = sha256(), 0, b""
    while not stopped() and (piece := os.read(descriptor, _PIECE)):
        digest.update(piece)
        size += len(piece)
        if len(start) <= MOST:
            start += piece
    found = Content(size, digest.hexdigest())
    if size > MOST:
        return found._replace(why=f"is larger than {MOST // 1024} KiB")
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError:
        return found._replace(why="is no text")
    return found._replace(why="is no text") if "\0" in text else found._replace(text=text)
