"""Workers in threads: the first failure stops them all, and none outlives the call."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from instui_engine.journal.writer import Journal
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.session.workers import Crew, run_workers

_INTERRUPTED = """
import os, signal, threading, time
from instui_engine.journal.writer import Journal
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.session.workers import run_workers

context = Context(Options(), Journal(), Control())
running = threading.Barrier(4)

def work():
    running.wait()
    while not context.stopping():
        time.sleep(0.01)
    time.sleep(0.2)  # what is in hand
    ended.append(1)

def interrupt():
    running.wait()
    os.kill(os.getpid(), signal.SIGINT)

ended = []
threading.Thread(target=interrupt).start()
try:
    run_workers(context, [work, work, {last}])
except KeyboardInterrupt:
    print(len(ended))
"""


def test_a_failure_stops_all_and_is_raised(tmp_path: Path) -> None:
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
        run_workers(context, [work, fail, work])
    assert ended == [1, 1]


@pytest.mark.parametrize("last", ["work", "running.wait"])
def test_ctrl_c_stops_all_and_is_raised_when_all_have_ended(last: str) -> None:
    """It ends the work of the main thread where that is, or the waiting for the others."""
    program = _INTERRUPTED.format(last=last)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_where_the_system_gives_no_more_threads_those_there_are_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    context = Context(Options(jobs=2), Journal(), Control())
    told: list[str] = []
    at_work = threading.Barrier(2)
    start = threading.Thread.start

    def scarce(thread: threading.Thread) -> None:
        if context.workers > 2:
            raise RuntimeError("can't start new thread")
        start(thread)

    def work(worker: int) -> None:
        at_work.wait(60)
        if worker == 1:
            context.control.workers = 4
            told.append(crew.fill())

    monkeypatch.setattr(threading.Thread, "start", scarce)
    crew = Crew(context, work, 8)
    crew.run()
    assert told == ["the system allows no more threads, so there are 2"]
    assert context.failure is None


def test_a_worker_stays_if_the_number_goes_up_again_while_it_is_dismissed() -> None:
    context = Context(Options(jobs=2), Journal(), Control())
    dismissed: list[bool] = []

    class Overtaken:
        """A lock that somebody else gets first, who asks for two workers again."""

        def __enter__(self) -> None:
            context.control.workers = 2
            crew._lock = real
            crew.fill()
            real.acquire()

        def __exit__(self, *_: object) -> None:
            real.release()

    def work(worker: int) -> None:
        if worker == 2:
            context.control.workers = 1
            crew._lock = Overtaken()  # type: ignore[assignment]
            dismissed.append(crew.is_dismissed(worker))

    crew = Crew(context, work, 8)
    real = crew._lock
    crew.run()
    assert dismissed == [False]
