"""The contents of an overwritten file. No symbolic link is followed, and the text of a large file is not kept.

The paths come from a journal, which is only a file: they may lead anywhere, and anything may be there.
"""

import errno
import os
from collections.abc import Callable

from instui_engine.fs.files import PIECE, open_regular

from .difference import FileContent

MOST = 256 * 1024  # the most bytes of a text that is shown


def read_content(top: str, path: str, stopped: Callable[[], bool] = lambda: False) -> FileContent:
    """The content at `path`, relative to `top`. Never raises; once `stopped()`, returns the part read so far."""
    try:
        descriptor = _open(top, path.split("/"))
    except (FileNotFoundError, NotADirectoryError):
        return FileContent(why="is not there")
    except ValueError:
        return FileContent(why="is no path below the environment")
    except OSError as error:
        if error.errno == errno.EINVAL:
            return FileContent(why="is no regular file")
        if error.errno == errno.ELOOP:
            return FileContent(why="is a symbolic link, which is not followed")
        return FileContent(why=f"cannot be read: {error.strerror}")
    try:
        return _read(descriptor, stopped)
    except OSError as error:
        return FileContent(why=f"cannot be read: {error.strerror}")
    finally:
        os.close(descriptor)


def _open(top: str, names: list[str]) -> int:
    """A descriptor of the regular file. Raises ValueError for a path out of `top`, and OSError like `open_regular`.

    No component may be a symbolic link: that gives ELOOP.
    """
    if any(name in ("", ".", "..") for name in names):
        raise ValueError(names)
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
    directory = os.open(top, flags)
    try:
        for name in names[:-1]:
            below = os.open(name, flags | os.O_NOFOLLOW, dir_fd=directory)
            os.close(directory)
            directory = below
        return open_regular(names[-1], dir_fd=directory, follow=False)
    finally:
        os.close(directory)


def _read(descriptor: int, stopped: Callable[[], bool]) -> FileContent:
    """The size, the digest and, if it is text and not too large, the text; read in one go, as the file may change."""
    from hashlib import sha256  # only here: it loads OpenSSL, and few look at a file

    digest, size, start = sha256(), 0, b""
    while not stopped() and (piece := os.read(descriptor, PIECE)):
        digest.update(piece)
        size += len(piece)
        if len(start) <= MOST:
            start += piece
    found = FileContent(size, digest.hexdigest())
    if size > MOST:
        return found._replace(why=f"is larger than {MOST // 1024} KiB")
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError:
        return found._replace(why="is no text")
    return found._replace(why="is no text") if "\0" in text else found._replace(text=text)
