"""A program that runs one command, and ends what that has started when it is told to, or when its own parent is gone.

It is run by path, isolated and without `site`, so it imports nothing of this package. It leads a session and a process
group of its own. Its arguments: the pid of its parent, and the command. What it ends, and when:

- SIGTERM, or its parent is gone: everything, daemons included, as nobody waits for their work any more. After SIGTERM
  the command first has some seconds to end by itself.
- The command has ended by itself, well or not: what is left in this session. What has made a session of its own is a
  daemon, such as a compiler cache or a build server. It lives, as after a build by pip or uv: others may use it by now.

On Linux it is the parent of every descendant that has lost its own one (a subreaper). So it only ever kills its own
children, and their children become its own by that: the pid of a child cannot be another process's before the child is
reaped, which nobody does but this program. Elsewhere the process group is all that ends.
"""

import os
import signal
import sys
import time
from contextlib import suppress

_INTERVAL = 0.1  # seconds between two checks that the parent is there
_PATIENCE = 3.0  # seconds that the command has to end after SIGTERM
_LONGEST = 10.0  # seconds after which what cannot be killed is left alone
_PR_SET_CHILD_SUBREAPER = 36  # <sys/prctl.h>
_HEARD = (signal.SIGCHLD, signal.SIGTERM)


def _main(parent: int, command: list[str]) -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    _adopt_orphans()
    # these are for the command, which may take its time
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)}
    child = os.fork()
    if not child:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
        try:
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, f"error: cannot run {command[0]}: {error.strerror}\n".encode(errors="replace"))
        os._exit(127)
    code, until = None, 0.0  # the time when its patience ends, 0.0 as long as it was not told to end
    while (code := _reaped(child)) is None and (not until or time.monotonic() < until):
        if os.getppid() != parent:
            _kill_all(everyone=True)
            os.killpg(0, signal.SIGKILL)
        if _was_told(_INTERVAL) and not until:
            until = time.monotonic() + _PATIENCE
            os.killpg(0, signal.SIGTERM)
    _kill_all(everyone=bool(until))
    return 128 + signal.SIGTERM if code is None else code if code >= 0 else 128 - code


def _adopt_orphans() -> None:
    """Become the parent of all descendants that lose theirs, where the system can do that."""
    if sys.platform == "linux":
        with suppress(ImportError, OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reaped(child: int) -> int | None:
    """Reap all children that have ended; the exit code of `child` if it is one of them."""
    code = None
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            if found[0] == child:
                code = os.waitstatus_to_exitcode(found[1])
    return code


def _was_told(seconds: float) -> bool:
    """Wait until a child ends, or for so many seconds; return whether there was a SIGTERM."""
    if hasattr(signal, "sigtimedwait"):
        heard = signal.sigtimedwait(_HEARD, seconds)
        return heard is not None and heard.si_signo == signal.SIGTERM
    time.sleep(seconds)
    return signal.SIGTERM in signal.sigpending()


def _kill_all(everyone: bool) -> None:
    """Kill all descendants, or only those of this session, generation by generation."""
    until = time.monotonic() + _LONGEST
    while time.monotonic() < until:
        _reaped(0)
        doomed = [pid for pid, session in _children() if everyone or session == os.getpid()]
        if not doomed:
            return
        for pid in doomed:
            with suppress(OSError):  # it is another user's
                os.kill(pid, signal.SIGKILL)
        _was_told(0.01)


def _children() -> list[tuple[int, int]]:
    """The children of this process, each with its session."""
    found = []
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in filter(str.isdigit, names):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # behind the name, which may have any bytes in it: state, parent, group, session
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(fields[1]) == os.getpid():
            found.append((int(name), int(fields[3])))
    return found


if __name__ == "__main__":
    os._exit(_main(int(sys.argv[1]), sys.argv[2:]))
