"""`instui demo`: a demonstration in a temporary directory, in the chosen user interface."""

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from instui.demo.performance import SCENARIOS, journal_of, perform
from instui.demo.scenarios import DEMOS, NAMES, after
from instui.tui.controller import Ended
from instui_engine.commands.command import Outcome
from instui_engine.errors import UsageError, printable
from instui_engine.journal.writer import Listener
from instui_engine.session.control import Control
from instui_engine.session.session import new_id

from .fullscreen import watch_child
from .output import print_lines
from .screen_rules import SCREENS
from .watch import watch


def play(parsed: argparse.Namespace) -> int:
    """Play the scenario that the command line names, and then those that the user chooses on the screen.

    Return the exit code of the last one: 0 if it went as it should, even if its session was meant to fail. Nothing is
    left behind, except of the first one in the directory of `--keep DIR`.
    """
    if parsed.list:
        print_lines(_listed(parsed.json))
        return 0
    code, then = _play(parsed)
    while then:
        parsed.scenario, parsed.keep, parsed.journal = then, "", ""
        code, then = _play(parsed)
    if code == 0 and not (parsed.child or parsed.quiet or parsed.ui in ("json", "none")):
        print_lines([f"next: instui demo {after(parsed.scenario)}   (all of them: instui demo --list)"])
    return code


def _listed(as_json: bool) -> list[str]:
    """The demonstrations, one in a line."""
    if as_json:
        return [json.dumps({"name": demo.name, "about": demo.about}) for demo in DEMOS]
    width = max(len(name) for name in NAMES)
    return [f"{number}  {demo.name:<{width}}  {demo.about}" for number, demo in enumerate(DEMOS, 1)]


def _play(parsed: argparse.Namespace) -> tuple[int, str]:
    """Play one; return its exit code, and the name of that which the user has chosen on the screen, "" for none."""
    scenario = SCENARIOS[parsed.scenario]
    with ExitStack() as stack:
        place = _place(parsed, stack)
        identity = parsed.child or new_id()
        if parsed.ui in SCREENS:
            parsed.stay = True  # the end is the point
            chosen: list[str] = []
            arguments = ["demo", scenario.name, "--keep", str(place), "--slow", repr(parsed.slow)]
            arguments += ["--jobs", str(parsed.jobs), "--lock-timeout", repr(parsed.lock_timeout)]
            arguments += ["--journal", parsed.journal] if parsed.journal else []
            code = watch_child(
                parsed,
                arguments,
                identity,
                journal_of(place, identity),
                may_be_left=False,
                then=lambda result: chosen.append(result.then if isinstance(result, Ended) else ""),
            )
            return code, "".join(chosen)

        def session(control: Control, listeners: tuple[Listener, ...]) -> Outcome:
            return perform(
                scenario,
                place,
                control,
                listeners,
                identity,
                jobs=parsed.jobs,
                slow=parsed.slow,
                lock_timeout=parsed.lock_timeout,
                journal_file=parsed.journal,
            )

        return watch(parsed, session), ""


def _place(parsed: argparse.Namespace, stack: ExitStack) -> Path:
    """Make a new directory: the one that --keep names, else a temporary one that goes when `stack` ends."""
    if parsed.child:
        return Path(parsed.keep)  # made by the parent
    if not parsed.keep:
        return temporary(stack)
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


def temporary(stack: ExitStack) -> Path:
    """Make a temporary directory. A process of its own removes it when `stack` ends, or when this process is killed."""
    place = Path(tempfile.mkdtemp(prefix="instui-demo-"))
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-I", "-S", "-c", _REMOVE, str(place)]
    remover = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True)
    stack.callback(remover.communicate)  # it reads the end of its input, and begins
    return place
