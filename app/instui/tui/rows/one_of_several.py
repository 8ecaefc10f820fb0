"""The row above the wheels of one of several sessions that are shown as one."""

from instui.monitor import units
from instui.monitor.command_words import subject_first
from instui.monitor.joined import number_of
from instui.monitor.model import Phase, Snapshot
from instui.monitor.names import wait_target
from instui.monitor.spans import SessionWait
from instui.tui.text.pieces import Line, line, safe

from . import session_waits
from .labels import process_label


def one_of_several(snapshot: Snapshot, number: int) -> Line:
    """The row above the wheels of a session: which process it is, and how far it has come."""
    session = snapshot.sessions[number - 1] if number <= len(snapshot.sessions) else None
    wheels = [wheel for wheel in snapshot.wheels if number_of(wheel.key) == number]
    done = sum(wheel.phase is Phase.DONE for wheel in wheels)
    command = " ".join(subject_first(session.command[1:])) if session else ""
    mark = f"@{number} " if number > 1 else ""
    wait = session_waits.of_member(snapshot, number)
    return line(
        (f"{mark}pid {session.pid if session else '?'}", "strong"),
        (f"  {done} of {len(wheels)}", "text"),
        (f"  {_waits_as_a_whole(wait, snapshot)}" if wait else "", "wait"),
        (f"  {safe(command)}", "dim"),
    )


def _waits_as_a_whole(wait: SessionWait, snapshot: Snapshot) -> str:
    """For what, and whom, one of several sessions waits before it does anything else."""
    who = process_label(session_waits.holder_of(wait))
    what = wait.path if wait.what == "environment" else wait_target(wait.what)
    age = units.age(session_waits.length(wait, snapshot.t))
    return f"waits {age} for {safe(what)}{f', held by {who}' if who else ''}"
