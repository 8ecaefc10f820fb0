"""`instui demo`: a demonstration in a temporary directory, in the chosen user interface."""

import argparse
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from instui.demo.performance import SCENARIOS, journal_of, perform
from instui_engine.commands.command import Outcome
from instui_engine.errors import UsageError, printable
from instui_engine.journal.writer import Listener
from instui_engine.session.control import Control
from instui_engine.session.session import new_id

from .fullscreen import watch_child
from .screen_rules import SCREENS
from .watch import watch


def play(parsed: argparse.Namespace, arguments: list[str]) -> int:
    """Play the scenario that the command line names; return the exit code.

    That is 0 if the scenario went as it should, even if its session was meant to fail. Nothing is left behind, except
    in the directory of `--keep DIR`.
    """
    scenario = SCENARIOS[parsed.scenario]
    with ExitStack() as stack:
        place = _place(parsed, stack)
        identity = parsed.child or new_id()
        if parsed.ui in SCREENS:
            arguments = [arguments[0], "--keep", str(place), *arguments[1:]]
            return watch_child(parsed, arguments, identity, journal_of(place, identity), may_be_left=False)

        def session(control: Control, listeners: tuple[Listener, ...]) -> Outcome:
            return perform(
                scenario,
                place,
                control,
                listeners,
                identity,
                slow=parsed.slow,
                lock_timeout=parsed.lock_timeout,
                journal_file=parsed.journal,
            )

        return watch(parsed, session)


def _place(parsed: argparse.Namespace, stack: ExitStack) -> Path:
    """Make a new directory: the one that --keep names, else a temporary one that goes when `stack` ends."""
    if parsed.child:
        return Path(parsed.keep)  # made by the parent
    if not parsed.keep:
        return _temporary(stack)
    try:
        place = Path(parsed.keep).absolute()
        place.mkdir(parents=True)
    except FileExistsError:
        raise UsageError(f"{printable(parsed.keep)} exists; --keep wants the name of a new directory") from None
    except OSError as error:
        raise UsageError(f"cannot make {printable(parsed.keep)}: {error.strerror}") from error
    return place


_REMOVE = """
import os, shutil, sys, time
sys.stdin.buffer.read()
for _ in range(50):
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    if not os.path.lexists(sys.argv[1]):
        break
    time.sleep(0.1)
"""


def _temporary(stack: ExitStack) -> Path:
    """Make a temporary directory. A process of its own removes it when `stack` ends, or when this process is killed."""
    place = Path(tempfile.mkdtemp(prefix="instui-demo-"))
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-I", "-S", "-c", _REMOVE, str(place)]
    remover = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True)
    stack.callback(remover.communicate)  # it reads the end of its input, and begins
    return place
