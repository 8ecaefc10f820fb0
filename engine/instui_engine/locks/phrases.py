"""Words for waits and for the holders of locks, for messages."""

from collections.abc import Sequence

from instui_engine.errors import printable
from instui_engine.journal.events import Holder

WAITS_FOR = "waits for "


def waits_for(what: str, holders: Sequence[Holder]) -> str:
    """The text of a warning about a wait that has no event of its own."""
    return f"{WAITS_FOR}{what}, which is held by {describe(holders)}"


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
