"""One command of a build: run in a session of its own, its output told line by line and kept in a file.

Nothing of it goes on when it is cancelled, or when this process is killed: `supervisor` sees to that. If it ends by
itself, its session ends with it, and only what has made a session of its own (setsid), a daemon, goes on.
"""

import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from instui_engine.errors import InstuiError, Interrupted, printable
from instui_engine.redaction import redacted

from .log import Log

if TYPE_CHECKING:
    import subprocess

_POLL = 0.1  # seconds between two checks of `cancelled`
_PATIENCE = 20.0  # seconds that the supervisor has to end a build, to which it gives some of them
_LONGEST = 200  # characters of a line
_ENOUGH = 2000  # characters of a line that are looked at
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]+[0-~]|[@-_])")
_TAIL = 1 << 16  # bytes of the output that are looked at for the reason of a failure
_SUPERVISOR = os.path.join(os.path.dirname(__file__), "supervisor.py")


class Output:
    """The output of the commands of one build. `log` is the descriptor of the file that gets it, -1 for none."""

    def __init__(self, log: int, tell: Callable[[str], None], interval: float) -> None:
        """`tell` gets the last line, if there is a new one, once in `interval` seconds at most."""
        self._log = Log(log)
        self._tell = tell
        self._interval = interval
        self._next = 0.0
        self._rest = b""
        self._last = self._told = ""
        self._tail = bytearray()

    def feed(self, data: bytes) -> None:
        """Take in what a command has just printed."""
        self._log.write(data)
        self._tail += data
        del self._tail[:-_TAIL]
        *lines, rest = re.split(rb"[\r\n]+", self._rest + data)
        self._rest = rest[:_TAIL]  # its beginning is what is shown
        shown = (readable(line.decode("utf-8", "replace")) for line in reversed(lines))
        self._last = next(filter(None, shown), self._last)
        self.tick()

    def tick(self) -> None:
        """Tell the last line, if that is due."""
        now = time.monotonic()
        if self._last != self._told and now >= self._next:
            self._next, self._told = now + self._interval, self._last
            self._tell(self._last)

    @property
    def lines(self) -> list[str]:
        """The last lines that say anything."""
        texts = re.split(r"[\r\n]+", bytes(self._tail).decode("utf-8", "replace"))
        if len(self._tail) == _TAIL:
            del texts[0]  # its beginning is not there, and what is may be half a password
        return [text for text in map(readable, texts) if text]


def readable(line: str) -> str:
    """A line of output for the journal: without escapes, passwords and anything that could control a terminal."""
    plain = _ESCAPES.sub("", line).expandtabs(4).strip()
    if len(plain) > _ENOUGH:
        plain = f"{plain[:_ENOUGH]}@"  # with it, half a password is taken for one
    plain = printable(redacted(plain))
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 3]}..."


def run(
    command: Sequence[str],
    variables: Mapping[str, str],
    output: Output,
    cancelled: Callable[[], bool],
    descriptors: Sequence[int] = (),
    directory: str | None = None,
) -> int:
    """Run `command` to its end, in `directory`; return its exit code. Raises Interrupted as soon as `cancelled()`."""
    import subprocess

    whole = [sys.executable, "-I", "-S", "-B", _SUPERVISOR, str(os.getpid()), *command]
    try:
        process = subprocess.Popen(
            whole,
            env=variables,
            cwd=directory,
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # with no terminal: what asks there fails at once, and does not stop for ever
        )
    except OSError as error:
        raise InstuiError(f"cannot start a build: {error.strerror}") from error
    try:
        _follow(process, output, cancelled)
    finally:
        _end(process)
    return process.returncode


def _follow(process: "subprocess.Popen[bytes]", output: Output, cancelled: Callable[[], bool]) -> None:
    """Read until the command has ended, even if something that it has started keeps the pipe open."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while True:
        if poll.poll(_POLL * 1000):
            data = os.read(descriptor, 1 << 16)
            if not data:
                break
            output.feed(data)
        elif _has_ended(process):
            while poll.poll(0) and (data := os.read(descriptor, 1 << 16)):  # it came since
                output.feed(data)
            break
        output.tick()
        if cancelled():
            raise Interrupted("interrupted while building")
    while not _has_ended(process):  # it has closed its output, or has a moment to end
        if cancelled():
            raise Interrupted("interrupted while building")
        time.sleep(0.005)


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Whether the supervisor has ended; it is not reaped, so its group keeps its number."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Let the supervisor end whatever goes on, and reap it. What is left of its group then, if anything, is killed."""
    with suppress(ProcessLookupError, PermissionError):
        if not _has_ended(process):
            process.terminate()
            until = time.monotonic() + _PATIENCE
            while not _has_ended(process) and time.monotonic() < until:
                time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
