"""Running instui so that it is really killed (SIGKILL) at a chosen step of a chosen transaction."""

import subprocess
import sys
from collections.abc import Mapping

# Runs instui, and kills it before the Nth rename, link or mkdir of the transaction that the environment says.
KILLED = """
import os, signal, sys
from instui_engine.commit import transaction
from instui.cli.main import run

name, point = os.environ["KILL_IN"], int(os.environ["KILL_AT"])
take, original = transaction.take, transaction.run
doomed = False
count = 0

def watched(tree, what, *rest):
    global doomed
    doomed = what.name == name
    original(tree, what, *rest)
    doomed = False

def counted(tree, step):
    global count
    if doomed:
        if count == point:
            if os.environ.get("STOP_FIRST"):
                os.kill(os.getpid(), signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1
    take(tree, step)

from instui_engine.commit import executor, group
group._PREPARING = 60.0  # a group has all wheels, however busy the machine is
transaction.take = counted
executor.run = watched
sys.exit(run())
"""


def run_killed(environ: Mapping[str, str], name: str, point: int, *arguments: object) -> int:
    """Run `instui WORDS`, killed before step `point` of the transaction of `name`; returns the exit code."""
    env = {**environ, "KILL_IN": name, "KILL_AT": str(point)}
    command = [sys.executable, "-c", KILLED, *map(str, arguments), "--no-fsync", "--ui", "none"]
    return subprocess.run(command, env=env, capture_output=True, timeout=60, check=False).returncode
