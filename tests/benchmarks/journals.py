"""What the journals of timed sessions say; read as text, so that journals of any revision can be read."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Failed

_PATIENCE = 120.0  # seconds
_POLL = 0.001  # seconds
_TAIL = 2000  # bytes that hold the last event


def events(path: Path) -> Iterator[dict[str, Any]]:
    """The complete lines of a journal that may still be written."""
    if not path.exists():
        return
    for line in path.read_text(encoding="ascii").split("\n")[:-1]:
        yield json.loads(line)


def find(path: Path, kind: str) -> dict[str, Any] | None:
    """The first event of that kind, if it is there by now."""
    return next((event for event in events(path) if event["event"] == kind), None)


def wait_for(path: Path, kind: str, writer: "subprocess.Popen[bytes]") -> None:
    """Return as soon as the journal has an event of that kind. Raises Failed where none comes, or its writer has ended.

    What is new is read, and nothing again: reading must not take a core from the writer.
    """
    end = time.monotonic() + _PATIENCE
    sought, seen, offset = f'"event":"{kind}"'.encode(), b"", 0
    while time.monotonic() < end:
        alive = writer.poll() is None
        if path.exists():
            with path.open("rb") as file:
                file.seek(offset)
                new = file.read()
            offset += len(new)
            if sought in seen + new:
                return
            seen = (seen + new)[-len(sought) :]
        if not alive:
            break
        time.sleep(_POLL)
    raise Failed(f"there is no {kind} in {path.name}")


def is_over(path: Path) -> bool:
    """Whether the session has written its last event; looks at the end of the file only."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return b'"event":"session.finished"' in file.read()


def finished(path: Path) -> float:
    """CLOCK_MONOTONIC at the end of the session. Raises Failed where it has failed."""
    start, end = find(path, "session.started"), find(path, "session.finished")
    if start is None or end is None:
        raise Failed(f"the session of {path.name} is not over")
    if end["exit"]:
        raise Failed(f"the session of {path.name} ended with {end['exit']}: {end['error']}")
    return float(start["clock"]) + float(end["t"])
