"""The conversation with a target interpreter: it runs a script that writes the facts about it.

The interpreter runs whatever its environment starts it with (`sitecustomize.py`, `.pth` files, wrapper scripts), and
that may print, raise, hang or end the process. So the answer is read between two marks, from both streams, and what
does not answer is ended with all that it started.
"""

import errno
import json
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from instui_engine.errors import ENVIRONMENT, TargetError, printable

PATIENCE = 30.0  # seconds for an answer; a slow network file system takes a few

_ENOUGH = 1 << 16  # bytes of one stream that are kept: far more than an answer
_PIECE = 1 << 16
_REASON = re.compile(r"(Fatal Python error|[\w.]*(Error|Exception|Exit)\b|.*error while loading|Unknown option).*")


def ask(
    executable: Path, patience: float = PATIENCE, meanwhile: Callable[[], object] = lambda: None
) -> dict[str, object]:
    """The facts about the interpreter at `executable`, as `facts.py` collects them. While it starts, do `meanwhile`.

    Raises TargetError if it cannot be run, ends without an answer, or gives none within `patience` seconds.
    """
    shown = printable(str(executable))
    begin, end = (f"<{os.urandom(8).hex()}>" for _ in range(2))
    script = Path(__file__).with_name("facts.py").read_text(encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment["SYSTEM_VERSION_COMPAT"] = "0"  # or macOS may say that it is 10.16
    command = [str(executable), "-I", "-B", "-X", "utf8", "-c", script, begin, end]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        what = "make it executable" if error.errno == errno.EACCES else "recreate the environment"
        raise TargetError(
            f"cannot run {shown}: {error.strerror}; {what}, or {ENVIRONMENT}", path=str(executable)
        ) from error
    conversation = _Conversation(process, begin.encode(), end.encode())
    has_ended = False
    try:
        meanwhile()
        has_ended = conversation.listen(time.monotonic() + patience)
    finally:
        if not has_ended:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        conversation.close()
    if not has_ended:
        problem = f"{shown} did not answer within {patience:.0f} s and was stopped; try `{shown} -I -c pass`"
        raise TargetError(problem, path=str(executable))
    if conversation.answer is None:
        raise TargetError(
            f"{shown} is not a usable Python (3.8 or newer): {conversation.reason()}", path=str(executable)
        )
    try:
        facts = json.loads(conversation.answer)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise TargetError(f"{shown} is not a Python interpreter", path=str(executable))
    return facts


class _Conversation:
    """What is read from a process, until it has answered or ended."""

    def __init__(self, process: "subprocess.Popen[bytes]", begin: bytes, end: bytes) -> None:
        self.answer: bytes | None = None
        self._process = process
        self._between = re.compile(re.escape(begin) + b"(.*?)" + re.escape(end), re.DOTALL)
        self._begin = begin
        assert process.stdout is not None and process.stderr is not None
        self._texts = {process.stdout.fileno(): b"", process.stderr.fileno(): b""}

    def listen(self, until: float) -> bool:
        """Read until the answer is there or the process has ended. False if neither is so at the time `until`."""
        with selectors.DefaultSelector() as selector:
            for stream in self._texts:
                selector.register(stream, selectors.EVENT_READ)
            while self.answer is None and selector.get_map():
                left = until - time.monotonic()
                if left <= 0:
                    return False
                # another process may have inherited the streams, so that they do not end with this one
                ready = selector.select(min(left, 0.5))
                if not ready and self._process.poll() is not None:
                    return True
                for key, _ in ready:
                    if not self._read(key.fd):
                        selector.unregister(key.fd)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, until - time.monotonic()))
        return self._process.returncode is not None

    def _read(self, stream: int) -> bool:
        piece = os.read(stream, _PIECE)
        text = self._texts[stream] + piece
        found = self._between.search(text)
        if found:
            self.answer = found[1]
        start = text.rfind(self._begin)
        self._texts[stream] = text[max(0, len(text) - _ENOUGH) if start < 0 else start :]
        return bool(piece)

    def close(self) -> None:
        """Close the streams, and take note of the end of the process if it has ended."""
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)

    def reason(self) -> str:
        """Why there is no answer: the most telling line of what was written, else how the process ended."""
        lines = b"\n".join(reversed(self._texts.values())).decode(errors="replace").strip().splitlines()
        telling = [line.strip() for line in lines if _REASON.match(line.strip())]
        code = self._process.returncode
        if telling or (lines and code):
            return printable((telling or lines)[-1].strip()[:300])
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        return f"it ended at its start, with {how}; does a sitecustomize.py or a .pth file in it do that?"
