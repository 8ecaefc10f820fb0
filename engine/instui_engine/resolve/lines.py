"""A list of requirements, one a line, each of which stands for itself: what `install-many` is given.

Comments, continued lines, paths and hashes are those of requirement files. Options are none of a line: they belong on
the command line. A line that cannot be read fails alone.
"""

import os
from collections.abc import Callable

from instui_engine.errors import InstuiError, UsageError, printable
from instui_engine.values import NamedTuple

from .inputs import one_line
from .locations import shortened
from .requirement_lines import decoded, logical_lines
from .requirement_text import read_requirement, split_hashes
from .requirements import Requirement
from .streams import read_input

_SHOWN = 60  # characters of a line in a message


class Line(NamedTuple):
    """A line of the list. `position` counts the lines that ask for something, from 0; `number` is that in the file."""

    position: int
    number: int
    requirement: Requirement


class FailedLine(NamedTuple):
    """A line that came to nothing. `name` is the distribution that it asks for, "" if it cannot be read."""

    number: int
    text: str
    name: str
    error: InstuiError


class List(NamedTuple):
    """A list as it was read: its lines, those that could not be read, and the number of both."""

    lines: tuple[Line, ...]
    failed: tuple[FailedLine, ...]
    total: int


def read_list(file: str, limit: int, cancelled: Callable[[], bool]) -> List:
    """The first `limit` lines of `file` that ask for something; all of them if that is 0.

    Raises UsageError for a file that cannot be read or asks for nothing, Interrupted when `cancelled()`.
    """
    shown = printable(file)
    try:
        data, directory = read_input(file, cancelled)
    except OSError as error:
        raise UsageError(f"cannot read the list {shown}: {error.strerror}") from error
    lines: list[Line] = []
    failed: list[FailedLine] = []
    count = 0
    for line in logical_lines(decoded(data, shown), shown):
        try:
            lines.append(Line(count, line.number, _read(line.text, (os.path.abspath(directory), ""))))
        except UsageError as error:
            failed.append(FailedLine(line.number, one_line(line.text, _SHOWN), "", error))
        count += 1
        if count == limit:
            break
    if not count:
        raise UsageError(f"{shown} asks for nothing: write a requirement or the path of a wheel on each line")
    return List(tuple(lines), tuple(failed), count)


def _read(text: str, directories: tuple[str, ...]) -> Requirement:
    if text.startswith("-"):
        raise UsageError(f"{shortened(text)} is an option; give it to the command")
    text, hashes = split_hashes(text, "")
    requirement = read_requirement(text, directories, hashes)
    if requirement.is_source:
        raise UsageError(f"{shortened(text)} has to be built, which a list cannot ask for; give it to `instui install`")
    return requirement
