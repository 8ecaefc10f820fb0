"""This program, as a command that starts it once more."""

import os
import sys
from contextlib import suppress


def again() -> list[str]:
    """A command line that starts the program that this process runs; its arguments follow.

    `python -m` looks for modules in the working directory first, where anything may lie. If this process did not find
    the program there, the new one does not look there either.
    """
    with suppress(OSError):
        if sys.path[0] in ("", os.getcwd()):
            return [sys.executable, "-m", "instui"]
    return [sys.executable, "-P", "-m", "instui"]
