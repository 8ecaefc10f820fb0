"""This program: since when it runs, which processes run it, and a command that starts it once more."""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path


def again() -> list[str]:
    """A command line that starts the program that this process runs; its arguments follow.

    `python -m` looks for modules in the working directory first, where anything may lie. If this process did not find
    the program there, the new one does not look there either.
    """
    with suppress(OSError):
        if sys.path[0] in ("", os.getcwd()):
            return [sys.executable, "-m", "instui"]
    return [sys.executable, "-P", "-m", "instui"]


def adding(name: str) -> str:
    """A command that installs a distribution beside this program, however that was installed itself."""
    import shlex

    return f"instui install --python {shlex.quote(sys.executable)} {name}"


def is_run_by(command: Sequence[str]) -> bool:
    """Whether a command line starts this program: by its own name, or as a script or a module of Python."""
    name, *words = [os.path.basename(command[0]), *command[1:]] if command else [""]
    if not name.startswith(("python", "pypy")):
        return name == "instui"
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            return os.path.basename(word) == "instui"
        if word.startswith(("-W", "-X")):
            if len(word) == 2:  # its value follows
                next(rest, None)
        elif word.endswith("m") and not word.startswith("--"):
            return next(rest, "") == "instui"
        elif word.endswith("c") and not word.startswith("--"):
            return False
    return False


@cache
def began() -> float:
    """CLOCK_MONOTONIC when this process was started, to a hundredth of a second; 0.0 if the system does not say.

    A copy of this process (`cli.forked`) has the answer of the original if that has asked before.
    """
    with suppress(OSError, ValueError, IndexError, AttributeError):
        fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # seconds since the boot, see proc(5)
        return time.monotonic() - (time.clock_gettime(time.CLOCK_BOOTTIME) - started)
    return 0.0
