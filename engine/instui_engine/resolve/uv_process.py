"""A run of uv: what it prints is read, it ends with the session, and something else is done meanwhile."""

import fcntl
import os
import select
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from instui_engine.errors import Interrupted, ResolutionError

from .uv_log import FILTER, UvLog, processor_seconds

if TYPE_CHECKING:
    import subprocess

_POLL = 0.1  # seconds between two checks of `cancelled` while uv runs
_PIPE = 1 << 20  # bytes
_PATIENCE = 5.0  # seconds that uv has to end after SIGTERM


def finished(
    command: Sequence[str],
    variables: dict[str, str],
    descriptors: Sequence[int],
    cancelled: Callable[[], bool],
    meanwhile: Callable[[], None] = lambda: None,
    log: UvLog | None = None,
    answer: int | None = None,
) -> tuple[int, str]:
    """Run `command` to its end, and do `meanwhile`; return its exit code and its errors, with its log if it has one.

    What it answers goes to the descriptor `answer`. Raises ResolutionError and Interrupted.
    """
    import subprocess

    try:
        # the command is ours, and its arguments are passed without a shell
        process = subprocess.Popen(
            command,
            env=variables | ({"RUST_LOG": FILTER} if log else {}),
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if answer is None else answer,
            stderr=subprocess.PIPE,
            start_new_session=True,  # it ends with what it has started, which has no terminal to ask at
        )
    except OSError as error:
        raise ResolutionError(f"cannot run uv: {error.strerror}") from error
    with process:
        output = _errors(process, cancelled, meanwhile, log)
    return process.returncode, output.decode("utf-8", "replace")


def _errors(
    process: "subprocess.Popen[bytes]",
    cancelled: Callable[[], bool],
    meanwhile: Callable[[], None],
    log: UvLog | None,
) -> bytes:
    """Wait for uv to end; return what it printed. Stop it if the session is cancelled or anything else goes wrong."""
    assert process.stderr is not None
    errors, output = process.stderr.fileno(), bytearray()
    with suppress(OSError, AttributeError):  # its log is not to keep it waiting while we do something else
        fcntl.fcntl(errors, fcntl.F_SETPIPE_SZ, _PIPE)
    try:
        meanwhile()
        poll = select.poll()
        poll.register(errors, select.POLLIN)
        while True:
            if poll.poll(_POLL * 1000):
                data = os.read(errors, 1 << 16)
                if not data:
                    return bytes(output)
                output += data
                if log:
                    log.feed(data)
            if cancelled():
                raise Interrupted("interrupted while resolving")
            if log:
                log.tick(lambda: processor_seconds(process.pid))
    except BaseException:
        _stop(process)
        raise


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End uv, and whatever it runs: to know the metadata of a source, it may have to build it."""
    import subprocess

    _signal(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=_PATIENCE)
    _signal(process, signal.SIGKILL)
    process.communicate()


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
