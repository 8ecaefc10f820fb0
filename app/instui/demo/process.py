"""Another process, which a demonstration starts to get in the session's way, and ends afterwards."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import IO

from instui_engine.session.control import Control

_POLL = 0.01  # seconds between two checks of whether it holds its lock
_GRACE = 5.0  # seconds that it has to end, after SIGTERM and after SIGKILL


class Process:
    """A real process that will hold a lock. The result of `holds` says whether it does by now.

    It has a process group of its own, since ctrl+c on a terminal is meant for the session. If the demonstration is
    killed while this process is stopped, the kernel lets it continue.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        holds: AbstractContextManager[Callable[[], bool]],
        *,
        executable: str = "",
        stop: bool = False,
    ) -> None:
        """`executable` replaces the command's first word. With `stop`, stop it once it holds, as ctrl+z does."""
        self._holds = holds
        self._stop = stop
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        self._process = subprocess.Popen(
            list(command),
            executable=executable or None,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            process_group=0,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_until_it_holds(self) -> bool:
        """Wait until it holds its lock; return False if it ended before."""
        with self._holds as holds:
            while not holds():
                if self._process.poll() is not None:
                    return False
                time.sleep(_POLL)
        if self._stop:
            self._process.send_signal(signal.SIGSTOP)
        return True

    def finish(self, seconds: float = 60.0) -> int | None:
        """Let it run to its own end; return its exit code, None if that takes longer than `seconds`."""
        self._process.send_signal(signal.SIGCONT)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """Kill it and everything that it started (SIGKILL), and wait until it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def error(self) -> str:
        """The last line that it wrote to stderr."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def close(self) -> None:
        """End it, if it has not ended."""
        for ask in (self._process.terminate, self._process.kill):
            if self._process.poll() is None:
                ask()
                self.finish(_GRACE)
        self._errors.close()


class Gate:
    """A gate before the first commit of a session, until another process holds the lock, so that a wait can be seen."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._open = False
        self._lock = threading.Lock()

    def shut(self) -> None:
        """Let nothing be committed from now on, unless the gate has been opened already."""
        with self._lock:
            self._control.paused = self._control.paused or not self._open

    def open(self) -> None:
        """Let the session continue."""
        with self._lock:
            self._open = True
            self._control.paused = False

    def open_when(self, process: Process) -> None:
        """Open the gate as soon as `process` holds its lock, or has ended without it."""

        def wait() -> None:
            try:
                process.wait_until_it_holds()
            finally:
                self.open()

        threading.Thread(target=wait, name="gate", daemon=True).start()
