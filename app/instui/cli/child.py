"""An install in a process of its own, for the full screen: it outlives the screen that shows it.

The child is this program again, in a session of its own (setsid), without a terminal and ignoring hang-ups. Its journal
says what it does; requests go to it over its control socket or, if there is none, as signals.
"""

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from instui.cli.forked import Forked, possible
from instui.program import again
from instui.requests import Requests
from instui_engine.errors import InstuiError
from instui_engine.fs.memory import unnamed_file
from instui_engine.redaction import redacted
from instui_engine.resolve.streams import inherited

if TYPE_CHECKING:
    from instui.monitor.reader import Tail

FLAG = "--child"  # a hidden flag: run detached, as the session of that id
PRIVATE_JOURNAL_FLAG = "--child-journal"  # another: a dry run, which writes no journal but into this file
WHOLE_FLAG = "--child-arguments"  # another: the command line is in the file with this descriptor
NO_SOCKET = "it could make no control socket; give it a short path with XDG_RUNTIME_DIR"
_INTERRUPTED = "KeyboardInterrupt"  # the last line of its traceback


class Child(Requests):
    """A running install that this process started; the `Controller` of the screens."""

    badge = "LIVE"
    owns_install = True
    can_control = True
    read_only = ""

    def __init__(
        self,
        arguments: Sequence[str],
        identity: str,
        journal: Path,
        may_be_left: bool = True,
        reads_stdin: bool = False,
    ) -> None:
        """`arguments` is the command line, starting with the command; the child's session will write to `journal`."""
        super().__init__()
        self.journal = journal
        self.may_be_left = may_be_left
        self.ending = False
        self._aborted = False
        self._writes_nothing = PRIVATE_JOURNAL_FLAG in arguments
        self._errors: IO[bytes] = open(unnamed_file(), "r+b", buffering=0)  # noqa: SIM115 - `close` closes it
        command = [arguments[0], FLAG, identity]
        shown = [redacted(argument) for argument in arguments[1:]]
        has_secrets = shown != list(arguments[1:])
        descriptors = inherited(arguments)
        self._process: subprocess.Popen[bytes] | Forked
        if possible() and not has_secrets:
            self._process = Forked([*command, *shown], self._errors.fileno(), descriptors, reads_stdin)
            return
        with ExitStack() as stack:
            if has_secrets:
                import json

                from instui_engine.fs.memory import memory_file

                # everybody can see the arguments of a process, so those with passwords go into a file in memory
                descriptors = (*descriptors, stack.enter_context(memory_file(json.dumps(list(arguments)))))
                command += [WHOLE_FLAG, str(descriptors[-1])]
            self._process = subprocess.Popen(
                [*again(), *command, *shown],
                stdin=None if reads_stdin else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,
                pass_fds=descriptors,
            )

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def source(self) -> "Tail":
        """A reader of the child's journal, which ends when the child does."""
        from instui.monitor.reader import Tail

        return Tail(self.journal, dead=lambda: not self.alive())

    def abort(self) -> None:
        """Ask it to undo what is in hand, and stop. The second call kills it, as it may hang where it cannot listen."""
        if self._aborted:
            with suppress(OSError):
                self._process.kill()
        else:
            self._aborted = True
            super().abort()

    def terminate(self, number: int) -> None:
        """Pass on a signal that asked this program to end. The child counts these, as it would on a terminal."""
        self.ending = True
        with suppress(OSError):
            self._process.send_signal(number)

    def alive(self) -> bool:
        """Whether the install still runs."""
        return self._process.poll() is None

    def ends_within(self, seconds: float) -> bool:
        """Wait for the child's end, at most so long; whether it has ended."""
        if not hasattr(os, "pidfd_open"):  # not Linux, or a Python that was built for old ones
            until = time.monotonic() + seconds
            while self.alive() and time.monotonic() < until:
                time.sleep(0.01)
            return not self.alive()
        # `Popen.wait` with a timeout looks only every 50 ms, and a fast install would wait for that.
        if self._process.poll() is None:
            descriptor = os.pidfd_open(self._process.pid)
            try:
                select.select([descriptor], [], [], seconds)
            finally:
                os.close(descriptor)
        return not self.alive()

    def began(self) -> bool:
        """Whether its session has begun: what is wrong with the command line has been found before."""
        return self._control_path() is not None

    def exit_code(self) -> int | None:
        """The child's exit code, None while it runs; as in a shell, 128 plus the signal if it was killed."""
        code = self._process.poll()
        if code == 1 and self._last_line() == _INTERRUPTED:
            return 130
        return code if code is None or code >= 0 else 128 - code

    def wait(self) -> int:
        """Wait for the child to end; return its exit code."""
        self._process.wait()
        return self.exit_code() or 0

    def error(self) -> str:
        """Why the child failed, in one line; "" while it runs, and if it did not fail."""
        code = self._process.poll()
        if not code:
            return ""
        last = self._last_line()
        if last.startswith("instui: "):
            return last.removeprefix("instui: ")
        if code == -signal.SIGINT or last == _INTERRUPTED:  # before it could handle signals
            return "interrupted"
        if code == -signal.SIGTERM:
            return "terminated"
        why = f"was killed ({_signal_name(-code)})" if code < 0 else f"failed ({last or f'exit code {code}'})"
        return f"the process that installs {why}; what is listed as installed is whole; run the same command again"

    def remarks(self) -> list[str]:
        """What the child has said besides why it failed."""
        said = [line.removeprefix("instui: ") for line in self._lines() if line.startswith("instui: ")]
        return [line for line in said if line != self.error()]

    def _last_line(self) -> str:
        return next((line.strip() for line in reversed(self._lines()) if line.strip()), "")

    def _lines(self) -> list[str]:
        descriptor = self._errors.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace").splitlines()

    def _ask(self, request: str) -> None:
        """Send `request` in a thread of its own, as the child may take up to two seconds to answer."""
        path = self._control_path()
        if self._writes_nothing:
            self._ask_without_socket(request, "it is a dry run, which commits nothing")
        elif path:
            threading.Thread(target=self._send, args=(path, request), name="control", daemon=True).start()
        else:
            self._ask_without_socket(request, "the install is only beginning" if path is None else NO_SOCKET)

    def _send(self, path: str, request: str) -> None:
        from instui_engine.session.control import send

        try:
            self._remark = send(path, request) or self._remark
        except InstuiError as error:
            self._ask_without_socket(request, str(error))

    def _ask_without_socket(self, request: str, why: str) -> None:
        """Send `request` as a signal, which can ask the child to stop. Only the socket can ask it to pause."""
        if request in ("cancel", "abort"):
            with suppress(OSError):
                self._process.send_signal(signal.SIGINT)
        else:
            self._refuse(request, why)

    def _control_path(self) -> str | None:
        """The path of the child's control socket; "" if it could make none, None if it has not said so yet."""
        from instui.monitor.reader import decoded
        from instui_engine.journal.events import SessionStarted

        with suppress(OSError), self.journal.open(encoding="utf-8", errors="replace") as lines:
            for _, event in decoded([lines.readline()]):
                if isinstance(event, SessionStarted):
                    return event.control
        return None

    def close(self) -> None:
        """Release the child, which may continue to run."""
        self._errors.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
