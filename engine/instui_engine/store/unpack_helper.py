"""The program of a helper process that unpacks wheels: see `unpackers` for who talks to it, and `helper` for its life.

A request is ("read", cache, path, demands) or ("unpack", *Job). Answers to it are ("started", files, bytes) and
("advanced", bytes, files) while it unpacks, and at last ("done", result) or ("failed", class, line, fields) with an
error of `errors`. Any other error ends the process: then the parent does the work itself, and meets the same error.
"""

import marshal
import time
from pathlib import Path
from typing import IO, Any

from instui_engine.errors import InstuiError
from instui_engine.wheel.manifest import dump

from .local import LocalDigests
from .unpack import Job, Progress, unpack

_INTERVAL = 0.05  # seconds between two reports of progress


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until there are no more."""

    def answer(*message: Any) -> None:
        send(answers, message)

    while (request := receive(requests)) is not None:
        kind, *arguments = request
        try:
            result = _read(*arguments) if kind == "read" else _unpack(Job(*arguments), answer)
        except InstuiError as error:
            answer("failed", type(error).__name__, str(error), vars(error))
        else:
            answer("done", result)


def send(file: IO[bytes], message: Any) -> None:
    """Write one message. Raises OSError."""
    data = marshal.dumps(message)
    file.write(len(data).to_bytes(4, "big") + data)
    file.flush()


def receive(file: IO[bytes]) -> Any:
    """The next message; None at the end of the file."""
    head = file.read(4)
    return marshal.loads(file.read(int.from_bytes(head, "big"))) if head else None  # noqa: S302 - of our own parent


def _read(cache: str, path: str, demands: Any) -> Any:
    return tuple(LocalDigests(Path(cache)).read(path, demands))


def _unpack(job: Job, answer: Any) -> bytes:
    due = time.monotonic() + _INTERVAL

    def advanced(done: int, files: int) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + _INTERVAL
            answer("advanced", done, files)

    progress = Progress(lambda files, size: answer("started", files, size), advanced)
    return dump(unpack(job, progress, lambda: False))
