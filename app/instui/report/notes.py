"""Events of note: what went wrong or otherwise than usual, in the order of time."""

from typing import Literal

from instui.monitor.names import standstill
from instui.monitor.recoveries import OUTCOMES
from instui.monitor.units import seconds
from instui_engine.journal import events
from instui_engine.journal.events import Event
from instui_engine.values import NamedTuple

Weight = Literal["failed", "warning", "plain"]


class Note(NamedTuple):
    """An event of note; `text` is not yet safe to show."""

    t: float
    wheel: str
    weight: Weight
    text: str


def note(t: float, event: Event) -> Note | None:
    """The event as a note; None if it is none. Waits and overwritten files are none: they have tables of their own."""
    match event:
        case events.Caption(text=text):
            return Note(t, "", "plain", text)
        case events.Warned(wheel=wheel, text=text):
            return Note(t, wheel, "warning", text)
        case events.WheelFailed(wheel=wheel, error=error):
            return Note(t, wheel, "failed", f"failed: {error}")
        case events.FetchRetried(wheel=wheel, attempt=attempt, reason=reason):
            return Note(t, wheel, "warning", f"fetched again, attempt {attempt}: {reason}")
        case events.FetchStalled(wheel=wheel, host=host, seconds=silent, connecting=connecting):
            what, where = ("connection", "to") if connecting else ("data", "from")
            return Note(t, wheel, "warning", f"no {what} for {seconds(silent)} {where} {host}")
        case events.RecoveryFinished(wheel=wheel, version=version, session=session, outcome=outcome, left=left):
            became = OUTCOMES.get(outcome, outcome)
            kept = f"; left as found: {', '.join(left)}" if left else ""
            return Note(t, wheel, "plain", f"{version} of the killed session {session} {became}{kept}")
        case events.SessionPaused():
            return Note(t, "", "plain", "asked to pause")
        case events.SessionResumed():
            return Note(t, "", "plain", "went on")
        case events.SessionHalted():
            return Note(t, "", "warning", standstill(event))
        case events.CancelRequested(exit=code):
            return Note(t, "", "warning", f"asked to stop, with exit code {code}")
        case events.SessionFinished(exit=code, error=error) if code:
            return Note(t, "", "failed", f"ended with exit code {code}: {error}")
        case _:
            return None
