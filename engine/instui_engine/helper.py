"""Helper processes: programs of this package that work for one process and end with it.

A helper is a new process (spawned, not forked), so it shares no GIL with its parent. It inherits only the descriptors
that it is given, and so none of the parent's locks. Its program is a module with a function `serve(requests, answers,
*inherited)`: two binary files that are connected to the parent, and those descriptors. The interpreter runs isolated
and without `site`, which takes half the time. What the parent can import, the program can import, too.

A helper ends with its parent, however that dies: a thread of it looks ten times a second whether it is an orphan. (The
end of a pipe shows nothing if a fork of the parent still has it.) It is in a process group of its own, so ctrl+c at the
terminal reaches only the parent, which decides what becomes of the work.

Nobody relies on a helper: if it cannot be started, or dies, the parent does the work.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

_BOOT = "import sys; sys.path += sys.argv[4:]; from instui_engine.helper import run; run(*sys.argv[1:4])"
_ORPHAN_CHECK = 0.1  # seconds


class Helper:
    """A running helper process. Whoever starts one closes it.

    `requests` and `answers` are the other ends of the program's files. They are buffered.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.requests: IO[bytes] = process.stdin
        self.answers: IO[bytes] = process.stdout
        self.pid = process.pid
        self._process = process

    def close(self) -> None:
        """Kill the process, whatever it is doing, and reap it. May be called again."""
        self._process.kill()
        self._process.wait()
        self.answers.close()
        with suppress(OSError):  # a request that was not sent
            self.requests.close()


def start(module: str, inherited: Sequence[int] = ()) -> Helper | None:
    """Start a helper that runs `serve` of `module`, with copies of the `inherited` descriptors.

    Return None if it cannot be started, for example by a program that is frozen into one file: it has no interpreter,
    and would start itself. Do that early: before there are many locks and threads, and some 15 ms before there is work,
    which is how long a helper takes to be ready.
    """
    import subprocess

    if not sys.executable or getattr(sys, "frozen", False):
        return None
    command = [sys.executable, "-I", "-S", "-X", "utf8"]  # names as here, whatever the locale
    command += ["-B"] if sys.dont_write_bytecode else []
    command += ["-c", _BOOT, str(os.getpid()), module, ",".join(map(str, inherited))]
    command += [path for path in sys.path if path.startswith("/")]
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, process_group=0, pass_fds=inherited
        )
    except OSError:  # no more processes or descriptors are available
        return None
    return Helper(process)


def run(parent: str, module: str, inherited: str) -> None:
    """Run the helper process: `serve` of `module`, until it returns or the parent is gone."""
    import _thread  # `threading` takes longer to import than a helper to start

    _thread.start_new_thread(_end_with, (int(parent),))
    serve = __import__(module, fromlist=["serve"]).serve
    serve(sys.stdin.buffer, sys.stdout.buffer, *map(int, filter(None, inherited.split(","))))
    sys.stdout.buffer.flush()
    os._exit(0)  # nothing here needs an orderly end of the interpreter


def _end_with(parent: int) -> None:
    from time import sleep

    while os.getppid() == parent:
        sleep(_ORPHAN_CHECK)
    os._exit(1)
