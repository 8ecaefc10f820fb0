"""Another program at a lock: it knows nothing of instui, and holds a flock or waits for it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCKER = """
import fcntl, os, sys
place = sys.argv[1]
file = os.open(place, os.O_RDONLY if os.path.isdir(place) else os.O_RDWR | os.O_CREAT)
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
input()
"""


@contextmanager
def foreign(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that takes, or waits for, the exclusive lock on a file, or a directory."""
    command = [sys.executable, "-c", _LOCKER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def holding(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that has the exclusive lock on a file, or a directory."""
    with foreign(path) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
