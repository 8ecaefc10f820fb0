"""Writes the journal of an install that never was, for the screens to look at: `made_up_journal.py FILE WHEELS`.

All wheels come at once, then at most 1,000 events a second, for a minute at least. When there is a file FILE.rush, the
rest comes as fast as it can. `whole` is the same install when it is over, `running` one that is not.
"""

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from instui_engine.journal import codec, events

_BATCH = 20
_RATE, _LASTS = 1000.0, 60.0  # events a second at most; seconds at least
_PAUSE = 0.05  # of the whole, in one that is written at once


def write(path: str, wheels: int) -> None:
    """Write all of it, slowly."""
    names = _names(wheels)
    start = time.monotonic()
    with open(path, "a", encoding="ascii") as file:

        def put(event: events.Event) -> None:
            file.write(codec.encode(time.monotonic() - start, event) + "\n")

        for event in _known(names, start):
            put(event)
        file.flush()
        work = list(_work(names))
        pause = _BATCH * max(1 / _RATE, _LASTS / len(work))
        for number, event in enumerate(work):
            put(event)
            if number % _BATCH == 0 and not os.path.exists(f"{path}.rush"):
                file.flush()
                time.sleep(pause)
        put(events.SessionFinished(0, "", wheels, time.monotonic() - start))


def whole(wheels: int) -> list[tuple[float, events.Event]]:
    """All events of one that is over, with their times: 1,000 a second, with three pauses."""
    timed = running(wheels)
    end = timed[-1][0] + 1 / _RATE
    return [*timed, (end, events.SessionFinished(0, "", wheels, end))]


def running(wheels: int, top: str = "/nowhere/venv") -> list[tuple[float, events.Event]]:
    """The same without its end."""
    names = _names(wheels)
    happened = [*_known(names, 0.0, top), *_work(names)]
    seconds = len(happened) / _RATE
    pauses = [_PAUSE * seconds * (4 * number // len(happened)) for number in range(len(happened))]
    return [(number / _RATE + pause, event) for (number, event), pause in zip(enumerate(happened), pauses, strict=True)]


def put_down(path: Path, timed: Iterable[tuple[float, events.Event]]) -> None:
    """Write a journal at once."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"{codec.encode(t, event)}\n" for t, event in timed)


def _names(wheels: int) -> list[str]:
    return [f"wheel{number:05}" for number in range(wheels)]


def _known(names: Sequence[str], clock: float, top: str = "/nowhere/venv") -> Iterator[events.Event]:
    yield events.SessionStarted(
        schema=events.SCHEMA,
        session="made-up",
        pid=os.getpid(),
        wall=time.time(),
        clock=clock,
        version="0",
        command=["instui", "install"],
        top=top,
        python="3.11",
        roots={"purelib": "lib/python3.11/site-packages", "scripts": "bin"},
        jobs=8,
        control="",
    )
    yield events.ResolveFinished(len(names), 0)
    for name in names:
        yield events.WheelAdded(name, "1.0", f"{name}-1.0-py3-none-any.whl", 100_000, True)


def _work(names: Sequence[str]) -> Iterator[events.Event]:
    for name in names:
        yield events.UnpackStarted(name, 50, 400_000)
        yield events.UnpackProgress(name, 200_000, 400_000)
        yield events.UnpackFinished(name, 50, 400_000)
    for order, name in enumerate(names):
        yield events.PlanWheel(name, order, 50, 2, [f"lib/python3.11/site-packages/{name}/"], ["lib"], "")
    for name in names:
        yield events.StageStarted(name, 50)
        yield events.StageFinished(name)
    before = ""
    for name in names:
        yield events.LockGranted(name, 0.0)
        yield events.CommitStarted(name, 2)
        if before:
            yield events.Overwrite(name, "bin/tool", f"{before} 1.0", f"{name} 1.0", False, "")
        yield events.LockReleased(name, 0.001)
        yield events.CommitFinished(name, 50)
        before = name


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]))
