"""Signals end a process that works, and also one that hangs where it cannot hear them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.environments import PATIENCE, until

# Listens to signals as a command does, then hangs in open(2) of a FIFO that nobody writes to.
HANGING = """
import os, sys
from instui.cli.signals import stopping
from instui_engine.session.control import Control

control = Control()
with stopping(control, survives_hang_up=sys.argv[2] == "child"):
    cancel = control.cancel
    def counted(code):
        cancel(code)
        print(control.exit_code, control.aborted, flush=True)
    control.cancel = counted
    print("ready", flush=True)
    os.open(sys.argv[1], os.O_RDONLY)
"""


@pytest.mark.parametrize("how", ["plain", "child"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_third_signal_ends_a_process_that_hangs_in_a_system_call(
    number: signal.Signals, how: str, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING, str(fifo), how], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        code = 130 if number == signal.SIGINT else 143
        for expected in (f"{code} False\n", f"{code} True\n"):
            process.send_signal(number)
            assert process.stdout.readline() == expected
            assert process.poll() is None
        process.send_signal(number)
        assert process.wait(PATIENCE) == -number
        assert process.communicate() == ("", "")
    finally:
        process.kill()
        process.communicate()


def test_a_child_of_the_full_screen_survives_hang_ups(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = subprocess.Popen([sys.executable, "-c", HANGING, str(fifo), "child"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(4):
            process.send_signal(signal.SIGHUP)
        with fifo.open("wb"):  # nothing but a writer ends it
            assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.communicate()


def test_afterwards_signals_have_the_meaning_that_they_had_before() -> None:
    from instui.cli.signals import stopping
    from instui_engine.session.control import Control

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    control = Control()
    with stopping(control):
        signal.raise_signal(signal.SIGTERM)
        assert until(lambda: control.exit_code == 143)
        signal.raise_signal(signal.SIGTERM)
        assert [signal.getsignal(number) for number in numbers] == [signal.SIG_DFL] * 3
    assert [signal.getsignal(number) for number in numbers] == before


# An interrupt where Python cannot raise: in the callback of a weak reference, as its import system has one.
_SWALLOWED = """
import os, signal, weakref
from instui.__main__ import main
from instui.cli import main as command

class Referred:
    pass

def run():
    referred = Referred()
    callback = lambda reference: os.kill(os.getpid(), signal.SIGINT)
    reference = weakref.ref(referred, callback)
    del referred
    return 0

command.run = run
main()
"""


def test_an_interrupt_that_python_cannot_raise_is_not_lost() -> None:
    done = subprocess.run([sys.executable, "-c", _SWALLOWED], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (130, "instui: interrupted\n")
