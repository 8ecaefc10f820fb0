"""A program that runs one command, and ends it with its process group when its own parent is gone.

It is run by path, isolated and without `site`, so it imports nothing of this package. It leads the process group in
which the command runs; whoever has started it ends that group. Its arguments: the pid of its parent, and the command.
"""

import os
import signal
import sys

_INTERVAL = 0.1  # seconds between two checks that the parent is there


def _main(parent: int, command: list[str]) -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    child = os.fork()
    if not child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        try:
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, f"error: cannot run {command[0]}: {error.strerror}\n".encode(errors="replace"))
        os._exit(127)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the command, which may take its time
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if os.getppid() != parent:
            os.killpg(0, signal.SIGKILL)
        if hasattr(signal, "sigtimedwait"):
            signal.sigtimedwait({signal.SIGCHLD}, _INTERVAL)
        else:
            import time

            time.sleep(_INTERVAL)


if __name__ == "__main__":
    os._exit(_main(int(sys.argv[1]), sys.argv[2:]))
