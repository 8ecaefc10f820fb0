"""Workers in threads and in tasks: the first failure stops them all, and none outlives the call."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from instui_engine.journal.writer import Journal
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.session.workers import run_tasks, run_workers

Run = Callable[[Context, Sequence[Callable[[], None]]], None]

_INTERRUPTED = """
import os, signal, threading, time
from instui_engine.journal.writer import Journal
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.session.workers import {run}

context = Context(Options(), Journal(), Control())
running = threading.Barrier(4)

def work():
    running.wait()
    while not context.stopping():
        time.sleep(0.01)
    ended.append(1)

def interrupt():
    running.wait()
    os.kill(os.getpid(), signal.SIGINT)

ended = []
threading.Thread(target=interrupt).start()
try:
    {run}(context, [work] * 3)
except KeyboardInterrupt:
    print(len(ended))
"""


@pytest.mark.parametrize("run", [run_workers, run_tasks])
def test_a_failure_stops_all_and_is_raised(run: Run, tmp_path: Path) -> None:
    context = Context(Options(cache=tmp_path), Journal(), Control())
    ended = []
    running = threading.Barrier(3)

    def work() -> None:
        running.wait()
        while not context.stopping():
            time.sleep(0.01)
        ended.append(1)

    def fail() -> None:
        running.wait()
        raise OSError("it cannot be done")

    with pytest.raises(OSError, match="cannot be done"):
        run(context, [work, fail, work])
    assert ended == [1, 1]


@pytest.mark.parametrize(("run", "ended"), [("run_workers", 2), ("run_tasks", 3)])
def test_ctrl_c_stops_all_and_is_raised(run: str, ended: int) -> None:
    """It ends the work of the main thread where that is."""
    program = _INTERRUPTED.format(run=run)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == (f"{ended}\n", "")
