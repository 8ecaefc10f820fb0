"""A copy of this process that runs another command line of this program.

A new process would have to load again what this one has loaded to know that it needs one, which takes a tenth of a warm
install. The copy keeps nothing else: no terminal, no file but those that it is given, no handler of a signal.
"""

import gc
import os
import signal
import sys
import threading
from collections.abc import Collection, Sequence
from contextlib import suppress
from io import TextIOWrapper
from traceback import print_exc

from instui.program import began

_PASSED_ON = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}


def possible() -> bool:
    """Whether this process may copy itself: another thread could hold a lock that nobody would let go in the copy."""
    return sys.platform == "linux" and threading.active_count() == 1


class Forked:
    """A running copy, with what a `subprocess.Popen` has. It is the leader of a session of its own."""

    def __init__(self, arguments: Sequence[str], errors: int, inherited: Collection[int], reads_stdin: bool) -> None:
        """`errors` is the descriptor of its stderr; it keeps the `inherited` ones, and stdin if it `reads_stdin`."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        began()  # for the copy, too
        # a signal that comes in between is handled by each in its own way
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
        self.returncode: int | None = None
        try:
            self.pid = os.fork()
        except OSError:  # no more processes are available
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            raise
        if not self.pid:
            code = 1
            try:
                _let_go(errors, inherited, reads_stdin)
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
                from .main import run

                code = run(arguments)
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else 0
            except BaseException:
                print_exc()
            finally:  # never back into what the original does
                try:
                    sys.stderr.flush()
                finally:
                    os._exit(code)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def poll(self) -> int | None:
        """The exit code, minus the signal if it was killed; None while it runs."""
        return self._reap(os.WNOHANG)

    def wait(self) -> int:
        """Wait for its end; return the exit code."""
        code = self._reap(0)
        return code if code is not None else 1

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended. Raises OSError."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it. Raises OSError."""
        self.send_signal(signal.SIGKILL)

    def _reap(self, options: int) -> int | None:
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, options)
            except ChildProcessError:  # somebody ignores the end of children, so nothing is known of it
                pid, status = self.pid, 0
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _let_go(errors: int, inherited: Collection[int], reads_stdin: bool) -> None:
    """Become a process of its own."""
    gc.freeze()  # garbage that owns a descriptor would close whatever has that number by then
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for wanted, number in ((null, 0), (null, 1), (errors, 2)):
        if number or not reads_stdin:
            os.dup2(wanted, number)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in inherited:
            with suppress(OSError):  # that of the listing
                os.close(int(name))
    if isinstance(sys.stderr, TextIOWrapper):  # it no longer is a terminal with an encoding of its own
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    for number in _PASSED_ON:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
