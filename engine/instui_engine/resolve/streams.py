"""Input files that the user names: requirement files, constraints, lock files.

Any of them may be a stream: `-`, /dev/stdin, the pipe of a shell's `<(...)`, a FIFO. A stream can be read only once, is
in no directory, and may never begin or never end. So reading can be cancelled, and has a limit.
"""

import os
import re
import select
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress

from instui_engine.errors import Interrupted, UsageError, printable
from instui_engine.fs.files import PIECE
from instui_engine.fs.given import absolute
from instui_engine.values import NamedTuple

_DESCRIPTOR = re.compile(r"-|/dev/stdin|(?:/dev|/proc/self)/fd/([0-9]{1,9})")
_NAMED = re.compile(rf"(?:-[rc]|--[a-z]+=)?(?:{_DESCRIPTOR.pattern})")
LONGEST = 64 << 20  # bytes; /dev/zero has no end
_POLL = 100  # milliseconds between two checks of `cancelled` while a stream is silent


class Input(NamedTuple):
    """What was read. Relative paths in it start from `directory`; "" is the working directory."""

    data: bytes
    directory: str


def read_input(file: str, cancelled: Callable[[], bool]) -> Input:
    """Read `file` to its end. A caller that needs the text twice must keep it.

    Raises OSError, UsageError for something that is not a path or does not end, and Interrupted as soon as
    `cancelled()`.
    """
    number = descriptor_of(file)
    if number is None:
        descriptor = os.open(absolute(file), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    else:
        descriptor = os.dup(number)  # opening /dev/stdin again is refused if it is a socket, or another user's
    try:
        is_stream = number is not None or not stat.S_ISREG(os.fstat(descriptor).st_mode)
        data = _read(descriptor, file, cancelled)
    finally:
        os.close(descriptor)
    return Input(data, "" if is_stream else os.path.dirname(os.path.expanduser(file)))


def _read(descriptor: int, file: str, cancelled: Callable[[], bool]) -> bytes:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    data = bytearray()
    while True:
        ready = poller.poll(_POLL)
        if cancelled():
            raise Interrupted(f"interrupted while reading {printable(file)}")
        if not ready:
            continue
        piece = os.read(descriptor, PIECE)
        if not piece:
            return bytes(data)
        data += piece
        if len(data) > LONGEST:
            raise UsageError(f"{printable(file)} has more than {LONGEST >> 20} MiB; that is no list of requirements")


def descriptor_of(file: str) -> int | None:
    """The open descriptor that `file` stands for; None for a path."""
    match = _DESCRIPTOR.fullmatch(file)
    return int(match[1] or 0) if match else None


def reads_stdin(files: Iterable[str]) -> bool:
    """Whether one of the input `files` is the standard input."""
    return any(descriptor_of(file) == 0 for file in files)


def inherited(arguments: Iterable[str]) -> tuple[int, ...]:
    """The open descriptors, beyond the standard ones, that a command line names as input."""
    found = set()
    for argument in arguments:
        match = _NAMED.fullmatch(argument)
        if match and int(match[1] or 0) > 2:
            with suppress(OSError, OverflowError):
                os.fstat(int(match[1]))
                found.add(int(match[1]))
    return tuple(sorted(found))
