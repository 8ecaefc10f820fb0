"""Words for waits and for the holders of locks, for messages."""

from collections.abc import Sequence

from instui_engine.errors import printable
from instui_engine.journal.events import Holder, WaitStarted


def waited_for(wait: WaitStarted) -> str:
    """What the session or the wheel waits for, as the end of a sentence."""
    held = describe(wait.holders)
    match wait.what:
        case "wheel":
            return f"{held}, which fetches or unpacks it"
        case "cache":
            return f"the cache, which is held by {held}"
        case "name":
            return f"its name, which is held by {held}"
        case "recovery":
            return f"{printable(wait.path)}, held by {held}"
        case "older":
            return f"the sessions of an older version of instui, {held}, to let this one in"
        case _:
            return held  # of a newer version


def describe(holders: Sequence[Holder]) -> str:
    """One phrase that names the holders, for messages."""
    return ", ".join(_phrase(holder) for holder in holders) or "a process that the system does not name"


def _phrase(holder: Holder) -> str:
    command = printable(holder.command)
    if holder.pid:
        process = f"pid {holder.pid} ({command or 'command unknown'})"
    else:
        process = f"a process ({command})" if command else "a process"
    session = f"session {printable(holder.session)}" if holder.session else ""
    parts = [printable(holder.wheel), session, process]
    text = " of ".join(part for part in parts if part)
    return f"{text}, {printable(holder.state)}" if holder.state else text
